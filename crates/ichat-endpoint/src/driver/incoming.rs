//! Calls that come in, by XMPP or by plain SIP, and what XMPP tells besides.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::IpPortList;
use ichat_sip::message::Method;
use ichat_sip::{PeekKind, Route};
use ichat_xmpp::{Jid, ResponseCode, Subscription};

use super::audio::Audio;
use super::config::{Allowed, AnswerMode};
use super::links::{Leg, LinkId};
use super::outgoing::candidates;
use super::{Driver, Stage};
use crate::call::Call;
use crate::event::{Acceptance, CallNumber, Dialect, Event, Reason};

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

    /// A SIP message while no call is on.
    pub(super) fn handle_idle_sip(&mut self, now: Instant, route: Route, octets: &[u8]) {
        // It may be the call before's: a BYE or INVITE sent again.
        if let Some(previous) = &mut self.previous
            && previous.handle_late_sip(now, route, octets)
        {
            return;
        }
        let invite = ichat_sip::peek(octets)
            .filter(|peek| peek.kind == PeekKind::Request(Method::Invite) && !peek.in_dialog);
        let idle = matches!(self.stage, Stage::Idle);
        if let (true, true, Some(peek)) = (self.takes_sip, idle, invite) {
            let number = self.take_number();
            let name = peek
                .from_name
                .unwrap_or_else(|| format!("sip:{}", route.remote));
            let config = self.call_config(number, None, name);
            let call = Call::offered(now, config, route, octets, self.config.timeout);
            if !call.has_dialog() {
                // An INVITE that cannot be answered by any means: not even a Via.
                self.next_number = number;
                return;
            }
            self.stage = Stage::Talking {
                call: Box::new(call),
                leg: None,
            };
            return;
        }
        let user_agent = format!("{}/{}", self.config.software.0, self.config.software.1);
        if let Some(reply) = ichat_sip::stray_reply(octets, &user_agent) {
            self.transmit(route, &reply);
        }
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
    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        leg: Leg,
        from: Jid,
        dialect: Dialect,
        audio_only: bool,
        connect_data: &str,
    ) {
        if let Stage::Glare { number, link } = self.stage
            && link == leg.link
        {
            let listed = self.read_list(number, connect_data);
            self.stage = Stage::Asked {
                number,
                leg,
                from,
                listed,
            };
            return self.answer(now);
        }
        let number = self.take_number();
        self.refresh_addresses();
        if !matches!(self.stage, Stage::Idle) {
            // A plain SIP call is on, of which the XMPP side knows nothing.
            self.respond(now, leg, ResponseCode::Busy);
            let ask = false;
            self.tell(Event::Incoming {
                call: number,
                from: from.to_string(),
                dialect,
                audio_only,
                ask,
            });
            self.tell(Event::Ended {
                call: number,
                summary: crate::event::Summary::without_media(Reason::Busy),
            });
            return;
        }
        let read = IpPortList::parse_hex(connect_data);
        let listed = read.as_ref().map(IpPortList::addresses).unwrap_or_default();
        let usable = !self.routes_to(&listed).is_empty();
        let decision = if usable {
            self.decide(Some((leg.link, &from)))
        } else {
            Decision::Refuse(Reason::Failed)
        };
        let ask = matches!(decision, Decision::Ask);
        self.tell(Event::Incoming {
            call: number,
            from: from.to_string(),
            dialect,
            audio_only,
            ask,
        });
        self.warn_of_list(number, &read, usable);
        self.stage = Stage::Asked {
            number,
            leg,
            from,
            listed,
        };
        match decision {
            Decision::Ask => {}
            Decision::Answer => self.answer(now),
            Decision::Refuse(reason) => self.refuse_asked(now, reason),
        }
    }

    /// The user, or the configuration, answers what rings.
    pub(super) fn answer(&mut self, now: Instant) {
        let number = match &self.stage {
            Stage::Asked { number, .. } => *number,
            Stage::Talking { call, .. } if !call.has_media() => call.number(),
            Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. } | Stage::Talking { .. } => {
                return;
            }
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
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Asked {
                number,
                leg,
                from,
                listed,
            } => {
                self.accept_request(now, number, leg, &from, &listed);
            }
            Stage::Talking { mut call, leg } => {
                call.answer(now);
                self.stage = Stage::Talking { call, leg };
            }
            other @ (Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. }) => {
                self.stage = other;
            }
        }
    }

    fn accept_request(
        &mut self,
        now: Instant,
        number: CallNumber,
        leg: Leg,
        from: &Jid,
        listed: &[SocketAddr],
    ) {
        let addresses = self.connect_data();
        let session = self.links.session(leg.link);
        let accepted = session.map(|session| session.accept(now, leg.id, addresses));
        if let Some(Err(error)) = accepted {
            tracing::warn!(%error, "the call was gone before it was answered");
            self.end_ringing(number, Reason::Cancelled);
            return;
        }
        self.tell(Event::Accepted {
            call: number,
            acceptance: Acceptance::From(from.to_string()),
            dialect: Dialect::Legacy,
            candidates: candidates(listed),
        });
        let config = self.call_config(number, Some(leg.link), from.to_bare().to_string());
        let call = Call::await_invite(now, config, listed);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: Some(leg),
        };
    }

    /// The user refuses what rings.
    pub(super) fn refuse(&mut self, now: Instant, reason: Reason) {
        match &mut self.stage {
            Stage::Asked { .. } => self.refuse_asked(now, reason),
            Stage::Talking { call, .. } => call.refuse(now, reason),
            Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. } => {}
        }
    }

    pub(super) fn refuse_asked(&mut self, now: Instant, reason: Reason) {
        let Stage::Asked { number, leg, .. } = self.stage else {
            return;
        };
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
