//! Two calls joined in virtual time, two endpoints on loopback, and how to read what they told.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod bob;
pub(crate) mod endpoints;
pub(crate) mod party;
pub(crate) mod server;
pub(crate) mod sip;
pub(crate) mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use ichat_endpoint::call::{Call, CallConfig, Output};
use ichat_endpoint::{Event, Summary};
use ichat_sip::Route;

const MILLISECOND: Duration = Duration::from_millis(1);

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn alice() -> SocketAddr {
    at("192.0.2.1:16402")
}

pub(crate) fn bob() -> SocketAddr {
    at("192.0.2.2:16402")
}

pub(crate) fn config(local: &str, remote: &str, seed: u64) -> CallConfig {
    CallConfig {
        number: 1,
        local_name: local.into(),
        remote_name: remote.into(),
        user_agent: "test/1".into(),
        checked: false,
        codecs: Vec::new(),
        duration: None,
        seed,
        wall: SystemTime::UNIX_EPOCH,
    }
}

/// Given the sender (true: Alice) and the datagram: is it lost?
pub(crate) type Loss = Box<dyn FnMut(bool, &[u8]) -> bool>;

/// A network between two calls, and their clock.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) alice: Call,
    pub(crate) bob: Call,
    wire: VecDeque<(bool, Route, Vec<u8>)>,
    pub(crate) alice_events: Vec<Event>,
    pub(crate) bob_events: Vec<Event>,
    /// What was said in RTP: by Alice, by Bob.
    pub(crate) said: [Vec<i16>; 2],
    /// What was heard: by Alice, by Bob.
    pub(crate) heard: [Vec<i16>; 2],
    frames: i16,
    talking: bool,
    pub(crate) lose: Loss,
}

impl Pair {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let now = Instant::now();
        let listed = [alice()];
        let alice = Call::dial(
            now,
            config("alice@im.test", "bob@im.test", 1),
            routes,
            "user",
            now,
            None,
        );
        let bob = Call::await_invite(now, config("bob@im.test", "alice@im.test", 2), &listed);
        Self {
            now,
            alice,
            bob,
            wire: VecDeque::new(),
            alice_events: Vec::new(),
            bob_events: Vec::new(),
            said: [Vec::new(), Vec::new()],
            heard: [Vec::new(), Vec::new()],
            frames: 0,
            talking: true,
            lose: Box::new(|_, _| false),
        }
    }

    pub(crate) fn direct() -> Self {
        Self::new(&[Route {
            local: alice(),
            remote: bob(),
        }])
    }

    /// Lets time pass, a millisecond a step.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.drain();
            while let Some((from_alice, route, octets)) = self.wire.pop_front() {
                if (self.lose)(from_alice, &octets) {
                    continue;
                }
                let hit = Route {
                    local: route.remote,
                    remote: route.local,
                };
                match (from_alice, hit.local == bob(), hit.local == alice()) {
                    (true, true, _) => self.bob.handle_datagram(self.now, hit, &octets),
                    (false, _, true) => self.alice.handle_datagram(self.now, hit, &octets),
                    _ => {}
                }
                self.drain();
            }
            self.now += MILLISECOND;
            for call in [&mut self.alice, &mut self.bob] {
                if call.poll_timeout().is_some_and(|due| due <= self.now) {
                    call.handle_timeout(self.now);
                }
            }
            if self.talking && (until - self.now).as_millis().is_multiple_of(20) {
                self.frame();
            }
            self.drain();
        }
    }

    /// A frame of each goes out, and what has come is heard.
    fn frame(&mut self) {
        self.frames += 1;
        for (index, call) in [&mut self.alice, &mut self.bob].into_iter().enumerate() {
            // Values that survive µ-law as they are would be too tame; these are quantised.
            let frame: Vec<i16> = (0..160)
                .map(|i| (i * 37 + self.frames * 11) % 3000)
                .collect();
            if call.has_media() {
                call.send_frame(self.now, &frame);
                self.said[index].extend(&frame);
                self.heard[index].extend(call.play_frame(self.now).unwrap());
            }
        }
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.alice.poll_output() {
            match output {
                Output::Transmit { route, octets } => self.wire.push_back((true, route, octets)),
                Output::Event(event) => self.alice_events.push(event),
            }
        }
        while let Some(output) = self.bob.poll_output() {
            match output {
                Output::Transmit { route, octets } => self.wire.push_back((false, route, octets)),
                Output::Event(event) => self.bob_events.push(event),
            }
        }
    }
}

pub(crate) fn names(events: &[Event]) -> Vec<&'static str> {
    events
        .iter()
        .filter(|event| !matches!(event, Event::Stats { .. }))
        .map(|event| match event {
            Event::Path { .. } => "path",
            Event::Connected { .. } => "connected",
            Event::Media { .. } => "media",
            Event::Warning { code, .. } => code,
            Event::Ended { summary, .. } => summary.reason.as_str(),
            Event::Incoming { .. } => "incoming",
            Event::Ringing { .. } => "ringing",
            Event::Accepted { .. } => "accepted",
            Event::Online { .. } => "online",
            other => panic!("{other:?}"),
        })
        .collect()
}

pub(crate) fn summary(events: &[Event]) -> Summary {
    let mut ended = events.iter().filter_map(|event| match event {
        Event::Ended { summary, .. } => Some(*summary),
        _ => None,
    });
    let summary = ended.next().expect("the call has ended");
    assert!(ended.next().is_none(), "it ends once");
    assert!(
        matches!(events.last(), Some(Event::Ended { .. })),
        "and that is its last event"
    );
    summary
}

pub(crate) fn is_sip(octets: &[u8], start: &str) -> bool {
    octets.starts_with(start.as_bytes())
}
