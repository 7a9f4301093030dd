//! The least that punches holes: the judge of the oracle, and an example of an endpoint.

mod message;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Transmit};
use crate::network::HostId;
use crate::oracle::Verdict;
use crate::reflector::{self, Reflector};
use crate::scenario::Stage;
use crate::statistics::Statistics;
use crate::world::{RunError, World};
use message::{Kind, Message};

/// How often the reflector is asked, and a candidate is checked.
const INTERVAL: Duration = Duration::from_millis(200);
/// How often the reflector is asked in vain.
const MOST_QUERIES: u32 = 25;
/// How many pairs are checked: where both sides map by port, each check makes a new one.
const MOST_PAIRS: usize = 48;
/// How long the exchange of candidates takes.
const SIGNALLING: Duration = Duration::from_millis(100);

/// A host that learns its mapped addresses from a reflector, sends checks from each of its sockets
/// to each candidate of the other and to each source that it hears, and takes a pair for usable
/// when its check was answered from where it was sent to, and a check on it was answered.
///
/// No pacing, no priorities, no secrets: it shows what is possible.
#[derive(Clone, Debug)]
pub struct Puncher {
    /// Which of two this is; what is not for it is ignored, for private addresses lead to wrong
    /// hosts, and to itself.
    name: u32,
    port: u16,
    reflector: SocketAddr,
    locals: Vec<SocketAddr>,
    mapped: BTreeMap<SocketAddr, SocketAddr>,
    queries: u32,
    pairs: BTreeMap<Pair, Progress>,
    /// Checks under way, by number.
    checks: BTreeMap<u32, Pair>,
    next_number: u32,
    next_at: Option<Instant>,
    transmits: VecDeque<Transmit>,
}

impl Puncher {
    /// A host that uses one port on all its addresses. The two that are to meet have names that
    /// differ in the last bit.
    pub fn new(name: u32, port: u16, reflector: SocketAddr) -> Self {
        Self {
            name,
            port,
            reflector,
            locals: Vec::new(),
            mapped: BTreeMap::new(),
            queries: 0,
            pairs: BTreeMap::new(),
            checks: BTreeMap::new(),
            next_number: 0,
            next_at: None,
            transmits: VecDeque::new(),
        }
    }

    /// Whether all mapped addresses are known, or the reflector was asked often enough.
    pub fn has_gathered(&self) -> bool {
        self.queries >= MOST_QUERIES || self.unmapped().next().is_none()
    }

    /// Its own and its mapped addresses.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        let all = self.locals.iter().chain(self.mapped.values());
        let distinct: BTreeSet<SocketAddr> = all.copied().collect();
        distinct.into_iter().collect()
    }

    /// Begins to check the candidates of the other side.
    pub fn check(&mut self, now: Instant, candidates: &[SocketAddr]) {
        for local in self.locals.clone() {
            for remote in candidates {
                self.add_pair(local, *remote);
            }
        }
        self.next_at = Some(now);
    }

    /// The local and the remote end of a usable pair.
    pub fn path(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.pairs
            .iter()
            .find(|(_, progress)| progress.was_answered && progress.has_answered)
            .map(|(pair, _)| (pair.local, pair.remote))
    }

    fn unmapped(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.locals.iter().filter_map(|local| match local {
            SocketAddr::V4(address) if !self.mapped.contains_key(local) => Some(*address),
            SocketAddr::V4(_) | SocketAddr::V6(_) => None,
        })
    }

    fn query(&mut self) {
        self.queries += 1;
        let queries: Vec<Transmit> = self
            .unmapped()
            .map(|local| Transmit {
                local: SocketAddr::V4(local),
                remote: self.reflector,
                octets: reflector::query(self.name, local),
            })
            .collect();
        self.transmits.extend(queries);
    }

    fn send_checks(&mut self) {
        for pair in self.pairs.keys().copied().collect::<Vec<_>>() {
            let number = self.next_number;
            self.next_number += 1;
            self.checks.insert(number, pair);
            self.send(pair, Kind::Check, number);
        }
    }

    fn send(&mut self, pair: Pair, kind: Kind, number: u32) {
        let message = Message {
            kind,
            to: self.name ^ 1,
            number,
        };
        self.transmits.push_back(Transmit {
            local: pair.local,
            remote: pair.remote,
            octets: message.encode(),
        });
    }

    fn add_pair(&mut self, local: SocketAddr, remote: SocketAddr) {
        if local.is_ipv4() == remote.is_ipv4() && self.pairs.len() < MOST_PAIRS {
            self.pairs.entry(Pair { local, remote }).or_default();
        }
    }

    fn handle_message(&mut self, pair: Pair, message: Message) {
        match message.kind {
            Kind::Check => {
                self.send(pair, Kind::Answer, message.number);
                self.add_pair(pair.local, pair.remote);
                if let Some(progress) = self.pairs.get_mut(&pair) {
                    progress.has_answered = true;
                }
            }
            Kind::Answer => {
                // Symmetric addresses: only from where the check went, to where it came from.
                if self.checks.get(&message.number) == Some(&pair)
                    && let Some(progress) = self.pairs.get_mut(&pair)
                {
                    progress.was_answered = true;
                }
            }
        }
    }
}

impl Endpoint for Puncher {
    fn handle_datagram(
        &mut self,
        _now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        if local.port() != self.port {
            return;
        }
        if remote == self.reflector {
            if let Some(mapped) = reflector::mapped_address(octets, self.name) {
                self.mapped.insert(local, SocketAddr::V4(mapped));
            }
            return;
        }
        if let Some(message) = Message::decode(octets)
            && message.to == self.name
        {
            self.handle_message(Pair { local, remote }, message);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next_at.is_none_or(|next_at| next_at > now) {
            return;
        }
        if !self.has_gathered() {
            self.query();
        }
        self.send_checks();
        self.next_at = Some(now + INTERVAL);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        self.locals = addresses
            .iter()
            .map(|address| SocketAddr::new(*address, self.port))
            .collect();
        self.next_at = Some(now);
    }
}

/// What two punchers achieved.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether both found a usable pair.
    pub is_direct: bool,
    /// How long they checked.
    pub took: Duration,
    /// What the oracle said.
    pub verdict: Verdict,
    /// What became of all datagrams.
    pub statistics: Statistics,
}

/// Lets two punchers try to meet on a stage. They check for `patience` of virtual time: two
/// seconds are ten checks a pair, enough where nothing is lost.
///
/// # Errors
/// If the run ends early.
pub fn punch(stage: Stage, patience: Duration) -> Result<Outcome, RunError> {
    let verdict = stage.verdict();
    let (caller, callee, reflector) = (stage.caller, stage.callee, stage.snatmap_address());
    let mut world = World::new(stage.network);
    world.set_service(stage.reflector, Box::new(Reflector::new()));
    world.set_endpoint(caller, Puncher::new(0, stage.caller_port, reflector));
    world.set_endpoint(callee, Puncher::new(1, stage.callee_port, reflector));

    let has_gathered = |world: &World<Puncher>, host| {
        world
            .endpoint(host)
            .is_none_or(|puncher| puncher.has_gathered())
    };
    let deadline = world.now() + INTERVAL * (MOST_QUERIES + 1);
    world.run_until(deadline, |world| {
        has_gathered(world, caller) && has_gathered(world, callee)
    })?;
    world.run_for(SIGNALLING)?;
    let began = world.now();
    introduce(&mut world, caller, callee);
    introduce(&mut world, callee, caller);
    let has_path =
        |world: &World<Puncher>, host| world.endpoint(host).and_then(Puncher::path).is_some();
    let is_direct = world.run_until(began + patience, |world| {
        has_path(world, caller) && has_path(world, callee)
    })?;
    Ok(Outcome {
        is_direct,
        took: world.now() - began,
        verdict,
        statistics: world.network().statistics().clone(),
    })
}

/// Tells one side the candidates of the other.
fn introduce(world: &mut World<Puncher>, to: HostId, other: HostId) {
    let now = world.now();
    let candidates = world
        .endpoint(other)
        .map(Puncher::candidates)
        .unwrap_or_default();
    if let Some(puncher) = world.endpoint_mut(to) {
        puncher.check(now, &candidates);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    local: SocketAddr,
    remote: SocketAddr,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// A check of ours was answered.
    was_answered: bool,
    /// We answered a check of the other side's.
    has_answered: bool,
}
