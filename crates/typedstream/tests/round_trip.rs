//! What is written is read back, and what is read back is written the same.
mod support;

use proptest::prelude::*;
use support::{Range, an_archive, assert_same};
use typedstream::{
    Archive, ByteOrder, Group, Limits, Number, ObjectId, Reader, Value,
    foundation::{Builder, Mutability},
};

/// A random archive may nest deeper than the default: objects in arrays in objects.
const LIMITS: Limits = Limits {
    octets: 1 << 20,
    depth: 100,
    objects: 10_000,
    memory: 1 << 20,
};

proptest! {
    #[test]
    fn any_archive_survives_writing_and_reading(archive in an_archive(Range::Whole)) {
        let octets = archive.encode().unwrap();
        let read = Archive::decode_with(&octets, LIMITS).unwrap();
        assert_same(&archive, &read);
        prop_assert_eq!(read.encode().unwrap(), octets);
    }

    #[test]
    fn events_cover_every_octet_in_order(archive in an_archive(Range::Whole)) {
        let octets = archive.encode().unwrap();
        let mut reader = Reader::with_limits(&octets, LIMITS).unwrap();
        let mut position = reader.offset();
        while let Some(event) = reader.next_event().unwrap() {
            prop_assert_eq!(event.offset, position);
            position += event.length;
        }
        prop_assert_eq!(position, octets.len());
    }

    #[test]
    fn any_octets_end_in_a_value_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        for head in [&b""[..], b"\x04\x0bstreamtyped\x81\xe8\x03", b"\x04\x0btypedstream\x81\x03\xe8\x84\x01@\x84"] {
            let octets = [head, &octets].concat();
            if let Ok(archive) = Archive::decode(&octets) {
                let again = archive.encode().unwrap();
                assert_same(&archive, &Archive::decode(&again).unwrap());
            }
        }
    }
}

#[test]
fn a_ring_of_objects_survives() {
    let mut builder = Builder::new(ByteOrder::Big);
    let array = builder.array(&[], Mutability::Mutable);
    let whole = builder.array(&[array, array], Mutability::Mutable);
    builder.replace(array, whole);
    let archive = builder.finish(array);
    let read = Archive::decode(&archive.encode().unwrap()).unwrap();
    assert_same(&archive, &read);
    assert_eq!(read.objects.len(), 1, "it holds itself, twice");
}

#[test]
fn what_nothing_refers_to_is_not_written() {
    let mut builder = Builder::new(ByteOrder::Little);
    builder.string("lost", Mutability::Immutable);
    let root = builder.number(Number::Int(1));
    let octets = builder.finish(root).encode().unwrap();
    let read = Archive::decode(&octets).unwrap();
    assert_eq!(read.objects.len(), 1);
    assert!(!octets.windows(4).any(|window| window == b"lost"));
}

#[test]
fn ten_thousand_objects_inside_each_other_need_no_recursion() {
    let mut builder = Builder::new(ByteOrder::Little);
    let mut root = builder.null();
    for _ in 1..9_990 {
        root = builder.array(&[root], Mutability::Immutable);
    }
    let archive = builder.finish(root);
    let octets = archive.encode().unwrap();
    assert!(Archive::decode(&octets).is_err(), "too deep by default");
    let limits = Limits {
        depth: 10_000,
        memory: 16 << 20,
        ..Limits::default()
    };
    let read = Archive::decode_with(&octets, limits).unwrap();
    assert_eq!(read.encode().unwrap(), octets);
    assert_eq!(read.clone(), read);
    assert_eq!(read.objects.len(), 9_990);
}

#[test]
fn an_archive_may_hold_several_groups() {
    let archive = Archive {
        groups: vec![
            Group::new("@", [Value::Object(None)]),
            Group::new(
                "iI",
                [Number::Int(-1).into(), Number::UnsignedInt(u32::MAX).into()],
            ),
        ],
        ..Archive::default()
    };
    let octets = archive.encode().unwrap();
    assert_eq!(
        octets[16..],
        *b"\x84\x01@\x85\x84\x02iI\xff\x82\xff\xff\xff\xff"
    );
    assert_eq!(Archive::decode(&octets).unwrap(), archive);
    assert_eq!(archive.root(), None);
    assert_eq!(archive.object(ObjectId(0)), None);
}
