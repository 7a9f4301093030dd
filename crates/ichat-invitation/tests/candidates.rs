//! Candidates: the captured ones field by field, guards at work, bad blobs, round trips.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use std::net::SocketAddr;

use ichat_invitation::candidate::{ICHAT_HOST_PRIORITY, MAX_CANDIDATES};
use ichat_invitation::{
    Candidate, CandidateError, CandidateId, CandidateKind, IpPort, RawIpPort, Tampering,
    decode_candidates, decode_candidates_lossy, encode_candidates, hex_text,
};
use proptest::prelude::*;

const BLOB: &[u8] = include_bytes!("vectors/sip-ice.candidates");
const TAMPERED: &str = include_str!("vectors/tampered-candidates.json");

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn host(text: &str) -> Candidate {
    let id = CandidateId::new(7);
    Candidate::host(id, 45, &IpPort::new("en0", address(text)))
}

/// The record with other octets in its address field.
fn rewritten(mut record: RawIpPort, octets: &[u8]) -> RawIpPort {
    record.0[20..20 + octets.len()].copy_from_slice(octets);
    record
}

/// The record with another name field.
fn renamed(mut record: RawIpPort, name: &[u8; 16]) -> RawIpPort {
    record.0[4..20].copy_from_slice(name);
    record
}

#[test]
fn the_captured_candidate_decodes_to_every_value_of_the_protocol() {
    let candidates = decode_candidates(BLOB).unwrap();
    assert_eq!(candidates.len(), 2);
    let first = candidates[0];
    assert_eq!((first.slot, first.call_id, first.rank), (0, 1, 0));
    assert_eq!(first.kind, CandidateKind::Host);
    assert_eq!(first.priority, ICHAT_HOST_PRIORITY);
    assert_eq!(first.id.to_string(), "15f9ddce00000000");
    assert_eq!(first.address, first.base);
    assert_eq!(first.address.name(), b"en1");
    assert_eq!(first.address.address(), address("192.168.1.132:16402"));
    assert!(!first.address.is_guard());
    // The first of these octets, 3f, is the last one of the capture.
    assert_eq!(
        hex_text::encode(&first.guard.address_octets()),
        "3f57fe7bffffffff2965df00019c08bd"
    );
    assert_eq!(first.guard.name(), b"en1~");
    assert!(first.guard.is_guard());
    assert_eq!(first.guard.address().port(), 16402);
    assert_eq!(first.trailer, 0);
    assert_eq!(encode_candidates(&candidates), BLOB);
}

#[test]
fn the_guard_of_the_captured_base_is_the_captured_guard() {
    for candidate in decode_candidates(BLOB).unwrap() {
        assert_eq!(candidate.base.guard(), candidate.guard);
        assert_eq!(candidate.restored(), (candidate, Tampering::None));
    }
}

#[test]
fn a_host_candidate_of_ours_encodes_field_by_field() {
    let ours = Candidate::host(
        CandidateId::new(0x95f9_ddce),
        ICHAT_HOST_PRIORITY,
        &IpPort::new("en1", address("192.168.1.132:16402")),
    );
    let record = [
        &[0, 0, 0, 0][..],                // flags
        b"en1\0\0\0\0\0\0\0\0\0\0\0\0\0", // interface, NUL padded
        &[192, 168, 1, 132],              // IPv4
        &[0; 12],                         // unused, zero on output
        &[0x40, 0x12],                    // port 16402
        &[0, 0],                          // padding
    ]
    .concat();
    let guard = [
        &[0, 0, 0, 0][..],               // flags
        b"en1~\0\0\0\0\0\0\0\0\0\0\0\0", // the name and its mark
        &[0x3f, 0x57, 0xfe, 0x7b],       // IPv4, inverted
        &[0xff; 12],                     // the unused octets, inverted too
        &[0x40, 0x12],                   // port 16402
        &[0, 0],                         // padding
    ]
    .concat();
    let expected = [
        &[0, 0, 0, 0][..],                     // slot
        &[0, 0, 0, 1],                         // host
        &[0, 0, 0, 1],                         // call id
        &[0x15, 0xf9, 0xdd, 0xce, 0, 0, 0, 0], // 31 random bits, 4 zero octets
        &[0, 45],                              // priority
        &[0, 0],                               // rank
        &record,
        &record,
        &guard,
        &[0, 0, 0, 0], // trailer
    ]
    .concat();
    assert_eq!(ours.encode(), expected[..]);
}

#[test]
fn a_mapped_candidate_keeps_its_base_and_guards_it() {
    let mapped = Candidate::with_base(
        CandidateKind::ServerReflexive,
        CandidateId::new(1),
        70,
        &IpPort::new("en1", address("203.0.113.7:50123")),
        &IpPort::new("en1", address("192.168.1.132:16402")),
    );
    let read = Candidate::decode(&mapped.encode());
    assert_eq!(read, mapped);
    assert_eq!(read.kind, CandidateKind::ServerReflexive);
    assert_eq!(read.address.address(), address("203.0.113.7:50123"));
    assert_eq!(read.base.address(), address("192.168.1.132:16402"));
    assert_eq!(read.guard, read.base.guard());
}

#[test]
fn both_tampered_vectors_are_restored_to_the_octets_of_the_capture() {
    let captured = decode_candidates(BLOB).unwrap()[0];
    let vectors: serde_json::Value = serde_json::from_str(TAMPERED).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let octets = hex_text::decode(vector["hex"].as_str().unwrap()).unwrap();
        let candidate = decode_candidates(&octets).unwrap()[0];
        let (restored, tampering) = candidate.restored();
        assert_eq!(tampering, Tampering::BaseAndAddress);
        for (record, key) in [
            (restored.base, "base_after_guard"),
            (restored.address, "address_after_guard"),
        ] {
            let record = record.ip_port();
            let found =
                serde_json::json!([record.interface, record.address.ip(), record.address.port()]);
            assert_eq!(found, vector[key]);
        }
        assert_eq!(restored, captured);
        assert_eq!(restored.restored(), (restored, Tampering::None));
    }
}

#[test]
fn a_rewritten_base_alone_leaves_another_address_as_it_is() {
    let mut candidate = Candidate::with_base(
        CandidateKind::ServerReflexive,
        CandidateId::new(1),
        70,
        &IpPort::new("en1", address("203.0.113.7:50123")),
        &IpPort::new("en1", address("192.168.1.132:16402")),
    );
    let original = candidate;
    candidate.base = rewritten(candidate.base, &[198, 51, 100, 1]);
    assert_eq!(candidate.restored(), (original, Tampering::Base));
}

#[test]
fn an_ipv6_base_is_compared_in_all_sixteen_octets() {
    let original = host("[2001:db8::20]:16402");
    let mut candidate = original;
    candidate.base.0[35] ^= 1; // the last octet of the address
    candidate.address = candidate.base;
    assert_eq!(candidate.restored(), (original, Tampering::BaseAndAddress));

    candidate.address = original.address;
    assert_eq!(candidate.restored(), (original, Tampering::Base));
}

#[test]
fn an_address_of_the_other_family_is_not_restored_with_the_base() {
    let mut candidate = Candidate::with_base(
        CandidateKind::Relay,
        CandidateId::new(1),
        40,
        &IpPort::new("en1", address("[c633:6401::]:1")), // begins like 198.51.100.1
        &IpPort::new("en1", address("192.0.2.1:1")),
    );
    let original = candidate;
    candidate.base = rewritten(candidate.base, &[198, 51, 100, 1]);
    assert_eq!(candidate.restored(), (original, Tampering::Base));
}

#[test]
fn garbage_behind_an_ipv4_address_is_kept_and_never_compared() {
    let mut candidate = host("192.0.2.1:16402");
    candidate.base = rewritten(candidate.base, &[192, 0, 2, 1, 0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(candidate.restored(), (candidate, Tampering::None));
    assert_eq!(Candidate::decode(&candidate.encode()), candidate);
    assert_ne!(candidate.base, candidate.address);
    assert!(candidate.base.same_ip(&candidate.address));

    // Nor when a rewritten address is told from another one.
    let mut both = host("192.0.2.1:16402");
    both.base = rewritten(both.base, &[198, 51, 100, 1, 0xde, 0xad]);
    both.address = rewritten(both.address, &[198, 51, 100, 1, 0xbe, 0xef]);
    let (restored, tampering) = both.restored();
    assert_eq!(tampering, Tampering::BaseAndAddress);
    assert_eq!(restored, host("192.0.2.1:16402"));
}

#[test]
fn a_zero_address_in_the_guard_means_that_there_is_none() {
    for text in ["192.0.2.1:16402", "[2001:db8::1]:16402"] {
        let mut candidate = host(text);
        candidate.guard = RawIpPort([0; 40]);
        assert_eq!(candidate.restored(), (candidate, Tampering::NoGuard));
        assert!(candidate.guard.is_zero_address());
        assert!(!candidate.base.is_zero_address());
    }
    // Behind an IPv4 address stands garbage in a guard too.
    let mut candidate = host("192.0.2.1:16402");
    candidate.guard = rewritten(candidate.guard, &[0, 0, 0, 0]);
    assert_eq!(candidate.restored(), (candidate, Tampering::NoGuard));
    // Four zero octets are a guard like any other where the base is IPv6.
    let original = host("[ffff:ffff::1]:16402");
    let mut candidate = original;
    candidate.base = rewritten(candidate.base, &[0x20, 1]);
    assert_eq!(candidate.restored(), (original, Tampering::Base));
}

#[test]
fn a_rewritten_port_is_never_restored() {
    let mut candidate = host("192.0.2.1:16402");
    candidate.base.0[36..38].copy_from_slice(&1024_u16.to_be_bytes());
    assert_eq!(candidate.restored(), (candidate, Tampering::None));

    candidate.base = rewritten(candidate.base, &[198, 51, 100, 1]);
    let (restored, tampering) = candidate.restored();
    assert_eq!(tampering, Tampering::Base);
    assert_eq!(restored.base.address(), address("192.0.2.1:1024"));
}

#[test]
fn a_guard_carries_its_mark_whatever_the_length_of_the_name() {
    let record = RawIpPort::from(&IpPort::new("en0", address("192.0.2.1:1")));
    let names: [(&[u8; 16], &[u8]); 5] = [
        (b"en1\0\0\0\0\0\0\0\0\0\0\0\0\0", b"en1~"),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"~"),
        (b"abcdefghijklmno\0", b"abcdefghijklmno~"),
        (b"abcdefghijklmnop", b"abcdefghijklmno~"), // 16 characters: no room
        (b"en1\0garbage here", b"en1~"),
    ];
    for (name, expected) in names {
        let guard = renamed(record, name).guard();
        assert_eq!(guard.name(), expected);
        assert!(guard.is_guard() && guard.ip_port().is_guard());
        assert_eq!(guard.guard().address_octets(), record.address_octets());
    }
}

#[test]
fn a_record_without_its_garbage_is_the_ip_port() {
    let record = decode_candidates(BLOB).unwrap()[0].address;
    let clean = RawIpPort::from(&record.ip_port());
    assert_ne!(clean, record);
    assert!(clean.same_ip(&record));
    assert_eq!(clean.address(), record.address());
    assert_eq!(clean.flags(), 0);
    assert_eq!(
        format!("{clean:?}"),
        "RawIpPort(00000000656e3100000000000000000000000000c0a8018400000000000000000000000040120000)"
    );
}

#[test]
fn ids_are_31_bits_and_sort_as_opaque_octets() {
    assert_eq!(CandidateId::new(0xffff_ffff), CandidateId::new(0x7fff_ffff));
    assert_eq!(CandidateId::new(0x0102_0304).0, [1, 2, 3, 4, 0, 0, 0, 0]);
    assert!(CandidateId([0, 0xff, 0, 0, 0, 0, 0, 0]) < CandidateId::new(0x0100_0000));
    assert!(CandidateId([1, 0, 0, 0, 0, 0, 0, 1]) > CandidateId::new(0x0100_0000));
    assert_eq!(
        format!("{:?}", CandidateId::new(1)),
        "CandidateId(0000000100000000)"
    );
}

#[test]
fn kinds_have_their_numbers_and_unknown_ones_are_kept() {
    let names = [
        (1, "host"),
        (3, "server-reflexive"),
        (5, "relay"),
        (6, "peer-reflexive"),
        (7, "host, point-to-point"),
        (0x8000_0002, "unknown kind 2147483650"),
    ];
    for (number, name) in names {
        let kind = CandidateKind::from(number);
        assert_eq!((u32::from(kind), kind.to_string().as_str()), (number, name));
        assert_eq!(
            matches!(kind, CandidateKind::Unknown(_)),
            number == 0x8000_0002
        );
    }
}

#[test]
fn a_blob_broken_off_is_refused_with_its_place_and_read_as_far_as_it_goes() {
    for length in 0..=BLOB.len() {
        let (whole, rest) = (length / 148, length % 148);
        let decoded = decode_candidates(&BLOB[..length]);
        if rest == 0 {
            assert_eq!(decoded.unwrap().len(), whole);
        } else {
            let error = CandidateError::Broken {
                offset: whole * 148,
                expected: 148,
                found: rest,
            };
            assert_eq!(decoded, Err(error));
        }
        let (candidates, left) = decode_candidates_lossy(&BLOB[..length]);
        assert_eq!((candidates.len(), left), (whole, rest));
    }
    assert_eq!(
        decode_candidates(&BLOB[..273]).unwrap_err().to_string(),
        "candidates broken off at offset 148: expected 148 octets a candidate, found 125"
    );
}

#[test]
fn more_candidates_than_the_limit_are_refused_and_the_first_ones_can_be_read() {
    let most = BLOB.repeat(MAX_CANDIDATES / 2);
    assert_eq!(decode_candidates(&most).unwrap().len(), MAX_CANDIDATES);

    let more = [&most, BLOB].concat();
    assert_eq!(
        decode_candidates(&more),
        Err(CandidateError::TooMany {
            offset: most.len(),
            limit: MAX_CANDIDATES,
            found: MAX_CANDIDATES + 2
        })
    );
    let (candidates, rest) = decode_candidates_lossy(&more);
    assert_eq!((candidates.len(), rest), (MAX_CANDIDATES, BLOB.len()));
}

#[test]
fn a_huge_blob_allocates_for_the_limit_and_no_more() {
    let huge = vec![0x5a; 1024 * 1024];
    let info = allocation_counter::measure(|| {
        assert!(decode_candidates(&huge).is_err());
        decode_candidates_lossy(&huge);
    });
    assert!(info.bytes_max < 64 * 1024, "{} octets", info.bytes_max);
}

fn any_octets() -> impl Strategy<Value = [u8; 148]> {
    prop::collection::vec(any::<u8>(), 148).prop_map(|octets| octets.try_into().unwrap())
}

fn any_host() -> impl Strategy<Value = Candidate> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(Into::into),
        any::<[u8; 16]>().prop_map(Into::into)
    ];
    (ip, any::<u16>(), any::<u32>(), "[a-z]{2,5}[0-9]{1,3}").prop_map(
        |(ip, port, random, name): (std::net::IpAddr, _, _, String)| {
            let record = IpPort::new(&name, SocketAddr::new(ip, port));
            Candidate::host(CandidateId::new(random), 45, &record)
        },
    )
}

proptest! {
    #[test]
    fn any_octets_survive_the_round_trip(octets in any_octets()) {
        let candidate = Candidate::decode(&octets);
        prop_assert_eq!(candidate.encode(), octets);
        let (restored, _) = candidate.restored();
        prop_assert_eq!(restored.base.guard().guard().address_octets(), restored.base.address_octets());
        prop_assert_eq!(restored.restored().0, restored);
    }

    #[test]
    fn what_we_make_survives_any_rewriting_of_its_address(
        original in any_host(),
        forged in any::<[u8; 16]>(),
    ) {
        prop_assume!(!original.guard.is_zero_address());
        let significant = if original.base.is_ipv6() { 16 } else { 4 };
        let mut candidate = original;
        candidate.base = rewritten(candidate.base, &forged[..significant]);
        candidate.address = candidate.base;
        let (restored, tampering) = candidate.restored();
        prop_assert_eq!(restored, original);
        let expected = if candidate == original {
            Tampering::None
        } else {
            Tampering::BaseAndAddress
        };
        prop_assert_eq!(tampering, expected);
    }
}
