//! Whole endpoints, two in one process: every layer is real, the network is loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::time::Duration;

use common::bob::{Bob, to_bob, warnings, with_bob};
use common::endpoints::{Mirror, asking, call, config};
use common::{at, names, summary};
use ichat_endpoint::{Dialect, EndpointConfig, Event, Reason, Reflectors, ServerName, Task};
use ichat_invitation::{CandidateKind, Invitation, IpPortList};
use ichat_rtp::DatagramKind;
use ichat_xmpp::CallDialect;

fn dialects(events: &[Event]) -> Vec<Dialect> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Incoming { dialect, .. } | Event::Accepted { dialect, .. } => Some(*dialect),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_conference_call_checks_connects_and_is_heard_both_ways() {
    let conference = || config(CallDialect::Conference);
    let [alice, bob] = call(conference(), conference()).await;
    // The first packet each way may come before `connected` or after it.
    let without_media = |events: &[Event]| -> Vec<&str> {
        let names = names(events).into_iter();
        names.filter(|name| *name != "media").collect()
    };
    assert_eq!(
        without_media(&alice.events)[1..],
        ["ringing", "accepted", "path", "connected", "hangup"]
    );
    assert_eq!(
        without_media(&bob.events)[1..],
        ["incoming", "accepted", "path", "connected", "remote-hangup"]
    );
    assert_eq!(dialects(&alice.events), [Dialect::Conference]);
    assert_eq!(dialects(&bob.events), [Dialect::Conference; 2]);
    for (seen, other) in [(&alice, &bob), (&bob, &alice)] {
        let [(kind, remote)] = seen.paths()[..] else {
            panic!("{:?}", seen.events)
        };
        assert_eq!(kind, "host");
        assert_eq!(remote, local(other), "each is at the other's end");
        assert_eq!(seen.sound(true), other.sound(false), "every octet arrives");
        assert!(seen.sound(true).len() > 40);
        assert!(
            !seen.sent(DatagramKind::Stun).is_empty(),
            "there were checks"
        );
        assert_eq!(summary(&seen.events).lost, 0);
    }
}

fn local(seen: &common::endpoints::Seen) -> std::net::SocketAddr {
    let path = seen.events.iter().find_map(|event| match event {
        Event::Path { local, .. } => Some(*local),
        _ => None,
    });
    path.expect("a path")
}

#[tokio::test]
async fn a_legacy_call_has_no_checks() {
    let legacy = || config(CallDialect::Legacy);
    let [alice, bob] = call(legacy(), legacy()).await;
    for seen in [&alice, &bob] {
        assert_eq!(seen.paths().len(), 1);
        assert_eq!(seen.paths()[0].0, "direct");
        assert!(seen.sent(DatagramKind::Stun).is_empty());
        assert!(
            dialects(&seen.events)
                .iter()
                .all(|it| *it == Dialect::Legacy)
        );
    }
    assert_eq!(alice.sound(true), bob.sound(false));
}

#[tokio::test]
async fn whatever_arrives_is_answered_in_kind() {
    for (ours, theirs, spoken) in [
        (
            CallDialect::Conference,
            CallDialect::Legacy,
            Dialect::Conference,
        ),
        (
            CallDialect::Legacy,
            CallDialect::Conference,
            Dialect::Legacy,
        ),
        (CallDialect::Auto, CallDialect::Conference, Dialect::Legacy),
    ] {
        let [alice, bob] = call(config(ours), config(theirs)).await;
        assert_eq!(dialects(&alice.events), [spoken], "{ours} {theirs}");
        assert_eq!(dialects(&bob.events), [spoken; 2], "{ours} {theirs}");
        assert_eq!(summary(&alice.events).reason, Reason::Hangup);
        assert_eq!(alice.sound(true), bob.sound(false));
    }
}

#[tokio::test]
async fn our_mapped_address_stands_first_in_the_list_and_is_a_candidate_of_the_invitation() {
    let mapped = at("203.0.113.9:40000");
    let mirror = Mirror::open(mapped).await;
    let with = |dialect| EndpointConfig {
        reflectors: asking(mirror.address),
        ..config(dialect)
    };
    let [alice, bob] = call(with(CallDialect::Legacy), with(CallDialect::Legacy)).await;
    for (seen, child) in [(&alice, "VCNewCallerIPPortData"), (&bob, "connectData")] {
        let list = IpPortList::parse_hex(seen.text(child).unwrap()).unwrap();
        assert_eq!(list.addresses()[0], mapped, "{child}");
        assert_eq!(list.addresses().len(), 2);
    }
    assert_eq!(alice.text("extIPAddr"), Some("203.0.113.9"));
    assert_eq!(alice.text("extSIPPort"), Some("40000"));

    let [alice, bob] = call(with(CallDialect::Conference), with(CallDialect::Conference)).await;
    for seen in [&alice, &bob] {
        let text = seen.text("AVChatConferenceData").unwrap();
        assert!(text.len() < 8192);
        let invitation = Invitation::decode_hex(text).unwrap();
        assert_eq!(invitation.deviations(), []);
        let candidates = invitation.ice_data().unwrap().unwrap().candidates;
        let kinds: Vec<_> = candidates.iter().map(|candidate| candidate.kind).collect();
        assert_eq!(kinds, [CandidateKind::Host, CandidateKind::ServerReflexive]);
        assert_eq!(candidates[1].address.address(), mapped);
        assert_eq!(candidates[1].base, candidates[0].address);
        assert_eq!(seen.paths()[0].0, "host", "the address that works is taken");
    }
}

#[tokio::test]
async fn a_reflector_that_says_nothing_holds_a_call_up_for_a_second_and_a_half_and_no_more() {
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = deaf.local_addr().unwrap().port();
    let started = std::time::Instant::now();
    let with = EndpointConfig {
        reflectors: Reflectors {
            stun: vec![ServerName {
                host: "127.0.0.1".into(),
                port,
            }],
            ..Reflectors::default()
        },
        ..config(CallDialect::Conference)
    };
    let [alice, bob] = call(with, config(CallDialect::Conference)).await;
    assert_eq!(summary(&alice.events).reason, Reason::Hangup);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(alice.sound(true), bob.sound(false));
}

#[tokio::test]
async fn an_invitation_that_cannot_be_read_is_refused_with_3_and_has_failed() {
    let task = Task::Answer {
        once: true,
        sip: false,
    };
    for text in ["626c", "62706c69737430300011", "7a7a7a"] {
        let (events, response) = with_bob(
            task.clone(),
            config(CallDialect::Conference),
            async |bob: &mut Bob| {
                let request = format!(
                    "<query xmlns='apple:iq:vc:request'><isAudioOnly>0</isAudioOnly>\
                     <AVChatConferenceData>{text}</AVChatConferenceData></query>"
                );
                bob.say("ring", &request).await;
                bob.hear("apple:iq:vc:response").await
            },
        )
        .await;
        assert!(response.contains("<response>3</response>"), "{response}");
        assert_eq!(
            names(&events)[1..],
            ["incoming", "bad-invitation", "failed"],
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_list_of_addresses_in_answer_to_an_invitation_is_dialled_without_checks() {
    for child in ["connectData", "AVChatConferenceData"] {
        let (events, invite) = with_bob(
            to_bob(),
            config(CallDialect::Conference),
            async |bob: &mut Bob| {
                bob.hear("AVChatConferenceData").await;
                let list = ichat_invitation::encode_hex(&[bob.record()]);
                bob.accept(child, &list).await;
                bob.receive(DatagramKind::Sip).await
            },
        )
        .await;
        assert!(common::is_sip(&invite, "INVITE"), "{child}");
        assert_eq!(dialects(&events), [Dialect::Legacy], "{child}");
        assert_eq!(warnings(&events), [] as [&str; 0], "{events:?}");
    }
}

#[tokio::test]
async fn without_a_path_the_listed_address_is_dialled_after_5_s_and_checks_go_on() {
    let (events, took) = with_bob(
        to_bob(),
        config(CallDialect::Conference),
        async |bob: &mut Bob| {
            bob.hear("AVChatConferenceData").await;
            let accepted = std::time::Instant::now();
            bob.accept("AVChatConferenceData", &bob.invitation()).await;
            let invite = bob.receive(DatagramKind::Sip).await;
            assert!(common::is_sip(&invite, "INVITE"));
            let took = accepted.elapsed();
            bob.receive(DatagramKind::Stun).await;
            took
        },
    )
    .await;
    assert!(took > Duration::from_millis(4900), "{took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(dialects(&events), [Dialect::Conference]);
    assert!(names(&events).iter().all(|name| *name != "path"));
}

#[tokio::test]
async fn an_answer_without_a_candidate_ends_the_call_with_a_reason() {
    let (events, cancel) = with_bob(
        to_bob(),
        config(CallDialect::Conference),
        async |bob: &mut Bob| {
            bob.hear("AVChatConferenceData").await;
            bob.accept("AVChatConferenceData", "62706c6973743030d0")
                .await;
            bob.hear("apple:iq:vc:cancel").await
        },
    )
    .await;
    assert!(cancel.contains("apple:iq:vc:cancel"));
    assert_eq!(warnings(&events), ["bad-invitation"]);
    assert_eq!(summary(&events).reason, Reason::Failed);
}
