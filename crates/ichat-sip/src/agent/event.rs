//! What comes out of a [`UserAgent`](crate::UserAgent).

use crate::{
    Route,
    message::{HeaderError, NameAddr, ParseError},
};

/// A datagram to send or a thing to know. Drain them to `None` after every call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "few are made, and each is taken apart at once"
)]
pub enum Output {
    /// A datagram to send.
    Transmit {
        /// By which of our addresses, to which of the peer's.
        route: Route,
        /// The datagram.
        octets: Vec<u8>,
    },
    /// A thing to know.
    Event(Event),
}

/// What happened in the call.
///
/// Exactly one of [`Cancelled`](Self::Cancelled), [`RemoteBye`](Self::RemoteBye),
/// [`Ended`](Self::Ended) and [`Failed`](Self::Failed) comes, and nothing of the call's after it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one comes once a call, and boxes would burden every match"
)]
pub enum Event {
    /// The peer calls. Owed: [`answer`](crate::UserAgent::answer) or
    /// [`reject`](crate::UserAgent::reject).
    Incoming {
        /// Where the INVITE came from: the dialog's address from now on.
        route: Route,
        /// Who calls; its display name is the IM id.
        from: NameAddr,
        /// Whom it calls; its display name is the IM id.
        to: NameAddr,
        /// The peer's software; iChat's begins with `Viceroy`.
        user_agent: Option<String>,
        /// The offer; empty where the peer wants ours.
        body: Vec<u8>,
    },
    /// A provisional answer to our INVITE.
    Progress {
        /// 100 to 199.
        status: u16,
    },
    /// The peer took our INVITE or re-INVITE; its ACK is queued already.
    Answered {
        /// The address that the dialog is pinned to.
        route: Route,
        /// The peer's software.
        user_agent: Option<String>,
        /// The answer.
        body: Vec<u8>,
    },
    /// The peer confirmed our 200, once a call.
    Confirmed,
    /// The peer's answer to the offer that our 200 made, because its INVITE had none.
    LateAnswer {
        /// The answer.
        body: Vec<u8>,
    },
    /// The peer's re-INVITE. Owed: [`answer`](crate::UserAgent::answer) or
    /// [`reject`](crate::UserAgent::reject).
    Reoffer {
        /// The offer; empty where the peer wants ours.
        body: Vec<u8>,
    },
    /// The peer took its re-INVITE back; what was agreed stays.
    ReofferCancelled,
    /// Our re-INVITE was refused or got no answer; what was agreed stays.
    ReofferRejected {
        /// Its status; 408 where there was no answer, 491 where one of ours was still open.
        status: u16,
    },
    /// The caller gave up before our answer.
    Cancelled,
    /// A MESSAGE; it is answered already.
    Message {
        /// The media type in lower case, without parameters.
        content_type: Option<String>,
        /// The text, or whatever it is.
        body: Vec<u8>,
    },
    /// The peer hung up; it is answered already.
    RemoteBye,
    /// What we ended has ended: BYE or CANCEL answered or timed out, a refusal confirmed.
    Ended,
    /// The call came to nothing.
    Failed {
        /// Why.
        cause: Failure,
    },
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The peer refused.
    #[error("the peer answered {status} {reason}")]
    Rejected {
        /// 300 to 699.
        status: u16,
        /// The peer's phrase; may be empty.
        reason: String,
    },
    /// No address replied in any way, for 20 s.
    #[error("no address replied to the invitation")]
    NoReply,
    /// A provisional answer came, and no other for three minutes.
    #[error("the peer never answered the invitation for good")]
    NoFinalAnswer,
    /// Our 200 was not confirmed for 32 s, and no media came either.
    #[error("the peer never confirmed our answer")]
    AckTimeout,
}

/// A command that does not fit the state of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A [`UserAgent`](crate::UserAgent) is good for one call.
    #[error("expected a user agent without a call, found one with a call")]
    CallExists,
    /// There is nobody to invite.
    #[error("expected at least one route to the peer, found none")]
    NoRoute,
    /// There is no INVITE that waits for us.
    #[error("expected an invitation that waits for an answer, found none")]
    NothingToAnswer,
    /// Only 300 to 699 refuse.
    #[error("expected a status of 300 to 699 to refuse with, found {status}")]
    NoRefusal {
        /// What was given.
        status: u16,
    },
}

/// Why a datagram was refused. None of these ends a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SipError {
    /// It is no SIP message.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A header that matters cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It belongs to another call, or there is none yet.
    /// [`stray_reply`](crate::stray_reply) knows what to say.
    #[error("expected a message of this call, found one of another")]
    OtherCall,
    /// Its tags are not this dialog's; a request was answered with 481.
    #[error("expected the tags of this dialog, found others")]
    OtherDialog,
    /// A response to no request of ours.
    #[error("expected a response to a request of ours, found another")]
    NoTransaction,
}
