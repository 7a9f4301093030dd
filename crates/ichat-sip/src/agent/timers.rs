//! What time does to a call.

use std::time::Instant;

use super::{
    call::{Call, Ending, Giving, Invite, Phase, respond},
    event::{Event, Failure},
    shared::Shared,
};
use crate::{
    message::Method,
    transaction::{Client, Expired, Outcome, ServerTimeout},
};

impl Call {
    pub(super) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared) {
        self.invite_timeout(now, shared);
        match &self.phase {
            Phase::Calling(Giving::Cancelled { give_up }) if now >= *give_up => {
                if let Invite::Ours(invite) = &mut self.invite {
                    invite.abandon();
                }
                self.end();
            }
            Phase::Ending(Ending::ByeWaits { at }) if now >= *at => self.send_bye(now, shared),
            Phase::Active { .. } => self.reoffer_timeout(now, shared),
            Phase::Calling(_) | Phase::Ringing | Phase::Ending(_) => {}
        }
        self.client_timeouts(now, shared);
    }

    fn invite_timeout(&mut self, now: Instant, shared: &mut Shared) {
        match &mut self.invite {
            Invite::Ours(invite) => match invite.handle_timeout(now, &mut shared.out) {
                None => {}
                Some(Expired::NoReply) => {
                    if matches!(self.phase, Phase::Calling(Giving::Going)) {
                        shared.conclude(Event::Failed {
                            cause: Failure::NoReply,
                        });
                    }
                    self.end();
                }
                Some(Expired::NoFinalAnswer) => {
                    if matches!(self.phase, Phase::Calling(Giving::Going)) {
                        self.send_cancel(now, shared);
                        shared.conclude(Event::Failed {
                            cause: Failure::NoFinalAnswer,
                        });
                    }
                    self.end();
                }
            },
            Invite::Theirs(invite) => match invite.handle_timeout(now, &mut shared.out) {
                None => {}
                Some(ServerTimeout::TryingDue) => {
                    respond(now, &self.dialog, invite, 100, None, shared);
                }
                Some(ServerTimeout::NoAck) => self.never_confirmed(now, shared),
            },
        }
    }

    /// A lost ACK must not stop media (docs/protocol/field.md, 13), but without either the peer is
    /// not there (RFC 3261 §13.3.1.4).
    fn never_confirmed(&mut self, now: Instant, shared: &mut Shared) {
        if let Phase::Active { media_arrived, .. } = self.phase {
            if media_arrived {
                tracing::debug!("our answer was never confirmed, but media came");
                return;
            }
            shared.conclude(Event::Failed {
                cause: Failure::AckTimeout,
            });
            self.end();
            self.send_bye(now, shared);
        }
    }

    fn client_timeouts(&mut self, now: Instant, shared: &mut Shared) {
        let mut at = 0;
        while let Some(client) = self.clients.get_mut(at) {
            match client.handle_timeout(now, &mut shared.out) {
                Some(outcome) => self.finish_client(at, outcome),
                None => at += 1,
            }
        }
    }

    /// A request of ours is done. A BYE that was taken, or that nobody answers, also ends the
    /// repetition of our 200.
    pub(super) fn finish_client(&mut self, at: usize, outcome: Outcome) {
        let client = self.clients.remove(at);
        tracing::debug!(method = %client.method, ?outcome, "request done");
        let taken = matches!(outcome, Outcome::TimedOut | Outcome::Answered(200..300));
        if client.method == Method::Bye
            && taken
            && matches!(self.phase, Phase::Ending(_))
            && let Invite::Theirs(invite) = &mut self.invite
        {
            invite.settle();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let invite = match &self.invite {
            Invite::Ours(invite) => invite.poll_timeout(),
            Invite::Theirs(invite) => invite.poll_timeout(),
        };
        let phase = match &self.phase {
            Phase::Calling(Giving::Cancelled { give_up }) => Some(*give_up),
            Phase::Ending(Ending::ByeWaits { at }) => Some(*at),
            Phase::Active { reoffers, .. } => reoffers.poll_timeout(),
            Phase::Calling(Giving::Going | Giving::Up)
            | Phase::Ringing
            | Phase::Ending(Ending::Closing) => None,
        };
        let clients = self.clients.iter().map(Client::poll_timeout);
        clients.chain(invite).chain(phase).min()
    }
}
