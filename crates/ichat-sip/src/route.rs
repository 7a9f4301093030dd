//! Where a datagram goes, or where it came from.

use std::{fmt, net::SocketAddr};

/// A pair of addresses, seen from this side.
///
/// `local` is the address of the socket that a datagram leaves by or arrived at, `remote` the
/// peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// Ours.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.local, self.remote)
    }
}
