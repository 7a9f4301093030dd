//! Two peers, the network between them, and signalling that takes its time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::Event;
use ichat_invitation::Candidate;
use netsim::{HostId, Reflector, RunError, Stage, World};

use super::peer::Peer;
use super::plan::Plan;
use super::relay::{self, Relay};

pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;
pub const BOTH: [usize; 2] = [CALLER, CALLEE];

/// A call under way.
pub struct Call {
    pub world: World<Peer>,
    pub hosts: [HostId; 2],
    pub started: Instant,
    /// When both lists were known to both sides.
    pub known: Option<Instant>,
    /// On their way, by the time of arrival and their number: to whom, and what.
    signals: BTreeMap<(Instant, usize), (usize, Vec<Candidate>)>,
    signalled: usize,
    /// When a side last learnt anything new.
    pub learnt: Instant,
    latency: Duration,
}

impl Call {
    /// Both peers begin to gather.
    pub fn new(stage: Stage, plan: &Plan) -> Self {
        let started = stage.network.now();
        let turn =
            [true, false].map(|ipv4| SocketAddr::new(stage.relay_address(ipv4), relay::PORT));
        let configs = BOTH.map(|side| plan.config(side, &stage));
        let hosts = [stage.caller, stage.callee];
        let mut world = World::new(stage.network);
        world.set_service(stage.reflector, Box::new(Reflector::new()));
        world.set_service(stage.relay, Box::new(Relay::new(started, &turn)));
        for (host, config) in hosts.into_iter().zip(&configs) {
            world.set_endpoint(host, Peer::new(started, config));
        }
        Self {
            world,
            hosts,
            started,
            known: None,
            signals: BTreeMap::new(),
            signalled: 0,
            learnt: started,
            latency: plan.latency,
        }
    }

    pub fn now(&self) -> Instant {
        self.world.now()
    }

    pub fn peer(&self, side: usize) -> &Peer {
        self.world.endpoint(self.hosts[side]).unwrap()
    }

    pub fn peer_mut(&mut self, side: usize) -> &mut Peer {
        self.world.endpoint_mut(self.hosts[side]).unwrap()
    }

    /// Runs until both lists are known to both sides: an invitation, ringing, the acceptance.
    pub fn introduce(&mut self, plan: &Plan) -> Result<(), RunError> {
        let patience = self.started + plan.patience;
        let [caller, callee] = self.hosts;
        let complete =
            |host| move |world: &World<Peer>| world.endpoint(host).unwrap().gatherer.is_complete();
        self.world.run_until(patience, complete(caller))?;
        let invitation = self.peer_mut(CALLER).tell();
        self.world.run_for(plan.latency + plan.rings)?;
        let patience = patience.max(self.now());
        self.world.run_until(patience, complete(callee))?;
        let now = self.now();
        self.peer_mut(CALLEE).hear(now, &invitation);
        let acceptance = self.peer_mut(CALLEE).tell();
        self.world.run_for(plan.latency)?;
        let now = self.now();
        self.peer_mut(CALLER).hear(now, &acceptance);
        self.known = Some(now);
        Ok(())
    }

    /// Runs until a condition holds; whether it held before the deadline. New candidates are told
    /// to the other side.
    pub fn run_until(
        &mut self,
        deadline: Instant,
        condition: impl Fn([&Peer; 2], Instant) -> bool,
    ) -> Result<bool, RunError> {
        let hosts = self.hosts;
        loop {
            self.signal();
            let next = self
                .signals
                .keys()
                .next()
                .map_or(deadline, |(at, _)| (*at).min(deadline));
            let mut held = false;
            self.world.run_until(next, |world| {
                let peers = hosts.map(|host| world.endpoint(host).unwrap());
                held = condition(peers, world.now());
                held || peers.iter().any(|peer| peer.has_news())
            })?;
            if held {
                return Ok(true);
            }
            let due = self
                .signals
                .keys()
                .next()
                .is_some_and(|(at, _)| *at <= self.now());
            let news = BOTH.iter().any(|side| self.peer(*side).has_news());
            if self.now() >= deadline && !due && !news {
                return Ok(false);
            }
        }
    }

    /// Runs for a while.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), RunError> {
        self.run_until(self.now() + duration, |_, _| false)
            .map(drop)
    }

    /// Hands over what has arrived, and sends what is new.
    fn signal(&mut self) {
        let now = self.now();
        while let Some(entry) = self.signals.first_entry()
            && entry.key().0 <= now
        {
            self.learnt = now;
            let (to, candidates) = entry.remove();
            self.peer_mut(to).hear(now, &candidates);
        }
        for side in BOTH {
            if self.peer(side).has_news() {
                let candidates = self.peer_mut(side).tell();
                self.signalled += 1;
                self.learnt = now;
                self.signals
                    .insert((now + self.latency, self.signalled), (1 - side, candidates));
            }
        }
    }

    /// What happened, for a failure's message.
    pub fn story(&self) -> String {
        let since = |at: Instant| at.saturating_duration_since(self.started);
        let mut story = format!(
            "at {:?}:\n{}\n{:?}\n",
            since(self.now()),
            self.world.network(),
            self.world.network().statistics()
        );
        for (side, name) in BOTH.into_iter().zip(["caller", "callee"]) {
            let peer = self.peer(side);
            let _ = writeln!(story, "{name}: {:?}", peer.agent.counters());
            let _ = writeln!(
                story,
                "  heard {}, unheard {}, strange {}, at most {} datagrams a second",
                peer.heard.len(),
                peer.unheard,
                peer.strange,
                peer.busiest_second
            );
            for local in peer.gatherer.local_candidates() {
                let _ = writeln!(
                    story,
                    "  {:?} {} from {}",
                    local.candidate.kind,
                    local.candidate.address.address(),
                    local.base
                );
            }
            let is_source = |event: &Event| matches!(event, Event::PeerReflexive { .. });
            let sources = peer.events.iter().filter(|(_, event)| is_source(event));
            for (at, event) in sources.take(3) {
                let _ = writeln!(story, "  {:?}: {event:?}", since(*at));
            }
            for (at, event) in peer.events.iter().filter(|(_, event)| !is_source(event)) {
                let _ = writeln!(story, "  {:?}: {event:?}", since(*at));
            }
            for path in peer.agent.paths() {
                let mark = if peer.path() == Some(path) {
                    "->"
                } else {
                    "  "
                };
                let _ = writeln!(
                    story,
                    "  {mark} {} {} {}",
                    path.local, path.remote, path.kind
                );
            }
        }
        story
    }
}
