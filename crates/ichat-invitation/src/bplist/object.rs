//! One object of a binary property list: marker, length, content.
//!
//! | marker | object |
//! |---|---|
//! | `00` `08` `09` `0f` | null, false, true, fill |
//! | `1n` | integer of 2^n octets |
//! | `22` `23` | real of 4 and 8 octets |
//! | `33` | date: 8 octets, seconds since the begin of 2001 |
//! | `4n` | n octets of data |
//! | `5n` | n ASCII characters |
//! | `6n` | n big-endian UTF-16 units |
//! | `8n` | the number of an object in a keyed archive, n + 1 octets |
//! | `An` `Bn` `Cn` | array, ordered set and set of n references |
//! | `Dn` | dictionary: n references to keys, then n to values |
//!
//! Where n is 15, an integer object follows that holds the number. Source:
//! `docs/protocol/invitation.md`, top dictionary \[C\] for what the capture holds; the rest is
//! common knowledge of every reader of the format \[P\].

use super::head::{Class, Head};
use super::number::unsigned;
use super::{DecodeError, Integer, Kind, Real, Text, Uid};

/// One object and where it stands. Nothing is copied from the octets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object<'a> {
    /// Its number.
    pub number: usize,
    /// Where its marker stands.
    pub offset: usize,
    /// Where its content begins: behind marker and length.
    pub content_offset: usize,
    /// Where it ends: the first octet that is no more of it.
    pub end: usize,
    /// What it is.
    pub kind: ObjectKind<'a>,
}

/// What an object is and holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ObjectKind<'a> {
    /// Nothing.
    Null,
    /// Padding.
    Fill,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(Integer),
    /// A floating-point number.
    Real(Real),
    /// Seconds since the begin of 2001, UTC.
    Date(f64),
    /// Octets.
    Data(&'a [u8]),
    /// A string of one octet a character.
    Ascii(&'a [u8]),
    /// A string of big-endian UTF-16 units.
    Utf16(&'a [u8]),
    /// The number of an object in a keyed archive.
    Uid(Uid),
    /// Values in their order.
    Array(References<'a>),
    /// Values without duplicates, ordered.
    OrderedSet(References<'a>),
    /// Values without duplicates.
    Set(References<'a>),
    /// Keys, and as many values.
    Dictionary {
        /// The keys.
        keys: References<'a>,
        /// The values, in the order of their keys.
        values: References<'a>,
    },
}

/// One reference to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Where the reference stands.
    pub offset: usize,
    /// The number of the object that is meant; it need not exist.
    pub number: u64,
}

/// References to objects, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct References<'a> {
    octets: &'a [u8],
    offset: usize,
    width: usize,
}

impl<'a> References<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.octets.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The references in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Reference> + use<'a> {
        let (offset, width) = (self.offset, self.width.max(1));
        let chunks = self.octets.chunks_exact(width).enumerate();
        chunks.map(move |(index, octets)| Reference {
            offset: offset + index * width,
            number: unsigned(octets),
        })
    }
}

impl<'a> Object<'a> {
    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self.kind {
            ObjectKind::Null => Kind::Null,
            ObjectKind::Fill => Kind::Fill,
            ObjectKind::Boolean(_) => Kind::Boolean,
            ObjectKind::Integer(_) => Kind::Integer,
            ObjectKind::Real(_) => Kind::Real,
            ObjectKind::Date(_) => Kind::Date,
            ObjectKind::Data(_) => Kind::Data,
            ObjectKind::Ascii(_) | ObjectKind::Utf16(_) => Kind::String,
            ObjectKind::Uid(_) => Kind::Uid,
            ObjectKind::Array(_) => Kind::Array,
            ObjectKind::OrderedSet(_) => Kind::OrderedSet,
            ObjectKind::Set(_) => Kind::Set,
            ObjectKind::Dictionary { .. } => Kind::Dictionary,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<Text<'a>> {
        if let ObjectKind::Ascii(octets) = self.kind {
            Some(Text::from_ascii(octets))
        } else if let ObjectKind::Utf16(octets) = self.kind {
            Some(Text::from_utf16(octets))
        } else {
            None
        }
    }

    /// All objects that a container refers to: of a dictionary first the keys, then the values.
    pub fn references(&self) -> impl Iterator<Item = Reference> + use<'a> {
        let empty = References {
            octets: &[],
            offset: self.end,
            width: 1,
        };
        let (first, second) = match self.kind {
            ObjectKind::Array(members)
            | ObjectKind::OrderedSet(members)
            | ObjectKind::Set(members) => (members, empty),
            ObjectKind::Dictionary { keys, values } => (keys, values),
            ObjectKind::Null
            | ObjectKind::Fill
            | ObjectKind::Boolean(_)
            | ObjectKind::Integer(_)
            | ObjectKind::Real(_)
            | ObjectKind::Date(_)
            | ObjectKind::Data(_)
            | ObjectKind::Ascii(_)
            | ObjectKind::Utf16(_)
            | ObjectKind::Uid(_) => (empty, empty),
        };
        first.iter().chain(second.iter())
    }

    /// Reads the object at `offset`. Everything of it lies within `octets`, which end where the
    /// part of the objects ends.
    pub(super) fn parse(
        octets: &'a [u8],
        offset: usize,
        number: usize,
        reference_width: usize,
    ) -> Result<Self, DecodeError> {
        let head = Head::parse(octets, offset)?;
        let at = head.content_offset;
        let expected = head.content_len(reference_width);
        let found = octets.get(at..).unwrap_or_default();
        let content = usize::try_from(expected)
            .ok()
            .and_then(|length| found.get(..length))
            .ok_or(DecodeError::Truncated {
                offset: at,
                expected,
                found: found.len(),
            })?;
        Ok(Self {
            number,
            offset,
            content_offset: at,
            end: at + content.len(),
            kind: kind(head.class, content, at, reference_width),
        })
    }
}

/// What an object is, from its class and its whole content.
fn kind(class: Class, content: &[u8], offset: usize, reference_width: usize) -> ObjectKind<'_> {
    let references = References {
        octets: content,
        offset,
        width: reference_width,
    };
    match class {
        Class::Null => ObjectKind::Null,
        Class::Fill => ObjectKind::Fill,
        Class::False => ObjectKind::Boolean(false),
        Class::True => ObjectKind::Boolean(true),
        Class::Integer => ObjectKind::Integer(Integer::from_octets(content)),
        Class::Single => {
            let bits = u32::try_from(unsigned(content)).unwrap_or_default();
            ObjectKind::Real(Real::Single(f32::from_bits(bits)))
        }
        Class::Double => ObjectKind::Real(Real::Double(f64::from_bits(unsigned(content)))),
        Class::Date => ObjectKind::Date(f64::from_bits(unsigned(content))),
        Class::Data => ObjectKind::Data(content),
        Class::Ascii => ObjectKind::Ascii(content),
        Class::Utf16 => ObjectKind::Utf16(content),
        Class::Uid => ObjectKind::Uid(Uid::from_octets(content)),
        Class::Array => ObjectKind::Array(references),
        Class::OrderedSet => ObjectKind::OrderedSet(references),
        Class::Set => ObjectKind::Set(references),
        Class::Dictionary => {
            let (keys, values) = content.split_at(content.len() / 2);
            ObjectKind::Dictionary {
                keys: References {
                    octets: keys,
                    ..references
                },
                values: References {
                    octets: values,
                    offset: offset + keys.len(),
                    ..references
                },
            }
        }
    }
}
