//! An address record octet for octet, garbage included.

use std::fmt;
use std::net::SocketAddr;

use crate::hex_text;
use crate::ipport::{IpPort, address_of, field, marks_ipv6, put};

/// Where the name stands in a record.
const NAME_AT: usize = 4;
/// Octets of the name field.
const NAME_LEN: usize = 16;
/// Where the address stands in a record.
const ADDRESS_AT: usize = 20;
/// Octets of the address field, unused ones included.
const ADDRESS_LEN: usize = 16;
/// What a guard's name ends in.
const GUARD_MARK: u8 = b'~';

/// The 40 octets of an address record as they are on the wire.
///
/// A candidate is kept to the octet, and the 12 octets after an IPv4 address are garbage on input;
/// [`IpPort`] is the same record without the garbage. `==` compares all 40 octets,
/// [`same_ip`](Self::same_ip) the octets that mean something.
///
/// Source: `docs/protocol/addresses.md`, the address record \[C\].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawIpPort(pub [u8; IpPort::LEN]);

impl RawIpPort {
    /// The flags word.
    pub fn flags(&self) -> u32 {
        u32::from_be_bytes(field::<0, 4, _>(&self.0))
    }

    /// Whether the flags say that the address is IPv6.
    pub fn is_ipv6(&self) -> bool {
        marks_ipv6(self.flags())
    }

    /// The octets of the interface name up to the first NUL, at most 16.
    pub fn name(&self) -> &[u8] {
        let field = self.0.get(NAME_AT..NAME_AT + NAME_LEN).unwrap_or_default();
        field.split(|octet| *octet == 0).next().unwrap_or_default()
    }

    /// The address field: all 16 octets, of which an IPv4 address uses the first 4.
    pub fn address_octets(&self) -> [u8; ADDRESS_LEN] {
        field::<ADDRESS_AT, ADDRESS_LEN, _>(&self.0)
    }

    /// The address and the port; the scope inside a link-local IPv6 address is left out.
    pub fn address(&self) -> SocketAddr {
        address_of(&self.0)
    }

    /// The same record without the garbage.
    pub fn ip_port(&self) -> IpPort {
        IpPort::decode(&self.0)
    }

    /// Whether the octets of the address that mean something are all zero: 4 of IPv4, 16 of IPv6.
    pub fn is_zero_address(&self) -> bool {
        let octets = self.address_octets();
        octets
            .iter()
            .take(self.significant())
            .all(|octet| *octet == 0)
    }

    /// Whether the name ends in `~`: a guard, and no address.
    pub fn is_guard(&self) -> bool {
        self.name().last() == Some(&GUARD_MARK)
    }

    /// Whether both records hold the same IP address, in the octets that mean something. Names,
    /// ports and garbage are not compared.
    pub fn same_ip(&self, other: &Self) -> bool {
        self.is_ipv6() == other.is_ipv6() && self.begins_as(&other.address_octets())
    }

    /// The guard of this record: all 16 octets of the address inverted, `~` after the name, the rest
    /// as it is. A name that fills its field gives up its 16th character for the mark \[I\].
    ///
    /// Source: `docs/protocol/addresses.md`, guards \[C\].
    #[must_use]
    pub fn guard(&self) -> Self {
        let kept = self.name().len().min(NAME_LEN - 1);
        let mut name = [0; NAME_LEN];
        put(&mut name, 0, self.name());
        for (octet, mark) in name.iter_mut().skip(kept).zip([GUARD_MARK]) {
            *octet = mark;
        }
        let mut guard = self.with_address_octets(self.inverted());
        put(&mut guard.0, NAME_AT, &name);
        guard
    }

    /// All 16 octets of the address field, inverted.
    pub(super) fn inverted(&self) -> [u8; ADDRESS_LEN] {
        self.address_octets().map(|octet| !octet)
    }

    /// Whether the octets of this address that mean something are the first ones of `octets`.
    pub(super) fn begins_as(&self, octets: &[u8; ADDRESS_LEN]) -> bool {
        let ours = self.address_octets();
        ours.iter()
            .zip(octets)
            .take(self.significant())
            .all(|(a, b)| a == b)
    }

    /// The record with another address field.
    pub(super) fn with_address_octets(mut self, octets: [u8; ADDRESS_LEN]) -> Self {
        put(&mut self.0, ADDRESS_AT, &octets);
        self
    }

    /// How many octets of the address field mean something.
    pub(super) fn significant(&self) -> usize {
        if self.is_ipv6() { ADDRESS_LEN } else { 4 }
    }
}

impl From<&IpPort> for RawIpPort {
    fn from(record: &IpPort) -> Self {
        Self(record.encode())
    }
}

impl fmt::Debug for RawIpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawIpPort({})", hex_text::encode(&self.0))
    }
}
