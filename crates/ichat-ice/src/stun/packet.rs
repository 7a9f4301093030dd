//! Writing a message into a buffer of fixed size.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use super::{AttributeKind, HEADER_LEN, MessageKind, TransactionId};

/// Octets of the largest message that we write: a success to a check over IPv6 that carried the
/// longest version and time that we echo.
const CAPACITY: usize = 160;
/// Family of an IPv4 address in MAPPED-ADDRESS (RFC 8489 §14.1).
const FAMILY_IPV4: u8 = 1;
/// Family of an IPv6 address in MAPPED-ADDRESS (RFC 8489 §14.1).
const FAMILY_IPV6: u8 = 2;

/// The octets of one message, kept in place.
#[derive(Clone, Copy)]
pub struct Packet {
    octets: [u8; CAPACITY],
    len: usize,
}

impl Packet {
    /// The header of a message that has no attribute yet.
    pub(super) fn new(kind: MessageKind, transaction: &TransactionId) -> Self {
        let mut packet = Self {
            octets: [0; CAPACITY],
            len: 0,
        };
        packet.put(&u16::from(kind).to_be_bytes());
        packet.put(&[0, 0]);
        packet.put(transaction.octets());
        packet
    }

    /// Adds an attribute, padded with NUL, and sets the header's length. One that does not fit is
    /// left out whole; none of ours is that long.
    pub(super) fn attribute(&mut self, kind: AttributeKind, value: &[u8]) {
        let padded = value.len().next_multiple_of(4);
        let Ok(length) = u16::try_from(value.len()) else {
            return;
        };
        if self.len + 4 + padded > CAPACITY {
            return;
        }
        self.put(&u16::from(kind).to_be_bytes());
        self.put(&length.to_be_bytes());
        self.put(value);
        self.len += padded - value.len();
        let attributes = u16::try_from(self.len - HEADER_LEN).unwrap_or(u16::MAX);
        for (octet, value) in self.octets.iter_mut().skip(2).zip(attributes.to_be_bytes()) {
            *octet = value;
        }
    }

    /// Adds MAPPED-ADDRESS, plain.
    pub(super) fn mapped_address(&mut self, address: SocketAddr) {
        let [high, low] = address.port().to_be_bytes();
        match address.ip().to_canonical() {
            IpAddr::V4(ipv4) => {
                let [a, b, c, d] = ipv4.octets();
                let value = [0, FAMILY_IPV4, high, low, a, b, c, d];
                self.attribute(AttributeKind::MappedAddress, &value);
            }
            IpAddr::V6(ipv6) => {
                let mut value = [0; 20];
                let head = [0, FAMILY_IPV6, high, low];
                for (octet, from) in value.iter_mut().zip(head.into_iter().chain(ipv6.octets())) {
                    *octet = from;
                }
                self.attribute(AttributeKind::MappedAddress, &value);
            }
        }
    }

    fn put(&mut self, field: &[u8]) {
        for (octet, value) in self.octets.iter_mut().skip(self.len).zip(field) {
            *octet = *value;
        }
        self.len = (self.len + field.len()).min(CAPACITY);
    }
}

impl Deref for Packet {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packet(")?;
        self.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        write!(f, ")")
    }
}
