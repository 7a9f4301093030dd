//! Every layer together: octets in, documents and lines out.

use super::field::{Document, Field};
use super::input::{Input, Source};
use super::text::width;
use super::{decode, tree};
use crate::failure::Failure;

const RECORD: &str =
    "00000000656e3100000000000000000000000000c0a8011400000000000000000000000040120000";
const VICEROY: &[u8] = include_bytes!("../../tests/vectors/viceroy-1.4.1-invite.sip");
const REQUEST: &[u8] = include_bytes!("../../tests/vectors/gateway-2009-request.xml");
const PRESENCE: &[u8] = include_bytes!("../../tests/vectors/ichat3-presence.xml");
const ERROR: &[u8] = include_bytes!("../../tests/vectors/ichat3-error.xml");
const DISCO: &[u8] = include_bytes!("../../tests/vectors/ichat3-disco-info.xml");

fn read(octets: impl AsRef<[u8]>) -> Result<Document, Failure> {
    decode(Input {
        octets: octets.as_ref().to_vec(),
        source: Source::File,
    })
}

/// Every note of the document, the innermost too.
fn notes(document: &Document) -> Vec<String> {
    fn collect(fields: &[Field], notes: &mut Vec<String>) {
        for field in fields {
            notes.extend(
                field
                    .notes
                    .iter()
                    .map(|note| format!("{}: {note}", field.name)),
            );
            collect(&field.children, notes);
        }
    }
    let mut notes = document.notes.clone();
    collect(&document.fields, &mut notes);
    notes
}

fn child<'a>(fields: &'a [Field], name: &str) -> &'a Field {
    fields.iter().find(|field| field.name == name).unwrap()
}

fn meaning(request: &str, path: &[&str]) -> String {
    let document = read(request).unwrap();
    let mut fields = document.fields.as_slice();
    let mut found = "";
    for name in path {
        let field = child(fields, name);
        found = &field.meaning;
        fields = &field.children;
    }
    found.to_owned()
}

#[test]
fn kinds_are_recognised_by_their_own_octets() {
    let kind = |octets: &[u8]| read(octets).unwrap().kind;
    assert_eq!(kind(RECORD.as_bytes()), "ipport-list");
    assert_eq!(
        kind(format!("\n  {}\n", RECORD.to_uppercase()).as_bytes()),
        "ipport-list"
    );
    assert_eq!(kind(&hex::decode(RECORD).unwrap()), "ipport-list");
    assert_eq!(kind(b" \n<message><body>hi</body></message>"), "stanza");
    assert_eq!(kind(b"\r\nsip/2.0 180\r\n\r\n"), "sip");
    assert_eq!(kind(b"OPTIONS sip:a@b SIP/2.0\n\n"), "sip");
    assert_eq!(kind(b"v=0\r\n"), "sdp");
    assert_eq!(kind(b"c=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 0\n"), "sdp");
}

#[test]
fn what_comes_later_is_recognised_and_says_so() {
    let mut candidate = vec![0; 148];
    candidate[7] = 1;
    candidate[24..64].copy_from_slice(&hex::decode(RECORD).unwrap());
    let kinds: [(&[u8], &str); 8] = [
        (b"bplist00\xd1", "property-list"),
        (b"62706c6973743030d5", "property-list"),
        (b"\x04\x0bstreamtyped\x81", "typedstream"),
        (b"\x04\x0btypedstream\x81", "typedstream"),
        (b"040b73747265616d7479706564", "typedstream"),
        (&candidate, "candidates"),
        (hex::encode(&candidate).leak().as_bytes(), "candidates"),
        (
            b"<?xml version='1.0'?><plist version='1.0'><dict/></plist>",
            "property-list",
        ),
    ];
    for (octets, kind) in kinds {
        assert_eq!(read(octets).unwrap().kind, kind, "{octets:?}");
    }
    let later: [&[u8]; 2] = [b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\x0a\x0d\x0d\x0a"];
    for octets in later {
        let failure = read(octets).unwrap_err();
        assert_eq!((failure.code, failure.status), ("not-yet", 2), "{octets:?}");
    }
}

#[test]
fn what_is_not_recognised_is_told_in_one_line() {
    let message = |octets: &[u8]| {
        let failure = read(octets).unwrap_err();
        assert_eq!((failure.code, failure.status), ("unrecognised", 1));
        assert!(!failure.message.contains('\n'));
        failure.message.split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(message(b""), "found nothing");
    assert_eq!(message(b" \n"), "found only white space");
    assert_eq!(
        message(b"hello\nworld"),
        "found 11 octets, beginning with \"hello\\nworld\""
    );
    assert_eq!(
        message(&[0xff; 50]),
        "found 50 octets, beginning with the octets ffffffffffffffffffffffffffffffff…"
    );
    assert_eq!(
        message(&[b'0'; 78]),
        "found 78 hex digits, and an IPPORT record has 80"
    );
    assert_eq!(
        message(hex::encode([7; 52]).as_bytes()),
        "found hex of 52 octets without the name of an interface at offset 4"
    );
    let text = decode(Input {
        octets: b"a.xml".to_vec(),
        source: Source::Text,
    })
    .unwrap_err();
    assert!(
        text.message
            .ends_with("found \"a.xml\", which is no existing file either")
    );
}

#[test]
fn a_list_marks_all_that_differs() {
    let odd = "00000008656e31000000000000000000000000ff00000000deadbeef000000000000000000000001\
        00000001656e300000000000000000000000 0000fe800004000000000000000000000020401200004";
    let document = read(odd.to_uppercase()).unwrap();
    let notes = notes(&document);
    for expected in [
        "upper-case digits; iChat writes lower case",
        "white space between the digits: skipped",
        "record 1: nothing can be sent there: left out of the addresses to call",
        "flags: the bits 00000008 have no known meaning: ignored [D]",
        "name: garbage behind the NUL: 000000000000000000000000ff",
        "padding: expected 0000: ignored on input, zero on output",
        "record 2: link-local IPv6: left out of the addresses to call",
        "address: a scope in octets 2 and 3 (BSD): 0004; cleared",
        "rest of the text: expected two hex digits an octet, found one; left out",
    ] {
        assert!(
            notes.iter().any(|note| note == expected),
            "{expected}: {notes:#?}"
        );
    }
    assert!(
        notes[0].contains("whoever is sent this list has no one to talk to"),
        "{notes:#?}"
    );
}

#[test]
fn a_broken_tail_is_marked_and_the_rest_is_read() {
    let document = read(format!("{RECORD}{}", &RECORD[..50])).unwrap();
    let tail = child(&document.fields, "broken tail");
    assert_eq!(
        tail.place.map(|place| (place.offset, place.length)),
        Some((40, 25))
    );
    assert_eq!(
        notes(&document),
        ["broken tail: a record is cut: expected 40 octets, found 25; left out"]
    );
    let document = read(format!("{RECORD} more")).unwrap();
    assert_eq!(
        notes(&document),
        ["rest of the text: expected a hex digit at offset 81 of the text, found 'm'; left out"]
    );
    assert_eq!(document.raw, hex::decode(RECORD).unwrap());
}

#[test]
fn long_lists_are_shown_whole_and_told_to_be_too_long() {
    let document = read(RECORD.repeat(2000)).unwrap();
    assert_eq!(document.fields.len(), 2000);
    assert_eq!(
        notes(&document),
        [
            "an endpoint uses 64 addresses; 1936 more are left out",
            "longer than an endpoint reads: expected at most 65536 octets of text, found 160000",
        ]
    );
    let many = format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ver='1' ext='{}'/></presence>",
        "audio ".repeat(70)
    );
    assert_eq!(
        notes(&read(many).unwrap()),
        ["@ext: 6 more than 64 tokens: not looked at"]
    );
}

#[test]
fn a_guard_tells_when_its_record_was_rewritten() {
    let guard = |base: &str| {
        let text = format!(
            "00000000656e3100000000000000000000000000{base}40120000\
             00000000656e317e0000000000000000000000003f57fe7bffffffff2965df00019c08bd40120000"
        );
        let document = read(text).unwrap();
        let guard = child(&document.fields, "record 2");
        (guard.meaning.clone(), guard.notes.first().cloned().unwrap())
    };
    let left_out = "a guard is no address to call: left out";
    let (meaning, note) = guard("c0a8018400000000d69a20fffe63f742");
    assert_eq!(
        meaning,
        "guards record 1: its address, all 16 octets inverted"
    );
    assert_eq!(note, left_out);
    let (meaning, note) = guard("c0a80184000000000000000000000000");
    assert_eq!(meaning, "guards record 1: its address inverted");
    assert_eq!(note, "the unused octets are not the record's, inverted");
    let (_, note) = guard("c633640100000000d69a20fffe63f742");
    assert_eq!(
        note,
        "record 1 was rewritten on the way: it says 198.51.100.1, the guard 192.168.1.132"
    );
}

#[test]
fn a_ring_is_explained() {
    let request = |inner: &str| {
        format!(
            "<iq type='set' from='much.too.long@im.test' to='mac@im.test'><query xmlns='apple:iq:vc:request'>{inner}</query></iq>"
        )
    };
    let document = read(request(
        "<extSIPPort>16402</extSIPPort><isAudioOnly>2</isAudioOnly><new/>",
    ))
    .unwrap();
    let notes = notes(&document);
    for expected in [
        "@from: 13 characters before the @: iChat answered 603 to callers with more than 10 [G]",
        "@to: a bare JID: the server answers vc:* to it itself; full JIDs only",
        "query: VCNewCallerIPPortData is missing",
        "query: VCProtocolVersion is missing",
        "isAudioOnly: expected 0 or 1",
        "new: not among the known children",
    ] {
        assert!(
            notes.iter().any(|note| note == expected),
            "{expected}: {notes:#?}"
        );
    }
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("query: another order than the known one"))
    );
    let list = request(&format!(
        "<VCNewCallerIPPortData>\n{RECORD}</VCNewCallerIPPortData>"
    ));
    let path = ["iq", "query", "VCNewCallerIPPortData"];
    assert_eq!(
        meaning(&list, &path),
        "after one line feed, as iChat writes it [G]: 1 record of 40 octets"
    );
    let bad = read(request(
        "<VCNewCallerIPPortData>00zz</VCNewCallerIPPortData>",
    ))
    .unwrap();
    assert!(self::notes(&bad).iter().any(|note| note
        == "VCNewCallerIPPortData: no address list: expected a hex digit at offset 2 of the text, found 'z'"));
    let invitation = request("<AVChatConferenceData>62706c6973743030d5</AVChatConferenceData>");
    assert_eq!(
        meaning(&invitation, &["iq", "query", "AVChatConferenceData"]),
        "the conference dialect's invitation: a property list of 9 octets"
    );
}

#[test]
fn every_answer_to_a_ring_has_its_meaning() {
    let response = |code: &str, data: &str| {
        let text = format!(
            "<iq type='set'><query xmlns='apple:iq:vc:response'><response>{code}</response>{data}\
             <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
        );
        meaning(&text, &["iq", "query", "response"])
    };
    let data = format!("<connectData>{RECORD}</connectData>");
    assert_eq!(response("0", &data), "accepts");
    assert_eq!(
        response("0", "<connectData>\n</connectData>"),
        "accepts, but without addresses"
    );
    assert_eq!(response("1", ""), "declines");
    assert_eq!(response("2", ""), "busy");
    assert_eq!(
        response("11", ""),
        "filtered: takes no calls from this caller"
    );
    assert_eq!(response("99", ""), "an unknown code: counts as a decline");
    let cancel = "<iq type='set'><query xmlns='apple:iq:vc:cancel'><VCProtocolVersion>1</VCProtocolVersion></query></iq>";
    assert_eq!(
        meaning(cancel, &["iq", "query"]),
        "the caller gives up while it rings"
    );
    assert!(notes(&read(cancel).unwrap()).is_empty());
    let echo = "<iq type='error'><query xmlns='apple:iq:vc:request'/><error code='503'/></iq>";
    assert!(notes(&read(echo).unwrap()).contains(
        &"query: an error looks at its type first: this is what was asked, come back".to_owned()
    ));
}

#[test]
fn content_length_is_held_against_the_body() {
    let message = |length: &str| {
        let text = String::from_utf8_lossy(VICEROY).replace("Content-Length: 663", length);
        let document = read(text).unwrap();
        let body = child(&document.fields, "body").place.unwrap().length;
        (notes(&document), body)
    };
    assert_eq!(message("Content-Length: 663"), (Vec::new(), 663));
    let (notes, body) = message("Content-Length: 666");
    assert!(
        notes[0].starts_with("Content-Length: the body has 663, 3 less"),
        "{notes:?}"
    );
    assert_eq!(body, 663);
    let (notes, body) = message("Content-Length: 3");
    assert_eq!(
        notes.first().unwrap(),
        "Content-Length: 663 follow, 660 more: the body is cut at 3"
    );
    assert_eq!(body, 3);
    assert_eq!(message("X-None: 1").1, 663);
}

#[test]
fn messages_in_a_dialog_are_explained() {
    let document = read(
        "MESSAGE sip:user@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2:16402;branch=z9hG4bK1\n\
         To: <sip:user@192.0.2.1>;tag=1\nf: <sip:user@192.0.2.2>\n ;tag=2\ni: x\nCSeq: 2 MESSAGE\nno colon\n\
         Content-Type: text/plain\n\nVCRemoteMuted:ON",
    )
    .unwrap();
    assert_eq!(child(&document.fields, "body").grade, Some("G"));
    let notes = notes(&document);
    assert!(notes[0].starts_with("lines end in LF alone"), "{notes:?}");
    assert!(notes.contains(&"f: folded over several lines (RFC 3261 §7.3.1)".to_owned()));
    assert!(notes.contains(&"line: no header: expected a name and a colon; left out".to_owned()));
    let busy = read("SIP/2.0 486\r\n\r\n").unwrap();
    assert_eq!(
        busy.fields[0].meaning,
        "refused: Busy Here; iChat shows it sensibly"
    );
    assert_eq!(busy.notes.len(), 5);
}

#[test]
fn apples_attributes_keep_their_case() {
    let document =
        read("v=0\r\nm=audio 9 RTP/AVP 3\r\na=rtcp:9\r\na=RTCP:AUDIO 9\r\na=Rtcp:9\r\nx\r\n")
            .unwrap();
    let audio = child(&document.fields, "m=audio");
    assert_eq!(
        audio.notes,
        ["no codec that we have: expected PCMU or PCMA"]
    );
    assert_eq!(
        child(&audio.children, "a=rtcp").meaning,
        "RTCP goes to UDP port 9"
    );
    assert!(
        child(&audio.children, "a=RTCP")
            .meaning
            .contains("mind the case")
    );
    assert_eq!(child(&audio.children, "a=Rtcp").grade, Some("?"));
    assert_eq!(child(&audio.children, "line").notes.len(), 1);
}

#[test]
fn the_json_holds_the_octets_that_its_places_count_in() {
    let json = read(REQUEST).unwrap().json();
    assert_eq!(json["kind"], "stanza");
    assert_eq!(json["raw"], hex::encode(REQUEST));
    let query = &json["fields"][0]["children"][4];
    let data = query["children"].as_array().unwrap().iter();
    let data = data
        .clone()
        .find(|field| field["name"] == "VCNewCallerIPPortData")
        .unwrap();
    let record = &data["children"][0];
    assert_eq!(data["raw"].as_str().unwrap().len(), 80);
    assert_eq!(record["children"][5]["value"], "0000");
    assert_eq!(record["children"][4]["value"], 15080);
    assert_eq!(record["children"][4]["offset"], 36);
}

/// Xorshift: the same octets in every run.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

#[test]
fn whatever_comes_the_lines_fit_and_nothing_panics() {
    let guard = hex::decode(RECORD.repeat(3)).unwrap();
    let seeds: [&[u8]; 7] = [
        VICEROY,
        REQUEST,
        PRESENCE,
        ERROR,
        DISCO,
        &guard,
        RECORD.as_bytes(),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut read_whole = 0;
    for round in 0..2000 {
        let mut octets = seeds[round % seeds.len()].to_vec();
        for _ in 0..random(&mut state) % 4 {
            let at = random(&mut state) % octets.len();
            match random(&mut state) % 3 {
                0 => octets[at] = random(&mut state).to_le_bytes()[0],
                1 => octets.truncate(at.max(1)),
                _ => octets.insert(at, b"\0\n;: <'=\x1b\xff"[random(&mut state) % 10]),
            }
        }
        let Ok(document) = read(&octets) else {
            continue;
        };
        read_whole += 1;
        assert!(document.json().to_string().len() > octets.len());
        for line in tree::render(&document, false).lines() {
            assert!(width(line) <= 100, "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    assert!(read_whole > 500, "{read_whole}");
}

#[test]
fn deep_and_wide_xml_ends_in_an_error_or_a_tree() {
    let failure = read("<a>".repeat(300_000)).unwrap_err();
    assert_eq!((failure.code, failure.status), ("bad-xml", 1));
    assert_eq!(
        failure.message,
        "no whole XML, at offset 192: expected at most 64 elements inside each other, found more"
    );
    let deep = format!("{}text{}", "<ab>".repeat(64), "</ab>".repeat(64));
    let lines = tree::render(&read(deep).unwrap(), false);
    assert!(lines.lines().all(|line| width(line) <= 100), "{lines}");
    assert!(read("<a/>".repeat(20_000)).is_ok());
}

#[test]
fn colours_change_nothing_but_colours() {
    let document = read(VICEROY).unwrap();
    let mut plain = String::new();
    let coloured = tree::render(&document, true);
    let mut parts = coloured.split('\u{1b}');
    plain.push_str(parts.next().unwrap());
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    let trimmed: Vec<&str> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n"), tree::render(&document, false));
    assert!(coloured.contains("\u{1b}[36m"));
}
