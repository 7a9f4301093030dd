//! What a relay gives out, and what it says to a datagram.

use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;

use crate::Transmit;

/// What a relay gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayOutput {
    /// A datagram to the server.
    Transmit(Transmit),
    /// News.
    Event(RelayEvent),
}

/// News of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayEvent {
    /// The server lends an address.
    Allocated {
        /// The address.
        relayed: SocketAddr,
    },
    /// The server lends none, or took it back.
    Failed {
        /// Why.
        cause: RelayFailure,
    },
    /// The server does not relay to that host.
    PeerRefused {
        /// The host.
        peer: IpAddr,
    },
}

/// Why there is no relayed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayFailure {
    /// The server never answered.
    NoAnswer,
    /// Wrong user name or password (401).
    Unauthorized,
    /// Another refusal; its number, for example 403 forbidden, 486 quota reached, 508 no capacity.
    Refused(u16),
    /// The address was lent and is no longer: it could not be refreshed.
    Expired,
}

/// What a datagram from the server was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relayed {
    /// Not from the server, or not to our socket.
    NotOurs,
    /// Between the server and us.
    Handled,
    /// A peer's datagram, unwrapped.
    Data {
        /// The peer, as the server sees it.
        peer: SocketAddr,
        /// What it sent.
        octets: Vec<u8>,
    },
    /// From the server, and of no use: counted.
    Dropped,
}

/// What became of datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayCounters {
    /// Peers' datagrams that came.
    pub received: u64,
    /// Datagrams to peers that went out.
    pub sent: u64,
    /// Datagrams to peers that were dropped: no address yet, too many waiting, or refused.
    pub unsent: u64,
    /// Datagrams from the server that meant nothing.
    pub dropped: u64,
}

/// Adds those of another relay.
impl AddAssign for RelayCounters {
    fn add_assign(&mut self, other: Self) {
        // By name, so that none is forgotten.
        let Self {
            received,
            sent,
            unsent,
            dropped,
        } = other;
        self.received += received;
        self.sent += sent;
        self.unsent += unsent;
        self.dropped += dropped;
    }
}
