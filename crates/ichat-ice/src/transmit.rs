//! What every machine here gives out: a datagram with its two addresses.

use std::net::SocketAddr;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transmit {
    /// The socket to send from, named by its own address. A relayed address stands for its relay:
    /// hand such a datagram to [`Gatherer::send_relayed`](crate::Gatherer::send_relayed).
    pub local: SocketAddr,
    /// Where to send it.
    pub remote: SocketAddr,
    /// The datagram.
    pub octets: Vec<u8>,
}
