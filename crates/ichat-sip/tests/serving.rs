//! The called side, and requests in the dialog, against a peer that says whatever a test writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

mod support;

use ichat_sip::{
    Event, SipError, StateError,
    message::{HeaderName, Message, Uri},
};
use support::{
    route_to,
    script::{Script, request_of},
};

const VICEROY: &[u8] = include_bytes!("vectors/viceroy-1.4.1-invite.sip");
const FROM: &str = "\"mac@im.test\" <sip:user@192.0.2.2:16402>;tag=9";
const TO: &str = "\"me@im.test\" <sip:user@192.0.2.1:16402>";

fn invite(cseq: u32, to: &str) -> Vec<u8> {
    request_of(
        "INVITE",
        cseq,
        FROM,
        to,
        "Contact: <sip:user@10.0.0.9:999>;isfocus\n\noffer",
    )
}

/// A call that we took, and our To with its tag.
fn active() -> (Script, String) {
    let mut script = Script::new();
    script.hear(&invite(1, TO)).unwrap();
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    let to = script.said().header(0, HeaderName::To).unwrap();
    let confirmed = script.hear(&request_of("ACK", 1, FROM, &to, "")).unwrap();
    assert_eq!(confirmed.events, [Event::Confirmed]);
    (script, to)
}

#[test]
fn viceroys_invite_is_told_and_answered() {
    let mut script = Script::new();
    let said = script.hear(VICEROY).unwrap();
    let [
        Event::Incoming {
            route,
            from,
            to,
            user_agent,
            body,
        },
    ] = &said.events[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!(*route, route_to(2));
    assert_eq!(from.display_name.as_deref(), Some("1021"));
    assert_eq!(to.display_name.as_deref(), Some("1022"));
    assert_eq!(user_agent.as_deref(), Some("Viceroy 1.4.1"));
    assert_eq!(body.len(), 663);
    script
        .agent
        .answer(script.now, b"v=0\r\n".to_vec())
        .unwrap();
    let said = script.said();
    assert_eq!(said.datagrams[0].0, route_to(2), "to the packet's source");
    insta::assert_snapshot!(said.text(), @r#"
    SIP/2.0 200 OK
    Via: SIP/2.0/UDP 192.168.20.198:16402;branch=z9hG4bK15325fd03549ca85;received=192.0.2.2
    From: "1021" <sip:user@192.168.20.198:16402>;tag=527520767
    To: "1022" <sip:user@192.168.20.100:16402>;tag=2433363436
    Call-ID: 658685de-dcec-11df-b1e3-80c2c2c54012@192-168-20-198
    CSeq: 1 INVITE
    Contact: <sip:user@192.0.2.1:16402>
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE
    User-Agent: ichat-call
    Content-Type: application/sdp
    Content-Length: 5

    v=0
    "#);
}

#[test]
fn a_repeated_invite_gets_the_same_answer_even_with_another_branch() {
    let mut script = Script::new();
    script.hear(&invite(1, TO)).unwrap();
    assert_eq!(
        script.hear(&invite(1, TO)).unwrap().labels(),
        [""; 0],
        "no answer yet"
    );
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    let first = script.said();
    let again = script.hear(&invite(1, TO)).unwrap();
    assert_eq!(again.text(), first.text());
    let other = String::from_utf8(invite(1, TO))
        .unwrap()
        .replace("INVITE1", "other");
    let other = script.hear_by(route_to(5), other.as_bytes()).unwrap();
    assert_eq!(other.datagrams[0].0, route_to(5));
    assert!(
        other
            .header(0, HeaderName::Via)
            .unwrap()
            .contains("branch=z9hG4bKother")
    );
    assert_eq!(other.events, []);
}

#[test]
fn pings_are_answered_and_a_repeated_one_is_told_once() {
    let (mut script, to) = active();
    let ping = request_of(
        "MESSAGE",
        2,
        FROM,
        &to,
        "Content-Type: text/plain;charset=x\n\nping",
    );
    let said = script.hear(&ping).unwrap();
    assert_eq!(said.labels(), ["200 MESSAGE"]);
    let message = Event::Message {
        content_type: Some("text/plain".to_owned()),
        body: b"ping".to_vec(),
    };
    assert_eq!(said.events, [message]);
    let again = script.hear(&ping).unwrap();
    assert_eq!(
        (again.labels(), again.events),
        (vec!["200 MESSAGE".to_owned()], vec![])
    );
}

#[test]
fn each_method_in_the_dialog_gets_its_answer() {
    let (mut script, to) = active();
    for (cseq, method, label) in [(2, "OPTIONS", "200 OPTIONS"), (3, "INFO", "200 INFO")] {
        let said = script
            .hear(&request_of(method, cseq, FROM, &to, ""))
            .unwrap();
        assert_eq!(
            (said.labels(), said.events),
            (vec![label.to_owned()], vec![])
        );
    }
    for (cseq, method) in [(4, "UPDATE"), (5, "REFER"), (6, "PRACK"), (7, "X-ODD")] {
        let said = script
            .hear(&request_of(method, cseq, FROM, &to, ""))
            .unwrap();
        assert_eq!(said.labels(), [format!("405 {method}")]);
        assert!(
            said.header(0, HeaderName::Allow)
                .unwrap()
                .contains("MESSAGE")
        );
    }
}

#[test]
fn other_tags_get_481_and_other_calls_nothing() {
    let (mut script, to) = active();
    let other_from = FROM.replace("tag=9", "tag=8");
    for (from, to) in [
        (other_from.as_str(), to.as_str()),
        (FROM, "<sip:h>;tag=1"),
        (FROM, TO),
    ] {
        let (error, said) = script
            .hear(&request_of("BYE", 2, from, to, ""))
            .unwrap_err();
        assert_eq!(
            (error, said.labels()),
            (SipError::OtherDialog, vec!["481 BYE".to_owned()])
        );
    }
    let other = String::from_utf8(request_of("BYE", 2, FROM, &to, "")).unwrap();
    let other = other.replace("peer@", "other@");
    let (error, said) = script.hear(other.as_bytes()).unwrap_err();
    assert_eq!((error, said.labels()), (SipError::OtherCall, vec![]));
    let (error, said) = script
        .hear(&request_of("ACK", 1, &other_from, &to, ""))
        .unwrap_err();
    assert_eq!(
        (error, said.labels()),
        (SipError::OtherDialog, vec![]),
        "an ACK has no answer"
    );
}

#[test]
fn an_invite_into_a_dialog_that_is_not_gets_481() {
    let mut script = Script::new();
    let (error, said) = script.hear(&invite(1, "<sip:h>;tag=1")).unwrap_err();
    assert_eq!(
        (error, said.labels()),
        (SipError::OtherDialog, vec!["481 INVITE".to_owned()])
    );
    assert_eq!(script.agent.call_id(), None, "and is no call");
}

#[test]
fn our_bye_goes_to_the_invites_source_whatever_the_contact_says() {
    let (mut script, _) = active();
    script.agent.bye(script.now);
    let said = script.said();
    assert_eq!(said.datagrams[0].0, route_to(2));
    let Message::Request(bye) = &said.datagrams[0].1 else {
        panic!()
    };
    assert_eq!(bye.uri, Uri::parse("sip:user@10.0.0.9:999"));
    insta::assert_snapshot!(said.text(), @r#"
    BYE sip:user@10.0.0.9:999 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.1:16402;branch=z9hG4bKbeeb8da1658eec67;rport
    Max-Forwards: 70
    To: "mac@im.test" <sip:user@192.0.2.2:16402>;tag=9
    From: "me@im.test" <sip:user@192.0.2.1:16402>;tag=2433363436
    Call-ID: peer@192-0-2-2
    CSeq: 1 BYE
    User-Agent: ichat-call
    Content-Length: 0
    "#);
}

#[test]
fn after_a_move_our_requests_and_their_repetitions_take_the_new_way() {
    let (mut script, _) = active();
    script.agent.move_to(route_to(7));
    assert_eq!(script.agent.route(), Some(route_to(7)));
    script.agent.message(script.now, "text/plain", Vec::new());
    assert_eq!(script.said().datagrams[0].0, route_to(7));
    script.agent.bye(script.now);
    let said = script.said();
    assert_eq!(said.datagrams[0].0, route_to(7));
    script.agent.move_to(route_to(8));
    let again = script.wait(600);
    assert!(!again.datagrams.is_empty(), "nobody answered");
    assert!(
        again
            .datagrams
            .iter()
            .all(|(route, _)| *route == route_to(8))
    );
}

#[test]
fn a_200_that_is_sent_again_after_a_move_takes_the_new_way() {
    let mut script = Script::new();
    script.agent.move_to(route_to(7));
    assert_eq!(script.agent.route(), None, "nothing to move yet");
    script.hear(&invite(1, TO)).unwrap();
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    assert_eq!(script.said().datagrams[0].0, route_to(2));
    script.agent.move_to(route_to(7));
    let again = script.wait(600);
    assert_eq!(again.labels(), ["200 INVITE"]);
    assert_eq!(again.datagrams[0].0, route_to(7));
}

#[test]
fn the_peers_bye_is_answered_as_often_as_it_comes() {
    let (mut script, to) = active();
    let bye = request_of("BYE", 2, FROM, &to, "");
    let said = script.hear(&bye).unwrap();
    assert_eq!(
        (said.labels(), said.events),
        (vec!["200 BYE".to_owned()], vec![Event::RemoteBye])
    );
    assert!(script.agent.is_ended());
    let again = script.hear(&bye).unwrap();
    assert_eq!(
        (again.labels(), again.events),
        (vec!["200 BYE".to_owned()], vec![])
    );
    let ping = script
        .hear(&request_of("MESSAGE", 3, FROM, &to, ""))
        .unwrap();
    assert_eq!(ping.events, [], "nothing is told after the end");
}

#[test]
fn a_cancel_before_our_answer_ends_the_call() {
    let mut script = Script::new();
    script.hear(&invite(1, TO)).unwrap();
    let said = script.hear(&request_of("CANCEL", 1, FROM, TO, "")).unwrap();
    assert_eq!(said.labels(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(said.events, [Event::Cancelled]);
    assert!(!script.agent.is_ended(), "the 487 repeats until its ACK");
    assert_eq!(script.wait(600).labels(), ["487 INVITE"]);
    assert_eq!(
        script
            .hear(&request_of("CANCEL", 1, FROM, TO, ""))
            .unwrap()
            .labels(),
        ["200 CANCEL"]
    );
    script.hear(&request_of("ACK", 1, FROM, TO, "")).unwrap();
    assert!(script.agent.is_ended());
    assert_eq!(script.agent.poll_timeout(), None);
}

#[test]
fn a_cancel_after_our_answer_changes_nothing() {
    let (mut script, to) = active();
    let said = script.hear(&request_of("CANCEL", 1, FROM, TO, "")).unwrap();
    assert_eq!(
        (said.labels(), said.events),
        (vec!["200 CANCEL".to_owned()], vec![])
    );
    let said = script
        .hear(&request_of("CANCEL", 5, FROM, &to, ""))
        .unwrap();
    assert_eq!(said.labels(), ["481 CANCEL"]);
}

#[test]
fn a_bye_before_our_answer_ends_the_call_too() {
    let mut script = Script::new();
    script.hear(&invite(1, TO)).unwrap();
    script.agent.ring(script.now);
    let to = script.said().header(0, HeaderName::To).unwrap();
    let said = script.hear(&request_of("BYE", 2, FROM, &to, "")).unwrap();
    assert_eq!(said.labels(), ["200 BYE", "487 INVITE"]);
    assert_eq!(said.events, [Event::Cancelled]);
}

#[test]
fn an_invite_without_an_offer_gets_its_answer_in_the_ack() {
    let mut script = Script::new();
    script.hear(&request_of("INVITE", 1, FROM, TO, "")).unwrap();
    script.agent.answer(script.now, b"offer".to_vec()).unwrap();
    let to = script.said().header(0, HeaderName::To).unwrap();
    let said = script
        .hear(&request_of("ACK", 1, FROM, &to, "X: y\n\nanswer"))
        .unwrap();
    let late = Event::LateAnswer {
        body: b"answer".to_vec(),
    };
    assert_eq!(said.events, [Event::Confirmed, late]);
}

#[test]
fn proxies_in_the_path_are_passed() {
    let mut script = Script::new();
    let proxies = "Record-Route: <sip:192.0.2.7;lr>, <sip:192.0.2.8;lr>\n\noffer";
    script
        .hear(&request_of("INVITE", 1, FROM, TO, proxies))
        .unwrap();
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    let said = script.said();
    assert!(said.header(0, HeaderName::RecordRoute).is_some());
    let to = said.header(0, HeaderName::To).unwrap();
    script.hear(&request_of("ACK", 1, FROM, &to, "")).unwrap();
    script.agent.bye(script.now);
    let said = script.said();
    let routes: Vec<_> = said.datagrams[0]
        .1
        .headers()
        .texts(&HeaderName::Route)
        .collect();
    assert_eq!(routes, ["<sip:192.0.2.7;lr>", "<sip:192.0.2.8;lr>"]);
}

#[test]
fn a_reinvite_is_owed_one_answer_at_a_time() {
    let (mut script, to) = active();
    let said = script.hear(&invite(5, &to)).unwrap();
    assert_eq!(
        said.events,
        [Event::Reoffer {
            body: b"offer".to_vec()
        }]
    );
    assert_eq!(
        script.hear(&invite(6, &to)).unwrap().labels(),
        ["500 INVITE"],
        "one is pending"
    );
    let said = script
        .hear(&request_of("CANCEL", 5, FROM, &to, ""))
        .unwrap();
    assert_eq!(said.labels(), ["487 INVITE", "200 CANCEL"]);
    assert_eq!(said.events, [Event::ReofferCancelled]);
    assert_eq!(
        script.agent.answer(script.now, vec![]),
        Err(StateError::NothingToAnswer)
    );
    assert_eq!(
        script.hear(&invite(3, &to)).unwrap().labels(),
        ["500 INVITE"],
        "out of order"
    );
    assert_eq!(script.hear(&invite(8, &to)).unwrap().events.len(), 1);
}

#[test]
fn a_reinvite_confirms_a_200_whose_ack_was_lost() {
    let mut script = Script::new();
    script.hear(&invite(1, TO)).unwrap();
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    let to = script.said().header(0, HeaderName::To).unwrap();
    let said = script.hear(&invite(2, &to)).unwrap();
    assert_eq!(
        said.events,
        [
            Event::Confirmed,
            Event::Reoffer {
                body: b"offer".to_vec()
            }
        ]
    );
}

#[test]
fn a_peer_of_rfc_2543_needs_no_tag() {
    let mut script = Script::new();
    let from = "<sip:old@192.0.2.2>";
    script.hear(&request_of("INVITE", 1, from, TO, "")).unwrap();
    script.agent.answer(script.now, b"answer".to_vec()).unwrap();
    let to = script.said().header(0, HeaderName::To).unwrap();
    script.hear(&request_of("ACK", 1, from, &to, "")).unwrap();
    let said = script.hear(&request_of("BYE", 2, from, &to, "")).unwrap();
    assert_eq!(said.events, [Event::RemoteBye]);
}

#[test]
fn commands_that_do_not_fit_are_told() {
    let mut script = Script::new();
    let now = script.now;
    assert_eq!(
        script.agent.answer(now, vec![]),
        Err(StateError::NothingToAnswer)
    );
    assert_eq!(
        script.agent.reject(now, 486),
        Err(StateError::NothingToAnswer)
    );
    assert_eq!(
        script.agent.invite(now, &[], "user", vec![]),
        Err(StateError::NoRoute)
    );
    script.hear(&invite(1, TO)).unwrap();
    assert_eq!(
        script.agent.reject(now, 200),
        Err(StateError::NoRefusal { status: 200 })
    );
    let again = script.agent.invite(now, &[route_to(2)], "user", vec![]);
    assert_eq!(again, Err(StateError::CallExists));
    script.agent.reject(now, 486).unwrap();
    assert_eq!(
        script.agent.answer(now, vec![]),
        Err(StateError::NothingToAnswer)
    );
}
