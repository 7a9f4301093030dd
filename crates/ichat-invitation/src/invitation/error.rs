//! What can be wrong with an invitation.

use thiserror::Error;

use crate::bplist::{DecodeError, Kind};
use crate::hex_text::HexTextError;
use crate::keyed_archive::KeyedError;
use crate::xml_plist::XmlError;

/// Why text or octets are no invitation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// The text is no hex.
    #[error("an invitation as hex text: {0}")]
    Hex(#[from] HexTextError),
    /// The binary property list is broken.
    #[error("an invitation as binary property list: {0}")]
    Binary(#[from] DecodeError),
    /// The binary property list has lost its end; what is left can be read by
    /// [`Invitation::salvage`](super::Invitation::salvage).
    #[error("an invitation as binary property list, cut short: {0}")]
    Cut(DecodeError),
    /// The XML property list is broken.
    #[error("an invitation as XML property list: {0}")]
    Xml(#[from] XmlError),
    /// The keyed archive is broken.
    #[error("an invitation as keyed archive: {0}")]
    Keyed(#[from] KeyedError),
    /// Neither a binary nor an XML property list.
    #[error("at octet 0: expected a property list, found {found:02x?}")]
    Form {
        /// The first octets, zeros where it ends.
        found: [u8; 8],
    },
    /// A property list of something else.
    #[error("expected a dictionary as invitation, found {found}")]
    Kind {
        /// What it is.
        found: Kind,
    },
}

impl InvitationError {
    /// The octet of the property list where it is wrong; for text that is no hex none, since there
    /// the error counts characters.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Binary(fault) | Self::Cut(fault) => Some(fault.offset()),
            Self::Xml(fault) => Some(fault.offset()),
            Self::Form { .. } => Some(0),
            Self::Hex(_) | Self::Keyed(_) | Self::Kind { .. } => None,
        }
    }
}
