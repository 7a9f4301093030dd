//! Calls that come in, by XMPP or by plain SIP, and what XMPP tells besides.

use std::time::Instant;

use ichat_sip::message::Method;
use ichat_sip::{PeekKind, Route};
use ichat_xmpp::{Jid, ResponseCode, Subscription};

use super::audio::Audio;
use super::config::{Allowed, AnswerMode};
use super::connection::Role;
use super::links::{Leg, LinkId};
use super::outgoing::word_of;
use super::stage::Asked;
use super::{Driver, Stage};
use crate::call::Call;
use crate::event::{Acceptance, CallNumber, Event, Reason, Summary};
use crate::introductions::Introduction;

/// A request as it came by XMPP.
pub(super) struct Request {
    pub(super) leg: Leg,
    pub(super) from: Jid,
    pub(super) dialect: ichat_xmpp::Dialect,
    pub(super) audio_only: bool,
    /// An address list or an invitation.
    pub(super) text: String,
}

/// What happens to a caller.
enum Decision {
    Ask,
    Answer,
    Refuse(Reason),
}

impl Driver {
    fn decide(&mut self, from: Option<(LinkId, &Jid)>) -> Decision {
        match self.config.answer {
            AnswerMode::Ask => Decision::Ask,
            AnswerMode::Decline => Decision::Refuse(Reason::Declined),
            AnswerMode::Busy => Decision::Refuse(Reason::Busy),
            AnswerMode::Auto => {
                // A SIP caller's name is not proven by anybody.
                let contact = from.is_some_and(|(link, from)| self.is_contact(link, from));
                let allowed = self.config.allow.iter().any(|allowed| match allowed {
                    Allowed::Anyone => true,
                    Allowed::Jid(jid) => from.is_some_and(|(_, from)| from.to_bare() == *jid),
                    Allowed::Contacts => contact,
                });
                if allowed {
                    Decision::Answer
                } else {
                    Decision::Ask
                }
            }
        }
    }

    fn is_contact(&mut self, link: LinkId, from: &Jid) -> bool {
        let bare = from.to_bare();
        let contact = self
            .links
            .session(link)
            .and_then(|session| session.contact(&bare));
        contact.is_some_and(|contact| contact.subscription != Subscription::None)
    }

    /// A SIP message while no call is on. True when it is the call before's.
    pub(super) fn handle_idle_sip(&mut self, now: Instant, route: Route, octets: &[u8]) -> bool {
        // A BYE or INVITE sent again.
        if let Some(previous) = &mut self.previous
            && previous.handle_late_sip(now, route, octets)
        {
            return true;
        }
        let invite = ichat_sip::peek(octets)
            .filter(|peek| peek.kind == PeekKind::Request(Method::Invite) && !peek.in_dialog);
        let idle = matches!(self.stage, Stage::Idle);
        if let (true, true, Some(peek)) = (self.takes_sip, idle, invite) {
            let name = peek
                .from_name
                .unwrap_or_else(|| format!("sip:{}", route.remote));
            self.take_sip_call(now, route, octets, name);
            return false;
        }
        let user_agent = format!("{}/{}", self.config.software.0, self.config.software.1);
        if let Some(reply) = ichat_sip::stray_reply(octets, &user_agent) {
            self.transmit(now, route, &reply);
        }
        false
    }

    fn take_sip_call(&mut self, now: Instant, route: Route, invite: &[u8], name: String) {
        let number = self.take_number();
        let config = self.call_config(number, None, name);
        let call = Call::offered(now, config, route, invite, self.config.timeout);
        if !call.has_dialog() {
            // An INVITE that cannot be answered by any means: not even a Via.
            self.next_number = number;
            return;
        }
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: None,
        };
    }

    /// A plain SIP caller rings.
    pub(super) fn tell_sip_incoming(
        &mut self,
        now: Instant,
        number: CallNumber,
        from: &str,
        event: Event,
    ) {
        tracing::debug!(from, number, "a plain SIP call");
        let decision = self.decide(None);
        self.tell(with_ask(event, matches!(decision, Decision::Ask)));
        match decision {
            Decision::Ask => {}
            Decision::Answer => self.answer(now),
            Decision::Refuse(reason) => self.refuse(now, reason),
        }
    }

    /// A request has come by XMPP.
    pub(super) fn handle_request(&mut self, now: Instant, request: Request) {
        let Request {
            leg,
            from,
            dialect,
            audio_only,
            text,
        } = request;
        let read = Introduction::read(dialect, &text);
        let usable = read.as_ref().is_ok_and(|theirs| self.is_usable(theirs));
        let crossed = match &self.stage {
            Stage::Glare { number, link } if *link == leg.link => Some(*number),
            // We were about to ring the same person.
            Stage::Gathering {
                number, link, peer, ..
            } if *link == leg.link && peer.to_bare() == from.to_bare() => Some(*number),
            Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Asked(_)
            | Stage::Checking(_)
            | Stage::Talking { .. } => None,
        };
        if let Some(number) = crossed {
            self.warn_of(number, &read, usable);
            self.ask(now, number, leg, from, read.unwrap_or_default());
            if usable {
                self.answer(now);
            } else {
                self.refuse_asked(now, Reason::Failed);
            }
            return;
        }
        let number = self.take_number();
        self.refresh_addresses();
        let free = matches!(self.stage, Stage::Idle);
        let decision = match (free, usable) {
            // A plain SIP call is on, of which the XMPP side knows nothing.
            (false, _) => Decision::Refuse(Reason::Busy),
            (true, false) => Decision::Refuse(Reason::Failed),
            (true, true) => self.decide(Some((leg.link, &from))),
        };
        self.tell(Event::Incoming {
            call: number,
            from: from.to_string(),
            dialect: word_of(read.as_ref().map_or(dialect, Introduction::dialect)),
            audio_only,
            ask: matches!(decision, Decision::Ask),
        });
        if !free {
            self.respond(now, leg, ResponseCode::Busy);
            let summary = Summary::without_media(Reason::Busy);
            return self.tell(Event::Ended {
                call: number,
                summary,
            });
        }
        self.warn_of(number, &read, usable);
        self.ask(now, number, leg, from, read.unwrap_or_default());
        match decision {
            Decision::Ask => {}
            Decision::Answer => self.answer(now),
            Decision::Refuse(reason) => self.refuse_asked(now, reason),
        }
    }

    /// Notes what rings, and begins to look for the ways to the caller.
    fn ask(&mut self, now: Instant, number: CallNumber, leg: Leg, from: Jid, theirs: Introduction) {
        let relays = theirs.conference.is_some();
        self.stage = Stage::Asked(Box::new(Asked {
            number,
            leg,
            from,
            theirs,
            answered: false,
        }));
        self.connect(now, relays);
    }

    /// The user, or the configuration, answers what rings.
    pub(super) fn answer(&mut self, now: Instant) {
        let number = match &self.stage {
            Stage::Asked(asked) => asked.number,
            Stage::Talking { call, .. } if !call.has_media() => call.number(),
            Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Checking(_)
            | Stage::Talking { .. } => return,
        };
        if self.audio.is_none() {
            self.takes += 1;
            match Audio::open(&self.config, self.takes) {
                Ok(audio) => self.audio = Some(audio),
                Err(error) => {
                    let (code, message) = (error.code(), error.to_string());
                    self.tell(Event::Error {
                        call: Some(number),
                        code,
                        message,
                    });
                    self.refuse(now, Reason::Failed);
                    return;
                }
            }
        }
        match &mut self.stage {
            Stage::Asked(asked) => asked.answered = true,
            Stage::Talking { call, .. } => call.answer(now),
            Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Checking(_) => {}
        }
        self.advance(now);
    }

    /// What was answered is accepted: servers have said what they know, or had their time.
    pub(super) fn accept_asked(&mut self, now: Instant) {
        let Stage::Asked(asked) = std::mem::replace(&mut self.stage, Stage::Idle) else {
            return;
        };
        let Asked {
            number,
            leg,
            from,
            theirs,
            ..
        } = *asked;
        let text = match &theirs.conference {
            Some(conference) => {
                let request = Some(&conference.invitation);
                self.invitation(now, leg.link, &from, Role::Callee, request)
                    .unwrap_or_default()
            }
            None => self.address_list(),
        };
        let session = self.links.session(leg.link);
        let accepted = session.map(|session| session.accept(now, leg.id, text));
        if let Some(Err(error)) = accepted {
            tracing::warn!(%error, "the call was gone before it was answered");
            self.end_ringing(number, Reason::Cancelled);
            return;
        }
        self.tell(Event::Accepted {
            call: number,
            acceptance: Acceptance::From(from.to_string()),
            dialect: word_of(theirs.dialect()),
            candidates: theirs.listed.clone(),
        });
        let listed = theirs.addresses();
        let mut config = self.call_config(number, Some(leg.link), from.to_bare().to_string());
        config.checked = theirs.conference.is_some();
        let call = Call::await_invite(now, config, &listed);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: Some(leg),
        };
        match &theirs.conference {
            Some(conference) => {
                if let Some(connection) = &mut self.connection {
                    connection.ways.check(now, &conference.candidates);
                }
            }
            None => self.open_pinholes(now, &listed),
        }
        self.tell_news(now);
    }

    /// The user refuses what rings.
    pub(super) fn refuse(&mut self, now: Instant, reason: Reason) {
        match &mut self.stage {
            Stage::Asked(_) => self.refuse_asked(now, reason),
            Stage::Talking { call, .. } => call.refuse(now, reason),
            Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Checking(_) => {}
        }
    }

    pub(super) fn refuse_asked(&mut self, now: Instant, reason: Reason) {
        let Stage::Asked(asked) = &self.stage else {
            return;
        };
        let (number, leg) = (asked.number, asked.leg);
        let response = match reason {
            Reason::Busy => ResponseCode::Busy,
            Reason::NoAnswer => ResponseCode::NoAnswer,
            Reason::Failed => ResponseCode::Failure,
            Reason::Declined
            | Reason::Hangup
            | Reason::RemoteHangup
            | Reason::MediaTimeout
            | Reason::NotCallable
            | Reason::Unreachable
            | Reason::Cancelled => ResponseCode::Decline,
        };
        self.respond(now, leg, response);
        self.end_ringing(number, reason);
    }

    pub(super) fn respond(&mut self, now: Instant, leg: Leg, response: ResponseCode) {
        if let Some(session) = self.links.session(leg.link)
            && let Err(error) = session.refuse(now, leg.id, response)
        {
            tracing::debug!(%error, "the call was gone before it was refused");
        }
    }
}

fn with_ask(event: Event, ask: bool) -> Event {
    match event {
        Event::Incoming {
            call,
            from,
            dialect,
            audio_only,
            ..
        } => Event::Incoming {
            call,
            from,
            dialect,
            audio_only,
            ask,
        },
        other @ (Event::Online { .. }
        | Event::Listening { .. }
        | Event::Ringing { .. }
        | Event::Accepted { .. }
        | Event::Path { .. }
        | Event::Connected { .. }
        | Event::Media { .. }
        | Event::Stats { .. }
        | Event::Message { .. }
        | Event::SubscriptionRequest { .. }
        | Event::Warning { .. }
        | Event::Error { .. }
        | Event::Ended { .. }) => other,
    }
}
