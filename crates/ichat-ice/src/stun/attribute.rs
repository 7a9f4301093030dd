//! Attributes: what follows the header of a message.

/// What an attribute is. Unknown ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// 0x0001: an address in plain octets (RFC 8489 §14.1).
    MappedAddress,
    /// 0x0006: in Apple's checks 20 binary octets, see [`CheckUsername`](super::CheckUsername).
    Username,
    /// 0x0009: why a request was refused (RFC 8489 §14.8).
    ErrorCode,
    /// 0x0020: an address, XORed with octets 4 to 19 of the message (RFC 8489 §14.2).
    XorMappedAddress,
    /// 0x8020: the same, under its number in the drafts of RFC 5389.
    XorMappedAddressDraft,
    /// 0x8001: the media slot (`docs/protocol/connectivity.md`, Binding request \[D\]).
    Slot,
    /// 0x8003: a version (same place \[D\]).
    Version,
    /// 0x8004: the sender's time (same place \[D\]).
    Time,
    /// 0x8005: how long the answer took (same place \[D\]).
    Delay,
    /// Any other number.
    Unknown(u16),
}

impl From<u16> for AttributeKind {
    fn from(number: u16) -> Self {
        match number {
            0x0001 => Self::MappedAddress,
            0x0006 => Self::Username,
            0x0009 => Self::ErrorCode,
            0x0020 => Self::XorMappedAddress,
            0x8020 => Self::XorMappedAddressDraft,
            0x8001 => Self::Slot,
            0x8003 => Self::Version,
            0x8004 => Self::Time,
            0x8005 => Self::Delay,
            other => Self::Unknown(other),
        }
    }
}

impl From<AttributeKind> for u16 {
    fn from(kind: AttributeKind) -> Self {
        match kind {
            AttributeKind::MappedAddress => 0x0001,
            AttributeKind::Username => 0x0006,
            AttributeKind::ErrorCode => 0x0009,
            AttributeKind::XorMappedAddress => 0x0020,
            AttributeKind::XorMappedAddressDraft => 0x8020,
            AttributeKind::Slot => 0x8001,
            AttributeKind::Version => 0x8003,
            AttributeKind::Time => 0x8004,
            AttributeKind::Delay => 0x8005,
            AttributeKind::Unknown(number) => number,
        }
    }
}

/// One attribute of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What it is.
    pub kind: AttributeKind,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// Where it begins, in octets from the start of the message.
    pub offset: usize,
}

/// An attribute that is not all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Truncated {
    /// Where the attribute, or its value, begins in the message.
    pub(super) offset: usize,
    /// Octets that should be there.
    pub(super) expected: usize,
    /// Octets that are.
    pub(super) found: usize,
}

/// The attributes of a message in their order.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// Of the octets behind a header that ends at `offset`.
    pub(super) fn new(octets: &'a [u8], offset: usize) -> Self {
        Self {
            rest: octets,
            offset,
        }
    }

    /// The next one; padding that is missing at the very end is not missed.
    pub(super) fn step(&mut self) -> Result<Option<Attribute<'a>>, Truncated> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(([a, b, c, d], body)) = self.rest.split_first_chunk() else {
            return Err(Truncated {
                offset: self.offset,
                expected: 4,
                found: self.rest.len(),
            });
        };
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let Some((value, behind)) = body.split_at_checked(length) else {
            return Err(Truncated {
                offset: self.offset + 4,
                expected: length,
                found: body.len(),
            });
        };
        let attribute = Attribute {
            kind: u16::from_be_bytes([*a, *b]).into(),
            value,
            offset: self.offset,
        };
        let padding = (length.next_multiple_of(4) - length).min(behind.len());
        self.rest = behind.get(padding..).unwrap_or_default();
        self.offset += 4 + length + padding;
        Ok(Some(attribute))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        self.step().ok().flatten()
    }
}
