//! What a walk through an archive has to remember.

use typedstream::{Event, Number};

/// An entry of the table of objects, classes and C strings.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry {
    /// A string: where its text is.
    Text(Span),
    /// A number.
    Number(Number),
    /// Data: where its octets are.
    Data(Span),
    /// A class whose objects are of this kind.
    Class(Kind),
    /// Anything else, also an object that has not ended.
    Other,
}

/// A stretch of the archive. Offsets fit: archives are of at most 1 MiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    offset: u32,
    length: u32,
}

impl Span {
    /// The last `length` octets of an event.
    pub(super) fn at_end_of(event: &Event<'_>, length: usize) -> Self {
        let offset = (event.offset + event.length).saturating_sub(length);
        Self {
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn length(self) -> i64 {
        self.length.into()
    }

    /// The offset and the octets.
    pub(super) fn of(self, archive: &[u8]) -> Option<(usize, &[u8])> {
        let offset = usize::try_from(self.offset).ok()?;
        let length = usize::try_from(self.length).ok()?;
        let octets = archive.get(offset..offset.checked_add(length)?)?;
        Some((offset, octets))
    }
}

/// What the objects of a class are, mutable or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    String,
    Number,
    Data,
    Other,
}

impl Kind {
    pub(super) fn of_class(name: &[u8]) -> Self {
        match name {
            b"NSDictionary" | b"NSMutableDictionary" => Self::Dictionary,
            b"NSString" | b"NSMutableString" => Self::String,
            b"NSNumber" => Self::Number,
            b"NSData" | b"NSMutableData" => Self::Data,
            _ => Self::Other,
        }
    }
}

/// What an open object is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The dictionary that is the archive.
    Root,
    /// The value of `connection helper` in it.
    Helper,
    /// The value of `SIP-ICE` in it.
    Blob,
    /// Anything else.
    Other,
}

/// A key of a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Helper,
    Version,
    Candidates,
    CommNat,
    Unknown,
}

/// An object that has begun and not ended.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) index: usize,
    pub(super) offset: usize,
    pub(super) role: Role,
    pub(super) kind: Kind,
    /// How many entries or octets it says it has.
    pub(super) count: Option<i32>,
    /// How many entries have ended.
    pub(super) entries: i32,
    /// The key whose value comes next.
    pub(super) key: Option<Key>,
    /// What it is worth once it ends.
    pub(super) content: Entry,
}

impl Frame {
    pub(super) fn new(index: usize, offset: usize, role: Role) -> Self {
        Self {
            index,
            offset,
            role,
            kind: Kind::Other,
            count: None,
            entries: 0,
            key: None,
            content: Entry::Other,
        }
    }
}
