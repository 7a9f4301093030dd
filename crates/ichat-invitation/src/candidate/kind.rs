//! Where the address of a candidate comes from.

use std::fmt;

/// Where the address of a candidate comes from.
///
/// The numbers are those of `docs/protocol/addresses.md`, candidates \[D; 1 is captured\]. An
/// unknown one is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// 1: an address of an interface.
    Host,
    /// 3: an interface as a server saw it from outside.
    ServerReflexive,
    /// 5: an address that a relay lends.
    Relay,
    /// 6: an interface as the peer saw it.
    PeerReflexive,
    /// 7: an address of a point-to-point interface.
    HostPointToPoint,
    /// Any other number.
    Unknown(u32),
}

impl From<u32> for CandidateKind {
    fn from(number: u32) -> Self {
        match number {
            1 => Self::Host,
            3 => Self::ServerReflexive,
            5 => Self::Relay,
            6 => Self::PeerReflexive,
            7 => Self::HostPointToPoint,
            other => Self::Unknown(other),
        }
    }
}

impl From<CandidateKind> for u32 {
    fn from(kind: CandidateKind) -> Self {
        match kind {
            CandidateKind::Host => 1,
            CandidateKind::ServerReflexive => 3,
            CandidateKind::Relay => 5,
            CandidateKind::PeerReflexive => 6,
            CandidateKind::HostPointToPoint => 7,
            CandidateKind::Unknown(number) => number,
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::ServerReflexive => f.write_str("server-reflexive"),
            Self::Relay => f.write_str("relay"),
            Self::PeerReflexive => f.write_str("peer-reflexive"),
            Self::HostPointToPoint => f.write_str("host, point-to-point"),
            Self::Unknown(number) => write!(f, "unknown kind {number}"),
        }
    }
}
