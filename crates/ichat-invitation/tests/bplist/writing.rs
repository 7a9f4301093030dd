//! Numbers of objects, lengths, widths; what is not written.

use ichat_invitation::bplist::{
    EncodeError, Integer, Objects, PlistValue, Real, Text, Uid, decode, encode,
};

use super::*;

#[test]
fn objects_are_numbered_depth_first_and_keys_before_values() {
    let value = PlistValue::Dictionary(vec![
        ("a".into(), PlistValue::Array(vec![text("x"), text("b")])),
        (
            "b".into(),
            PlistValue::Dictionary(vec![("a".into(), text("y"))]),
        ),
    ]);
    let found = objects(&encode(&value).unwrap());
    // a and b, then the array with x (and b again), then the inner dictionary with (a again and) y.
    assert_eq!(
        found,
        [
            "d201020305",
            "5161",
            "5162",
            "a20402",
            "5178",
            "d10106",
            "5179"
        ]
    );
}

#[test]
fn scalars_of_the_same_type_value_and_width_are_written_once_and_containers_always() {
    let number = |width| PlistValue::Integer(Integer::with_width(1, width).unwrap());
    let value = PlistValue::Array(vec![
        number(1),
        number(2),
        number(1),
        PlistValue::Boolean(true),
        PlistValue::Real(Real::Double(1.0)),
        PlistValue::Real(Real::Single(1.0)),
        PlistValue::Date(1.0),
        PlistValue::Boolean(true),
        text("1"),
        PlistValue::Data(b"1".into()),
        text("1"),
        PlistValue::Data(b"1".into()),
        PlistValue::Uid(Uid::new(1)),
        PlistValue::Array(vec![]),
        PlistValue::Array(vec![]),
    ]);
    let found = objects(&encode(&value).unwrap());
    assert_eq!(
        found,
        [
            "af100f010201030405060307080708090a0b",
            "1001",
            "110001",
            "09",
            "233ff0000000000000",
            "223f800000",
            "333ff0000000000000",
            "5131",
            "4131",
            "8001",
            "a0",
            "a0",
        ]
    );
}

#[test]
fn lengths_go_into_the_marker_up_to_14_and_into_an_integer_from_15_on() {
    for (length, head) in [
        (14, "5e"),
        (15, "5f100f"),
        (255, "5f10ff"),
        (256, "5f110100"),
        (65_535, "5f11ffff"),
        (65_536, "5f1200010000"),
    ] {
        let long = "x".repeat(length);
        let written = encode(&text(&long)).unwrap();
        assert!(
            objects(&written)[0].starts_with(&format!("{head}78")),
            "{length}"
        );
        assert_eq!(decode(&written).unwrap(), text(&long));
    }
}

#[test]
fn references_and_offsets_take_as_many_octets_as_the_numbers_need() {
    let widths = |value: &PlistValue<'_>| {
        let written = encode(value).unwrap();
        assert_eq!(&decode(&written).unwrap(), value);
        let trailer = *Objects::open(&written).unwrap().trailer();
        (trailer.offset_width, trailer.reference_width)
    };
    let numbers = |count: i128| PlistValue::Array((0..count).map(integer).collect());
    assert_eq!(widths(&text("x")), (1, 1));
    // One object is the array.
    assert_eq!(widths(&numbers(254)), (2, 1));
    assert_eq!(widths(&numbers(255)), (2, 2));
    // The table's offset decides, not the last object's: 8 octets before the string, 4 for its head.
    assert_eq!(widths(&text(&"x".repeat(244))), (1, 1));
    assert_eq!(widths(&text(&"x".repeat(245))), (2, 1));
    assert_eq!(widths(&PlistValue::Data(vec![0; 70_000].into())), (4, 1));
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let mut deep = PlistValue::Array(vec![]);
    for _ in 0..31 {
        deep = PlistValue::Array(vec![deep]);
    }
    assert_eq!(decode(&encode(&deep).unwrap()).unwrap(), deep);
    let deeper = PlistValue::Array(vec![deep]);
    assert_eq!(encode(&deeper), Err(EncodeError::Depth { limit: 32 }));
    let many = |count| PlistValue::Array(vec![PlistValue::Null; count]);
    assert_eq!(decode(&encode(&many(9999)).unwrap()).unwrap(), many(9999));
    assert_eq!(
        encode(&many(10_000)),
        Err(EncodeError::Objects { limit: 10_000 })
    );
    let long = |octets| PlistValue::Data(vec![0; octets].into());
    // 8 octets of head, 6 before the data, 4 of table, 32 of trailer.
    let largest = (1 << 20) - 50;
    assert_eq!(encode(&long(largest)).unwrap().len(), 1 << 20);
    let found = encode(&long(largest + 1)).unwrap_err();
    assert_eq!(
        found,
        EncodeError::TooLong {
            limit: 1 << 20,
            found: (1 << 20) + 1
        }
    );
    let half = PlistValue::String(Text::Wide([0xd8].as_slice().into()));
    assert_eq!(encode(&half), Err(EncodeError::HalfUnit { found: 1 }));
}

#[test]
fn widths_that_do_not_hold_a_number_are_refused() {
    for (value, width) in [
        (256, 1),
        (-1, 4),
        (1 << 32, 4),
        (1 << 63, 8),
        (0, 3),
        (0, 0),
    ] {
        assert_eq!(
            Integer::with_width(value, width),
            None,
            "{value} in {width}"
        );
    }
    for (value, width) in [
        (0, 1),
        (255, 1),
        (256, 2),
        (65_536, 4),
        (1 << 32, 8),
        (-1, 8),
    ] {
        assert_eq!(Integer::new(value).width(), width, "{value}");
        assert_eq!(Integer::new(value).value(), value);
    }
    assert_eq!(Integer::new(u64::MAX.into()).width(), 16);
    assert_eq!(Integer::new(u64::MAX.into()).to_i64(), None);
    assert_eq!(Uid::with_width(256, 1), None);
    assert_eq!(Uid::with_width(0, 9), None);
    assert_eq!(Uid::new(65_536).width(), 4);
}
