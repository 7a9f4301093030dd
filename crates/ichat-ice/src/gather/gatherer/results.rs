//! What servers are asked, and what becomes of their answers.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::CandidateId;

use super::renew::retry_at;
use super::{Asked, Borrowed, Gatherer};
use crate::LocalCandidate;
use crate::gather::candidates::{host, may_ask, reflexive, relayed};
use crate::gather::{
    GatherEvent, GatherOutput, Interface, Reflector, ReflectorEvent, ReflectorOutput,
    ReflectorProtocol, RelayEvent, RelayFailure, RelayOutput,
};

impl Gatherer {
    pub(super) fn add_interface(&mut self, now: Instant, interface: Interface) {
        let candidate = host(self.new_id(), &interface);
        let snatmap = self.config.snatmap.iter();
        let stun = self.config.stun.iter();
        let servers: Vec<(ReflectorProtocol, SocketAddr)> = snatmap
            .filter(|server| server.is_ipv4())
            .map(|server| (ReflectorProtocol::Snatmap, *server))
            .chain(stun.map(|server| (ReflectorProtocol::Stun, *server)))
            .filter(|(_, server)| candidate.is_some() && may_ask(interface.socket, *server))
            .collect();
        for (protocol, server) in servers {
            let seed = self.random.next();
            let socket = interface.socket;
            let timings = self.config.timings;
            let mut reflector = Reflector::new(now, seed, protocol, socket, server, timings);
            if !self.refreshing {
                reflector.stop_refreshing();
            }
            self.reflectors.push(Asked::new(reflector));
        }
        if let Some(candidate) = candidate {
            self.event(GatherEvent::Candidate(candidate));
        }
        self.interfaces.push((interface, candidate));
    }

    /// Asks a TURN server from the first interface after `tried` that can.
    pub(super) fn borrow_from(
        &mut self,
        now: Instant,
        server: usize,
        tried: Option<SocketAddr>,
    ) -> bool {
        let Some(turn) = self.config.turn.get(server) else {
            return false;
        };
        let mut sockets = self
            .interfaces
            .iter()
            .filter(|(_, candidate)| candidate.is_some())
            .map(|(interface, _)| interface.socket)
            .filter(|socket| may_ask(*socket, turn.address));
        let next = match tried {
            None => sockets.next(),
            Some(tried) => sockets.skip_while(|socket| *socket != tried).nth(1),
        };
        let Some(socket) = next else {
            return false;
        };
        let borrowed = Borrowed::ask(now, socket, turn, server);
        self.relays.push(borrowed);
        true
    }

    /// Takes what reflectors and relays give.
    pub(super) fn pump(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(asked) = self.reflectors.get_mut(index) {
            match asked.reflector.poll_output() {
                Some(ReflectorOutput::Transmit(transmit)) => {
                    self.outputs.push_back(GatherOutput::Transmit(transmit));
                }
                Some(ReflectorOutput::Event(event)) => self.handle_reflector(now, index, event),
                None => index += 1,
            }
        }
        let mut index = 0;
        while let Some(borrowed) = self.relays.get_mut(index) {
            match borrowed.relay.poll_output() {
                Some(RelayOutput::Transmit(transmit)) => {
                    self.outputs.push_back(GatherOutput::Transmit(transmit));
                }
                Some(RelayOutput::Event(event)) => self.handle_relay(now, index, event),
                None => index += 1,
            }
        }
        self.pump_watches(now);
        let settled = self.reflectors.iter().all(|asked| asked.settled)
            && self.relays.iter().all(|borrowed| borrowed.settled);
        if settled && !self.complete {
            self.complete = true;
            self.event(GatherEvent::Complete);
        }
    }

    fn handle_reflector(&mut self, now: Instant, index: usize, event: ReflectorEvent) {
        let Some(asked) = self.reflectors.get_mut(index) else {
            return;
        };
        asked.settled = true;
        let (local, server) = (asked.reflector.local(), asked.reflector.server());
        let protocol = asked.reflector.protocol();
        match event {
            ReflectorEvent::NoAnswer => self.event(GatherEvent::NoAnswer {
                local,
                server,
                protocol,
            }),
            ReflectorEvent::Mapped {
                address: mapped, ..
            } => {
                let before = asked.heard.replace(now);
                if asked.mapped.replace(mapped) == Some(mapped) {
                    return;
                }
                let old = asked.candidate.take();
                self.event(GatherEvent::Mapped {
                    local,
                    mapped,
                    server,
                    protocol,
                });
                self.replace_reflexive(index, local, mapped, old);
                if let Some(before) = before {
                    self.note_move(now, local, before);
                }
            }
        }
    }

    /// Makes a candidate of a mapped address that is new, and drops the one that it replaces unless
    /// another reflector still sees that.
    fn replace_reflexive(
        &mut self,
        index: usize,
        local: SocketAddr,
        mapped: SocketAddr,
        old: Option<LocalCandidate>,
    ) {
        if let Some(old) = old {
            let address = old.candidate.address.address();
            let heir = self
                .reflectors
                .iter_mut()
                .find(|asked| asked.reflector.local() == local && asked.mapped == Some(address));
            match heir {
                Some(heir) => heir.candidate = Some(old),
                None => self.event(GatherEvent::Gone(old)),
            }
        }
        let known = self.local_candidates().iter().any(|candidate| {
            candidate.base == local && candidate.candidate.address.address() == mapped
        });
        let interface = self
            .interfaces
            .iter()
            .map(|(interface, _)| interface)
            .find(|interface| interface.socket == local);
        if let (false, Some(interface)) = (known, interface.cloned()) {
            let candidate = reflexive(self.new_id(), &interface, mapped);
            if let Some(asked) = self.reflectors.get_mut(index) {
                asked.candidate = Some(candidate);
            }
            self.event(GatherEvent::Candidate(candidate));
        }
    }

    fn handle_relay(&mut self, now: Instant, index: usize, event: RelayEvent) {
        let id = self.new_id();
        let Some(borrowed) = self.relays.get_mut(index) else {
            return;
        };
        borrowed.settled = true;
        let listing = self.config.relay_listing;
        let (local, address) = (borrowed.relay.local(), borrowed.relay.server());
        match event {
            RelayEvent::Allocated { relayed: lent } => {
                let interface = self
                    .interfaces
                    .iter()
                    .map(|(interface, _)| interface)
                    .find(|interface| interface.socket == local);
                let Some(interface) = interface else {
                    return;
                };
                let candidate = relayed(id, interface, lent, listing);
                borrowed.candidate = Some(candidate);
                borrowed.start_watch(now, self.random.next());
                self.event(GatherEvent::Candidate(candidate));
            }
            RelayEvent::Failed { cause } => {
                let server = borrowed.server;
                borrowed.watch = None;
                if let Some(candidate) = borrowed.candidate.take() {
                    self.event(GatherEvent::Gone(candidate));
                }
                let unheard = cause == RelayFailure::NoAnswer;
                if !unheard || !self.borrow_from(now, server, Some(local)) {
                    let retry = retry_at(now, cause);
                    if let Some(borrowed) = self.relays.get_mut(index) {
                        borrowed.retry = retry;
                    }
                    self.event(GatherEvent::RelayFailed {
                        server: address,
                        cause,
                    });
                }
            }
            RelayEvent::PeerRefused { peer } => self.event(GatherEvent::RelayRefused {
                server: address,
                peer,
            }),
        }
    }

    fn new_id(&mut self) -> CandidateId {
        CandidateId::new(self.random.next_u32())
    }

    pub(super) fn event(&mut self, event: GatherEvent) {
        tracing::debug!(?event, "gathering");
        self.outputs.push_back(GatherOutput::Event(event));
    }
}
