//! Whatever comes, in whatever order: no panic, no endless work, one end for every call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::config;
use ichat_xmpp::*;
use minidom::rxml::{Namespace, NcName};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const NAMESPACES: [&str; 16] = [
    "jabber:client",
    "apple:iq:vc:request",
    "apple:iq:vc:response",
    "apple:iq:vc:cancel",
    "apple:iq:vc:counterProposal",
    "apple:iq:vc:new",
    "jabber:iq:roster",
    "jabber:iq:version",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/caps",
    "http://etherx.jabber.org/streams",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "urn:ietf:params:xml:ns:xmpp-streams",
    "http://jabber.org/protocol/xhtml-im",
    "urn:xmpp:ping",
];
const NAMES: [&str; 22] = [
    "iq",
    "presence",
    "message",
    "query",
    "error",
    "c",
    "item",
    "show",
    "priority",
    "status",
    "body",
    "subject",
    "response",
    "connectData",
    "VCNewCallerIPPortData",
    "isAudioOnly",
    "extSIPPort",
    "extIPAddr",
    "VCProtocolVersion",
    "AVChatConferenceData",
    "ping",
    "conflict",
];
const ATTRIBUTES: [&str; 12] = [
    "type",
    "from",
    "to",
    "id",
    "node",
    "ver",
    "ext",
    "jid",
    "subscription",
    "ask",
    "code",
    "name",
];
const VALUES: [&str; 34] = [
    "",
    "get",
    "set",
    "result",
    "error",
    "unavailable",
    "subscribe",
    "subscribed",
    "unsubscribe",
    "unsubscribed",
    "probe",
    "both",
    "to",
    "none",
    "remove",
    "mac@im.test",
    "mac@im.test/iChat",
    "mac@im.test/b",
    "zoe@im.test/x",
    "me@im.test",
    "me@im.test/pc",
    "me@im.test/Mac",
    "im.test",
    "@",
    "apple:ichat:caps",
    "apple:ichat:caps#audio",
    "avavail avcap audio",
    "ice avavail",
    "vc63cbe1e459320dd7-1",
    "vc63cbe1e459320dd7-2",
    "vc63cbe1e459320dd7-3",
    "0",
    "1",
    "503",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "[a-zA-Z]{1,8}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned), 1 => ".{0,12}", 1 => "-?[0-9]{1,12}"]
}

fn put(element: &mut Element, attributes: Vec<(&'static str, String)>) {
    for (name, value) in attributes {
        element.set_attr(Namespace::NONE, NcName::try_from(name).unwrap(), value);
    }
}

/// Any element at all, out of the words that mean something.
fn any_element() -> impl Strategy<Value = Element> {
    let attributes = prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), value()), 0..5);
    let leaf = (
        name(),
        prop::sample::select(&NAMESPACES[..]),
        attributes,
        value(),
    )
        .prop_map(|(name, namespace, attributes, text)| {
            let mut element = Element::bare(name, namespace);
            put(&mut element, attributes);
            element.append_text(text);
            element
        });
    leaf.prop_recursive(3, 12, 4, |inner| {
        let attributes =
            prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), value()), 0..5);
        let children = prop::collection::vec(inner, 0..4);
        (
            name(),
            prop::sample::select(&NAMESPACES[..]),
            attributes,
            children,
        )
            .prop_map(|(name, namespace, attributes, children)| {
                let mut element = Element::bare(name, namespace);
                put(&mut element, attributes);
                for child in children {
                    element.append_child(child);
                }
                element
            })
    })
}

/// A stanza that nearly makes sense.
fn likely_stanza() -> impl Strategy<Value = Element> {
    let from = prop::sample::select(vec![
        "mac@im.test/iChat",
        "mac@im.test/b",
        "mac@im.test",
        "zoe@im.test/x",
        "im.test",
    ]);
    let text = prop::sample::select(vec!["0", "1", "2", "", "\n00ff", "471"]);
    let kinds = prop::sample::select(vec!["set", "set", "set", "result", "error", "get"]);
    let child = (name(), text).prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
    let ids = prop::sample::select(VALUES[28..].to_vec());
    let iq = (from.clone(), kinds, ids, prop::sample::select(&NAMESPACES[..11]), prop::collection::vec(child, 0..5)).prop_map(
        |(from, kind, id, namespace, children)| {
            let children = children.concat();
            format!(
                "<iq xmlns='jabber:client' from='{from}' type='{kind}' id='{id}'><query xmlns='{namespace}'>{children}</query></iq>"
            )
        },
    );
    let types = prop::sample::select(vec![
        "",
        "",
        "",
        "type='unavailable'",
        "type='subscribe'",
        "type='unsubscribed'",
    ]);
    let presence = (from, types, prop::sample::select(vec!["avavail", "avcap", ""])).prop_map(|(from, kind, ext)| {
        format!(
            "<presence xmlns='jabber:client' from='{from}' {kind}>\
             <c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ext='{ext}'/></presence>"
        )
    });
    let roster =
        prop::sample::select(vec!["to", "both", "none", "remove"]).prop_map(|subscription| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='p'><query xmlns='jabber:iq:roster'>\
             <item jid='mac@im.test' subscription='{subscription}'/></query></iq>"
            )
        });
    prop_oneof![4 => iq, 3 => presence, 1 => roster].prop_map(|text| text.parse().unwrap())
}

/// A stanza of a call, as an iChat writes it.
fn call_stanza() -> impl Strategy<Value = Element> {
    let from = prop::sample::select(vec![
        "mac@im.test/iChat",
        "mac@im.test/b",
        "mac@im.test",
        "zoe@im.test/x",
    ]);
    let addresses = prop::sample::select(vec!["", "\n", "\n00ff"]).prop_map(str::to_owned);
    let request = (addresses.clone(), any::<bool>()).prop_map(|(connect_data, audio_only)| {
        let request = vc::Request {
            connect_data,
            audio_only,
            external: None,
            conference: None,
        };
        request.to_element()
    });
    let response = (
        addresses.clone(),
        prop::sample::select(vec![0, 0, 0, 1, 2, 3, 7, 11]),
    )
        .prop_map(|(connect_data, code)| {
            let code = Some(ResponseCode::from(code));
            vc::Response {
                code,
                connect_data,
                response_data: None,
                conference: None,
            }
            .to_element()
        });
    let counter =
        addresses.prop_map(|connect_data| vc::CounterProposal { connect_data }.to_element());
    let cancel = Just(vc::Cancel.to_element());
    let query = prop_oneof![2 => request, 6 => response, 1 => counter, 1 => cancel];
    (from, query).prop_map(|(from, query)| {
        let mut iq = Element::bare("iq", "jabber:client");
        put(
            &mut iq,
            vec![
                ("from", from.to_owned()),
                ("type", "set".to_owned()),
                ("id", "x".to_owned()),
            ],
        );
        iq.append_child(query);
        iq
    })
}

#[derive(Clone, Debug)]
enum Act {
    Stanza(Element),
    Wait(u64),
    Call(&'static str),
    Accept(u32),
    Refuse(u32, u32),
    Cancel(u32),
    Connected(u32),
    Finished(u32),
    Allow(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let peers = prop::sample::select(vec![
        "mac@im.test",
        "mac@im.test/iChat",
        "me@im.test",
        "me@im.test/pc",
        "zoe@im.test",
    ]);
    prop_oneof![
        4 => any_element().prop_map(Act::Stanza),
        8 => likely_stanza().prop_map(Act::Stanza),
        12 => call_stanza().prop_map(Act::Stanza),
        3 => (0..40_000u64).prop_map(Act::Wait),
        3 => peers.prop_map(Act::Call),
        2 => (1..6u32).prop_map(Act::Accept),
        1 => (1..6u32, 0..12u32).prop_map(|(call, code)| Act::Refuse(call, code)),
        1 => (1..6u32).prop_map(Act::Cancel),
        2 => (1..6u32).prop_map(Act::Connected),
        1 => (1..6u32).prop_map(Act::Finished),
        1 => any::<bool>().prop_map(Act::Allow),
    ]
}

/// What a call may still do.
#[derive(Default)]
struct Watch {
    begun: BTreeMap<CallId, bool>,
}

impl Watch {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Incoming { call, .. } => {
                assert!(
                    self.begun.insert(*call, false).is_none(),
                    "call {call} begins twice"
                );
            }
            Event::Over { call, .. } => {
                assert_eq!(
                    self.begun.insert(*call, true),
                    Some(false),
                    "call {call} ends once, after its beginning"
                );
            }
            Event::Ringing { call, .. }
            | Event::Accepted { call, .. }
            | Event::CounterProposal { call, .. } => {
                assert_eq!(self.begun.get(call), Some(&false), "call {call} is alive");
            }
            Event::Roster
            | Event::ContactChanged { .. }
            | Event::SubscriptionRequest { .. }
            | Event::SubscriptionPending { .. }
            | Event::Message { .. }
            | Event::Warning { .. }
            | Event::Conflict
            | Event::StreamError { .. } => {}
        }
    }
}

fn run(mode: Mode, accept: AcceptPolicy, acts: Vec<Act>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut now = Instant::now();
    let config = SessionConfig {
        mode,
        accept,
        ..config("me@im.test/pc")
    };
    let mut session = Session::new(now, config);
    let mut watch = Watch::default();
    for act in acts {
        match act {
            Act::Stanza(stanza) => {
                let _ = session.handle_stanza(now, &stanza);
            }
            Act::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
            Act::Call(peer) => {
                let peer = Jid::new(peer).unwrap();
                let call =
                    session.call(now, peer, "00ff".to_owned(), None, Duration::from_secs(30));
                watch.begun.insert(call, false);
            }
            Act::Accept(call) => {
                let _ = session.accept(now, CallId(call), "00ff".to_owned());
            }
            Act::Refuse(call, code) => {
                let _ = session.refuse(now, CallId(call), ResponseCode::from(code));
            }
            Act::Cancel(call) => session.cancel(now, CallId(call)),
            Act::Connected(call) => session.connected(now, CallId(call)),
            Act::Finished(call) => session.finished(now, CallId(call)),
            Act::Allow(allow) => {
                session.allow_subscription(now, &BareJid::new("mac@im.test").unwrap(), allow)
            }
        }
        session.handle_timeout(now);
        let mut outputs = 0;
        while let Some(output) = session.poll_output() {
            outputs += 1;
            assert!(outputs < 1000, "one act is a bounded piece of work");
            match output {
                Output::Stanza(stanza) => assert!(String::from(&stanza).len() < 8192),
                Output::Event(event) => {
                    watch.see(&event);
                    events.push(event);
                }
            }
        }
        assert!(
            session.poll_timeout().is_none_or(|due| due > now),
            "what was due is done"
        );
        let _ = session.contacts();
    }
    session.go_offline(now);
    while session.poll_output().is_some() {}
    assert_eq!(session.poll_timeout(), None);
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn through_a_server_nothing_breaks_it(
        accept in prop::sample::select(vec![AcceptPolicy::None, AcceptPolicy::Ask, AcceptPolicy::All]),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        run(Mode::Server, accept, acts);
    }

    #[test]
    fn over_a_link_local_stream_nothing_breaks_it(acts in prop::collection::vec(act(), 1..60)) {
        run(Mode::LinkLocal { peer: Jid::new("mac@im.test").unwrap() }, AcceptPolicy::Ask, acts);
    }

    #[test]
    fn any_element_is_read_as_a_query_or_refused(element in any_element()) {
        if let Ok(Some(query)) = vc::Query::parse(&element) {
            let again = match &query {
                vc::Query::Request(request) => request.to_element(),
                vc::Query::Response(response) => response.to_element(),
                vc::Query::Cancel(cancel) => cancel.to_element(),
                vc::Query::CounterProposal(proposal) => proposal.to_element(),
            };
            prop_assert_eq!(again.ns(), element.ns());
        }
        let _ = disco::features(&element);
        let _ = Caps::parse(&element);
        let _ = StanzaFault::find(&element);
    }

    #[test]
    fn a_legacy_request_survives_its_writing(
        connect_data in "[0-9a-f]{0,160}",
        audio_only: bool,
        external in prop::option::of((1u32..0x7f00_0000, 1u16..)),
    ) {
        let external = external.map(|(ip, port)| (std::net::Ipv4Addr::from(ip), port).into());
        let request = vc::Request { connect_data, audio_only, external, conference: None };
        prop_assert_eq!(vc::Request::parse(&request.to_element()), Ok(request));
    }

    #[test]
    fn a_response_survives_its_writing(
        code in 0u32..20,
        connect_data in "\n?[0-9a-f]{0,160}",
        response_data in prop::option::of("[0-9a-f]{0,8}"),
    ) {
        let code = Some(ResponseCode::from(code));
        let response = vc::Response { code, connect_data, response_data, conference: None };
        prop_assert_eq!(vc::Response::parse(&response.to_element()), Ok(response));
    }
}

/// The two tests above are worth something only while they reach the states.
#[test]
fn the_random_acts_reach_every_end_of_a_call() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let acts = prop::collection::vec(act(), 60..61);
    let mut seen = String::new();
    for _ in 0..300 {
        let acts = acts.new_tree(&mut runner).unwrap().current();
        let events = run(Mode::Server, AcceptPolicy::Ask, acts);
        seen.extend(events.iter().map(|event| format!("{event:?}\n")));
    }
    for word in [
        "Accepted {",
        "CounterProposal {",
        "Ringing {",
        "Declined(",
        "Busy",
        "NoAnswer",
        "SubscriptionPending",
        "SubscriptionRefused",
        "Offline",
        "NotAvailable",
        "Ourselves",
        "Unreachable",
        "Failed",
        "Cancelled",
        "Glare",
    ] {
        assert!(seen.contains(word), "{word} was never seen");
    }
}
