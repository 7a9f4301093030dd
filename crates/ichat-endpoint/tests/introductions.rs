//! What a peer says of its addresses: in either dialect, in the other one's place, broken, cut.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails shall say so where it fails"
)]

use std::net::SocketAddr;

use ichat_endpoint::introductions::{Introduction, Parties, invite, text, with_candidates};
use ichat_invitation::{
    Candidate, CandidateId, CandidateKind, Invitation, IpPort, Party, encode_hex,
};
use ichat_xmpp::Dialect;

const CAPTURED: &str = include_str!("../../ichat-invitation/tests/vectors/invitation-2010.hex");
const CUT: &str = include_str!("../../ichat-invitation/tests/vectors/invitation-2010.prefix.hex");

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn record(address: &str) -> IpPort {
    IpPort::new("en0", at(address))
}

fn candidates() -> Vec<Candidate> {
    let (host, mapped) = (record("192.168.1.5:16402"), record("203.0.113.9:40000"));
    let host_id = CandidateId::new(1);
    let mapped_id = CandidateId::new(2);
    let kind = CandidateKind::ServerReflexive;
    vec![
        Candidate::host(host_id, 45, &host),
        Candidate::with_base(kind, mapped_id, 35, &mapped, &host),
    ]
}

fn parties() -> Parties<'static> {
    Parties {
        caller: Party {
            jid: "alice@im.test/desk",
            name: "",
        },
        callee: Party {
            jid: "bob@im.test",
            name: "Bob",
        },
    }
}

fn ours() -> Invitation {
    invite(parties(), None, 0x1234_5678, candidates()).unwrap()
}

#[test]
fn a_list_is_read_and_its_broken_tail_complained_of() {
    let list = encode_hex(&[record("192.168.1.5:16402"), record("10.0.0.1:5060")]);
    let read = Introduction::read(Dialect::Legacy, &format!("\n{list}")).unwrap();
    assert_eq!(
        read.addresses(),
        [at("192.168.1.5:16402"), at("10.0.0.1:5060")]
    );
    assert_eq!((read.dialect(), &read.complaint), (Dialect::Legacy, &None));
    let read = Introduction::read(Dialect::Legacy, &list[..list.len() - 6]).unwrap();
    assert_eq!(read.addresses(), [at("192.168.1.5:16402")]);
    let complaint = read.complaint.unwrap();
    assert_eq!(complaint.code, "bad-address-list");
    assert!(complaint.message.contains("37 octets"), "{complaint:?}");
}

#[test]
fn our_invitation_says_what_it_should_and_is_read_again() {
    let hex = text(&ours()).unwrap();
    assert!(hex.len() < 8192);
    let read = Introduction::read(Dialect::Conference, &hex).unwrap();
    assert_eq!(read.dialect(), Dialect::Conference);
    assert_eq!(read.complaint, None);
    let kinds: Vec<_> = read
        .listed
        .iter()
        .map(|one| (one.kind, one.address))
        .collect();
    assert_eq!(
        kinds,
        [
            ("host", at("192.168.1.5:16402")),
            ("srflx", at("203.0.113.9:40000"))
        ]
    );
    let invitation = read.conference.unwrap().invitation;
    assert_eq!(invitation.deviations(), []);
    assert_eq!(
        invitation.invitees[0].presentity_name.as_deref(),
        Some("alice")
    );
    assert_eq!(
        invitation.invitees[1].presentity_name.as_deref(),
        Some("Bob")
    );

    let answer = invite(parties(), Some(&invitation), 1, candidates()).unwrap();
    assert_eq!(answer.session_id, invitation.session_id);
    let more = with_candidates(&answer, candidates()[..1].to_vec()).unwrap();
    let read = Introduction::read(Dialect::Conference, &text(&more).unwrap()).unwrap();
    assert_eq!(read.listed.len(), 1);
    let again = read.conference.unwrap().invitation;
    assert_eq!(text(&again), text(&more), "octet for octet");
}

#[test]
fn twenty_candidates_fit_into_eight_thousand_octets() {
    let many = vec![candidates()[0]; ichat_endpoint::connectivity::MAX_CANDIDATES];
    let long = Parties {
        caller: Party {
            jid: "somebody.with.a.long.name@a-long-domain.example.org/a-long-resource",
            name: "",
        },
        ..parties()
    };
    let invitation = invite(long, None, u32::MAX, many).unwrap();
    let length = text(&invitation).unwrap().len();
    assert!(length < 8192, "{length}");
}

#[test]
fn a_real_macs_invitation_is_read_and_so_is_what_was_captured_of_it() {
    let read = Introduction::read(Dialect::Conference, CAPTURED).unwrap();
    assert_eq!(read.addresses()[0], at("192.168.1.132:16402"));
    assert_eq!(read.complaint, None);
    let read = Introduction::read(Dialect::Conference, CUT);
    // The capture ends inside the first candidate.
    let complaint = read.unwrap_err();
    assert_eq!(complaint.code, "bad-invitation");
}

#[test]
fn an_invitation_that_is_cut_short_gives_its_whole_candidates() {
    let hex = text(&ours()).unwrap();
    let mut salvaged = 0;
    for length in (0..hex.len()).step_by(2) {
        match Introduction::read(Dialect::Conference, &hex[..length]) {
            Ok(read) => {
                salvaged += 1;
                let complaint = read.complaint.unwrap();
                assert_eq!(complaint.code, "bad-invitation", "{length}");
                assert!(!read.listed.is_empty());
            }
            Err(complaint) => assert!(!complaint.message.is_empty()),
        }
    }
    assert!(salvaged > 100, "{salvaged}");
}

#[test]
fn what_stands_in_the_other_dialects_place_is_taken_for_what_it_is() {
    let list = encode_hex(&[record("192.168.1.5:16402")]);
    let read = Introduction::read(Dialect::Conference, &list).unwrap();
    assert_eq!(read.dialect(), Dialect::Legacy);
    let read = Introduction::read(Dialect::Legacy, &text(&ours()).unwrap()).unwrap();
    assert_eq!(read.dialect(), Dialect::Conference);
}

#[test]
fn an_address_that_a_middlebox_rewrote_is_told_as_it_was() {
    let mut tampered = candidates();
    let elsewhere = ichat_invitation::RawIpPort::from(&record("198.51.100.1:16402"));
    tampered[0].address = elsewhere;
    tampered[0].base = elsewhere;
    let invitation = invite(parties(), None, 1, tampered.clone()).unwrap();
    let read = Introduction::read(Dialect::Conference, &text(&invitation).unwrap()).unwrap();
    assert_eq!(read.addresses()[0], at("192.168.1.5:16402"));
    let conference = read.conference.unwrap();
    assert_eq!(
        conference.candidates, tampered,
        "checks restore it themselves, and count it"
    );
}

#[test]
fn rubbish_is_refused_with_a_reason_in_one_line() {
    for (dialect, rubbish, code) in [
        (Dialect::Conference, "", "bad-invitation"),
        (Dialect::Conference, "zz", "bad-invitation"),
        (Dialect::Conference, "62706c697374303000", "bad-invitation"),
        (Dialect::Conference, "ffff", "bad-invitation"),
        (Dialect::Legacy, "62706c697374303000", "bad-invitation"),
        (Dialect::Legacy, "ffff", "bad-address-list"),
        (Dialect::Legacy, "no hex", "bad-address-list"),
    ] {
        let complaint = Introduction::read(dialect, rubbish).unwrap_err();
        assert_eq!(complaint.code, code, "{rubbish}");
        assert!(!complaint.message.contains('\n'), "{complaint:?}");
    }
}

#[test]
fn an_invitation_without_candidates_is_refused() {
    let mut invitation = ours();
    invitation.ice_data = None;
    let complaint =
        Introduction::read(Dialect::Conference, &text(&invitation).unwrap()).unwrap_err();
    assert!(complaint.message.contains("VCICEData"), "{complaint:?}");
    let none = with_candidates(&ours(), Vec::new()).unwrap();
    let complaint = Introduction::read(Dialect::Conference, &text(&none).unwrap()).unwrap_err();
    assert!(complaint.message.contains("no candidate"), "{complaint:?}");
}
