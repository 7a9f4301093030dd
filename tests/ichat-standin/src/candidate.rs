//! Candidates of 148 octets with their guards (`docs/protocol/addresses.md`, candidates `[C, D]`).

use crate::checks::Findings;
use crate::ipport::{self, RECORD};
use std::net::{Ipv4Addr, SocketAddr};

/// Octets of a candidate.
pub(crate) const LENGTH: usize = 148;
/// An address of the host itself.
pub(crate) const HOST: u32 = 1;
/// An address that a NAT gives.
pub(crate) const REFLEXIVE: u32 = 3;
/// An address at a relay.
pub(crate) const RELAY: u32 = 5;
/// As [`HOST`], on a point-to-point interface.
pub(crate) const HOST_POINT_TO_POINT: u32 = 7;
/// What the captured candidate, a host's, has.
pub(crate) const HOST_PRIORITY: u16 = 45;
/// Below a host's; a real one is not known `[?]`.
pub(crate) const REFLEXIVE_PRIORITY: u16 = 35;
/// Later software's `[D]`.
pub(crate) const IPV6_PRIORITY: u16 = 10;
/// The same in all candidates of a sender.
const CALL_ID: u32 = 1;
/// Flags of a record that have a meaning: IPv6, point-to-point, cellular.
const FLAGS: u8 = 0b111;

/// What names a candidate in checks; eight opaque octets.
pub(crate) type Id = [u8; 8];

/// An id as iChat makes them: 31 random bits and four zeros.
pub(crate) fn new_id(random: u32) -> Id {
    let mut id = [0; 8];
    id[..4].copy_from_slice(&(random & 0x7fff_ffff).max(1).to_be_bytes());
    id
}

/// One candidate, octet for octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) slot: u32,
    pub(crate) kind: u32,
    pub(crate) call_id: u32,
    pub(crate) id: Id,
    pub(crate) priority: u16,
    pub(crate) rank: u16,
    /// The record to check.
    pub(crate) a: [u8; RECORD],
    /// The record of the base.
    pub(crate) b: [u8; RECORD],
    /// The guard of `b`.
    pub(crate) c: [u8; RECORD],
    pub(crate) trailer: u32,
}

impl Candidate {
    /// A host's, or with another base a NAT's.
    pub(crate) fn new(
        kind: u32,
        id: Id,
        priority: u16,
        address: [u8; RECORD],
        base: [u8; RECORD],
    ) -> Self {
        Self {
            slot: 0,
            kind,
            call_id: CALL_ID,
            id,
            priority,
            rank: 0,
            a: address,
            b: base,
            c: ipport::guard(base),
            trailer: 0,
        }
    }

    /// Reads one.
    pub(crate) fn decode(octets: &[u8; LENGTH]) -> Self {
        let word = |at: usize| {
            let word = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
            u32::from_be_bytes(word)
        };
        let half = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        let record = |at: usize| {
            let mut record = [0; RECORD];
            record.copy_from_slice(&octets[at..at + RECORD]);
            record
        };
        let mut id = Id::default();
        id.copy_from_slice(&octets[12..20]);
        Self {
            slot: word(0),
            kind: word(4),
            call_id: word(8),
            id,
            priority: half(20),
            rank: half(22),
            a: record(24),
            b: record(64),
            c: record(104),
            trailer: word(144),
        }
    }

    /// Writes it.
    pub(crate) fn encode(&self) -> [u8; LENGTH] {
        let mut octets = [0; LENGTH];
        octets[0..4].copy_from_slice(&self.slot.to_be_bytes());
        octets[4..8].copy_from_slice(&self.kind.to_be_bytes());
        octets[8..12].copy_from_slice(&self.call_id.to_be_bytes());
        octets[12..20].copy_from_slice(&self.id);
        octets[20..22].copy_from_slice(&self.priority.to_be_bytes());
        octets[22..24].copy_from_slice(&self.rank.to_be_bytes());
        octets[24..64].copy_from_slice(&self.a);
        octets[64..104].copy_from_slice(&self.b);
        octets[104..144].copy_from_slice(&self.c);
        octets[144..148].copy_from_slice(&self.trailer.to_be_bytes());
        octets
    }

    /// Where checks go.
    pub(crate) fn address(&self) -> SocketAddr {
        ipport::address_of(&self.a)
    }

    /// Where they leave.
    pub(crate) fn base(&self) -> SocketAddr {
        ipport::address_of(&self.b)
    }

    /// As it was before a middlebox rewrote it: the guard is believed where it disagrees with `b`.
    pub(crate) fn restored(&self) -> Self {
        let mut whole = self.clone();
        let guard = &self.c[20..36];
        let significant = if self.b[3] & 1 == 1 { 16 } else { 4 };
        let inverted: Vec<u8> = guard.iter().map(|octet| !octet).collect();
        if guard.iter().all(|octet| *octet == 0)
            || self.b[20..20 + significant] == inverted[..significant]
        {
            return whole;
        }
        if self.a[20..20 + significant] == self.b[20..20 + significant] {
            whole.a[20..36].copy_from_slice(&inverted);
        }
        whole.b[20..36].copy_from_slice(&inverted);
        whole
    }

    /// As it leaves a middlebox that knows the base and puts this address in its place, wherever
    /// it stands.
    pub(crate) fn tampered(&self, to: Ipv4Addr) -> Self {
        let mut spoiled = self.clone();
        let known = self.b;
        for record in [&mut spoiled.a, &mut spoiled.b] {
            if record[3] & 1 == 0 && record[20..24] == known[20..24] {
                record[20..24].copy_from_slice(&to.octets());
            }
        }
        spoiled
    }

    /// What is wrong with one that ought to be as plain as possible.
    pub(crate) fn check(&self, place: &str, found: &mut Findings) {
        found.expect(self.slot == 0, || {
            format!("{place}: slot {} instead of 0", self.slot)
        });
        found.expect(
            matches!(self.kind, HOST | REFLEXIVE | RELAY | HOST_POINT_TO_POINT),
            || {
                format!(
                    "{place}: type {}, which no list of ours may hold",
                    self.kind
                )
            },
        );
        found.expect(self.call_id == CALL_ID, || {
            format!("{place}: call id {} instead of 1", self.call_id)
        });
        let plain = self.id[0] < 0x80 && self.id[..4] != [0; 4] && self.id[4..] == [0; 4];
        found.expect(plain, || {
            format!(
                "{place}: the id {} is not 31 random bits and four zero octets",
                hex(&self.id)
            )
        });
        found.expect(self.priority > 0, || format!("{place}: priority 0"));
        found.expect(self.rank == 0, || {
            format!("{place}: rank {} instead of 0", self.rank)
        });
        for (name, record) in [("A", &self.a), ("B", &self.b)] {
            ipport::check_record(record, &format!("{place}, record {name}"), FLAGS, found);
        }
        let host = matches!(self.kind, HOST | HOST_POINT_TO_POINT);
        found.expect(!host || self.a == self.b, || {
            format!("{place}: a host's A and B differ")
        });
        let point_to_point = self.b[3] & 0b10 != 0;
        found.expect(self.kind != HOST_POINT_TO_POINT || point_to_point, || {
            format!("{place}: type 7, but B is not flagged as point-to-point")
        });
        let guard = ipport::guard(self.b);
        if self.c != guard {
            let at = self
                .c
                .iter()
                .zip(&guard)
                .position(|(one, other)| one != other);
            found.add(format!(
                "{place}: the guard is not B inverted with ~ after its name, from octet {} of C on: {} instead of {}",
                at.unwrap_or_default(),
                hex(&self.c),
                hex(&guard)
            ));
        }
        found.expect(self.trailer == 0, || {
            format!(
                "{place}: the last word is {:08x} instead of 0",
                self.trailer
            )
        });
    }
}

/// Octets as lower-case hex.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Several, one after the other.
pub(crate) fn encode(candidates: &[Candidate]) -> Vec<u8> {
    candidates.iter().flat_map(Candidate::encode).collect()
}

/// Reads the octets under `SIP-ICE`.
///
/// # Errors
/// A length that is no multiple of 148.
pub(crate) fn decode(octets: &[u8]) -> Result<Vec<Candidate>, String> {
    let (whole, rest) = octets.as_chunks::<LENGTH>();
    match rest.len() {
        0 => Ok(whole.iter().map(Candidate::decode).collect()),
        _ => Err(format!(
            "SIP-ICE: {} octets are no multiple of {LENGTH}",
            octets.len()
        )),
    }
}

/// What is wrong with a whole list.
pub(crate) fn check(candidates: &[Candidate], found: &mut Findings) {
    found.expect(!candidates.is_empty(), || "SIP-ICE is empty".into());
    for (index, candidate) in candidates.iter().enumerate() {
        candidate.check(&format!("candidate {index}"), found);
        let twin = candidates[..index].iter().any(|c| c.id == candidate.id);
        found.expect(!twin, || {
            format!(
                "candidate {index}: the id {} comes twice",
                hex(&candidate.id)
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTURED: &[u8] = include_bytes!("../tests/vectors/sip-ice.candidates");
    const VECTORS: &str = include_str!("../tests/vectors/vectors.json");

    fn plain() -> Candidate {
        let record = ipport::record(1, SocketAddr::from(([192, 168, 1, 132], 16402)), false);
        Candidate::new(HOST, new_id(0x15f9_ddce), HOST_PRIORITY, record, record)
    }

    fn found(candidate: &Candidate) -> String {
        let mut found = Findings::default();
        check(std::slice::from_ref(candidate), &mut found);
        found.0.join("\n")
    }

    #[test]
    fn the_captured_candidates_are_written_as_they_were() {
        let candidates = decode(CAPTURED).unwrap();
        assert_eq!(encode(&candidates), CAPTURED);
        let base = SocketAddr::from(([192, 168, 1, 132], 16402));
        assert_eq!(
            (candidates[0].address(), candidates[0].base()),
            (base, base)
        );
        let mapped = SocketAddr::from(([203, 0, 113, 9], 16402));
        assert_eq!(
            (candidates[1].address(), candidates[1].base()),
            (mapped, base)
        );
        // The same values give the same octets.
        let host = ipport::record(1, base, true);
        let first = Candidate::new(HOST, new_id(0x15f9_ddce), HOST_PRIORITY, host, host);
        let (a, b) = (
            ipport::record(1, mapped, false),
            ipport::record(1, base, false),
        );
        let second = Candidate::new(REFLEXIVE, new_id(0x2b6c_0a17), REFLEXIVE_PRIORITY, a, b);
        assert_eq!(encode(&[first, second]), CAPTURED);
        assert!(decode(&CAPTURED[1..]).unwrap_err().contains("295"));
    }

    #[test]
    fn a_guard_tells_what_a_middlebox_rewrote() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let captured = &decode(CAPTURED).unwrap()[0];
        for (key, to) in [
            ("tampered_candidate", [198, 51, 100, 1]),
            ("tampered_candidate_bits_cleared", [64, 128, 1, 4]),
        ] {
            let text = vectors[key]["hex"].as_str().unwrap();
            let octets = ipport::octets_of(text).unwrap();
            let tampered = &decode(&octets).unwrap()[0];
            assert_eq!(tampered.address(), SocketAddr::from((to, 16402)));
            let restored = tampered.restored();
            assert_eq!(restored.base(), captured.base());
            assert_eq!(restored.address(), captured.address());
            let ours = captured.tampered(Ipv4Addr::from(to));
            assert_eq!(ours.address(), tampered.address());
            assert_eq!(ours.restored(), *captured);
            assert!(super::tests::found(tampered).contains("guard"));
        }
        let reflexive = &decode(CAPTURED).unwrap()[1];
        let spoiled = reflexive.tampered(Ipv4Addr::new(198, 51, 100, 1));
        assert_eq!(spoiled.address(), reflexive.address());
        assert_eq!(spoiled.restored(), *reflexive);
        let mut bare = plain();
        bare.c[20..36].fill(0);
        assert_eq!(bare.restored(), bare);
    }

    #[test]
    fn a_plain_candidate_passes_and_each_deviation_is_found() {
        assert_eq!(found(&plain()), "");
        type Spoil = fn(&mut Candidate);
        let cases: [(Spoil, &str); 14] = [
            (|c| c.slot = 1, "slot 1"),
            (|c| c.kind = 6, "type 6"),
            (|c| c.kind = 7, "point-to-point"),
            (|c| c.call_id = 2, "call id 2"),
            (|c| c.id[0] = 0x80, "31 random bits"),
            (|c| c.id[7] = 1, "31 random bits"),
            (|c| c.priority = 0, "priority 0"),
            (|c| c.rank = 1, "rank 1"),
            (|c| c.a[37] ^= 1, "A and B differ"),
            (|c| c.b[39] = 1, "last two"),
            (|c| c.a[30] = 1, "12 octets"),
            (|c| c.c[35] = 0, "from octet 35 of C on"),
            (|c| c.c[7] = 0, "from octet 7 of C on"),
            (|c| c.trailer = 9, "last word"),
        ];
        for (spoil, word) in cases {
            let mut candidate = plain();
            spoil(&mut candidate);
            let found = found(&candidate);
            assert!(found.contains(word), "{word}: {found}");
        }
        let mut twice = Findings::default();
        check(&[plain(), plain()], &mut twice);
        assert!(twice.0.join("\n").contains("comes twice"));
        check(&[], &mut twice);
        assert!(twice.0.join("\n").contains("is empty"));
    }
}
