//! Lists that are refused: every error with its place.

use ichat_invitation::bplist::{
    DecodeError, Kind, Limits, PlistValue, decode, decode_with, encode,
};

use super::*;

/// A list with one octet changed, and the error that has to be.
fn broken(list: &[u8], offset: usize, octet: u8) -> DecodeError {
    let mut list = list.to_vec();
    list[offset] = octet;
    decode(&list).unwrap_err()
}

#[test]
fn errors_tell_offset_and_what_was_expected_and_found() {
    // Octets 8 to 10 the array, 11 and 12 its member; the table at 13, the trailer at 17.
    let good = list(&["a2 01 01", "10 05"]);
    assert_eq!(good.len(), 49);
    decode(&good).unwrap();
    let truncated = |offset, expected, found| DecodeError::Truncated {
        offset,
        expected,
        found,
    };
    let cases = [
        (
            broken(&good, 0, b'x'),
            DecodeError::Magic { found: *b"xplist" },
        ),
        (
            broken(&good, 7, b'1'),
            DecodeError::Version { found: *b"01" },
        ),
        (
            broken(&good, 8, 0x99),
            DecodeError::Marker {
                offset: 8,
                found: 0x99,
            },
        ),
        (
            broken(&good, 8, 0xaf),
            DecodeError::Length {
                offset: 9,
                found: 1,
            },
        ),
        (broken(&good, 8, 0xa9), truncated(9, 9, 4)),
        (
            broken(&good, 9, 2),
            DecodeError::Reference {
                offset: 9,
                limit: 2,
                found: 2,
            },
        ),
        (
            broken(&good, 10, 0),
            DecodeError::Cycle {
                offset: 8,
                number: 0,
            },
        ),
        (
            broken(&good, 11, 0x15),
            DecodeError::Marker {
                offset: 11,
                found: 0x15,
            },
        ),
        (broken(&good, 11, 0x11), truncated(12, 2, 1)),
        (
            broken(&good, 14, 7),
            DecodeError::ObjectOffset {
                offset: 13,
                first: 8,
                last: 12,
                found: 7,
            },
        ),
        (
            broken(&good, 16, 13),
            DecodeError::ObjectOffset {
                offset: 15,
                first: 8,
                last: 12,
                found: 13,
            },
        ),
        (
            broken(&good, 15, 0xff),
            DecodeError::ObjectOffset {
                offset: 15,
                first: 8,
                last: 12,
                found: 0xff0b,
            },
        ),
        (
            broken(&good, 23, 0),
            DecodeError::Width {
                offset: 23,
                found: 0,
            },
        ),
        (
            broken(&good, 24, 9),
            DecodeError::Width {
                offset: 24,
                found: 9,
            },
        ),
        (
            broken(&good, 32, 0),
            DecodeError::ObjectCount {
                offset: 25,
                limit: 3,
                found: 0,
            },
        ),
        (
            broken(&good, 32, 4),
            DecodeError::ObjectCount {
                offset: 25,
                limit: 3,
                found: 4,
            },
        ),
        (
            broken(&good, 40, 2),
            DecodeError::Reference {
                offset: 33,
                limit: 2,
                found: 2,
            },
        ),
        (
            broken(&good, 48, 8),
            DecodeError::OffsetTable {
                offset: 41,
                first: 9,
                last: 13,
                found: 8,
            },
        ),
        (
            broken(&good, 48, 14),
            DecodeError::OffsetTable {
                offset: 41,
                first: 9,
                last: 13,
                found: 14,
            },
        ),
        (
            decode(&list(&["d1 01 01", "10 05"])).unwrap_err(),
            DecodeError::Key {
                offset: 11,
                found: Kind::Integer,
            },
        ),
        (decode(b"bplist00").unwrap_err(), truncated(8, 32, 0)),
        (
            decode(b"bpl").unwrap_err(),
            DecodeError::Magic {
                found: *b"bpl\0\0\0",
            },
        ),
        (decode(&list(&["4f 10"])).unwrap_err(), truncated(9, 2, 1)),
        (decode(&list(&["4f"])).unwrap_err(), truncated(9, 2, 0)),
        (
            decode(&list(&["4f 14 00"])).unwrap_err(),
            DecodeError::Length {
                offset: 9,
                found: 0x14,
            },
        ),
        (
            decode(&list(&["88 00"])).unwrap_err(),
            DecodeError::Marker {
                offset: 8,
                found: 0x88,
            },
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
        let told = found.to_string();
        assert!(
            told.starts_with(&format!("at octet {}: expected ", found.offset())),
            "{told}"
        );
        assert!(told.contains("found "), "{told}");
    }
}

#[test]
fn limits_can_be_tightened() {
    let value = PlistValue::Array(vec![PlistValue::Array(vec![text("four")])]);
    let list = encode(&value).unwrap();
    let limits = |octets, depth, objects| Limits {
        octets,
        depth,
        objects,
    };
    decode_with(&list, limits(list.len(), 2, 3)).unwrap();
    let refused = |limits| decode_with(&list, limits).unwrap_err();
    let octets = list.len() - 1;
    assert!(matches!(
        refused(limits(octets, 2, 3)),
        DecodeError::TooLong { .. }
    ));
    assert_eq!(
        refused(limits(99, 1, 3)),
        DecodeError::Depth {
            offset: 10,
            limit: 1
        }
    );
    let found = refused(limits(99, 2, 2));
    assert_eq!(
        found,
        DecodeError::Objects {
            offset: 10,
            limit: 2,
            found: 3
        }
    );
}
