//! Each element of the grammar, in hand-made octets.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use typedstream::{
    Archive, ByteOrder, CStringId, Class, ClassId, DecodeError, Group, Header, Number, Value,
};

const LITTLE: &[u8] = b"\x04\x0bstreamtyped\x81\xe8\x03";
const BIG: &[u8] = b"\x04\x0btypedstream\x81\x03\xe8";

/// The values of an archive that holds one group.
fn read(head: &[u8], group: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let archive = Archive::decode(&[head, group].concat())?;
    let group = archive.groups.into_iter().next();
    Ok(group.map(|group| group.values).unwrap_or_default())
}

/// The octets of one group behind the head.
fn written(encoding: &str, values: &[Value]) -> Vec<u8> {
    let archive = Archive {
        groups: vec![Group::new(encoding, values)],
        ..Archive::default()
    };
    let octets = archive.encode().unwrap();
    octets.strip_prefix(LITTLE).unwrap().to_vec()
}

#[test]
fn integers_are_as_short_as_can_be() {
    // (value, octets behind the encoding): one octet holds -110 to 127, below are the tags.
    let cases: [(i64, &[u8]); 14] = [
        (0, b"\x00"),
        (127, b"\x7f"),
        (-110, b"\x92"),
        (-111, b"\x81\x91\xff"),
        (-128, b"\x81\x80\xff"),
        (128, b"\x81\x80\x00"),
        (32_767, b"\x81\xff\x7f"),
        (-32_768, b"\x81\x00\x80"),
        (32_768, b"\x82\x00\x80\x00\x00"),
        (-32_769, b"\x82\xff\x7f\xff\xff"),
        (i32::MAX.into(), b"\x82\xff\xff\xff\x7f"),
        (i32::MIN.into(), b"\x82\x00\x00\x00\x80"),
        (-9_000_000_000, b"\x87\x00\xe6\x8e\xe7\xfd\xff\xff\xff"),
        (i64::MAX, b"\x87\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ];
    for (value, octets) in cases {
        let value = Value::from(Number::LongLong(value));
        let group = [b"\x84\x01q", octets].concat();
        assert_eq!(written("q", std::slice::from_ref(&value)), group);
        assert_eq!(read(LITTLE, &group).unwrap(), [value]);
    }
}

#[test]
fn wide_integers_follow_the_byte_order() {
    let values = read(BIG, b"\x84\x06iiqfdS\x81\x01\x02\x82\x01\x02\x03\x04\x87\x01\x02\x03\x04\x05\x06\x07\x08\x83\x3f\xc0\x00\x00\x83\x3f\xf8\x00\x00\x00\x00\x00\x00\x82\x00\x00\xff\xfe").unwrap();
    let numbers = [
        Number::Int(0x0102),
        Number::Int(0x0102_0304),
        Number::LongLong(0x0102_0304_0506_0708),
        Number::Float(1.5),
        Number::Double(1.5),
        Number::UnsignedShort(0xfffe),
    ];
    assert_eq!(values, numbers.map(Value::from));
    let archive = Archive {
        header: Header::new(ByteOrder::Big),
        groups: vec![Group::new("iiqfdS", values)],
        ..Archive::default()
    };
    let octets = archive.encode().unwrap();
    assert_eq!(Archive::decode(&octets).unwrap(), archive);
    assert!(octets.starts_with(BIG));
}

#[test]
fn unsigned_integers_keep_their_upper_half() {
    let cases: [(Number, &[u8]); 9] = [
        (Number::UnsignedShort(127), b"\x7f"),
        (Number::UnsignedShort(146), b"\x81\x92\x00"),
        (Number::UnsignedShort(65_535), b"\x82\xff\xff\x00\x00"),
        (Number::UnsignedInt(40_000), b"\x82\x40\x9c\x00\x00"),
        (Number::UnsignedInt(u32::MAX), b"\x82\xff\xff\xff\xff"),
        (Number::UnsignedLong(1 << 31), b"\x82\x00\x00\x00\x80"),
        (
            Number::UnsignedLongLong(1 << 31),
            b"\x87\x00\x00\x00\x80\x00\x00\x00\x00",
        ),
        (
            Number::UnsignedLongLong(u64::MAX),
            b"\x87\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (Number::UnsignedChar(0x84), b"\x84"),
    ];
    for (number, octets) in cases {
        let encoding = char::from(number.type_code()).to_string();
        let group = [&[0x84, 1, number.type_code()], octets].concat();
        assert_eq!(written(&encoding, &[number.into()]), group, "{number:?}");
        assert_eq!(read(LITTLE, &group).unwrap(), [number.into()]);
    }
    // Written by others: a single octet below zero is a number close to the largest one.
    assert_eq!(
        read(LITTLE, b"\x84\x01I\xff").unwrap(),
        [Number::UnsignedInt(u32::MAX).into()]
    );
    assert_eq!(
        read(LITTLE, b"\x84\x01S\xfe").unwrap(),
        [Number::UnsignedShort(65_534).into()]
    );
    assert_eq!(
        read(LITTLE, b"\x84\x01Q\xff").unwrap(),
        [Number::UnsignedLongLong(u64::MAX).into()]
    );
    assert_eq!(
        read(LITTLE, b"\x84\x01I\x81\xff\xff").unwrap(),
        [Number::UnsignedInt(65_535).into()]
    );
}

#[test]
fn characters_and_booleans_are_single_octets_without_tags() {
    let values = [
        Number::Char(-124).into(),
        Number::UnsignedChar(0x85).into(),
        Number::Boolean(true).into(),
    ];
    let group = b"\x84\x03cCB\x84\x85\x01";
    assert_eq!(written("cCB", &values), group);
    assert_eq!(read(LITTLE, group).unwrap(), values);
    let error = DecodeError::Boolean {
        offset: 19,
        found: 2,
    };
    assert_eq!(read(LITTLE, b"\x84\x01B\x02").unwrap_err(), error);
}

#[test]
fn floats_without_a_fraction_are_integers() {
    let cases: [(Number, &[u8]); 12] = [
        (Number::Float(0.0), b"\x00"),
        (Number::Float(-0.0), b"\x83\x00\x00\x00\x80"),
        (Number::Float(-2.0), b"\xfe"),
        (Number::Float(3.5), b"\x83\x00\x00\x60\x40"),
        (Number::Float(2_147_483_648.0), b"\x83\x00\x00\x00\x4f"),
        (Number::Float(f32::INFINITY), b"\x83\x00\x00\x80\x7f"),
        (Number::Double(21_692_800.0), b"\x82\x80\x01\x4b\x01"),
        (Number::Double(2_147_483_647.0), b"\x82\xff\xff\xff\x7f"),
        (
            Number::Double(2_147_483_648.0),
            b"\x83\x00\x00\x00\x00\x00\x00\xe0\x41",
        ),
        (Number::Double(-2_147_483_648.0), b"\x82\x00\x00\x00\x80"),
        (
            Number::Double(100.5),
            b"\x83\x00\x00\x00\x00\x00\x20\x59\x40",
        ),
        (
            Number::Double(-0.0),
            b"\x83\x00\x00\x00\x00\x00\x00\x00\x80",
        ),
    ];
    for (number, octets) in cases {
        let encoding = char::from(number.type_code()).to_string();
        let group = [&[0x84, 1, number.type_code()], octets].concat();
        assert_eq!(written(&encoding, &[number.into()]), group, "{number:?}");
        let values = read(LITTLE, &group).unwrap();
        let [Value::Number(read)] = values.as_slice() else {
            unreachable!("a number");
        };
        let (found, expected) = (read.as_f64().to_bits(), number.as_f64().to_bits());
        assert_eq!(found, expected, "{number:?}");
    }
}

#[test]
fn strings_are_shared_and_byte_strings_are_not() {
    let values = [
        Value::Selector(Some("init".into())),
        Value::Atom(Some("init".into())),
        Value::Selector(None),
        Value::Atom(None),
        Value::ByteString(Some(b"init".as_slice().into())),
        Value::ByteString(Some([].into())),
        Value::ByteString(None),
        Value::Ignored,
        // The encoding is a shared string too.
        Value::Atom(Some(":%:%+++!%".into())),
    ];
    let group = b"\x84\x09:%:%+++!%\x84\x04init\x93\x85\x85\x04init\x00\x85\x92";
    assert_eq!(written(":%:%+++!%", &values), group);
    assert_eq!(read(LITTLE, group).unwrap(), values);
}

#[test]
fn a_long_string_has_a_wider_length() {
    for (length, octets) in [
        (127_usize, &b"\x7f"[..]),
        (128, b"\x81\x80\x00"),
        (157, b"\x81\x9d\x00"),
        (40_000, b"\x82\x40\x9c\x00\x00"),
    ] {
        let text = vec![b'x'; length];
        let values = [Value::ByteString(Some(text.as_slice().into()))];
        let group = [b"\x84\x01+", octets, &text].concat();
        assert_eq!(written("+", &values), group);
        assert_eq!(read(LITTLE, &group).unwrap(), values);
    }
    // Written by others: a length is never negative.
    let text = [b'x'; 0xff];
    for length in [&b"\xff"[..], b"\x82\xff\x00\x00\x00"] {
        let group = [b"\x84\x01+", length, &text].concat();
        assert_eq!(
            read(LITTLE, &group).unwrap(),
            [Value::ByteString(Some(text.as_slice().into()))]
        );
    }
}

#[test]
fn c_strings_have_an_identity_and_a_content() {
    // Two C strings with the content of the encoding, the first of them again, and none.
    let values = [Some(0), Some(1), Some(0), None];
    let archive = Archive {
        groups: vec![Group::new(
            "****",
            values.map(|id| Value::CString(id.map(CStringId))),
        )],
        c_strings: vec!["****".into(), "****".into()],
        ..Archive::default()
    };
    let octets = archive.encode().unwrap();
    assert_eq!(
        octets.strip_prefix(LITTLE).unwrap(),
        b"\x84\x04****\x84\x92\x84\x92\x92\x85"
    );
    assert_eq!(Archive::decode(&octets).unwrap(), archive);
    let error = DecodeError::ZeroInCString { offset: 19 };
    assert_eq!(
        read(LITTLE, b"\x84\x01*\x84\x84\x02a\x00").unwrap_err(),
        error
    );
}

#[test]
fn classes_are_values_too_and_share_their_superclasses() {
    // class B (version 2) of A (version -1), then A, nil and B again
    let class = |name: &str, version, superclass| Class {
        name: name.into(),
        version,
        superclass,
    };
    let classes = [Some(0), Some(1), None, Some(0)].map(|id| Value::Class(id.map(ClassId)));
    let archive = Archive {
        groups: vec![Group::new("####", classes)],
        classes: vec![class("B", 2, Some(ClassId(1))), class("A", -1, None)],
        ..Archive::default()
    };
    let octets = archive.encode().unwrap();
    let expected = b"\x84\x04####\x84\x84\x01B\x02\x84\x84\x01A\xff\x85\x93\x85\x92";
    assert_eq!(octets.strip_prefix(LITTLE).unwrap(), expected);
    assert_eq!(Archive::decode(&octets).unwrap(), archive);
}

#[test]
fn arrays_and_structs_nest() {
    let values = read(
        LITTLE,
        b"\x84\x1d[2{_P=f[3s]}][2C]{{a=B}@}[0c]\x01\x02\x03\x04\x83\x00\x00\x00\x3f\x05\x81\x00\x01\x06\x07\x08\x01\x85",
    )
    .unwrap();
    let short = |n| Value::from(Number::Short(n));
    let expected = [
        Value::Array(
            [
                Value::Struct(
                    [
                        Number::Float(1.0).into(),
                        Value::Array([2, 3, 4].map(short).into()),
                    ]
                    .into(),
                ),
                Value::Struct(
                    [
                        Number::Float(0.5).into(),
                        Value::Array([5, 256, 6].map(short).into()),
                    ]
                    .into(),
                ),
            ]
            .into(),
        ),
        Value::Octets([7, 8].into()),
        Value::Struct(
            [
                Value::Struct([Number::Boolean(true).into()].into()),
                Value::Object(None),
            ]
            .into(),
        ),
        Value::Octets([].into()),
    ];
    assert_eq!(values, expected);
}
