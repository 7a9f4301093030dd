//! The calling side: answers to our INVITE, and taking it back.

use std::time::Instant;

use super::{
    call::{Call, Giving, Invite, Phase},
    dialog::Dialog,
    event::{Event, Failure, SipError},
    shared::Shared,
};
use crate::{
    Route,
    message::{Method, Response},
    transaction::{Client, Heard, TRANSACTION_TIMEOUT},
};

impl Call {
    pub(super) fn add_route(
        &mut self,
        now: Instant,
        route: Route,
        first: bool,
        shared: &mut Shared,
    ) {
        if let Invite::Ours(invite) = &mut self.invite {
            invite.add_route(now, route, first, &mut shared.out);
        }
    }

    /// We want our call no more: CANCEL now, or once there is a provisional answer.
    pub(super) fn give_up_calling(&mut self, now: Instant, shared: &mut Shared) {
        let proceeding = matches!(&self.invite, Invite::Ours(invite) if invite.is_proceeding());
        self.phase = Phase::Calling(if proceeding {
            self.send_cancel(now, shared);
            Giving::Cancelled {
                give_up: now + TRANSACTION_TIMEOUT,
            }
        } else {
            Giving::Up
        });
    }

    /// Sends the CANCEL, if it is not under way.
    pub(super) fn send_cancel(&mut self, now: Instant, shared: &mut Shared) {
        let under_way = self
            .clients
            .iter()
            .any(|client| client.method == Method::Cancel);
        if let Invite::Ours(invite) = &self.invite
            && !under_way
        {
            let route = self.dialog.route;
            let key = (Method::Cancel, invite.cseq());
            let octets = invite.cancel().encode();
            self.clients
                .push(Client::start(now, key, route, octets, &mut shared.out));
        }
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        source: Route,
        response: &Response,
        shared: &mut Shared,
    ) -> Result<(), SipError> {
        let headers = &response.headers;
        if headers.call_id()? != self.dialog.call_id() {
            return Err(SipError::OtherCall);
        }
        if headers.from()?.tag() != Some(self.dialog.local_tag()) {
            return Err(SipError::OtherDialog);
        }
        let cseq = headers.cseq()?;
        if let Ok(via) = headers.via()
            && via.parameters.contains("received")
        {
            self.reflexive = via.seen_from();
        }
        if cseq.method == Method::Invite {
            if matches!(&self.invite, Invite::Ours(invite) if invite.cseq() == cseq.number) {
                self.handle_invite_response(now, source, response, shared);
                return Ok(());
            }
            return self.handle_reoffer_response(now, source, cseq.number, response, shared);
        }
        let found = |client: &Client| client.cseq == cseq.number && client.method == cseq.method;
        let Some(at) = self.clients.iter().position(found) else {
            return self.late(cseq.number);
        };
        let outcome = self
            .clients
            .get_mut(at)
            .and_then(|client| client.handle_response(now, response.status));
        if let Some(outcome) = outcome {
            self.finish_client(at, outcome);
        }
        Ok(())
    }

    /// A response to a request that is done already is no fault.
    pub(super) fn late(&self, cseq: u32) -> Result<(), SipError> {
        let known = self.dialog.has_sent(cseq);
        if known {
            Ok(())
        } else {
            Err(SipError::NoTransaction)
        }
    }

    fn handle_invite_response(
        &mut self,
        now: Instant,
        source: Route,
        response: &Response,
        shared: &mut Shared,
    ) {
        let Invite::Ours(invite) = &mut self.invite else {
            return;
        };
        let heard = invite.handle_response(now, source, response, &mut shared.out);
        if let Some(pinned) = invite.pinned() {
            self.dialog.route = pinned;
        }
        match heard {
            Heard::Provisional => self.progressed(now, response.status, shared),
            Heard::Accepted => self.accepted(now, response, shared),
            Heard::Rejected => self.rejected(response, shared),
            Heard::Forked => self.hang_up_fork(now, source, response, shared),
            Heard::Repeated => {}
        }
    }

    fn progressed(&mut self, now: Instant, status: u16, shared: &mut Shared) {
        match &self.phase {
            Phase::Calling(Giving::Going) => shared.tell(Event::Progress { status }),
            Phase::Calling(Giving::Up) => self.give_up_calling(now, shared),
            // Nobody waits for this call any more, and now somebody rings.
            Phase::Ending(_) => self.send_cancel(now, shared),
            Phase::Calling(Giving::Cancelled { .. }) | Phase::Ringing | Phase::Active { .. } => {}
        }
    }

    fn accepted(&mut self, now: Instant, response: &Response, shared: &mut Shared) {
        self.dialog.confirm(response);
        let Invite::Ours(invite) = &mut self.invite else {
            return;
        };
        let ack = self
            .dialog
            .request(shared, Method::Ack, invite.cseq(), None);
        invite.acknowledge(self.dialog.route, ack.encode(), &mut shared.out);
        match &self.phase {
            Phase::Calling(Giving::Going) => {
                self.phase = Phase::Active {
                    reoffers: Box::default(),
                    media_arrived: false,
                };
                shared.tell(answered(self.dialog.route, response));
            }
            // It crossed our CANCEL, or it came too late.
            Phase::Calling(Giving::Up | Giving::Cancelled { .. }) | Phase::Ending(_) => {
                self.clients.clear();
                self.send_bye(now, shared);
            }
            Phase::Ringing | Phase::Active { .. } => {}
        }
    }

    fn rejected(&mut self, response: &Response, shared: &mut Shared) {
        if matches!(self.phase, Phase::Calling(Giving::Going)) {
            let (status, reason) = (response.status, response.reason.clone());
            shared.conclude(Event::Failed {
                cause: Failure::Rejected { status, reason },
            });
        }
        self.clients.clear();
        self.end();
    }

    /// Two took the call: the second is confirmed and hung up (RFC 3261 §13.2.2.4).
    fn hang_up_fork(
        &mut self,
        now: Instant,
        source: Route,
        response: &Response,
        shared: &mut Shared,
    ) {
        let Invite::Ours(invite) = &self.invite else {
            return;
        };
        let mut fork: Dialog = self.dialog.clone();
        fork.confirm(response);
        fork.route = source;
        let ack = fork.request(shared, Method::Ack, invite.cseq(), None);
        shared.out.transmit(source, ack.encode());
        if self
            .clients
            .iter()
            .any(|client| client.method == Method::Bye)
        {
            return;
        }
        let cseq = self.dialog.next_cseq();
        let bye = fork.request(shared, Method::Bye, cseq, None).encode();
        self.clients.push(Client::start(
            now,
            (Method::Bye, cseq),
            source,
            bye,
            &mut shared.out,
        ));
    }
}

pub(super) fn answered(route: Route, response: &Response) -> Event {
    Event::Answered {
        route,
        user_agent: response.headers.user_agent().map(str::to_owned),
        body: response.body.clone(),
    }
}
