//! Numbers, and the octets they are written in.

/// A whole number and the octets it is written in: 1, 2 or 4 without a sign, 8 or 16 with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Integer {
    /// The upper half. Two halves, since a whole `i128` would make every [`PlistValue`] larger.
    high: i64,
    low: u64,
    width: u8,
}

impl Integer {
    /// A number in the least width that CoreFoundation would take: below zero always 8 octets or 16.
    pub fn new(value: i128) -> Self {
        let width = [1, 2, 4, 8]
            .into_iter()
            .find(|width| fits(value, *width))
            .unwrap_or(16);
        Self::unchecked(value, width)
    }

    /// A number in a width of 1, 2, 4, 8 or 16 octets; nothing for another width or where the number
    /// does not fit.
    pub fn with_width(value: i128, width: u8) -> Option<Self> {
        let known = matches!(width, 1 | 2 | 4 | 8 | 16);
        (known && fits(value, width)).then(|| Self::unchecked(value, width))
    }

    fn unchecked(value: i128, width: u8) -> Self {
        let octets = value.to_be_bytes();
        Self {
            width,
            ..Self::from_octets(&octets)
        }
    }

    /// The number that 1, 2, 4, 8 or 16 octets mean.
    pub(super) fn from_octets(octets: &[u8]) -> Self {
        let (high, low) = octets.split_at(octets.len().saturating_sub(8));
        let low = unsigned(low);
        let negative = octets.len() == 8 && low.cast_signed() < 0;
        let high = if negative { u64::MAX } else { unsigned(high) };
        Self {
            high: high.cast_signed(),
            low,
            width: width(octets),
        }
    }

    /// The number.
    pub fn value(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    /// The number, if 64 bits with a sign hold it.
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.value()).ok()
    }

    /// The upper and the lower 64 bits.
    pub(super) fn words(self) -> [u64; 2] {
        [self.high.cast_unsigned(), self.low]
    }

    /// Octets it is written in: 1, 2, 4, 8 or 16.
    pub fn width(self) -> u8 {
        self.width
    }
}

/// Whether a number can be written in so many octets.
fn fits(value: i128, width: u8) -> bool {
    match width {
        8 => i64::try_from(value).is_ok(),
        16 => true,
        _ => value >= 0 && value >> (8 * u32::from(width)) == 0,
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Self::new(value.into())
    }
}

/// A floating-point number in one of two widths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Real {
    /// Four octets.
    Single(f32),
    /// Eight octets.
    Double(f64),
}

impl Real {
    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Self::Single(value) => value.into(),
            Self::Double(value) => value,
        }
    }

    /// Octets it is written in: 4 or 8.
    pub fn width(self) -> u8 {
        match self {
            Self::Single(_) => 4,
            Self::Double(_) => 8,
        }
    }
}

/// The number of an object in a keyed archive, and the octets it is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uid {
    value: u64,
    width: u8,
}

impl Uid {
    /// A number in the least of the widths 1, 2, 4 and 8.
    pub fn new(value: u64) -> Self {
        let width = [1_u8, 2, 4]
            .into_iter()
            .find(|width| value >> (8 * u32::from(*width)) == 0)
            .unwrap_or(8);
        Self { value, width }
    }

    /// A number in a width of 1 to 8 octets; nothing for another width or where it does not fit.
    pub fn with_width(value: u64, width: u8) -> Option<Self> {
        let fits = width == 8 || value.checked_shr(8 * u32::from(width)) == Some(0);
        (matches!(width, 1..=8) && fits).then_some(Self { value, width })
    }

    /// The number that 1 to 8 octets mean.
    pub(super) fn from_octets(octets: &[u8]) -> Self {
        Self {
            value: unsigned(octets),
            width: width(octets),
        }
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.value
    }

    /// Octets it is written in: 1 to 8.
    pub fn width(self) -> u8 {
        self.width
    }
}

/// The big-endian number that at most 8 octets mean.
pub(super) fn unsigned(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}

/// How many octets there are, of which there are few.
fn width(octets: &[u8]) -> u8 {
    u8::try_from(octets.len()).unwrap_or(u8::MAX)
}
