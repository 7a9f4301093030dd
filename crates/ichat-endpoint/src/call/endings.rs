//! How a call ends: refused, given up, hung up, or left.

use std::time::Instant;

use ichat_sip::sdp::SdpError;

use super::state::State;
use super::transitions::{failure_reason, summary};
use super::{Call, GOODBYE_PATIENCE, Output};
use crate::event::{Event, Reason, Summary};
use ichat_sip::Failure;

impl Call {
    /// A description without anything that we can use: 606 (docs/contract.md, bad input).
    pub(super) fn refuse_description(&mut self, now: Instant, error: &SdpError) {
        self.warn(
            "bad-sdp",
            format!("the caller's description cannot be used: {error}"),
        );
        self.reject(now, 606, Reason::Failed);
    }

    /// Refuses the INVITE that waits, if one does, and is over.
    pub(super) fn reject(&mut self, now: Instant, status: u16, reason: Reason) {
        let summary = Summary::without_media(reason);
        match std::mem::replace(&mut self.state, State::Ended { ua: None }) {
            State::Awaiting { mut ua, .. } | State::Offered { mut ua, .. } => {
                let deadline = now + GOODBYE_PATIENCE;
                match ua.reject(now, status) {
                    Ok(()) => {
                        self.state = State::Ending {
                            ua,
                            summary,
                            deadline,
                        }
                    }
                    Err(_) => {
                        self.state = State::Ended { ua: Some(ua) };
                        self.end(summary);
                    }
                }
            }
            other @ (State::Dialing { .. }
            | State::Active { .. }
            | State::Ending { .. }
            | State::Ended { .. }) => self.state = other,
        }
    }

    /// Takes our INVITE back.
    pub(super) fn give_up(&mut self, now: Instant, reason: Reason) {
        match std::mem::replace(&mut self.state, State::Ended { ua: None }) {
            State::Dialing { mut ua, .. } => {
                ua.cancel(now);
                let summary = Summary::without_media(reason);
                self.state = State::Ending {
                    ua,
                    summary,
                    deadline: now + GOODBYE_PATIENCE,
                };
            }
            other @ (State::Awaiting { .. }
            | State::Offered { .. }
            | State::Active { .. }
            | State::Ending { .. }
            | State::Ended { .. }) => self.state = other,
        }
    }

    /// BYE, RTCP's and SIP's.
    pub(super) fn say_goodbye(&mut self, now: Instant, reason: Reason) {
        match std::mem::replace(&mut self.state, State::Ended { ua: None }) {
            State::Active {
                mut ua,
                mut media,
                connected,
                ..
            } => {
                let (route, octets) = media.goodbye(now);
                self.outputs.push_back(Output::Transmit { route, octets });
                ua.bye(now);
                let summary = summary(&media, connected, now, reason);
                self.state = State::Ending {
                    ua,
                    summary,
                    deadline: now + GOODBYE_PATIENCE,
                };
            }
            State::Dialing { mut ua, .. } => {
                // The dialog stands, its media does not.
                ua.bye(now);
                let summary = Summary::without_media(reason);
                self.state = State::Ending {
                    ua,
                    summary,
                    deadline: now + GOODBYE_PATIENCE,
                };
            }
            other @ (State::Awaiting { .. }
            | State::Offered { .. }
            | State::Ending { .. }
            | State::Ended { .. }) => self.state = other,
        }
    }

    pub(super) fn handle_remote_bye(&mut self, now: Instant) {
        let over = match &self.state {
            State::Active {
                media, connected, ..
            } => summary(media, *connected, now, Reason::RemoteHangup),
            State::Ending { summary, .. } => *summary,
            State::Awaiting { .. } | State::Offered { .. } | State::Dialing { .. } => {
                Summary::without_media(Reason::RemoteHangup)
            }
            State::Ended { .. } => return,
        };
        self.end(over);
    }

    /// All transactions of the user agent are done.
    pub(super) fn handle_sip_end(&mut self, now: Instant) {
        match &self.state {
            State::Ending { summary, .. } => {
                let summary = *summary;
                self.end(summary);
            }
            State::Active {
                media, connected, ..
            } => {
                let over = summary(media, *connected, now, Reason::RemoteHangup);
                self.end(over);
            }
            State::Awaiting { .. } | State::Offered { .. } | State::Dialing { .. } => {
                self.end(Summary::without_media(Reason::Failed));
            }
            State::Ended { .. } => {}
        }
    }

    pub(super) fn handle_failure(&mut self, now: Instant, cause: &Failure) {
        match &self.state {
            State::Dialing { .. } => {
                let (code, reason) = failure_reason(cause);
                self.warn(code, format!("the call was not answered: {cause}"));
                self.end(Summary::without_media(reason));
            }
            // A lost ACK must not stop media (docs/protocol/field.md, retransmissions).
            State::Active {
                connected: Some(_), ..
            } => {
                tracing::warn!(%cause, "the dialog is not confirmed; the media goes on");
            }
            State::Active {
                connected: None, ..
            } => {
                self.warn(
                    "no-ack",
                    format!("the caller never confirmed our answer: {cause}"),
                );
                self.say_goodbye(now, Reason::Failed);
            }
            State::Ending { summary, .. } => {
                let summary = *summary;
                self.end(summary);
            }
            State::Awaiting { .. } => {
                self.warn(
                    "bad-invite",
                    format!("the caller's INVITE cannot be used: {cause}"),
                );
            }
            State::Offered { .. } => {
                self.warn(
                    "bad-invite",
                    format!("the caller's INVITE cannot be used: {cause}"),
                );
                self.end(Summary::without_media(Reason::Failed));
            }
            State::Ended { .. } => {}
        }
    }

    /// The call is over; its user agent stays to answer what is sent again.
    pub(super) fn end(&mut self, summary: Summary) {
        let ua = std::mem::replace(&mut self.state, State::Ended { ua: None })
            .into_user_agent()
            // One that never had an INVITE would take that of the next caller.
            .filter(|ua| ua.call_id().is_some());
        self.state = State::Ended { ua };
        let summary = Summary {
            drops: self.drops,
            ..summary
        };
        self.event(Event::Ended {
            call: self.config.number,
            summary,
        });
    }
}
