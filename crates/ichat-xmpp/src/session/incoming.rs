//! A call that comes in: it rings, is accepted, and is connected.
//!
//! docs/protocol/xmpp.md, ring first, accept late \[G\]: `vc:response` goes out only when the user
//! has answered.

use std::time::Instant;

use xmpp_parsers::jid::Jid;

use super::same_device;
use super::wire::Wire;
use crate::vc::{CounterProposal, Response, ResponseCode};

/// One incoming call.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Who calls, as the request's `from` said.
    pub(super) from: Jid,
    /// The request's id, by which its repetition is known.
    pub(super) id: Option<String>,
    pub(super) state: IncomingState,
    /// Who got a presence of ours that was for them alone.
    pub(super) directed: Vec<Jid>,
}

#[derive(Debug)]
pub(super) enum IncomingState {
    /// The user has not answered.
    Ringing { deadline: Instant },
    /// `vc:response` is out, and the INVITE is awaited.
    Accepted { answer: OurAddresses },
    /// Media flows; no stanza ends it.
    Connected { answer: OurAddresses },
}

/// What we told the peer of our addresses, and whether we have told it again in answer to a
/// counter-proposal.
#[derive(Debug, Default)]
pub(super) struct OurAddresses {
    connect_data: String,
    repeated: bool,
}

impl OurAddresses {
    pub(super) fn new(connect_data: String) -> Self {
        Self {
            connect_data,
            repeated: false,
        }
    }

    /// Answers a counter-proposal in kind, once: two sides that both did it for ever would never
    /// stop.
    pub(super) fn repeat(&mut self, wire: &mut Wire, to: &Jid) {
        if !self.repeated {
            self.repeated = true;
            wire.set(
                to,
                CounterProposal {
                    connect_data: self.connect_data.clone(),
                }
                .to_element(),
            );
        }
    }
}

impl Incoming {
    /// Takes the call.
    pub(super) fn accept(&mut self, wire: &mut Wire, connect_data: String) {
        wire.set(
            &self.from,
            Response::accept(connect_data.clone()).to_element(),
        );
        self.state = IncomingState::Accepted {
            answer: OurAddresses::new(connect_data),
        };
    }

    /// Media flows.
    pub(super) fn connect(&mut self) {
        if let IncomingState::Accepted { answer } = &mut self.state {
            let answer = std::mem::take(answer);
            self.state = IncomingState::Connected { answer };
        }
    }

    pub(super) fn is_ringing(&self) -> bool {
        matches!(self.state, IncomingState::Ringing { .. })
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, IncomingState::Connected { .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            IncomingState::Ringing { deadline } => Some(deadline),
            IncomingState::Accepted { .. } | IncomingState::Connected { .. } => None,
        }
    }

    /// Whether it rang for long enough; the caller is told.
    pub(super) fn has_timed_out(&self, now: Instant, wire: &mut Wire) -> bool {
        let over = self.deadline().is_some_and(|deadline| deadline <= now);
        if over {
            refuse(wire, &self.from, ResponseCode::NoAnswer);
        }
        over
    }

    /// Whether this cancel, from that device, ends it. Nothing ends a call that is connected.
    pub(super) fn is_cancelled_by(&self, from: &Jid) -> bool {
        !self.is_connected() && same_device(&self.from, from)
    }

    /// The caller's further addresses; true when they are to be used.
    pub(super) fn counter(&mut self, wire: &mut Wire, from: &Jid) -> bool {
        if !same_device(&self.from, from) {
            return false;
        }
        match &mut self.state {
            // Our answer is not out: it will name our addresses.
            IncomingState::Ringing { .. } => {}
            IncomingState::Accepted { answer } | IncomingState::Connected { answer } => {
                answer.repeat(wire, from);
            }
        }
        true
    }
}

/// Sends a refusal.
pub(super) fn refuse(wire: &mut Wire, to: &Jid, code: ResponseCode) {
    wire.set(to, Response::refuse(code).to_element());
}
