//! The captured archive and its companions, down to the last octet.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers may fail the test"
)]

use std::fmt::Write;

use typedstream::foundation::{Builder, Foundation, Mutability};
use typedstream::{Archive, ByteOrder, EventKind, Number, ObjectId, Reader, Shared};

const INTEL: &[u8] = include_bytes!("vectors/vcicedata-intel.typedstream");
const POWERPC: &[u8] = include_bytes!("vectors/vcicedata-powerpc.typedstream");
const UNKNOWN_CLASS: &[u8] = include_bytes!("vectors/unknown-class.typedstream");

/// `SIP-ICE`: two candidates of 148 octets.
fn candidates() -> &'static [u8] {
    INTEL.get(225..521).unwrap()
}

#[test]
fn reading_and_writing_gives_the_same_octets() {
    for vector in [INTEL, POWERPC, UNKNOWN_CLASS] {
        assert_eq!(Archive::decode(vector).unwrap().encode().unwrap(), vector);
    }
}

#[test]
fn both_byte_orders_hold_the_same_values() {
    let intel = Archive::decode(INTEL).unwrap();
    let mut powerpc = Archive::decode(POWERPC).unwrap();
    assert_eq!(powerpc.header.byte_order, ByteOrder::Big);
    powerpc.header.byte_order = ByteOrder::Little;
    assert_eq!(powerpc, intel);
}

#[test]
fn the_dictionary_built_anew_gives_the_captured_octets() {
    for (order, vector) in [(ByteOrder::Little, INTEL), (ByteOrder::Big, POWERPC)] {
        let mut builder = Builder::new(order);
        // Made in another order than it is written in.
        let candidates = builder.data(candidates(), Mutability::Immutable);
        let [nat, helper, version, ice] = ["CommNAT", "connection helper", "version", "SIP-ICE"]
            .map(|key| builder.string(key, Mutability::Immutable));
        let two = builder.number(Number::Int(2));
        let zero = builder.number(Number::Int(0));
        let inner = builder.dictionary(&[(nat, zero)], Mutability::Mutable);
        let root = builder.dictionary(
            &[(helper, inner), (version, two), (ice, candidates)],
            Mutability::Mutable,
        );
        assert_eq!(builder.finish(root).encode().unwrap(), vector);
    }
}

#[test]
fn the_captured_dictionary_reads_as_what_it_is() {
    let archive = Archive::decode(INTEL).unwrap();
    let root = archive.root().unwrap();
    let Ok(Foundation::Dictionary {
        entries,
        mutability: Mutability::Mutable,
    }) = archive.foundation(root)
    else {
        unreachable!("a mutable dictionary");
    };
    let keys: Vec<_> = entries
        .iter()
        .map(|(key, _)| archive.text(*key).unwrap())
        .collect();
    assert_eq!(keys, ["connection helper", "version", "SIP-ICE"]);
    let helper = archive.entry(root, "connection helper").unwrap();
    let nat = archive.entry(helper, "CommNAT").unwrap();
    assert_eq!(archive.number(nat), Some(Number::Int(0)));
    let version = archive.entry(root, "version").unwrap();
    assert_eq!(archive.number(version), Some(Number::Int(2)));
    let ice = archive.entry(root, "SIP-ICE").unwrap();
    assert_eq!(archive.data(ice), Some(candidates()));
    assert_eq!(archive.entry(root, "none"), None);
    assert_eq!(archive.entry(ice, "version"), None);
    let versions: Vec<_> = archive
        .classes
        .iter()
        .map(|class| (class.name.to_string(), class.version))
        .collect();
    let versions: Vec<_> = versions
        .iter()
        .map(|(name, v)| (name.as_str(), *v))
        .collect();
    assert_eq!(
        versions,
        [
            ("NSMutableDictionary", 0),
            ("NSDictionary", 0),
            ("NSObject", 0),
            ("NSString", 1),
            ("NSNumber", 0),
            ("NSValue", 0),
            ("NSData", 0),
        ]
    );
}

#[test]
fn one_value_changed_leaves_the_other_octets_as_they_were() {
    let archive = Archive::decode(INTEL).unwrap();
    let root = archive.root().unwrap();
    let version = archive.entry(root, "version").unwrap();
    let mut builder = Builder::with_archive(archive);
    let three = builder.number(Number::Int(3));
    builder.replace(version, three);
    let octets = builder.into_archive().encode().unwrap();
    let changed: Vec<_> = (0..INTEL.len())
        .filter(|place| octets.get(*place) != INTEL.get(*place))
        .collect();
    assert_eq!(octets.len(), INTEL.len());
    assert_eq!(changed, [185]);
}

#[test]
fn a_class_that_nobody_knows_is_kept() {
    let archive = Archive::decode(UNKNOWN_CLASS).unwrap();
    let root = archive.root().unwrap();
    let names: Vec<_> = archive
        .classes_of(root)
        .map(|c| c.name.to_string())
        .collect();
    assert_eq!(names, ["VCThing", "NSObject"]);
    assert!(matches!(
        archive.foundation(root),
        Ok(Foundation::Unknown(object)) if object.groups.len() == 3
    ));
    assert_eq!(archive.text(ObjectId(1)), Some("seven"));
}

#[test]
fn the_events_of_the_captured_archive() {
    insta::assert_snapshot!("events-of-vcicedata-intel", events(INTEL));
}

#[test]
fn the_events_of_an_unknown_class() {
    insta::assert_snapshot!("events-of-unknown-class", events(UNKNOWN_CLASS));
}

fn events(octets: &[u8]) -> String {
    let mut text = String::new();
    for event in Reader::new(octets).unwrap() {
        let event = event.unwrap();
        let kind = match event.kind {
            EventKind::GroupBegin { encoding } => format!("group {}", shared(encoding)),
            EventKind::Class {
                index,
                name,
                version,
            } => format!("class B{index} {}, version {version}", shared(name)),
            EventKind::CString { index, text } => format!("C string B{index} {}", shared(text)),
            EventKind::ByteString(Some(text)) => format!("\"{}\"", text.escape_ascii()),
            EventKind::Octets { octets, .. } => format!("{} octets", octets.len()),
            kind => format!("{kind:?}"),
        };
        writeln!(text, "{:>3} +{:<3} {kind}", event.offset, event.length).unwrap();
    }
    text
}

fn shared(shared: Shared<'_>) -> String {
    let new = if shared.is_new { "new " } else { "" };
    format!("{new}A{} \"{}\"", shared.index, shared.text.escape_ascii())
}
