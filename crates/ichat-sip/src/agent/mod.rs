//! One call as a machine: RFC 3261's user agent core over its transactions and one dialog.

mod call;
mod calling;
mod dialog;
mod event;
mod random;
mod reoffer;
mod serving;
mod shared;
mod timers;

use std::time::Instant;

pub use self::event::{Event, Failure, Output, SipError, StateError};
pub(crate) use self::shared::Outbox;
use self::{call::Call, shared::Shared};
use crate::{
    Route,
    message::{Message, Method, Request},
};

/// Who we are in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Our display name: our bare JID. Empty: none.
    pub local_name: String,
    /// The peer's display name in requests of ours: its bare JID. Empty: none.
    pub remote_name: String,
    /// The user part of our own URIs; `user` is what iChat uses.
    pub user: String,
    /// Our User-Agent; need not be Viceroy's. Empty: none.
    pub user_agent: String,
    /// Tags, branches and the call id follow from it: take it from a cryptographic source.
    pub seed: u64,
}

/// One call: the INVITE of either side, its dialog, its end.
///
/// A value without sockets, clock or threads. Commands, datagrams and the time go in by the other
/// methods; after each of them drain [`poll_output`](Self::poll_output) to `None` and call
/// [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct UserAgent {
    shared: Shared,
    call: Option<Call>,
}

impl UserAgent {
    /// A user agent without a call. The first [`invite`](Self::invite) or the first INVITE that
    /// arrives is its call; it never has another.
    pub fn new(config: Config) -> Self {
        Self {
            shared: Shared::new(config),
            call: None,
        }
    }

    /// Calls the peer at `sip:uri_user@…` (docs/protocol/sip.md, which address \[I\]).
    ///
    /// The same octets go to the first route; after 1 s without any reply also to the next, and so
    /// on, at most 64; each gets them again after 500 ms, 1 s, 2 s and so on. The first to reply is
    /// pinned. After 20 s without any reply [`Failure::NoReply`].
    ///
    /// # Errors
    /// Where this has a call already, or `routes` is empty.
    pub fn invite(
        &mut self,
        now: Instant,
        routes: &[Route],
        uri_user: &str,
        body: Vec<u8>,
    ) -> Result<(), StateError> {
        if self.call.is_some() || self.shared.is_concluded() {
            return Err(StateError::CallExists);
        }
        let first = *routes.first().ok_or(StateError::NoRoute)?;
        let call = Call::start(now, &mut self.shared, (first, routes), uri_user, body);
        self.call = Some(call);
        Ok(())
    }

    /// Learns another address of the peer's while nobody has replied: a counter-proposal, or the
    /// source of a pinhole datagram. `first`: it is tried at once, else after those that wait.
    /// Without effect in any other state.
    pub fn add_route(&mut self, now: Instant, route: Route, first: bool) {
        if let Some(call) = &mut self.call {
            call.add_route(now, route, first, &mut self.shared);
        }
    }

    /// The way to the peer is another one from now on: what this dialog sends, and sends again, takes
    /// it. Connectivity found it; SIP itself never asks for that (docs/protocol/connectivity.md, when
    /// a pair is usable \[D\]). Without effect before the dialog has a way at all, see
    /// [`route`](Self::route).
    pub fn move_to(&mut self, route: Route) {
        if let Some(call) = &mut self.call {
            call.move_to(route);
        }
    }

    /// Tells a caller that it rings: 180. Without effect where no INVITE waits.
    pub fn ring(&mut self, now: Instant) {
        if let Some(call) = &mut self.call {
            call.ring(now, &mut self.shared);
        }
    }

    /// Takes the INVITE or re-INVITE that waits: 200, repeated until its ACK, at most 32 s.
    ///
    /// # Errors
    /// Where none waits.
    pub fn answer(&mut self, now: Instant, body: Vec<u8>) -> Result<(), StateError> {
        let call = self.call.as_mut().ok_or(StateError::NothingToAnswer)?;
        call.answer(now, body, &mut self.shared)
    }

    /// Refuses the INVITE or re-INVITE that waits. iChat shows 486, 487, 603 and 606 sensibly: use
    /// no others (docs/protocol/sip.md, in the dialog \[G\]). After the INVITE comes
    /// [`Event::Ended`]; after a re-INVITE the call goes on.
    ///
    /// # Errors
    /// Where none waits, or `status` does not refuse.
    pub fn reject(&mut self, now: Instant, status: u16) -> Result<(), StateError> {
        if !(300..700).contains(&status) {
            return Err(StateError::NoRefusal { status });
        }
        let call = self.call.as_mut().ok_or(StateError::NothingToAnswer)?;
        let rejected = call.reject(now, status, &mut self.shared);
        self.settle();
        rejected
    }

    /// Gives our INVITE up: CANCEL as soon as there is a provisional answer (RFC 3261 §9.1). A 200
    /// that crosses it is confirmed and hung up. Where the call is up, this is [`bye`](Self::bye);
    /// where the peer's INVITE waits, `reject(603)`. [`Event::Ended`] follows.
    pub fn cancel(&mut self, now: Instant) {
        match &mut self.call {
            Some(call) => call.hang_up(now, &mut self.shared),
            None => self.shared.conclude(Event::Ended),
        }
        self.settle();
    }

    /// Hangs up: BYE, repeated until its answer, at most 32 s. Where our 200 is not confirmed yet,
    /// the BYE waits for the ACK (RFC 3261 §15), but no longer than 1 s. Before a final answer this
    /// is [`cancel`](Self::cancel). [`Event::Ended`] follows.
    pub fn bye(&mut self, now: Instant) {
        self.cancel(now);
    }

    /// Sends a MESSAGE in the dialog. Its answer means nothing; without effect where there is no
    /// dialog.
    pub fn message(&mut self, now: Instant, content_type: &str, body: Vec<u8>) {
        if let Some(call) = &mut self.call {
            call.message(now, content_type, body, &mut self.shared);
        }
    }

    /// Offers anew in the dialog. [`Event::Answered`] or [`Event::ReofferRejected`] follows; where
    /// both sides offered at once it is offered again a little later (491, RFC 3261 §14.1). Without
    /// effect where there is no dialog.
    pub fn reinvite(&mut self, now: Instant, body: Vec<u8>) {
        if let Some(call) = &mut self.call {
            call.reinvite(now, body, &mut self.shared);
        }
    }

    /// Media came from the peer: it has our 200, even if its ACK never comes, so that the missing
    /// ACK will not end the call (docs/protocol/field.md, 13).
    pub fn media_arrived(&mut self) {
        if let Some(call) = &mut self.call {
            call.media_arrived();
        }
    }

    /// Takes a datagram that arrived at `route.local` from `route.remote`.
    ///
    /// # Errors
    /// Where it is refused. A refused datagram never ends a call.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        route: Route,
        octets: &[u8],
    ) -> Result<(), SipError> {
        let result = match Message::parse(octets)? {
            Message::Request(request) => self.handle_request(now, route, request),
            Message::Response(response) => {
                let call = self.call.as_mut().ok_or(SipError::OtherCall)?;
                call.handle_response(now, route, &response, &mut self.shared)
            }
        };
        self.settle();
        result
    }

    fn handle_request(
        &mut self,
        now: Instant,
        route: Route,
        mut request: Request,
    ) -> Result<(), SipError> {
        request.headers.mark_source(route.remote);
        if let Some(call) = &mut self.call {
            return call.handle_request(now, route, request, &mut self.shared);
        }
        if request.method != Method::Invite || self.shared.is_concluded() {
            return Err(SipError::OtherCall);
        }
        if request.headers.to()?.tag().is_some() {
            let answer = crate::stray::refuse(&request, 481, &self.shared.config.user_agent);
            self.shared.out.transmit(route, answer.encode());
            return Err(SipError::OtherDialog);
        }
        self.call = Some(Call::incoming(now, route, request, &mut self.shared)?);
        Ok(())
    }

    /// Takes the time: whatever is due happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(call) = &mut self.call {
            call.handle_timeout(now, &mut self.shared);
        }
        self.settle();
    }

    /// The next datagram or event.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.out.pop()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` where nothing is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.call.as_ref()?.poll_timeout()
    }

    /// Whether the last event has been queued and nothing repeats any more. Until it is dropped, it
    /// goes on answering late repetitions of the peer's.
    pub fn is_ended(&self) -> bool {
        self.shared.is_concluded() && self.call.as_ref().is_none_or(Call::is_settled)
    }

    /// The address that the dialog is pinned to: the first that replied to our INVITE, or the
    /// source of the peer's.
    pub fn route(&self) -> Option<Route> {
        self.call.as_ref()?.route()
    }

    /// The call's identity, by which [`peek`](crate::peek) tells whose a datagram is.
    pub fn call_id(&self) -> Option<&str> {
        Some(self.call.as_ref()?.call_id())
    }

    /// Our own address as the peer sees it, once it answered a request of ours with `rport` and
    /// `received` (RFC 3581).
    pub fn reflexive_address(&self) -> Option<std::net::SocketAddr> {
        self.call.as_ref()?.reflexive_address()
    }

    fn settle(&mut self) {
        if self.call.as_ref().is_some_and(Call::is_settled) {
            self.shared.conclude(Event::Ended);
        }
    }
}
