//! The addresses of this machine change while a call is about: a laptop has another network.

use std::time::{Duration, Instant};

use super::Driver;
use super::connection::GATHER_PATIENCE;

/// How often the addresses of this machine are looked at while that is of use: far less than half a
/// second, in which the peer would notice.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How soon what was seen is asked for: by then it is there, as a rule.
const ANSWER: Duration = Duration::from_millis(10);

impl Driver {
    /// Follows the addresses of this machine while a call rings or is up.
    pub(super) fn follow_addresses(&mut self, now: Instant) {
        self.look_at(now + LOOK_INTERVAL);
        if !self.follows() {
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let Some(found) = connection.lookout.look() else {
            return self.look_at(now + ANSWER);
        };
        let found = found.unwrap_or_default();
        if found.is_empty() || found == self.locals {
            return;
        }
        tracing::info!("the addresses of this machine have changed during a call");
        self.locals = self.sockets.follow(found);
        // First of all: over a stream that began at an address that is gone nothing can be told.
        self.links.note_addresses(false);
        let interfaces = self.interfaces();
        if let Some(connection) = &mut self.connection {
            // Whoever has not been answered yet is told what servers say of the new addresses.
            connection.gathered_by = now + GATHER_PATIENCE;
            connection.ways.set_interfaces(now, interfaces);
        }
        self.dial_anew(now);
    }

    /// Whether another address would be of use: checks move a call to it, and where no media flows
    /// yet it is not too late without them.
    fn follows(&self) -> bool {
        let has_media = self.stage.call().is_some_and(|call| call.has_media());
        self.config.bind.is_empty()
            && self.connection.is_some()
            && (self.is_checked() || !has_media)
    }

    /// An INVITE that is out without checks and without an answer leaves from where we are now.
    fn dial_anew(&mut self, now: Instant) {
        let Some(connection) = self.connection.as_ref().filter(|_| !self.is_checked()) else {
            return;
        };
        let routes = self.routes_to(&connection.dialled);
        if let Some(call) = self.stage.call_mut() {
            call.dial_from(now, &routes);
        }
    }

    /// When the addresses of this machine are to be looked at.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let connection = self.connection.as_ref().filter(|_| self.follows());
        connection.map(|connection| connection.next_look)
    }

    /// A datagram could not leave: its address may be gone.
    pub(super) fn look_at_once(&mut self, now: Instant) {
        self.look_at(now);
    }

    fn look_at(&mut self, at: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.next_look = at;
        }
    }
}
