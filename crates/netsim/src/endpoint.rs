//! What runs on a host: any machine without I/O.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A machine on a host of a [`World`](crate::World). It owns all UDP ports of the host.
///
/// After each `handle_*` it is drained: `poll_transmit` until none, then `poll_timeout` is asked.
pub trait Endpoint {
    /// A datagram came to one of the host's endpoints.
    fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    );

    /// The time that `poll_timeout` named has come.
    fn handle_timeout(&mut self, now: Instant);

    /// The next datagram to send, from an address of the host.
    fn poll_transmit(&mut self) -> Option<Transmit>;

    /// When `handle_timeout` is wanted; none for never.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The addresses of the host, when the endpoint is set on it and whenever they change. Ignored
    /// by default.
    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        let _ = (now, addresses);
    }
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From which endpoint of the host.
    pub local: SocketAddr,
    /// Where to.
    pub remote: SocketAddr,
    /// What.
    pub octets: Vec<u8>,
}

impl<E: Endpoint + ?Sized> Endpoint for Box<E> {
    fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        (**self).handle_datagram(now, local, remote, octets);
    }

    fn handle_timeout(&mut self, now: Instant) {
        (**self).handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        (**self).poll_transmit()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }

    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        (**self).handle_addresses(now, addresses);
    }
}
