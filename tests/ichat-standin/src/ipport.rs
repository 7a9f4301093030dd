//! IPPORT lists as iChat writes them, with the faults of the flags, and a strict look at the
//! peer's (`docs/protocol/addresses.md`, IPPORT `[C, G, P]`).

use crate::checks::Findings;
use crate::options::ListStyle;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Octets of a record.
pub(crate) const RECORD: usize = 40;
/// What the captured record holds in the twelve octets after an IPv4 address.
const GARBAGE: [u8; 12] = [0, 0, 0, 0, 0xd6, 0x9a, 0x20, 0xff, 0xfe, 0x63, 0xf7, 0x42];

/// One record.
pub(crate) fn record(index: usize, address: SocketAddr, garbage: bool) -> [u8; RECORD] {
    let mut octets = [0; RECORD];
    let name = format!("en{index}");
    octets[4..4 + name.len()].copy_from_slice(name.as_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            octets[20..24].copy_from_slice(&ip.octets());
            if garbage {
                octets[24..36].copy_from_slice(&GARBAGE);
            }
        }
        IpAddr::V6(ip) => {
            octets[3] = 1;
            octets[20..36].copy_from_slice(&ip.octets());
        }
    }
    octets[36..38].copy_from_slice(&address.port().to_be_bytes());
    octets
}

/// The guard of a record: all sixteen address octets inverted, `~` after the name.
pub(crate) fn guard(mut record: [u8; RECORD]) -> [u8; RECORD] {
    if let Some(end) = record[4..20].iter().position(|octet| *octet == 0) {
        record[4 + end] = b'~';
    }
    for octet in &mut record[20..36] {
        *octet = !*octet;
    }
    record
}

/// The text of a list.
pub(crate) fn encode(addresses: &[SocketAddr], style: &ListStyle) -> String {
    let mut octets = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let record = record(index, *address, style.garbage);
        octets.extend_from_slice(&record);
        if style.guards {
            octets.extend_from_slice(&guard(record));
        }
    }
    if style.broken_tail {
        octets.extend_from_slice(&record(9, SocketAddr::from(([192, 0, 2, 1], 9)), false)[..23]);
    }
    text(octets, style)
}

/// The text of an invitation, with the faults of the flags; its broken tail is one that is missing.
pub(crate) fn spoil(mut octets: Vec<u8>, style: &ListStyle) -> String {
    if style.broken_tail {
        octets.truncate(octets.len().saturating_sub(23));
    }
    text(octets, style)
}

fn text(mut octets: Vec<u8>, style: &ListStyle) -> String {
    if style.no_record {
        octets.truncate(17);
    }
    let mut text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    if style.upper_hex {
        text.make_ascii_uppercase();
    }
    if style.no_hex {
        text = "zz".repeat(RECORD);
    }
    match style.no_line_feed {
        true => text,
        false => format!("\n{text}"),
    }
}

/// The octets of a hex text; white space is skipped.
///
/// # Errors
/// No hex.
pub(crate) fn octets_of(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair: String = pair.iter().collect();
            u8::from_str_radix(&pair, 16)
                .ok()
                .filter(|_| pair.len() == 2 && !pair.starts_with('+'))
                .ok_or_else(|| format!("no hex: {pair:?}"))
        })
        .collect()
}

/// The address in a record.
pub(crate) fn address_of(record: &[u8]) -> SocketAddr {
    let port = u16::from_be_bytes([record[36], record[37]]);
    let ip = match record[3] & 1 == 1 {
        true => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&record[20..36]);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        false => IpAddr::V4(Ipv4Addr::new(
            record[20], record[21], record[22], record[23],
        )),
    };
    SocketAddr::new(ip, port)
}

/// The addresses of a list; guards and a broken tail are skipped.
///
/// # Errors
/// No hex, or not one whole record.
pub(crate) fn decode(text: &str) -> Result<Vec<SocketAddr>, String> {
    let octets = octets_of(text)?;
    if octets.len() < RECORD {
        return Err(format!("no whole record in {} octets", octets.len()));
    }
    let records = octets.chunks_exact(RECORD);
    Ok(records
        .filter(|record| !name_of(record).ends_with('~'))
        .map(address_of)
        .collect())
}

fn name_of(record: &[u8]) -> String {
    let name = record[4..20].split(|octet| *octet == 0).next();
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

/// What is wrong with a list that ought to be as plain as possible.
pub(crate) fn check(text: &str) -> Vec<String> {
    let mut found = Findings::default();
    let stripped: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    found.expect(!stripped.is_empty(), || "the address list is empty".into());
    found.expect(
        stripped == text || text.strip_prefix('\n') == Some(&stripped),
        || "white space other than one line feed before the hex".into(),
    );
    found.expect(!stripped.contains(|c: char| c.is_ascii_uppercase()), || {
        "upper-case hex".into()
    });
    found.expect(stripped.len().is_multiple_of(2 * RECORD), || {
        format!("{} hex digits are no multiple of 80", stripped.len())
    });
    let octets = match octets_of(&stripped) {
        Ok(octets) => octets,
        Err(error) => {
            found.add(error);
            return found.0;
        }
    };
    let mut ipv6_seen = false;
    for (index, record) in octets.chunks_exact(RECORD).enumerate() {
        check_record(record, &format!("record {index}"), 1, &mut found);
        let ipv6 = record[3] == 1;
        found.expect(ipv6 || !ipv6_seen, || {
            format!("record {index}: IPv4 after IPv6")
        });
        ipv6_seen |= ipv6;
    }
    found.expect(octets.len() / RECORD <= 8, || "more than 8 records".into());
    found.0
}

/// What is wrong with a record. Of its flags only those may be set that are `allowed`.
pub(crate) fn check_record(record: &[u8], place: &str, allowed: u8, found: &mut Findings) {
    let flags = [record[0], record[1], record[2], record[3]];
    let plain = flags[..3] == [0; 3] && flags[3] & !allowed == 0;
    found.expect(plain, || {
        format!("{place}: flags {flags:02x?}, of which only {allowed:08b} have a meaning here")
    });
    let name = name_of(record);
    found.expect((1..=15).contains(&name.len()) && name.is_ascii(), || {
        format!("{place}: the interface name {name:?} is not 1 to 15 ASCII characters")
    });
    found.expect(
        record[4 + name.len().min(16)..20].iter().all(|o| *o == 0),
        || format!("{place}: the name is not padded with zeros"),
    );
    found.expect(!name.ends_with('~'), || {
        format!("{place}: a guard where an address belongs")
    });
    let address = address_of(record);
    found.expect(address.port() != 0, || format!("{place}: port 0"));
    match address.ip() {
        IpAddr::V4(ip) => {
            found.expect(record[24..36].iter().all(|octet| *octet == 0), || {
                format!("{place}: the 12 octets after IPv4 are not zero")
            });
            found.expect(!ip.is_unspecified() && !ip.is_multicast(), || {
                format!("{place}: unusable address {ip}")
            });
        }
        IpAddr::V6(ip) => {
            found.expect(ip.segments()[0] & 0xffc0 != 0xfe80, || {
                format!("{place}: link-local address {ip}")
            });
            found.expect(!ip.is_unspecified() && !ip.is_multicast(), || {
                format!("{place}: unusable address {ip}")
            });
        }
    }
    found.expect(record[38..40] == [0, 0], || {
        format!("{place}: the last two octets are not 0")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the recorded request of the 2009 gateway.
    const GATEWAY: &str =
        "00000000657468300000000000000000000000007f0000010000000000000000000000003ae80000";

    fn own() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 15080))
    }

    fn plain() -> ListStyle {
        ListStyle {
            no_line_feed: true,
            ..ListStyle::default()
        }
    }

    #[test]
    fn the_gateway_s_record_is_read_and_found_right() {
        assert_eq!(decode(GATEWAY).unwrap(), [own()]);
        assert!(check(GATEWAY).is_empty());
        let ours = GATEWAY.replace("65746830", "656e3000");
        assert_eq!(encode(&[own()], &plain()), ours);
    }

    #[test]
    fn the_captured_garbage_and_guard_are_written_as_captured() {
        let address = SocketAddr::from(([192, 168, 1, 132], 16402));
        let style = ListStyle {
            garbage: true,
            guards: true,
            ..plain()
        };
        let text = encode(&[SocketAddr::from(([10, 0, 0, 1], 9)), address], &style);
        assert!(text.ends_with(
            "00000000656e3100000000000000000000000000c0a8018400000000d69a20fffe63f742401200000\
             0000000656e317e0000000000000000000000003f57fe7bffffffff2965df00019c08bd40120000"
        ));
        assert_eq!(decode(&text).unwrap().last(), Some(&address));
        let found = check(&text).join("\n");
        assert!(found.contains("12 octets") && found.contains("guard"));
    }

    #[test]
    fn ipv6_goes_both_ways() {
        let address: SocketAddr = "[2001:db8::20]:16402".parse().unwrap();
        let text = encode(&[address], &plain());
        assert_eq!(decode(&text).unwrap(), [address]);
        assert!(check(&text).is_empty());
    }

    #[test]
    fn each_fault_flag_spoils_the_list() {
        let list = |style: ListStyle| encode(&[own()], &style);
        let tail = list(ListStyle {
            broken_tail: true,
            ..plain()
        });
        assert_eq!(decode(&tail).unwrap(), [own()]);
        assert!(!check(&tail).is_empty());
        assert!(
            decode(&list(ListStyle {
                no_hex: true,
                ..plain()
            }))
            .is_err()
        );
        assert!(
            decode(&list(ListStyle {
                no_record: true,
                ..plain()
            }))
            .is_err()
        );
        assert!(
            !check(&list(ListStyle {
                upper_hex: true,
                ..plain()
            }))
            .is_empty()
        );
        assert!(list(ListStyle::default()).starts_with('\n'));
    }

    #[test]
    fn deviations_of_a_record_are_found() {
        for (from, to, word) in [
            ("00000000657468", "00000100657468", "flags"),
            ("3ae80000", "00000000", "port 0"),
            ("3ae80000", "3ae80001", "last two"),
            ("7f000001000000", "7f000001000001", "12 octets"),
            ("6574683000000000", "6574683000000041", "padded"),
            ("65746830", "00000000", "name"),
        ] {
            let found = check(&GATEWAY.replacen(from, to, 1)).join("\n");
            assert!(found.contains(word), "{word}: {found}");
        }
        assert!(!check(&GATEWAY[..78]).is_empty());
        assert!(!check("").is_empty());
        let fe80 = encode(&["[fe80::1]:5".parse().unwrap()], &plain());
        assert!(check(&fe80).join("\n").contains("link-local"));
        let v6_first = ["[::1]:5".parse().unwrap(), own()];
        assert!(
            check(&encode(&v6_first, &plain()))
                .join("\n")
                .contains("after IPv6")
        );
    }
}
