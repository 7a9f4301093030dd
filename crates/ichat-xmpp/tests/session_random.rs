//! Whatever comes, in whatever order: no panic, no endless work, one end for every call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod common;
mod random;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::config;
use ichat_xmpp::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use random::{any_element, call_stanza, likely_stanza};

#[derive(Clone, Debug)]
enum Act {
    Stanza(Element),
    Wait(u64),
    Call(&'static str, CallDialect),
    /// The request that was sent last comes back.
    Bounce(&'static str),
    Accept(u32),
    Propose(u32),
    Refuse(u32, u32),
    Cancel(u32),
    Connected(u32),
    Finished(u32),
    Allow(bool),
    Elsewhere(bool),
    Lose,
    Return(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let peers = prop::sample::select(vec![
        "mac@im.test",
        "mac@im.test/iChat",
        "me@im.test",
        "me@im.test/pc",
        "zoe@im.test",
    ]);
    let dialects = prop::sample::select(vec![
        CallDialect::Legacy,
        CallDialect::Conference,
        CallDialect::Auto,
    ]);
    let conditions =
        prop::sample::select(vec!["service-unavailable", "bad-request", "item-not-found"]);
    prop_oneof![
        4 => any_element().prop_map(Act::Stanza),
        8 => likely_stanza().prop_map(Act::Stanza),
        12 => call_stanza().prop_map(Act::Stanza),
        3 => (0..40_000u64).prop_map(Act::Wait),
        3 => (peers, dialects).prop_map(|(peer, dialect)| Act::Call(peer, dialect)),
        2 => conditions.prop_map(Act::Bounce),
        2 => (1..6u32).prop_map(Act::Accept),
        1 => (1..6u32).prop_map(Act::Propose),
        1 => (1..6u32, 0..12u32).prop_map(|(call, code)| Act::Refuse(call, code)),
        1 => (1..6u32).prop_map(Act::Cancel),
        2 => (1..6u32).prop_map(Act::Connected),
        1 => (1..6u32).prop_map(Act::Finished),
        1 => any::<bool>().prop_map(Act::Allow),
        1 => any::<bool>().prop_map(Act::Elsewhere),
        1 => Just(Act::Lose),
        1 => any::<bool>().prop_map(Act::Return),
    ]
}

/// How far a call is, by what was said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It rings, or somebody is looked for.
    Open,
    /// The peer has accepted ours, or we theirs.
    Accepted,
    /// `Over`, or a command of ours that ends it without a word.
    Ended,
}

/// What a call may still do.
#[derive(Default)]
struct Watch {
    calls: BTreeMap<CallId, (bool, Told)>,
}

impl Watch {
    /// A call of ours begins.
    fn place(&mut self, call: CallId) {
        assert_eq!(self.calls.insert(call, (true, Told::Open)), None);
    }

    /// A command that was obeyed.
    fn command(&mut self, call: CallId, told: Told) {
        if let Some((_, state)) = self.calls.get_mut(&call) {
            *state = told;
        }
    }

    fn state(&self, call: CallId) -> Option<Told> {
        self.calls.get(&call).map(|(_, told)| *told)
    }

    fn see(&mut self, event: &Event) {
        match event {
            Event::Incoming { call, .. } => {
                let begins = self.calls.insert(*call, (false, Told::Open));
                assert_eq!(begins, None, "call {call} begins twice");
            }
            Event::Over { call, .. } => {
                let (ours, told) = self.calls[call];
                assert_ne!(told, Told::Ended, "call {call} ends twice");
                assert!(
                    !(ours && told == Told::Accepted),
                    "call {call} was accepted, and only we end it"
                );
                self.calls.insert(*call, (ours, Told::Ended));
            }
            Event::Ringing { call, .. } => {
                assert_eq!(self.calls[call], (true, Told::Open), "call {call} rings");
            }
            Event::Accepted { call, .. } => {
                let before = self.calls.insert(*call, (true, Told::Accepted));
                assert_eq!(before, Some((true, Told::Open)), "call {call} is accepted");
            }
            Event::CounterProposal { call, .. } => {
                let (ours, told) = self.calls[call];
                let expected = if ours {
                    told == Told::Accepted
                } else {
                    told != Told::Ended
                };
                assert!(expected, "call {call} hears more addresses");
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

/// A session, a clock, and what was seen.
struct Run {
    session: Session,
    now: Instant,
    watch: Watch,
    events: Vec<Event>,
    last_request: Option<(String, String)>,
}

impl Run {
    fn act(&mut self, act: Act) {
        let (session, now) = (&mut self.session, self.now);
        match act {
            Act::Stanza(stanza) => {
                let _ = session.handle_stanza(now, &stanza);
            }
            Act::Bounce(condition) => {
                if let Some((to, id)) = &self.last_request {
                    let error = common::element(&common::fault(to, id, condition));
                    session.handle_stanza(now, &error).unwrap();
                }
            }
            Act::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Act::Call(peer, dialect) => {
                let (peer, half_minute) = (Jid::new(peer).unwrap(), Duration::from_secs(30));
                let call = session.call(now, peer, common::offer(), dialect, None, half_minute);
                self.watch.place(call);
            }
            Act::Accept(call) => {
                let call = CallId(call);
                if session.accept(now, call, "00ff".to_owned()).is_ok() {
                    self.watch.command(call, Told::Accepted);
                }
            }
            Act::Propose(call) => {
                let accepted = self.watch.state(CallId(call)) == Some(Told::Accepted);
                let proposed = session.counter_proposal(now, CallId(call), "00ee".to_owned());
                assert_eq!(proposed.is_ok(), accepted, "{proposed:?}");
            }
            Act::Refuse(call, code) => {
                let (call, code) = (CallId(call), ResponseCode::from(code));
                if session.refuse(now, call, code).is_ok() {
                    self.watch.command(call, Told::Ended);
                }
            }
            Act::Cancel(call) => {
                session.cancel(now, CallId(call));
                self.watch.command(CallId(call), Told::Ended);
            }
            Act::Connected(call) => session.connected(now, CallId(call)),
            Act::Finished(call) => {
                session.finished(now, CallId(call));
                self.watch.command(CallId(call), Told::Ended);
            }
            Act::Allow(allow) => {
                session.allow_subscription(now, &BareJid::new("mac@im.test").unwrap(), allow);
            }
            Act::Elsewhere(available) => session.set_available(available),
            Act::Lose => session.stream_lost(now),
            Act::Return(same) => {
                let jid = if same {
                    "me@im.test/pc"
                } else {
                    "me@im.test/pc2"
                };
                session.reconnected(now, FullJid::new(jid).unwrap());
            }
        }
        self.settle();
    }

    /// Does what is due, and looks at everything that comes of it.
    fn settle(&mut self) {
        self.session.handle_timeout(self.now);
        let mut outputs = 0;
        while let Some(output) = self.session.poll_output() {
            outputs += 1;
            assert!(outputs < 1000, "one act is a bounded piece of work");
            match output {
                Output::Stanza(stanza) => {
                    let text = String::from(&stanza);
                    assert!(text.len() < 8192);
                    if text.contains("'apple:iq:vc:request'") {
                        let attribute = |name| stanza.attr(name).unwrap().to_owned();
                        self.last_request = Some((attribute("to"), attribute("id")));
                    }
                }
                Output::Event(event) => {
                    self.watch.see(&event);
                    self.events.push(event);
                }
            }
        }
        let due = self.session.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "what was due is done");
        let _ = self.session.contacts();
    }

    /// However it stands: with time, every call is over or accepted, and nothing is due any more.
    fn finish(mut self) -> Vec<Event> {
        let mut steps = 0;
        while let Some(due) = self.session.poll_timeout() {
            steps += 1;
            assert!(steps < 1000, "it comes to rest");
            self.now = due;
            self.settle();
        }
        for (call, (_, told)) in &self.watch.calls {
            assert_ne!(*told, Told::Open, "call {call} hangs");
        }
        self.session.go_offline(self.now);
        while let Some(output) = self.session.poll_output() {
            assert!(matches!(output, Output::Stanza(_)), "good-bye is no news");
        }
        assert_eq!(self.session.poll_timeout(), None);
        self.events
    }
}

fn run(config: SessionConfig, acts: Vec<Act>) -> Vec<Event> {
    let now = Instant::now();
    let mut run = Run {
        session: Session::new(now, config),
        now,
        watch: Watch::default(),
        events: Vec::new(),
        last_request: None,
    };
    run.settle();
    for act in acts {
        run.act(act);
    }
    run.finish()
}

fn through_a_server(accept: AcceptPolicy, dialect: CallDialect) -> SessionConfig {
    SessionConfig {
        accept,
        tokens: dialect.advertised().tokens(),
        ..config("me@im.test/pc")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn through_a_server_nothing_breaks_it(
        accept in prop::sample::select(vec![AcceptPolicy::None, AcceptPolicy::Ask, AcceptPolicy::All]),
        dialect in prop::sample::select(vec![CallDialect::Legacy, CallDialect::Conference]),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        run(through_a_server(accept, dialect), acts);
    }

    #[test]
    fn over_a_link_local_stream_nothing_breaks_it(acts in prop::collection::vec(act(), 1..60)) {
        let mode = Mode::LinkLocal { peer: Jid::new("mac@im.test").unwrap() };
        run(SessionConfig { mode, ..config("me@im.test/pc") }, acts);
    }

    #[test]
    fn any_element_is_read_as_a_query_or_refused(element in any_element()) {
        if let Ok(Some(query)) = vc::Query::parse(&element) {
            // What was understood survives being written, but for text that nobody understands.
            let again = vc::Query::parse(&query.to_element());
            if let vc::Query::Response(vc::Response { code: None, .. }) = query {
                prop_assert!(again.is_ok());
            } else {
                prop_assert_eq!(again, Ok(Some(query)));
            }
        }
        let _ = disco::features(&element);
        let _ = Caps::parse(&element);
        let _ = StanzaFault::find(&element);
    }

    #[test]
    fn a_legacy_request_survives_its_writing(
        connect_data in "0[0-9a-f]{0,160}",
        audio_only: bool,
        external in prop::option::of((1u32..0x7f00_0000, 1u16..)),
    ) {
        let external = external.map(|(ip, port)| (std::net::Ipv4Addr::from(ip), port).into());
        let addresses = Offer { legacy: Some(connect_data), conference: None };
        let request = vc::Request { addresses, audio_only, external };
        prop_assert_eq!(vc::Request::parse(&request.to_element()), Ok(request));
    }

    #[test]
    fn a_response_survives_its_writing(
        code in 0u32..20,
        legacy in prop::option::of("\n?0[0-9a-f]{0,160}"),
        conference in prop::option::of("\n?[0-9a-f]{1,160}"),
        response_data in prop::option::of("[0-9a-f]{0,8}"),
    ) {
        let code = Some(ResponseCode::from(code));
        let addresses = Offer { legacy, conference };
        let response = vc::Response { code, addresses, response_data };
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
        let config = through_a_server(AcceptPolicy::Ask, CallDialect::Conference);
        let events = run(config, acts);
        seen.extend(events.iter().map(|event| format!("{event:?}\n")));
    }
    for word in [
        "Accepted {",
        "CounterProposal {",
        "dialect: Legacy",
        "dialect: Conference",
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
