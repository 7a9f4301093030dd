//! Invitations and what is in them: the captured one, changed ones, broken ones.

use serde_json::{Value as Json, json};

use super::field::{Document, Field};
use super::input::{Input, Source};
use super::{content_of, decode, octets_of, tree};
use crate::failure::Failure;

const INVITATION: &str = include_str!("../../tests/vectors/invitation-2010.hex");
const PREFIX: &str = include_str!("../../tests/vectors/invitation-2010.prefix.hex");
const INTEL: &[u8] = include_bytes!("../../tests/vectors/vcicedata-intel.typedstream");
const POWERPC: &[u8] = include_bytes!("../../tests/vectors/vcicedata-powerpc.typedstream");
const UNKNOWN: &[u8] = include_bytes!("../../tests/vectors/unknown-class.typedstream");
const CANDIDATES: &[u8] = include_bytes!("../../tests/vectors/sip-ice.candidates");

fn read(octets: impl AsRef<[u8]>) -> Result<Document, Failure> {
    decode(Input {
        octets: octets.as_ref().to_vec(),
        source: Source::File,
    })
}

fn at<'a>(fields: &'a [Field], path: &[&str]) -> &'a Field {
    let (first, rest) = path.split_first().unwrap();
    let names = || fields.iter().map(|field| &field.name).collect::<Vec<_>>();
    let found = fields.iter().find(|field| field.name == *first);
    let field = found.unwrap_or_else(|| panic!("no {first} among {:?}", names()));
    if rest.is_empty() {
        field
    } else {
        at(&field.children, rest)
    }
}

/// Every place lies within the octets that it counts in.
fn check_places(fields: &[Field], octets: usize) {
    for field in fields {
        if let Some(place) = field.place {
            assert!(place.offset + place.length <= octets, "{}", field.name);
        }
        let inner = field.raw.as_ref().map_or(octets, Vec::len);
        check_places(&field.children, inner);
    }
}

#[test]
fn the_captured_invitation_shows_every_layer() {
    let document = read(INVITATION).unwrap();
    assert_eq!((document.kind, document.form), ("invitation", "hex"));
    assert!(document.fault.is_none());
    check_places(&document.fields, document.raw.len());
    let json = document.json();
    let top = &document.fields;
    let id = at(top, &["top", "VCSessionID"]);
    assert_eq!(
        id.place.map(|place| (place.offset, place.length)),
        Some((0x5b, 5))
    );
    assert_eq!(id.grade, Some("C"));
    let data = [
        "top",
        "VCICEData",
        "NSMutableDictionary",
        "SIP-ICE",
        "octets",
        "candidate 2",
    ];
    assert_eq!(
        at(top, &data).meaning,
        "server-reflexive, for documents (RFC 5737)"
    );
    let second = ["top", "VCInviteesList", "member 2", "vcPartyID"];
    assert_eq!(
        at(top, &second).value,
        Some(super::field::Value::Text("callee@jabber.example2".into()))
    );
    assert_eq!(json["content"]["VCSessionID"], 0x1c3b_4d78);
}

#[test]
fn what_was_read_is_written_again_octet_for_octet() {
    let invitation = hex::decode(INVITATION.trim()).unwrap();
    let cases: [(&str, &[u8]); 5] = [
        ("invitation", &invitation),
        ("typedstream", INTEL),
        ("typedstream", POWERPC),
        ("candidates", CANDIDATES),
        ("ipport-list", &CANDIDATES[24..104]),
    ];
    for (kind, octets) in cases {
        let content = content_of(kind, octets).unwrap();
        assert!(!content.is_null(), "{kind}");
        assert_eq!(octets_of(kind, &content).as_deref(), Ok(octets), "{kind}");
    }
    // What has no content that says all of it stays as octets.
    assert_eq!(content_of("typedstream", UNKNOWN), Some(Json::Null));
}

#[test]
fn a_changed_content_changes_the_octets() {
    let invitation = hex::decode(INVITATION.trim()).unwrap();
    let mut content = content_of("invitation", &invitation).unwrap();
    content["VCInviteesList"][0]["presentityName"] = json!("Böb");
    let root = &mut content["VCICEData"]["$typedstream"]["root"];
    root["SIP-ICE"]["$candidates"][0]["base"]["address"] = json!("10.1.2.3");
    let octets = octets_of("invitation", &content).unwrap();
    let document = read(&octets).unwrap();
    assert!(document.fault.is_none());
    let name = at(
        &document.fields,
        &["top", "VCInviteesList", "member 1", "presentityName"],
    );
    assert_eq!(name.value, Some(super::field::Value::Text("Böb".into())));
    let first = [
        "top",
        "VCICEData",
        "NSMutableDictionary",
        "SIP-ICE",
        "octets",
        "candidate 1",
    ];
    let candidate = at(&document.fields, &first);
    assert_eq!(
        candidate.notes,
        Vec::<String>::new(),
        "the guard goes with its base"
    );
}

#[test]
fn a_content_that_cannot_be_written_says_where() {
    let fault = |content: Json| octets_of("invitation", &content).unwrap_err();
    assert_eq!(
        fault(json!({"a": [1, {"$data": "0x"}]})),
        "content.a.2.$data: no hex at offset 1: expected a hex digit, found 'x'"
    );
    assert_eq!(
        fault(json!({"a": {"$integer": 300, "width": 1}})),
        "content.a: 300 does not fit into 1 octets: expected 1, 2, 4, 8 or 16 octets that hold it"
    );
    assert!(fault(json!({"$nothing": 1})).starts_with("content: $nothing is no kind"));
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    assert!(fault(deep).ends_with("nested deeper than 32"));
    assert!(
        octets_of("stanza", &json!(1))
            .unwrap_err()
            .contains("has no content")
    );
    let candidate = octets_of("candidates", &json!([{"slot": -1}])).unwrap_err();
    assert!(candidate.starts_with("content.1"), "{candidate}");
}

#[test]
fn an_invitation_that_is_cut_shows_what_is_there() {
    let document = read(PREFIX).unwrap();
    let fault = document.fault.as_ref().unwrap();
    assert_eq!((fault.code, fault.status), ("bad-property-list", 1));
    assert!(fault.message.contains("octet 100"), "{}", fault.message);
    check_places(&document.fields, document.raw.len());
    let names: Vec<&str> = document
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "VCSessionID",
            "VCICEData",
            "VCInviteesList",
            "VCSecurityEnabled",
            "VCOrderIsFinal"
        ]
    );
    let data = at(&document.fields, &["VCICEData"]);
    assert_eq!(data.raw.as_ref().map(Vec::len), Some(350));
    let path = [
        "VCICEData",
        "NSMutableDictionary",
        "SIP-ICE",
        "octets",
        "candidate 1",
    ];
    let candidate = at(&document.fields, &path);
    assert_eq!(candidate.place.map(|place| place.length), Some(125));
    assert_eq!(
        candidate.children.last().map(|field| field.name.as_str()),
        Some("C (guard), begun")
    );
}

#[test]
fn every_truncation_is_shown_or_refused_and_fits_the_lines() {
    let invitation = hex::decode(INVITATION.trim()).unwrap();
    for whole in [invitation.as_slice(), INTEL, UNKNOWN, CANDIDATES] {
        for length in (0..whole.len()).step_by(7) {
            let Ok(document) = read(&whole[..length]) else {
                continue;
            };
            check_places(&document.fields, document.raw.len());
            for line in tree::render(&document, false).lines() {
                assert!(super::text::width(line) <= 100, "{line}");
            }
        }
    }
}

#[test]
fn lists_in_other_forms_are_read_too() {
    let xml = "<?xml version='1.0'?><plist version='1.0'><dict><key>VCSessionID</key>\
               <integer>7</integer></dict></plist>";
    let document = read(xml).unwrap();
    assert_eq!((document.kind, document.form), ("invitation", "text"));
    assert!(
        document
            .notes
            .iter()
            .any(|note| note.contains("binary property list")),
        "{:?}",
        document.notes
    );
    assert_eq!(
        read("<plist><dict><key>a</key></dict></plist>")
            .unwrap_err()
            .code,
        "bad-property-list"
    );
}

#[test]
fn in_a_dump_every_octet_has_a_name_and_stands_once() {
    for input in [INVITATION.as_bytes(), INTEL, POWERPC, UNKNOWN, CANDIDATES] {
        let document = read(input).unwrap();
        let dump = super::dump::render(&document);
        let mut octets = Vec::new();
        let mut named = 0;
        for line in dump.lines().skip(2) {
            assert!(super::text::width(line) <= 100, "{line}");
            let row = line.get(6..54.min(line.len())).unwrap();
            octets.extend(hex::decode(row.replace(' ', "")).unwrap());
            named += usize::from(line.len() > 55);
        }
        assert!(octets == document.raw);
        assert!(named > 10, "{dump}");
    }
    // Octets that nothing explains are there too.
    let broken = read(PREFIX).unwrap();
    assert!(super::dump::render(&broken).contains("4f 11 02 0b"));
}
