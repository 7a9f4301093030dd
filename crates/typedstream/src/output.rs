//! Integers, floats and strings to octets, in as few as a Mac takes.

use crate::{ByteOrder, EncodeError, Number, tag};

/// One more than the largest integer that a float or double is written as.
const INTEGRAL_END: f64 = 2_147_483_648.0;

/// Octets in the making.
#[derive(Debug)]
pub(crate) struct Output {
    octets: Vec<u8>,
    order: ByteOrder,
}

impl Output {
    pub(crate) fn new(order: ByteOrder) -> Self {
        Self {
            octets: Vec::new(),
            order,
        }
    }

    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    pub(crate) fn octet(&mut self, octet: u8) {
        self.octets.push(octet);
    }

    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Octets that are given least significant first.
    fn tagged<const N: usize>(&mut self, tag: u8, mut octets: [u8; N]) {
        if self.order == ByteOrder::Big {
            octets.reverse();
        }
        self.octets.push(tag);
        self.octets.extend_from_slice(&octets);
    }

    /// An integer in one, two, four or eight octets. One octet begins at −110: below are the tags.
    pub(crate) fn integer(&mut self, value: i64) {
        if let (Ok(short), true) = (i8::try_from(value), value >= tag::FIRST_REFERENCE) {
            self.octets.push(short.cast_unsigned());
        } else if let Ok(short) = i16::try_from(value) {
            self.tagged(tag::INTEGER_16, short.to_le_bytes());
        } else if let Ok(int) = i32::try_from(value) {
            self.tagged(tag::INTEGER_32, int.to_le_bytes());
        } else {
            self.tagged(tag::INTEGER_64, value.to_le_bytes());
        }
    }

    /// An unsigned integer of at most 32 bits. One octet ends at 127, two at 32,767 \[C\]; four hold
    /// the upper half as it is \[I\].
    fn unsigned(&mut self, value: u32) {
        match i32::try_from(value) {
            Ok(value) => self.integer(value.into()),
            Err(_) => self.tagged(tag::INTEGER_32, value.to_le_bytes()),
        }
    }

    /// The reference to an entry of a table.
    pub(crate) fn reference(&mut self, index: u32) {
        self.integer(i64::from(index) + tag::FIRST_REFERENCE);
    }

    /// A string with its length before it.
    pub(crate) fn byte_string(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        let length = i32::try_from(octets.len()).map_err(|_| EncodeError::TooLong)?;
        self.integer(length.into());
        self.octets(octets);
        Ok(())
    }

    pub(crate) fn number(&mut self, number: Number) {
        match number {
            Number::Char(value) => self.octets.push(value.cast_unsigned()),
            Number::UnsignedChar(value) => self.octets.push(value),
            Number::Short(value) => self.integer(value.into()),
            Number::UnsignedShort(value) => self.unsigned(value.into()),
            Number::Int(value) | Number::Long(value) => self.integer(value.into()),
            Number::UnsignedInt(value) | Number::UnsignedLong(value) => self.unsigned(value),
            Number::LongLong(value) => self.integer(value),
            Number::UnsignedLongLong(value) => match i64::try_from(value) {
                Ok(value) => self.integer(value),
                Err(_) => self.tagged(tag::INTEGER_64, value.to_le_bytes()),
            },
            Number::Boolean(value) => self.octets.push(value.into()),
            Number::Float(value) => match integral(value.into()) {
                Some(integer) => self.integer(integer.into()),
                None => self.tagged(tag::FLOATING, value.to_le_bytes()),
            },
            Number::Double(value) => match integral(value) {
                Some(integer) => self.integer(integer.into()),
                None => self.tagged(tag::FLOATING, value.to_le_bytes()),
            },
        }
    }
}

/// The integer that a float or double is written as: none if it has a fraction or does not fit 32
/// bits, nor for −0, which would lose its sign \[C; the bounds I\].
fn integral(value: f64) -> Option<i32> {
    let fits = value.trunc() == value && (-INTEGRAL_END..INTEGRAL_END).contains(&value);
    if !fits || (value == 0.0 && value.is_sign_negative()) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it has no fraction and fits"
    )]
    let integer = value as i32;
    Some(integer)
}
