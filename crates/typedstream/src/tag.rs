//! The octets that stand for something other than themselves.
//!
//! Source: `docs/protocol/invitation.md`, grammar \[C\].

/// Smallest octet that is a tag and no integer.
pub(crate) const FIRST: u8 = 0x80;
/// An integer of two octets follows.
pub(crate) const INTEGER_16: u8 = 0x81;
/// An integer of four octets follows.
pub(crate) const INTEGER_32: u8 = 0x82;
/// A float of four octets or a double of eight follows; the type says which.
pub(crate) const FLOATING: u8 = 0x83;
/// Something that has not occurred before follows.
pub(crate) const NEW: u8 = 0x84;
/// Nothing: no object, no class, no string.
pub(crate) const NIL: u8 = 0x85;
/// An object ends.
pub(crate) const END: u8 = 0x86;
/// An integer of eight octets follows. Later Macs write it where four are too few.
pub(crate) const INTEGER_64: u8 = 0x87;
/// Largest octet that is a tag and no integer.
pub(crate) const LAST: u8 = 0x91;

/// What the first entry of a table is called.
pub(crate) const FIRST_REFERENCE: i64 = -110;
