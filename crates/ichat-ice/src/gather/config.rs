//! What gathering is told.

use std::fmt;
use std::net::SocketAddr;

use super::{ReflectorTimings, RelayListing};

/// A socket of ours and the interface that its address belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Name of the interface, for example `en1`.
    pub name: String,
    /// The socket's own address and port.
    pub socket: SocketAddr,
    /// Whether the interface is a point-to-point one (a tunnel, a modem).
    pub point_to_point: bool,
}

/// A TURN server, and who we are there (RFC 8656; long-term credentials, RFC 8489 §9.2).
#[derive(Clone, PartialEq, Eq)]
pub struct TurnServer {
    /// Its address.
    pub address: SocketAddr,
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What a [`Gatherer`](super::Gatherer) is made from.
#[derive(Debug, Clone, Default)]
pub struct GatherConfig {
    /// Ids of candidates and transactions follow from it: take it from a cryptographic source.
    pub seed: u64,
    /// Our sockets, best first.
    pub interfaces: Vec<Interface>,
    /// SNATMAP servers.
    pub snatmap: Vec<SocketAddr>,
    /// STUN servers.
    pub stun: Vec<SocketAddr>,
    /// TURN servers. Each is asked for one relayed address.
    pub turn: Vec<TurnServer>,
    /// As what relayed addresses are listed.
    pub relay_listing: RelayListing,
    /// How often reflectors are asked.
    pub timings: ReflectorTimings,
}
