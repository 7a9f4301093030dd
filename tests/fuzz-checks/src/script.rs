//! An input read as a script for a machine: numbers, addresses and octets, off the front.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What is left of an input.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The next octet; `None` at the end.
    pub(crate) fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next two octets as a number, 0 for what is missing.
    pub(crate) fn number(&mut self) -> u16 {
        let high = self.octet().unwrap_or(0);
        let low = self.octet().unwrap_or(0);
        u16::from_be_bytes([high, low])
    }

    /// The next octet as a place in a list of `len`; `None` where that is empty.
    pub(crate) fn place(&mut self, len: usize) -> Option<usize> {
        let octet = usize::from(self.octet()?);
        octet.checked_rem(len)
    }

    /// So many octets, or all that is left.
    pub(crate) fn octets(&mut self, len: usize) -> &'a [u8] {
        let (octets, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        octets
    }

    /// A length of two octets, and as many octets.
    pub(crate) fn datagram(&mut self) -> &'a [u8] {
        let len = usize::from(self.number());
        self.octets(len)
    }

    /// So many octets, 0 for what is missing.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let octets = self.octets(N);
        array[..octets.len()].copy_from_slice(octets);
        array
    }

    /// Up to 65 s.
    pub(crate) fn milliseconds(&mut self) -> Duration {
        Duration::from_millis(self.number().into())
    }

    /// Any address at all: an octet that says which kind, then its octets, then the port.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let ip = match self.octet().unwrap_or(0) % 3 {
            0 => IpAddr::V4(Ipv4Addr::from(self.array::<4>())),
            1 => IpAddr::V6(Ipv6Addr::from(self.array::<16>())),
            _ => IpAddr::V6(Ipv4Addr::from(self.array::<4>()).to_ipv6_mapped()),
        };
        SocketAddr::new(ip, self.number())
    }
}
