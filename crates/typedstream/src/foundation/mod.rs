//! Objects of the Foundation framework: seen as what they are, and built.
//!
//! [`Archive::foundation`](crate::Archive::foundation) shows one object at a time, and names the objects inside by their
//! [`ObjectId`]; so shared objects stay shared, and a ring of objects is no trap.
//! [`Builder`] makes such objects.
//!
//! ```
//! use typedstream::foundation::{Builder, Foundation, Mutability};
//! use typedstream::{Archive, ByteOrder, Number};
//!
//! let mut builder = Builder::new(ByteOrder::Little);
//! let key = builder.string("version", Mutability::Immutable);
//! let two = builder.number(Number::Int(2));
//! let root = builder.dictionary(&[(key, two)], Mutability::Mutable);
//! let octets = builder.finish(root).encode()?;
//!
//! let archive = Archive::decode(&octets)?;
//! let root = archive.root().ok_or("no root")?;
//! let version = archive.entry(root, "version").ok_or("no version")?;
//! assert_eq!(archive.foundation(version)?, Foundation::Number(Number::Int(2)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod view;

use crate::{Number, Object, ObjectId, SharedString, Value};

pub use build::Builder;
pub use view::split_runs;

/// Whether an object is of the class whose objects can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mutability {
    /// For example `NSArray`.
    #[default]
    Immutable,
    /// For example `NSMutableArray`.
    Mutable,
}

/// One object, seen as what its class makes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Foundation<'a> {
    /// `NSString`, `NSMutableString`
    String {
        /// The text.
        text: &'a str,
        /// Which of the two.
        mutability: Mutability,
    },
    /// `NSNumber`. A boolean is a [`Number::Char`] of 0 or 1.
    Number(Number),
    /// `NSValue`
    Value {
        /// The type of what it holds, for example `{_NSPoint=ff}`.
        encoding: &'a SharedString,
        /// What it holds.
        values: &'a [Value],
    },
    /// `NSData`, `NSMutableData`
    Data {
        /// The octets.
        octets: &'a [u8],
        /// Which of the two.
        mutability: Mutability,
    },
    /// `NSArray`, `NSMutableArray`
    Array {
        /// The elements.
        elements: Vec<ObjectId>,
        /// Which of the two.
        mutability: Mutability,
    },
    /// `NSDictionary`, `NSMutableDictionary`
    Dictionary {
        /// Keys and values in the order of the archive.
        entries: Vec<(ObjectId, ObjectId)>,
        /// Which of the two.
        mutability: Mutability,
    },
    /// `NSSet`, `NSMutableSet`
    Set {
        /// The elements in the order of the archive.
        elements: Vec<ObjectId>,
        /// Which of the two.
        mutability: Mutability,
    },
    /// `NSDate`
    Date {
        /// Seconds since the beginning of 2001, UTC.
        seconds: f64,
    },
    /// `NSNull`
    Null,
    /// `NSURL`
    Url {
        /// What it is relative to.
        base: Option<ObjectId>,
        /// Its text, a string.
        text: ObjectId,
    },
    /// `NSAttributedString`, `NSMutableAttributedString`
    AttributedString {
        /// The text, a string.
        text: ObjectId,
        /// Stretches of the text with the same attributes.
        runs: Vec<Run>,
        /// Which of the two.
        mutability: Mutability,
    },
    /// An object of any other class, or of a subclass of one of these that writes otherwise.
    Unknown(&'a Object),
}

/// A stretch of an attributed string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How long it is, in UTF-16 units.
    pub length: u32,
    /// Its attributes, a dictionary.
    pub attributes: ObjectId,
}

/// Why an object cannot be seen as what its class says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoundationError {
    /// There is no such object.
    #[error("there is no object {}", .0.0)]
    NoObject(ObjectId),
    /// What the object holds is not what its class writes.
    #[error("object {}: no {class} in group {group}", object.0)]
    Content {
        /// The object.
        object: ObjectId,
        /// What it should be.
        class: &'static str,
        /// The first of its groups that does not fit, from 0, or the number of its groups.
        group: usize,
    },
}
