//! What was learnt of the network does not hold for ever: a NAT restarts, a server is away.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Asked, Borrowed, Gatherer};
use crate::gather::{
    GatherEvent, GatherOutput, Reflector, ReflectorEvent, ReflectorOutput, ReflectorProtocol,
    ReflectorTimings, Relay, RelayFailure, RelayOutput, TurnServer,
};

/// How often a relay's server is asked where it sees us \[I\]. It knows us by our mapped address,
/// and says nothing to datagrams from another: calls over the relay are dead until we ask anew.
const WATCH: Duration = Duration::from_secs(5);
/// How often everybody is asked again because one reflector sees a socket somewhere new \[I\].
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A relay is asked again as long after it failed as reflectors are.
const RETRY: Duration = Duration::from_secs(15);

/// 437 allocation mismatch, 486 quota reached, 500 server error, 508 no capacity (RFC 8656 §19).
const TEMPORARY: [u16; 4] = [437, 486, 500, 508];

impl Gatherer {
    /// Asks all reflectors, and all relays whether they still know us, now rather than at their next
    /// turn: the network may have changed. Good when the agent's path is lost.
    pub fn ask_again(&mut self, now: Instant) {
        self.asked_again = Some(now);
        let reflectors = self.reflectors.iter_mut().map(|asked| &mut asked.reflector);
        let watches = self
            .relays
            .iter_mut()
            .filter_map(|relay| relay.watch.as_mut());
        for reflector in reflectors.chain(watches) {
            reflector.ask_again(now);
        }
        self.pump(now);
    }

    /// A reflector sees a socket somewhere new since `before`: its NAT restarted, or has another
    /// address. What is true of the way to the reflector is likely to be true of that to the relays:
    /// servers that answer say so themselves, the others are asked for another address.
    pub(super) fn note_move(&mut self, now: Instant, socket: SocketAddr, before: Instant) {
        for index in 0..self.relays.len() {
            let moved = self.relays.get(index).is_some_and(|borrowed| {
                let lent = borrowed.lent.is_some_and(|lent| lent <= before);
                lent && borrowed.relay.local() == socket && !borrowed.watch_answers
            });
            if moved {
                self.renew(now, index);
            }
        }
        self.ask_again_soon(now);
    }

    fn ask_again_soon(&mut self, now: Instant) {
        let soon = |asked| now.saturating_duration_since(asked) < ASK_AGAIN;
        if !self.asked_again.is_some_and(soon) {
            self.ask_again(now);
        }
    }

    /// Takes what the watches over relays say.
    pub(super) fn pump_watches(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(borrowed) = self.relays.get_mut(index) {
            match borrowed.watch.as_mut().and_then(Reflector::poll_output) {
                Some(ReflectorOutput::Transmit(transmit)) => {
                    self.outputs.push_back(GatherOutput::Transmit(transmit));
                }
                Some(ReflectorOutput::Event(ReflectorEvent::Mapped { address, .. })) => {
                    self.compare(now, index, address);
                }
                // A server may answer no Binding requests, or the network is away: the checks tell.
                Some(ReflectorOutput::Event(ReflectorEvent::NoAnswer)) => {}
                None => index += 1,
            }
        }
    }

    /// Holds where a relay's server sees us now against where it saw us when it lent the address.
    fn compare(&mut self, now: Instant, index: usize, mapped: SocketAddr) {
        let Some(borrowed) = self.relays.get_mut(index) else {
            return;
        };
        borrowed.watch_answers = true;
        let before = borrowed.relay.mapped();
        if before.is_some_and(|before| before != mapped) {
            self.renew(now, index);
            self.ask_again_soon(now);
        }
    }

    /// Asks a relay for another address: it knows us no more, and that which it lent is dead. It is
    /// given back all the same: should the server still know us it would lend no other.
    fn renew(&mut self, now: Instant, index: usize) {
        let Some(borrowed) = self.relays.get_mut(index) else {
            return;
        };
        let Some(turn) = self.config.turn.get(borrowed.server) else {
            return;
        };
        tracing::debug!(server = %turn.address, "relay knows us no more");
        let (socket, gone) = (borrowed.relay.local(), borrowed.candidate);
        borrowed.relay.release(now);
        let (before, answers) = (borrowed.server, borrowed.watch_answers);
        let mut last = std::mem::replace(borrowed, Borrowed::ask(now, socket, turn, before));
        borrowed.settled = true;
        borrowed.watch_answers = answers;
        self.relayed_before += last.relay.final_counters();
        while let Some(output) = last.relay.poll_output() {
            match output {
                RelayOutput::Transmit(transmit) => {
                    self.outputs.push_back(GatherOutput::Transmit(transmit));
                }
                RelayOutput::Event(_) => {}
            }
        }
        if let Some(gone) = gone {
            self.event(GatherEvent::Gone(gone));
        }
    }

    /// Asks servers again that lent nothing.
    pub(super) fn retry(&mut self, now: Instant) {
        let due = |relay: &Borrowed| relay.retry.is_some_and(|at| at <= now);
        while let Some(index) = self.relays.iter().position(due) {
            let spent = self.relays.remove(index);
            let server = spent.server;
            self.relayed_before += spent.relay.final_counters();
            self.relays.retain(|relay| {
                let is_spent = relay.server == server && relay.relay.has_failed();
                if is_spent {
                    self.relayed_before += relay.relay.final_counters();
                }
                !is_spent
            });
            if self.borrow_from(now, server, None)
                && let Some(borrowed) = self.relays.last_mut()
            {
                borrowed.settled = true;
            }
        }
    }
}

/// When a server that failed for this cause is asked again.
pub(super) fn retry_at(now: Instant, cause: RelayFailure) -> Option<Instant> {
    let temporary = match cause {
        RelayFailure::NoAnswer | RelayFailure::Expired => true,
        RelayFailure::Refused(code) => TEMPORARY.contains(&code),
        RelayFailure::Unauthorized => false,
    };
    temporary.then(|| now + RETRY)
}

impl Borrowed {
    /// A server that is asked for an address from the socket at `local`.
    pub(super) fn ask(now: Instant, local: SocketAddr, turn: &TurnServer, server: usize) -> Self {
        Self {
            relay: Relay::allocate(now, local, turn),
            server,
            candidate: None,
            watch: None,
            watch_answers: false,
            lent: None,
            retry: None,
            settled: false,
        }
    }

    /// Watches over an address that was lent.
    pub(super) fn start_watch(&mut self, now: Instant, seed: u64) {
        let timings = ReflectorTimings {
            refresh: Some(WATCH),
            ..ReflectorTimings::default()
        };
        let (local, server) = (self.relay.local(), self.relay.server());
        self.lent = Some(now);
        let stun = ReflectorProtocol::Stun;
        self.watch = Some(Reflector::new(now, seed, stun, local, server, timings));
    }

    /// When it wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let watch = self.watch.as_ref().and_then(Reflector::poll_timeout);
        let relay = self.relay.poll_timeout();
        relay.into_iter().chain(watch).chain(self.retry).min()
    }
}

impl Asked {
    /// A reflector that has said nothing yet.
    pub(super) fn new(reflector: Reflector) -> Self {
        Self {
            reflector,
            mapped: None,
            heard: None,
            candidate: None,
            settled: false,
        }
    }
}
