//! Keyed archives: classes of Foundation's, unknown ones, what is refused.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use ichat_invitation::bplist::{Integer, Kind, Limits, PlistValue, Real, Text, Uid};
use ichat_invitation::keyed_archive::{KeyedArchive, KeyedContent, KeyedError, is_keyed_archive};

type Value = PlistValue<'static>;

fn uid(number: u64) -> Value {
    PlistValue::Uid(Uid::new(number))
}

fn string(text: &'static str) -> Value {
    PlistValue::String(text.into())
}

fn dictionary<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    let entries = entries.into_iter();
    PlistValue::Dictionary(entries.map(|(key, value)| (key.into(), value)).collect())
}

fn array<const N: usize>(members: [Value; N]) -> Value {
    PlistValue::Array(members.into())
}

/// A class with its line of ancestors.
fn class<const N: usize>(line: [&'static str; N]) -> Value {
    dictionary([
        ("$classname", string(line[0])),
        ("$classes", array(line.map(string))),
    ])
}

/// An archive whose root is object 1.
fn archive<const N: usize>(objects: [Value; N]) -> Value {
    let mut all = vec![string("$null")];
    all.extend(objects);
    dictionary([
        ("$version", PlistValue::Integer(Integer::new(100_000))),
        ("$archiver", string("NSKeyedArchiver")),
        ("$top", dictionary([("root", uid(1))])),
        ("$objects", PlistValue::Array(all)),
    ])
}

fn plain(archive: &Value) -> Value {
    let decoded = KeyedArchive::decode(archive).unwrap();
    decoded.root().unwrap().to_plist().unwrap().into_owned()
}

fn fault(archive: &Value) -> KeyedError {
    KeyedArchive::decode(archive).unwrap_err()
}

#[test]
fn foundations_classes_become_plain_values_and_keep_their_names() {
    let archive = archive([
        dictionary([
            ("NS.keys", array([uid(2), uid(3)])),
            ("NS.objects", array([uid(4), uid(0)])),
            ("$class", uid(9)),
        ]),
        string("list"),
        string("nothing"),
        dictionary([
            ("NS.objects", array([uid(5), uid(6), uid(7), uid(8)])),
            ("$class", uid(10)),
        ]),
        dictionary([("NS.string", string("text")), ("$class", uid(11))]),
        dictionary([
            ("NS.bytes", PlistValue::Data("☺".as_bytes().into())),
            ("$class", uid(11)),
        ]),
        dictionary([
            ("NS.time", PlistValue::Real(Real::Double(5.0))),
            ("$class", uid(12)),
        ]),
        dictionary([
            ("NS.data", PlistValue::Data(b"octets".into())),
            ("$class", uid(13)),
        ]),
        class(["NSMutableDictionary", "NSDictionary", "NSObject"]),
        class(["NSSet", "NSObject"]),
        // Without its ancestors.
        dictionary([("$classname", string("NSMutableString"))]),
        class(["NSDate", "NSObject"]),
        class(["Derived", "NSData", "NSObject"]),
    ]);
    assert!(is_keyed_archive(&archive));
    let decoded = KeyedArchive::decode(&archive).unwrap();
    assert_eq!(*decoded.archiver, "NSKeyedArchiver");
    assert_eq!(decoded.version, Some(Integer::new(100_000)));
    let root = decoded.root().unwrap();
    assert_eq!(root.class.unwrap(), &"NSMutableDictionary");
    let KeyedContent::Dictionary(entries) = &root.content else {
        panic!("{root:?}");
    };
    assert_eq!(entries[0].0.class, None);
    assert_eq!(entries[0].1.class.unwrap(), &"NSSet");
    assert_eq!(entries[1].1.content, KeyedContent::Nil);
    let expected = dictionary([
        (
            "list",
            PlistValue::Set(vec![
                string("text"),
                string("☺"),
                PlistValue::Date(5.0),
                PlistValue::Data(b"octets".into()),
            ]),
        ),
        ("nothing", PlistValue::Null),
    ]);
    assert_eq!(plain(&archive), expected);
}

#[test]
fn objects_of_unknown_classes_keep_their_fields() {
    let archive = archive([
        dictionary([
            ("$class", uid(2)),
            ("inner", uid(3)),
            ("list", array([uid(4), PlistValue::Boolean(true)])),
            ("bare", dictionary([("x", uid(4))])),
        ]),
        class(["Party", "NSObject"]),
        dictionary([("$class", uid(5)), ("NS.keys", string("no list"))]),
        PlistValue::Integer(Integer::new(7)),
        class(["NSDictionary", "NSObject"]),
    ]);
    let seven = || PlistValue::Integer(Integer::new(7));
    let expected = dictionary([
        (
            "inner",
            dictionary([
                ("NS.keys", string("no list")),
                ("$class", string("NSDictionary")),
            ]),
        ),
        ("list", array([seven(), PlistValue::Boolean(true)])),
        ("bare", dictionary([("x", seven())])),
        ("$class", string("Party")),
    ]);
    assert_eq!(plain(&archive), expected);
}

#[test]
fn one_object_that_is_referred_to_twice_is_no_circle() {
    let archive = archive([
        dictionary([("NS.objects", array([uid(2), uid(2)])), ("$class", uid(3))]),
        dictionary([("NS.objects", array([])), ("$class", uid(3))]),
        class(["NSArray", "NSObject"]),
    ]);
    assert_eq!(plain(&archive), array([array([]), array([])]));
}

#[test]
fn the_only_value_is_the_root_whatever_its_name() {
    let mut archive = archive([string("value")]);
    let PlistValue::Dictionary(parts) = &mut archive else {
        panic!("no dictionary");
    };
    parts[2].1 = dictionary([("invitation", uid(1))]);
    assert_eq!(plain(&archive), string("value"));
    let PlistValue::Dictionary(parts) = &mut archive else {
        panic!("no dictionary");
    };
    parts[2].1 = dictionary([("a", uid(1)), ("b", uid(1))]);
    assert_eq!(KeyedArchive::decode(&archive).unwrap().root(), None);
}

#[test]
fn what_is_wrong_is_told_by_the_number_of_the_object() {
    assert_eq!(
        fault(&dictionary([])),
        KeyedError::Missing { key: "$archiver" }
    );
    let wrong = dictionary([
        ("$archiver", string("NSKeyedArchiver")),
        ("$top", array([])),
        ("$objects", array([])),
    ]);
    let expected = KeyedError::Part {
        key: "$top",
        found: Kind::Array,
    };
    assert_eq!(fault(&wrong), expected);
    assert_eq!(
        fault(&archive([])),
        KeyedError::Reference { limit: 1, found: 1 }
    );
    let expected = KeyedError::Object {
        number: 1,
        found: Kind::Uid,
    };
    assert_eq!(fault(&archive([uid(1)])), expected);
    let expected = KeyedError::Class {
        number: 0,
        found: Kind::String,
    };
    assert_eq!(
        fault(&archive([dictionary([("$class", uid(0))])])),
        expected
    );
    let circle = archive([
        dictionary([("next", uid(2))]),
        dictionary([("back", uid(1))]),
    ]);
    assert_eq!(fault(&circle), KeyedError::Cycle { number: 1 });
    let numbered = archive([
        dictionary([
            ("NS.keys", array([PlistValue::Boolean(true)])),
            ("NS.objects", array([uid(0)])),
            ("$class", uid(2)),
        ]),
        class(["NSDictionary"]),
    ]);
    let decoded = KeyedArchive::decode(&numbered).unwrap();
    assert_eq!(decoded.root().unwrap().to_plist(), Err(KeyedError::Key));
}

#[test]
fn limits_can_be_tightened() {
    let archive = archive([
        dictionary([("NS.objects", array([uid(2), uid(2)])), ("$class", uid(3))]),
        string("four"),
        class(["NSArray", "NSObject"]),
    ]);
    let decode = |octets, depth, objects| {
        let limits = Limits {
            octets,
            depth,
            objects,
        };
        KeyedArchive::decode_with(&archive, limits).map(drop)
    };
    assert_eq!(decode(8, 1, 5), Ok(()));
    assert_eq!(decode(7, 1, 5), Err(KeyedError::Expanded { limit: 7 }));
    assert_eq!(decode(8, 0, 5), Err(KeyedError::Depth { limit: 0 }));
    assert_eq!(decode(8, 1, 4), Err(KeyedError::Objects { limit: 4 }));
}

#[test]
fn strings_that_are_no_unicode_pass_through() {
    let odd = PlistValue::String(Text::Narrow(b"\xe4".into()));
    let archive = archive([odd.clone()]);
    assert_eq!(plain(&archive), odd);
}
