//! The states of a call, and what moves it from one to the next.

use std::time::{Duration, Instant};

use ichat_sip::Route;
use ichat_sip::UserAgent;
use ichat_sip::sdp::{Description, Format};

use super::{Call, LONG_SILENCE_LIMIT, Output, SILENCE_LIMIT};
use crate::event::{Reason, Summary};
use crate::media::Media;
use crate::sources::Sources;

/// Where a call stands. Each state owns what it needs, and nothing else can be asked of it.
#[derive(Debug)]
pub(super) enum State {
    /// Accepted by XMPP; the caller's INVITE is to come.
    Awaiting {
        /// Takes it.
        ua: UserAgent,
        /// The caller's addresses.
        sources: Sources,
        /// Until when.
        deadline: Instant,
    },
    /// A plain SIP caller rings at our user.
    Offered {
        /// Holds its INVITE.
        ua: UserAgent,
        /// Its description, and the way it came.
        offer: Option<(Description, Route)>,
        /// Until when it may ring.
        deadline: Instant,
    },
    /// Our INVITE is out.
    Dialing {
        /// Sends it.
        ua: UserAgent,
        /// The callee's addresses.
        sources: Sources,
        /// Pinhole hints that were followed.
        hints: u8,
        /// Until when the callee may ring, if there is a limit.
        deadline: Option<Instant>,
    },
    /// Media runs: from the 200 on.
    Active {
        /// Holds the dialog.
        ua: UserAgent,
        /// Frames and packets.
        media: Box<Media>,
        /// Since when it counts as connected: the caller at the 200, the callee at the ACK or
        /// the first RTP.
        connected: Option<Instant>,
        /// When the last valid packet came.
        last_valid: Instant,
        /// Whether the user knows that nothing comes.
        warned: bool,
        /// Whether the peer holds.
        held: bool,
        /// The codec.
        format: Format,
    },
    /// Good-bye is said; its answer is waited for.
    Ending {
        /// Sends it again if need be.
        ua: UserAgent,
        /// How it will have ended.
        summary: Summary,
        /// Until when.
        deadline: Instant,
    },
    /// Over; the user agent still answers what the peer sends again.
    Ended {
        /// `None` when there never was one.
        ua: Option<UserAgent>,
    },
}

impl State {
    pub(super) fn user_agent_mut(&mut self) -> Option<&mut UserAgent> {
        match self {
            Self::Awaiting { ua, .. }
            | Self::Offered { ua, .. }
            | Self::Dialing { ua, .. }
            | Self::Active { ua, .. }
            | Self::Ending { ua, .. } => Some(ua),
            Self::Ended { ua } => ua.as_mut(),
        }
    }

    pub(super) fn user_agent(&self) -> Option<&UserAgent> {
        match self {
            Self::Awaiting { ua, .. }
            | Self::Offered { ua, .. }
            | Self::Dialing { ua, .. }
            | Self::Active { ua, .. }
            | Self::Ending { ua, .. } => Some(ua),
            Self::Ended { ua } => ua.as_ref(),
        }
    }

    pub(super) fn into_user_agent(self) -> Option<UserAgent> {
        match self {
            Self::Awaiting { ua, .. }
            | Self::Offered { ua, .. }
            | Self::Dialing { ua, .. }
            | Self::Active { ua, .. }
            | Self::Ending { ua, .. } => Some(ua),
            Self::Ended { ua } => ua,
        }
    }
}

impl Call {
    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Awaiting { deadline, .. }
            | State::Offered { deadline, .. }
            | State::Ending { deadline, .. } => Some(*deadline),
            State::Dialing { deadline, .. } => *deadline,
            State::Active {
                media,
                connected,
                last_valid,
                warned,
                held,
                ..
            } => {
                let silence = *last_valid + self.next_silence_limit(*warned, *held);
                let duration = connected
                    .zip(self.config.duration)
                    .map(|(since, limit)| since + limit);
                [Some(silence), duration, media.poll_timeout()]
                    .into_iter()
                    .flatten()
                    .min()
            }
            State::Ended { .. } => None,
        };
        let sip = self.state.user_agent().and_then(UserAgent::poll_timeout);
        own.into_iter().chain(sip).min()
    }

    /// How long silence may last before something is done about it.
    fn next_silence_limit(&self, warned: bool, held: bool) -> Duration {
        if (self.viceroy || held) && warned {
            LONG_SILENCE_LIMIT
        } else {
            SILENCE_LIMIT
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(ua) = self.state.user_agent_mut() {
            ua.handle_timeout(now);
        }
        self.drain(now);
        match &mut self.state {
            State::Awaiting { deadline, .. } if now >= *deadline => {
                self.warn("no-invite", NO_INVITE.into());
                self.end(Summary::without_media(Reason::Failed));
            }
            State::Offered { deadline, .. } if now >= *deadline => {
                self.reject(now, 603, Reason::NoAnswer);
            }
            State::Dialing {
                deadline: Some(deadline),
                ..
            } if now >= *deadline => {
                self.give_up(now, Reason::NoAnswer);
            }
            State::Ending {
                deadline, summary, ..
            } if now >= *deadline => {
                let summary = *summary;
                self.end(summary);
            }
            State::Active { .. } => self.handle_active_timeout(now),
            State::Awaiting { .. }
            | State::Offered { .. }
            | State::Dialing { .. }
            | State::Ending { .. }
            | State::Ended { .. } => {}
        }
        self.drain(now);
    }

    fn handle_active_timeout(&mut self, now: Instant) {
        let State::Active {
            media,
            connected,
            last_valid,
            warned,
            held,
            ..
        } = &mut self.state
        else {
            return;
        };
        while let Some((route, octets)) = media.poll_rtcp(now) {
            self.outputs.push_back(Output::Transmit { route, octets });
        }
        let (silent, was_warned, was_held) = (now - *last_valid, *warned, *held);
        let over = connected
            .zip(self.config.duration)
            .is_some_and(|(since, limit)| now >= since + limit);
        if over {
            self.say_goodbye(now, Reason::Hangup);
        } else if silent >= LONG_SILENCE_LIMIT
            || (silent >= SILENCE_LIMIT && !self.viceroy && !was_held)
        {
            self.say_goodbye(now, Reason::MediaTimeout);
        } else if silent >= SILENCE_LIMIT && !was_warned {
            *warned = true;
            self.warn("peer-silent", PEER_SILENT.into());
        }
    }
}

const NO_INVITE: &str = "the caller's INVITE did not come within 30 s: its UDP packets do not reach \
                         this machine; let the peer answer instead, or open the port in the router";

const PEER_SILENT: &str = "nothing has come from the peer for 10 s: it may be muted, or gone";
