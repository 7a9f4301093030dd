//! A candidate of ours, and what it is sent from.

use std::net::SocketAddr;

use ichat_invitation::{Candidate, CandidateKind};

/// A candidate of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalCandidate {
    /// The record that the peer gets.
    pub candidate: Candidate,
    /// The socket that it is sent from, by its own address. Of a relayed candidate the relayed
    /// address, which stands for the relay ([`Transmit::local`](crate::Transmit::local)).
    pub base: SocketAddr,
    /// Whether a relay lends the address, whatever kind the peer is told
    /// ([`RelayListing`](crate::RelayListing)).
    pub relayed: bool,
}

impl LocalCandidate {
    /// A candidate whose base is the socket in its record B: host and server-reflexive ones.
    pub fn new(candidate: Candidate) -> Self {
        Self {
            candidate,
            base: candidate.base.address(),
            relayed: candidate.kind == CandidateKind::Relay,
        }
    }

    /// A candidate that a relay lends.
    pub fn relayed(candidate: Candidate) -> Self {
        Self {
            candidate,
            base: candidate.address.address(),
            relayed: true,
        }
    }
}
