//! A call's states, and what time and our own commands do to it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    dialog::{Content, Dialog, SDP},
    event::{Event, SipError, StateError},
    reoffer::Reoffers,
    shared::Shared,
};
use crate::{
    Route,
    message::{Method, Request},
    transaction::{Client, Hunt, InviteClient, InviteServer, Replies},
};

/// No reply of any kind to our INVITE for this long: unreachable (docs/protocol/sip.md, which
/// address \[I\]).
const NO_REPLY: Duration = Duration::from_secs(20);

/// A BYE waits for the ACK of our 200 no longer than this.
const BYE_WITHOUT_ACK: Duration = Duration::from_secs(1);

/// No more requests of ours than this wait for their answers at a time.
const MAX_CLIENTS: usize = 32;

/// A call from its INVITE on.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) dialog: Dialog,
    pub(super) invite: Invite,
    pub(super) phase: Phase,
    pub(super) clients: Vec<Client>,
    pub(super) replies: Replies,
    pub(super) reflexive: Option<SocketAddr>,
}

/// The INVITE that began the call.
#[derive(Debug)]
pub(super) enum Invite {
    Ours(InviteClient),
    Theirs(InviteServer),
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Our INVITE has no final answer.
    Calling(Giving),
    /// The peer's INVITE has no final answer.
    Ringing,
    /// A 2xx was sent or received.
    Active {
        reoffers: Box<Reoffers>,
        media_arrived: bool,
    },
    /// The call is over; repetitions may go on.
    Ending(Ending),
}

/// Whether we still want what we called for.
#[derive(Debug)]
pub(super) enum Giving {
    /// Yes.
    Going,
    /// No, but the CANCEL must wait for a provisional answer.
    Up,
    /// No, and the CANCEL is sent; the final answer must come until then.
    Cancelled { give_up: Instant },
}

#[derive(Debug)]
pub(super) enum Ending {
    /// We hang up, and our 200 is not confirmed yet.
    ByeWaits { at: Instant },
    /// Our requests and our refusal run until answered.
    Closing,
}

impl Call {
    /// Our call.
    pub(super) fn start(
        now: Instant,
        shared: &mut Shared,
        (first, routes): (Route, &[Route]),
        uri_user: &str,
        body: Vec<u8>,
    ) -> Self {
        let mut dialog = Dialog::calling(shared, first, uri_user);
        let cseq = dialog.next_cseq();
        let request = dialog.request(shared, Method::Invite, cseq, Some((SDP, body)));
        let hunt = Hunt::new(now, routes, NO_REPLY);
        let invite = InviteClient::start(now, request, cseq, hunt, &mut shared.out);
        Self::new(dialog, Invite::Ours(invite), Phase::Calling(Giving::Going))
    }

    /// The peer's call.
    pub(super) fn incoming(
        now: Instant,
        route: Route,
        request: Request,
        shared: &mut Shared,
    ) -> Result<Self, SipError> {
        let dialog = Dialog::called(shared, route, &request)?;
        let cseq = request.headers.cseq()?.number;
        request.headers.via()?;
        shared.tell(Event::Incoming {
            route,
            from: request.headers.from()?,
            to: request.headers.to()?,
            user_agent: request.headers.user_agent().map(str::to_owned),
            body: request.body.clone(),
        });
        let invite = Invite::Theirs(InviteServer::new(now, request, cseq, route));
        Ok(Self::new(dialog, invite, Phase::Ringing))
    }

    fn new(dialog: Dialog, invite: Invite, phase: Phase) -> Self {
        let clients = Vec::new();
        let replies = Replies::default();
        Self {
            dialog,
            invite,
            phase,
            clients,
            replies,
            reflexive: None,
        }
    }

    pub(super) fn call_id(&self) -> &str {
        self.dialog.call_id()
    }

    pub(super) fn reflexive_address(&self) -> Option<SocketAddr> {
        self.reflexive
    }

    pub(super) fn route(&self) -> Option<Route> {
        match &self.invite {
            Invite::Ours(invite) => invite.pinned(),
            Invite::Theirs(_) => Some(self.dialog.route),
        }
    }

    pub(super) fn move_to(&mut self, route: Route) {
        if self.route().is_none() {
            return;
        }
        self.dialog.route = route;
        match &mut self.invite {
            Invite::Ours(invite) => invite.move_to(route),
            Invite::Theirs(invite) => invite.move_to(route),
        }
        for client in &mut self.clients {
            client.move_to(route);
        }
        if let Phase::Active { reoffers, .. } = &mut self.phase
            && let Some(invite) = &mut reoffers.theirs
        {
            invite.move_to(route);
        }
    }

    /// Whether the call is over and nothing of it repeats any more.
    pub(super) fn is_settled(&self) -> bool {
        let unconfirmed = match &self.invite {
            Invite::Ours(_) => false,
            Invite::Theirs(invite) => invite.is_unconfirmed(),
        };
        matches!(self.phase, Phase::Ending(Ending::Closing))
            && self.clients.is_empty()
            && !unconfirmed
    }

    pub(super) fn media_arrived(&mut self) {
        if let Phase::Active { media_arrived, .. } = &mut self.phase {
            *media_arrived = true;
        }
    }

    pub(super) fn ring(&mut self, now: Instant, shared: &mut Shared) {
        if let (Phase::Ringing, Invite::Theirs(invite)) = (&self.phase, &mut self.invite) {
            respond(now, &self.dialog, invite, 180, None, shared);
        }
    }

    pub(super) fn answer(
        &mut self,
        now: Instant,
        body: Vec<u8>,
        shared: &mut Shared,
    ) -> Result<(), StateError> {
        let waiting = self.waiting().ok_or(StateError::NothingToAnswer)?;
        respond(now, waiting.0, waiting.1, 200, Some((SDP, body)), shared);
        if matches!(self.phase, Phase::Ringing) {
            self.phase = Phase::Active {
                reoffers: Box::default(),
                media_arrived: false,
            };
        }
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        now: Instant,
        status: u16,
        shared: &mut Shared,
    ) -> Result<(), StateError> {
        let waiting = self.waiting().ok_or(StateError::NothingToAnswer)?;
        respond(now, waiting.0, waiting.1, status, None, shared);
        if matches!(self.phase, Phase::Ringing) {
            self.end();
        }
        Ok(())
    }

    /// The peer's INVITE or re-INVITE that waits for our answer.
    fn waiting(&mut self) -> Option<(&Dialog, &mut InviteServer)> {
        let invite = match (&mut self.phase, &mut self.invite) {
            (Phase::Ringing, Invite::Theirs(invite)) => Some(invite),
            (Phase::Active { reoffers, .. }, _) => reoffers.theirs.as_mut(),
            (Phase::Ringing | Phase::Calling(_) | Phase::Ending(_), _) => None,
        };
        invite
            .filter(|invite| invite.is_pending())
            .map(|invite| (&self.dialog, invite))
    }

    /// Ends the call from our side, whatever its state.
    pub(super) fn hang_up(&mut self, now: Instant, shared: &mut Shared) {
        match &self.phase {
            Phase::Calling(Giving::Going) => self.give_up_calling(now, shared),
            Phase::Ringing => {
                let _ = self.reject(now, 603, shared);
            }
            Phase::Active { .. } => {
                self.refuse_pending_reoffer(shared);
                let unconfirmed = match &self.invite {
                    Invite::Ours(_) => false,
                    Invite::Theirs(invite) => invite.is_unconfirmed(),
                };
                self.end();
                if unconfirmed {
                    self.phase = Phase::Ending(Ending::ByeWaits {
                        at: now + BYE_WITHOUT_ACK,
                    });
                } else {
                    self.send_bye(now, shared);
                }
            }
            Phase::Calling(Giving::Up | Giving::Cancelled { .. }) | Phase::Ending(_) => {}
        }
    }

    /// The call is over: what is not needed to close it is dropped.
    pub(super) fn end(&mut self) {
        self.clients
            .retain(|client| matches!(client.method, Method::Bye | Method::Cancel));
        self.phase = Phase::Ending(Ending::Closing);
    }

    pub(super) fn send_bye(&mut self, now: Instant, shared: &mut Shared) {
        self.send(now, Method::Bye, None, shared);
        self.phase = Phase::Ending(Ending::Closing);
    }

    /// Sends a request of the dialog to the pinned address.
    pub(super) fn send(
        &mut self,
        now: Instant,
        method: Method,
        content: Content<'_>,
        shared: &mut Shared,
    ) {
        let cseq = self.dialog.next_cseq();
        let octets = self
            .dialog
            .request(shared, method.clone(), cseq, content)
            .encode();
        let route = self.dialog.route;
        self.clients.push(Client::start(
            now,
            (method, cseq),
            route,
            octets,
            &mut shared.out,
        ));
    }

    pub(super) fn message(
        &mut self,
        now: Instant,
        content_type: &str,
        body: Vec<u8>,
        shared: &mut Shared,
    ) {
        if matches!(self.phase, Phase::Active { .. }) && self.clients.len() < MAX_CLIENTS {
            self.send(now, Method::Message, Some((content_type, body)), shared);
        }
    }
}

/// Answers an INVITE of the peer's.
pub(super) fn respond(
    now: Instant,
    dialog: &Dialog,
    invite: &mut InviteServer,
    status: u16,
    content: Content<'_>,
    shared: &mut Shared,
) {
    let answer = dialog.respond(shared, invite.route(), invite.request(), status, content);
    invite.respond(now, answer, &mut shared.out);
}
