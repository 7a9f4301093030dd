//! What is refused, and in which words: octets that are no archive, values that cannot become one.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use typedstream::{
    Archive, CStringId, Class, ClassId, DecodeError, EncodeError, EncodingFault, Expected, Group,
    GroupPlace, Number, Object, ObjectId, Referent, Value,
};

const LITTLE: &[u8] = b"\x04\x0bstreamtyped\x81\xe8\x03";

/// The values of an archive that holds one group.
fn read(group: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let archive = Archive::decode(&[LITTLE, group].concat())?;
    let group = archive.groups.into_iter().next();
    Ok(group.map(|group| group.values).unwrap_or_default())
}

fn refusal(archive: &Archive) -> EncodeError {
    archive.encode().unwrap_err()
}

#[test]
fn an_integer_that_does_not_fit_its_type_is_an_error() {
    for (group, type_code, value) in [
        (&b"\x84\x01s\x82\x00\x80\x00\x00"[..], b's', 32_768),
        (
            b"\x84\x01i\x87\x00\x00\x00\x80\x00\x00\x00\x00",
            b'i',
            1 << 31,
        ),
        (b"\x84\x01S\x82\x00\x00\x01\x00", b'S', 65_536),
        (
            b"\x84\x01L\x87\x00\x00\x00\x00\x01\x00\x00\x00",
            b'L',
            1 << 32,
        ),
    ] {
        let error = DecodeError::IntegerRange {
            offset: 19,
            type_code,
            value,
        };
        assert_eq!(read(group).unwrap_err(), error);
    }
}

#[test]
fn a_class_may_not_be_its_own_superclass() {
    // class 0, superclass 1, superclass 0
    let error = read(b"\x84\x01#\x84\x84\x01A\x00\x84\x84\x01B\x00\x92").unwrap_err();
    assert_eq!(
        error,
        DecodeError::ClassCycle {
            offset: 29,
            index: 0
        }
    );
    let class = |superclass| Class {
        name: "A".into(),
        version: 0,
        superclass: Some(ClassId(superclass)),
    };
    let archive = Archive {
        groups: vec![Group::new("#", [Value::Class(Some(ClassId(0)))])],
        classes: vec![class(1), class(0)],
        objects: vec![Object {
            class: ClassId(0),
            groups: Vec::new(),
        }],
        ..Archive::default()
    };
    assert_eq!(refusal(&archive), EncodeError::ClassCycle(ClassId(0)));
    assert_eq!(archive.classes_of(ObjectId(0)).count(), 2, "the walk ends");
}

#[test]
fn references_out_of_range_or_to_another_kind_are_errors() {
    // Object 0 of class 1; then a group with the reference.
    let begin = b"\x84\x01@\x84\x84\x84\x01A\x00\x85\x86";
    let read = |group: &[u8]| read(&[begin, group].concat()).unwrap_err();
    let offset = LITTLE.len() + begin.len() + 1;
    let error = DecodeError::Reference {
        offset,
        index: 2,
        entries: 2,
    };
    assert_eq!(read(b"\x92\x94"), error);
    let error = DecodeError::Reference {
        offset,
        index: -1,
        entries: 2,
    };
    assert_eq!(read(b"\x92\x81\x91\xff"), error);
    let error = DecodeError::ReferenceKind {
        offset,
        index: 1,
        expected: Referent::Object,
        found: Referent::Class,
    };
    assert_eq!(read(b"\x92\x93"), error);
    assert_eq!(
        error.to_string(),
        "offset 28: entry 1 has to be an object, but is a class"
    );
    let error = DecodeError::StringReference {
        offset: offset - 1,
        index: 2,
        entries: 2,
    };
    assert_eq!(read(b"\x94"), error);
    let offset = offset + 2;
    let error = DecodeError::ReferenceKind {
        offset,
        index: 0,
        expected: Referent::Class,
        found: Referent::Object,
    };
    assert_eq!(read(b"\x84\x01#\x92"), error);
    let error = DecodeError::ReferenceKind {
        offset,
        index: 0,
        expected: Referent::CString,
        found: Referent::Object,
    };
    assert_eq!(read(b"\x84\x01*\x92"), error);
    // The class of an object that is the object itself.
    assert!(matches!(
        read(b"\x92\x84\x94"),
        DecodeError::ReferenceKind { .. }
    ));
}

#[test]
fn tags_where_no_tag_can_be_are_errors() {
    for (group, expected, found) in [
        (&b"\x84\x01i\x86"[..], Expected::Integer, 0x86),
        (b"\x84\x01i\x83", Expected::Integer, 0x83),
        (b"\x84\x01d\x85", Expected::Floating, 0x85),
        (b"\x84\x01+\x84", Expected::Length, 0x84),
        (b"\x84\x01@\x91", Expected::Object, 0x91),
        (b"\x84\x01#\x80", Expected::Class, 0x80),
        (b"\x84\x01*\x86", Expected::CString, 0x86),
        (b"\x84\x01:\x88", Expected::SharedString, 0x88),
    ] {
        let error = DecodeError::UnexpectedTag {
            offset: 19,
            expected,
            found,
        };
        assert_eq!(read(group).unwrap_err(), error);
    }
    let error = read(b"\x86").unwrap_err();
    assert_eq!(
        error.to_string(),
        "offset 16: a shared string expected, found the tag 86"
    );
}

#[test]
fn nil_where_something_has_to_be_is_an_error() {
    for (group, offset) in [
        (&b"\x85"[..], 16),
        (b"\x84\x85", 17),
        (b"\x84\x01@\x84\x84\x85", 21),
        (b"\x84\x01*\x84\x85", 20),
    ] {
        let error = DecodeError::NilString { offset };
        assert_eq!(read(group).unwrap_err(), error);
    }
    let error = DecodeError::NilClass { offset: 20 };
    assert_eq!(read(b"\x84\x01@\x84\x85\x86").unwrap_err(), error);
}

#[test]
fn encodings_that_cannot_be_read_say_why() {
    for (encoding, position, fault) in [
        ("", 0, EncodingFault::Empty),
        ("i(ab)", 1, EncodingFault::Union),
        ("{?=i^v}", 4, EncodingFault::Pointer),
        ("b3", 0, EncodingFault::BitField),
        ("i?", 1, EncodingFault::Unknown(b'?')),
        ("v", 0, EncodingFault::Unknown(b'v')),
        ("[3]", 2, EncodingFault::ArrayElement),
        ("[3ii]", 4, EncodingFault::ArrayElement),
        ("[i]", 0, EncodingFault::ArrayLength),
        ("[3i", 3, EncodingFault::Incomplete),
        ("{a=", 3, EncodingFault::Incomplete),
        ("i]", 1, EncodingFault::Bracket),
        ("[2{i]}", 4, EncodingFault::Bracket),
    ] {
        let group = [
            &[0x84, u8::try_from(encoding.len()).unwrap()],
            encoding.as_bytes(),
            &[1; 9],
        ];
        let error = DecodeError::Encoding {
            offset: 16,
            position,
            fault,
        };
        assert_eq!(read(&group.concat()).unwrap_err(), error, "{encoding}");
        let archive = Archive {
            groups: vec![Group::new(encoding, [])],
            ..Archive::default()
        };
        let place = GroupPlace {
            object: None,
            group: 0,
        };
        let error = EncodeError::Encoding {
            place,
            position,
            fault,
        };
        assert_eq!(refusal(&archive), error, "{encoding}");
    }
}

#[test]
fn heads_of_other_files_are_refused() {
    for (head, error) in [
        (
            &b""[..],
            DecodeError::Truncated {
                offset: 0,
                expected: 1,
                found: 0,
            },
        ),
        (b"bplist00", DecodeError::StreamerVersion { found: b'b' }),
        (
            b"\x03\x0btypedstream\x81\x03\xe8",
            DecodeError::OldStreamerVersion,
        ),
        (
            b"\x04\x0astreamtype",
            DecodeError::SignatureLength { found: 10 },
        ),
        (b"\x04\x0bstreamtypes\x01", DecodeError::Signature),
        (
            b"\x04\x0bstream",
            DecodeError::Truncated {
                offset: 2,
                expected: 11,
                found: 6,
            },
        ),
    ] {
        assert_eq!(Archive::decode(head).unwrap_err(), error);
    }
    let mut archive = Archive::default();
    archive.header.streamer_version = 3;
    assert_eq!(refusal(&archive), EncodeError::StreamerVersion { found: 3 });
}

#[test]
fn what_does_not_fit_together_is_not_written() {
    let one = |encoding: &str, value: Value| Archive {
        groups: vec![Group::new(encoding, [value])],
        ..Archive::default()
    };
    let place = GroupPlace {
        object: None,
        group: 0,
    };
    let wrong = |expected, found| EncodeError::Type {
        place,
        expected,
        found,
    };
    let int = Value::from(Number::Int(1));
    assert_eq!(
        refusal(&one("s", int.clone())),
        wrong(b's', "another number")
    );
    assert_eq!(
        refusal(&one("@", int.clone())),
        wrong(b'@', "another number")
    );
    assert_eq!(
        refusal(&one("[1i]", int.clone())),
        wrong(b'[', "another number")
    );
    assert_eq!(
        refusal(&one("[1c]", int.clone())),
        wrong(b'[', "another number")
    );
    assert_eq!(refusal(&one("{i}", int)), wrong(b'{', "another number"));
    assert_eq!(
        refusal(&one("i", Value::Octets([1].into()))),
        wrong(b'i', "an array of octets")
    );
    let count = |expected, found| EncodeError::Count {
        place,
        expected,
        found,
    };
    assert_eq!(
        refusal(&one("[3c]", Value::Octets([1].into()))),
        count(3, 1)
    );
    assert_eq!(refusal(&one("[3i]", Value::Array([].into()))), count(3, 0));
    assert_eq!(refusal(&one("{i}", Value::Struct([].into()))), count(1, 0));
    assert_eq!(
        refusal(&one("{}", Value::Struct([Value::Ignored].into()))),
        count(0, 1)
    );
    let object = Value::Object(Some(ObjectId(0)));
    assert_eq!(
        refusal(&one("@", object.clone())),
        EncodeError::NoObject(ObjectId(0))
    );
    let mut archive = one("@", object);
    archive.objects.push(Object {
        class: ClassId(7),
        groups: Vec::new(),
    });
    assert_eq!(refusal(&archive), EncodeError::NoClass(ClassId(7)));
    let archive = one("*", Value::CString(Some(CStringId(1))));
    assert_eq!(refusal(&archive), EncodeError::NoCString(CStringId(1)));
    let mut archive = one("*", Value::CString(Some(CStringId(0))));
    archive.c_strings.push("a\0".into());
    assert_eq!(refusal(&archive), EncodeError::ZeroInCString(CStringId(0)));
}
