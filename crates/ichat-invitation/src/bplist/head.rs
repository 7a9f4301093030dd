//! What an object begins with: its marker, and its length where the marker has no room for it.

use super::number::unsigned;
use super::{DecodeError, Kind};

/// What a marker says that an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Null,
    Fill,
    False,
    True,
    Integer,
    Single,
    Double,
    Date,
    Data,
    Ascii,
    Utf16,
    Uid,
    Array,
    OrderedSet,
    Set,
    Dictionary,
}

/// Marker and length of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) class: Class,
    /// Octets, UTF-16 units, members or entries.
    pub(super) count: u64,
    /// Where the content begins.
    pub(super) content_offset: usize,
}

impl Head {
    /// Reads marker and length at `offset`.
    pub(super) fn parse(octets: &[u8], offset: usize) -> Result<Self, DecodeError> {
        let marker = octets.get(offset).copied().ok_or(DecodeError::Truncated {
            offset,
            expected: 1,
            found: 0,
        })?;
        let low = marker & 0x0f;
        let fixed = |class, count| {
            Ok(Self {
                class,
                count,
                content_offset: offset + 1,
            })
        };
        let counted = |class| Self::counted(octets, offset, class, low);
        match marker {
            0x00 => fixed(Class::Null, 0),
            0x08 => fixed(Class::False, 0),
            0x09 => fixed(Class::True, 0),
            0x0f => fixed(Class::Fill, 0),
            0x10..=0x14 => fixed(Class::Integer, 1 << low),
            0x22 => fixed(Class::Single, 4),
            0x23 => fixed(Class::Double, 8),
            0x33 => fixed(Class::Date, 8),
            0x40..=0x4f => counted(Class::Data),
            0x50..=0x5f => counted(Class::Ascii),
            0x60..=0x6f => counted(Class::Utf16),
            0x80..=0x87 => fixed(Class::Uid, u64::from(low) + 1),
            0xa0..=0xaf => counted(Class::Array),
            0xb0..=0xbf => counted(Class::OrderedSet),
            0xc0..=0xcf => counted(Class::Set),
            0xd0..=0xdf => counted(Class::Dictionary),
            found => Err(DecodeError::Marker { offset, found }),
        }
    }

    /// The head of an object whose length is in its marker, or in an integer behind it.
    fn counted(octets: &[u8], offset: usize, class: Class, low: u8) -> Result<Self, DecodeError> {
        let at = offset + 1;
        if low < 0x0f {
            return Ok(Self {
                class,
                count: low.into(),
                content_offset: at,
            });
        }
        let rest = octets.get(at..).unwrap_or_default();
        let truncated = |expected| DecodeError::Truncated {
            offset: at,
            expected,
            found: rest.len(),
        };
        let (marker, rest) = rest.split_first().ok_or(truncated(2))?;
        let width = match *marker {
            0x10..=0x13 => 1_usize << (marker & 0x0f),
            found => return Err(DecodeError::Length { offset: at, found }),
        };
        let length = rest.get(..width).ok_or(truncated(width as u64 + 1))?;
        Ok(Self {
            class,
            count: unsigned(length),
            content_offset: at + 1 + width,
        })
    }

    /// Octets of the content, with references of so many octets each.
    pub(super) fn content_len(self, reference_width: usize) -> u64 {
        let each = match self.class {
            Class::Null | Class::Fill | Class::False | Class::True => 0,
            Class::Integer
            | Class::Single
            | Class::Double
            | Class::Date
            | Class::Data
            | Class::Ascii
            | Class::Uid => 1,
            Class::Utf16 => 2,
            Class::Array | Class::OrderedSet | Class::Set => reference_width as u64,
            Class::Dictionary => 2 * reference_width as u64,
        };
        self.count.saturating_mul(each)
    }

    /// What kind of value it is.
    pub(super) fn kind(self) -> Kind {
        match self.class {
            Class::Null => Kind::Null,
            Class::Fill => Kind::Fill,
            Class::False | Class::True => Kind::Boolean,
            Class::Integer => Kind::Integer,
            Class::Single | Class::Double => Kind::Real,
            Class::Date => Kind::Date,
            Class::Data => Kind::Data,
            Class::Ascii | Class::Utf16 => Kind::String,
            Class::Uid => Kind::Uid,
            Class::Array => Kind::Array,
            Class::OrderedSet => Kind::OrderedSet,
            Class::Set => Kind::Set,
            Class::Dictionary => Kind::Dictionary,
        }
    }
}
