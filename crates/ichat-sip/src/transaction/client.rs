//! Our requests other than INVITE: RFC 3261 §17.1.2.

use std::time::Instant;

use super::timer::{Backoff, T2, TRANSACTION_TIMEOUT};
use crate::{Route, agent::Outbox, message::Method};

/// A BYE, CANCEL or MESSAGE that has no final answer yet.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) method: Method,
    pub(crate) cseq: u32,
    route: Route,
    octets: Vec<u8>,
    resend: Backoff,
    give_up: Instant,
}

/// How a request of ours ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With this status.
    Answered(u16),
    /// By timer F.
    TimedOut,
}

impl Client {
    /// Sends the request.
    pub(crate) fn start(
        now: Instant,
        (method, cseq): (Method, u32),
        route: Route,
        octets: Vec<u8>,
        out: &mut Outbox,
    ) -> Self {
        out.transmit(route, octets.clone());
        let resend = Backoff::new(now, T2);
        Self {
            method,
            cseq,
            route,
            octets,
            resend,
            give_up: now + TRANSACTION_TIMEOUT,
        }
    }

    /// The peer is reached another way now: a repetition takes it.
    pub(crate) fn move_to(&mut self, route: Route) {
        self.route = route;
    }

    /// Takes the status of a response to it.
    pub(crate) fn handle_response(&mut self, now: Instant, status: u16) -> Option<Outcome> {
        if status >= 200 {
            return Some(Outcome::Answered(status));
        }
        self.resend.slow_down(now);
        None
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Option<Outcome> {
        if now >= self.give_up {
            return Some(Outcome::TimedOut);
        }
        if self.resend.fire(now) {
            out.transmit(self.route, self.octets.clone());
        }
        None
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.resend.due().min(self.give_up)
    }
}
