//! The calling side, against a peer that says whatever a test writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

mod support;

use ichat_sip::{
    Event, Failure, Route, SipError,
    message::{HeaderName, Message, Request, Uri},
};
use support::{
    address, route_to,
    script::{Said, Script, answer_to},
};

const CONTACT: &str = "<sip:user@10.0.0.9:999>;isfocus";

fn request(said: &Said, at: usize) -> &Request {
    match &said.datagrams[at].1 {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

#[test]
fn our_invite_has_viceroys_order() {
    let (_, invite) = Script::calling();
    let text = String::from_utf8(invite.encode()).unwrap();
    insta::assert_snapshot!(text.replace('\r', ""), @r#"
    INVITE sip:user@192.0.2.2:16402 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.1:16402;branch=z9hG4bK71c18690ee42c90b;rport
    Max-Forwards: 70
    To: "mac@im.test" <sip:user@192.0.2.2:16402>
    From: "me@im.test" <sip:user@192.0.2.1:16402>;tag=4170425070
    Call-ID: 910a2dec-8902-4cc1-beeb-8da1658eec67@192-0-2-1
    CSeq: 1 INVITE
    Contact: <sip:user@192.0.2.1:16402>
    User-Agent: ichat-call
    Content-Type: application/sdp
    Content-Length: 5

    offer
    "#);
}

#[test]
fn every_address_gets_the_same_octets() {
    let mut script = Script::new();
    let routes = [route_to(2), route_to(3)];
    script
        .agent
        .invite(script.now, &routes, "user", b"offer".to_vec())
        .unwrap();
    let mut said = script.said();
    said.datagrams.extend(script.wait(1100).datagrams);
    let to: Vec<_> = said.datagrams.iter().map(|(route, _)| *route).collect();
    assert_eq!(to, [route_to(2), route_to(2), route_to(3)]);
    assert!(
        said.datagrams
            .iter()
            .all(|(_, message)| *message == said.datagrams[0].1)
    );
}

#[test]
fn the_ack_goes_to_the_address_that_was_called() {
    let (mut script, invite) = Script::calling();
    let said = script
        .hear(&answer_to(&invite, 200, "9", CONTACT, "answer"))
        .unwrap();
    assert_eq!(said.datagrams[0].0, route_to(2));
    assert_eq!(request(&said, 0).uri, Uri::parse("sip:user@10.0.0.9:999"));
    insta::assert_snapshot!(said.text(), @r#"
    ACK sip:user@10.0.0.9:999 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.1:16402;branch=z9hG4bK71bb54d8d101b5b9;rport
    Max-Forwards: 70
    To: "mac@im.test" <sip:user@192.0.2.2:16402>;tag=9
    From: "me@im.test" <sip:user@192.0.2.1:16402>;tag=4170425070
    Call-ID: 910a2dec-8902-4cc1-beeb-8da1658eec67@192-0-2-1
    CSeq: 1 ACK
    User-Agent: ichat-call
    Content-Length: 0
    "#);
    let [Event::Answered { route, body, .. }] = &said.events[..] else {
        panic!("{said:?}")
    };
    assert_eq!((*route, body.as_slice()), (route_to(2), &b"answer"[..]));
    assert_eq!(script.agent.route(), Some(route_to(2)));
}

#[test]
fn each_repeated_200_is_confirmed_again_with_the_same_ack() {
    let (mut script, invite) = Script::calling();
    let answer = answer_to(&invite, 200, "9", CONTACT, "answer");
    let first = script.hear(&answer).unwrap();
    for _ in 0..3 {
        let again = script.hear(&answer).unwrap();
        assert_eq!(again.text(), first.text());
        assert_eq!(again.events, []);
    }
    script.agent.bye(script.now);
    script.said();
    assert_eq!(
        script.hear(&answer).unwrap().labels(),
        ["ACK"],
        "even after the end"
    );
}

#[test]
fn after_a_move_a_repeated_200_is_confirmed_the_new_way_and_stays_there() {
    let (mut script, invite) = Script::calling();
    let answer = answer_to(&invite, 200, "9", CONTACT, "answer");
    script.hear(&answer).unwrap();
    script.agent.move_to(route_to(7));
    let again = script.hear(&answer).unwrap();
    assert_eq!(
        (again.labels(), again.datagrams[0].0),
        (vec!["ACK".to_owned()], route_to(7))
    );
    script.agent.bye(script.now);
    assert_eq!(script.said().datagrams[0].0, route_to(7));
}

#[test]
fn a_refusal_is_told_with_its_phrase_and_confirmed() {
    let (mut script, invite) = Script::calling();
    let said = script.hear(&answer_to(&invite, 603, "9", "", "")).unwrap();
    assert_eq!(said.labels(), ["ACK"]);
    assert_eq!(
        said.header(0, HeaderName::Via).unwrap(),
        invite.headers.via().unwrap().to_string()
    );
    let cause = Failure::Rejected {
        status: 603,
        reason: "Decline".to_owned(),
    };
    assert_eq!(cause.to_string(), "the peer answered 603 Decline");
    assert_eq!(said.events, [Event::Failed { cause }]);
    assert!(script.agent.is_ended());
    let again = script.hear(&answer_to(&invite, 603, "9", "", "")).unwrap();
    assert_eq!(
        (again.labels(), again.events),
        (vec!["ACK".to_owned()], vec![])
    );
}

#[test]
fn the_peer_tells_our_address() {
    let (mut script, mut invite) = Script::calling();
    assert_eq!(script.agent.reflexive_address(), None);
    let mapped = "203.0.113.7:4711".parse().unwrap();
    invite.headers.mark_source(mapped);
    script.hear(&answer_to(&invite, 100, "", "", "")).unwrap();
    assert_eq!(script.agent.reflexive_address(), Some(mapped));
}

#[test]
fn a_reply_from_another_port_pins_the_address_that_was_called() {
    let (mut script, invite) = Script::calling();
    let source = Route {
        local: address(1),
        remote: "192.0.2.2:999".parse().unwrap(),
    };
    script
        .hear_by(source, &answer_to(&invite, 180, "9", "", ""))
        .unwrap();
    assert_eq!(script.agent.route(), Some(route_to(2)));
}

#[test]
fn a_second_taker_is_confirmed_and_hung_up() {
    let (mut script, invite) = Script::calling();
    script
        .hear(&answer_to(&invite, 200, "9", CONTACT, "answer"))
        .unwrap();
    let said = script
        .hear_by(route_to(3), &answer_to(&invite, 200, "8", "", "answer"))
        .unwrap();
    assert_eq!(said.labels(), ["ACK", "BYE"]);
    assert!(
        said.datagrams
            .iter()
            .all(|(route, _)| *route == route_to(3))
    );
    assert_eq!(request(&said, 1).headers.to().unwrap().tag(), Some("8"));
    assert_eq!(said.events, []);
    script
        .hear_by(route_to(3), &answer_to(request(&said, 1), 200, "8", "", ""))
        .unwrap();
    assert!(!script.agent.is_ended());
    assert_eq!(script.wait(60_000).labels(), [""; 0]);
}

#[test]
fn a_200_after_we_gave_up_is_confirmed_and_hung_up() {
    let (mut script, invite) = Script::calling();
    assert_eq!(
        script.wait(20_000).events,
        [Event::Failed {
            cause: Failure::NoReply
        }]
    );
    let said = script
        .hear(&answer_to(&invite, 200, "9", CONTACT, "answer"))
        .unwrap();
    assert_eq!(
        (said.labels(), said.events.len()),
        (vec!["ACK".to_owned(), "BYE".to_owned()], 0)
    );
    assert!(!script.agent.is_ended());
    script
        .hear(&answer_to(request(&said, 1), 200, "9", "", ""))
        .unwrap();
    assert!(script.agent.is_ended());
}

#[test]
fn a_ring_after_we_gave_up_is_cancelled() {
    let (mut script, invite) = Script::calling();
    script.wait(20_000);
    let said = script.hear(&answer_to(&invite, 180, "9", "", "")).unwrap();
    assert_eq!(
        (said.labels(), said.events),
        (vec!["CANCEL".to_owned()], vec![])
    );
}

#[test]
fn a_call_that_rings_for_ever_is_cancelled_after_three_minutes() {
    let (mut script, invite) = Script::calling();
    let said = script.hear(&answer_to(&invite, 180, "9", "", "")).unwrap();
    assert_eq!(said.events, [Event::Progress { status: 180 }]);
    let said = script.wait(180_000);
    assert_eq!(said.labels(), ["CANCEL"]);
    assert_eq!(
        said.events,
        [Event::Failed {
            cause: Failure::NoFinalAnswer
        }]
    );
    script.wait(32_000);
    assert!(script.agent.is_ended());
}

#[test]
fn a_cancel_is_made_of_its_invite() {
    let (mut script, invite) = Script::calling();
    script.hear(&answer_to(&invite, 180, "9", "", "")).unwrap();
    script.agent.cancel(script.now);
    let said = script.said();
    insta::assert_snapshot!(said.text(), @r#"
    CANCEL sip:user@192.0.2.2:16402 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.1:16402;branch=z9hG4bK71c18690ee42c90b;rport
    Max-Forwards: 70
    To: "mac@im.test" <sip:user@192.0.2.2:16402>
    From: "me@im.test" <sip:user@192.0.2.1:16402>;tag=4170425070
    Call-ID: 910a2dec-8902-4cc1-beeb-8da1658eec67@192-0-2-1
    CSeq: 1 CANCEL
    User-Agent: ichat-call
    Content-Length: 0
    "#);
    assert_eq!(
        said.header(0, HeaderName::Via),
        invite.headers.text(&HeaderName::Via).map(str::to_owned)
    );
    script
        .hear(&answer_to(request(&said, 0), 200, "9", "", ""))
        .unwrap();
    assert!(
        !script.agent.is_ended(),
        "the INVITE has no final answer yet"
    );
    let said = script.wait(32_000);
    assert_eq!(
        said.events,
        [Event::Ended],
        "RFC 3261 §9.1: it need not come"
    );
    assert!(script.agent.is_ended());
}

#[test]
fn a_bye_before_the_200_ends_the_call() {
    let (mut script, invite) = Script::calling();
    let headers = &invite.headers;
    let bye = format!(
        "BYE sip:user@192.0.2.1:16402 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:16402;branch=z9hG4bK5\r\n\
         To: {}\r\nFrom: {};tag=9\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        headers.from().unwrap(),
        headers.to().unwrap(),
        headers.call_id().unwrap(),
    );
    let said = script.hear(bye.as_bytes()).unwrap();
    assert_eq!(
        (said.labels(), said.events),
        (vec!["200 BYE".to_owned()], vec![Event::RemoteBye])
    );
    assert!(script.agent.is_ended());
    assert_eq!(script.wait(60_000).labels(), [""; 0]);
}

#[test]
fn strangers_answers_are_refused() {
    let (mut script, invite) = Script::calling();
    let text = String::from_utf8(answer_to(&invite, 200, "9", "", "")).unwrap();
    let tag = invite.headers.from().unwrap().tag().unwrap().to_owned();
    let refused = |script: &mut Script, text: &str| script.hear(text.as_bytes()).unwrap_err().0;
    let other_tag = text.replace(&tag, "0");
    assert_eq!(refused(&mut script, &other_tag), SipError::OtherDialog);
    let other_call = text.replace("Call-ID: ", "Call-ID: x");
    assert_eq!(refused(&mut script, &other_call), SipError::OtherCall);
    let other_number = text.replace("1 INVITE", "7 INVITE");
    assert_eq!(refused(&mut script, &other_number), SipError::NoTransaction);
    let no_number = text.replace("CSeq", "X-CSeq");
    assert!(matches!(
        refused(&mut script, &no_number),
        SipError::Header(_)
    ));
}

#[test]
fn giving_up_before_calling_is_an_end_too() {
    let mut script = Script::new();
    script.agent.cancel(script.now);
    assert_eq!(script.said().events, [Event::Ended]);
    assert!(script.agent.is_ended());
}
