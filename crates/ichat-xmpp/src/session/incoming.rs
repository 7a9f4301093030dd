//! A call that comes in: it rings, is accepted, and is connected.
//!
//! docs/protocol/xmpp.md, ring first, accept late \[G\]: `vc:response` goes out only when the user
//! has answered.

use std::time::Instant;

use xmpp_parsers::jid::Jid;

use super::event::{CallId, Event, StateError};
use super::ours::OurAddresses;
use super::same_device;
use super::wire::Wire;
use crate::dialect::Dialect;
use crate::vc::{Offer, Response, ResponseCode};

/// One incoming call.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Who calls, as the request's `from` said.
    pub(super) from: Jid,
    /// The request's id, by which its repetition is known.
    pub(super) id: Option<String>,
    /// The request's form, in which everything is answered.
    pub(super) dialect: Dialect,
    pub(super) state: IncomingState,
    /// Who got a presence of ours that was for them alone.
    pub(super) directed: Vec<Jid>,
}

#[derive(Debug)]
pub(super) enum IncomingState {
    /// The user has not answered.
    Ringing { deadline: Instant },
    /// `vc:response` is out with this id, and the INVITE is awaited.
    Accepted { id: String, answer: OurAddresses },
    /// Media flows; no stanza ends it.
    Connected { answer: OurAddresses },
}

impl Incoming {
    /// Takes the call, in kind.
    pub(super) fn accept(&mut self, wire: &mut Wire, connect_data: String) {
        let offer = Offer::of(self.dialect, connect_data);
        let id = wire.set(&self.from, Response::accept(offer.clone()).to_element());
        let answer = OurAddresses::new(offer, self.dialect);
        self.state = IncomingState::Accepted { id, answer };
    }

    /// Takes back an acceptance that waits for a stream; true if there was one.
    pub(super) fn take_back(&self, wire: &mut Wire) -> bool {
        match &self.state {
            IncomingState::Accepted { id, .. } => wire.take_back(id),
            IncomingState::Ringing { .. } | IncomingState::Connected { .. } => false,
        }
    }

    /// Media flows.
    pub(super) fn connect(&mut self) {
        if let IncomingState::Accepted { answer, .. } = &mut self.state {
            let nothing = OurAddresses::new(Offer::default(), self.dialect);
            let answer = std::mem::replace(answer, nothing);
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

    /// Whether this is the error for our acceptance.
    pub(super) fn awaits_invite_after(&self, response: &str) -> bool {
        matches!(&self.state, IncomingState::Accepted { id, .. } if id == response)
    }

    /// The caller's further addresses.
    pub(super) fn handle_counter_proposal(
        &mut self,
        wire: &mut Wire,
        call: CallId,
        from: &Jid,
        addresses: &Offer,
    ) {
        if !same_device(&self.from, from) {
            return;
        }
        let Some((dialect, text)) = addresses.prefer(self.dialect) else {
            return;
        };
        match &mut self.state {
            // Our answer is not out: it will name our addresses.
            IncomingState::Ringing { .. } => {}
            IncomingState::Accepted { answer, .. } | IncomingState::Connected { answer } => {
                answer.repeat(wire, from, dialect);
            }
        }
        wire.event(Event::CounterProposal {
            call,
            dialect,
            connect_data: text.to_owned(),
        });
    }

    /// Tells more addresses of ours.
    pub(super) fn propose(
        &mut self,
        wire: &mut Wire,
        call: CallId,
        text: String,
    ) -> Result<(), StateError> {
        match &mut self.state {
            IncomingState::Ringing { .. } => Err(StateError::NotAccepted { call }),
            IncomingState::Accepted { answer, .. } | IncomingState::Connected { answer } => {
                answer.propose(wire, &self.from, text);
                Ok(())
            }
        }
    }
}

/// Sends a refusal, which is the same in both dialects.
pub(super) fn refuse(wire: &mut Wire, to: &Jid, code: ResponseCode) {
    wire.set(to, Response::refuse(code).to_element());
}
