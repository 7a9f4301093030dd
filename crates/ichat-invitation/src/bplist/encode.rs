//! From a value to octets, with CoreFoundation's numbers.
//!
//! Objects are numbered in the order in which one meets them: depth first, of a dictionary first
//! all keys and then all values. A string, number, date, data or boolean that occurred before is not
//! written again; containers always are. Offsets and references take 1, 2, 4 or 8 octets, as many as
//! the offset of the table and the number of objects need.
//!
//! Source: `docs/protocol/invitation.md`, top dictionary \[C\]: octet 17 of the capture is `1a`.

use super::flatten::{Flat, Node};
use super::{EncodeError, Integer, Limits, MAGIC, PlistValue, Real, Text};

/// Writes a value as a binary property list, within the default [`Limits`].
///
/// # Errors
///
/// Where it would become a list that [`decode`](super::decode) refuses.
pub fn encode(value: &PlistValue<'_>) -> Result<Vec<u8>, EncodeError> {
    encode_with(value, Limits::default())
}

/// Writes a value as a binary property list, within limits of one's own.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_with(value: &PlistValue<'_>, limits: Limits) -> Result<Vec<u8>, EncodeError> {
    let flat = Flat::of(value, limits)?;
    let count = flat.nodes.len();
    let reference_width = width_for(count);
    let mut writer = Writer {
        octets: Vec::with_capacity(flat.content + 16 * count + 64),
        limit: limits.octets,
        reference_width,
    };
    let mut offsets = Vec::with_capacity(count);
    writer.octets.extend_from_slice(MAGIC);
    for node in &flat.nodes {
        offsets.push(writer.octets.len());
        writer.node(&flat, node)?;
    }
    let table_offset = writer.octets.len();
    let offset_width = width_for(table_offset);
    for offset in offsets {
        writer.number(offset as u64, offset_width);
    }
    writer
        .octets
        .extend([0, 0, 0, 0, 0, 0, offset_width, reference_width]);
    for number in [count, 0, table_offset] {
        writer.number(number as u64, 8);
    }
    writer.check_len()?;
    Ok(writer.octets)
}

/// Writes objects one behind the other.
struct Writer {
    octets: Vec<u8>,
    limit: usize,
    reference_width: u8,
}

impl Writer {
    fn node(&mut self, flat: &Flat<'_>, node: &Node<'_>) -> Result<(), EncodeError> {
        match *node {
            Node::Text(text) => self.text(text)?,
            Node::Scalar(value) => self.scalar(value)?,
            Node::Container {
                marker,
                count,
                first,
                references,
            } => {
                self.head(marker, count);
                let references = flat.references.get(first..first + references);
                for reference in references.unwrap_or_default() {
                    self.number(*reference as u64, self.reference_width);
                }
            }
        }
        self.check_len()
    }

    fn scalar(&mut self, value: &PlistValue<'_>) -> Result<(), EncodeError> {
        match value {
            PlistValue::Null => self.octets.push(0x00),
            PlistValue::Boolean(false) => self.octets.push(0x08),
            PlistValue::Boolean(true) => self.octets.push(0x09),
            PlistValue::Fill => self.octets.push(0x0f),
            PlistValue::Integer(integer) => self.integer(*integer),
            PlistValue::Real(Real::Single(value)) => {
                self.octets.push(0x22);
                self.octets.extend(value.to_be_bytes());
            }
            PlistValue::Real(Real::Double(value)) => {
                self.octets.push(0x23);
                self.octets.extend(value.to_be_bytes());
            }
            PlistValue::Date(seconds) => {
                self.octets.push(0x33);
                self.octets.extend(seconds.to_be_bytes());
            }
            PlistValue::Data(data) => {
                self.head(0x40, data.len());
                self.octets.extend_from_slice(data);
            }
            PlistValue::String(text) => self.text(text)?,
            PlistValue::Uid(uid) => {
                self.octets.push(0x80 | uid.width().saturating_sub(1));
                self.number(uid.value(), uid.width());
            }
            // Containers are nodes of their own.
            PlistValue::Array(_)
            | PlistValue::OrderedSet(_)
            | PlistValue::Set(_)
            | PlistValue::Dictionary(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>) -> Result<(), EncodeError> {
        match text {
            Text::Str(text) if text.is_ascii() => {
                self.head(0x50, text.len());
                self.octets.extend_from_slice(text.as_bytes());
            }
            Text::Str(text) => {
                self.head(0x60, text.encode_utf16().count());
                self.octets
                    .extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Text::Narrow(octets) => {
                self.head(0x50, octets.len());
                self.octets.extend_from_slice(octets);
            }
            Text::Wide(octets) => {
                let found = octets.len();
                if !found.is_multiple_of(2) {
                    return Err(EncodeError::HalfUnit { found });
                }
                self.head(0x60, found / 2);
                self.octets.extend_from_slice(octets);
            }
        }
        Ok(())
    }

    fn integer(&mut self, integer: Integer) {
        let width = integer.width();
        // 1, 2, 4, 8, 16 are 2 to the power of 0, 1, 2, 3, 4.
        let power = u8::try_from(width.trailing_zeros()).unwrap_or_default();
        self.octets.push(0x10 | power);
        let [high, low] = integer.words();
        if width == 16 {
            self.number(high, 8);
        }
        self.number(low, width.min(8));
    }

    /// A marker with a length, which goes into an integer of its own if it is 15 or more.
    fn head(&mut self, marker: u8, length: usize) {
        match u8::try_from(length) {
            Ok(length @ 0..15) => self.octets.push(marker | length),
            Ok(_) | Err(_) => {
                self.octets.push(marker | 0x0f);
                self.integer(Integer::new(length as i128));
            }
        }
    }

    /// A big-endian number of so many octets, at most 8.
    fn number(&mut self, number: u64, width: u8) {
        let octets = number.to_be_bytes();
        let skipped = octets.len().saturating_sub(width.into());
        self.octets
            .extend_from_slice(octets.get(skipped..).unwrap_or_default());
    }

    fn check_len(&self) -> Result<(), EncodeError> {
        if self.octets.len() > self.limit {
            return Err(EncodeError::TooLong {
                limit: self.limit,
                found: self.octets.len(),
            });
        }
        Ok(())
    }
}

/// Octets that CoreFoundation takes for numbers up to this one: 1, 2, 4 or 8.
fn width_for(number: usize) -> u8 {
    match number {
        0..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}
