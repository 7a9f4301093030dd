//! `VCICEData`: the captured archive, changes to it, round trips; cut and broken ones in `damage`.
#![cfg(feature = "plist")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::panic,
    reason = "a test's helpers may fail the test"
)]

mod damage;

use ichat_invitation::candidate::MAX_CANDIDATES;
use ichat_invitation::{
    ByteOrder, Candidate, CandidateId, ConnectionHelper, IceData, IpPort, decode_candidates,
    hex_text,
};
use proptest::prelude::*;
use typedstream::foundation::{Builder, Foundation, Mutability};
use typedstream::{Archive, Number, ObjectId};

const INTEL: &[u8] = include_bytes!("../vectors/vcicedata-intel.typedstream");
const POWERPC: &[u8] = include_bytes!("../vectors/vcicedata-powerpc.typedstream");
const BLOB: &[u8] = include_bytes!("../vectors/sip-ice.candidates");
const INVITATION: &str = include_str!("../vectors/invitation-2010.hex");
const PREFIX: &str = include_str!("../vectors/invitation-2010.prefix.hex");

/// Octets of `VCICEData` that are captured.
const CAPTURED: usize = 350;
/// Where the candidates begin in it.
const BLOB_AT: usize = 225;

fn captured_candidates() -> Vec<Candidate> {
    decode_candidates(BLOB).unwrap()
}

fn comm_nat(value: i64) -> Option<ConnectionHelper> {
    let comm_nat = Some(value);
    Some(ConnectionHelper { comm_nat })
}

/// The root of an archive: its keys and what stands under them.
fn entries(octets: &[u8]) -> (Archive, Vec<(String, ObjectId)>, Mutability) {
    let archive = Archive::decode(octets).unwrap();
    let Foundation::Dictionary {
        entries,
        mutability,
    } = archive.foundation(archive.root().unwrap()).unwrap()
    else {
        panic!("no dictionary");
    };
    let entries = entries
        .into_iter()
        .map(|(key, value)| (archive.text(key).unwrap().to_owned(), value))
        .collect();
    (archive, entries, mutability)
}

fn keys(octets: &[u8]) -> Vec<String> {
    entries(octets).1.into_iter().map(|(key, _)| key).collect()
}

/// An archive whose root is a dictionary with these entries.
fn archive(
    make: impl FnOnce(&mut Builder) -> Vec<(&'static str, ObjectId)>,
    mutability: Mutability,
) -> Vec<u8> {
    let mut builder = Builder::new(ByteOrder::Little);
    let entries: Vec<_> = make(&mut builder)
        .into_iter()
        .map(|(key, value)| (builder.string(key, Mutability::Immutable), value))
        .collect();
    let root = builder.dictionary(&entries, mutability);
    builder.finish(root).encode().unwrap()
}

/// An archive with keys that nobody knows, numbers of other types, and immutable dictionaries.
fn strange() -> Vec<u8> {
    archive(
        |builder| {
            let two = builder.number(Number::LongLong(2));
            let nat_key = builder.string("CommNAT", Mutability::Immutable);
            let nat = builder.number(Number::Char(1));
            let quality_key = builder.string("quality", Mutability::Mutable);
            let quality = builder.number(Number::Double(0.5));
            let helper = [(quality_key, quality), (nat_key, nat)];
            let helper = builder.dictionary(&helper, Mutability::Immutable);
            let blob = builder.data(BLOB, Mutability::Mutable);
            let text = builder.string("text", Mutability::Mutable);
            let list = builder.array(&[text, two, text], Mutability::Immutable);
            vec![
                ("first", list),
                ("SIP-ICE", blob),
                ("version", two),
                ("twin", two),
                ("connection helper", helper),
            ]
        },
        Mutability::Immutable,
    )
}

#[test]
fn the_captured_archive_decodes_to_every_value_of_the_protocol() {
    let data = IceData::decode(INTEL).unwrap();
    assert_eq!(data.byte_order, ByteOrder::Little);
    assert_eq!(data.helper, comm_nat(0));
    assert_eq!(data.version, Some(2));
    assert_eq!(data.candidates, captured_candidates());
    assert_eq!(data.unknown_keys(), [""; 0]);
}

#[test]
fn the_archive_in_the_captured_invitation_is_the_vector() {
    let invitation = hex_text::decode(INVITATION).unwrap();
    let prefix = hex_text::decode(PREFIX).unwrap();
    assert_eq!(&invitation[100..623], INTEL);
    assert_eq!(&prefix[100..], &INTEL[..CAPTURED]);
}

#[test]
fn a_new_value_with_the_captured_candidates_writes_the_captured_octets() {
    let mut data = IceData::new(captured_candidates());
    assert_eq!(data.encode().unwrap(), INTEL);
    data.byte_order = ByteOrder::Big;
    assert_eq!(data.encode().unwrap(), POWERPC);
}

#[test]
fn decoded_archives_write_back_to_the_same_octets() {
    for octets in [INTEL, POWERPC, &strange()] {
        let data = IceData::decode(octets).unwrap();
        assert_eq!(data.encode().unwrap(), octets);
        assert_eq!(data.clone().encode().unwrap(), octets);
    }
}

#[test]
fn a_macs_archive_survives_being_taken_apart_and_put_together_in_the_other_byte_order() {
    for (octets, order, other) in [
        (INTEL, ByteOrder::Big, POWERPC),
        (POWERPC, ByteOrder::Little, INTEL),
    ] {
        let mut data = IceData::decode(octets).unwrap();
        data.byte_order = order;
        assert_eq!(data.encode().unwrap(), other);
        assert_eq!(data, IceData::decode(other).unwrap());
    }
}

#[test]
fn other_candidates_change_nothing_but_the_candidates() {
    let mut data = IceData::decode(INTEL).unwrap();
    data.candidates.truncate(1);
    let octets = data.encode().unwrap();
    assert_eq!(
        octets,
        IceData::new(data.candidates.clone()).encode().unwrap()
    );
    assert_eq!(IceData::decode(&octets).unwrap(), data);

    data.candidates = captured_candidates();
    assert_eq!(data.encode().unwrap(), INTEL);
    data.candidates[1].priority += 1;
    let octets = data.encode().unwrap();
    assert_eq!(octets.len(), INTEL.len());
    let changed: Vec<_> = (0..INTEL.len())
        .filter(|at| octets[*at] != INTEL[*at])
        .collect();
    assert_eq!(changed, [BLOB_AT + 148 + 21]);
}

#[test]
fn a_new_value_and_a_changed_capture_are_the_same_octets_for_every_number_of_candidates() {
    for vector in [INTEL, POWERPC] {
        let mut changed = IceData::decode(vector).unwrap();
        for count in 0..=MAX_CANDIDATES {
            let candidates = captured_candidates().into_iter().cycle().take(count);
            changed.candidates = candidates.collect();
            let mut new = IceData::new(changed.candidates.clone());
            new.byte_order = changed.byte_order;
            // The one is taken apart and put together, the other is made.
            assert_eq!(new.encode().unwrap(), changed.encode().unwrap(), "{count}");
        }
    }
}

#[test]
fn every_field_can_be_changed_taken_out_and_added() {
    for version in [None, Some(2), Some(-200), Some(i64::MAX)] {
        for helper in [
            None,
            comm_nat(0),
            comm_nat(3),
            Some(ConnectionHelper::default()),
        ] {
            for candidates in [Vec::new(), captured_candidates()] {
                let mut built = IceData::new(candidates.clone());
                let mut changed = IceData::decode(INTEL).unwrap();
                for data in [&mut built, &mut changed] {
                    data.version = version;
                    data.helper = helper;
                    data.candidates.clone_from(&candidates);
                    let octets = data.encode().unwrap();
                    let read = IceData::decode(&octets).unwrap();
                    assert_eq!(read, *data);
                    assert_eq!(read.encode().unwrap(), octets);
                }
                // And back to the capture from there.
                let mut read = IceData::decode(&changed.encode().unwrap()).unwrap();
                read.version = Some(2);
                read.helper = comm_nat(0);
                read.candidates = captured_candidates();
                assert_eq!(
                    IceData::decode(&read.encode().unwrap()).unwrap(),
                    IceData::decode(INTEL).unwrap()
                );
            }
        }
    }
}

#[test]
fn unknown_keys_their_order_types_and_mutability_survive_a_change() {
    let octets = strange();
    let mut data = IceData::decode(&octets).unwrap();
    assert_eq!(data.version, Some(2));
    assert_eq!(data.helper, comm_nat(1));
    assert_eq!(data.candidates, captured_candidates());
    assert_eq!(
        data.unknown_keys(),
        ["first", "twin", "connection helper/quality"]
    );

    data.version = Some(3);
    data.helper = comm_nat(2);
    data.candidates.truncate(1);
    let changed = data.encode().unwrap();
    assert_eq!(keys(&changed), keys(&octets));
    let (archive, entries, mutability) = entries(&changed);
    assert_eq!(mutability, Mutability::Immutable);
    let value = |key: &str| entries.iter().find(|(found, _)| found == key).unwrap().1;
    // The number stood under two keys, and in the list: only one of the three was changed.
    assert_eq!(archive.number(value("version")), Some(Number::LongLong(3)));
    assert_eq!(archive.number(value("twin")), Some(Number::LongLong(2)));
    let Foundation::Array { elements, .. } = archive.foundation(value("first")).unwrap() else {
        panic!("no array");
    };
    assert_eq!(elements[1], value("twin"));
    assert_eq!(elements[0], elements[2]);
    let blob = Foundation::Data {
        octets: &BLOB[..148],
        mutability: Mutability::Mutable,
    };
    assert_eq!(archive.foundation(value("SIP-ICE")).unwrap(), blob);
    let helper = value("connection helper");
    let nat = archive.entry(helper, "CommNAT").unwrap();
    assert_eq!(archive.number(nat), Some(Number::Char(2)));
    let quality = archive.entry(helper, "quality").unwrap();
    assert_eq!(archive.number(quality), Some(Number::Double(0.5)));
    assert_eq!(IceData::decode(&changed).unwrap(), data);
}

#[test]
fn a_number_that_outgrows_its_type_gets_a_longer_one() {
    let octets = archive(
        |builder| vec![("version", builder.number(Number::Char(2)))],
        Mutability::Mutable,
    );
    let mut data = IceData::decode(&octets).unwrap();
    for (version, expected) in [
        (-128, Number::Char(-128)),
        (128, Number::Int(128)),
        (1 << 40, Number::LongLong(1 << 40)),
    ] {
        data.version = Some(version);
        let (archive, entries, _) = entries(&data.encode().unwrap());
        assert_eq!(archive.number(entries[0].1), Some(expected));
    }
}

#[test]
fn missing_keys_and_values_of_other_classes_are_tolerated() {
    let empty = archive(|_| Vec::new(), Mutability::Mutable);
    let data = IceData::decode(&empty).unwrap();
    assert_eq!((data.helper, data.version), (None, None));
    assert_eq!(data.candidates, []);
    assert_eq!(data.encode().unwrap(), empty);

    let odd = archive(
        |builder| {
            let text = builder.string("two", Mutability::Immutable);
            vec![("version", text), ("connection helper", text)]
        },
        Mutability::Mutable,
    );
    let mut data = IceData::decode(&odd).unwrap();
    assert_eq!((data.helper, data.version), (None, None));
    assert_eq!(data.encode().unwrap(), odd);
    data.version = Some(2);
    data.helper = comm_nat(0);
    let mended = data.encode().unwrap();
    assert_eq!(keys(&mended), ["version", "connection helper"]);
    assert_eq!(IceData::decode(&mended).unwrap(), data);
}

#[test]
fn of_a_key_that_occurs_twice_the_first_counts() {
    let octets = archive(
        |builder| {
            let [two, three] = [2, 3].map(|number| builder.number(Number::Int(number)));
            vec![("version", two), ("version", three)]
        },
        Mutability::Mutable,
    );
    let mut data = IceData::decode(&octets).unwrap();
    assert_eq!(data.version, Some(2));
    data.version = Some(4);
    let read = IceData::decode(&data.encode().unwrap()).unwrap();
    assert_eq!(read.version, Some(4));
}

#[test]
fn shared_keys_and_values_are_read_through_their_references() {
    let mut builder = Builder::new(ByteOrder::Big);
    let version = builder.string("version", Mutability::Mutable);
    let two = builder.number(Number::Int(2));
    let nat = builder.string("CommNAT", Mutability::Immutable);
    let helper_key = builder.string("connection helper", Mutability::Immutable);
    let helper = builder.dictionary(&[(nat, two), (version, two)], Mutability::Mutable);
    let entries = [(helper_key, helper), (version, two), (nat, two)];
    let root = builder.dictionary(&entries, Mutability::Mutable);
    let octets = builder.finish(root).encode().unwrap();
    let data = IceData::decode(&octets).unwrap();
    assert_eq!(data.byte_order, ByteOrder::Big);
    assert_eq!((data.helper, data.version), (comm_nat(2), Some(2)));
    assert_eq!(
        data.unknown_keys(),
        ["CommNAT", "connection helper/version"]
    );
    assert_eq!(data.encode().unwrap(), octets);
}

fn any_data() -> impl Strategy<Value = IceData> {
    let candidate = (any::<u32>(), any::<u16>(), any::<[u8; 4]>(), any::<u16>()).prop_map(
        |(random, priority, ip, port)| {
            let record = IpPort::new("en1", (ip, port).into());
            Candidate::host(CandidateId::new(random), priority, &record)
        },
    );
    let helper = prop::option::of(any::<Option<i64>>());
    (
        any::<bool>(),
        helper,
        any::<Option<i64>>(),
        prop::collection::vec(candidate, 0..9),
    )
        .prop_map(|(big, helper, version, candidates)| {
            let mut data = IceData::new(candidates);
            if big {
                data.byte_order = ByteOrder::Big;
            }
            data.helper = helper.map(|comm_nat| ConnectionHelper { comm_nat });
            data.version = version;
            data
        })
}

proptest! {
    #[test]
    fn values_survive_the_round_trip(data in any_data()) {
        let octets = data.encode().unwrap();
        let read = IceData::decode(&octets).unwrap();
        prop_assert_eq!(&read, &data);
        prop_assert_eq!(read.encode().unwrap(), octets);
    }

    #[test]
    fn any_value_can_be_changed_into_any_other(from in any_data(), to in any_data()) {
        let mut changed = IceData::decode(&from.encode().unwrap()).unwrap();
        changed.byte_order = to.byte_order;
        changed.helper = to.helper;
        changed.version = to.version;
        changed.candidates.clone_from(&to.candidates);
        prop_assert_eq!(IceData::decode(&changed.encode().unwrap()), Ok(to));
    }
}

#[test]
fn what_is_almost_the_captured_form_is_read_like_any_other_archive() {
    let captured = IceData::decode(INTEL).unwrap();
    // The number of octets written wider than it has to be, and a type that says another number.
    let one = IceData::new(captured.candidates[..1].to_vec())
        .encode()
        .unwrap();
    let empty = IceData::new(Vec::new()).encode().unwrap();
    let wide = [
        &empty[..empty.len() - 9],
        &[0x81, 0, 0],
        &empty[empty.len() - 8..],
    ]
    .concat();
    assert_eq!(IceData::decode(&wide).unwrap(), IceData::new(Vec::new()));
    assert_eq!(IceData::decode(&wide).unwrap().encode().unwrap(), wide);
    let at = one
        .windows(6)
        .position(|octets| octets == b"[148c]")
        .unwrap();
    for other in [b"[147c]", b"[149c]", b"[+48c]", b"[048c]"] {
        let mut changed = one.clone();
        changed[at..at + 6].copy_from_slice(other);
        match IceData::decode(&changed) {
            Ok(data) => assert_eq!(data.encode().unwrap(), changed),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let longer = [one.as_slice(), &[0]].concat();
    assert!(
        IceData::decode(&longer).is_err()
            || IceData::decode(&longer).unwrap().encode().unwrap() == longer
    );
}
