//! What a property list without its end still says.
//!
//! A list that was cut has lost its trailer and its offset table. But CoreFoundation writes objects
//! in the order of their numbers, so a scan from octet 8 finds them and their numbers at once; and
//! since the first member of a container comes right after it, the width of the references can be
//! seen from the first container.

use super::decode::{Decoder, Source};
use super::head::Head;
use super::objects::check_head;
use super::{DecodeError, Kind, Limits, MAGIC, Object, ObjectKind, PlistValue, Reference, Text};

/// The objects that were found by a scan.
#[derive(Debug, Clone)]
pub struct Salvaged<'a> {
    octets: &'a [u8],
    /// Where the whole objects stand.
    offsets: Vec<usize>,
    reference_width: usize,
    partial: Option<Partial<'a>>,
    fault: Option<DecodeError>,
}

/// An object that is cut, as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial<'a> {
    /// Its number.
    pub number: usize,
    /// Where its marker stands.
    pub offset: usize,
    /// Where its content begins.
    pub content_offset: usize,
    /// What it is.
    pub kind: Kind,
    /// Octets that its content should have.
    pub expected: u64,
    /// The octets that are there.
    pub octets: &'a [u8],
}

/// An entry of a dictionary that may be damaged.
#[derive(Debug, Clone, PartialEq)]
pub struct SalvagedEntry<'a> {
    /// The reference to the key.
    pub key_reference: Reference,
    /// The key, if it is there.
    pub key: Option<Text<'a>>,
    /// The reference to the value.
    pub value_reference: Reference,
    /// The value.
    pub value: SalvagedValue<'a>,
}

/// A value, or what is there of it.
#[derive(Debug, Clone, PartialEq)]
pub enum SalvagedValue<'a> {
    /// It is there with all that it contains.
    Whole(PlistValue<'a>),
    /// It is cut.
    Cut(Partial<'a>),
    /// A container that is there; members that are not whole are left out of it.
    Incomplete(PlistValue<'a>),
    /// It lies behind the cut.
    Missing,
}

/// Looks for objects from octet 8 on, until all that are referred to are found or the octets end.
///
/// For lists that [`decode`](super::decode) refuses. The numbers are right where CoreFoundation
/// wrote the list, and may be wrong for lists of other writers. At most [`Limits::objects`] are
/// looked for.
///
/// # Errors
///
/// Where the octets do not begin as a binary property list, or are too many.
pub fn salvage(octets: &[u8]) -> Result<Salvaged<'_>, DecodeError> {
    let limits = Limits::default();
    if octets.len() > limits.octets {
        return Err(DecodeError::TooLong {
            limit: limits.octets,
            found: octets.len(),
        });
    }
    check_head(octets)?;
    let mut salvaged = Salvaged {
        octets,
        offsets: Vec::new(),
        reference_width: reference_width(octets),
        partial: None,
        fault: None,
    };
    let mut offset = MAGIC.len();
    // The numbers below this one are known to exist.
    let mut expected = 1;
    while salvaged.offsets.len() < expected && salvaged.offsets.len() < limits.objects {
        match salvaged.parse(offset, salvaged.offsets.len()) {
            Ok(object) => {
                salvaged.offsets.push(offset);
                offset = object.end;
                for reference in object.references() {
                    let number = usize::try_from(reference.number).unwrap_or(usize::MAX);
                    expected = expected.max(number.saturating_add(1));
                }
            }
            Err(fault) => {
                salvaged.partial = salvaged.cut_object(offset);
                salvaged.fault = Some(fault);
                break;
            }
        }
    }
    Ok(salvaged)
}

/// The width of references, from the first container with a member: its first reference is to the
/// object behind it, so the octets before the last of that reference are zero.
fn reference_width(octets: &[u8]) -> usize {
    let Ok(head) = Head::parse(octets, MAGIC.len()) else {
        return 1;
    };
    let content = octets.get(head.content_offset..).unwrap_or_default();
    let zeros = content.iter().take_while(|octet| **octet == 0).count();
    if zeros < 8 { zeros + 1 } else { 1 }
}

impl<'a> Salvaged<'a> {
    /// How many objects are whole.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether no object is whole.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Octets of a reference, as far as that can be seen.
    pub fn reference_width(&self) -> usize {
        self.reference_width
    }

    /// A whole object by its number.
    pub fn object(&self, number: usize) -> Option<Object<'a>> {
        self.parse(*self.offsets.get(number)?, number).ok()
    }

    /// The whole objects in the order of their numbers.
    pub fn objects(&self) -> impl Iterator<Item = Object<'a>> {
        (0..self.offsets.len()).filter_map(|number| self.object(number))
    }

    /// The object behind the last whole one, if at least its marker and its length are there.
    pub fn partial(&self) -> Option<Partial<'a>> {
        self.partial
    }

    /// Why the scan ended before it found all objects that are referred to.
    pub fn fault(&self) -> Option<DecodeError> {
        self.fault
    }

    /// The entries of the top dictionary, in their order. Empty where the top is none.
    pub fn entries(&self) -> Vec<SalvagedEntry<'a>> {
        let Some(ObjectKind::Dictionary { keys, values }) = self.object(0).map(|top| top.kind)
        else {
            return Vec::new();
        };
        let mut decoder = Decoder::lossy(self, Limits::default());
        let entries = keys.iter().zip(values.iter());
        entries
            .take(Limits::default().objects / 2)
            .map(|(key_reference, value_reference)| SalvagedEntry {
                key_reference,
                key: decoder.key(key_reference).ok(),
                value_reference,
                value: self.value(&mut decoder, value_reference),
            })
            .collect()
    }

    fn value(&self, decoder: &mut Decoder<&Self>, reference: Reference) -> SalvagedValue<'a> {
        let partial = self.partial;
        match decoder.value(reference) {
            Ok(value) if decoder.take_incomplete() => SalvagedValue::Incomplete(value),
            Ok(value) => SalvagedValue::Whole(value),
            Err(_) => partial
                .filter(|partial| partial.number as u64 == reference.number)
                .map_or(SalvagedValue::Missing, SalvagedValue::Cut),
        }
    }

    fn parse(&self, offset: usize, number: usize) -> Result<Object<'a>, DecodeError> {
        Object::parse(self.octets, offset, number, self.reference_width)
    }

    /// What is there of the object at `offset`, if its head is.
    fn cut_object(&self, offset: usize) -> Option<Partial<'a>> {
        let head = Head::parse(self.octets, offset).ok()?;
        Some(Partial {
            number: self.offsets.len(),
            offset,
            content_offset: head.content_offset,
            kind: head.kind(),
            expected: head.content_len(self.reference_width),
            octets: self.octets.get(head.content_offset..)?,
        })
    }
}

impl<'a> Source<'a> for &Salvaged<'a> {
    fn object(&self, reference: Reference) -> Result<Object<'a>, DecodeError> {
        let number = usize::try_from(reference.number).unwrap_or(usize::MAX);
        Salvaged::object(self, number).ok_or(DecodeError::Reference {
            offset: reference.offset,
            limit: self.offsets.len(),
            found: reference.number,
        })
    }
}
