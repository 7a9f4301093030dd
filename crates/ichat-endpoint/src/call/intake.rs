//! Datagrams on their way into a call: what each is, and whether it is the peer's.

use std::time::{Duration, Instant};

use ichat_rtp::DatagramKind;
use ichat_sip::message::Method;
use ichat_sip::{Peek, PeekKind, Route, SipError};

use super::state::State;
use super::{Call, Output};
use crate::media::{Dropped, Heard};
use crate::sources::Standing;

/// How long an INVITE that nothing but its From name speaks for waits for one from a listed address
/// \[I\]: shorter than the 500 ms after which a caller repeats itself (RFC 3261 §17.1.1.2), so that the
/// one that is right costs nobody more than that.
pub const STRANGER_WAITS: Duration = Duration::from_millis(300);

/// An INVITE of a stranger with the right name.
#[derive(Debug)]
pub(super) struct Held {
    route: Route,
    octets: Vec<u8>,
    call_id: String,
    /// When it is taken, if none from a listed address has come.
    pub(super) until: Instant,
}

/// What becomes of a SIP message.
enum Admission {
    /// It goes to the user agent.
    Take,
    /// It is an INVITE that waits for a better one; this is its Call-ID.
    Hold(String),
    /// It is an INVITE that may be the awaited one, and has to prove it: silence makes its sender
    /// repeat it.
    Ignore,
    /// It is an INVITE that is not awaited.
    Refuse,
}

impl Call {
    /// Takes a datagram from the shared port. What is of no use is counted and dropped.
    pub fn handle_datagram(&mut self, now: Instant, route: Route, octets: &[u8]) {
        match ichat_rtp::classify(octets) {
            DatagramKind::Sip => self.handle_sip(now, route, octets),
            DatagramKind::Rtp => self.handle_rtp(now, route, octets),
            DatagramKind::Rtcp => self.handle_rtcp(now, route, octets),
            DatagramKind::Keepalive => {}
            DatagramKind::Probe => self.drops.probe += 1,
            // Connectivity has taken those that are its own.
            DatagramKind::Snatmap => self.drops.snatmap += 1,
            DatagramKind::Stun => self.drops.stun += 1,
            DatagramKind::Unknown => self.handle_unknown(now, route),
        }
        self.drain(now);
    }

    fn handle_rtp(&mut self, now: Instant, route: Route, octets: &[u8]) {
        let State::Active { media, silence, .. } = &mut self.state else {
            self.drops.no_media += 1;
            return;
        };
        match media.handle_rtp(now, route, octets) {
            Ok(heard) => {
                silence.note_heard(now);
                match heard {
                    Heard::Sound => {}
                    Heard::Duplicate => self.drops.duplicate += 1,
                    Heard::Overflow => self.drops.overflow += 1,
                    Heard::OtherPayload => self.drops.payload_type += 1,
                }
                self.note_first_rtp(now);
            }
            Err(dropped) => self.count_dropped(dropped),
        }
    }

    fn handle_rtcp(&mut self, now: Instant, route: Route, octets: &[u8]) {
        let State::Active { media, silence, .. } = &mut self.state else {
            self.drops.no_media += 1;
            return;
        };
        match media.handle_rtcp(now, route, octets) {
            Ok(()) => silence.note_valid(now),
            Err(dropped) => self.count_dropped(dropped),
        }
    }

    fn count_dropped(&mut self, dropped: Dropped) {
        match dropped {
            Dropped::UnknownSource => self.drops.unknown_source += 1,
            Dropped::Malformed => self.drops.malformed += 1,
        }
    }

    fn handle_sip(&mut self, now: Instant, route: Route, octets: &[u8]) {
        match self.admit(route, octets) {
            Admission::Take => {
                self.dismiss_held(octets);
                self.take_sip(now, route, octets);
            }
            Admission::Hold(call_id) => self.hold(now, route, octets, call_id),
            Admission::Ignore => {
                tracing::debug!("an INVITE from where no check has gone through, passed over");
                self.drops.unknown_source += 1;
            }
            Admission::Refuse => {
                tracing::warn!("an INVITE from an address that the caller did not list, refused");
                self.drops.unknown_source += 1;
                self.stray(route, octets);
            }
        }
    }

    /// Whether an INVITE is the one that is awaited (docs/protocol/sip.md, toward an iChat \[G\]).
    ///
    /// From an address that the caller listed it is, whatever its names; and with connectivity
    /// checks, where these went through. From anywhere else:
    ///
    /// - *With checks* it is not. The right name in From proves nothing, since everybody may write
    ///   it; but a check may still be on its way, and so such an INVITE gets no answer at all, and is
    ///   judged anew when it is repeated.
    /// - *Without checks* the right name must do: a caller behind a NAT does not know its address
    ///   outside. Whoever knows the caller's name and our address, and knows that we have just
    ///   accepted, can therefore be taken for the caller. What holds nevertheless: an INVITE from a
    ///   listed address wins over it if it comes within [`STRANGER_WAITS`], for so long the other one
    ///   is kept back (not where it comes from another port of a listed host, as through a NAT). The
    ///   first that is taken is the call, and no later one takes its place.
    fn admit(&self, route: Route, octets: &[u8]) -> Admission {
        let State::Awaiting { sources, .. } = &self.state else {
            return Admission::Take;
        };
        let Some(invite) = ichat_sip::peek(octets).filter(begins_dialog) else {
            return Admission::Take;
        };
        let name = invite.from_name.as_deref();
        let named = name.is_some_and(|name| name.eq_ignore_ascii_case(&self.config.remote_name));
        match (sources.standing(route), named) {
            (Standing::Known, _) | (Standing::SameHost, true) => Admission::Take,
            (Standing::Stranger, true) => Admission::Hold(invite.call_id),
            (Standing::Unchecked, true) => Admission::Ignore,
            (Standing::SameHost | Standing::Stranger | Standing::Unchecked, false) => {
                Admission::Refuse
            }
        }
    }

    /// Keeps an INVITE back: the first of them, where there are several.
    fn hold(&mut self, now: Instant, route: Route, octets: &[u8], call_id: String) {
        let State::Awaiting { held, .. } = &mut self.state else {
            return;
        };
        match held {
            None => {
                tracing::debug!("an INVITE with nothing but the right name waits for a better one");
                *held = Some(Box::new(Held {
                    route,
                    octets: octets.to_vec(),
                    call_id,
                    until: now + STRANGER_WAITS,
                }));
            }
            // The same, once more or by another way.
            Some(held) if held.call_id == call_id => {}
            Some(_) => self.drops.unknown_source += 1,
        }
    }

    /// A message is taken: if it is another's INVITE than the one that waits, that one has lost.
    fn dismiss_held(&mut self, octets: &[u8]) {
        let State::Awaiting {
            held: held @ Some(_),
            ..
        } = &mut self.state
        else {
            return;
        };
        let Some(invite) = ichat_sip::peek(octets).filter(begins_dialog) else {
            return;
        };
        // The caller's own, by another way, needs no second answer.
        if let Some(held) = held.take()
            && held.call_id != invite.call_id
        {
            tracing::warn!("a stranger's INVITE with the caller's name, refused");
            self.drops.unknown_source += 1;
            self.refuse_stray(held.route, &held.octets, 486);
        }
    }

    /// Takes the INVITE that has waited long enough.
    pub(super) fn release_held(&mut self, now: Instant) {
        let State::Awaiting { held, .. } = &mut self.state else {
            return;
        };
        if let Some(due) = held.take_if(|held| held.until <= now) {
            self.take_sip(now, due.route, &due.octets);
        }
    }

    fn take_sip(&mut self, now: Instant, route: Route, octets: &[u8]) {
        let Some(ua) = self.state.user_agent_mut() else {
            self.drops.sip += 1;
            self.stray(route, octets);
            return;
        };
        match ua.handle_datagram(now, route, octets) {
            Ok(()) => {
                if let State::Active { silence, .. } = &mut self.state {
                    silence.note_valid(now);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a SIP message that this call cannot use");
                self.drops.sip += 1;
                self.warn_bad_invite(octets, &error);
                // To one of another dialog the user agent has said 481 already.
                if !matches!(error, SipError::OtherDialog) {
                    self.stray(route, octets);
                }
            }
        }
    }

    /// Answers a request that belongs to no dialog of ours: a caller learns that we are busy,
    /// unless it was not expected at all.
    fn stray(&mut self, route: Route, octets: &[u8]) {
        let busy = match &self.state {
            State::Offered { .. } | State::Dialing { .. } | State::Active { .. } => true,
            State::Awaiting { .. } | State::Ending { .. } | State::Ended { .. } => false,
        };
        self.refuse_stray(route, octets, if busy { 486 } else { 603 });
    }

    fn refuse_stray(&mut self, route: Route, octets: &[u8], invite: u16) {
        if let Some(octets) = ichat_sip::stray_reply_with(octets, &self.config.user_agent, invite) {
            self.outputs.push_back(Output::Transmit { route, octets });
        }
    }

    /// Told once: a flood of such datagrams must not become a flood of events.
    fn warn_bad_invite(&mut self, octets: &[u8], error: &SipError) {
        if !self.warned_of_invite
            && octets.starts_with(b"INVITE")
            && matches!(self.state, State::Awaiting { .. })
        {
            self.warned_of_invite = true;
            self.warn(
                "bad-invite",
                format!("the caller's INVITE cannot be read: {error}"),
            );
        }
    }
}

/// Whether it is an INVITE outside of any dialog.
fn begins_dialog(peek: &Peek) -> bool {
    peek.kind == PeekKind::Request(Method::Invite) && !peek.in_dialog
}
