//! Strings of a property list, those that are no Unicode among them.

use std::borrow::Cow;
use std::fmt;

/// A string: characters, or octets that a string object should not hold.
///
/// Nearly always [`Text::Str`]. The other two keep what a faulty writer sent, so that it can be
/// written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// Characters. Written as ASCII where all are, else as UTF-16.
    Str(Cow<'a, str>),
    /// An ASCII string object (`5n`) with octets above 127, as it was.
    Narrow(Cow<'a, [u8]>),
    /// A UTF-16 string object (`6n`) with a surrogate that has no partner: its big-endian units.
    Wide(Cow<'a, [u8]>),
}

impl<'a> Text<'a> {
    /// The content of an ASCII string object.
    pub(super) fn from_ascii(octets: &'a [u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) if text.is_ascii() => Self::Str(Cow::Borrowed(text)),
            Ok(_) | Err(_) => Self::Narrow(Cow::Borrowed(octets)),
        }
    }

    /// The content of a UTF-16 string object: an even number of octets.
    pub(super) fn from_utf16(octets: &'a [u8]) -> Self {
        // At most three octets of UTF-8 come out of two of UTF-16.
        let mut text = String::with_capacity(octets.len() + octets.len() / 2);
        for decoded in char::decode_utf16(units(octets)) {
            match decoded {
                Ok(character) => text.push(character),
                Err(_) => return Self::Wide(Cow::Borrowed(octets)),
            }
        }
        Self::Str(Cow::Owned(text))
    }

    /// The characters, if the string has nothing but characters.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Narrow(_) | Self::Wide(_) => None,
        }
    }

    /// The characters, with U+FFFD for what is none. Octets above 127 are taken for UTF-8, which is
    /// what some writers put there.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        match self {
            Self::Str(text) => Cow::Borrowed(text),
            Self::Narrow(octets) => String::from_utf8_lossy(octets),
            Self::Wide(octets) => Cow::Owned(
                char::decode_utf16(units(octets))
                    .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            ),
        }
    }

    /// The same text, borrowed.
    pub fn borrowed(&self) -> Text<'_> {
        match self {
            Self::Str(text) => Text::Str(Cow::Borrowed(text)),
            Self::Narrow(octets) => Text::Narrow(Cow::Borrowed(octets)),
            Self::Wide(octets) => Text::Wide(Cow::Borrowed(octets)),
        }
    }

    /// The same text, which borrows nothing any more.
    pub fn into_owned(self) -> Text<'static> {
        match self {
            Self::Str(text) => Text::Str(Cow::Owned(text.into_owned())),
            Self::Narrow(octets) => Text::Narrow(Cow::Owned(octets.into_owned())),
            Self::Wide(octets) => Text::Wide(Cow::Owned(octets.into_owned())),
        }
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.to_str_lossy())
    }
}

/// Big-endian units of two octets; a last single octet is left out.
fn units(octets: &[u8]) -> impl Iterator<Item = u16> + '_ {
    octets
        .as_chunks::<2>()
        .0
        .iter()
        .map(|unit| u16::from_be_bytes(*unit))
}
