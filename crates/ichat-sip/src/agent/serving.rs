//! Requests of the peer's: docs/protocol/sip.md, in the dialog \[G\], and RFC 3261 §8.2, §12.2.2.

use std::time::Instant;

use super::{
    call::{Call, Ending, Invite, Phase},
    event::{Event, SipError},
    shared::Shared,
};
use crate::{
    Route,
    message::{Method, Request},
    transaction::{Acknowledged, RequestKey},
};

impl Call {
    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        route: Route,
        request: Request,
        shared: &mut Shared,
    ) -> Result<(), SipError> {
        let headers = &request.headers;
        if headers.call_id()? != self.dialog.call_id() {
            return Err(SipError::OtherCall);
        }
        let key = RequestKey::of(&request)?;
        let cseq = headers.cseq()?.number;
        let (to, from) = (headers.to()?, headers.from()?);
        let in_dialog = self.dialog.matches(to.tag(), from.tag());
        let begins = to.tag().is_none() && self.dialog.is_from_peer(&from);
        match &request.method {
            Method::Ack if in_dialog || begins => {
                self.handle_ack(now, cseq, request.body, shared);
                Ok(())
            }
            Method::Ack => Err(SipError::OtherDialog),
            Method::Cancel if in_dialog || begins => {
                self.handle_cancel(now, route, &request, cseq, shared);
                Ok(())
            }
            Method::Invite if in_dialog || begins => {
                self.handle_invite(now, route, request, (cseq, in_dialog), shared)
            }
            _ if !in_dialog => {
                self.reply(route, &request, 481, shared);
                Err(SipError::OtherDialog)
            }
            Method::Invite
            | Method::Cancel
            | Method::Bye
            | Method::Options
            | Method::Message
            | Method::Info
            | Method::Other(_) => {
                if let Some(octets) = self.replies.find(now, &key) {
                    shared.out.transmit(route, octets.to_vec());
                    return Ok(());
                }
                self.dialog.advance_remote_cseq(cseq);
                self.serve(now, route, request, key, shared);
                Ok(())
            }
        }
    }

    /// A new request of the dialog, not about an INVITE.
    fn serve(
        &mut self,
        now: Instant,
        route: Route,
        request: Request,
        key: RequestKey,
        shared: &mut Shared,
    ) {
        let status = if matches!(request.method, Method::Other(_)) {
            405
        } else {
            200
        };
        let answer = self
            .dialog
            .respond(shared, route, &request, status, None)
            .encode();
        self.replies.keep(now, key, answer.clone());
        shared.out.transmit(route, answer);
        match request.method {
            Method::Bye => self.handle_bye(now, shared),
            Method::Message => shared.tell(Event::Message {
                content_type: request.headers.media_type(),
                body: request.body,
            }),
            Method::Invite
            | Method::Ack
            | Method::Cancel
            | Method::Options
            | Method::Info
            | Method::Other(_) => {}
        }
    }

    fn handle_bye(&mut self, now: Instant, shared: &mut Shared) {
        match &mut self.phase {
            // Its 200 was lost, or is still to come.
            Phase::Calling(_) => {
                if let Invite::Ours(invite) = &mut self.invite {
                    invite.abandon();
                }
                shared.conclude(Event::RemoteBye);
                self.end();
            }
            Phase::Ringing => self.cancelled(now, shared),
            Phase::Active { .. } => {
                self.refuse_pending_reoffer(shared);
                self.confirm_silently();
                shared.conclude(Event::RemoteBye);
                self.end();
            }
            // Both hung up at once; ours needs no answer any more.
            Phase::Ending(_) => {
                self.confirm_silently();
                self.clients.clear();
                self.end();
            }
        }
    }

    /// Who hangs up or offers anew has our 200, whatever became of its ACK.
    fn confirm_silently(&mut self) {
        if let Invite::Theirs(invite) = &mut self.invite {
            invite.settle();
        }
    }

    fn handle_cancel(
        &mut self,
        now: Instant,
        route: Route,
        request: &Request,
        cseq: u32,
        shared: &mut Shared,
    ) {
        let initial = matches!(&self.invite, Invite::Theirs(invite) if invite.cseq() == cseq);
        let found = initial || self.cancel_reoffer(now, cseq, shared);
        self.reply(route, request, if found { 200 } else { 481 }, shared);
        if initial && matches!(self.phase, Phase::Ringing) {
            self.cancelled(now, shared);
        }
    }

    /// The caller gave up before our answer.
    fn cancelled(&mut self, now: Instant, shared: &mut Shared) {
        let _ = self.reject(now, 487, shared);
        shared.conclude(Event::Cancelled);
    }

    fn handle_invite(
        &mut self,
        now: Instant,
        route: Route,
        request: Request,
        (cseq, in_dialog): (u32, bool),
        shared: &mut Shared,
    ) -> Result<(), SipError> {
        if let Invite::Theirs(invite) = &mut self.invite
            && invite.cseq() == cseq
        {
            invite.handle_repeat(route, &request, &mut shared.out);
            return Ok(());
        }
        if !in_dialog {
            self.reply(route, &request, 481, shared);
            return Err(SipError::OtherDialog);
        }
        match &self.phase {
            Phase::Active { .. } => {
                if matches!(&self.invite, Invite::Theirs(invite) if invite.is_unconfirmed()) {
                    self.confirm_silently();
                    shared.tell(Event::Confirmed);
                }
                self.handle_reinvite(now, route, request, cseq, shared);
            }
            Phase::Calling(_) => self.reply(route, &request, 491, shared),
            Phase::Ringing => self.reply(route, &request, 500, shared),
            Phase::Ending(_) => self.reply(route, &request, 481, shared),
        }
        Ok(())
    }

    /// An ACK that confirms nothing, of a refusal that left no trace for one, is no fault.
    fn handle_ack(&mut self, now: Instant, cseq: u32, body: Vec<u8>, shared: &mut Shared) {
        let Some(invite) = self.invite_of_theirs(cseq) else {
            self.acknowledge_reoffer(cseq, body, shared);
            return;
        };
        let late = invite.request().body.is_empty() && !body.is_empty();
        if invite.handle_ack() != Acknowledged::Accepted {
            return;
        }
        match &self.phase {
            Phase::Active { .. } => {
                shared.tell(Event::Confirmed);
                if late {
                    shared.tell(Event::LateAnswer { body });
                }
            }
            Phase::Ending(Ending::ByeWaits { .. }) => self.send_bye(now, shared),
            // It refused our BYE because it had no dialog; now it has one.
            Phase::Ending(Ending::Closing) if self.clients.is_empty() => self.send_bye(now, shared),
            Phase::Ending(Ending::Closing) | Phase::Calling(_) | Phase::Ringing => {}
        }
    }

    fn invite_of_theirs(&mut self, cseq: u32) -> Option<&mut crate::transaction::InviteServer> {
        match &mut self.invite {
            Invite::Theirs(invite) if invite.cseq() == cseq => Some(invite),
            Invite::Theirs(_) | Invite::Ours(_) => None,
        }
    }

    /// Answers a request that leaves no trace.
    pub(super) fn reply(&self, route: Route, request: &Request, status: u16, shared: &mut Shared) {
        let answer = self.dialog.respond(shared, route, request, status, None);
        shared.out.transmit(route, answer.encode());
    }
}
