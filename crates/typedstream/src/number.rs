//! Scalars that are numbers.

use std::fmt;

/// A number, in the type that the archive gives it.
///
/// The letters are the type encodings of Objective-C. In the octets of an archive only the value
/// is seen, in as few octets as it takes; the type comes from the encoding before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// `c`: a `char`, or an Objective-C `BOOL`.
    Char(i8),
    /// `C`: an `unsigned char`.
    UnsignedChar(u8),
    /// `s`: a `short`.
    Short(i16),
    /// `S`: an `unsigned short`.
    UnsignedShort(u16),
    /// `i`: an `int`.
    Int(i32),
    /// `I`: an `unsigned int`.
    UnsignedInt(u32),
    /// `l`: a `long` of 32 bits; one of 64 bits is encoded as `q`.
    Long(i32),
    /// `L`: an `unsigned long` of 32 bits.
    UnsignedLong(u32),
    /// `q`: a `long long`.
    LongLong(i64),
    /// `Q`: an `unsigned long long`.
    UnsignedLongLong(u64),
    /// `B`: a C99 `_Bool` or C++ `bool`.
    Boolean(bool),
    /// `f`: a `float`.
    Float(f32),
    /// `d`: a `double`.
    Double(f64),
}

impl Number {
    /// The letter of its type encoding.
    pub fn type_code(self) -> u8 {
        match self {
            Self::Char(_) => b'c',
            Self::UnsignedChar(_) => b'C',
            Self::Short(_) => b's',
            Self::UnsignedShort(_) => b'S',
            Self::Int(_) => b'i',
            Self::UnsignedInt(_) => b'I',
            Self::Long(_) => b'l',
            Self::UnsignedLong(_) => b'L',
            Self::LongLong(_) => b'q',
            Self::UnsignedLongLong(_) => b'Q',
            Self::Boolean(_) => b'B',
            Self::Float(_) => b'f',
            Self::Double(_) => b'd',
        }
    }

    /// The value of an integer or boolean; `None` for a float, a double, and a `Q` above `i64::MAX`.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Char(value) => Some(value.into()),
            Self::UnsignedChar(value) => Some(value.into()),
            Self::Short(value) => Some(value.into()),
            Self::UnsignedShort(value) => Some(value.into()),
            Self::Int(value) | Self::Long(value) => Some(value.into()),
            Self::UnsignedInt(value) | Self::UnsignedLong(value) => Some(value.into()),
            Self::LongLong(value) => Some(value),
            Self::UnsignedLongLong(value) => i64::try_from(value).ok(),
            Self::Boolean(value) => Some(value.into()),
            Self::Float(_) | Self::Double(_) => None,
        }
    }

    /// The value, rounded where it has more than 53 significant bits.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Float(value) => value.into(),
            Self::Double(value) => value,
            #[expect(clippy::cast_precision_loss, reason = "documented: it rounds")]
            Self::UnsignedLongLong(value) => value as f64,
            Self::Char(_)
            | Self::UnsignedChar(_)
            | Self::Short(_)
            | Self::UnsignedShort(_)
            | Self::Int(_)
            | Self::UnsignedInt(_)
            | Self::Long(_)
            | Self::UnsignedLong(_)
            | Self::LongLong(_)
            | Self::Boolean(_) => {
                #[expect(clippy::cast_precision_loss, reason = "documented: it rounds")]
                let value = self.as_i64().unwrap_or_default() as f64;
                value
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(value) => value.fmt(formatter),
            Self::UnsignedChar(value) => value.fmt(formatter),
            Self::Short(value) => value.fmt(formatter),
            Self::UnsignedShort(value) => value.fmt(formatter),
            Self::Int(value) | Self::Long(value) => value.fmt(formatter),
            Self::UnsignedInt(value) | Self::UnsignedLong(value) => value.fmt(formatter),
            Self::LongLong(value) => value.fmt(formatter),
            Self::UnsignedLongLong(value) => value.fmt(formatter),
            Self::Boolean(value) => value.fmt(formatter),
            Self::Float(value) => value.fmt(formatter),
            Self::Double(value) => value.fmt(formatter),
        }
    }
}
