//! Our INVITE: RFC 3261 §17.1.1 with RFC 6026's accepted state, sent to many addresses.

use std::time::{Duration, Instant};

use super::hunt::Hunt;
use crate::{
    Route,
    agent::Outbox,
    message::{CSeq, HeaderName, Headers, Method, Request, Response},
};

/// After a provisional answer the final one must come within this (timer C, RFC 3261 §16.6).
const FINAL_ANSWER: Duration = Duration::from_secs(180);

/// An INVITE of ours and what became of it.
#[derive(Debug)]
pub(crate) struct InviteClient {
    request: Request,
    octets: Vec<u8>,
    cseq: u32,
    pinned: Option<Route>,
    state: State,
}

#[derive(Debug)]
enum State {
    Calling(Hunt),
    Proceeding { give_up: Instant },
    Rejected { ack: Vec<u8> },
    Accepted { tag: Option<String>, ack: Vec<u8> },
    Expired,
}

/// What a response meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// 1xx.
    Provisional,
    /// The first 2xx; the caller owes an [`InviteClient::acknowledge`].
    Accepted,
    /// A 2xx from another user agent than the first: to be confirmed and hung up at once.
    Forked,
    /// The first 3xx to 6xx; its ACK is sent.
    Rejected,
    /// Nothing new; a repeated final answer got its ACK again.
    Repeated,
}

/// What ran out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// No reply of any kind.
    NoReply,
    /// A provisional answer, and then nothing.
    NoFinalAnswer,
}

impl InviteClient {
    /// Sends the INVITE to the first address.
    pub(crate) fn start(
        now: Instant,
        request: Request,
        cseq: u32,
        hunt: Hunt,
        out: &mut Outbox,
    ) -> Self {
        let octets = request.encode();
        let state = State::Calling(hunt);
        let mut invite = Self {
            request,
            octets,
            cseq,
            pinned: None,
            state,
        };
        invite.handle_timeout(now, out);
        invite
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.cseq
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// The address that replied first.
    pub(crate) fn pinned(&self) -> Option<Route> {
        self.pinned
    }

    /// The peer is reached another way now.
    pub(crate) fn move_to(&mut self, route: Route) {
        self.pinned = Some(route);
    }

    /// Whether a final answer is still awaited.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling(_) | State::Proceeding { .. })
    }

    /// Whether a provisional answer came, and no final one.
    pub(crate) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    pub(crate) fn add_route(&mut self, now: Instant, route: Route, first: bool, out: &mut Outbox) {
        if let State::Calling(hunt) = &mut self.state
            && hunt.add(now, route, first)
        {
            out.transmit(route, self.octets.clone());
        }
    }

    /// Waits no longer. Late answers are still understood.
    pub(crate) fn abandon(&mut self) {
        if self.is_pending() {
            self.state = State::Expired;
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Option<Expired> {
        let expired = match &mut self.state {
            State::Calling(hunt) if hunt.is_over(now) => Expired::NoReply,
            State::Calling(hunt) => {
                for route in hunt.due(now) {
                    out.transmit(route, self.octets.clone());
                }
                return None;
            }
            State::Proceeding { give_up } if now >= *give_up => Expired::NoFinalAnswer,
            State::Proceeding { .. }
            | State::Rejected { .. }
            | State::Accepted { .. }
            | State::Expired => return None,
        };
        self.state = State::Expired;
        Some(expired)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Calling(hunt) => Some(hunt.poll_timeout()),
            State::Proceeding { give_up } => Some(*give_up),
            State::Rejected { .. } | State::Accepted { .. } | State::Expired => None,
        }
    }

    /// Takes a response to this INVITE that came by `source`.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        source: Route,
        response: &Response,
        out: &mut Outbox,
    ) -> Heard {
        if let State::Calling(hunt) = &self.state {
            self.pinned = Some(hunt.pin(source));
        }
        self.pinned.get_or_insert(source);
        let tag = response
            .headers
            .to()
            .ok()
            .and_then(|to| to.tag().map(str::to_owned));
        match (&mut self.state, response.status) {
            (State::Calling(_) | State::Proceeding { .. }, 100..200) => {
                self.state = State::Proceeding {
                    give_up: now + FINAL_ANSWER,
                };
                Heard::Provisional
            }
            (State::Expired, 100..200) => Heard::Provisional,
            (State::Rejected { .. } | State::Accepted { .. }, 100..200) => Heard::Repeated,
            (State::Calling(_) | State::Proceeding { .. } | State::Expired, 200..300) => {
                self.state = State::Accepted {
                    tag,
                    ack: Vec::new(),
                };
                Heard::Accepted
            }
            (State::Accepted { tag: first, ack }, 200..300) => {
                if *first != tag {
                    return Heard::Forked;
                }
                out.transmit(self.pinned.unwrap_or(source), ack.clone());
                Heard::Repeated
            }
            (State::Rejected { .. }, 200..300) => Heard::Forked,
            (State::Rejected { ack }, _) => {
                out.transmit(source, ack.clone());
                Heard::Repeated
            }
            (State::Accepted { .. }, _) => {
                out.transmit(source, self.ack_of_rejection(response));
                Heard::Repeated
            }
            (State::Calling(_) | State::Proceeding { .. } | State::Expired, _) => {
                let ack = self.ack_of_rejection(response);
                out.transmit(source, ack.clone());
                self.state = State::Rejected { ack };
                Heard::Rejected
            }
        }
    }

    /// Sends the ACK of the 2xx, and again for each repetition of that.
    pub(crate) fn acknowledge(&mut self, route: Route, octets: Vec<u8>, out: &mut Outbox) {
        if let State::Accepted { ack, .. } = &mut self.state {
            ack.clone_from(&octets);
            out.transmit(route, octets);
        }
    }

    /// The CANCEL of this INVITE (RFC 3261 §9.1).
    pub(crate) fn cancel(&self) -> Request {
        self.sibling(Method::Cancel, &self.request.headers)
    }

    /// RFC 3261 §17.1.1.3: the INVITE's branch, the answer's To.
    fn ack_of_rejection(&self, response: &Response) -> Vec<u8> {
        self.sibling(Method::Ack, &response.headers).encode()
    }

    fn sibling(&self, method: Method, to: &Headers) -> Request {
        let ours = &self.request.headers;
        let mut headers = Headers::new();
        headers.copy(&HeaderName::Via, ours);
        headers.copy(&HeaderName::MaxForwards, ours);
        headers.copy(&HeaderName::To, to);
        headers.copy(&HeaderName::From, ours);
        headers.copy(&HeaderName::CallId, ours);
        let cseq = CSeq {
            number: self.cseq,
            method: method.clone(),
        };
        headers.push(HeaderName::CSeq, cseq.to_string());
        headers.copy(&HeaderName::Route, ours);
        headers.copy(&HeaderName::UserAgent, ours);
        Request {
            method,
            uri: self.request.uri.clone(),
            headers,
            body: Vec::new(),
        }
    }
}
