//! Binary property lists, numbered as CoreFoundation numbers their objects
//! (`docs/protocol/invitation.md`, top dictionary `[C]`).

/// The first octets.
const MAGIC: &[u8] = b"bplist00";
/// Octets of the trailer.
const TRAILER: usize = 32;
/// Deeper nesting is refused.
const MAX_DEPTH: usize = 8;
/// More objects are refused.
const MAX_OBJECTS: usize = 4096;

/// What an invitation is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Boolean(bool),
    /// `width` is that of the wire: 1, 2, 4 or 8 octets.
    Integer {
        value: u64,
        width: usize,
    },
    Data(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    /// In the order of the wire.
    Dictionary(Vec<(String, Value)>),
}

impl Value {
    /// An integer in the fewest octets.
    pub(crate) fn integer(value: u32) -> Self {
        let width = match value {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        Self::Integer {
            value: value.into(),
            width,
        }
    }

    /// A text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// What it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer { .. } => "an integer",
            Self::Data(_) => "data",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Dictionary(_) => "a dictionary",
        }
    }
}

/// An object with the numbers of those in it.
#[derive(Debug)]
enum Object<'a> {
    Scalar(&'a Value),
    Key(&'a str),
    Array(Vec<usize>),
    Dictionary(Vec<usize>),
}

/// Gives out numbers: depth first, a dictionary's keys and then its values, equal scalars once.
fn number<'a>(value: &'a Value, objects: &mut Vec<Object<'a>>) -> usize {
    let place = objects.len();
    match value {
        Value::Array(members) => {
            objects.push(Object::Array(Vec::new()));
            let numbers = members.iter().map(|member| number(member, objects));
            objects[place] = Object::Array(numbers.collect());
        }
        Value::Dictionary(entries) => {
            objects.push(Object::Dictionary(Vec::new()));
            let mut numbers: Vec<usize> = entries
                .iter()
                .map(|(key, _)| scalar(Object::Key(key), objects))
                .collect();
            numbers.extend(entries.iter().map(|(_, value)| number(value, objects)));
            objects[place] = Object::Dictionary(numbers);
        }
        _ => return scalar(Object::Scalar(value), objects),
    }
    place
}

fn scalar<'a>(object: Object<'a>, objects: &mut Vec<Object<'a>>) -> usize {
    let text = |object: &Object<'a>| match object {
        Object::Key(text) => Some(*text),
        Object::Scalar(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let same = |known: &Object<'a>| match (known, &object) {
        (Object::Scalar(known), Object::Scalar(value)) if known == value => true,
        (known, object) => text(known).is_some() && text(known) == text(object),
    };
    objects.iter().position(same).unwrap_or_else(|| {
        objects.push(object);
        objects.len() - 1
    })
}

/// The fewest octets that a number takes.
fn width(number: usize) -> usize {
    [1, 2, 4]
        .into_iter()
        .find(|octets| number >> (8 * octets) == 0)
        .unwrap_or(8)
}

fn put(octets: &mut Vec<u8>, number: usize, width: usize) {
    let all = (number as u64).to_be_bytes();
    octets.extend_from_slice(&all[8 - width..]);
}

/// The marker of something with a length.
fn mark(octets: &mut Vec<u8>, marker: u8, length: usize) {
    if length < 15 {
        octets.push(marker | length as u8);
        return;
    }
    let width = width(length);
    octets.extend([marker | 15, 0x10 | width.ilog2() as u8]);
    put(octets, length, width);
}

fn write_text(octets: &mut Vec<u8>, text: &str) {
    if text.is_ascii() {
        mark(octets, 0x50, text.len());
        octets.extend_from_slice(text.as_bytes());
    } else {
        let units: Vec<u16> = text.encode_utf16().collect();
        mark(octets, 0x60, units.len());
        octets.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
    }
}

/// Writes a list.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut objects = Vec::new();
    number(value, &mut objects);
    let reference = width(objects.len());
    let mut octets = MAGIC.to_vec();
    let mut offsets = Vec::new();
    for object in &objects {
        offsets.push(octets.len());
        match object {
            Object::Key(text) => write_text(&mut octets, text),
            Object::Scalar(Value::Text(text)) => write_text(&mut octets, text),
            Object::Scalar(Value::Boolean(value)) => octets.push(0x08 | u8::from(*value)),
            Object::Scalar(Value::Integer { value, width }) => {
                octets.push(0x10 | width.ilog2() as u8);
                put(&mut octets, *value as usize, *width);
            }
            Object::Scalar(Value::Data(data)) => {
                mark(&mut octets, 0x40, data.len());
                octets.extend_from_slice(data);
            }
            Object::Scalar(Value::Array(_) | Value::Dictionary(_)) => {}
            Object::Array(numbers) => {
                mark(&mut octets, 0xa0, numbers.len());
                numbers.iter().for_each(|n| put(&mut octets, *n, reference));
            }
            Object::Dictionary(numbers) => {
                mark(&mut octets, 0xd0, numbers.len() / 2);
                numbers.iter().for_each(|n| put(&mut octets, *n, reference));
            }
        }
    }
    let table = octets.len();
    let offset_width = width(table);
    for offset in &offsets {
        put(&mut octets, *offset, offset_width);
    }
    octets.extend([0; 6]);
    octets.extend([offset_width as u8, reference as u8]);
    for number in [objects.len(), 0, table] {
        put(&mut octets, number, 8);
    }
    octets
}

/// A list that is being read.
struct Reader<'a> {
    octets: &'a [u8],
    offsets: Vec<usize>,
    reference: usize,
    read: usize,
}

/// Reads a list.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn decode(octets: &[u8]) -> Result<Value, String> {
    if !octets.starts_with(MAGIC) {
        return Err("it does not begin with bplist00".into());
    }
    let end = octets.len().checked_sub(TRAILER);
    let end = end.filter(|end| *end >= MAGIC.len()).ok_or("no trailer")?;
    let trailer = &octets[end..];
    let long = |at: usize| {
        let number = trailer[at..at + 8].iter();
        number.fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet))
    };
    let (count, top, table) = (long(8), long(16), long(24));
    let (offset_width, reference) = (usize::from(trailer[6]), usize::from(trailer[7]));
    if !(1..=8).contains(&offset_width) || !(1..=8).contains(&reference) {
        return Err(format!("widths {offset_width} and {reference}"));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let table = usize::try_from(table).unwrap_or(usize::MAX);
    if count > MAX_OBJECTS {
        return Err(format!("{count} objects"));
    }
    let rows = octets
        .get(table..end)
        .filter(|rows| rows.len() == count * offset_width)
        .ok_or_else(|| format!("a table of {count} offsets at {table} does not fit"))?;
    let number = |octets: &[u8]| {
        let number = octets.iter().fold(0_u64, |n, o| n << 8 | u64::from(*o));
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let mut reader = Reader {
        octets: &octets[..table],
        offsets: rows.chunks(offset_width).map(number).collect(),
        reference,
        read: 0,
    };
    reader.object(usize::try_from(top).unwrap_or(usize::MAX), 0)
}

impl Reader<'_> {
    fn slice(&self, at: usize, length: usize) -> Result<&[u8], String> {
        at.checked_add(length)
            .and_then(|end| self.octets.get(at..end))
            .ok_or_else(|| format!("{length} octets at {at} are not there"))
    }

    fn number(&self, at: usize, width: usize) -> Result<u64, String> {
        let octets = self.slice(at, width)?.iter();
        Ok(octets.fold(0, |number, octet| number << 8 | u64::from(*octet)))
    }

    /// The length of an object, and where its content begins.
    fn length(&self, at: usize) -> Result<(usize, usize), String> {
        let short = usize::from(self.slice(at, 1)?[0] & 15);
        if short < 15 {
            return Ok((short, at + 1));
        }
        let marker = self.slice(at + 1, 1)?[0];
        let width = 1 << (marker & 15).min(8);
        if marker >> 4 != 1 || width > 8 {
            return Err(format!("no length at {}", at + 1));
        }
        let length = usize::try_from(self.number(at + 2, width)?);
        Ok((length.unwrap_or(usize::MAX), at + 2 + width))
    }

    fn references(&self, at: usize, count: usize) -> Result<Vec<usize>, String> {
        let length = count.saturating_mul(self.reference);
        self.slice(at, length)?;
        (0..count)
            .map(|index| self.number(at + index * self.reference, self.reference))
            .map(|number| Ok(usize::try_from(number?).unwrap_or(usize::MAX)))
            .collect()
    }

    fn object(&mut self, number: usize, depth: usize) -> Result<Value, String> {
        self.read += 1;
        if depth > MAX_DEPTH || self.read > MAX_OBJECTS {
            return Err("too deep or too much".into());
        }
        let at = self.offsets.get(number).copied();
        let at = at.ok_or_else(|| format!("no object {number}"))?;
        let marker = self.slice(at, 1)?[0];
        match marker >> 4 {
            0 if matches!(marker, 8 | 9) => Ok(Value::Boolean(marker == 9)),
            1 if marker & 15 <= 3 => {
                let width = 1 << (marker & 15);
                let value = self.number(at + 1, width)?;
                Ok(Value::Integer { value, width })
            }
            4 => {
                let (length, content) = self.length(at)?;
                Ok(Value::Data(self.slice(content, length)?.to_vec()))
            }
            5 => {
                let (length, content) = self.length(at)?;
                let text = self.slice(content, length)?.to_vec();
                let text = String::from_utf8(text).ok().filter(|text| text.is_ascii());
                text.map(Value::Text)
                    .ok_or_else(|| format!("no ASCII at {at}"))
            }
            6 => {
                let (length, content) = self.length(at)?;
                let octets = self.slice(content, length.saturating_mul(2))?;
                let units: Vec<u16> = octets
                    .chunks_exact(2)
                    .map(|unit| u16::from_be_bytes([unit[0], unit[1]]))
                    .collect();
                let text = String::from_utf16(&units);
                text.map(Value::Text)
                    .map_err(|_| format!("no UTF-16 at {at}"))
            }
            10 => {
                let (count, content) = self.length(at)?;
                let members = self.references(content, count)?;
                let members = members.into_iter().map(|n| self.object(n, depth + 1));
                Ok(Value::Array(members.collect::<Result<_, _>>()?))
            }
            13 => {
                let (count, content) = self.length(at)?;
                let both = self.references(content, count.saturating_mul(2))?;
                let (keys, values) = both.split_at(count);
                let mut entries = Vec::new();
                for (key, value) in keys.iter().zip(values) {
                    let Value::Text(key) = self.object(*key, depth + 1)? else {
                        return Err(format!("a key at {at} is no text"));
                    };
                    entries.push((key, self.object(*value, depth + 1)?));
                }
                Ok(Value::Dictionary(entries))
            }
            _ => Err(format!("an object of kind {marker:02x} at {at}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipport::octets_of;

    fn captured() -> Vec<u8> {
        octets_of(include_str!("../tests/vectors/invitation-2010.hex")).unwrap()
    }

    #[test]
    fn what_is_read_of_the_captured_invitation_is_written_as_it_was() {
        let value = decode(&captured()).unwrap();
        assert_eq!(encode(&value), captured());
        let Value::Dictionary(entries) = value else {
            panic!()
        };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        let expected = [
            "VCSessionID",
            "VCICEData",
            "VCInviteesList",
            "VCSecurityEnabled",
            "VCOrderIsFinal",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn every_kind_and_width_goes_both_ways() {
        let value = Value::Dictionary(vec![
            ("long".into(), Value::text(&"x".repeat(300))),
            ("wide".into(), Value::text("Amélie 😀")),
            ("x".into(), Value::integer(0)),
            ("two".into(), Value::integer(0x100)),
            ("four".into(), Value::integer(0x10000)),
            (
                "eight".into(),
                Value::Integer {
                    value: u64::MAX,
                    width: 8,
                },
            ),
            ("data".into(), Value::Data(vec![7; 15])),
            // A text that is also a key is stored once.
            (
                "list".into(),
                Value::Array(vec![Value::Boolean(true), Value::text("list")]),
            ),
        ]);
        let octets = encode(&value);
        assert_eq!(decode(&octets).unwrap(), value);
        assert_eq!(octets.windows(5).filter(|w| w == b"\x54list").count(), 1);
        let many = (0..300_u32).map(Value::integer).collect();
        let many = Value::Array(many);
        assert_eq!(decode(&encode(&many)).unwrap(), many);
    }

    #[test]
    fn broken_lists_are_refused_wherever_they_break() {
        let good = captured();
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_err(), "{length}");
        }
        for at in 0..good.len() {
            for octet in [0x00, 0x0f, 0x5f, 0xa1, 0xd1, 0xff] {
                let mut broken = good.clone();
                broken[at] = octet;
                // Whatever it is then, it is told without harm.
                let _ = decode(&broken);
            }
        }
        // An array that holds itself.
        let mut endless = encode(&Value::Array(vec![Value::Boolean(true)]));
        endless[9] = 0;
        assert!(decode(&endless).unwrap_err().contains("too deep"));
    }
}
