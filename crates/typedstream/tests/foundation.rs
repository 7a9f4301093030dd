//! Objects of Foundation: built as a Mac writes them, and read back.
//!
//! Expected octets are spelled out, with what each part is.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use typedstream::foundation::{Builder, Foundation, FoundationError, Mutability, Run, split_runs};
use typedstream::{Archive, ByteOrder, Group, Number, ObjectId, Octets, Value};

use Mutability::{Immutable, Mutable};

const HEAD: &[u8] = b"\x04\x0bstreamtyped\x81\xe8\x03";

/// Builds one object, and checks that it is written as these octets behind the head, and read back
/// from them.
fn build(octets: &[&[u8]], build: impl FnOnce(&mut Builder) -> ObjectId) -> Archive {
    let mut builder = Builder::new(ByteOrder::Little);
    let root = build(&mut builder);
    let written = builder.finish(root).encode().unwrap();
    let expected = [HEAD, &octets.concat()].concat();
    assert_eq!(
        written.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    Archive::decode(&written).unwrap()
}

fn root(archive: &Archive) -> Foundation<'_> {
    archive.foundation(archive.root().unwrap()).unwrap()
}

#[test]
fn strings() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x08NSString\x01", // A0, new object B0 of new class B1
            b"\x84\x84\x08NSObject\x00\x85",          // superclass B2, which has none
            b"\x84\x01+\x06gr\xc3\xbc\xc3\x9f\x86",   // octets, in UTF-8
        ],
        |builder| builder.string("grüß", Immutable),
    );
    let text = Foundation::String {
        text: "grüß",
        mutability: Immutable,
    };
    assert_eq!(root(&archive), text);
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x0fNSMutableString\x01",
            b"\x84\x84\x08NSString\x01\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01+\x00\x86",
        ],
        |builder| builder.string("", Mutable),
    );
    let text = Foundation::String {
        text: "",
        mutability: Mutable,
    };
    assert_eq!(root(&archive), text);
}

#[test]
fn numbers() {
    let cases: [(Number, &[u8]); 13] = [
        (Number::Char(1), b"\x01"),
        (Number::UnsignedChar(255), b"\xff"),
        (Number::Short(-1), b"\xff"),
        (Number::UnsignedShort(300), b"\x81\x2c\x01"),
        (Number::Int(42), b"\x2a"),
        (Number::UnsignedInt(7), b"\x07"),
        (Number::Long(-111), b"\x81\x91\xff"),
        (Number::UnsignedLong(8), b"\x08"),
        (
            Number::LongLong(-9_000_000_000),
            b"\x87\x00\xe6\x8e\xe7\xfd\xff\xff\xff",
        ),
        (Number::UnsignedLongLong(9), b"\x09"),
        (Number::Boolean(true), b"\x01"),
        (Number::Float(3.5), b"\x83\x00\x00\x60\x40"),
        (
            Number::Double(100.5),
            b"\x83\x00\x00\x00\x00\x00\x20\x59\x40",
        ),
    ];
    for (number, octets) in cases {
        let archive = build(
            &[
                b"\x84\x01@\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00",
                b"\x84\x84\x08NSObject\x00\x85",
                b"\x84\x01*\x84\x84\x01", // new C string B4, its content new too
                &[number.type_code()],
                b"\x97", // the content is the encoding of the group: A5
                octets,
                b"\x86",
            ],
            |builder| builder.number(number),
        );
        assert_eq!(root(&archive), Foundation::Number(number));
        assert_eq!(archive.number(archive.root().unwrap()), Some(number));
    }
}

#[test]
fn values() {
    let point = Value::Struct([Number::Float(8.0).into(), Number::Float(0.5).into()].into());
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x07NSValue\x00\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01*\x84\x84\x0d{_NSPoint=ff}\x96\x08\x83\x00\x00\x00\x3f\x86",
        ],
        |builder| builder.value("{_NSPoint=ff}", point.clone()),
    );
    let Foundation::Value { encoding, values } = root(&archive) else {
        unreachable!("a value");
    };
    assert_eq!(*encoding, "{_NSPoint=ff}");
    assert_eq!(values, [point]);
}

#[test]
fn data() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x0dNSMutableData\x00\x84\x84\x06NSData\x00",
            b"\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01i\x04\x84\x04[4c]\xde\xad\xbe\xef\x86",
        ],
        |builder| builder.data(b"\xde\xad\xbe\xef", Mutable),
    );
    let data = Foundation::Data {
        octets: b"\xde\xad\xbe\xef",
        mutability: Mutable,
    };
    assert_eq!(root(&archive), data);
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x06NSData\x00\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01i\x00\x84\x04[0c]\x86",
        ],
        |builder| builder.data(b"", Immutable),
    );
    assert_eq!(archive.data(archive.root().unwrap()), Some(&[][..]));
}

#[test]
fn arrays_share_their_elements() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x07NSArray\x00\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01i\x03", // three elements
            b"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x01x\x86", // B3 of B4, whose superclass is B2
            b"\x92\x84\x84\x84\x06NSNull\x00\x94\x86",                 // B5 of B6
            b"\x92\x95\x86",                                           // B3 again
        ],
        |builder| {
            let text = builder.string("x", Immutable);
            let null = builder.null();
            builder.array(&[text, null, text], Immutable)
        },
    );
    let Foundation::Array {
        elements,
        mutability: Immutable,
    } = root(&archive)
    else {
        unreachable!("an array");
    };
    assert_eq!(elements.first(), elements.last());
    let null = archive.foundation(*elements.get(1).unwrap());
    assert_eq!(null, Ok(Foundation::Null));
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x0eNSMutableArray\x00\x84\x84\x07NSArray\x00",
            b"\x84\x84\x08NSObject\x00\x85\x84\x01i\x00\x86",
        ],
        |builder| builder.array(&[], Mutable),
    );
    let empty = Foundation::Array {
        elements: vec![],
        mutability: Mutable,
    };
    assert_eq!(root(&archive), empty);
}

#[test]
fn sets_have_an_unsigned_count() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x0cNSMutableSet\x00\x84\x84\x05NSSet\x00",
            b"\x84\x84\x08NSObject\x00\x85\x84\x01I\x01",
            b"\x92\x84\x84\x84\x08NSString\x01\x95\x84\x01+\x02m1\x86\x86",
        ],
        |builder| {
            let element = builder.string("m1", Immutable);
            builder.set(&[element], Mutable)
        },
    );
    let Foundation::Set {
        elements,
        mutability: Mutable,
    } = root(&archive)
    else {
        unreachable!("a set");
    };
    assert_eq!(archive.text(*elements.first().unwrap()), Some("m1"));
}

#[test]
fn dictionaries_keep_their_order() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x0cNSDictionary\x00\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01i\x02",
            b"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x01b\x86\x92\x95",
            b"\x92\x84\x96\x97\x01a\x86\x92\x97\x86",
        ],
        |builder| {
            let keys = ["b", "a"].map(|key| builder.string(key, Immutable));
            builder.dictionary(&keys.map(|key| (key, key)), Immutable)
        },
    );
    let Foundation::Dictionary { entries, .. } = root(&archive) else {
        unreachable!("a dictionary");
    };
    let texts: Vec<_> = entries
        .iter()
        .map(|(key, value)| (archive.text(*key).unwrap(), archive.text(*value).unwrap()))
        .collect();
    assert_eq!(texts, [("b", "b"), ("a", "a")]);
}

#[test]
fn dates() {
    for (seconds, octets) in [
        (21_692_800.0, &b"\x82\x80\x01\x4b\x01"[..]),
        (0.5, b"\x83\x00\x00\x00\x00\x00\x00\xe0\x3f"),
    ] {
        let archive = build(
            &[
                b"\x84\x01@\x84\x84\x84\x06NSDate\x00\x84\x84\x08NSObject\x00\x85\x84\x01d",
                octets,
                b"\x86",
            ],
            |builder| builder.date(seconds),
        );
        assert_eq!(root(&archive), Foundation::Date { seconds });
    }
}

#[test]
fn urls() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x05NSURL\x00\x84\x84\x08NSObject\x00\x85",
            b"\x84\x01c\x01",        // relative
            b"\x92\x84\x93\x95\x00", // to B3, of class B1, which is not
            b"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x09http://a/\x86\x86",
            b"\x92\x84\x97\x97\x01b\x86\x86", // A5 is `+`, class B5 is NSString
        ],
        |builder| {
            let base = builder.string("http://a/", Immutable);
            let base = builder.url(None, base);
            let text = builder.string("b", Immutable);
            builder.url(Some(base), text)
        },
    );
    let Foundation::Url {
        base: Some(base),
        text,
    } = root(&archive)
    else {
        unreachable!("a relative URL");
    };
    assert_eq!(archive.text(text), Some("b"));
    let Ok(Foundation::Url { base: None, text }) = archive.foundation(base) else {
        unreachable!("an absolute URL");
    };
    assert_eq!(archive.text(text), Some("http://a/"));
}

#[test]
fn attributed_strings_name_each_dictionary_once() {
    let archive = build(
        &[
            b"\x84\x01@\x84\x84\x84\x19NSMutableAttributedString\x00",
            b"\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85",
            b"\x92\x84\x84\x84\x0fNSMutableString\x01\x84\x84\x08NSString\x01\x95",
            b"\x84\x01+\x05a \xc3\xa4!\x86",
            b"\x84\x02iI\x01\x02", // the first dictionary, two units
            b"\x92\x84\x84\x84\x0cNSDictionary\x00\x95\x84\x01i\x00\x86",
            b"\x99\x02\x01\x92\x84\x9a\x9b\x00\x86", // `iI` is A7: the second one, one unit
            b"\x99\x01\x01\x86",                     // the first one again
        ],
        |builder| {
            let text = builder.string("a ä!", Mutable);
            let plain = builder.dictionary(&[], Immutable);
            let other = builder.dictionary(&[], Immutable);
            let runs = [(2, plain), (1, other), (1, plain)]
                .map(|(length, attributes)| Run { length, attributes });
            builder.attributed_string(text, &runs, Mutable)
        },
    );
    let Foundation::AttributedString {
        text,
        runs,
        mutability: Mutable,
    } = root(&archive)
    else {
        unreachable!("an attributed string");
    };
    let pieces = split_runs(archive.text(text).unwrap(), &runs);
    let texts: Vec<_> = pieces.iter().map(|(text, _)| *text).collect();
    assert_eq!(texts, ["a ", "ä", "!"]);
    let attributes: Vec<_> = pieces.iter().map(|(_, attributes)| *attributes).collect();
    assert_eq!(attributes.first(), attributes.last());
    assert_ne!(attributes.first(), attributes.get(1));
}

#[test]
fn runs_count_utf_16_units() {
    let run = |length, attributes| Run {
        length,
        attributes: ObjectId(attributes),
    };
    let split = |text, runs: &[Run]| -> Vec<(String, u32)> {
        split_runs(text, runs)
            .into_iter()
            .map(|(text, ObjectId(attributes))| (text.to_owned(), attributes))
            .collect()
    };
    let text = "é😀x";
    let pieces = [
        ("é".to_owned(), 1),
        ("😀".to_owned(), 2),
        ("x".to_owned(), 3),
    ];
    assert_eq!(split(text, &[run(1, 1), run(2, 2), run(1, 3)]), pieces);
    // A cut inside of a character moves behind it; the next run keeps its end.
    assert_eq!(split(text, &[run(1, 1), run(1, 2), run(2, 3)]), pieces);
    assert_eq!(
        split(text, &[run(1, 1), run(2, 2), run(u32::MAX, 3), run(9, 4)]),
        pieces
    );
    assert_eq!(split(text, &[run(0, 9), run(1, 1)]), pieces[..1]);
    assert_eq!(split("", &[run(0, 1)]), []);
}

#[test]
fn an_object_that_is_not_what_its_class_writes_is_an_error() {
    let one = |name: &str, groups: Vec<Group>| {
        let mut builder = Builder::new(ByteOrder::Little);
        let root = builder.object(&[(name, 0), ("NSObject", 0)], groups);
        let archive = builder.finish(root);
        archive.foundation(root).map(|_| ()).unwrap_err()
    };
    let int = |n| Group::new("i", [Number::Int(n).into()]);
    let object = || Group::new("@", [Value::Object(Some(ObjectId(0)))]);
    let nil = || Group::new("@", [Value::Object(None)]);
    for (name, groups, group) in [
        ("NSString", vec![], 0),
        (
            "NSString",
            vec![Group::new("+", [Value::ByteString(None)])],
            0,
        ),
        (
            "NSString",
            vec![Group::new("+", [Value::ByteString(Some([0xff].into()))])],
            0,
        ),
        ("NSArray", vec![int(-1)], 0),
        (
            "NSArray",
            vec![Group::new("s", [Number::Short(0).into()])],
            0,
        ),
        ("NSArray", vec![int(i32::MAX)], 1),
        ("NSArray", vec![int(2), object(), nil()], 2),
        ("NSArray", vec![int(1), object(), object()], 2),
        ("NSDictionary", vec![int(1), object()], 1),
        ("NSSet", vec![int(0)], 0),
        (
            "NSData",
            vec![int(2), Group::new("[1c]", [Value::Octets([1].into())])],
            1,
        ),
        ("NSNumber", vec![object()], 0),
        ("NSNull", vec![object()], 0),
        ("NSDate", vec![int(1)], 0),
        ("NSURL", vec![Group::new("c", [Number::Char(2).into()])], 0),
        ("NSAttributedString", vec![object(), object()], 1),
        (
            "NSAttributedString",
            vec![
                object(),
                Group::new("iI", [Number::Int(2).into(), Number::UnsignedInt(1).into()]),
                object(),
            ],
            2,
        ),
    ] {
        let error = one(name, groups);
        assert_eq!(
            error,
            FoundationError::Content {
                object: ObjectId(0),
                class: name_of(&error),
                group,
            },
            "{name}"
        );
        assert_eq!(
            error.to_string(),
            format!("object 0: no {name} in group {group}")
        );
    }
    let none = Archive::default().foundation(ObjectId(3)).map(|_| ());
    assert_eq!(none, Err(FoundationError::NoObject(ObjectId(3))));
}

fn name_of(error: &FoundationError) -> &'static str {
    match error {
        FoundationError::Content { class, .. } => class,
        FoundationError::NoObject(_) => "",
    }
}

#[test]
fn a_subclass_is_seen_as_its_superclass_if_it_writes_alike() {
    let mut builder = Builder::new(ByteOrder::Little);
    let text = Group::new("+", [Value::ByteString(Some(Octets::from(*b"text")))]);
    let classes = [
        ("MyString", 9),
        ("NSMutableString", 1),
        ("NSString", 1),
        ("NSObject", 0),
    ];
    let alike = builder.object(&classes, vec![text.clone()]);
    let more = builder.object(&classes, vec![text.clone(), text]);
    assert_eq!(builder.archive().text(alike), Some("text"));
    let seen = builder.archive().foundation(more);
    assert!(matches!(seen, Ok(Foundation::Unknown(object)) if object.groups.len() == 2));
}
