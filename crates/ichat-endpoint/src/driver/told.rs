//! What the XMPP side tells: a ring, an acceptance, an end, a message.

use std::time::Instant;

use ichat_xmpp::{Event as SessionEvent, Jid, Over, ResponseCode};

use super::links::{Leg, LinkId};
use super::{Driver, Stage};
use crate::event::{CallNumber, Dialect, Event, Reason};

/// At most this many addresses of a peer are kept.
const MAX_LISTED: usize = 64;

impl Driver {
    /// What the XMPP side tells.
    pub(super) fn handle_session_event(&mut self, now: Instant, link: LinkId, event: SessionEvent) {
        match event {
            SessionEvent::Ringing { call, to } => {
                if let Stage::Calling { number, leg, .. } = self.stage
                    && leg == (Leg { link, id: call })
                {
                    let to = to.iter().map(ToString::to_string).collect();
                    self.tell(Event::Ringing { call: number, to });
                }
            }
            SessionEvent::Incoming {
                call,
                from,
                dialect: ichat_xmpp::Dialect::Conference,
                ..
            } => {
                self.respond(now, Leg { link, id: call }, ResponseCode::Failure);
                let message =
                    format!("{from} called in the conference dialect, which is not spoken yet");
                self.warn(self.calling(), "not-yet", message);
                if let Stage::Glare { number, .. } = self.stage {
                    self.end_ringing(number, Reason::Failed);
                }
            }
            SessionEvent::Accepted {
                call,
                by,
                dialect: ichat_xmpp::Dialect::Conference,
                ..
            } => self.handle_foreign_acceptance(now, Leg { link, id: call }, &by),
            SessionEvent::Incoming {
                call,
                from,
                dialect,
                audio_only,
                connect_data,
                ..
            } => {
                let dialect = dialect_of(dialect);
                self.handle_request(
                    now,
                    Leg { link, id: call },
                    from,
                    dialect,
                    audio_only,
                    &connect_data,
                );
            }
            SessionEvent::Accepted {
                call,
                by,
                dialect,
                connect_data,
            } => {
                self.handle_acceptance(
                    now,
                    Leg { link, id: call },
                    &by,
                    dialect_of(dialect),
                    &connect_data,
                );
            }
            SessionEvent::CounterProposal {
                call,
                dialect: ichat_xmpp::Dialect::Legacy,
                connect_data,
            } => {
                self.handle_counter_proposal(now, Leg { link, id: call }, &connect_data);
            }
            SessionEvent::CounterProposal { .. } => {
                tracing::debug!("a counter-proposal in the conference dialect");
            }
            SessionEvent::Over { call, reason } => {
                self.handle_over(Leg { link, id: call }, &reason)
            }
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

    /// The callee accepted with an invitation, though it was rung with an address list.
    fn handle_foreign_acceptance(&mut self, now: Instant, leg: Leg, by: &Jid) {
        let Stage::Calling {
            number,
            leg: expected,
            ..
        } = self.stage
        else {
            return;
        };
        if leg == expected {
            let message =
                format!("{by} accepted in the conference dialect, which is not spoken yet");
            self.warn(Some(number), "not-yet", message);
            self.cancel_leg(now, leg);
            self.end_ringing(number, Reason::Failed);
        }
    }

    /// Both called each other: the peer's call takes the place of ours, under our number.
    fn handle_glare(&mut self, number: CallNumber, link: LinkId) {
        tracing::info!("both sides called at once; theirs goes on");
        self.stage = Stage::Glare { number, link };
    }

    pub(super) fn calling(&self) -> Option<CallNumber> {
        match &self.stage {
            Stage::Calling { number, .. }
            | Stage::Glare { number, .. }
            | Stage::Asked { number, .. } => Some(*number),
            Stage::Talking { call, .. } => Some(call.number()),
            Stage::Idle => None,
        }
    }

    fn handle_counter_proposal(&mut self, now: Instant, leg: Leg, connect_data: &str) {
        let number = match &self.stage {
            Stage::Talking {
                call,
                leg: Some(known),
            } if *known == leg => call.number(),
            Stage::Asked {
                number, leg: known, ..
            } if *known == leg => *number,
            Stage::Idle
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Asked { .. }
            | Stage::Talking { .. } => return,
        };
        let more = self.read_list(number, connect_data);
        let routes = self.routes_to(&more);
        match &mut self.stage {
            Stage::Talking { call, .. } => call.add_routes(now, &routes),
            Stage::Asked { listed, .. } => {
                for address in more {
                    if listed.len() < MAX_LISTED && !listed.contains(&address) {
                        listed.push(address);
                    }
                }
            }
            Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. } => {}
        }
    }

    fn handle_over(&mut self, leg: Leg, over: &Over) {
        let number = match &self.stage {
            Stage::Calling {
                number, leg: known, ..
            }
            | Stage::Asked {
                number, leg: known, ..
            } if *known == leg => *number,
            Stage::Talking {
                call,
                leg: Some(known),
            } if *known == leg && !call.has_media() => {
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
            Over::Glare { .. } => return self.handle_glare(number, leg.link),
        };
        self.end_ringing(number, reason);
    }
}

fn dialect_of(dialect: ichat_xmpp::Dialect) -> Dialect {
    match dialect {
        ichat_xmpp::Dialect::Legacy => Dialect::Legacy,
        ichat_xmpp::Dialect::Conference => Dialect::Conference,
    }
}
