//! Hex as iChat puts it into its stanzas: digits of either case, white space tolerated anywhere.
//!
//! Source: `docs/protocol/xmpp.md`, legacy stanzas \[G\] (a line feed comes before the digits), and
//! `docs/protocol/invitation.md` \[C\]. One pass over the text, no copy of it.

use thiserror::Error;

/// Longest text that is read, in octets, white space included: 1 MiB.
pub const MAX_TEXT_LEN: usize = 1024 * 1024;

/// Digits that are read at once where no white space interrupts them.
const BLOCK: usize = 32;
/// What stands for "no digit"; every digit is smaller than 16.
const NO_DIGIT: u8 = 0xff;

/// Reads a text to the octets it stands for. A blank text stands for none.
///
/// # Errors
///
/// [`HexTextError`] with the offset of the first character at fault.
pub fn decode(text: &str) -> Result<Vec<u8>, HexTextError> {
    match decode_lossy(text) {
        (octets, None) => Ok(octets),
        (_, Some(fault)) => Err(fault),
    }
}

/// Reads a text as far as it goes: the whole octets before the first fault, and that fault.
///
/// Of a text above [`MAX_TEXT_LEN`] nothing is read.
pub fn decode_lossy(text: &str) -> (Vec<u8>, Option<HexTextError>) {
    if text.len() > MAX_TEXT_LEN {
        let fault = HexTextError::TooLong {
            limit: MAX_TEXT_LEN,
            found: text.len(),
        };
        return (Vec::new(), Some(fault));
    }
    let mut octets = Vec::with_capacity(text.len() / 2);
    let mut rest = text;
    // The first digit of an octet and its offset, while the second is looked for.
    let mut first: Option<(u8, usize)> = None;
    loop {
        if first.is_none() {
            rest = decode_blocks(rest, &mut octets);
        }
        let offset = text.len() - rest.len();
        let mut characters = rest.chars();
        let Some(found) = characters.next() else {
            break;
        };
        rest = characters.as_str();
        let value = u8::try_from(found).map_or(NO_DIGIT, digit);
        if value == NO_DIGIT {
            if found.is_whitespace() {
                continue;
            }
            return (octets, Some(HexTextError::NotHex { offset, found }));
        }
        first = match first {
            None => Some((value, offset)),
            Some((high, _)) => {
                octets.push(high << 4 | value);
                None
            }
        };
    }
    let fault = first.map(|(_, offset)| HexTextError::OddDigits {
        offset,
        found: octets.len() * 2 + 1,
    });
    (octets, fault)
}

/// Writes octets as an iChat does: lower-case digits, no white space.
pub fn encode(octets: &[u8]) -> String {
    let mut text = vec![0; octets.len() * 2];
    for ([high, low], octet) in text.as_chunks_mut().0.iter_mut().zip(octets) {
        *high = letter(octet >> 4);
        *low = letter(octet & 0xf);
    }
    // Digits are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

/// Reads blocks of nothing but digits from the front; gives the text after them.
fn decode_blocks<'a>(text: &'a str, octets: &mut Vec<u8>) -> &'a str {
    let (blocks, _) = text.as_bytes().as_chunks::<BLOCK>();
    let mut read = 0;
    for block in blocks {
        let mut decoded = [0; BLOCK / 2];
        let mut seen = 0;
        for (octet, [high, low]) in decoded.iter_mut().zip(block.as_chunks().0) {
            let (high, low) = (digit(*high), digit(*low));
            seen |= high | low;
            *octet = high << 4 | (low & 0xf);
        }
        if seen > 0xf {
            break;
        }
        octets.extend_from_slice(&decoded);
        read += BLOCK;
    }
    // What was read is ASCII, so this is the boundary of a character.
    text.get(read..).unwrap_or_default()
}

/// The value of a digit, or [`NO_DIGIT`]. No branches, so that a whole block goes at once.
fn digit(octet: u8) -> u8 {
    let decimal = octet.wrapping_sub(b'0');
    let letter = (octet | 0x20).wrapping_sub(b'a');
    if decimal < 10 {
        decimal
    } else if letter < 6 {
        letter + 10
    } else {
        NO_DIGIT
    }
}

/// The digit of a value below 16. No branches either.
fn letter(value: u8) -> u8 {
    let base = if value < 10 { b'0' } else { b'a' - 10 };
    base.wrapping_add(value)
}

/// Why a text is no hex.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HexTextError {
    /// The text is longer than we read.
    #[error("hex text too long: expected at most {limit} octets of text, found {found}")]
    TooLong {
        /// Most octets of text that are read.
        limit: usize,
        /// Octets of the text.
        found: usize,
    },
    /// A character that is neither a digit nor white space.
    #[error("no hex at offset {offset}: expected a hex digit, found {found:?}")]
    NotHex {
        /// Offset in the text as it came, in octets.
        offset: usize,
        /// What stands there.
        found: char,
    },
    /// The text ends after the first digit of an octet.
    #[error(
        "hex text ends in half an octet at offset {offset}: expected an even number of digits, \
         found {found}"
    )]
    OddDigits {
        /// Offset of the lone digit in the text as it came, in octets.
        offset: usize,
        /// Digits of the whole text.
        found: usize,
    },
}
