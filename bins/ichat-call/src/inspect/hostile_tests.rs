//! Small inputs that stand for a lot: what is shown of them stays small.

use super::field::{Document, Field};
use super::input::{Input, Source};
use super::{decode, dump, tree};
use crate::failure::Failure;

const HEAD: &[u8] = b"\x04\x0bstreamtyped\x81\xe8\x03";
const INTEL: &[u8] = include_bytes!("../../tests/vectors/vcicedata-intel.typedstream");

/// The most that may come of an input of 1 MiB.
const SMALL: usize = 24 << 20;

fn read(octets: impl AsRef<[u8]>) -> Result<Document, Failure> {
    decode(Input {
        octets: octets.as_ref().to_vec(),
        source: Source::File,
    })
}

/// Reads and prints in every way; gives the document.
fn shown(octets: impl AsRef<[u8]>) -> Document {
    let document = read(octets).unwrap();
    for text in [
        tree::render(&document, tree::COLUMNS, false),
        dump::render(&document),
        document.json().to_string(),
    ] {
        assert!(text.len() < SMALL, "{} octets", text.len());
    }
    document
}

fn notes(fields: &[Field]) -> Vec<String> {
    let mut notes = Vec::new();
    for field in fields {
        notes.extend(field.notes.iter().cloned());
        notes.extend(self::notes(&field.children));
    }
    notes
}

/// An integer as a typedstream has it.
fn integer(value: i32) -> Vec<u8> {
    match i16::try_from(value) {
        Ok(short) => [&[0x81][..], &short.to_le_bytes()].concat(),
        Err(_) => [&[0x82][..], &value.to_le_bytes()].concat(),
    }
}

fn text(octets: &[u8]) -> Vec<u8> {
    [&integer(i32::try_from(octets.len()).unwrap()), octets].concat()
}

fn archive(parts: &[&[u8]]) -> Vec<u8> {
    [HEAD, &parts.concat()].concat()
}

#[test]
fn texts_that_are_named_again_and_again_are_shown_once() {
    let long = text(&[b'A'; 100_000]);
    let c_strings = archive(&[
        b"\x84",
        &text(b"*[9000*]"),
        b"\x84\x84",
        &long,
        &[0x92; 9000],
    ]);
    let of_one_class = [0x84, 0x93, 0x86].repeat(9000);
    let objects = archive(&[
        b"\x84",
        &text(b"@[9000@]"),
        b"\x84\x84\x84",
        &long,
        b"\x00\x85\x86",
        &of_one_class,
    ]);
    for octets in [c_strings, objects] {
        shown(octets);
    }
}

#[test]
fn rows_are_counted_and_what_is_left_out_is_told() {
    let many = archive(&[b"\x84", &text(b"[200000c{!!!!!!!!c}]"), &[b'a'; 200_000]]);
    assert!(read(many).is_ok(), "an array of two types is a fault");
    let many = archive(&[b"\x84", &text(b"[200000{!!!!!!!!c}]"), &[b'a'; 200_000]]);
    let document = shown(many);
    let notes = notes(&document.fields);
    assert!(
        notes.iter().any(|note| note.ends_with("not shown")),
        "{notes:?}"
    );
}

#[test]
fn an_object_that_occurs_twice_is_given_as_octets() {
    use typedstream::foundation::{Builder, Mutability};
    let archive = |members: usize| {
        let mut builder = Builder::new(typedstream::ByteOrder::Little);
        let long = builder.string(&"x".repeat(200_000), Mutability::Immutable);
        let root = builder.array(&vec![long; members], Mutability::Mutable);
        builder.finish(root).encode().unwrap()
    };
    assert!(shown(archive(1)).content.is_object());
    assert!(shown(archive(2)).content.is_null());
    assert!(shown(archive(5000)).content.is_null());
}

/// A binary property list whose top is a dictionary of `count` keys, all `key`, all with `value`.
fn dictionary(count: u16, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut list = [b"bplist00\xdf\x11".as_slice(), &count.to_be_bytes()].concat();
    list.extend([1_u8, 2].iter().flat_map(|of| vec![*of; count.into()]));
    let key_offset = u32::try_from(list.len()).unwrap();
    list.extend(key);
    let value_offset = u32::try_from(list.len()).unwrap();
    list.extend(value);
    let table = u64::try_from(list.len()).unwrap();
    for offset in [8, key_offset, value_offset] {
        list.extend(offset.to_be_bytes());
    }
    list.extend([0, 0, 0, 0, 0, 0, 4, 1]);
    for word in [3, 0, table] {
        list.extend(u64::to_be_bytes(word));
    }
    list
}

#[test]
fn an_object_that_is_cut_is_shown_once_however_many_keys_it_has() {
    let cut = [b"\x4f\x12\x00\x0f\x00\x00".as_slice(), &[7; 500_000]].concat();
    let whole = dictionary(4000, b"\x51k", &cut);
    shown(&whole[..500_000]);
    let mut inner = archive(&[b"\x84", &text(b"[200000c]"), &[b'a'; 9]]);
    inner.extend([b'a'; 100_000]);
    let cut = [b"\x4f\x12\x00\x0f\x00\x00".as_slice(), &inner].concat();
    let whole = dictionary(4000, b"\x51k", &cut);
    shown(&whole[..whole.len() - 60]);
}

#[test]
fn archives_that_many_keys_share_are_shown_as_far_as_there_is_room() {
    let small = archive(&[b"\x84", &text(b"[150{!!!!!!!!c}]"), &[b'a'; 150]]);
    let length = u8::try_from(small.len()).unwrap();
    let data = [&[0x4f, 0x10, length][..], &small].concat();
    let document = shown(dictionary(4000, b"\x51k", &data));
    let notes = notes(&document.fields);
    assert!(
        notes.iter().any(|note| note.ends_with("not shown")),
        "no end"
    );
}

#[test]
fn a_stanza_with_many_invitations_shows_some_of_them() {
    let small = archive(&[b"\x84", &text(b"[150{!!!!!!!!c}]"), &[b'a'; 150]]);
    let length = u8::try_from(small.len()).unwrap();
    let data = [&[0x4f, 0x10, length][..], &small].concat();
    let hex = hex::encode(dictionary(1, b"\x51k", &data));
    let one = format!("<AVChatConferenceData>{hex}</AVChatConferenceData>");
    let query = |inside: &str| format!("<iq><q xmlns='apple:iq:vc:request'>{inside}</q></iq>");
    assert!(
        !notes(&shown(query(&one)).fields)
            .iter()
            .any(|note| note.ends_with("not shown"))
    );
    let document = shown(query(&one.repeat(900)));
    assert!(
        notes(&document.fields)
            .iter()
            .any(|note| note.ends_with("not shown"))
    );
}

#[test]
fn a_long_namespace_and_many_elements_are_refused() {
    let bomb = format!(
        "<q xmlns='{}'>{}</q>",
        "a".repeat(9000),
        "<b/>".repeat(9000)
    );
    let message = read(bomb).unwrap_err().message;
    assert!(
        message.contains("a namespace of at most 256 octets, found 9000"),
        "{message}"
    );
    let message = read(format!("<q>{}</q>", "<b/>".repeat(40_000)))
        .unwrap_err()
        .message;
    assert!(
        message.contains("at most 30000 elements and attributes"),
        "{message}"
    );
}

#[test]
fn hex_that_ends_in_something_else_is_shown_and_is_an_error() {
    let hex = hex::encode(INTEL);
    for (input, fault) in [
        (
            format!("{hex}\u{1b}[2J"),
            "offset 1046 of the text, found '\\u{1b}'",
        ),
        (
            format!("{hex}a"),
            "expected two hex digits an octet, found one",
        ),
    ] {
        let document = shown(&input);
        let message = document
            .fault
            .map(|fault| fault.message)
            .unwrap_or_default();
        assert!(message.contains(fault), "{message}");
        assert_eq!(document.kind, "typedstream");
        assert!(!document.content.is_null());
    }
    // A list that is cut says so first.
    let document = read(format!("{}x", hex.get(..200).unwrap())).unwrap();
    let message = document
        .fault
        .map(|fault| fault.message)
        .unwrap_or_default();
    assert!(message.starts_with("no whole typedstream"), "{message}");
    assert!(
        document
            .notes
            .iter()
            .any(|note| note.contains("offset 200"))
    );
    let upper = read(hex.to_uppercase()).unwrap();
    assert_eq!(upper.notes, ["upper-case digits; iChat writes lower case"]);
}

#[test]
fn candidates_that_are_cut_are_known_as_such() {
    let blob = include_bytes!("../../tests/vectors/sip-ice.candidates");
    let document = read(&blob[..125]).unwrap();
    assert_eq!((document.kind, document.fields.len()), ("candidates", 1));
    let message = document
        .fault
        .map(|fault| fault.message)
        .unwrap_or_default();
    assert!(
        message.contains("expected 148 octets a candidate, found 125"),
        "{message}"
    );
    // More than an endpoint reads are not written from what is shown: the octets say it all.
    let many = read(blob.repeat(40)).unwrap();
    assert!(many.fault.is_none() && many.content.is_null());
}

#[test]
fn what_differs_from_the_captured_archive_is_marked() {
    let marks = |octets: &[u8]| notes(&read(octets).unwrap().fields);
    assert_eq!(marks(INTEL), Vec::<String>::new());
    let replaced = |from: &[u8], to: &[u8]| {
        let at = INTEL
            .windows(from.len())
            .position(|part| part == from)
            .unwrap();
        [&INTEL[..at], to, &INTEL[at + from.len()..]].concat()
    };
    let cases: [(&[u8], &[u8], &str); 6] = [
        (b"\x96\x02\x86", b"\x96\x03\x86", "2 in the capture"),
        (b"\x96\x00\x86\x86", b"\x96\x01\x86\x86", "0 in the capture"),
        (
            b"NSString\x01",
            b"NSString\x02",
            "NSString has version 1 in the capture",
        ),
        (
            b"\x81\xe8\x03",
            b"\x81\xe9\x03",
            "expected 1000, as every Mac writes",
        ),
        (b"version", b"Version", "version is missing"),
        (b"CommNAT", b"CommFAT", "not among the captured keys: kept"),
    ];
    for (from, to, mark) in cases {
        let marks = marks(&replaced(from, to));
        assert!(marks.iter().any(|found| found == mark), "{mark}: {marks:?}");
    }
    // Of a part nobody knows what is missing.
    let cut = marks(&INTEL[..100]);
    assert!(
        !cut.iter().any(|note| note == "SIP-ICE is missing"),
        "{cut:?}"
    );
}

#[test]
fn only_what_was_captured_is_graded_so() {
    let grades = |octets: &[u8]| {
        let tree = tree::render(&read(octets).unwrap(), tree::COLUMNS, false);
        let graded = tree.lines().filter(|line| line.ends_with("[C]"));
        graded.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let date = archive(&[
        b"\x84\x01@\x84\x84\x84\x06NSDate\x00\x84\x84\x08NSObject\x00\x85\x84\x01d\x05\x86",
    ]);
    assert!(!grades(&date).contains("NSDate"));
    // The same key means something else in another archive.
    let other = archive(&[
        b"\x84\x01@\x84\x84\x84\x0cNSDictionary\x00\x84\x84\x08NSObject\x00\x85\x84\x01i\x01\x92",
        b"\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x07version\x86\x92\x85\x86",
    ]);
    assert!(!grades(&other).contains("─ version"), "{}", grades(&other));
    let big = include_bytes!("../../tests/vectors/vcicedata-powerpc.typedstream");
    assert!(!grades(big).contains("big-endian"), "it is not captured");
}
