//! What the XMPP side tells: a ring, an acceptance, an end, a message.

use std::time::Instant;

use ichat_xmpp::{Event as SessionEvent, Over};

use super::incoming::Request;
use super::links::{Leg, LinkId};
use super::{Driver, Stage};
use crate::event::{CallNumber, Event, Reason};

impl Driver {
    /// What the XMPP side tells.
    pub(super) fn handle_session_event(&mut self, now: Instant, link: LinkId, event: SessionEvent) {
        match event {
            SessionEvent::Ringing { call, to } => {
                if let Stage::Calling { number, leg, .. } = self.stage
                    && leg == (Leg { link, id: call })
                {
                    if let Some(connection) = &mut self.connection
                        && to.len() > 1
                    {
                        connection.ways.expect_several();
                    }
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
                let request = Request {
                    leg: Leg { link, id: call },
                    from,
                    dialect,
                    audio_only,
                    text: connect_data,
                };
                self.handle_request(now, request);
            }
            SessionEvent::Accepted {
                call,
                by,
                dialect,
                connect_data,
            } => {
                let leg = Leg { link, id: call };
                self.handle_acceptance(now, leg, by, dialect, &connect_data);
            }
            SessionEvent::CounterProposal {
                call,
                dialect,
                connect_data,
            } => {
                let leg = Leg { link, id: call };
                self.handle_counter_proposal(now, leg, dialect, &connect_data);
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
                self.warn(self.stage.number(), "subscription-pending", message);
            }
            SessionEvent::Message { from, body } => {
                self.tell(Event::Message {
                    from: from.to_string(),
                    body,
                });
            }
            SessionEvent::Warning { code, message } => {
                self.warn(self.stage.number(), code, message)
            }
            SessionEvent::Roster | SessionEvent::ContactChanged { .. } => {}
            SessionEvent::Conflict => {
                let message = "another program took our place on the server (same resource)".into();
                self.warn(self.stage.number(), "conflict", message);
            }
            SessionEvent::StreamError { condition, text } => {
                let message = match text {
                    Some(text) => format!("the server ends the stream: {condition}: {text}"),
                    None => format!("the server ends the stream: {condition}"),
                };
                self.warn(self.stage.number(), "stream-error", message);
            }
        }
    }

    /// Both called each other: the peer's call takes the place of ours, under our number.
    fn handle_glare(&mut self, number: CallNumber, link: LinkId) {
        tracing::info!("both sides called at once; theirs goes on");
        self.stage = Stage::Glare { number, link };
    }

    fn handle_over(&mut self, leg: Leg, over: &Over) {
        let number = match &self.stage {
            Stage::Calling {
                number, leg: known, ..
            } if *known == leg => *number,
            Stage::Asked(asked) if asked.leg == leg => asked.number,
            Stage::Checking(checking) if checking.leg == leg => checking.number,
            Stage::Talking {
                call,
                leg: Some(known),
            } if *known == leg && !call.has_media() => {
                // The caller took its request back although it was accepted: no INVITE will come.
                call.number()
            }
            Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Asked(_)
            | Stage::Checking(_)
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
