//! Whole endpoints that are to have a relay, and what they say of it.

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

use common::bob::{Bob, invitation, to_bob, with_bob};
use common::endpoints::config;
use common::server::{Served, Server};
use common::turn::{PASSWORD, Turn, USER};
use ichat_endpoint::{
    Command, Credentials, EndpointConfig, Event, Reflectors, RelayServer, ServerName, Task, run,
};
use ichat_invitation::{CandidateKind, Invitation, IpPort};
use ichat_xmpp::CallDialect;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test]
async fn a_relay_is_listed_so_that_an_ichat_checks_it_while_nobody_knows_who_the_peer_is() {
    let turn = Turn::open().await;
    let relayed = EndpointConfig {
        reflectors: Reflectors {
            relays: vec![RelayServer {
                server: ServerName {
                    host: turn.address.ip().to_string(),
                    port: turn.address.port(),
                },
                credentials: Some(Credentials {
                    username: USER.into(),
                    password: PASSWORD.to_owned().into(),
                }),
            }],
            ..Reflectors::default()
        },
        ..config(CallDialect::Conference)
    };
    let (_, request) = with_bob(to_bob(), relayed, async |bob: &mut Bob| {
        bob.hear("AVChatConferenceData").await
    })
    .await;
    let (_, text) = request.split_once("<AVChatConferenceData>").unwrap();
    let text = text.split_once("</").unwrap().0;
    let candidates = Invitation::decode_hex(text).unwrap().ice_data();
    let candidates = candidates.unwrap().unwrap().candidates;
    let lent: Vec<CandidateKind> = candidates
        .iter()
        .filter(|candidate| candidate.address.address() == turn.lends)
        .map(|candidate| candidate.kind)
        .collect();
    assert_eq!(lent, [CandidateKind::ServerReflexive]);
    let is_relay = |kind: CandidateKind| kind == CandidateKind::Relay;
    assert!(!candidates.iter().any(|candidate| is_relay(candidate.kind)));
}

fn offered() -> EndpointConfig {
    EndpointConfig {
        reflectors: Reflectors {
            offered: true,
            ..Reflectors::default()
        },
        ..config(CallDialect::Conference)
    }
}

/// The warnings about relays.
fn complaints(events: &[Event]) -> Vec<&str> {
    let complaints = events.iter().filter_map(|event| match event {
        Event::Warning {
            code: "relay",
            message,
            ..
        } => Some(message.as_str()),
        _ => None,
    });
    complaints.collect()
}

/// What Alice says when her server, asked for relays, does so, and Bob calls her twice.
async fn called_twice(script: impl AsyncFnOnce(&mut Served)) -> Vec<Event> {
    let (server, signalling) = Server::open().await;
    let (happened, mut events) = mpsc::unbounded_channel();
    let (commands, wanted) = mpsc::unbounded_channel();
    let task = Task::Answer {
        once: false,
        sip: false,
    };
    let running = tokio::spawn(run(offered(), signalling, task, wanted, happened));
    let talk = async {
        let mut all = Vec::new();
        let mut served = server.accept().await;
        script(&mut served).await;
        for _ in 0..2 {
            let text = invitation(IpPort::new("en1", "127.0.0.1:9".parse().unwrap()));
            let ask = |kind: &str, inner: &str| {
                format!(
                    "<iq type='set' from='bob@im.test/x' to='alice@im.test/desk' id='b'>\
                     <query xmlns='apple:iq:vc:{kind}'>{inner}</query></iq>"
                )
            };
            let data = format!(
                "<isAudioOnly>1</isAudioOnly><AVChatConferenceData>{text}</AVChatConferenceData>"
            );
            served.say(&ask("request", &data)).await;
            served.hear("<response>0</response>").await;
            served.say(&ask("cancel", "")).await;
            loop {
                all.push(events.recv().await.unwrap());
                if let Some(Event::Ended { .. }) = all.last() {
                    break;
                }
            }
        }
        commands.send(Command::Leave).unwrap();
        served.hear("</stream:stream>").await;
        served.say("</stream:stream>").await;
        all
    };
    let all = timeout(Duration::from_secs(20), talk).await.unwrap();
    running.await.unwrap().unwrap();
    all
}

/// The answer to a question for services, with these.
fn services(number: u32, inner: &str) -> String {
    format!(
        "<iq type='result' from='im.test' id='services-{number}'>\
         <services xmlns='urn:xmpp:extdisco:2'>{inner}</services></iq>"
    )
}

#[tokio::test]
async fn a_server_that_offers_no_relay_for_us_is_told_of_once_with_the_reason() {
    for (inner, why) in [
        ("", "im.test offers none"),
        (
            "<service type='stun' host='127.0.0.1'/>",
            "im.test offers none",
        ),
        (
            "<service type='turn' host='127.0.0.1' transport='tcp' username='u' password='p'/>\
             <service type='turns' host='127.0.0.1' username='u' password='p'/>",
            "im.test offers only those over TCP or TLS",
        ),
    ] {
        let events = called_twice(async |served: &mut Served| {
            served.hear("urn:xmpp:extdisco:2").await;
            served.say(&services(1, inner)).await;
        })
        .await;
        let [complaint] = complaints(&events)[..] else {
            panic!("{events:?}")
        };
        assert!(complaint.contains(why), "{complaint}");
        assert!(complaint.contains("--turn turn:USER@HOST"), "{complaint}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_question_is_told_of_once() {
    let events = called_twice(async |served: &mut Served| {
        for (number, namespace) in [(1, "urn:xmpp:extdisco:2"), (2, "urn:xmpp:extdisco:1")] {
            served.hear(namespace).await;
            let refusal = format!(
                "<iq type='error' from='im.test' id='services-{number}'><error type='cancel'>\
                 <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            );
            served.say(&refusal).await;
        }
    })
    .await;
    let [complaint] = complaints(&events)[..] else {
        panic!("{events:?}")
    };
    assert!(
        complaint.contains("im.test does not tell of any"),
        "{complaint}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_question_is_told_of_once() {
    let events = called_twice(async |served: &mut Served| {
        served.hear("urn:xmpp:extdisco:2").await;
    })
    .await;
    let [complaint] = complaints(&events)[..] else {
        panic!("{events:?}")
    };
    assert!(
        complaint.contains("im.test has not answered"),
        "{complaint}"
    );
}

#[tokio::test]
async fn of_a_relay_that_is_offered_with_credentials_nothing_is_said() {
    let turn = Turn::open().await;
    let events = called_twice(async |served: &mut Served| {
        served.hear("urn:xmpp:extdisco:2").await;
        let (host, port) = (turn.address.ip(), turn.address.port());
        let service = format!(
            "<service type='turn' host='{host}' port='{port}' transport='udp' username='{USER}' \
             password='{PASSWORD}'/>"
        );
        served.say(&services(1, &service)).await;
    })
    .await;
    assert_eq!(complaints(&events), [] as [&str; 0]);
}

#[tokio::test]
async fn without_a_server_nobody_offers_a_relay_and_that_is_told() {
    let (events, _) = with_bob(to_bob(), offered(), async |bob: &mut Bob| {
        bob.hear("AVChatConferenceData").await
    })
    .await;
    let [complaint] = complaints(&events)[..] else {
        panic!("{events:?}")
    };
    assert!(complaint.contains("no XMPP server is there"), "{complaint}");
}
