//! What can be wrong with a keyed archive.

use thiserror::Error;

use crate::bplist::Kind;

/// Why a property list is no keyed archive that we read. Objects are named by their number in
/// `$objects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyedError {
    /// A part is missing.
    #[error("expected a keyed archive with {key}, found none")]
    Missing {
        /// The key of the part.
        key: &'static str,
    },
    /// A part is of another kind than it has to be.
    #[error("expected another kind of {key} in a keyed archive, found {found}")]
    Part {
        /// The key of the part.
        key: &'static str,
        /// What it is.
        found: Kind,
    },
    /// A reference to an object that does not exist.
    #[error("expected the number of an object below {limit}, found {found}")]
    Reference {
        /// The number of objects.
        limit: usize,
        /// The number found.
        found: u64,
    },
    /// Something that cannot be an object.
    #[error("object {number}: expected a value, found {found}")]
    Object {
        /// The object.
        number: u64,
        /// What it is.
        found: Kind,
    },
    /// Something that is no description of a class.
    #[error("object {number}: expected a class with a name, found {found}")]
    Class {
        /// The object.
        number: u64,
        /// What it is.
        found: Kind,
    },
    /// An object that contains itself.
    #[error("object {number}: expected another object, found it within itself")]
    Cycle {
        /// The object.
        number: u64,
    },
    /// No value that is meant as the whole.
    #[error("expected one value in $top or one named root, found {found} others")]
    Root {
        /// The number of values.
        found: usize,
    },
    /// A key that a property list cannot have.
    #[error("expected a string as key of a dictionary, found another value")]
    Key,
    /// Too many containers within each other.
    #[error("expected at most {limit} containers within each other, found more")]
    Depth {
        /// Containers that are allowed.
        limit: usize,
    },
    /// Too many values, each counted as often as it is referred to.
    #[error("expected at most {limit} values in all, found more")]
    Objects {
        /// Values that are allowed.
        limit: usize,
    },
    /// Too many octets of strings and data, each counted as often as it is referred to.
    #[error("expected at most {limit} octets of content, found more")]
    Expanded {
        /// Octets that are allowed.
        limit: usize,
    },
}
