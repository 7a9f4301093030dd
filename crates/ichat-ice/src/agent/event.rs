//! What an agent gives out, and what it says to a datagram.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ichat_invitation::CandidateId;
use thiserror::Error;

use super::Counters;
use crate::{Transmit, stun};

/// What an [`Agent`](super::Agent) gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A datagram to send.
    Transmit(Transmit),
    /// News.
    Event(Event),
}

/// News of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first path that works. Send media there.
    PathFound {
        /// The path.
        path: Path,
        /// From both lists known to now.
        checks: Duration,
    },
    /// Another path took over. Send media there from now on.
    PathChanged {
        /// The path until now.
        from: Path,
        /// The path from now on.
        to: Path,
        /// Why.
        cause: ChangeCause,
    },
    /// The path in use is dead, as far as can be told, and there is no other. Media goes on there;
    /// all pairs are checked again. Ends no call by itself.
    PathLost {
        /// The path.
        path: Path,
    },
    /// The path that was lost works again.
    PathRestored {
        /// The path.
        path: Path,
    },
    /// The peer checked from an address that it never listed.
    PeerReflexive {
        /// The socket that the check came to.
        local: SocketAddr,
        /// The address.
        remote: SocketAddr,
        /// The peer's candidate.
        id: CandidateId,
    },
    /// No pair works. Late candidates or checks of the peer may still bring a path.
    Failed {
        /// What came and went: whether the peer was heard at all tells much.
        counters: Counters,
    },
}

/// A path: one socket of ours and one address of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our socket by its own address, or the relayed address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// What lies between.
    pub kind: PathKind,
    /// Where the peer sees us, if it said so.
    pub mapped: Option<SocketAddr>,
}

/// What lies between the two ends of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathKind {
    /// Nothing: both addresses are the hosts' own.
    Host,
    /// A NAT, at an address that a reflector had seen.
    ServerReflexive,
    /// A NAT, at an address that only the checks brought to light.
    PeerReflexive,
    /// A relay, ours or the peer's.
    Relay,
}

impl fmt::Display for PathKind {
    /// The words of RFC 8839 §5.1: `host`, `srflx`, `prflx`, `relay`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
        })
    }
}

/// Why another path took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeCause {
    /// The address that the path began at is gone.
    LocalGone,
    /// The path no longer answers, and another does.
    Silent,
    /// The signalling chose it: [`Agent::pin`](super::Agent::pin).
    Pinned,
    /// The path before was lost, or a relay's, and this one was found since.
    Found,
}

/// What an agent made of a datagram that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handled {
    /// A check of the peer's; it was answered.
    Answered,
    /// A check of the peer's over a relay of ours that is listed as something else, while a direct
    /// path may still come: its repetition will be answered.
    Deferred,
    /// A response to a check of ours.
    Response,
}

/// Why an agent dropped a datagram. Each is counted, and none ever ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// No STUN message.
    #[error(transparent)]
    Malformed(#[from] stun::DecodeError),
    /// STUN, and neither check nor response: another method, an indication.
    #[error("no connectivity check: message type {kind:#06x}")]
    Unsupported {
        /// The message's type.
        kind: u16,
    },
    /// A Binding request whose USERNAME is not that of a check.
    #[error("no connectivity check: no username of 20 octets")]
    NoCheck,
    /// A check for a candidate that is not ours.
    #[error("check for candidate {receiver}, which is not ours")]
    NotForUs {
        /// Whose candidate it is for.
        receiver: CandidateId,
    },
    /// A response to nothing that we sent, or the second to the same.
    #[error("response to an unknown transaction")]
    UnknownTransaction,
    /// A response from another address than the check went to, or to another socket.
    #[error("response from {found}, expected {expected}")]
    WrongSource {
        /// Where the check had gone.
        expected: SocketAddr,
        /// Where the response came from.
        found: SocketAddr,
    },
    /// The peer refused a check. It is repeated all the same.
    #[error("check refused by the peer: code {code:?}")]
    ErrorResponse {
        /// ERROR-CODE, where there is one.
        code: Option<u16>,
    },
}
