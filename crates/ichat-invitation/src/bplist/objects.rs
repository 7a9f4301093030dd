//! A whole binary property list as what it is on the wire: objects, a table of their offsets, a
//! trailer.

use super::number::unsigned;
use super::{DecodeError, MAGIC, Object, Reference};

/// Octets of the trailer.
const TRAILER_LEN: usize = 32;

/// The last 32 octets.
///
/// | offset in it | octets | field |
/// |---:|---:|---|
/// | 0 | 5 | unused |
/// | 5 | 1 | sort version |
/// | 6 | 1 | width of an entry of the offset table |
/// | 7 | 1 | width of a reference |
/// | 8 | 8 | number of objects |
/// | 16 | 8 | number of the top object |
/// | 24 | 8 | offset of the offset table |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Where the trailer stands.
    pub offset: usize,
    /// Octets without a meaning; CoreFoundation writes zeros.
    pub unused: [u8; 5],
    /// Whether and how the file is sorted; CoreFoundation writes 0 and reads it not.
    pub sort_version: u8,
    /// Octets of an entry of the offset table: 1 to 8.
    pub offset_width: usize,
    /// Octets of a reference: 1 to 8.
    pub reference_width: usize,
    /// Number of objects, at least 1.
    pub object_count: usize,
    /// Number of the object that is the value.
    pub top_object: usize,
    /// Where the offset table stands.
    pub table_offset: usize,
}

/// The objects of a binary property list by their numbers. Costs nothing to make: each object is
/// read when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    octets: &'a [u8],
    trailer: Trailer,
}

impl<'a> Objects<'a> {
    /// Reads head and trailer.
    ///
    /// # Errors
    ///
    /// Where the head is another's, or the trailer's numbers do not fit the octets.
    pub fn open(octets: &'a [u8]) -> Result<Self, DecodeError> {
        check_head(octets)?;
        let trailer = Trailer::parse(octets)?;
        Ok(Self { octets, trailer })
    }

    /// The trailer.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// All octets.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The reference that the trailer makes to the top object.
    pub fn top(&self) -> Reference {
        Reference {
            offset: self.trailer.offset + 16,
            number: self.trailer.top_object as u64,
        }
    }

    /// The object that is meant by a reference.
    ///
    /// # Errors
    ///
    /// Where there is no such object, or what stands there is none.
    pub fn object(&self, reference: Reference) -> Result<Object<'a>, DecodeError> {
        let number = usize::try_from(reference.number)
            .ok()
            .filter(|number| *number < self.trailer.object_count)
            .ok_or(DecodeError::Reference {
                offset: reference.offset,
                limit: self.trailer.object_count,
                found: reference.number,
            })?;
        let table_offset = self.trailer.table_offset;
        let width = self.trailer.offset_width;
        let entry = table_offset + number * width;
        let found = unsigned(self.octets.get(entry..entry + width).unwrap_or_default());
        let offset = usize::try_from(found)
            .ok()
            .filter(|offset| (MAGIC.len()..table_offset).contains(offset))
            .ok_or(DecodeError::ObjectOffset {
                offset: entry,
                first: MAGIC.len(),
                last: table_offset - 1,
                found,
            })?;
        let objects = self.octets.get(..table_offset).unwrap_or_default();
        Object::parse(objects, offset, number, self.trailer.reference_width)
    }

    /// All objects in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Result<Object<'a>, DecodeError>> {
        (0..self.trailer.object_count).map(|number| {
            self.object(Reference {
                offset: self.trailer.offset + 8,
                number: number as u64,
            })
        })
    }
}

impl Trailer {
    /// Reads and checks the last 32 octets.
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let behind_head = octets.get(MAGIC.len()..).unwrap_or_default();
        let (body, trailer) =
            behind_head
                .split_last_chunk::<TRAILER_LEN>()
                .ok_or(DecodeError::Truncated {
                    offset: MAGIC.len(),
                    expected: TRAILER_LEN as u64,
                    found: behind_head.len(),
                })?;
        let offset = MAGIC.len() + body.len();
        let [
            u0,
            u1,
            u2,
            u3,
            u4,
            sort_version,
            offset_width,
            reference_width,
            rest @ ..,
        ] = *trailer;
        let [count, top, table] = {
            let (words, _) = rest.as_chunks::<8>();
            std::array::from_fn(|index| words.get(index).copied().map_or(0, u64::from_be_bytes))
        };
        let offset_width = width(offset + 6, offset_width)?;
        let reference_width = width(offset + 7, reference_width)?;
        // Each object takes at least one octet and an entry of the table.
        let limit = body.len() / (1 + offset_width);
        let object_count = usize::try_from(count)
            .ok()
            .filter(|count| (1..=limit).contains(count))
            .ok_or(DecodeError::ObjectCount {
                offset: offset + 8,
                limit: limit as u64,
                found: count,
            })?;
        let top_object = usize::try_from(top)
            .ok()
            .filter(|top| *top < object_count)
            .ok_or(DecodeError::Reference {
                offset: offset + 16,
                limit: object_count,
                found: top,
            })?;
        let first = MAGIC.len() + 1;
        let last = offset - object_count * offset_width;
        let table_offset = usize::try_from(table)
            .ok()
            .filter(|table| (first..=last).contains(table))
            .ok_or(DecodeError::OffsetTable {
                offset: offset + 24,
                first: first as u64,
                last: last as u64,
                found: table,
            })?;
        Ok(Self {
            offset,
            unused: [u0, u1, u2, u3, u4],
            sort_version,
            offset_width,
            reference_width,
            object_count,
            top_object,
            table_offset,
        })
    }
}

/// A width of the trailer.
fn width(offset: usize, found: u8) -> Result<usize, DecodeError> {
    if (1..=8).contains(&found) {
        Ok(found.into())
    } else {
        Err(DecodeError::Width { offset, found })
    }
}

/// Checks the first 8 octets.
pub(super) fn check_head(octets: &[u8]) -> Result<(), DecodeError> {
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(octets) {
        *to = *from;
    }
    let [b, p, l, i, s, t, version @ ..] = head;
    if !MAGIC.starts_with(&[b, p, l, i, s, t]) {
        return Err(DecodeError::Magic {
            found: [b, p, l, i, s, t],
        });
    }
    if !MAGIC.ends_with(&version) {
        return Err(DecodeError::Version { found: version });
    }
    Ok(())
}
