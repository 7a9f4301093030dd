//! Archives that are cut, changed or made to harm: a value or an error, in bounded memory and time.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::time::{Duration, Instant};

use typedstream::{Archive, DecodeError, EncodingFault, EventKind, Limits, ObjectId, Reader};

const INTEL: &[u8] = include_bytes!("vectors/vcicedata-intel.typedstream");
const POWERPC: &[u8] = include_bytes!("vectors/vcicedata-powerpc.typedstream");
const UNKNOWN_CLASS: &[u8] = include_bytes!("vectors/unknown-class.typedstream");
const HEAD: &[u8] = b"\x04\x0bstreamtyped\x81\xe8\x03";
/// Most memory that anything may take: the default of [`Limits::memory`].
const MEBIBYTE: u64 = 1 << 20;

/// Reads octets as a whole, and object by object if they can be read; what becomes of them is of no
/// interest, but that it ends and how much memory it takes.
fn survive(octets: &[u8]) -> Result<Archive, DecodeError> {
    let mut result = None;
    let info = allocation_counter::measure(|| {
        let decoded = Archive::decode(octets);
        if let Ok(archive) = &decoded {
            for id in 0..archive.objects.len() {
                let _ = archive.foundation(ObjectId(u32::try_from(id).unwrap()));
            }
        }
        result = Some(decoded);
    });
    assert!(
        info.bytes_max <= MEBIBYTE,
        "{} octets of memory for {} octets",
        info.bytes_max,
        octets.len()
    );
    result.unwrap()
}

/// As [`survive`], for what has to be an error; gives the error.
fn refused(parts: &[&[u8]]) -> DecodeError {
    let octets = parts.concat();
    let begin = Instant::now();
    let error = survive(&octets).unwrap_err();
    let took = begin.elapsed();
    // A debug build on a loaded machine takes a tenth of this for a mebibyte.
    assert!(took < Duration::from_secs(20), "{took:?} until {error}");
    error
}

#[test]
fn every_truncation_is_an_error_that_names_where_it_is() {
    for vector in [INTEL, POWERPC, UNKNOWN_CLASS] {
        for length in 0..vector.len() {
            let cut = &vector[..length];
            // An archive without a group is one.
            if length == HEAD.len() {
                assert_eq!(survive(cut).unwrap().groups, []);
                continue;
            }
            let error = survive(cut).unwrap_err();
            assert!(
                matches!(error, DecodeError::Truncated { offset, expected, found }
                    if offset + found == length && found < expected),
                "{length}: {error}"
            );
            assert!(error.to_string().starts_with("offset "), "{error}");
        }
    }
}

#[test]
fn before_a_cut_everything_can_be_seen() {
    let whole: Vec<_> = Reader::new(INTEL).unwrap().map(Result::unwrap).collect();
    for length in HEAD.len()..INTEL.len() {
        let mut reader = Reader::new(&INTEL[..length]).unwrap();
        let events: Vec<_> = reader.by_ref().map_while(Result::ok).collect();
        assert_eq!(events, whole[..events.len()]);
        assert_eq!(
            reader.next_event(),
            reader.next_event(),
            "it stays at the error"
        );
        assert!(reader.next().is_none());
    }
    // Of the 296 octets of SIP-ICE the cut leaves 100.
    let mut reader = Reader::new(&INTEL[..325]).unwrap();
    let error = reader.by_ref().find_map(Result::err).unwrap();
    let content = DecodeError::Truncated {
        offset: 225,
        expected: 296,
        found: 100,
    };
    assert_eq!(error, content);
    assert_eq!(error.offset(), 225);
}

#[test]
fn every_change_of_a_single_octet_ends_in_a_value_or_an_error() {
    // Each bit, where a change is only another candidate or what the other byte order shows too.
    let bits: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    let all: Vec<u8> = (1..=255).collect();
    for (vector, all_until) in [(INTEL, 230), (POWERPC, 0), (UNKNOWN_CLASS, 91)] {
        let mut octets = vector.to_vec();
        let mut read = 0;
        for position in 0..vector.len() {
            let changes = if position < all_until { &all } else { &bits };
            for change in changes {
                octets[position] = vector[position] ^ change;
                if let Ok(archive) = survive(&octets) {
                    read += 1;
                    // What was read can be written, and then read again.
                    let again = archive.encode().unwrap();
                    assert_eq!(Archive::decode(&again).unwrap().encode().unwrap(), again);
                }
            }
            octets[position] = vector[position];
        }
        assert!(read > 0, "some changes are only other values");
    }
}

#[test]
fn arrays_of_nothing_do_not_loop() {
    for encoding in [
        "[1000000000{}]",
        "[1000000000!]",
        "[99999[99999[0c]]]",
        "[1{?=!!}]",
    ] {
        let length = u8::try_from(encoding.len()).unwrap();
        let error = refused(&[HEAD, &[0x84, length], encoding.as_bytes(), &[0; 64]]);
        let fault = EncodingFault::ElementsWithoutOctets;
        assert!(
            matches!(error, DecodeError::Encoding { offset: 16, fault: found, .. } if found == fault),
            "{encoding}: {error}"
        );
    }
    let error = refused(&[HEAD, b"\x84\x01v\x00"]);
    assert!(
        error.to_string().contains("the type `v` is not known"),
        "{error}"
    );
}

#[test]
fn lengths_that_lie_allocate_nothing() {
    for group in [
        &b"\x84\x0d[2000000000c]"[..],
        b"\x84\x0d[2000000000i]",
        b"\x84\x0d[2000000000@]",
        b"\x84\x01+\x82\xff\xff\xff\x7f",
        b"\x84\x01+\x82\xff\xff\xff\xff",
        b"\x84\x01+\x87\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x84\x82\xff\xff\xff\x7f",
    ] {
        let octets = [HEAD, group].concat();
        let info = allocation_counter::measure(|| {
            let error = Archive::decode(&octets).unwrap_err();
            assert!(matches!(error, DecodeError::Truncated { .. }), "{error}");
        });
        assert!(info.bytes_max < 2048, "{}", info.bytes_max);
    }
    let error = refused(&[HEAD, b"\x84\x1e[99999999999999999999999999999c]"]);
    assert!(
        matches!(
            error,
            DecodeError::Encoding {
                fault: EncodingFault::ArrayLength,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn nesting_ends_at_the_limit() {
    // Objects inside of objects: a new object of class 1, in a group that its object has.
    let first = b"\x84\x01@\x84\x84\x84\x01A\x00\x85";
    let mut octets = [HEAD, first].concat();
    for _ in 0..1000 {
        octets.extend_from_slice(b"\x92\x84\x93");
    }
    let error = refused(&[&octets]);
    assert!(
        matches!(error, DecodeError::TooDeep { limit: 32, .. }),
        "{error}"
    );
    // Brackets inside of brackets.
    for bracket in ["[1", "{", "{a="] {
        let nested = bracket.repeat(300_000);
        let length = u32::try_from(nested.len()).unwrap().to_le_bytes();
        let error = refused(&[HEAD, &[0x84, 0x82], &length, nested.as_bytes()]);
        let fault = EncodingFault::TooDeep;
        assert!(
            matches!(error, DecodeError::Encoding { fault: found, .. } if found == fault),
            "{error}"
        );
    }
}

#[test]
fn ten_thousand_objects_are_enough() {
    let objects = b"\x84\x01@\x84\x84\x84\x01A\x00\x85\x86";
    for (begin, more) in [
        // Objects, one after the other.
        (&objects[..], &b"\x92\x84\x93\x86"[..]),
        // Superclasses of superclasses: they do not count as depth.
        (b"\x84\x01#", b"\x84\x84\x01A\x00"),
        // Shared strings, and C strings.
        (b"\x84\x09[200000%]", b"\x84\x00"),
        (b"\x84\x09[200000*]\x84\x84\x00", b"\x84\x93"),
    ] {
        let mut octets = [HEAD, begin].concat();
        for _ in 0..100_000 {
            octets.extend_from_slice(more);
        }
        refused(&[&octets]);
        let error = Reader::new(&octets).unwrap().find_map(Result::err).unwrap();
        assert!(
            matches!(error, DecodeError::TooManyObjects { limit: 10_000, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_mebibyte_of_small_values_stays_within_the_memory() {
    for (group, element, message) in [
        (&b"\x84\x0a[1000000i]"[..], &b"\x01"[..], "memory"),
        (b"\x84\x0a[0500000@]", b"\x85", "memory"),
        (b"\x84\x0c[0500000{d}]", b"\x00", "memory"),
        (b"\x84\x01@\x85", b"\x92\x85", "memory"),
        (b"\x84\x01+\x01a", b"\x92\x00", "memory"),
        (b"\x84\x04[0c]", b"\x92", "memory"),
    ] {
        let mut octets = [HEAD, group].concat();
        while octets.len() < (1 << 20) - 8 {
            octets.extend_from_slice(element);
        }
        let error = refused(&[&octets]);
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn octets_are_copied_once() {
    let length = 1_000_000_u32;
    let octets = [HEAD, b"\x84\x0a[1000000c]", &vec![7; length as usize]].concat();
    let info = allocation_counter::measure(|| {
        let archive = Archive::decode(&octets).unwrap();
        assert_eq!(archive.groups.len(), 1);
    });
    assert!(info.bytes_max < 1_003_000, "{}", info.bytes_max);
    // Read as events they are not copied at all.
    let info = allocation_counter::measure(|| {
        let mut reader = Reader::new(&octets).unwrap();
        reader.next_event().unwrap();
        let event = reader.next_event().unwrap().unwrap();
        assert!(
            matches!(event.kind, EventKind::Octets { octets, .. } if octets.len() == 1_000_000)
        );
    });
    assert!(info.bytes_max < 2000, "{}", info.bytes_max);
}

#[test]
fn an_encoding_that_is_used_often_costs_what_it_takes() {
    // A long name, and then as many groups with it as there is room for: each takes two octets.
    let name = "n".repeat(400_000);
    let encoding = format!("{{{name}=c}}");
    let length = u32::try_from(encoding.len()).unwrap().to_le_bytes();
    let mut octets = [HEAD, &[0x84, 0x82], &length, encoding.as_bytes(), b"\x01"].concat();
    octets.extend_from_slice(&b"\x92\x01".repeat(200_000));
    let error = refused(&[&octets]);
    assert!(matches!(error, DecodeError::TooMuchWork { .. }), "{error}");
    // Types that take no octets, over and over.
    let encoding = "!".repeat(200_000);
    let length = u32::try_from(encoding.len()).unwrap().to_le_bytes();
    let mut octets = [HEAD, &[0x84, 0x82], &length, encoding.as_bytes()].concat();
    octets.extend_from_slice(&[0x92; 400_000]);
    let mut events = 0_usize;
    let error = Reader::new(&octets)
        .unwrap()
        .inspect(|_| events += 1)
        .find_map(Result::err)
        .unwrap();
    assert!(matches!(error, DecodeError::TooMuchWork { .. }), "{error}");
    assert!(events < 32 * octets.len(), "{events}");
    // A long C string, checked each time that it is one anew.
    let text = vec![b'x'; 400_000];
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut octets = [HEAD, b"\x84\x07[9999*]\x84\x84\x82", &length, &text].concat();
    octets.extend_from_slice(&b"\x84\x93".repeat(9_999));
    let error = refused(&[&octets]);
    assert!(matches!(error, DecodeError::TooMuchWork { .. }), "{error}");
}

#[test]
fn an_array_of_structs_is_not_too_much_work() {
    let encoding = b"[1000{CGRect={CGPoint=dd}{CGSize=dd}}]";
    let length = u8::try_from(encoding.len()).unwrap();
    let octets = [HEAD, &[0x84, length], encoding, &[0; 4000]].concat();
    let events = Reader::new(&octets).unwrap().filter(Result::is_ok).count();
    assert_eq!(events, 2 + 2 + 1000 * (3 + 3 + 4));
    survive(&octets).unwrap();
}

#[test]
fn the_limits_are_the_callers() {
    let limits = |octets, depth, objects, memory| Limits {
        octets,
        depth,
        objects,
        memory,
    };
    let decode = |limits| Archive::decode_with(INTEL, limits);
    assert!(decode(limits(523, 3, 17, 20_000)).is_ok());
    let error = decode(limits(522, 3, 17, 20_000)).unwrap_err();
    assert_eq!(
        error,
        DecodeError::TooLong {
            found: 523,
            limit: 522
        }
    );
    let error = decode(limits(523, 2, 17, 20_000)).unwrap_err();
    assert!(
        matches!(error, DecodeError::TooDeep { limit: 2, .. }),
        "{error}"
    );
    let error = decode(limits(523, 3, 16, 20_000)).unwrap_err();
    assert!(
        matches!(error, DecodeError::TooManyObjects { limit: 16, .. }),
        "{error}"
    );
    for memory in 0..1000 {
        let error = decode(limits(523, 3, 17, memory)).unwrap_err();
        assert!(
            matches!(error, DecodeError::TooMuchMemory { .. }),
            "{error}"
        );
    }
}
