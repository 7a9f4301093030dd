//! What can be wrong with an archive, and with what is to become one.

use crate::encoding::EncodingFault;
use crate::{CStringId, ClassId, ObjectId};

/// What an entry of the table of objects is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Referent {
    /// An object.
    Object,
    /// A class.
    Class,
    /// A C string.
    CString,
}

impl std::fmt::Display for Referent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Object => "an object",
            Self::Class => "a class",
            Self::CString => "a C string",
        })
    }
}

/// What could have stood where a tag was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// An integer.
    Integer,
    /// A float or a double.
    Floating,
    /// The length of a string.
    Length,
    /// A shared string: a type encoding, the name of a class, a selector, an atom.
    SharedString,
    /// An object.
    Object,
    /// A class.
    Class,
    /// A C string.
    CString,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Integer => "an integer",
            Self::Floating => "a float",
            Self::Length => "a length",
            Self::SharedString => "a shared string",
            Self::Object => "an object",
            Self::Class => "a class",
            Self::CString => "a C string",
        })
    }
}

/// Why octets are no archive, or none that is read. Every offset counts from the first octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The archive ends too early. In a string or an array of octets, `offset` is where its
    /// content begins and `found` octets of it are there.
    #[error("offset {offset}: {expected} octets expected, {found} found")]
    Truncated {
        /// Where the octets that are needed begin.
        offset: usize,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// It is an archive of an early NeXT system.
    #[error("offset 0: streamer version 3, of early NeXT systems, is not read: 4 expected")]
    OldStreamerVersion,
    /// The first octet is no streamer version of a typedstream.
    #[error("offset 0: streamer version 4 expected, found {found}")]
    StreamerVersion {
        /// The first octet.
        found: u8,
    },
    /// The second octet is not the length of a signature.
    #[error("offset 1: a signature of 11 octets expected, found a length of {found}")]
    SignatureLength {
        /// The second octet.
        found: u8,
    },
    /// The signature is neither of the two.
    #[error("offset 2: no typedstream: its signature is neither `streamtyped` nor `typedstream`")]
    Signature,
    /// An octet that stands for something else is where a value has to be.
    #[error("offset {offset}: {expected} expected, found the tag {found:02x}")]
    UnexpectedTag {
        /// Where the tag is.
        offset: usize,
        /// What could be there.
        expected: Expected,
        /// The tag.
        found: u8,
    },
    /// An integer does not fit its type.
    #[error("offset {offset}: the integer {value} does not fit the type `{}`", char::from(*type_code))]
    IntegerRange {
        /// Where the integer begins.
        offset: usize,
        /// The type's letter.
        type_code: u8,
        /// The integer.
        value: i64,
    },
    /// A boolean is neither 0 nor 1.
    #[error("offset {offset}: a boolean of 0 or 1 expected, found {found}")]
    Boolean {
        /// Where it is.
        offset: usize,
        /// The octet.
        found: u8,
    },
    /// A reference to a shared string that has not occurred.
    #[error("offset {offset}: reference to shared string {index}, but there are {entries}")]
    StringReference {
        /// Where the reference is.
        offset: usize,
        /// The index, which may be below 0.
        index: i64,
        /// How many strings have occurred so far.
        entries: usize,
    },
    /// A reference to an object, class or C string that has not occurred.
    #[error("offset {offset}: reference to entry {index}, but there are {entries}")]
    Reference {
        /// Where the reference is.
        offset: usize,
        /// The index, which may be below 0.
        index: i64,
        /// How many entries have occurred so far.
        entries: usize,
    },
    /// A reference to something of another kind.
    #[error("offset {offset}: entry {index} has to be {expected}, but is {found}")]
    ReferenceKind {
        /// Where the reference is.
        offset: usize,
        /// The index.
        index: usize,
        /// What it has to be.
        expected: Referent,
        /// What it is.
        found: Referent,
    },
    /// Nil where there has to be a string.
    #[error("offset {offset}: a string expected, found nil")]
    NilString {
        /// Where nil is.
        offset: usize,
    },
    /// A C string with a zero octet inside.
    #[error("offset {offset}: a C string with a zero octet")]
    ZeroInCString {
        /// Where the C string begins.
        offset: usize,
    },
    /// A class is its own superclass.
    #[error("offset {offset}: class {index} is its own superclass")]
    ClassCycle {
        /// Where the reference is.
        offset: usize,
        /// The index of the class.
        index: usize,
    },
    /// An object of no class.
    #[error("offset {offset}: an object of the class nil")]
    NilClass {
        /// Where nil is.
        offset: usize,
    },
    /// A type encoding that says nothing, or something that cannot be read.
    #[error("offset {offset}: type encoding, octet {position}: {fault}")]
    Encoding {
        /// Where the group with this encoding begins.
        offset: usize,
        /// Which octet of the encoding is at fault, from 0.
        position: usize,
        /// What is wrong with it.
        fault: EncodingFault,
    },
    /// The archive is longer than [`Limits::octets`](crate::Limits::octets).
    #[error("offset {limit}: an archive of {found} octets, at most {limit} are read")]
    TooLong {
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Objects, arrays and structs lie deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("offset {offset}: nested deeper than {limit}")]
    TooDeep {
        /// Where the one too many begins.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// More objects, classes and C strings, or more shared strings, than
    /// [`Limits::objects`](crate::Limits::objects).
    #[error("offset {offset}: more than {limit} objects or strings")]
    TooManyObjects {
        /// Where the one too many begins.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// The archive makes more work than its length justifies.
    #[error("offset {offset}: more than {limit} units of work")]
    TooMuchWork {
        /// How far reading got.
        offset: usize,
        /// The limit, which follows from the length.
        limit: usize,
    },
    /// The archive needs more memory than [`Limits::memory`](crate::Limits::memory).
    #[error("offset {offset}: more than {limit} octets of memory")]
    TooMuchMemory {
        /// How far reading got.
        offset: usize,
        /// The limit.
        limit: usize,
    },
}

impl DecodeError {
    /// Where in the archive it is.
    pub fn offset(&self) -> usize {
        match self {
            Self::Truncated { offset, .. }
            | Self::UnexpectedTag { offset, .. }
            | Self::IntegerRange { offset, .. }
            | Self::Boolean { offset, .. }
            | Self::StringReference { offset, .. }
            | Self::Reference { offset, .. }
            | Self::ReferenceKind { offset, .. }
            | Self::NilString { offset }
            | Self::ZeroInCString { offset }
            | Self::ClassCycle { offset, .. }
            | Self::NilClass { offset }
            | Self::Encoding { offset, .. }
            | Self::TooDeep { offset, .. }
            | Self::TooManyObjects { offset, .. }
            | Self::TooMuchWork { offset, .. }
            | Self::TooMuchMemory { offset, .. } => *offset,
            Self::OldStreamerVersion | Self::StreamerVersion { .. } => 0,
            Self::SignatureLength { .. } => 1,
            Self::Signature => 2,
            Self::TooLong { limit, .. } => *limit,
        }
    }
}

/// Where in an [`Archive`](crate::Archive) a group of values is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupPlace {
    /// The object that it belongs to; `None` for the archive itself.
    pub object: Option<ObjectId>,
    /// Its number there, from 0.
    pub group: usize,
}

impl std::fmt::Display for GroupPlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.object {
            Some(ObjectId(object)) => write!(formatter, "object {object}, group {}", self.group),
            None => write!(formatter, "group {}", self.group),
        }
    }
}

/// Why an [`Archive`](crate::Archive) cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Only streamer version 4 is written.
    #[error("streamer version 4 expected, found {found}")]
    StreamerVersion {
        /// The header's.
        found: u8,
    },
    /// There is no such object.
    #[error("there is no object {}", .0.0)]
    NoObject(ObjectId),
    /// There is no such class.
    #[error("there is no class {}", .0.0)]
    NoClass(ClassId),
    /// There is no such C string.
    #[error("there is no C string {}", .0.0)]
    NoCString(CStringId),
    /// A class is its own superclass.
    #[error("class {} is its own superclass", .0.0)]
    ClassCycle(ClassId),
    /// A C string with a zero octet inside.
    #[error("C string {} holds a zero octet", .0.0)]
    ZeroInCString(CStringId),
    /// A type encoding that says nothing, or something that cannot be written.
    #[error("{place}: type encoding, octet {position}: {fault}")]
    Encoding {
        /// Where the group is.
        place: GroupPlace,
        /// Which octet of the encoding is at fault, from 0.
        position: usize,
        /// What is wrong with it.
        fault: EncodingFault,
    },
    /// A value is not of the type that the encoding says.
    #[error("{place}: a value of the type `{}` expected, found {found}", char::from(*expected))]
    Type {
        /// Where the group is.
        place: GroupPlace,
        /// First letter of the type.
        expected: u8,
        /// What the value is.
        found: &'static str,
    },
    /// A group, struct or array does not hold as many values as its encoding says.
    #[error("{place}: {expected} values expected, found {found}")]
    Count {
        /// Where the group is.
        place: GroupPlace,
        /// How many the encoding says.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A string, or a table, of more than 2³¹ − 1.
    #[error("a string or a table is too long")]
    TooLong,
}
