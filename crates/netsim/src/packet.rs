//! A datagram on its way.

use std::net::SocketAddr;

/// Octets of a UDP header.
const UDP_HEADER: usize = 8;
/// Octets of an IPv4 header without options, and of an IPv6 header.
const IP_HEADER: (usize, usize) = (20, 40);
/// Hops that a datagram may take: enough for any topology, the end of any loop.
const HOP_LIMIT: u8 = 64;

/// A UDP datagram with the addresses that it bears at this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) octets: Vec<u8>,
    /// Hops that are left.
    pub(crate) hop_limit: u8,
}

impl Packet {
    pub(crate) fn new(source: SocketAddr, destination: SocketAddr, octets: Vec<u8>) -> Self {
        Self {
            source,
            destination,
            octets,
            hop_limit: HOP_LIMIT,
        }
    }

    /// Octets on the wire, with the headers of UDP and IP.
    pub(crate) fn size(&self) -> usize {
        let (ipv4, ipv6) = IP_HEADER;
        let header = if self.source.is_ipv4() { ipv4 } else { ipv6 };
        self.octets.len() + UDP_HEADER + header
    }
}
