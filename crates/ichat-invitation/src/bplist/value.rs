//! The values of a property list, in whatever form it is written.

use std::borrow::Cow;
use std::fmt;

use super::{Integer, Real, Text, Uid};

/// One value of a property list. Strings and data are borrowed from the octets where they can be.
///
/// What is not in the characters of a value but in how it is written, the width of an integer and of
/// a real, is kept. The order of a dictionary is the order found; a key may occur twice.
#[derive(Debug, Clone, PartialEq)]
pub enum PlistValue<'a> {
    /// Nothing (`00`). Foundation writes none.
    Null,
    /// Padding that something refers to (`0f`). Nobody writes it.
    Fill,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(Integer),
    /// A floating-point number.
    Real(Real),
    /// A point in time, in seconds since the begin of 2001, UTC.
    Date(f64),
    /// Octets.
    Data(Cow<'a, [u8]>),
    /// A string.
    String(Text<'a>),
    /// The number of an object in a keyed archive.
    Uid(Uid),
    /// Values in their order.
    Array(Vec<PlistValue<'a>>),
    /// Values without duplicates, in an order that means something.
    OrderedSet(Vec<PlistValue<'a>>),
    /// Values without duplicates, in the order found.
    Set(Vec<PlistValue<'a>>),
    /// Keys with their values, in the order found.
    Dictionary(Vec<(Text<'a>, PlistValue<'a>)>),
}

/// What kind a value or an object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing.
    Null,
    /// Padding.
    Fill,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A floating-point number.
    Real,
    /// A point in time.
    Date,
    /// Octets.
    Data,
    /// A string.
    String,
    /// The number of an object in a keyed archive.
    Uid,
    /// Values in their order.
    Array,
    /// Values without duplicates, ordered.
    OrderedSet,
    /// Values without duplicates.
    Set,
    /// Keys with their values.
    Dictionary,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Null => "null",
            Self::Fill => "fill",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Date => "date",
            Self::Data => "data",
            Self::String => "string",
            Self::Uid => "uid",
            Self::Array => "array",
            Self::OrderedSet => "ordered set",
            Self::Set => "set",
            Self::Dictionary => "dictionary",
        })
    }
}

impl<'a> PlistValue<'a> {
    /// What kind of value this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Fill => Kind::Fill,
            Self::Boolean(_) => Kind::Boolean,
            Self::Integer(_) => Kind::Integer,
            Self::Real(_) => Kind::Real,
            Self::Date(_) => Kind::Date,
            Self::Data(_) => Kind::Data,
            Self::String(_) => Kind::String,
            Self::Uid(_) => Kind::Uid,
            Self::Array(_) => Kind::Array,
            Self::OrderedSet(_) => Kind::OrderedSet,
            Self::Set(_) => Kind::Set,
            Self::Dictionary(_) => Kind::Dictionary,
        }
    }

    /// The entries of a dictionary.
    pub fn as_dictionary(&self) -> Option<&[(Text<'a>, PlistValue<'a>)]> {
        if let Self::Dictionary(entries) = self {
            Some(entries)
        } else {
            None
        }
    }

    /// The first value with that key, if this is a dictionary that has one.
    pub fn get(&self, key: &str) -> Option<&PlistValue<'a>> {
        let entry = self.as_dictionary()?.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value)
    }

    /// The same value, borrowed.
    pub fn borrowed(&self) -> PlistValue<'_> {
        match self {
            Self::Null => PlistValue::Null,
            Self::Fill => PlistValue::Fill,
            Self::Boolean(value) => PlistValue::Boolean(*value),
            Self::Integer(value) => PlistValue::Integer(*value),
            Self::Real(value) => PlistValue::Real(*value),
            Self::Date(value) => PlistValue::Date(*value),
            Self::Data(octets) => PlistValue::Data(Cow::Borrowed(octets)),
            Self::String(text) => PlistValue::String(text.borrowed()),
            Self::Uid(value) => PlistValue::Uid(*value),
            Self::Array(values) => PlistValue::Array(borrowed_list(values)),
            Self::OrderedSet(values) => PlistValue::OrderedSet(borrowed_list(values)),
            Self::Set(values) => PlistValue::Set(borrowed_list(values)),
            Self::Dictionary(entries) => PlistValue::Dictionary(
                entries
                    .iter()
                    .map(|(key, value)| (key.borrowed(), value.borrowed()))
                    .collect(),
            ),
        }
    }

    /// The same value, which borrows nothing any more.
    pub fn into_owned(self) -> PlistValue<'static> {
        match self {
            Self::Null => PlistValue::Null,
            Self::Fill => PlistValue::Fill,
            Self::Boolean(value) => PlistValue::Boolean(value),
            Self::Integer(value) => PlistValue::Integer(value),
            Self::Real(value) => PlistValue::Real(value),
            Self::Date(value) => PlistValue::Date(value),
            Self::Data(octets) => PlistValue::Data(Cow::Owned(octets.into_owned())),
            Self::String(text) => PlistValue::String(text.into_owned()),
            Self::Uid(value) => PlistValue::Uid(value),
            Self::Array(values) => PlistValue::Array(owned_list(values)),
            Self::OrderedSet(values) => PlistValue::OrderedSet(owned_list(values)),
            Self::Set(values) => PlistValue::Set(owned_list(values)),
            Self::Dictionary(entries) => PlistValue::Dictionary(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect(),
            ),
        }
    }
}

fn borrowed_list<'v>(values: &'v [PlistValue<'_>]) -> Vec<PlistValue<'v>> {
    values.iter().map(PlistValue::borrowed).collect()
}

fn owned_list(values: Vec<PlistValue<'_>>) -> Vec<PlistValue<'static>> {
    values.into_iter().map(PlistValue::into_owned).collect()
}
