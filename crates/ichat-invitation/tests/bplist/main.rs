//! Binary property lists: the captured one and every kind of object; the rest in the modules.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test's helpers may fail the test"
)]

mod cut;
mod generated;
mod refused;
mod writing;

use ichat_invitation::bplist::{
    Integer, Kind, Object, Objects, PlistValue, Real, Text, Uid, decode, encode,
};

const HEX: &str = include_str!("../vectors/invitation-2010.hex");
fn octets(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    hex::decode(digits).unwrap()
}

/// A list of objects given in hex, the first of them the top, with references of one octet.
fn list(objects: &[&str]) -> Vec<u8> {
    let mut list = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in objects {
        offsets.extend((list.len() as u16).to_be_bytes());
        list.extend(octets(object));
    }
    let table = list.len() as u64;
    list.extend(offsets);
    list.extend([0, 0, 0, 0, 0, 0, 2, 1]);
    for number in [objects.len() as u64, 0, table] {
        list.extend(number.to_be_bytes());
    }
    list
}

/// The objects of a list as hex, in the order of their numbers.
fn objects(list: &[u8]) -> Vec<String> {
    let objects = Objects::open(list).unwrap();
    objects
        .iter()
        .map(|object| object.map(|object| hex::encode(&list[object.offset..object.end])))
        .collect::<Result<_, _>>()
        .unwrap()
}

fn text(text: &str) -> PlistValue<'_> {
    PlistValue::String(text.into())
}

fn integer(value: i128) -> PlistValue<'static> {
    PlistValue::Integer(Integer::new(value))
}

#[test]
fn the_captured_list_is_written_again_octet_for_octet() {
    let captured = octets(HEX);
    let written = encode(&decode(&captured).unwrap()).unwrap();
    assert_eq!(written.len(), 1013);
    assert_eq!(written[17], 0x1a, "the number of the object `false`");
    assert_eq!(hex::encode(written), HEX.trim());
}

/// `docs/protocol/invitation.md`, the captured octets.
#[test]
fn the_objects_of_the_captured_list_stand_where_the_description_says() {
    let captured = octets(HEX);
    let objects = Objects::open(&captured).unwrap();
    let trailer = objects.trailer();
    assert_eq!(trailer.offset, 981);
    assert_eq!((trailer.offset_width, trailer.reference_width), (2, 1));
    assert_eq!((trailer.object_count, trailer.top_object), (32, 0));
    assert_eq!(trailer.table_offset, 917);
    let found: Vec<_> = objects.iter().take(9).map(Result::unwrap).collect();
    let places = |object: &Object<'_>| (object.offset, object.content_offset, object.end);
    assert_eq!(places(&found[0]), (8, 9, 19));
    assert_eq!(places(&found[4]), (56, 59, 76));
    assert_eq!(places(&found[7]), (96, 100, 623));
    let texts: Vec<_> = found.iter().filter_map(Object::text).collect();
    assert_eq!(
        texts,
        [
            "VCSessionID",
            "VCICEData",
            "VCInviteesList",
            "VCSecurityEnabled",
            "VCOrderIsFinal"
        ]
    );
    let references: Vec<_> = found[0]
        .references()
        .map(|to| (to.offset, to.number))
        .collect();
    assert_eq!(references.len(), 10);
    assert_eq!((references[0], references[9]), ((9, 1), (18, 0x1a)));
    let kinds: Vec<_> = found.iter().map(Object::kind).collect();
    assert_eq!(kinds[6..], [Kind::Integer, Kind::Data, Kind::Array]);
}

#[test]
fn every_kind_of_object_is_read_and_written_again() {
    let wide = |hex| PlistValue::String(Text::Wide(octets(hex).into()));
    let number = |value, width| PlistValue::Integer(Integer::with_width(value, width).unwrap());
    let uid = |value, width| PlistValue::Uid(Uid::with_width(value, width).unwrap());
    let cases = [
        ("00", PlistValue::Null),
        ("08", PlistValue::Boolean(false)),
        ("09", PlistValue::Boolean(true)),
        ("0f", PlistValue::Fill),
        ("10 ff", number(255, 1)),
        ("11 ffff", number(65_535, 2)),
        ("11 0001", number(1, 2)),
        ("12 1c3b4d78", number(0x1c3b_4d78, 4)),
        ("12 ffffffff", number(0xffff_ffff, 4)),
        ("13 7fffffffffffffff", number(i64::MAX.into(), 8)),
        ("13 ffffffffffffffff", number(-1, 8)),
        ("13 8000000000000000", number(i64::MIN.into(), 8)),
        (
            "14 0000000000000000 ffffffffffffffff",
            number(u64::MAX.into(), 16),
        ),
        ("14 ffffffffffffffff ffffffffffffffff", number(-1, 16)),
        ("14 80000000000000000000000000000000", number(i128::MIN, 16)),
        ("22 3fc00000", PlistValue::Real(Real::Single(1.5))),
        ("23 3ff8000000000000", PlistValue::Real(Real::Double(1.5))),
        ("33 41b1c02ea4000000", PlistValue::Date(297_807_524.0)),
        ("33 c1cd27e440000000", PlistValue::Date(-978_307_200.0)),
        ("40", PlistValue::Data([].as_slice().into())),
        ("42 00ff", PlistValue::Data([0, 0xff].as_slice().into())),
        ("50", text("")),
        ("53 6d6163", text("mac")),
        (
            "53 6d6180",
            PlistValue::String(Text::Narrow(b"ma\x80".into())),
        ),
        ("62 00e9 263a", text("é☺")),
        ("62 d83d de00", text("😀")),
        ("61 d83d", wide("d83d")),
        ("62 de00 d83d", wide("de00 d83d")),
        ("63 0061 d83d 0062", wide("0061 d83d 0062")),
        ("80 07", uid(7, 1)),
        ("82 000007", uid(7, 3)),
        ("87 ffffffffffffffff", uid(u64::MAX, 8)),
        ("a0", PlistValue::Array(vec![])),
        ("b0", PlistValue::OrderedSet(vec![])),
        ("c0", PlistValue::Set(vec![])),
        ("d0", PlistValue::Dictionary(vec![])),
    ];
    for (object, value) in cases {
        let list = list(&[object]);
        let found = decode(&list).unwrap();
        assert_eq!(found, value, "{object}");
        assert_eq!(found.borrowed(), value, "{object}");
        assert_eq!(found.clone().into_owned(), value, "{object}");
        let written = encode(&value).unwrap();
        assert_eq!(objects(&written), [object.replace(' ', "")], "{object}");
    }
}

#[test]
fn values_that_equal_nothing_keep_their_octets() {
    for object in ["22 7fc00001", "23 7ff8000000000002", "33 fff8000000000000"] {
        let list = list(&[object]);
        let written = encode(&decode(&list).unwrap()).unwrap();
        assert_eq!(objects(&written), [object.replace(' ', "")]);
    }
}

#[test]
fn containers_hold_what_they_refer_to_in_its_order() {
    let found = list(&[
        "d2 01 02 03 04",
        "51 62",
        "51 61",
        "a2 05 05",
        "c1 06",
        "10 01",
        "b0",
    ]);
    let expected = PlistValue::Dictionary(vec![
        ("b".into(), PlistValue::Array(vec![integer(1), integer(1)])),
        (
            "a".into(),
            PlistValue::Set(vec![PlistValue::OrderedSet(vec![])]),
        ),
    ]);
    assert_eq!(decode(&found).unwrap(), expected);
    assert_eq!(expected.get("b").unwrap().kind(), Kind::Array);
    assert_eq!(expected.get("c"), None);
}

#[test]
fn a_key_that_occurs_twice_is_kept_and_the_first_one_counts() {
    let twice = list(&["d2 01 01 02 03", "51 6b", "08", "09"]);
    let value = decode(&twice).unwrap();
    assert_eq!(value.as_dictionary().unwrap().len(), 2);
    assert_eq!(value.get("k"), Some(&PlistValue::Boolean(false)));
    assert_eq!(
        objects(&encode(&value).unwrap()),
        ["d201010203", "516b", "08", "09"]
    );
}

#[test]
fn strings_that_are_no_unicode_can_still_be_shown() {
    let narrow = Text::Narrow(b"caf\xc3\xa9 \xff".into());
    assert_eq!(narrow.to_str_lossy(), "café \u{fffd}");
    let wide = Text::Wide([0, 0x61, 0xd8, 0x3d, 0, 0x62].as_slice().into());
    assert_eq!(wide.to_string(), "a\u{fffd}b");
    assert_eq!((narrow.as_str(), wide.as_str()), (None, None));
}

#[test]
fn lists_with_other_widths_than_ours_are_read() {
    // Offsets of 3 octets, references of 5.
    let mut wide = octets("62706c6973743030 a1 0000000001 09");
    let table = wide.len() as u64;
    wide.extend(octets("000008 00000e 0000000000 00 03 05"));
    for number in [2, 0, table] {
        wide.extend(number.to_be_bytes());
    }
    let expected = PlistValue::Array(vec![PlistValue::Boolean(true)]);
    assert_eq!(decode(&wide).unwrap(), expected);
}
