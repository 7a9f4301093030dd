//! Binary property lists (`bplist00`), read with limits and written as CoreFoundation writes them.
//!
//! ```text
//! "bplist00"
//! objects         one after the other: a marker octet, a length where it needs one, the content
//! offset table    the offset of each object, by its number
//! trailer         32 octets: sizes of offsets and references, count, top object, place of the table
//! ```
//!
//! Containers hold numbers of objects, so a small file can describe a large value: an object may be
//! referred to often, and even contain itself. [`decode`] therefore counts what it builds against
//! [`Limits`], every object as often as it is referred to, before it allocates.
//!
//! - [`decode`] and [`encode`]: a whole list to a [`PlistValue`] and back.
//! - [`Objects`]: the objects with their offsets, for who wants to look at the octets.
//! - [`salvage`]: what a list without its end still says.
//!
//! Source: `docs/protocol/invitation.md`, top dictionary [C; P].

mod decode;
mod encode;
mod error;
mod flatten;
mod head;
mod known;
mod number;
mod object;
mod objects;
mod salvage;
mod text;
mod value;

pub use decode::{decode, decode_with};
pub use encode::{encode, encode_with};
pub use error::{DecodeError, EncodeError};
pub use number::{Integer, Real, Uid};
pub use object::{Object, ObjectKind, Reference, References};
pub use objects::{Objects, Trailer};
pub use salvage::{Partial, Salvaged, SalvagedEntry, SalvagedValue, salvage};
pub use text::Text;
pub use value::{Kind, PlistValue};

/// What every binary property list of this version begins with.
pub const MAGIC: &[u8; 8] = b"bplist00";

/// What reading or writing a property list may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the whole list, and of all its strings and data together, each counted as often
    /// as it is referred to; strings in UTF-16 three times as often. Default 1 MiB.
    pub octets: usize,
    /// Containers within each other. Default 32.
    pub depth: usize,
    /// Objects, each counted as often as it is referred to. Default 10,000.
    pub objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            octets: 1 << 20,
            depth: 32,
            objects: 10_000,
        }
    }
}

/// Whether the octets claim to be a binary property list of any version.
pub fn is_binary(octets: &[u8]) -> bool {
    octets.starts_with(b"bplist")
}
