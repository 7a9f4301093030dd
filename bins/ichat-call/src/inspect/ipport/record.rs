//! One record, and what a guard guards.

use std::net::{IpAddr, Ipv6Addr};

use ichat_invitation::IpPort;
use ichat_invitation::ipport::MAX_RECORDS;

use crate::inspect::field::{Field, Grade};

/// The evidence for the record's form.
const FORM: Grade = "C, G, P";

/// Flags that have a meaning: IPv6, point-to-point, cellular.
const KNOWN_FLAGS: u32 = 0b111;

/// 100.64.0.0/10, the first ten bits.
const SHARED_SPACE: u32 = (100 << 2) | 1;

/// A guard's record is looked for among this many before it and behind it: as many as a list has
/// that an endpoint uses.
const NEAR: usize = MAX_RECORDS;

type Octets = [u8; IpPort::LEN];

/// The record `index` of a list.
pub(super) fn field(records: &[Octets], index: usize) -> Option<Field> {
    let octets = records.get(index)?;
    let record = IpPort::decode(octets);
    let base = index * IpPort::LEN;
    let mut field = Field::new(format!("record {}", index + 1))
        .at(base, IpPort::LEN)
        .text(record.address.to_string());
    field = if record.is_guard() {
        guard(field, records, index)
    } else {
        address(field, &record, is_mapped(records, index))
    };
    Some(field.with(parts(base, octets)))
}

/// The fields of a record that begins at `base`.
pub(in crate::inspect) fn parts(base: usize, octets: &Octets) -> impl Iterator<Item = Field> {
    let record = IpPort::decode(octets);
    let parts = [
        flags(base, &record),
        name(base, octets, &record),
        ip(base, octets, &record),
        unused(base, octets, &record),
        port(base, octets, &record),
        padding(base, octets),
    ];
    parts.into_iter().flatten()
}

/// What an address is good for.
fn address(field: Field, record: &IpPort, mapped: bool) -> Field {
    let scope = scope(record.address.ip());
    let field = if mapped {
        field
            .means(format!("{scope}; where an iChat lists what SNATMAP mapped"))
            .graded("G")
    } else {
        field.means(scope).graded(FORM)
    };
    if record.is_ipv6_link_local() {
        return field.note("link-local IPv6: left out of the addresses to call");
    }
    field.note_if(
        !record.is_sendable(),
        "nothing can be sent there: left out of the addresses to call",
    )
}

/// Whether a record stands where an iChat lists its mapped address: first, before a local one of
/// IPv4 (`docs/protocol/addresses.md`, lists \[G\]).
fn is_mapped(records: &[Octets], index: usize) -> bool {
    let is_private = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => Some(ip.is_private()),
        IpAddr::V6(_) => None,
    };
    let near = records.iter().take(NEAR).map(IpPort::decode);
    let mut private = near
        .filter(|record| !record.is_guard())
        .map(|record| is_private(record.address.ip()));
    index == 0 && private.next() == Some(Some(false)) && private.next() == Some(Some(true))
}

/// A guard, compared with the record that has its name without the `~` and its port
/// (`docs/protocol/addresses.md`, guards).
fn guard(field: Field, records: &[Octets], index: usize) -> Field {
    let field = field.graded("C, D");
    let Some(octets) = records.get(index) else {
        return field;
    };
    let inverted: Vec<u8> = part(octets, 20, 16).iter().map(|octet| !octet).collect();
    if part(octets, 20, 16).iter().all(|octet| *octet == 0) {
        return field
            .means("an empty guard: nothing is guarded")
            .note(IN_LIST);
    }
    let guard = IpPort::decode(octets);
    let name = guard.interface.trim_end_matches('~');
    let is_base = |(_, other): &(usize, &Octets)| {
        let other = IpPort::decode(other);
        other.interface == name && other.address.port() == guard.address.port()
    };
    let near = records.iter().enumerate().skip(index.saturating_sub(NEAR));
    let bases: Vec<_> = near.take(2 * NEAR).filter(is_base).collect();
    let length = if guard.is_ipv6() { 16 } else { 4 };
    let true_address = inverted_address(&inverted, guard.is_ipv6());
    let same = |length: usize| {
        let wanted = inverted.get(..length);
        bases
            .iter()
            .find(move |(_, base)| Some(part(base, 20, length)) == wanted)
    };
    match (same(16), same(length), bases.first()) {
        (Some((base, _)), ..) => field
            .means(format!(
                "guards record {}: its address, all 16 octets inverted",
                base + 1
            ))
            .note(IN_LIST),
        (None, Some((base, _)), _) => field
            .means(format!("guards record {}: its address inverted", base + 1))
            .note("the unused octets are not the record's, inverted")
            .note(IN_LIST),
        (None, None, Some((base, octets))) => field
            .means(format!("guards record {}", base + 1))
            .note(format!(
                "record {} was rewritten on the way: it says {}, the guard {true_address}",
                base + 1,
                IpPort::decode(octets).address.ip(),
            ))
            .note(IN_LIST),
        (None, None, None) => field
            .means(format!("guards {true_address}, which no record has"))
            .note(IN_LIST),
    }
}

const IN_LIST: &str = "a guard is no address to call: left out";

fn inverted_address(inverted: &[u8], is_ipv6: bool) -> IpAddr {
    let mut octets = [0; 16];
    for (octet, value) in octets.iter_mut().zip(inverted) {
        *octet = *value;
    }
    let [a, b, c, d, ..] = octets;
    if is_ipv6 {
        IpAddr::from(octets)
    } else {
        IpAddr::from([a, b, c, d])
    }
}

fn flags(base: usize, record: &IpPort) -> Option<Field> {
    let is_gateways = record.is_ipv6() && record.flags & 1 == 0;
    let mut words = vec![if record.is_ipv6() { "IPv6" } else { "IPv4" }];
    words.extend(record.is_point_to_point().then_some("point-to-point"));
    words.extend(record.is_cellular().then_some("cellular"));
    let unknown = record.flags & !KNOWN_FLAGS;
    let field = Field::new("flags")
        .at(base, 4)
        .text(format!("{:08x}", record.flags))
        .means(words.join(", "))
        .graded(FORM);
    Some(if is_gateways {
        field.note("exactly 00000100 is IPv6 as the 2009 gateway wrote it [G]; others set bit 0")
    } else {
        field.note_if(
            unknown != 0,
            format!("the bits {unknown:08x} have no known meaning: ignored [D]"),
        )
    })
}

fn name(base: usize, octets: &Octets, record: &IpPort) -> Option<Field> {
    let name = part(octets, 4, 16);
    let end = name
        .iter()
        .position(|octet| *octet == 0)
        .unwrap_or(name.len());
    let (seen, padding) = name.split_at_checked(end)?;
    let meaning = if record.is_guard() {
        "the interface and `~`: a guard"
    } else {
        "the interface"
    };
    Some(
        Field::new("name")
            .at(base + 4, 16)
            .text(record.interface.clone())
            .means(meaning)
            .graded(FORM)
            .note_if(seen.is_empty(), "no name: expected one like en1")
            .note_if(
                seen.len() == name.len(),
                "16 characters and no NUL; we send at most 15",
            )
            .note_if(
                !seen.iter().all(u8::is_ascii_graphic),
                format!("no plain ASCII: {}", hex::encode(seen)),
            )
            .note_if(
                padding.iter().any(|octet| *octet != 0),
                format!("garbage behind the NUL: {}", hex::encode(padding)),
            ),
    )
}

fn ip(base: usize, octets: &Octets, record: &IpPort) -> Option<Field> {
    let ip = record.address.ip();
    let (length, meaning) = if record.is_ipv6() {
        (16, "IPv6")
    } else {
        (4, "IPv4")
    };
    let written = <[u8; 16]>::try_from(part(octets, 20, 16)).map(Ipv6Addr::from);
    let scoped = record.is_ipv6() && written.is_ok_and(|written| IpAddr::V6(written) != ip);
    Some(
        Field::new("address")
            .at(base + 20, length)
            .text(ip.to_string())
            .means(meaning)
            .graded(FORM)
            .note_if(
                scoped,
                format!(
                    "a scope in octets 2 and 3 (BSD): {}; cleared",
                    hex::encode(part(octets, 22, 2))
                ),
            ),
    )
}

/// The octets that an IPv4 address leaves over.
fn unused(base: usize, octets: &Octets, record: &IpPort) -> Option<Field> {
    if record.is_ipv6() {
        return None;
    }
    let unused = part(octets, 24, 12);
    let is_zero = unused.iter().all(|octet| *octet == 0);
    let field = Field::new("unused")
        .at(base + 24, 12)
        .text(hex::encode(unused))
        .graded(FORM);
    Some(if is_zero {
        field.shown("zero").means("IPv4 needs 4 of the 16 octets")
    } else if record.is_guard() {
        field.means("inverted like the address")
    } else {
        field.means("garbage, as a real iChat leaves it there: ignored; we send zero")
    })
}

fn port(base: usize, octets: &Octets, record: &IpPort) -> Option<Field> {
    let port = record.address.port();
    let meaning = match port {
        16402 => "UDP; iChat's own",
        16393..=16401 => "UDP; iChat's when 16402 is busy",
        5060 => "UDP; SIP of Mac OS X 10.4",
        16384..=16392 | 16403 => "UDP; media of Mac OS X 10.4",
        5070 => "UDP; SIP of the 2009 gateway",
        _ => "UDP",
    };
    let at = part(octets, 36, 2);
    Some(
        Field::new("port")
            .at(base + 36, at.len())
            .number(port)
            .means(meaning)
            .graded(FORM),
    )
}

fn padding(base: usize, octets: &Octets) -> Option<Field> {
    let padding = part(octets, 38, 2);
    let is_zero = padding.iter().all(|octet| *octet == 0);
    let field = Field::new("padding")
        .at(base + 38, 2)
        .text(hex::encode(padding))
        .graded(FORM);
    Some(if is_zero {
        field.shown("zero")
    } else {
        field.note("expected 0000: ignored on input, zero on output")
    })
}

fn part(octets: &Octets, offset: usize, length: usize) -> &[u8] {
    octets.get(offset..offset + length).unwrap_or_default()
}

/// Who can reach an address.
pub(in crate::inspect) fn scope(ip: IpAddr) -> &'static str {
    match ip.to_canonical() {
        ip if ip.is_loopback() => "loopback: this machine only",
        ip if ip.is_unspecified() => "no address",
        ip if ip.is_multicast() => "a group, no host",
        IpAddr::V4(ip) if ip.is_private() => "private: the same network only",
        IpAddr::V4(ip) if ip.is_link_local() => "link-local: the same wire only",
        IpAddr::V4(ip) if ip.is_broadcast() => "everyone, no host",
        IpAddr::V4(ip) if ip.is_documentation() => "for documents (RFC 5737)",
        IpAddr::V4(ip) if u32::from(ip) >> 22 == SHARED_SPACE => {
            "behind a provider's NAT (RFC 6598)"
        }
        IpAddr::V6(ip) if ip.is_unicast_link_local() => "link-local: the same wire only",
        IpAddr::V6(ip) if ip.is_unique_local() => "private: the same network only",
        IpAddr::V6(ip) if ip.segments().starts_with(&[0x2001, 0xdb8]) => "for documents (RFC 3849)",
        IpAddr::V4(_) | IpAddr::V6(_) => "public",
    }
}
