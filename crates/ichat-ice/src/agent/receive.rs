//! Datagrams of the peer's: checks and responses.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::{CandidateId, CandidateKind};

use super::remotes::Source;
use super::{Agent, Check, CheckKey, Event, Handled, MAX_CHECKS, Refused, Route, RouteId};
use crate::LocalCandidate;
use crate::stun::{self, AttributeKind, CheckUsername, Message, MessageKind};

impl Agent {
    /// Takes a STUN datagram that came to the socket `local` from `remote`, with or without the
    /// cookie. What a relay passed on comes to the relayed address.
    ///
    /// # Errors
    /// Where it is dropped; it is counted. No datagram ever ends anything.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) -> Result<Handled, Refused> {
        let id = RouteId {
            base: local,
            remote,
        };
        let handled = self.receive(now, id, octets);
        if let Err(refused) = &handled {
            self.counters.note(refused);
            tracing::trace!(%refused, "datagram dropped");
        }
        handled
    }

    fn receive(&mut self, now: Instant, id: RouteId, octets: &[u8]) -> Result<Handled, Refused> {
        let message = Message::decode(octets)?;
        match message.kind() {
            MessageKind::BindingRequest => self.handle_check(now, id, &message),
            MessageKind::BindingSuccess => self.handle_response(now, id, &message),
            MessageKind::BindingError => {
                self.match_response(id, &message)?;
                Err(Refused::ErrorResponse {
                    code: stun::error_code(&message),
                })
            }
            kind @ (MessageKind::BindingIndication | MessageKind::Unknown(_)) => {
                Err(Refused::Unsupported { kind: kind.into() })
            }
        }
    }

    /// Answers a check whose receiver half is ours, whatever its sender half, and checks back.
    ///
    /// Source: `docs/protocol/connectivity.md`, when a pair is usable \[D\].
    fn handle_check(
        &mut self,
        now: Instant,
        id: RouteId,
        message: &Message<'_>,
    ) -> Result<Handled, Refused> {
        let username = message
            .value(AttributeKind::Username)
            .and_then(CheckUsername::decode)
            .ok_or(Refused::NoCheck)?;
        let ours = self
            .locals
            .iter()
            .find(|local| local.candidate.id == username.receiver)
            .ok_or(Refused::NotForUs {
                receiver: username.receiver,
            })?;
        let own_slot = ours.candidate.slot;
        self.answer_in_kind(message);
        if self.defers(now, id) {
            self.counters.deferred += 1;
            return Ok(Handled::Deferred);
        }
        let slot = message.slot().unwrap_or(own_slot);
        let answer = stun::answer(message, id.remote, slot).ok_or(Refused::NoCheck)?;
        self.transmit(id.base, id.remote, &answer);
        self.counters.answered += 1;
        if self.lists_known.is_none() {
            self.counters.answered_early += 1;
        }
        if !self.note_source(now, id, username.sender) {
            return Ok(Handled::Answered);
        }
        let validated = self
            .route_or_new(id)
            .is_some_and(|route| route.note_answer(now));
        let key = CheckKey {
            local_id: username.receiver,
            base: id.base,
            remote_id: username.sender,
            remote: id.remote,
        };
        self.check_back(now, key, slot);
        self.settle(now, id, validated);
        Ok(Handled::Answered)
    }

    /// Leaves the cookie out of our checks, once a check of the peer's has come without.
    fn answer_in_kind(&mut self, check: &Message<'_>) {
        let lacks = !check.transaction().has_cookie();
        if lacks && !std::mem::replace(&mut self.legacy_stun_header, true) {
            tracing::debug!("the peer's checks have no cookie, nor have ours from now on");
        }
    }

    /// Whether a check waits for its repetition: it came over a relay of ours that the peer was not
    /// told to be one, and a direct path may still come. The peer takes the first that works
    /// (`docs/protocol/connectivity.md`, when a pair is usable \[D\]).
    fn defers(&self, now: Instant, id: RouteId) -> bool {
        let lends = |local: &LocalCandidate| {
            let told = local.candidate.kind == CandidateKind::Relay;
            local.relayed && local.base == id.base && !told
        };
        let waits = match self.lists_known {
            None => true,
            Some(known) => now < known + self.timings.relay_patience && self.hopes_for_direct(),
        };
        waits && self.locals.iter().any(lends)
    }

    /// Notes where a check of the peer's came from. Whether we check back.
    fn note_source(&mut self, now: Instant, id: RouteId, sender: CandidateId) -> bool {
        let routes = &self.routes;
        let works = |route: &Route| route.validated.is_some();
        let in_use = |id| routes.iter().any(|route| route.id == id && works(route));
        match self.remotes.note_source(now, sender, id, in_use) {
            Source::Known => true,
            Source::New { instead_of } => {
                if let Some(forgotten) = instead_of {
                    self.counters.replaced += 1;
                    self.checks
                        .retain(|check| check.is_listed || check.route() != forgotten);
                    self.routes.retain(|route| route.id != forgotten);
                }
                self.event(Event::PeerReflexive {
                    local: id.base,
                    remote: id.remote,
                    id: sender,
                });
                true
            }
            Source::TooMany => {
                self.counters.too_many_candidates += 1;
                false
            }
        }
    }

    /// Checks the pair that a check of the peer's came over, [at once](Check::hasten).
    ///
    /// A pair that is new waits for its turn if another that was new has just been checked.
    fn check_back(&mut self, now: Instant, key: CheckKey, slot: u32) {
        let timings = self.timings;
        let known = self.checks.iter().position(|check| check.key == key);
        let place = match known {
            Some(place) => place,
            None if self.checks.len() < MAX_CHECKS => {
                self.checks.push(Check::made_by_peer(key, slot));
                let soon = |at| now.saturating_duration_since(at) < timings.pace;
                if self.lists_known.is_some() && self.checked_back.is_some_and(soon) {
                    return;
                }
                self.checked_back = Some(now);
                self.checks.len() - 1
            }
            None => {
                self.counters.too_many_pairs += 1;
                return;
            }
        };
        let due = self
            .checks
            .get_mut(place)
            .and_then(|check| check.hasten(now, &timings));
        if due.is_some_and(|due| due <= now) {
            self.advance(now, place);
        }
    }

    fn handle_response(
        &mut self,
        now: Instant,
        id: RouteId,
        message: &Message<'_>,
    ) -> Result<Handled, Refused> {
        let place = self.match_response(id, message)?;
        let sent = self
            .checks
            .get_mut(place)
            .and_then(|check| check.take(&message.transaction()))
            .ok_or(Refused::UnknownTransaction)?;
        self.counters.responses += 1;
        let timings = self.timings;
        let mapped = stun::reflexive_address(message);
        let validated = self
            .route_or_new(id)
            .is_some_and(|route| route.note_response(now, sent, mapped, &timings));
        self.settle(now, id, validated);
        Ok(Handled::Response)
    }

    /// The pair whose transaction it is. Transaction and addresses must match; that the peer leaves
    /// out attributes does not matter.
    fn match_response(&self, id: RouteId, message: &Message<'_>) -> Result<usize, Refused> {
        let transaction = message.transaction();
        let place = self
            .checks
            .iter()
            .position(|check| check.owns(&transaction))
            .ok_or(Refused::UnknownTransaction)?;
        let key = self
            .checks
            .get(place)
            .map(|check| check.key)
            .ok_or(Refused::UnknownTransaction)?;
        if (key.base, key.remote) != (id.base, id.remote) {
            return Err(Refused::WrongSource {
                expected: key.remote,
                found: id.remote,
            });
        }
        Ok(place)
    }

    /// What follows a proof.
    fn settle(&mut self, now: Instant, id: RouteId, validated: bool) {
        self.reconsider(now);
        if validated {
            self.compare(now, id);
        }
        self.watch(now);
    }

    fn route_or_new(&mut self, id: RouteId) -> Option<&mut Route> {
        if self.route(id).is_none() {
            if self.routes.len() < MAX_CHECKS {
                let relayed = self.is_relayed(id);
                self.routes.push(Route::new(id, relayed));
            } else {
                self.counters.too_many_routes += 1;
            }
        }
        self.route_mut(id)
    }
}
