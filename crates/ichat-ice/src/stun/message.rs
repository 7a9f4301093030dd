//! One message: its header, and its attributes as they lie in the datagram.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::{Attribute, AttributeKind, Attributes};

/// Octets of the header.
pub const HEADER_LEN: usize = 20;
/// Octets 4 to 7 of every message since RFC 5389.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

/// What a message is. Unknown ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// 0x0001.
    BindingRequest,
    /// 0x0011.
    BindingIndication,
    /// 0x0101.
    BindingSuccess,
    /// 0x0111.
    BindingError,
    /// Any other number.
    Unknown(u16),
}

impl From<u16> for MessageKind {
    fn from(number: u16) -> Self {
        match number {
            0x0001 => Self::BindingRequest,
            0x0011 => Self::BindingIndication,
            0x0101 => Self::BindingSuccess,
            0x0111 => Self::BindingError,
            other => Self::Unknown(other),
        }
    }
}

impl From<MessageKind> for u16 {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::BindingRequest => 0x0001,
            MessageKind::BindingIndication => 0x0011,
            MessageKind::BindingSuccess => 0x0101,
            MessageKind::BindingError => 0x0111,
            MessageKind::Unknown(number) => number,
        }
    }
}

/// Octets 4 to 19 of a message: what a response repeats, octet for octet.
///
/// STUN messages without the magic cookie are told from others by nothing but this: the 16 octets
/// are taken as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId([u8; 16]);

impl TransactionId {
    /// The form since RFC 5389: the cookie, then 12 octets.
    pub fn with_cookie(random: [u8; 12]) -> Self {
        let mut octets = [0; 16];
        let cookie = MAGIC_COOKIE.to_be_bytes();
        for (octet, from) in octets.iter_mut().zip(cookie.into_iter().chain(random)) {
            *octet = from;
        }
        Self(octets)
    }

    /// The form of RFC 3489: 16 octets that mean nothing.
    pub fn without_cookie(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The 16 octets.
    pub fn octets(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether the first four are the cookie.
    pub fn has_cookie(&self) -> bool {
        self.0.starts_with(&MAGIC_COOKIE.to_be_bytes())
    }
}

/// A message that has been looked through: every attribute is whole.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    kind: MessageKind,
    transaction: TransactionId,
    attributes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message, with or without the cookie. No attribute is required, and none is refused
    /// because it is unknown.
    ///
    /// # Errors
    /// Where the header is not STUN's, its length is not that of the datagram, or an attribute is
    /// not all there.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((header, attributes)) = octets.split_first_chunk::<HEADER_LEN>() else {
            return Err(DecodeError::Short {
                expected: HEADER_LEN,
                found: octets.len(),
            });
        };
        let [a, b, c, d, transaction @ ..] = header;
        if a >> 6 != 0 {
            return Err(DecodeError::NotStun { found: *a });
        }
        let expected = usize::from(u16::from_be_bytes([*c, *d]));
        if expected != attributes.len() {
            return Err(DecodeError::Length {
                expected,
                found: attributes.len(),
            });
        }
        let mut walk = Attributes::new(attributes, HEADER_LEN);
        loop {
            match walk.step() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(truncated) => {
                    return Err(DecodeError::Attribute {
                        offset: truncated.offset,
                        expected: truncated.expected,
                        found: truncated.found,
                    });
                }
            }
        }
        Ok(Self {
            kind: u16::from_be_bytes([*a, *b]).into(),
            transaction: TransactionId(*transaction),
            attributes,
        })
    }

    /// What it is.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Octets 4 to 19.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Its attributes in their order.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes, HEADER_LEN)
    }

    /// The value of the first attribute of that kind.
    pub fn value(&self, kind: AttributeKind) -> Option<&'a [u8]> {
        self.attributes()
            .find(|attribute: &Attribute<'_>| attribute.kind == kind)
            .map(|attribute| attribute.value)
    }

    /// MAPPED-ADDRESS: the source that the sender saw, in plain octets.
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        address(self.value(AttributeKind::MappedAddress)?, &[0; 16])
    }

    /// XOR-MAPPED-ADDRESS, under either of its numbers.
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        let value = self
            .value(AttributeKind::XorMappedAddress)
            .or_else(|| self.value(AttributeKind::XorMappedAddressDraft))?;
        address(value, self.transaction.octets())
    }

    /// An address that is XORed as in XOR-MAPPED-ADDRESS.
    pub(crate) fn xor_address(&self, kind: AttributeKind) -> Option<SocketAddr> {
        address(self.value(kind)?, self.transaction.octets())
    }

    /// The media slot, where there is one of 4 octets.
    pub fn slot(&self) -> Option<u32> {
        let value = self.value(AttributeKind::Slot)?;
        Some(u32::from_be_bytes(value.try_into().ok()?))
    }
}

/// The address in a MAPPED-ADDRESS (`key` zero) or XOR-MAPPED-ADDRESS.
fn address(value: &[u8], key: &[u8; 16]) -> Option<SocketAddr> {
    let ([_, family, high, low], rest) = value.split_first_chunk()?;
    let [first, second, ..] = key;
    let port = u16::from_be_bytes([high ^ first, low ^ second]);
    let mut open = [0; 16];
    for ((octet, value), key) in open.iter_mut().zip(rest).zip(key) {
        *octet = value ^ key;
    }
    let [a, b, c, d, ..] = open;
    let ip = match (family, rest.len()) {
        (1, 4..) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        (2, 16..) => IpAddr::V6(Ipv6Addr::from(open)),
        (_, _) => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Why octets are no STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Fewer octets than a header has.
    #[error("no STUN header at offset 0: expected {expected} octets, found {found}")]
    Short {
        /// Octets of a header.
        expected: usize,
        /// Octets that are there.
        found: usize,
    },
    /// The top two bits are not zero.
    #[error("no STUN at offset 0: expected two zero bits on top, found octet {found:#04x}")]
    NotStun {
        /// The first octet.
        found: u8,
    },
    /// The header's length is not that of the datagram.
    #[error(
        "wrong length at offset 2: expected {expected} octets behind the header, found {found}"
    )]
    Length {
        /// What the header says.
        expected: usize,
        /// Octets that are there.
        found: usize,
    },
    /// An attribute is not all there.
    #[error("attribute cut off at offset {offset}: expected {expected} octets, found {found}")]
    Attribute {
        /// Where the cut part, a head or a value, begins.
        offset: usize,
        /// Octets it should have.
        expected: usize,
        /// Octets that are there.
        found: usize,
    },
}
