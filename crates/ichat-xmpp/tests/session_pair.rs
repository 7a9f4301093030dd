//! Two sessions that talk to each other: through a server in memory, and over a link-local stream.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::{Duration, Instant};

use common::{ADDRESSES, INVITATION, config, offer, print, shorten};
use ichat_xmpp::*;

/// What everybody's roster says.
const ROSTER: &str = "<query xmlns='jabber:iq:roster'><item jid='ann@im.test' subscription='both'/>\
    <item jid='bob@im.test' subscription='both'/></query>";

/// Two sessions and what is between them.
struct Pair {
    sessions: Vec<(FullJid, Session)>,
    now: Instant,
    through_server: bool,
    dialect: CallDialect,
    ladder: Vec<String>,
    events: Vec<Vec<Event>>,
}

impl Pair {
    fn new(through_server: bool) -> Self {
        let now = Instant::now();
        let names = ["ann@im.test/pc", "bob@im.test/pc"];
        let session = |ours: &str, theirs: &str| {
            let mut config = config(ours);
            if !through_server {
                config.mode = Mode::LinkLocal {
                    peer: Jid::new(theirs).unwrap(),
                };
            }
            (config.jid.clone(), Session::new(now, config))
        };
        let bare = ["ann@im.test", "bob@im.test"];
        let sessions = vec![session(names[0], bare[1]), session(names[1], bare[0])];
        Self {
            sessions,
            now,
            through_server,
            dialect: CallDialect::Legacy,
            ladder: Vec::new(),
            events: vec![Vec::new(), Vec::new()],
        }
    }

    /// What each has to say now, carried to the other; one round.
    fn exchange(&mut self) -> bool {
        let mut carried = Vec::new();
        for (index, (jid, session)) in self.sessions.iter_mut().enumerate() {
            let name = jid.node().unwrap().as_str().to_owned();
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Stanza(stanza) => {
                        self.ladder.push(format!("{name} -> {}", print(&stanza)));
                        carried.push((index, stanza));
                    }
                    Output::Event(event) => {
                        self.ladder.push(shorten(&format!("{name} ** {event:?}")));
                        self.events[index].push(event);
                    }
                }
            }
        }
        let busy = !carried.is_empty();
        for (index, stanza) in carried {
            self.carry(index, stanza);
        }
        busy
    }

    fn carry(&mut self, index: usize, stanza: Element) {
        if !self.through_server {
            self.sessions[1 - index]
                .1
                .handle_stanza(self.now, &stanza)
                .unwrap();
            return;
        }
        let from = self.sessions[index].0.clone();
        let text = String::from(&stanza);
        let text = text.replacen(" xmlns=", &format!(" from='{from}' xmlns="), 1);
        let stamped: Element = text.parse().unwrap();
        if stamped.get_child("query", "jabber:iq:roster").is_some() {
            let id = stamped.attr("id").unwrap();
            let answer = format!("<iq xmlns='jabber:client' type='result' id='{id}'>{ROSTER}</iq>");
            self.sessions[index]
                .1
                .handle_stanza(self.now, &answer.parse().unwrap())
                .unwrap();
            return;
        }
        let other = &self.sessions[1 - index].0;
        let to_other = stamped.attr("to").is_none_or(|to| to == other.as_str());
        assert!(to_other, "only the other is addressed: {text}");
        self.sessions[1 - index]
            .1
            .handle_stanza(self.now, &stamped)
            .unwrap();
    }

    fn settle(&mut self) {
        while self.exchange() {}
    }

    fn call(&mut self, index: usize) -> CallId {
        let peer = Jid::from(self.sessions[1 - index].0.to_bare());
        let session = &mut self.sessions[index].1;
        let minute = Duration::from_secs(60);
        session.call(self.now, peer, offer(), self.dialect, None, minute)
    }

    fn incoming(&self, index: usize) -> Option<CallId> {
        self.events[index].iter().find_map(|event| match event {
            Event::Incoming { call, .. } => Some(*call),
            _ => None,
        })
    }
}

#[test]
fn a_call_through_a_server_from_sign_in_to_the_end() {
    let mut pair = Pair::new(true);
    pair.settle();
    let ours = pair.call(0);
    pair.settle();
    let theirs = pair.incoming(1).expect("it rings");
    pair.sessions[1]
        .1
        .accept(pair.now, theirs, ADDRESSES.to_owned())
        .unwrap();
    pair.settle();
    pair.sessions[0].1.connected(pair.now, ours);
    pair.sessions[1].1.connected(pair.now, theirs);
    pair.settle();
    pair.sessions[0].1.finished(pair.now, ours);
    pair.sessions[1].1.finished(pair.now, theirs);
    pair.sessions[0].1.go_offline(pair.now);
    pair.settle();
    insta::assert_snapshot!(pair.ladder.join("\n"));
}

#[test]
fn a_call_over_a_link_local_stream_needs_no_roster_and_no_presence() {
    let mut pair = Pair::new(false);
    pair.settle();
    assert!(pair.ladder.is_empty());
    let ours = pair.call(0);
    pair.settle();
    let theirs = pair.incoming(1).expect("it rings");
    pair.sessions[1]
        .1
        .accept(pair.now, theirs, ADDRESSES.to_owned())
        .unwrap();
    pair.settle();
    pair.sessions[0].1.connected(pair.now, ours);
    pair.sessions[1].1.connected(pair.now, theirs);
    pair.settle();
    pair.sessions[0].1.finished(pair.now, ours);
    pair.settle();
    insta::assert_snapshot!(pair.ladder.join("\n"));
}

#[test]
fn an_invitation_and_its_answer_pass_through_a_server_and_over_a_link_local_stream() {
    for through_server in [true, false] {
        let mut pair = Pair::new(through_server);
        pair.dialect = CallDialect::Conference;
        pair.settle();
        pair.ladder.clear();
        let ours = pair.call(0);
        pair.settle();
        let theirs = pair.incoming(1).expect("it rings");
        pair.sessions[1]
            .1
            .accept(pair.now, theirs, INVITATION.to_owned())
            .unwrap();
        pair.settle();
        pair.sessions[1]
            .1
            .counter_proposal(pair.now, theirs, format!("{INVITATION}00"))
            .unwrap();
        pair.settle();
        pair.sessions[0].1.connected(pair.now, ours);
        pair.sessions[1].1.connected(pair.now, theirs);
        pair.settle();
        insta::assert_snapshot!(pair.ladder.join("\n"));
    }
}

#[test]
fn two_who_ring_each_other_at_once_have_one_call_and_the_lower_one_is_the_caller() {
    for through_server in [true, false] {
        let mut pair = Pair::new(through_server);
        pair.settle();
        let ann = pair.call(0);
        let bob = pair.call(1);
        pair.settle();
        assert_eq!(pair.incoming(0), None, "ann stays the caller");
        let theirs = pair.incoming(1).expect("bob gives way");
        let glare = Event::Over {
            call: bob,
            reason: Over::Glare { incoming: theirs },
        };
        assert!(pair.events[1].contains(&glare));
        pair.sessions[1]
            .1
            .accept(pair.now, theirs, ADDRESSES.to_owned())
            .unwrap();
        pair.settle();
        let accepted =
            |event: &Event| matches!(event, Event::Accepted { call, .. } if *call == ann);
        assert_eq!(
            pair.events[0]
                .iter()
                .filter(|event| accepted(event))
                .count(),
            1
        );
    }
}
