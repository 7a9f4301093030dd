//! Offers in a call that is up: re-INVITE, RFC 3261 §14.

use std::time::{Duration, Instant};

use super::{
    call::{Call, Invite, Phase, respond},
    calling::answered,
    dialog::SDP,
    event::{Event, Failure, SipError},
    shared::Shared,
};
use crate::{
    Route,
    message::{Method, Request, Response},
    transaction::{
        Acknowledged, Heard, Hunt, InviteClient, InviteServer, ServerTimeout, TRANSACTION_TIMEOUT,
    },
};

/// After so many offers at once of both sides ours is given up.
const MAX_CONFLICTS: u8 = 5;

/// The newest offer of each side, until the next replaces it.
#[derive(Debug, Default)]
pub(super) struct Reoffers {
    ours: Option<InviteClient>,
    due: Option<Due>,
    /// How often both offered at once since our last new offer.
    conflicts: u8,
    pub(super) theirs: Option<InviteServer>,
}

/// An offer of ours that is to go out (again).
#[derive(Debug)]
struct Due {
    at: Instant,
    body: Vec<u8>,
}

impl Reoffers {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let ours = self.ours.as_ref().and_then(InviteClient::poll_timeout);
        let due = self.due.as_ref().map(|due| due.at);
        let theirs = self.theirs.as_ref().and_then(InviteServer::poll_timeout);
        ours.into_iter().chain(due).chain(theirs).min()
    }

    fn ours_is_pending(&self) -> bool {
        self.ours.as_ref().is_some_and(InviteClient::is_pending)
    }

    fn theirs_is_pending(&self) -> bool {
        self.theirs.as_ref().is_some_and(InviteServer::is_pending)
    }
}

impl Call {
    pub(super) fn reinvite(&mut self, now: Instant, body: Vec<u8>, shared: &mut Shared) {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return;
        };
        if reoffers.ours_is_pending() {
            shared.tell(Event::ReofferRejected { status: 491 });
            return;
        }
        reoffers.due = Some(Due { at: now, body });
        reoffers.conflicts = 0;
        self.reoffer_if_due(now, shared);
    }

    fn reoffer_if_due(&mut self, now: Instant, shared: &mut Shared) {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return;
        };
        let pending = reoffers.theirs_is_pending();
        let Some(due) = reoffers.due.as_mut().filter(|due| now >= due.at) else {
            return;
        };
        if pending {
            due.at = now + Duration::from_secs(1);
            return;
        }
        let body = std::mem::take(&mut due.body);
        reoffers.due = None;
        let cseq = self.dialog.next_cseq();
        let request = self
            .dialog
            .request(shared, Method::Invite, cseq, Some((SDP, body)));
        let hunt = Hunt::new(now, &[self.dialog.route], TRANSACTION_TIMEOUT);
        let invite = InviteClient::start(now, request, cseq, hunt, &mut shared.out);
        reoffers.ours = Some(invite);
    }

    pub(super) fn reoffer_timeout(&mut self, now: Instant, shared: &mut Shared) {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return;
        };
        if let Some(invite) = &mut reoffers.ours
            && invite.handle_timeout(now, &mut shared.out).is_some()
        {
            shared.tell(Event::ReofferRejected { status: 408 });
        }
        if let Some(invite) = &mut reoffers.theirs {
            match invite.handle_timeout(now, &mut shared.out) {
                Some(ServerTimeout::TryingDue) => {
                    respond(now, &self.dialog, invite, 100, None, shared);
                }
                Some(ServerTimeout::NoAck) => {
                    tracing::debug!("our answer to a re-INVITE was never confirmed");
                }
                None => {}
            }
        }
        self.reoffer_if_due(now, shared);
    }

    pub(super) fn handle_reoffer_response(
        &mut self,
        now: Instant,
        source: Route,
        cseq: u32,
        response: &Response,
        shared: &mut Shared,
    ) -> Result<(), SipError> {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return self.late(cseq);
        };
        let ours = reoffers.ours.as_mut();
        let Some(invite) = ours.filter(|invite| invite.cseq() == cseq) else {
            return self.late(cseq);
        };
        match invite.handle_response(now, source, response, &mut shared.out) {
            Heard::Accepted => {
                self.dialog.refresh_target(&response.headers);
                let ack = self.dialog.request(shared, Method::Ack, cseq, None);
                invite.acknowledge(self.dialog.route, ack.encode(), &mut shared.out);
                shared.tell(answered(self.dialog.route, response));
            }
            Heard::Rejected if response.status == 491 && reoffers.conflicts < MAX_CONFLICTS => {
                // Who made the call waits longer, so that one of the two comes first (§14.1).
                let body = invite.request().body.clone();
                let millis = match self.invite {
                    Invite::Ours(_) => 2100 + shared.random.below(1900),
                    Invite::Theirs(_) => shared.random.below(2000),
                };
                let at = now + Duration::from_millis(millis);
                reoffers.due = Some(Due { at, body });
                reoffers.conflicts += 1;
            }
            Heard::Rejected if response.status == 481 => {
                let (status, reason) = (response.status, response.reason.clone());
                shared.conclude(Event::Failed {
                    cause: Failure::Rejected { status, reason },
                });
                self.end();
            }
            Heard::Rejected => shared.tell(Event::ReofferRejected {
                status: response.status,
            }),
            Heard::Provisional | Heard::Forked | Heard::Repeated => {}
        }
        Ok(())
    }

    /// The peer offers anew in a call that is up.
    pub(super) fn handle_reinvite(
        &mut self,
        now: Instant,
        route: Route,
        request: Request,
        cseq: u32,
        shared: &mut Shared,
    ) {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return;
        };
        if let Some(invite) = &mut reoffers.theirs
            && invite.cseq() == cseq
        {
            invite.handle_repeat(route, &request, &mut shared.out);
            return;
        }
        let status = if reoffers.ours_is_pending() {
            Some(491)
        } else if reoffers.theirs_is_pending() || !self.dialog.advance_remote_cseq(cseq) {
            Some(500)
        } else {
            None
        };
        if let Some(status) = status {
            self.reply(route, &request, status, shared);
            return;
        }
        self.dialog.refresh_target(&request.headers);
        shared.tell(Event::Reoffer {
            body: request.body.clone(),
        });
        reoffers.theirs = Some(InviteServer::new(now, request, cseq, route));
    }

    /// The peer takes its re-INVITE back. `false` where there is none of that number.
    pub(super) fn cancel_reoffer(&mut self, now: Instant, cseq: u32, shared: &mut Shared) -> bool {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return false;
        };
        let Some(invite) = reoffers
            .theirs
            .as_mut()
            .filter(|invite| invite.cseq() == cseq)
        else {
            return false;
        };
        if invite.is_pending() {
            respond(now, &self.dialog, invite, 487, None, shared);
            shared.tell(Event::ReofferCancelled);
        }
        true
    }

    /// An ACK that is not the first INVITE's.
    pub(super) fn acknowledge_reoffer(&mut self, cseq: u32, body: Vec<u8>, shared: &mut Shared) {
        let Phase::Active { reoffers, .. } = &mut self.phase else {
            return;
        };
        let Some(invite) = reoffers
            .theirs
            .as_mut()
            .filter(|invite| invite.cseq() == cseq)
        else {
            return;
        };
        let late = invite.request().body.is_empty() && !body.is_empty();
        if invite.handle_ack() == Acknowledged::Accepted && late {
            shared.tell(Event::LateAnswer { body });
        }
    }

    /// The call ends while the peer's re-INVITE waits: 487, once.
    pub(super) fn refuse_pending_reoffer(&mut self, shared: &mut Shared) {
        let Phase::Active { reoffers, .. } = &self.phase else {
            return;
        };
        if let Some(invite) = reoffers
            .theirs
            .as_ref()
            .filter(|invite| invite.is_pending())
        {
            let route = invite.route();
            let answer = self
                .dialog
                .respond(shared, route, invite.request(), 487, None);
            shared.out.transmit(route, answer.encode());
        }
    }
}
