//! Calls that come in, by XMPP or by plain SIP, and what XMPP tells besides.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_sip::message::Method;
use ichat_sip::{PeekKind, Route};
use ichat_xmpp::{CallId, Event as SessionEvent, Jid, Over, ResponseCode, Subscription};

use super::audio::Audio;
use super::config::{Allowed, AnswerMode};
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
    fn decide(&self, from: Option<&Jid>) -> Decision {
        match self.config.answer {
            AnswerMode::Ask => Decision::Ask,
            AnswerMode::Decline => Decision::Refuse(Reason::Declined),
            AnswerMode::Busy => Decision::Refuse(Reason::Busy),
            AnswerMode::Auto => {
                let allowed = self.config.allow.iter().any(|allowed| match allowed {
                    Allowed::Anyone => true,
                    // A SIP caller's name is not proven by anybody.
                    Allowed::Jid(jid) => from.is_some_and(|from| from.to_bare() == *jid),
                    Allowed::Contacts => from.is_some_and(|from| self.is_contact(from)),
                });
                if allowed {
                    Decision::Answer
                } else {
                    Decision::Ask
                }
            }
        }
    }

    fn is_contact(&self, from: &Jid) -> bool {
        let bare = from.to_bare();
        let contact = self
            .session
            .as_ref()
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
            let config = self.call_config(number, name);
            let call = Call::offered(now, config, route, octets, self.config.timeout);
            self.stage = Stage::Talking {
                call: Box::new(call),
                id: None,
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
    fn handle_request(
        &mut self,
        now: Instant,
        id: CallId,
        from: Jid,
        dialect: Dialect,
        audio_only: bool,
        connect_data: &str,
    ) {
        if let Stage::Glare { number } = self.stage {
            let listed = self.read_list(number, connect_data);
            self.stage = Stage::Asked {
                number,
                id,
                from,
                listed,
            };
            return self.answer(now);
        }
        let number = self.take_number();
        if !matches!(self.stage, Stage::Idle) {
            // A plain SIP call is on, of which the XMPP side knows nothing.
            self.respond(now, id, ResponseCode::Busy);
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
        let listed = self.read_list(number, connect_data);
        let usable = !self.routes_to(&listed).is_empty();
        let decision = if usable {
            self.decide(Some(&from))
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
        self.stage = Stage::Asked {
            number,
            id,
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
                id,
                from,
                listed,
            } => {
                self.accept_request(now, number, id, &from, &listed);
            }
            Stage::Talking { mut call, id } => {
                call.answer(now);
                self.stage = Stage::Talking { call, id };
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
        id: CallId,
        from: &Jid,
        listed: &[SocketAddr],
    ) {
        let addresses = self.connect_data();
        let accepted = self
            .session
            .as_mut()
            .map(|session| session.accept(now, id, addresses));
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
        let config = self.call_config(number, from.to_bare().to_string());
        let call = Call::await_invite(now, config, listed);
        self.stage = Stage::Talking {
            call: Box::new(call),
            id: Some(id),
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
        let Stage::Asked { number, id, .. } = self.stage else {
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
        self.respond(now, id, response);
        self.end_ringing(number, reason);
    }

    fn respond(&mut self, now: Instant, id: CallId, response: ResponseCode) {
        if let Some(session) = &mut self.session
            && let Err(error) = session.refuse(now, id, response)
        {
            tracing::debug!(%error, "the call was gone before it was refused");
        }
    }

    /// What the XMPP side tells.
    pub(super) fn handle_session_event(&mut self, now: Instant, event: SessionEvent) {
        match event {
            SessionEvent::Ringing { call, to } => {
                if let Stage::Calling { number, id, .. } = self.stage
                    && id == call
                {
                    let to = to.iter().map(ToString::to_string).collect();
                    self.tell(Event::Ringing { call: number, to });
                }
            }
            SessionEvent::Incoming {
                call,
                from,
                dialect,
                audio_only,
                connect_data,
                ..
            } => {
                let dialect = dialect_of(dialect);
                self.handle_request(now, call, from, dialect, audio_only, &connect_data);
            }
            SessionEvent::Accepted {
                call,
                by,
                dialect,
                connect_data,
            } => {
                self.handle_acceptance(now, call, &by, dialect_of(dialect), &connect_data);
            }
            SessionEvent::CounterProposal { call, connect_data } => {
                self.handle_counter_proposal(now, call, &connect_data);
            }
            SessionEvent::Over { call, reason } => self.handle_over(call, &reason),
            SessionEvent::SubscriptionRequest { from } => {
                self.tell(Event::SubscriptionRequest {
                    from: from.to_string(),
                });
            }
            SessionEvent::SubscriptionPending { to } => {
                let message = format!(
                    "{to} is no contact yet: it has been asked; somebody has to click Accept there"
                );
                self.warn(self.calling(), "subscription-pending", message);
            }
            SessionEvent::Message { from, body } => {
                self.tell(Event::Message {
                    from: from.to_string(),
                    body,
                });
            }
            SessionEvent::Warning { code, message } => self.warn(self.calling(), code, message),
            SessionEvent::Roster | SessionEvent::ContactChanged { .. } => {}
            SessionEvent::Conflict => {
                let message = "another program took our place on the server (same resource)".into();
                self.warn(self.calling(), "conflict", message);
            }
            SessionEvent::StreamError { condition, text } => {
                let message = match text {
                    Some(text) => format!("the server ends the stream: {condition}: {text}"),
                    None => format!("the server ends the stream: {condition}"),
                };
                self.warn(self.calling(), "stream-error", message);
            }
        }
    }

    /// Both called each other: the peer's call takes the place of ours, under our number.
    fn handle_glare(&mut self, number: CallNumber) {
        tracing::info!("both sides called at once; theirs goes on");
        self.stage = Stage::Glare { number };
    }

    fn calling(&self) -> Option<CallNumber> {
        match &self.stage {
            Stage::Calling { number, .. }
            | Stage::Glare { number }
            | Stage::Asked { number, .. } => Some(*number),
            Stage::Talking { call, .. } => Some(call.number()),
            Stage::Idle => None,
        }
    }

    fn handle_counter_proposal(&mut self, now: Instant, id: CallId, connect_data: &str) {
        let number = match &self.stage {
            Stage::Talking {
                call,
                id: Some(known),
            } if *known == id => call.number(),
            Stage::Idle
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Asked { .. }
            | Stage::Talking { .. } => return,
        };
        let listed = self.read_list(number, connect_data);
        let routes = self.routes_to(&listed);
        if let Stage::Talking { call, .. } = &mut self.stage {
            call.add_routes(now, &routes);
        }
    }

    fn handle_over(&mut self, id: CallId, over: &Over) {
        let number = match &self.stage {
            Stage::Calling {
                number, id: known, ..
            }
            | Stage::Asked {
                number, id: known, ..
            } if *known == id => *number,
            Stage::Talking {
                call,
                id: Some(known),
            } if *known == id && !call.has_media() => {
                // The caller took its request back although it was accepted: no INVITE will come.
                call.number()
            }
            Stage::Idle
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Asked { .. }
            | Stage::Talking { .. } => return,
        };
        let reason = match over {
            Over::Declined(_) => Reason::Declined,
            Over::Busy => Reason::Busy,
            Over::NoAnswer => Reason::NoAnswer,
            Over::NotCallable { why } => {
                self.warn(Some(number), "not-callable", why.to_string());
                Reason::NotCallable
            }
            Over::Unreachable { condition } => {
                let message = format!("the request came back as an error: {condition}");
                self.warn(Some(number), "unreachable", message);
                Reason::Unreachable
            }
            Over::Failed { .. } => Reason::Failed,
            Over::Cancelled => Reason::Cancelled,
            Over::Glare { .. } => return self.handle_glare(number),
        };
        self.audio = None;
        self.handle_refusal(number, reason);
    }
}

fn dialect_of(dialect: ichat_xmpp::Dialect) -> Dialect {
    match dialect {
        ichat_xmpp::Dialect::Legacy => Dialect::Legacy,
        ichat_xmpp::Dialect::Conference => Dialect::Conference,
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
