//! Cut and broken archives, and those made to exhaust a reader.

use ichat_invitation::candidate::MAX_CANDIDATES;
use ichat_invitation::{
    ByteOrder, Candidate, CandidateError, IceData, IceDataEncodeError, IceDataError,
};
use proptest::prelude::*;
use typedstream::foundation::{Builder, Mutability};
use typedstream::{DecodeError, Number};

use super::{
    BLOB, BLOB_AT, CAPTURED, INTEL, POWERPC, archive, captured_candidates, comm_nat, strange,
};

#[test]
fn a_blob_that_is_no_list_of_candidates_is_refused_with_its_place() {
    let data = archive(
        |builder| vec![("SIP-ICE", builder.data(&BLOB[..273], Mutability::Immutable))],
        Mutability::Mutable,
    );
    let error = IceData::decode(&data).unwrap_err();
    let IceDataError::Candidates { offset, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(&data[*offset..*offset + 273], &BLOB[..273]);
    assert_eq!(
        *source,
        CandidateError::Broken {
            offset: 148,
            expected: 148,
            found: 125
        }
    );
    assert_eq!(
        error.to_string(),
        format!(
            "SIP-ICE at offset {offset}: candidates broken off at offset 148: expected 148 octets \
             a candidate, found 125"
        )
    );
    let salvaged = IceData::salvage(&data);
    assert_eq!(salvaged.candidates, captured_candidates()[..1]);
    assert_eq!(salvaged.partial_candidate(), &BLOB[148..273]);
    assert_eq!(salvaged.fault, Some(error));
}

#[test]
fn what_is_no_data_under_the_key_of_the_candidates_is_refused() {
    let octets = archive(
        |builder| vec![("SIP-ICE", builder.number(Number::Int(296)))],
        Mutability::Mutable,
    );
    let error = IceData::decode(&octets).unwrap_err();
    assert!(matches!(error, IceDataError::NoData { .. }), "{error}");
}

#[test]
fn an_archive_of_something_else_is_refused() {
    let mut builder = Builder::new(ByteOrder::Little);
    let root = builder.array(&[], Mutability::Immutable);
    let octets = builder.finish(root).encode().unwrap();
    let error = IceData::decode(&octets).unwrap_err();
    assert_eq!(error, IceDataError::NoDictionary { offset: 19 });
    assert_eq!(
        error.to_string(),
        "VCICEData holds no dictionary at offset 19"
    );
    // Nothing but a head.
    let error = IceData::decode(&octets[..16]).unwrap_err();
    assert_eq!(error, IceDataError::NoDictionary { offset: 16 });
    // No archive at all.
    let error = IceData::decode(b"bplist00").unwrap_err();
    assert_eq!(
        error,
        IceDataError::Archive(DecodeError::StreamerVersion { found: b'b' })
    );
}

#[test]
fn a_dictionary_that_miscounts_its_entries_is_refused() {
    // `i` 3, the count of the root; the octet after it begins the first key.
    let group = b"\x84\x01i\x03\x92";
    let group_at = INTEL.windows(5).position(|octets| octets == group);
    let at = group_at.unwrap() + 3;
    for count in [2, 4] {
        let mut octets = INTEL.to_vec();
        octets[at] = count;
        assert_eq!(
            IceData::decode(&octets).unwrap_err(),
            IceDataError::EntryCount {
                offset: 19,
                expected: count.into(),
                found: 3
            }
        );
        assert_eq!(IceData::salvage(&octets).candidates, captured_candidates());
    }
}

#[test]
fn the_captured_octets_alone_give_what_can_be_read() {
    let captured = &INTEL[..CAPTURED];
    let salvaged = IceData::salvage(captured);
    assert_eq!(salvaged.byte_order, Some(ByteOrder::Little));
    assert_eq!(salvaged.helper, comm_nat(0));
    assert_eq!(salvaged.version, Some(2));
    assert_eq!(salvaged.candidates, []);
    let blob = salvaged.blob.unwrap();
    assert_eq!((blob.offset, blob.expected), (BLOB_AT, 296));
    assert_eq!(blob.octets, &BLOB[..125]);
    assert_eq!(salvaged.partial_candidate(), &BLOB[..125]);
    let cut = DecodeError::Truncated {
        offset: BLOB_AT,
        expected: 296,
        found: 125,
    };
    assert_eq!(salvaged.fault, Some(IceDataError::Archive(cut)));
    assert_eq!(IceData::decode(captured), Err(IceDataError::Archive(cut)));
}

#[test]
fn a_cut_archive_gives_more_the_longer_it_is() {
    let mut last = (false, false, 0);
    for length in 0..INTEL.len() {
        let salvaged = IceData::salvage(&INTEL[..length]);
        assert_eq!(salvaged.fault, IceData::decode(&INTEL[..length]).err());
        assert!(salvaged.fault.is_some(), "{length} octets");
        let octets = salvaged.blob.map_or(0, |blob| blob.octets.len());
        if length >= BLOB_AT {
            assert_eq!(octets, (length - BLOB_AT).min(296), "{length} octets");
        }
        assert_eq!(
            octets,
            salvaged.candidates.len() * Candidate::LEN + salvaged.partial_candidate().len()
        );
        let now = (
            salvaged.helper.is_some(),
            salvaged.version.is_some(),
            octets,
        );
        assert!(now >= last, "{length} octets");
        last = now;
    }
    let whole = IceData::salvage(INTEL);
    assert_eq!(whole.fault, None);
    assert_eq!(whole.candidates, captured_candidates());
    assert_eq!(whole.partial_candidate(), []);
}

#[test]
fn every_single_octet_change_of_the_vectors_ends_in_a_value_or_an_error_within_a_mebibyte() {
    let strange = strange();
    for vector in [INTEL, POWERPC, &strange] {
        let blob = IceData::salvage(vector).blob.unwrap();
        // What is inside of the candidates changes nothing around them: their ends will do.
        let inside = blob.offset + 2..blob.offset + blob.expected - 2;
        let mut octets = vector.to_vec();
        for at in (0..vector.len()).filter(|at| !inside.contains(at)) {
            // Every tag, the first references, small integers, and each bit of what was there.
            let flipped = (0..8).map(|bit| vector[at] ^ (1 << bit));
            for value in (0x80..0x87).chain(0x92..0x9f).chain(0..4).chain(flipped) {
                octets[at] = value;
                check(&octets);
            }
            octets[at] = vector[at];
        }
    }
}

#[test]
fn every_truncation_of_the_vectors_ends_in_an_error_within_a_mebibyte() {
    for vector in [INTEL, POWERPC, &strange()] {
        for length in 0..vector.len() {
            assert!(!check(&vector[..length]), "{length} octets");
        }
    }
}

/// Reads, changes and writes octets from anywhere; whether they could be read.
fn check(octets: &[u8]) -> bool {
    let mut decoded = None;
    let info = allocation_counter::measure(|| {
        decoded = IceData::decode(octets).ok();
        let salvaged = IceData::salvage(octets);
        assert_eq!(salvaged.fault.is_none(), decoded.is_some());
    });
    assert!(info.bytes_max < 1024 * 1024, "{} octets", info.bytes_max);
    let Some(mut data) = decoded else {
        return false;
    };
    assert_eq!(data.encode().unwrap(), octets);
    data.version = Some(77);
    data.candidates = captured_candidates();
    let changed = data.encode().unwrap();
    assert_eq!(IceData::decode(&changed).as_ref(), Ok(&data));
    true
}

#[test]
fn archives_made_to_exhaust_memory_end_in_an_error_within_a_mebibyte() {
    let head = &INTEL[..16];
    // Groups of `*` with a new C string each; of `@` with a new object in each object; of nil.
    let strings = [head, b"\x84\x01*", &b"\x84\x84\x01a\x92".repeat(200_000)].concat();
    let nested = [
        head,
        b"\x84\x01@",
        &b"\x84\x84\x84\x01A\x00\x85\x92".repeat(100_000),
    ]
    .concat();
    let nils = [head, b"\x84\x01@", &b"\x85\x92".repeat(500_000)].concat();
    let long = vec![4; 1024 * 1024 + 1];
    // Many different shared strings.
    let mut shared = [head, b"\x84\x01*"].concat();
    for number in 0..40_000_u32 {
        shared.extend_from_slice(b"\x84\x84\x04");
        shared.extend(number.to_be_bytes().map(|octet| octet % 63 + 1));
        shared.push(0x92);
    }
    for octets in [strings, nested, nils, long, shared] {
        let info = allocation_counter::measure(|| {
            assert!(IceData::decode(&octets).is_err());
        });
        assert!(info.bytes_max < 1024 * 1024, "{} octets", info.bytes_max);
    }
}

#[test]
fn decoding_the_capture_takes_few_allocations() {
    let info = allocation_counter::measure(|| {
        IceData::decode(INTEL).unwrap();
    });
    assert!(info.count_total <= 40, "{} allocations", info.count_total);
    assert!(info.bytes_max <= 8 * 1024, "{} octets", info.bytes_max);
}

#[test]
fn more_candidates_than_anybody_reads_are_not_sent() {
    let mut data = IceData::new(captured_candidates().repeat(MAX_CANDIDATES / 2));
    let octets = data.encode().unwrap();
    assert_eq!(IceData::decode(&octets).unwrap(), data);
    data.candidates.push(data.candidates[0]);
    assert_eq!(
        data.encode(),
        Err(IceDataEncodeError::TooManyCandidates {
            limit: MAX_CANDIDATES,
            found: MAX_CANDIDATES + 1
        })
    );
}

proptest! {
    #[test]
    fn any_octets_after_a_head_end_in_a_value_or_an_error(
        tail in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..0x9f_u8], 0..200),
    ) {
        check(&[&INTEL[..16], &tail].concat());
    }
}
