//! What gathering gives out.

use std::net::{IpAddr, SocketAddr};

use super::{ReflectorProtocol, RelayFailure};
use crate::{LocalCandidate, Transmit};

/// What a [`Gatherer`](super::Gatherer) gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatherOutput {
    /// A datagram to send.
    Transmit(Transmit),
    /// News.
    Event(GatherEvent),
}

/// News of gathering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatherEvent {
    /// A candidate of ours, once each. Late ones come after [`GatherEvent::Complete`]: give them to
    /// the [`Agent`](crate::Agent), and to the peer where that is possible.
    Candidate(LocalCandidate),
    /// A candidate that is none any more: its interface is gone, its mapping has changed, or its
    /// relay took it back.
    Gone(LocalCandidate),
    /// A reflector said where it sees a socket of ours, for the first time or somewhere new.
    Mapped {
        /// The socket.
        local: SocketAddr,
        /// Where it is seen.
        mapped: SocketAddr,
        /// By whom.
        server: SocketAddr,
        /// And how it was asked.
        protocol: ReflectorProtocol,
    },
    /// A reflector did not answer in time. It is asked again later.
    NoAnswer {
        /// The socket it was asked from.
        local: SocketAddr,
        /// The reflector.
        server: SocketAddr,
        /// And how it was asked.
        protocol: ReflectorProtocol,
    },
    /// A TURN server lends no address.
    RelayFailed {
        /// The server.
        server: SocketAddr,
        /// Why.
        cause: RelayFailure,
    },
    /// A TURN server does not relay to a host.
    RelayRefused {
        /// The server.
        server: SocketAddr,
        /// The host.
        peer: IpAddr,
    },
    /// Every server has answered, refused or been given up. Comes once, and again after
    /// [`Gatherer::set_interfaces`](super::Gatherer::set_interfaces).
    Complete,
}

/// What a datagram was to gathering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    /// No server's; classify it further.
    NotOurs,
    /// A server's.
    Handled,
    /// A peer's, which a relay passed on: classify `octets` as if they had come to `local` from
    /// `remote`.
    Relayed {
        /// The relayed address.
        local: SocketAddr,
        /// The peer, as the relay sees it.
        remote: SocketAddr,
        /// What it sent.
        octets: Vec<u8>,
    },
    /// A server's, and of no use: counted.
    Dropped,
}
