//! What a [`Reader`](crate::Reader) finds.

use crate::Number;

/// One step through an archive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    /// Where its octets begin, from the first octet of the archive.
    pub offset: usize,
    /// How many octets are its own; 0 for what follows from the type encoding alone.
    pub length: usize,
    /// What it is.
    pub kind: EventKind<'a>,
}

/// A shared string where it occurs.
///
/// The table of shared strings holds type encodings, names of classes, contents of C strings,
/// selectors and atoms. Each is written out once, and is a reference from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared<'a> {
    /// Its index in the table of shared strings, from 0.
    pub index: usize,
    /// Its octets.
    pub text: &'a [u8],
    /// Whether it is written out here; else this is a reference.
    pub is_new: bool,
}

/// What an [`Event`] is.
///
/// Objects, classes and C strings share one table, in the order in which they begin; `index` is
/// the place in it, from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventKind<'a> {
    /// A group of values begins; its values follow, one for each type of the encoding.
    GroupBegin {
        /// The type encoding, never empty.
        encoding: Shared<'a>,
    },
    /// The group has ended.
    GroupEnd,
    /// An object begins. Its class follows, as [`Class`](Self::Class) and
    /// [`ClassReference`](Self::ClassReference), then groups.
    ObjectBegin {
        /// Its index.
        index: usize,
    },
    /// An object ends.
    ObjectEnd {
        /// Its index.
        index: usize,
    },
    /// An object that has occurred before, perhaps one that has not ended yet.
    ObjectReference {
        /// Its index.
        index: usize,
    },
    /// No object.
    NilObject,
    /// A class that has not occurred before. Its superclass follows: a `Class`, a
    /// `ClassReference` or `NilClass`.
    Class {
        /// Its index.
        index: usize,
        /// Its name.
        name: Shared<'a>,
        /// Its version.
        version: i32,
    },
    /// A class that has occurred before.
    ClassReference {
        /// Its index.
        index: usize,
    },
    /// No class; the end of a chain of superclasses.
    NilClass,
    /// A C string that has not occurred before.
    CString {
        /// Its index.
        index: usize,
        /// Its content, which may have occurred before.
        text: Shared<'a>,
    },
    /// A C string that has occurred before.
    CStringReference {
        /// Its index.
        index: usize,
    },
    /// No C string: a null pointer.
    NilCString,
    /// A selector.
    Selector(Option<Shared<'a>>),
    /// An atom: NeXT's unique string.
    Atom(Option<Shared<'a>>),
    /// A string of octets that is not shared.
    ByteString(Option<&'a [u8]>),
    /// A number.
    Number(Number),
    /// A value of the type `!`, of which nothing is written.
    Ignored,
    /// A whole array of `char`, `unsigned char` or `bool`.
    Octets {
        /// The letter of the element's type.
        element: u8,
        /// The elements.
        octets: &'a [u8],
    },
    /// An array begins; its elements follow.
    ArrayBegin {
        /// How many elements follow.
        length: usize,
        /// Type encoding of an element.
        element: &'a [u8],
    },
    /// The array has ended.
    ArrayEnd,
    /// A struct begins; its fields follow.
    StructBegin {
        /// Its name, if the encoding has one; `?` if it has none in C.
        name: Option<&'a [u8]>,
        /// Type encoding of its fields.
        fields: &'a [u8],
    },
    /// The struct has ended.
    StructEnd,
}
