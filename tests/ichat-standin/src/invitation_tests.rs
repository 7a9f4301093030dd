//! Invitations against the capture, and each deviation that the stand-in must find.

use super::*;
use crate::candidate::hex;
use std::net::SocketAddr;

const VECTOR: &str = include_str!("../tests/vectors/invitation-2010.hex");
const PREFIX: &str = include_str!("../tests/vectors/invitation-2010.prefix.hex");
const CANDIDATES: &[u8] = include_bytes!("../tests/vectors/sip-ice.candidates");

fn parties() -> Parties {
    Parties::new("caller@jabber.example/Mac", "callee@jabber.example/iChat")
}

fn captured() -> Invitation {
    Invitation {
        session: 0x1c3b_4d78,
        parties: parties(),
        video: true,
        candidates: CANDIDATES.to_vec(),
        processor: Processor::Intel,
    }
}

/// An audio call of an endpoint of ours.
fn plain() -> Invitation {
    let record = ipport::record(0, SocketAddr::from(([127, 0, 0, 1], 16402)), false);
    let id = candidate::new_id(0x1234_5678);
    let host = Candidate::new(candidate::HOST, id, 45, record, record);
    Invitation {
        video: false,
        candidates: candidate::encode(&[host]),
        ..captured()
    }
}

fn expected() -> Expected {
    Expected {
        parties: parties(),
        session: Some(0x1c3b_4d78),
        video: false,
    }
}

fn look(text: &str, expected: &Expected) -> (Result<Read, String>, String) {
    let mut found = Findings::default();
    let read = read(text, expected, &mut found);
    (read, found.0.join("\n"))
}

#[test]
fn the_same_values_give_the_captured_octets_all_of_them() {
    let octets = captured().encode();
    assert_eq!(octets.len(), 1013);
    assert_eq!(hex(&octets), VECTOR.trim());
    assert!(VECTOR.starts_with(PREFIX.trim()));
    // The number of `false`.
    assert_eq!(octets[17], 0x1a);
}

#[test]
fn the_captured_invitation_is_read_and_only_what_is_an_ichat_s_own_is_found() {
    let chats = Expected {
        video: true,
        ..expected()
    };
    let (read, found) = look(VECTOR.trim(), &chats);
    let read = read.unwrap();
    assert_eq!(read.session, 0x1c3b_4d78);
    assert_eq!(read.processor, Processor::Intel);
    assert_eq!(candidate::encode(&read.candidates), CANDIDATES);
    assert_eq!(
        found,
        "candidate 0, record A: the 12 octets after IPv4 are not zero\n\
         candidate 0, record B: the 12 octets after IPv4 are not zero"
    );
}

#[test]
fn a_plain_invitation_passes_in_both_byte_orders_and_after_a_line_feed() {
    for processor in [Processor::Intel, Processor::PowerPc] {
        let invitation = Invitation {
            processor,
            ..plain()
        };
        let text = format!("\n{}", hex(&invitation.encode()));
        assert!(is_invitation(&text));
        let (read, found) = look(&text, &expected());
        assert_eq!(found, "");
        assert_eq!(read.unwrap().processor, processor);
    }
    assert!(!is_invitation("\n00000000656e30"));
}

#[test]
fn a_session_id_takes_four_octets() {
    for random in [0, 1, 0x7fff_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let session = u64::from(new_session(random));
        assert!((SMALLEST_SESSION..=LARGEST_SESSION).contains(&session));
    }
}

#[test]
fn each_deviation_of_the_values_is_found() {
    type Spoil = fn(&mut Invitation);
    let cases: [(Spoil, &str); 9] = [
        (|i| i.session = 0x1c3b_4d79, "answers 1c3b4d78"),
        (|i| i.session = 0xffff, "in 2 octets"),
        (|i| i.session = 0x8000_0000, "80000000 in 4 octets"),
        (|i| i.video = true, "sendingVideo is Boolean(true)"),
        (|i| i.candidates.clear(), "SIP-ICE is empty"),
        (
            |i| i.parties.caller = "caller@jabber.example".into(),
            "invitedBy",
        ),
        (
            |i| i.parties.caller = "caller@jabber.example/mac".into(),
            "invitedBy",
        ),
        (
            |i| i.parties.callee = "other@jabber.example".into(),
            "vcPartyID",
        ),
        (|i| i.parties.callee_name = " ".into(), "presentityName"),
    ];
    for (spoil, word) in cases {
        let mut invitation = plain();
        spoil(&mut invitation);
        let (_, found) = look(&hex(&invitation.encode()), &expected());
        assert!(found.contains(word), "{word}: {found}");
    }
    let mut shouted = plain();
    shouted.parties.callee = "Callee@Jabber.example".into();
    assert_eq!(look(&hex(&shouted.encode()), &expected()).1, "");
}

/// The plain invitation as a property list that was changed.
fn changed(change: impl Fn(&mut Vec<(String, Value)>)) -> String {
    let Ok(Value::Dictionary(mut entries)) = bplist::decode(&plain().encode()) else {
        panic!()
    };
    change(&mut entries);
    hex(&bplist::encode(&Value::Dictionary(entries)))
}

fn first_member(entries: &mut [(String, Value)]) -> &mut Vec<(String, Value)> {
    let Value::Array(members) = &mut entries[2].1 else {
        panic!()
    };
    let Value::Dictionary(member) = &mut members[0] else {
        panic!()
    };
    member
}

#[test]
fn each_deviation_of_the_form_is_found() {
    type Change = fn(&mut Vec<(String, Value)>);
    let cases: [(Change, &str); 9] = [
        (|e| e.swap(3, 4), "keys [\"VCSessionID\", \"VCICEData\""),
        (|e| e.push(("More".into(), Value::integer(1))), "More"),
        (|e| e[3].1 = Value::Boolean(true), "VCSecurityEnabled"),
        (|e| e[4].1 = Value::integer(0), "VCOrderIsFinal"),
        (|e| first_member(e).swap(0, 1), "member 0: keys"),
        (|e| first_member(e)[2].1 = Value::integer(1), "state is"),
        (
            |e| first_member(e)[6].1 = Value::Boolean(false),
            "sendingAudio",
        ),
        (|e| first_member(e)[9].1 = Value::Boolean(true), "usingICE"),
        (
            |e| {
                first_member(e)[0].1 = Value::Integer { value: 0, width: 8 };
            },
            "ardRole",
        ),
    ];
    for (change, word) in cases {
        let (read, found) = look(&changed(change), &expected());
        assert!(read.is_ok() && found.contains(word), "{word}: {found}");
    }
}

#[test]
fn what_cannot_be_used_is_an_error() {
    type Change = fn(&mut Vec<(String, Value)>);
    let cases: [(Change, &str); 4] = [
        (|e| e[0].1 = Value::text("1"), "VCSessionID"),
        (|e| e[1].1 = Value::text("1"), "VCICEData is Some"),
        (
            |e| e[1].1 = Value::Data(b"bplist00".to_vec()),
            "no typedstream",
        ),
        (
            |e| {
                let odd = typedstream::encode(&[0; 147], Processor::Intel);
                e[1].1 = Value::Data(odd);
            },
            "no multiple of 148",
        ),
    ];
    for (change, word) in cases {
        let error = look(&changed(change), &expected()).0.unwrap_err();
        assert!(error.contains(word), "{word}: {error}");
    }
    for text in ["zz", "62706c6973743030", ""] {
        assert!(look(text, &expected()).0.is_err(), "{text}");
    }
}

#[test]
fn a_list_that_another_writer_numbered_is_found() {
    // Objects 1 and 2, the first two keys, change their numbers: nothing else is said.
    let octets = plain().encode();
    let mut other = octets.clone();
    let at = octets.len() - 2;
    let table = usize::from(octets[at]) << 8 | usize::from(octets[at + 1]);
    other.swap(9, 10);
    for at in [table + 2, table + 3] {
        other.swap(at, at + 2);
    }
    assert_eq!(bplist::decode(&other), bplist::decode(&octets));
    let (read, found) = look(&hex(&other), &expected());
    assert!(read.is_ok());
    assert!(found.contains("the first that differs is 9"), "{found}");
    let mut padded = octets.clone();
    let count = padded.len() - 32;
    padded[count] = 1;
    let (read, found) = look(&hex(&padded), &expected());
    assert!(read.is_ok());
    assert!(found.contains("as CoreFoundation writes"), "{found}");
    let (_, found) = look(&hex(&octets).to_uppercase(), &expected());
    assert!(found.contains("upper-case"), "{found}");
    let (_, found) = look(&format!(" {}", hex(&octets)), &expected());
    assert!(found.contains("white space"), "{found}");
}
