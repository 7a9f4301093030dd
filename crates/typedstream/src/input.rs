//! The octets of an archive, and the integers, floats and strings in them.

use crate::encoding::Scalar;
use crate::error::Expected;
use crate::{ByteOrder, DecodeError, Number, tag};

/// How many octets an integer takes behind its tag; `One` has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

/// An integer as it was written, its sign extended.
#[derive(Debug, Clone, Copy)]
struct Integer {
    offset: usize,
    width: Width,
    value: i64,
}

/// A cursor.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    octets: &'a [u8],
    position: usize,
    /// The order of the octets of wider integers, of floats and of doubles.
    pub(crate) order: ByteOrder,
}

impl<'a> Input<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            position: 0,
            order: ByteOrder::Little,
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.octets.len()
    }

    /// The next `length` octets.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.octets.get(self.position..).unwrap_or_default();
        let taken = rest.get(..length).ok_or(DecodeError::Truncated {
            offset: self.position,
            expected: length,
            found: rest.len(),
        })?;
        self.position += length;
        Ok(taken)
    }

    /// The next octet, which stays where it is.
    pub(crate) fn peek(&self) -> Result<u8, DecodeError> {
        self.octets
            .get(self.position)
            .copied()
            .ok_or(DecodeError::Truncated {
                offset: self.position,
                expected: 1,
                found: 0,
            })
    }

    /// The next octet.
    pub(crate) fn octet(&mut self) -> Result<u8, DecodeError> {
        let octet = self.peek()?;
        self.position += 1;
        Ok(octet)
    }

    /// Takes the next octet if it is this one.
    pub(crate) fn accept(&mut self, octet: u8) -> Result<bool, DecodeError> {
        let found = self.peek()? == octet;
        self.position += usize::from(found);
        Ok(found)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        // From here on least significant octet first.
        if self.order == ByteOrder::Big {
            array.reverse();
        }
        Ok(array)
    }

    fn integer(&mut self, expected: Expected) -> Result<Integer, DecodeError> {
        let offset = self.position;
        let (width, value) = match self.octet()? {
            tag::INTEGER_16 => (Width::Two, i16::from_le_bytes(self.array()?).into()),
            tag::INTEGER_32 => (Width::Four, i32::from_le_bytes(self.array()?).into()),
            tag::INTEGER_64 => (Width::Eight, i64::from_le_bytes(self.array()?)),
            found @ tag::FIRST..=tag::LAST => {
                return Err(DecodeError::UnexpectedTag {
                    offset,
                    expected,
                    found,
                });
            }
            octet => (Width::One, octet.cast_signed().into()),
        };
        Ok(Integer {
            offset,
            width,
            value,
        })
    }

    /// A signed integer of 32 bits: a version, a count.
    pub(crate) fn int(&mut self) -> Result<i32, DecodeError> {
        self.signed(b'i')
    }

    /// The index that a reference stands for; it may be out of every range.
    pub(crate) fn reference(&mut self, expected: Expected) -> Result<i64, DecodeError> {
        let integer = self.integer(expected)?;
        Ok(integer.value.saturating_sub(tag::FIRST_REFERENCE))
    }

    /// A signed integer in the type with this letter.
    fn signed<T: TryFrom<i64>>(&mut self, type_code: u8) -> Result<T, DecodeError> {
        let integer = self.integer(Expected::Integer)?;
        T::try_from(integer.value).map_err(|_| integer.out_of_range(type_code))
    }

    /// An unsigned integer in the type with this letter, of `bits` bits.
    ///
    /// Macs write 128 and more in two octets \[C\]; so a single octet below zero is a number close
    /// to the type's largest one, written as if it were signed, while two or more octets are taken
    /// as they are \[I\].
    fn unsigned<T: TryFrom<u64>>(&mut self, type_code: u8, bits: u32) -> Result<T, DecodeError> {
        let integer = self.integer(Expected::Integer)?;
        let mask = u64::MAX >> (64 - bits.clamp(1, 64));
        let value = match integer.width {
            Width::One => integer.value.cast_unsigned() & mask,
            Width::Two | Width::Four | Width::Eight => integer.as_written(),
        };
        T::try_from(value).map_err(|_| integer.out_of_range(type_code))
    }

    /// A number of one of the numeric types; `None` for every other type.
    pub(crate) fn number(&mut self, scalar: Scalar) -> Result<Option<Number>, DecodeError> {
        Ok(Some(match scalar {
            Scalar::Char => Number::Char(self.octet()?.cast_signed()),
            Scalar::UnsignedChar => Number::UnsignedChar(self.octet()?),
            Scalar::Short => Number::Short(self.signed(b's')?),
            Scalar::UnsignedShort => Number::UnsignedShort(self.unsigned(b'S', u16::BITS)?),
            Scalar::Int => Number::Int(self.signed(b'i')?),
            Scalar::UnsignedInt => Number::UnsignedInt(self.unsigned(b'I', u32::BITS)?),
            Scalar::Long => Number::Long(self.signed(b'l')?),
            Scalar::UnsignedLong => Number::UnsignedLong(self.unsigned(b'L', u32::BITS)?),
            Scalar::LongLong => Number::LongLong(self.signed(b'q')?),
            Scalar::UnsignedLongLong => Number::UnsignedLongLong(self.unsigned(b'Q', u64::BITS)?),
            Scalar::Boolean => Number::Boolean(self.boolean()?),
            Scalar::Float => Number::Float(self.float()?),
            Scalar::Double => Number::Double(self.double()?),
            Scalar::CString
            | Scalar::Selector
            | Scalar::Atom
            | Scalar::ByteString
            | Scalar::Object
            | Scalar::Class
            | Scalar::Ignored => return Ok(None),
        }))
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        let offset = self.position;
        match self.octet()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::Boolean { offset, found }),
        }
    }

    /// A float; one without a fraction is written as an integer.
    fn float(&mut self) -> Result<f32, DecodeError> {
        if self.accept(tag::FLOATING)? {
            return Ok(f32::from_le_bytes(self.array()?));
        }
        let integer = self.integer(Expected::Floating)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a Mac writes none that would round"
        )]
        let value = integer.value as f32;
        Ok(value)
    }

    /// A double; one without a fraction is written as an integer.
    fn double(&mut self) -> Result<f64, DecodeError> {
        if self.accept(tag::FLOATING)? {
            return Ok(f64::from_le_bytes(self.array()?));
        }
        let integer = self.integer(Expected::Floating)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a Mac writes none that would round"
        )]
        let value = integer.value as f64;
        Ok(value)
    }

    /// A string with its length before it; `None` is nil.
    pub(crate) fn byte_string(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.accept(tag::NIL)? {
            return Ok(None);
        }
        let integer = self.integer(Expected::Length)?;
        let length =
            usize::try_from(integer.as_written()).map_err(|_| integer.out_of_range(b'I'))?;
        self.take(length).map(Some)
    }
}

impl Integer {
    /// The octets that were written, read as an unsigned integer.
    fn as_written(self) -> u64 {
        let value = self.value.cast_unsigned();
        match self.width {
            Width::One => value & 0xff,
            Width::Two => value & 0xffff,
            Width::Four => value & 0xffff_ffff,
            Width::Eight => value,
        }
    }

    fn out_of_range(self, type_code: u8) -> DecodeError {
        DecodeError::IntegerRange {
            offset: self.offset,
            type_code,
            value: self.value,
        }
    }
}
