//! All servers asked from all sockets.

mod renew;
mod results;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::{Candidate, IpPort};

use super::candidates::relayed;
use super::{
    GatherConfig, GatherEvent, GatherOutput, Gathered, Interface, NatReport, Reflector, Relay,
    RelayCounters, RelayListing, Relayed, Sighting, assess,
};
use crate::random::Random;
use crate::{LocalCandidate, Transmit};

/// Most addresses of a legacy list (`docs/protocol/sip.md`, which address \[I\]).
const MAX_LEGACY_RECORDS: usize = 8;

/// Finds our candidates: host ones at once, server-reflexive and relayed ones as servers answer.
///
/// A machine without I/O: drain [`poll_output`](Self::poll_output) to `None` after every call that
/// changes it, and call [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout). It lives as long as the call where there is a relay, whose
/// datagrams pass through it. Every datagram of the shared port goes to
/// [`handle_datagram`](Self::handle_datagram) first.
#[derive(Debug)]
pub struct Gatherer {
    config: GatherConfig,
    random: Random,
    refreshing: bool,
    interfaces: Vec<(Interface, Option<LocalCandidate>)>,
    reflectors: Vec<Asked>,
    relays: Vec<Borrowed>,
    /// Of relays that are no more.
    relayed_before: RelayCounters,
    complete: bool,
    /// When everybody was last asked out of turn.
    asked_again: Option<Instant>,
    outputs: VecDeque<GatherOutput>,
}

/// A reflector and what it said.
#[derive(Debug)]
struct Asked {
    reflector: Reflector,
    mapped: Option<SocketAddr>,
    /// When it last answered.
    heard: Option<Instant>,
    /// Shared by reflectors that see the same: the first one has it.
    candidate: Option<LocalCandidate>,
    settled: bool,
}

/// A relay and what it lends.
#[derive(Debug)]
struct Borrowed {
    relay: Relay,
    /// Place of the server in the configuration.
    server: usize,
    candidate: Option<LocalCandidate>,
    /// When it lent an address.
    lent: Option<Instant>,
    /// Asks the server where it sees us, while it lends an address.
    watch: Option<Reflector>,
    /// Whether it ever answered.
    watch_answers: bool,
    /// When it is asked again, after it lent none.
    retry: Option<Instant>,
    settled: bool,
}

impl Gatherer {
    /// Starts on all interfaces. Host candidates and the first requests wait in
    /// [`poll_output`](Self::poll_output) already.
    pub fn new(now: Instant, mut config: GatherConfig) -> Self {
        let interfaces = std::mem::take(&mut config.interfaces);
        let mut gatherer = Self {
            random: Random::new(config.seed),
            config,
            refreshing: true,
            interfaces: Vec::new(),
            reflectors: Vec::new(),
            relays: Vec::new(),
            relayed_before: RelayCounters::default(),
            complete: false,
            asked_again: None,
            outputs: VecDeque::new(),
        };
        gatherer.set_interfaces(now, interfaces);
        gatherer
    }

    /// Follows a change of interfaces: what is new is gathered, what is gone is
    /// [`GatherEvent::Gone`].
    pub fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        let stays = |socket: SocketAddr| interfaces.iter().any(|new| new.socket == socket);
        let mut gone = Vec::new();
        self.interfaces.retain(|(interface, candidate)| {
            let keep = stays(interface.socket);
            gone.extend(candidate.filter(|_| !keep));
            keep
        });
        self.reflectors.retain(|asked| {
            let keep = stays(asked.reflector.local());
            gone.extend(asked.candidate.filter(|_| !keep));
            keep
        });
        self.relays.retain(|borrowed| {
            let keep = stays(borrowed.relay.local()) && !borrowed.relay.has_failed();
            gone.extend(borrowed.candidate.filter(|_| !keep));
            if !keep {
                self.relayed_before += borrowed.relay.final_counters();
            }
            keep
        });
        for candidate in gone {
            self.event(GatherEvent::Gone(candidate));
        }
        self.complete = false;
        for interface in interfaces {
            let known = |(known, _): &(Interface, _)| known.socket == interface.socket;
            if !self.interfaces.iter().any(known) {
                self.add_interface(now, interface);
            }
        }
        for server in 0..self.config.turn.len() {
            if !self.relays.iter().any(|borrowed| borrowed.server == server) {
                self.borrow_from(now, server, None);
            }
        }
        self.pump(now);
    }

    /// Asks reflectors no more: a path is up, and its own traffic keeps its mapping open. Relays go
    /// on. That a NAT restarts under the call is noticed only where there is a relay, or by
    /// [`ask_again`](Self::ask_again).
    pub fn stop_refreshing(&mut self) {
        self.refreshing = false;
        for asked in &mut self.reflectors {
            asked.reflector.stop_refreshing();
        }
    }

    /// Gives relayed addresses back.
    pub fn release(&mut self, now: Instant) {
        for borrowed in &mut self.relays {
            borrowed.relay.release(now);
            borrowed.watch = None;
            borrowed.retry = None;
        }
        self.pump(now);
    }

    /// Our candidates so far: host, server-reflexive, relayed.
    pub fn local_candidates(&self) -> Vec<LocalCandidate> {
        let hosts = self.interfaces.iter().filter_map(|(_, host)| *host);
        let reflexive = self.reflectors.iter().filter_map(|asked| asked.candidate);
        let relayed = self.relays.iter().filter_map(|borrowed| borrowed.candidate);
        hosts.chain(reflexive).chain(relayed).collect()
    }

    /// Our candidates as records for the peer.
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidates = self.local_candidates().into_iter();
        candidates.map(|local| local.candidate).collect()
    }

    /// Lists relayed addresses as `listing` says, those that are there already and later ones. Give
    /// the peer and the [`Agent`](crate::Agent) the same candidates: change this before either.
    pub fn list_relays_as(&mut self, listing: RelayListing) {
        self.config.relay_listing = listing;
        for borrowed in &mut self.relays {
            let socket = borrowed.relay.local();
            let interface = self
                .interfaces
                .iter()
                .map(|(interface, _)| interface)
                .find(|interface| interface.socket == socket);
            if let (Some(candidate), Some(interface)) = (&mut borrowed.candidate, interface) {
                *candidate = relayed(candidate.candidate.id, interface, candidate.base, listing);
            }
        }
    }

    /// Our addresses for the legacy dialect: what reflectors saw stands first, then our own, IPv4
    /// before IPv6; at most 8. The first IPv4 record is the one that an iChat's peer takes for the
    /// address outside (`docs/protocol/addresses.md`, lists \[G\]).
    pub fn legacy_list(&self) -> Vec<IpPort> {
        let mapped = self
            .reflectors
            .iter()
            .filter_map(|asked| asked.candidate.map(|local| local.candidate));
        let hosts = self
            .interfaces
            .iter()
            .filter_map(|(_, host)| host.map(|local| local.candidate));
        let mut records: Vec<IpPort> = mapped
            .chain(hosts)
            .map(|candidate| candidate.address.ip_port())
            .collect();
        records.sort_by_key(IpPort::is_ipv6);
        records.truncate(MAX_LEGACY_RECORDS);
        records
    }

    /// What kind of NAT is in front of a socket, from all that answered.
    pub fn nat(&self, local: SocketAddr) -> NatReport {
        let sightings: Vec<Sighting> = self
            .reflectors
            .iter()
            .filter(|asked| asked.reflector.local() == local)
            .filter_map(|asked| {
                Some(Sighting {
                    server: asked.reflector.server(),
                    mapped: asked.mapped?,
                })
            })
            .collect();
        assess(local, &sightings)
    }

    /// The mapped address to show where only one can be: `extIPAddr` and `extSIPPort` of a legacy
    /// request.
    pub fn external_address(&self) -> Option<SocketAddr> {
        let mapped = self.reflectors.iter().filter_map(|asked| asked.mapped);
        mapped.into_iter().find(SocketAddr::is_ipv4)
    }

    /// Whether every server has answered, refused or been given up.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What became of relayed datagrams, of each relay that there is.
    pub fn relay_counters(&self) -> Vec<RelayCounters> {
        let relays = self.relays.iter();
        relays.map(|borrowed| borrowed.relay.counters()).collect()
    }

    /// What became of relayed datagrams in all, those of relays that are no more among them.
    pub fn relayed_in_all(&self) -> RelayCounters {
        let mut sum = self.relayed_before;
        for borrowed in &self.relays {
            sum += borrowed.relay.counters();
        }
        sum
    }

    /// Whether `local` is an address that a relay lends, so that datagrams from there go to
    /// [`send_relayed`](Self::send_relayed).
    pub fn is_relayed(&self, local: SocketAddr) -> bool {
        self.relays
            .iter()
            .any(|borrowed| borrowed.relay.relayed() == Some(local))
    }

    /// Sends a datagram whose `local` is a relayed address. `false`: no relay lends it.
    pub fn send_relayed(&mut self, now: Instant, transmit: &Transmit) -> bool {
        let relay = self
            .relays
            .iter_mut()
            .find(|borrowed| borrowed.relay.relayed() == Some(transmit.local));
        let Some(borrowed) = relay else {
            return false;
        };
        borrowed.relay.send(now, transmit.remote, &transmit.octets);
        self.pump(now);
        true
    }

    /// Takes a datagram that came to `local` from `remote`, where it is a server's.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) -> Gathered {
        for asked in &mut self.reflectors {
            let handled = asked.reflector.handle_datagram(now, local, remote, octets);
            if handled.is_ok() {
                self.pump(now);
                return Gathered::Handled;
            }
        }
        let watches = self
            .relays
            .iter_mut()
            .filter_map(|relay| relay.watch.as_mut());
        for watch in watches {
            if watch.handle_datagram(now, local, remote, octets).is_ok() {
                self.pump(now);
                return Gathered::Handled;
            }
        }
        for borrowed in &mut self.relays {
            let outcome = borrowed.relay.handle_datagram(now, local, remote, octets);
            let gathered = match (outcome, borrowed.relay.relayed()) {
                (Relayed::NotOurs, _) => continue,
                (Relayed::Data { peer, octets }, Some(relayed)) => Gathered::Relayed {
                    local: relayed,
                    remote: peer,
                    octets,
                },
                (Relayed::Handled, _) => Gathered::Handled,
                (Relayed::Data { .. }, None) | (Relayed::Dropped, _) => Gathered::Dropped,
            };
            self.pump(now);
            return gathered;
        }
        Gathered::NotOurs
    }

    /// Repeats, refreshes or gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for asked in &mut self.reflectors {
            asked.reflector.handle_timeout(now);
        }
        for borrowed in &mut self.relays {
            borrowed.relay.handle_timeout(now);
            if let Some(watch) = &mut borrowed.watch {
                watch.handle_timeout(now);
            }
        }
        self.retry(now);
        self.pump(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reflectors = self.reflectors.iter();
        let relays = self.relays.iter();
        reflectors
            .filter_map(|asked| asked.reflector.poll_timeout())
            .chain(relays.filter_map(Borrowed::poll_timeout))
            .min()
    }

    /// The next datagram or event; drain to `None`.
    pub fn poll_output(&mut self) -> Option<GatherOutput> {
        self.outputs.pop_front()
    }
}
