//! Two user agents on a network in memory, in virtual time, and the ladder of what they say.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helper: each file uses its part, and what fails may panic"
)]

use std::{
    fmt::Write,
    net::SocketAddr,
    time::{Duration, Instant},
};

use ichat_sip::{Config, Event, Output, Route, UserAgent, message::Message};

pub mod script;

pub const LATENCY: Duration = Duration::from_millis(10);

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 16402))
}

/// The caller is 192.0.2.1, the callee 192.0.2.2.
pub fn route_to(last: u8) -> Route {
    Route {
        local: address(1),
        remote: address(last),
    }
}

pub fn config(local: &str, remote: &str, seed: u64) -> Config {
    Config {
        local_name: local.to_owned(),
        remote_name: remote.to_owned(),
        user: "user".to_owned(),
        user_agent: "ichat-call".to_owned(),
        seed,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Caller,
    Callee,
}

struct Flight {
    at: Instant,
    to: Side,
    route: Route,
    octets: Vec<u8>,
}

pub struct Pair {
    pub caller: UserAgent,
    pub callee: UserAgent,
    pub now: Instant,
    start: Instant,
    flights: Vec<Flight>,
    lose: Vec<(&'static str, usize)>,
    /// A random state and a share of a hundred.
    loss: (u64, u64),
    ladder: String,
    pub events: Vec<(Side, Event)>,
    /// All that was sent.
    pub datagrams: Vec<Vec<u8>>,
}

impl Pair {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            caller: UserAgent::new(config("me@im.test", "mac@im.test", 1)),
            callee: UserAgent::new(config("mac@im.test", "me@im.test", 2)),
            now,
            start: now,
            flights: Vec::new(),
            lose: Vec::new(),
            loss: (0, 0),
            ladder: String::new(),
            events: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    /// The caller invites by these routes.
    pub fn invited_at(routes: &[Route]) -> Self {
        let mut pair = Self::new();
        pair.caller
            .invite(pair.now, routes, "user", b"offer".to_vec())
            .unwrap();
        pair
    }

    /// A call that is up.
    pub fn connected() -> Self {
        let mut pair = Self::invited_at(&[route_to(2)]);
        pair.run(ms(20));
        pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
        pair.run(ms(80));
        pair.ladder.clear();
        pair
    }

    /// Loses the first `count` messages of a label: `INVITE`, `200 INVITE`.
    #[must_use]
    pub fn losing(mut self, label: &'static str, count: usize) -> Self {
        self.lose.push((label, count));
        self
    }

    /// Loses this share of all datagrams.
    pub fn lose_percent(&mut self, seed: u64, percent: u64) {
        self.loss = (seed, percent);
    }

    fn unlucky(&mut self) -> bool {
        let (state, percent) = &mut self.loss;
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % 100 < *percent
    }

    pub fn lose(&mut self, label: &'static str, count: usize) {
        self.lose.push((label, count));
    }

    /// What was said since the last look.
    pub fn ladder(&mut self) -> String {
        self.drain();
        std::mem::take(&mut self.ladder)
    }

    /// Whether the callee has taken the call.
    pub fn has_dialog(&self) -> bool {
        self.datagrams
            .iter()
            .any(|octets| label(octets) == "200 INVITE")
    }

    pub fn events_of(&self, side: Side) -> Vec<&Event> {
        self.events
            .iter()
            .filter(|(of, _)| *of == side)
            .map(|(_, event)| event)
            .collect()
    }

    /// Lets this much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        loop {
            self.drain();
            let flights = self.flights.iter().map(|flight| flight.at);
            let timers = [self.caller.poll_timeout(), self.callee.poll_timeout()];
            let next = flights.chain(timers.into_iter().flatten()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.deliver();
            for agent in [&mut self.caller, &mut self.callee] {
                if agent.poll_timeout().is_some_and(|at| at <= self.now) {
                    agent.handle_timeout(self.now);
                }
            }
            steps += 1;
            assert!(steps < 100_000, "the machines never rest");
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        let (due, later) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|flight| flight.at <= self.now);
        self.flights = later;
        for Flight {
            to, route, octets, ..
        } in due
        {
            let agent = match to {
                Side::Caller => &mut self.caller,
                Side::Callee => &mut self.callee,
            };
            if let Err(error) = agent.handle_datagram(self.now, route, &octets) {
                self.note(&format!("{to:?} refuses {}: {error}", label(&octets)));
            }
        }
    }

    fn drain(&mut self) {
        for side in [Side::Caller, Side::Callee] {
            loop {
                let agent = match side {
                    Side::Caller => &mut self.caller,
                    Side::Callee => &mut self.callee,
                };
                match agent.poll_output() {
                    None => break,
                    Some(Output::Event(event)) => {
                        self.note(&format!("{side:?}: {}", brief(&event)));
                        self.events.push((side, event));
                    }
                    Some(Output::Transmit { route, octets }) => self.send(side, route, octets),
                }
            }
        }
    }

    fn send(&mut self, from: Side, route: Route, octets: Vec<u8>) {
        self.datagrams.push(octets.clone());
        if self.unlucky() {
            return;
        }
        let label = label(&octets);
        let lost = self
            .lose
            .iter_mut()
            .find(|(lose, count)| *lose == label && *count > 0);
        let to = [(1, Side::Caller), (2, Side::Callee)]
            .into_iter()
            .find(|(last, _)| route.remote == address(*last));
        let fate = match (&lost, to) {
            (Some(_), _) => "  lost".to_owned(),
            (None, None) => format!("  to nobody at {}", route.remote),
            (None, Some(_)) => String::new(),
        };
        let arrow = if from == Side::Caller { "-->" } else { "<--" };
        let deliver = lost.is_none();
        if let Some((_, count)) = lost {
            *count -= 1;
        }
        self.note(&format!("{arrow} {label}{fate}"));
        if let (true, Some((_, to))) = (deliver, to) {
            let route = Route {
                local: route.remote,
                remote: route.local,
            };
            self.flights.push(Flight {
                at: self.now + LATENCY,
                to,
                route,
                octets,
            });
        }
    }

    fn note(&mut self, text: &str) {
        let time = (self.now - self.start).as_secs_f64();
        writeln!(self.ladder, "{time:7.3} {text}").unwrap();
    }
}

/// `INVITE` or `200 INVITE`.
pub fn label(octets: &[u8]) -> String {
    match Message::parse(octets).unwrap() {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            format!(
                "{} {}",
                response.status,
                response.headers.cseq().unwrap().method
            )
        }
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Incoming { from, body, .. } => {
            let name = from.display_name.as_deref().unwrap_or("nobody");
            format!("Incoming from {name}, {} octets", body.len())
        }
        Event::Answered { route, body, .. } => {
            format!("Answered by {}, {} octets", route.remote, body.len())
        }
        Event::Message { body, .. } => format!("Message {}", String::from_utf8_lossy(body)),
        Event::Failed { cause } => format!("Failed, {cause}"),
        other => format!("{other:?}"),
    }
}
