//! The states of a call, and what moves it from one to the next.

use std::time::Instant;

use ichat_sip::Route;
use ichat_sip::UserAgent;
use ichat_sip::sdp::{Description, Format};

use super::intake::Held;
use super::silence::{Silence, Verdict};
use super::{Call, Output};
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
        /// An INVITE of somebody whom nobody vouches for.
        held: Option<Box<Held>>,
        /// Until when.
        deadline: Instant,
    },
    /// A plain SIP caller rings at our user.
    Offered {
        /// Holds its INVITE.
        ua: UserAgent,
        /// Its description, and the way it came.
        offer: Option<Box<(Description, Route)>>,
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
        hints: Vec<Route>,
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
        /// How long nothing has come.
        silence: Silence,
        /// Whether the peer is silent by right: it holds, or only listens.
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
            State::Awaiting { deadline, held, .. } => {
                let held = held.as_ref().map(|held| held.until);
                held.into_iter().chain([*deadline]).min()
            }
            State::Offered { deadline, .. } | State::Ending { deadline, .. } => Some(*deadline),
            State::Dialing { deadline, .. } => *deadline,
            State::Active {
                media,
                connected,
                silence,
                held,
                ..
            } => {
                let silence = silence.deadline(self.viceroy, *held);
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

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(ua) = self.state.user_agent_mut() {
            ua.handle_timeout(now);
        }
        self.release_held(now);
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
            silence,
            held,
            ..
        } = &mut self.state
        else {
            return;
        };
        while let Some((route, octets)) = media.poll_rtcp(now) {
            self.outputs.push_back(Output::Transmit { route, octets });
        }
        let talked = connected.map(|since| now - since);
        if talked
            .zip(self.config.duration)
            .is_some_and(|(talked, limit)| talked >= limit)
        {
            return self.say_goodbye(now, Reason::Hangup);
        }
        match silence.judge(now, self.viceroy, *held) {
            Verdict::Fine => {}
            Verdict::Warn => self.warn("peer-silent", PEER_SILENT.into()),
            Verdict::Over => self.say_goodbye(now, Reason::MediaTimeout),
        }
    }
}

const NO_INVITE: &str = "the caller's INVITE did not come within 30 s: its UDP packets do not reach \
                         this machine; let the peer answer instead, or open the port in the router";

const PEER_SILENT: &str = "nothing has come from the peer for 10 s: it may be muted, or gone";
