//! Small inputs that describe large values: they end in an error, soon and in little memory.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test's helpers may fail the test"
)]

use ichat_invitation::bplist::{DecodeError, Limits, decode, decode_with, salvage};
use ichat_invitation::invitation::{Invitation, InvitationError};
use ichat_invitation::keyed_archive::KeyedError;
use ichat_invitation::xml_plist::XmlError;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("vectors/property-lists/", $name)).as_slice()
    };
}

/// 1 MiB: what any input of at most that size may allocate in all.
const ROOM: u64 = 1 << 20;

/// Reads an invitation; counts every octet that is allocated on the way, freed ones too.
fn read(octets: &[u8]) -> InvitationError {
    let mut result = None;
    let cost = allocation_counter::measure(|| result = Some(Invitation::decode(octets)));
    assert!(cost.bytes_total < ROOM, "{cost:?}");
    let cost = allocation_counter::measure(|| drop(salvage(octets).map(|found| found.entries())));
    assert!(cost.bytes_total < ROOM, "salvage: {cost:?}");
    result.unwrap().unwrap_err()
}

fn binary(octets: &[u8]) -> DecodeError {
    let InvitationError::Binary(fault) = read(octets) else {
        panic!("no error of a binary property list");
    };
    fault
}

#[test]
fn references_that_multiply_are_counted_before_they_are_followed() {
    let bomb = vector!("bomb-shared.bplist");
    assert_eq!(bomb.len(), 357);
    let found = binary(bomb);
    assert!(matches!(
        found,
        DecodeError::Objects {
            limit: 10_000,
            found: 10_001..=10_010,
            ..
        }
    ));

    let wide = binary(vector!("bomb-wide.bplist"));
    // 1 + 250 + 39 * 250 is the last sum below the limit.
    let expected = DecodeError::Objects {
        offset: 8 + 253,
        limit: 10_000,
        found: 10_001,
    };
    assert_eq!(wide, expected);
}

#[test]
fn what_a_bomb_costs_follows_the_limit_and_not_the_bomb() {
    let bomb = vector!("bomb-shared.bplist");
    let cost = |objects| {
        let limits = Limits {
            objects,
            ..Limits::default()
        };
        let cost = allocation_counter::measure(|| {
            decode_with(bomb, limits).unwrap_err();
        });
        (cost.count_total, cost.bytes_max)
    };
    let (few, small) = cost(1000);
    let (many, large) = cost(10_000);
    assert!(
        few < 200 && small < 40_000,
        "{few} allocations, {small} octets"
    );
    assert!(
        many < 2000 && large < 400_000,
        "{many} allocations, {large} octets"
    );
}

#[test]
fn containers_that_contain_themselves_are_found_out() {
    let found = binary(vector!("bomb-self.bplist"));
    assert_eq!(
        found,
        DecodeError::Cycle {
            offset: 8,
            number: 0
        }
    );
    let found = binary(vector!("bomb-circle.bplist"));
    assert_eq!(
        found,
        DecodeError::Cycle {
            offset: 8,
            number: 0
        }
    );
}

#[test]
fn thirty_two_containers_within_each_other_are_enough() {
    let found = binary(vector!("bomb-nested.bplist"));
    let expected = DecodeError::Depth {
        offset: 8 + 32 * 3,
        limit: 32,
    };
    assert_eq!(found, expected);
    let InvitationError::Xml(found) = read(vector!("bomb-nested.xml")) else {
        panic!("another error");
    };
    let offset = "<plist>".len() + 32 * "<array>".len();
    assert_eq!(found, XmlError::Depth { offset, limit: 32 });
}

#[test]
fn text_that_is_referred_to_often_counts_as_often() {
    let found = binary(vector!("bomb-text.bplist"));
    // In UTF-16 it counts three times: 87 times 12,000 octets fit into 1 MiB.
    let expected = DecodeError::Expanded {
        offset: 8 + 5004,
        limit: 1 << 20,
        found: 88 * 12_000,
    };
    assert_eq!(found, expected);
}

#[test]
fn counts_without_the_octets_reserve_nothing() {
    let found = binary(vector!("bomb-count.bplist"));
    let expected = DecodeError::Truncated {
        offset: 18,
        expected: 1 << 63,
        found: 4,
    };
    assert_eq!(found, expected);
    let found = binary(vector!("bomb-data.bplist"));
    let expected = DecodeError::Truncated {
        offset: 18,
        expected: 1 << 63,
        found: 2,
    };
    assert_eq!(found, expected);
    let found = binary(vector!("bomb-objects.bplist"));
    let expected = DecodeError::ObjectCount {
        offset: 10 + 8,
        limit: 1,
        found: 1 << 40,
    };
    assert_eq!(found, expected);
    for name in [vector!("bomb-count.bplist"), vector!("bomb-objects.bplist")] {
        let cost = allocation_counter::measure(|| drop(decode(name)));
        assert!(cost.bytes_total < 1024, "{cost:?}");
    }
}

#[test]
fn keyed_archives_have_the_same_limits() {
    let InvitationError::Keyed(found) = read(vector!("bomb-keyed-circle.bplist")) else {
        panic!("another error");
    };
    assert_eq!(found, KeyedError::Cycle { number: 1 });
    let InvitationError::Keyed(found) = read(vector!("bomb-keyed-shared.bplist")) else {
        panic!("another error");
    };
    assert_eq!(found, KeyedError::Objects { limit: 10_000 });
}

#[test]
fn xml_declares_no_entities_and_holds_ten_thousand_values() {
    let InvitationError::Xml(found) = read(vector!("bomb-entities.xml")) else {
        panic!("another error");
    };
    assert_eq!(found, XmlError::Declarations { offset: 38 });
    let InvitationError::Xml(found) = read(vector!("bomb-wide.xml")) else {
        panic!("another error");
    };
    // The array is a value too.
    let offset = "<plist><array>".len() + 9_999 * "<true/>".len();
    let expected = XmlError::Objects {
        offset,
        limit: 10_000,
    };
    assert_eq!(found, expected);
}

#[test]
fn more_than_a_mebibyte_is_not_even_looked_at() {
    let long = [b"bplist00".as_slice(), &vec![0; 1 << 20]].concat();
    let found = binary(&long);
    let expected = DecodeError::TooLong {
        limit: 1 << 20,
        found: long.len(),
    };
    assert_eq!(found, expected);
    let long = [b"<plist>".as_slice(), &vec![b' '; 1 << 20]].concat();
    assert!(matches!(
        read(&long),
        InvitationError::Xml(XmlError::TooLong { .. })
    ));
}

/// As many objects as may be, each with as much text as may be, all of it copied.
#[test]
fn the_dearest_list_that_is_read_costs_less_than_a_mebibyte() {
    // An array of 9,999 references to one string in UTF-16, as long as it may be for so many.
    let text = [b"\x6f\x10\x11".as_slice(), &[0x26, 0x3a].repeat(17)].concat();
    let mut list = b"bplist00\xaf\x11\x27\x0f".to_vec();
    list.extend([1; 9999]);
    let text_offset = list.len();
    list.extend(text);
    let table = list.len();
    list.extend([0, 8]);
    list.extend((text_offset as u16).to_be_bytes());
    list.extend([0, 0, 0, 0, 0, 0, 2, 1]);
    for number in [2, 0, table] {
        list.extend((number as u64).to_be_bytes());
    }
    let mut members = 0;
    let cost = allocation_counter::measure(|| {
        let value = decode(&list).unwrap();
        let ichat_invitation::bplist::PlistValue::Array(found) = value else {
            panic!("no array");
        };
        members = found.len();
    });
    assert_eq!(members, 9999);
    assert!(cost.bytes_total < ROOM, "{cost:?}");
}
