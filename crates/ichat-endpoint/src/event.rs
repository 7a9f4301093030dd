//! What an endpoint tells the program around it, and what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::drops::Drops;

/// The number of a call within one run: 1, 2, ….
pub type CallNumber = u32;

/// In which way a call was signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// iChat's older requests with address lists (docs/protocol/xmpp.md, legacy stanzas \[G\]).
    Legacy,
    /// iChat's invitations with candidates (docs/protocol/xmpp.md, conference stanzas [C, I]).
    Conference,
    /// Plain SIP, without XMPP.
    Sip,
}

impl Dialect {
    /// The word that events use: `legacy`, `conference`, `sip`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Conference => "conference",
            Self::Sip => "sip",
        }
    }
}

/// What is listened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Plain SIP, by UDP.
    Sip,
    /// Streams of neighbours on the local network, by TCP.
    Lan,
}

/// An address that a peer listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Address and UDP port.
    pub address: SocketAddr,
    /// What the peer says that it is: `host`, `srflx`, `relay`; `host` for a legacy list, which
    /// does not tell.
    pub kind: &'static str,
}

/// Which way media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// Who accepted a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// The peer with this full JID or address accepted ours.
    By(String),
    /// We accepted the one from this peer.
    From(String),
}

/// Why a call ended. The exit status of the program follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// We said good-bye.
    Hangup,
    /// The peer said good-bye.
    RemoteHangup,
    /// It could not be set up: response 3 or 4, 606, no INVITE, unusable addresses or SDP.
    Failed,
    /// Nothing valid came from the peer any more.
    MediaTimeout,
    /// The callee does not want to: response 1 or 11, 603.
    Declined,
    /// The callee has another call: response 2, 486.
    Busy,
    /// It rang until the time was over, or response 7.
    NoAnswer,
    /// Nobody with audio there, or not a contact.
    NotCallable,
    /// The request came back as an error, or no address answered.
    Unreachable,
    /// The caller gave up while it rang.
    Cancelled,
}

impl Reason {
    /// The word that events use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "hangup",
            Self::RemoteHangup => "remote-hangup",
            Self::Failed => "failed",
            Self::MediaTimeout => "media-timeout",
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::NotCallable => "not-callable",
            Self::Unreachable => "unreachable",
            Self::Cancelled => "cancelled",
        }
    }

    /// The exit status that a program gives whose last call ended so.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Hangup | Self::RemoteHangup => 0,
            Self::Failed | Self::MediaTimeout => 1,
            Self::Declined | Self::Busy => 3,
            Self::NoAnswer | Self::NotCallable | Self::Unreachable | Self::Cancelled => 4,
        }
    }
}

/// Figures of a call that is up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CallStatistics {
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets received.
    pub received: u64,
    /// Packets that never came, counted from gaps in the sequence.
    pub lost: u64,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Time for which silence or an invention was played in place of a missing packet.
    pub concealed: Duration,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// What waits in the play-out buffer.
    pub buffer: Duration,
    /// Round trip, once RTCP has told.
    pub round_trip: Option<Duration>,
    /// Level of what the peer sends, in dBov (0 loudest, −127 silence).
    pub level_in_dbov: f64,
    /// Level of what we send, in dBov.
    pub level_out_dbov: f64,
    /// What was dropped so far.
    pub drops: Drops,
}

/// What was left when a call ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Why it ended.
    pub reason: Reason,
    /// How long it was connected.
    pub duration: Duration,
    /// RTP packets received.
    pub received: u64,
    /// Packets lost.
    pub lost: u64,
    /// Interarrival jitter at the end; `None` when nothing came.
    pub jitter: Option<Duration>,
    /// Estimated quality, 1 to 4.5 (ITU-T G.107); `None` when nothing came.
    pub mos: Option<f64>,
    /// What was dropped, from the request to here.
    pub drops: Drops,
}

impl Summary {
    /// A call that never came up.
    #[must_use]
    pub fn without_media(reason: Reason) -> Self {
        Self {
            reason,
            duration: Duration::ZERO,
            received: 0,
            lost: 0,
            jitter: None,
            mos: None,
            drops: Drops::default(),
        }
    }
}

/// What happens at an endpoint, in the order in which it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Signed in.
    Online {
        /// Our full JID.
        jid: String,
    },
    /// Calls are taken here.
    Listening {
        /// Of which kind.
        service: Service,
        /// One of our addresses, with the port.
        address: SocketAddr,
    },
    /// A request is on its way to these devices of the peer.
    Ringing {
        /// Which call.
        call: CallNumber,
        /// Full JIDs (or the SIP address) that ring so far.
        to: Vec<String>,
    },
    /// Somebody calls.
    Incoming {
        /// Which call.
        call: CallNumber,
        /// JID, or display name and URI of a SIP caller.
        from: String,
        /// How it was signalled.
        dialect: Dialect,
        /// Whether the caller asks for audio only.
        audio_only: bool,
        /// Whether the user has to be asked; otherwise it is being answered or refused already.
        ask: bool,
    },
    /// The callee has accepted, and told where it can be reached.
    Accepted {
        /// Which call.
        call: CallNumber,
        /// Who accepted whose call.
        acceptance: Acceptance,
        /// How it was signalled.
        dialect: Dialect,
        /// The peer's addresses.
        candidates: Vec<Candidate>,
    },
    /// The two addresses between which the call runs.
    Path {
        /// Which call.
        call: CallNumber,
        /// Ours.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
        /// `direct` without connectivity checks.
        kind: &'static str,
        /// How long the checks took.
        checks: Duration,
    },
    /// The call is up.
    Connected {
        /// Which call.
        call: CallNumber,
        /// The codec's name: `pcmu`.
        codec: &'static str,
        /// From the request, or its answer, to here.
        setup: Duration,
        /// Where the media goes.
        remote: SocketAddr,
    },
    /// The first packet in one direction.
    Media {
        /// Which call.
        call: CallNumber,
        /// Which way.
        direction: Direction,
    },
    /// Once a second while a call is up.
    Stats {
        /// Which call.
        call: CallNumber,
        /// The figures.
        statistics: CallStatistics,
    },
    /// Chat text that arrived.
    Message {
        /// Who wrote.
        from: String,
        /// What.
        body: String,
    },
    /// Somebody wants to see our presence, and the user is to decide.
    SubscriptionRequest {
        /// The bare JID.
        from: String,
    },
    /// Something is not as it should be; the call goes on.
    Warning {
        /// Which call, if it belongs to one.
        call: Option<CallNumber>,
        /// A word for scripts.
        code: &'static str,
        /// A line for people.
        message: String,
    },
    /// Something failed.
    Error {
        /// Which call, if it belongs to one.
        call: Option<CallNumber>,
        /// A word for scripts.
        code: &'static str,
        /// A line for people.
        message: String,
    },
    /// The last event of a call.
    Ended {
        /// Which call.
        call: CallNumber,
        /// How it went.
        summary: Summary,
    },
}

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Answer the call that rings.
    Answer,
    /// Refuse it.
    Decline,
    /// Refuse it as busy.
    Busy,
    /// Hang up, or give up; an idle endpoint goes offline.
    HangUp,
    /// Hang up, or give up, and go offline.
    Leave,
    /// Send silence in place of the microphone, or stop that.
    Mute(bool),
    /// Let somebody see our presence, or not.
    AllowSubscription {
        /// The bare JID that asked.
        from: String,
        /// The decision.
        allow: bool,
    },
}
