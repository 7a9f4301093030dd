//! What can be wrong with a binary property list.

use thiserror::Error;

use super::Kind;

/// Why octets are no binary property list that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// More octets than the limit allows.
    #[error("at octet {limit}: expected the end of the property list, found {found} octets in all")]
    TooLong {
        /// Octets that are allowed.
        limit: usize,
        /// Octets that there are.
        found: usize,
    },
    /// It does not begin as a binary property list.
    #[error("at octet 0: expected \"bplist\", found {found:02x?}")]
    Magic {
        /// The octets that there are instead, zeros where it ends.
        found: [u8; 6],
    },
    /// A binary property list of another version.
    #[error("at octet 6: expected version \"00\", found {found:02x?}")]
    Version {
        /// The octets that there are instead.
        found: [u8; 2],
    },
    /// Something ends before it is whole.
    #[error("at octet {offset}: expected {expected} octets, found {found}")]
    Truncated {
        /// Where the octets begin that are not all there.
        offset: usize,
        /// Octets that there should be.
        expected: u64,
        /// Octets that there are.
        found: usize,
    },
    /// A width of table entries or references that does not exist.
    #[error("at octet {offset}: expected a width of 1 to 8 octets, found {found}")]
    Width {
        /// Where the width stands in the trailer.
        offset: usize,
        /// The width found.
        found: u8,
    },
    /// A number of objects for which there is no room.
    #[error("at octet {offset}: expected 1 to {limit} objects, found {found}")]
    ObjectCount {
        /// Where the number stands in the trailer.
        offset: usize,
        /// As many objects as fit between the head and the offset table.
        limit: u64,
        /// The number found.
        found: u64,
    },
    /// An offset table that is not between the objects and the trailer.
    #[error("at octet {offset}: expected an offset table from {first} to {last}, found {found}")]
    OffsetTable {
        /// Where the table's offset stands in the trailer.
        offset: usize,
        /// The first offset it may have.
        first: u64,
        /// The last offset it may have.
        last: u64,
        /// The offset found.
        found: u64,
    },
    /// An object outside of the part of the list where objects are.
    #[error(
        "at octet {offset}: expected the offset of an object from {first} to {last}, found {found}"
    )]
    ObjectOffset {
        /// Where the object's offset stands in the table.
        offset: usize,
        /// The first offset it may have.
        first: usize,
        /// The last offset it may have.
        last: usize,
        /// The offset found.
        found: u64,
    },
    /// A reference to an object that does not exist.
    #[error("at octet {offset}: expected the number of an object below {limit}, found {found}")]
    Reference {
        /// Where the reference stands.
        offset: usize,
        /// The number of objects.
        limit: usize,
        /// The number found.
        found: u64,
    },
    /// A marker that no object begins with.
    #[error("at octet {offset}: expected the marker of an object, found {found:02x}")]
    Marker {
        /// Where the marker stands.
        offset: usize,
        /// The octet found.
        found: u8,
    },
    /// A length that is no integer.
    #[error("at octet {offset}: expected a length (10 to 13), found {found:02x}")]
    Length {
        /// Where the length's marker stands.
        offset: usize,
        /// The octet found.
        found: u8,
    },
    /// A key that is no string.
    #[error("at octet {offset}: expected a string as key, found {found}")]
    Key {
        /// Where the key stands.
        offset: usize,
        /// What it is.
        found: Kind,
    },
    /// A container that contains itself.
    #[error("at octet {offset}: expected another object, found object {number} within itself")]
    Cycle {
        /// Where the container stands.
        offset: usize,
        /// Its number.
        number: usize,
    },
    /// Too many containers within each other.
    #[error("at octet {offset}: expected at most {limit} containers within each other, found more")]
    Depth {
        /// Where the container stands that is too deep.
        offset: usize,
        /// Containers that are allowed.
        limit: usize,
    },
    /// Too many objects, each counted as often as it is referred to.
    #[error("at octet {offset}: expected at most {limit} objects in all, found at least {found}")]
    Objects {
        /// Where the container stands that has too many.
        offset: usize,
        /// Objects that are allowed.
        limit: usize,
        /// Objects so far, with those of this container.
        found: usize,
    },
    /// Too many octets of strings and data, each counted as often as it is referred to.
    #[error(
        "at octet {offset}: expected at most {limit} octets of content, found at least {found}"
    )]
    Expanded {
        /// Where the string or data stands that goes beyond.
        offset: usize,
        /// Octets that are allowed.
        limit: usize,
        /// Octets so far, with these.
        found: usize,
    },
}

impl DecodeError {
    /// The octet where it is wrong.
    pub fn offset(&self) -> usize {
        match self {
            Self::TooLong { limit, .. } => *limit,
            Self::Magic { .. } => 0,
            Self::Version { .. } => 6,
            Self::Truncated { offset, .. }
            | Self::Width { offset, .. }
            | Self::ObjectCount { offset, .. }
            | Self::OffsetTable { offset, .. }
            | Self::ObjectOffset { offset, .. }
            | Self::Reference { offset, .. }
            | Self::Marker { offset, .. }
            | Self::Length { offset, .. }
            | Self::Key { offset, .. }
            | Self::Cycle { offset, .. }
            | Self::Depth { offset, .. }
            | Self::Objects { offset, .. }
            | Self::Expanded { offset, .. } => *offset,
        }
    }
}

/// Why a value cannot be written as a binary property list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Too many containers within each other.
    #[error("expected at most {limit} containers within each other, found more")]
    Depth {
        /// Containers that are allowed.
        limit: usize,
    },
    /// Too many values.
    #[error("expected at most {limit} values in all, found more")]
    Objects {
        /// Values that are allowed.
        limit: usize,
    },
    /// Too many octets.
    #[error("expected at most {limit} octets, found {found}")]
    TooLong {
        /// Octets that are allowed.
        limit: usize,
        /// Octets that it would take.
        found: usize,
    },
    /// A [`Text::Wide`](super::Text::Wide) with half a unit.
    #[error("expected an even number of octets of UTF-16, found {found}")]
    HalfUnit {
        /// Octets that there are.
        found: usize,
    },
}
