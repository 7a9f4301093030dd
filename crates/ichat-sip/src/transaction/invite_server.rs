//! The peer's INVITE: RFC 3261 §17.2.1, §13.3.1.4, RFC 6026.

use std::time::{Duration, Instant};

use super::timer::{Backoff, T2, TRANSACTION_TIMEOUT};
use crate::{
    Route,
    agent::Outbox,
    message::{HeaderName, Headers, Request, Response},
};

/// Without a quicker answer a 100 goes out after this (RFC 3261 §17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

/// An INVITE of the peer's and our answer to it.
#[derive(Debug)]
pub(crate) struct InviteServer {
    request: Request,
    route: Route,
    cseq: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No answer yet; a 100 is due.
    Trying { at: Instant },
    /// A provisional answer went out.
    Proceeding { answer: Response },
    /// A final answer repeats until its ACK.
    Answered(Answered),
    /// The ACK came, or nothing is awaited any more. A repeated INVITE is absorbed.
    Settled,
}

#[derive(Debug)]
struct Answered {
    answer: Response,
    octets: Vec<u8>,
    resend: Backoff,
    give_up: Instant,
}

/// What an ACK meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// It confirmed our 2xx.
    Accepted,
    /// It confirmed our refusal.
    Refused,
    /// It was a repetition.
    Nothing,
}

/// What time brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerTimeout {
    /// 100 is due; the caller owes an [`InviteServer::respond`].
    TryingDue,
    /// Our 2xx was never confirmed.
    NoAck,
}

impl InviteServer {
    pub(crate) fn new(now: Instant, request: Request, cseq: u32, route: Route) -> Self {
        Self {
            request,
            route,
            cseq,
            state: State::Trying {
                at: now + TRYING_AFTER,
            },
        }
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.cseq
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// The peer is reached another way now: an answer that is sent again takes it.
    pub(crate) fn move_to(&mut self, route: Route) {
        self.route = route;
    }

    /// Whether a final answer of ours is owed.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }

    /// Whether a final answer of ours still repeats.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        matches!(self.state, State::Answered(_))
    }

    /// Sends an answer; a final one again and again until its ACK (timers G and H).
    pub(crate) fn respond(&mut self, now: Instant, answer: Response, out: &mut Outbox) {
        let octets = answer.encode();
        out.transmit(self.route, octets.clone());
        self.state = if answer.status < 200 {
            State::Proceeding { answer }
        } else {
            let resend = Backoff::new(now, T2);
            let give_up = now + TRANSACTION_TIMEOUT;
            State::Answered(Answered {
                answer,
                octets,
                resend,
                give_up,
            })
        };
    }

    /// Answers a repetition of the INVITE, by the way it came.
    pub(crate) fn handle_repeat(&mut self, route: Route, repeat: &Request, out: &mut Outbox) {
        match &self.state {
            State::Proceeding { answer } | State::Answered(Answered { answer, .. }) => {
                out.transmit(route, readdressed(answer, repeat).encode());
            }
            State::Trying { .. } | State::Settled => {}
        }
    }

    pub(crate) fn handle_ack(&mut self) -> Acknowledged {
        let State::Answered(answered) = &self.state else {
            return Acknowledged::Nothing;
        };
        let accepted = answered.answer.status < 300;
        self.state = State::Settled;
        if accepted {
            Acknowledged::Accepted
        } else {
            Acknowledged::Refused
        }
    }

    /// Repeats nothing any more.
    pub(crate) fn settle(&mut self) {
        self.state = State::Settled;
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        out: &mut Outbox,
    ) -> Option<ServerTimeout> {
        match &mut self.state {
            State::Trying { at } => (now >= *at).then_some(ServerTimeout::TryingDue),
            State::Answered(answered) if now >= answered.give_up => {
                let accepted = answered.answer.status < 300;
                self.state = State::Settled;
                accepted.then_some(ServerTimeout::NoAck)
            }
            State::Answered(answered) => {
                if answered.resend.fire(now) {
                    out.transmit(self.route, answered.octets.clone());
                }
                None
            }
            State::Proceeding { .. } | State::Settled => None,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Trying { at } => Some(*at),
            State::Answered(answered) => Some(answered.resend.due().min(answered.give_up)),
            State::Proceeding { .. } | State::Settled => None,
        }
    }
}

/// `answer` with the Via of `repeat`, whose branch or source may be another.
fn readdressed(answer: &Response, repeat: &Request) -> Response {
    let mut headers = Headers::new();
    headers.copy(&HeaderName::Via, &repeat.headers);
    headers.copy_except(&HeaderName::Via, &answer.headers);
    Response {
        headers,
        ..answer.clone()
    }
}
