//! What can be wrong with an XML property list.

use std::fmt;

use thiserror::Error;

/// Why octets are no XML property list that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum XmlError {
    /// More octets than the limit allows.
    #[error("at octet {limit}: expected the end of the document, found {found} octets in all")]
    TooLong {
        /// Octets that are allowed.
        limit: usize,
        /// Octets that there are.
        found: usize,
    },
    /// Octets that are no UTF-8.
    #[error("at octet {offset}: expected UTF-8, found {found:02x}")]
    Encoding {
        /// Where they stand.
        offset: usize,
        /// The first of them.
        found: u8,
    },
    /// The document ends before it is whole.
    #[error("at octet {offset}: expected {expected}, found the end of the document")]
    Truncated {
        /// Where something is not whole.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A document type that declares something.
    #[error("at octet {offset}: expected a document type without declarations, found \"[\"")]
    Declarations {
        /// Where the declarations begin.
        offset: usize,
    },
    /// Another element or text than there may be.
    #[error("at octet {offset}: expected {expected}, found {found}")]
    Unexpected {
        /// Where it stands.
        offset: usize,
        /// What may be there; for the end of an element, its name.
        expected: &'static str,
        /// The begin of what is there.
        found: Excerpt,
    },
    /// A reference to an entity that XML does not know by itself.
    #[error("at octet {offset}: expected an entity of XML itself, found {found}")]
    Entity {
        /// Where the reference stands.
        offset: usize,
        /// The begin of it.
        found: Excerpt,
    },
    /// A number, a date or data that cannot be read.
    #[error("at octet {offset}: expected {expected}, found {found}")]
    Scalar {
        /// Where its element stands.
        offset: usize,
        /// What should be in it.
        expected: &'static str,
        /// The begin of what is in it, or of the part at fault.
        found: Excerpt,
    },
    /// Too many containers within each other.
    #[error("at octet {offset}: expected at most {limit} containers within each other, found more")]
    Depth {
        /// Where the container stands that is too deep.
        offset: usize,
        /// Containers that are allowed.
        limit: usize,
    },
    /// Too many keys and values.
    #[error("at octet {offset}: expected at most {limit} keys and values in all, found more")]
    Objects {
        /// Where the one stands that is too many.
        offset: usize,
        /// Keys and values that are allowed.
        limit: usize,
    },
}

impl XmlError {
    /// The octet where it is wrong.
    pub fn offset(&self) -> usize {
        match self {
            Self::TooLong { limit, .. } => *limit,
            Self::Encoding { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::Declarations { offset }
            | Self::Unexpected { offset, .. }
            | Self::Entity { offset, .. }
            | Self::Scalar { offset, .. }
            | Self::Depth { offset, .. }
            | Self::Objects { offset, .. } => *offset,
        }
    }
}

/// The begin of a text, at most 24 octets, as an error quotes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    octets: [u8; 24],
    len: usize,
}

impl Excerpt {
    /// The begin of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut octets = [0; 24];
        let mut len = 0;
        for character in text.chars() {
            let Some(room) = octets.get_mut(len..len + character.len_utf8()) else {
                break;
            };
            len += character.encode_utf8(room).len();
        }
        Self { octets, len }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let octets = self.octets.get(..self.len).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Excerpt {
    /// In quotes, with escapes: it comes from somebody else and may go to a terminal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
