//! IPPORT records and lists: vectors, bad input, round trips.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ichat_invitation::ipport::{MAX_RECORDS, MAX_TEXT_LEN};
use ichat_invitation::{IpPort, IpPortError, IpPortList, encode_hex};
use proptest::prelude::*;

const VECTORS: &str = include_str!("vectors/ipport-lists.json");
const CANDIDATES: &[u8] = include_bytes!("vectors/sip-ice.candidates");

/// `en1` 192.168.1.132:16402, the captured record with garbage in the unused octets.
const CAPTURED: &str =
    "00000000656e3100000000000000000000000000c0a8018400000000d69a20fffe63f74240120000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn record(octets: &[u8]) -> IpPort {
    IpPort::decode(octets.try_into().unwrap())
}

#[test]
fn every_vector_decodes_to_what_its_file_says() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    for vector in vectors.as_array().unwrap() {
        let text = vector["hex"].as_str().unwrap();
        let parsed = IpPortList::parse_hex(text);
        if vector.get("error").is_some() {
            assert!(parsed.is_err(), "{text:?} must be refused");
            continue;
        }
        let found: Vec<_> = parsed
            .unwrap()
            .records
            .iter()
            .map(|r| serde_json::json!([r.interface, r.address.ip(), r.address.port()]))
            .collect();
        assert_eq!(
            serde_json::Value::from(found),
            vector["decoded"],
            "{text:?}"
        );
    }
}

#[test]
fn the_gateways_stanzas_hold_lists_that_read_and_write_back() {
    let files = [
        (
            include_str!("vectors/gateway-2009-request.xml"),
            "VCNewCallerIPPortData",
        ),
        (
            include_str!("vectors/gateway-2009-response.xml"),
            "connectData",
        ),
    ];
    for (stanza, element) in files {
        let (_, rest) = stanza.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = rest.split_once('<').unwrap();
        let list = IpPortList::parse_hex(text).unwrap();
        assert_eq!(list.records[0].interface, "eth0");
        assert_eq!(list.addresses(), [address("127.0.0.1:15080")]);
        assert_eq!(encode_hex(&list.records), text);
    }
}

#[test]
fn a_record_encodes_to_forty_octets_field_by_field() {
    let expected = [
        &[0, 0, 0, 0][..],                // flags
        b"en1\0\0\0\0\0\0\0\0\0\0\0\0\0", // interface, NUL padded
        &[192, 168, 1, 132],              // IPv4
        &[0; 12],                         // unused, zero on output
        &[0x40, 0x12],                    // port 16402
        &[0, 0],                          // padding
    ]
    .concat();
    assert_eq!(
        IpPort::new("en1", address("192.168.1.132:16402")).encode(),
        expected[..]
    );
}

#[test]
fn ipv6_is_sent_with_flag_bit_0_alone() {
    let sent = IpPort::new("en0", address("[2001:db8::20]:16402"));
    assert_eq!(
        encode_hex(&[sent]),
        "00000001656e300000000000000000000000000020010db800000000000000000000002040120000"
    );
}

#[test]
fn garbage_in_the_unused_octets_does_not_survive() {
    let list = IpPortList::parse_hex(CAPTURED).unwrap();
    assert_eq!(
        encode_hex(&list.records),
        "00000000656e3100000000000000000000000000c0a8018400000000000000000000000040120000"
    );
}

#[test]
fn a_candidates_third_record_is_a_guard() {
    // Candidate: 24 octets, then address, base and guard of 40 octets each.
    let [at, base, guard] = [24, 64, 104].map(|at| record(&CANDIDATES[at..at + IpPort::LEN]));
    assert_eq!(at.address, address("192.168.1.132:16402"));
    assert_eq!(at, base);
    assert!(!at.is_guard());
    assert!(guard.is_guard());
    assert_eq!(guard.interface, "en1~");
    assert_eq!(guard.address, address("63.87.254.123:16402")); // 3f57fe7b, NOT c0a80184
}

#[test]
fn white_space_and_upper_case_are_read_anywhere() {
    let spread: String = CAPTURED
        .to_uppercase()
        .chars()
        .flat_map(|c| [c, '\n', '\t'])
        .collect();
    assert_eq!(
        IpPortList::parse_hex(&spread),
        IpPortList::parse_hex(CAPTURED)
    );
}

#[test]
fn a_blank_text_is_an_empty_list_and_no_error() {
    for text in ["", "\n", " \r\n\t "] {
        assert_eq!(IpPortList::parse_hex(text), Ok(IpPortList::default()));
    }
}

#[test]
fn a_broken_tail_is_counted_and_the_whole_records_are_used() {
    for (tail, trailing) in [
        ("0", 1),
        ("00", 1),
        ("000", 2),
        ("zz 00", 2),
        ("00000000656e", 6),
    ] {
        let list = IpPortList::parse_hex(&format!("{CAPTURED}{tail}")).unwrap();
        assert_eq!(
            (list.records.len(), list.trailing),
            (1, trailing),
            "tail {tail:?}"
        );
    }
}

#[test]
fn text_without_a_whole_record_is_refused_with_its_place() {
    let refusals = [
        (
            "\n zz",
            IpPortError::NotHex {
                offset: 2,
                found: 'z',
            },
        ),
        (
            "00ß",
            IpPortError::NotHex {
                offset: 2,
                found: 'ß',
            },
        ),
        (
            "0",
            IpPortError::NoWholeRecord {
                expected: 40,
                found: 1,
            },
        ),
        (
            "0000",
            IpPortError::NoWholeRecord {
                expected: 40,
                found: 2,
            },
        ),
        (
            &CAPTURED[1..],
            IpPortError::NoWholeRecord {
                expected: 40,
                found: 39,
            },
        ),
    ];
    for (text, error) in refusals {
        assert_eq!(IpPortList::parse_hex(text), Err(error), "{text:?}");
    }
    assert_eq!(
        IpPortList::parse_hex("zz").unwrap_err().to_string(),
        "address list is no hex at offset 0: expected a hex digit, found 'z'"
    );
}

#[test]
fn a_text_above_the_limit_is_refused_unread() {
    let found = MAX_TEXT_LEN + 1;
    assert_eq!(
        IpPortList::parse_hex(&"0".repeat(found)),
        Err(IpPortError::TooLong {
            limit: MAX_TEXT_LEN,
            found
        })
    );
}

#[test]
fn records_beyond_the_limit_are_counted() {
    let list = IpPortList::parse_hex(&CAPTURED.repeat(MAX_RECORDS + 3)).unwrap();
    assert_eq!((list.records.len(), list.surplus), (MAX_RECORDS, 3));
}

#[test]
fn a_list_of_nothing_to_send_to_is_a_failure_and_no_decline() {
    let guard = IpPort::new("en1~", address("63.87.254.123:16402"));
    let link_local = IpPort::new("en0", address("[fe80::1]:16402"));
    let no_port = IpPort::new("en0", address("192.0.2.1:0"));
    let no_host = IpPort::new("en0", address("0.0.0.0:16402"));
    assert_eq!(
        IpPortList::parse_hex(&encode_hex(&[guard, link_local, no_port, no_host])),
        Err(IpPortError::NoUsableAddress {
            guards: 1,
            link_local: 1,
            unsendable: 2
        })
    );
}

#[test]
fn an_address_listed_twice_is_one_address() {
    let twice = IpPortList::parse_hex(&CAPTURED.repeat(2)).unwrap();
    assert_eq!(twice.records.len(), 2);
    assert_eq!(twice.addresses(), [address("192.168.1.132:16402")]);
}

#[test]
fn the_scope_inside_a_link_local_address_is_cleared() {
    let mut octets = IpPort::new("en0", address("[fe80::1]:16402")).encode();
    octets[23] = 5; // scope 5, as BSD stores it in octets 2 and 3 of the address
    assert_eq!(IpPort::decode(&octets).address, address("[fe80::1]:16402"));
}

#[test]
fn flags_tell_kinds_and_unknown_bits_are_kept() {
    let mut octets = IpPort::new("en0", address("192.0.2.1:1")).encode();
    octets[..4].copy_from_slice(&0x8000_0106_u32.to_be_bytes());
    let decoded = IpPort::decode(&octets);
    assert!(decoded.is_point_to_point() && decoded.is_cellular() && !decoded.is_ipv6());
    assert_eq!(decoded.flags, 0x8000_0106);
    assert_eq!(decoded.encode(), octets);
}

#[test]
fn the_gateways_ipv6_flags_are_kept() {
    let mut octets = IpPort::new("eth1", address("[2001:db8::5]:5070")).encode();
    octets[..4].copy_from_slice(&0x100_u32.to_be_bytes());
    let decoded = IpPort::decode(&octets);
    assert!(decoded.is_ipv6());
    assert_eq!(decoded.encode(), octets);
}

#[test]
fn flags_that_contradict_the_address_are_mended_on_output() {
    for (text, flags, sent) in [
        ("192.0.2.1:1", 0x3, 0x2),
        ("192.0.2.1:1", 0x100, 0),
        ("[2001:db8::1]:1", 0x2, 0x3),
    ] {
        let wrong = IpPort {
            flags,
            ..IpPort::new("en0", address(text))
        };
        let read = IpPort::decode(&wrong.encode());
        assert_eq!((read.flags, read.address), (sent, wrong.address));
    }
}

#[test]
fn a_name_of_sixteen_octets_is_read_whole_and_fifteen_are_sent() {
    let mut octets = IpPort::new("en0", address("192.0.2.1:1")).encode();
    octets[4..20].copy_from_slice(b"abcdefghijklmnop");
    let decoded = IpPort::decode(&octets);
    assert_eq!(decoded.interface, "abcdefghijklmnop");
    assert_eq!(decoded.encode(), octets);
    assert_eq!(
        IpPort::new(&decoded.interface, decoded.address).interface,
        "abcdefghijklmno"
    );
}

#[test]
fn a_name_can_be_printed_safely_whatever_it_holds() {
    let mut octets = IpPort::new("en0", address("192.0.2.1:1")).encode();
    octets[4..8].copy_from_slice(&[0x1b, b'[', 0xff, b'A']);
    let decoded = IpPort::decode(&octets);
    assert_eq!(decoded.interface, "\u{fffd}[\u{fffd}A");
    assert_eq!(&decoded.encode()[4..9], b"?[?A\0");
}

fn any_record() -> impl Strategy<Value = IpPort> {
    let ip = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits & !(0xffff_u128 << 96)))),
    ];
    (ip, any::<u16>(), "[a-z]{2,5}[0-9]{1,3}")
        .prop_map(|(ip, port, name)| IpPort::new(&name, SocketAddr::new(ip, port)))
}

proptest! {
    #[test]
    fn a_record_survives_the_round_trip(record in any_record()) {
        prop_assert_eq!(IpPort::decode(&record.encode()), record);
    }

    #[test]
    fn sendable_records_survive_the_round_trip_in_order(
        records in prop::collection::vec(any_record(), 1..MAX_RECORDS),
    ) {
        let sendable: Vec<_> = records
            .iter()
            .filter(|r| r.is_sendable() && !r.is_ipv6_link_local())
            .cloned()
            .collect();
        match IpPortList::parse_hex(&encode_hex(&records)) {
            Ok(list) => prop_assert_eq!(list.records, sendable),
            Err(error) => prop_assert!(sendable.is_empty(), "{}", error),
        }
    }

    #[test]
    fn any_forty_octets_read_and_settle_after_one_encode(octets in any::<[u8; 40]>()) {
        let once = IpPort::decode(&octets).encode();
        prop_assert_eq!(IpPort::decode(&once).encode(), once);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in ".{0,300}") {
        let _ = IpPortList::parse_hex(&text);
    }
}
