//! What of an invitation differs from the captured form.

use std::fmt;

use super::{Form, MAX_INVITEES};
use crate::bplist::Kind;

/// Of which dictionary something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The invitation itself.
    Invitation,
    /// A member of `VCInviteesList`, counted from 0.
    Invitee(usize),
}

impl fmt::Display for Place {
    /// Members are counted from 1.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invitation => formatter.write_str("invitation"),
            Self::Invitee(index) => write!(formatter, "invitee {}", index + 1),
        }
    }
}

/// One difference from the captured form. None of them is an error.
///
/// May hold what the peer wrote, JIDs among it: nothing for a log above `debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deviation {
    /// Another form than a binary property list.
    Form(Form),
    /// A key is not there.
    Missing {
        /// Where.
        place: Place,
        /// The key.
        key: &'static str,
    },
    /// A key that is not known.
    Unknown {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What its value is.
        found: Kind,
    },
    /// A known key that occurs again; the first one counts.
    Repeated {
        /// Where.
        place: Place,
        /// The key.
        key: &'static str,
    },
    /// Known keys in another order.
    Order {
        /// Where.
        place: Place,
    },
    /// A value of another kind.
    Kind {
        /// Where.
        place: Place,
        /// Its key.
        key: &'static str,
        /// The kind in the captured form.
        expected: Kind,
        /// The kind found.
        found: Kind,
    },
    /// An integer in another width.
    Width {
        /// Where.
        place: Place,
        /// Its key.
        key: &'static str,
        /// Octets in the captured form.
        expected: u8,
        /// Octets found.
        found: u8,
    },
    /// A string that is no Unicode.
    Text {
        /// Where.
        place: Place,
        /// Its key.
        key: &'static str,
    },
    /// Another value than the captured form has at this place.
    Value {
        /// Where.
        place: Place,
        /// Its key.
        key: &'static str,
        /// The value in the captured form.
        expected: String,
        /// The value found.
        found: String,
    },
    /// A member that is no dictionary.
    Member {
        /// Which, counted from 0.
        index: usize,
        /// What it is.
        found: Kind,
    },
    /// Another number of members than two.
    Members {
        /// How many.
        found: usize,
    },
    /// Members behind the last that is looked at.
    Surplus {
        /// How many.
        found: usize,
    },
    /// More differences than are told.
    More,
}

impl fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(form) => write!(formatter, "expected a binary property list, found {form}"),
            Self::Missing { place, key } => write!(formatter, "{place}: {key} is missing"),
            Self::Unknown { place, key, found } => {
                write!(formatter, "{place}: unknown key {key:?}, {found}")
            }
            Self::Repeated { place, key } => write!(formatter, "{place}: {key} occurs again"),
            Self::Order { place } => write!(formatter, "{place}: keys in another order"),
            Self::Kind {
                place,
                key,
                expected,
                found,
            } => write!(
                formatter,
                "{place}: {key}: expected {expected}, found {found}"
            ),
            Self::Width {
                place,
                key,
                expected,
                found,
            } => write!(
                formatter,
                "{place}: {key}: expected an integer of {expected} octets, found {found}"
            ),
            Self::Text { place, key } => {
                write!(formatter, "{place}: {key}: a string that is no unicode")
            }
            Self::Value {
                place,
                key,
                expected,
                found,
            } => write!(
                formatter,
                "{place}: {key}: expected {expected:?}, found {found:?}"
            ),
            Self::Member { index, found } => {
                let place = Place::Invitee(*index);
                write!(formatter, "{place}: expected dictionary, found {found}")
            }
            Self::Members { found } => write!(formatter, "expected 2 invitees, found {found}"),
            Self::Surplus { found } => write!(
                formatter,
                "expected at most {MAX_INVITEES} invitees, found {found} more"
            ),
            Self::More => formatter.write_str("more differences than are told"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Binary => "binary property list",
            Self::Xml => "xml property list",
            Self::KeyedBinary => "keyed archive in a binary property list",
            Self::KeyedXml => "keyed archive in an xml property list",
        })
    }
}
