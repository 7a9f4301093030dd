//! From octets to a value.

use std::borrow::Cow;

use super::{
    DecodeError, Limits, Object, ObjectKind, Objects, PlistValue, Reference, References, Text,
};

/// How often octets of UTF-16 count, since they are not borrowed but copied into half as many more:
/// with it, and 32 octets an object, all that is allocated stays below the limit of octets.
const UTF16_WEIGHT: usize = 3;

/// Reads a whole binary property list with the default [`Limits`].
///
/// # Errors
///
/// Where the octets are none, or it would cost more than the limits allow. The error names the octet.
pub fn decode(octets: &[u8]) -> Result<PlistValue<'_>, DecodeError> {
    decode_with(octets, Limits::default())
}

/// Reads a whole binary property list with limits of one's own.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_with(octets: &[u8], limits: Limits) -> Result<PlistValue<'_>, DecodeError> {
    if octets.len() > limits.octets {
        return Err(DecodeError::TooLong {
            limit: limits.octets,
            found: octets.len(),
        });
    }
    let objects = Objects::open(octets)?;
    let top = objects.top();
    Decoder::new(objects, limits).value(top)
}

/// Where objects are looked up.
pub(super) trait Source<'a> {
    /// The object that is meant by a reference.
    fn object(&self, reference: Reference) -> Result<Object<'a>, DecodeError>;
}

impl<'a> Source<'a> for Objects<'a> {
    fn object(&self, reference: Reference) -> Result<Object<'a>, DecodeError> {
        Self::object(self, reference)
    }
}

/// Builds values and counts what they cost.
pub(super) struct Decoder<S> {
    source: S,
    limits: Limits,
    /// Whether members of which something is missing are left out, instead of being errors.
    lossy: bool,
    /// Whether something was left out.
    incomplete: bool,
    /// Objects that were or will be read: a container's members count when it is entered, so that
    /// the room for them is paid for before it is reserved.
    visited: usize,
    /// Octets of strings and data.
    content: usize,
    /// The offsets of the containers that the present value is in.
    path: Vec<usize>,
}

impl<'a, S: Source<'a>> Decoder<S> {
    pub(super) fn new(source: S, limits: Limits) -> Self {
        Self {
            source,
            limits,
            lossy: false,
            incomplete: false,
            visited: 1,
            content: 0,
            path: Vec::new(),
        }
    }

    /// One that leaves out what it cannot build.
    pub(super) fn lossy(source: S, limits: Limits) -> Self {
        Self {
            lossy: true,
            ..Self::new(source, limits)
        }
    }

    /// Whether something was left out since this was asked last.
    pub(super) fn take_incomplete(&mut self) -> bool {
        std::mem::take(&mut self.incomplete)
    }

    /// The value that is meant by a reference. Calls itself no deeper than the limit of depth.
    pub(super) fn value(&mut self, reference: Reference) -> Result<PlistValue<'a>, DecodeError> {
        let object = self.source.object(reference)?;
        Ok(match object.kind {
            ObjectKind::Null => PlistValue::Null,
            ObjectKind::Fill => PlistValue::Fill,
            ObjectKind::Boolean(value) => PlistValue::Boolean(value),
            ObjectKind::Integer(value) => PlistValue::Integer(value),
            ObjectKind::Real(value) => PlistValue::Real(value),
            ObjectKind::Date(value) => PlistValue::Date(value),
            ObjectKind::Data(octets) => {
                self.charge(&object, octets.len())?;
                PlistValue::Data(Cow::Borrowed(octets))
            }
            ObjectKind::Ascii(octets) => PlistValue::String(self.ascii(&object, octets)?),
            ObjectKind::Utf16(octets) => PlistValue::String(self.utf16(&object, octets)?),
            ObjectKind::Uid(value) => PlistValue::Uid(value),
            ObjectKind::Array(members) => PlistValue::Array(self.members(&object, members)?),
            ObjectKind::OrderedSet(members) => {
                PlistValue::OrderedSet(self.members(&object, members)?)
            }
            ObjectKind::Set(members) => PlistValue::Set(self.members(&object, members)?),
            ObjectKind::Dictionary { keys, values } => {
                self.enter(&object, keys.len() + values.len())?;
                let mut entries = Vec::with_capacity(keys.len());
                for (key, value) in keys.iter().zip(values.iter()) {
                    let key = match self.key(key) {
                        Ok(key) => key,
                        Err(fault) => {
                            self.leave_out(fault)?;
                            continue;
                        }
                    };
                    match self.value(value) {
                        Ok(value) => entries.push((key, value)),
                        Err(fault) => self.leave_out(fault)?,
                    }
                }
                self.path.pop();
                PlistValue::Dictionary(entries)
            }
        })
    }

    /// The members of an array or set.
    fn members(
        &mut self,
        object: &Object<'a>,
        references: References<'a>,
    ) -> Result<Vec<PlistValue<'a>>, DecodeError> {
        self.enter(object, references.len())?;
        let mut members = Vec::with_capacity(references.len());
        for reference in references.iter() {
            match self.value(reference) {
                Ok(member) => members.push(member),
                Err(fault) => self.leave_out(fault)?,
            }
        }
        self.path.pop();
        Ok(members)
    }

    /// A key of a dictionary.
    pub(super) fn key(&mut self, reference: Reference) -> Result<Text<'a>, DecodeError> {
        let object = self.source.object(reference)?;
        if let ObjectKind::Ascii(octets) = object.kind {
            self.ascii(&object, octets)
        } else if let ObjectKind::Utf16(octets) = object.kind {
            self.utf16(&object, octets)
        } else {
            Err(DecodeError::Key {
                offset: object.offset,
                found: object.kind(),
            })
        }
    }

    fn ascii(&mut self, object: &Object<'a>, octets: &'a [u8]) -> Result<Text<'a>, DecodeError> {
        self.charge(object, octets.len())?;
        Ok(Text::from_ascii(octets))
    }

    fn utf16(&mut self, object: &Object<'a>, octets: &'a [u8]) -> Result<Text<'a>, DecodeError> {
        self.charge(object, octets.len().saturating_mul(UTF16_WEIGHT))?;
        Ok(Text::from_utf16(octets))
    }

    /// Leaves out a member, where that is allowed.
    fn leave_out(&mut self, fault: DecodeError) -> Result<(), DecodeError> {
        self.incomplete = true;
        if self.lossy { Ok(()) } else { Err(fault) }
    }

    /// Goes into a container with so many members.
    fn enter(&mut self, container: &Object<'a>, members: usize) -> Result<(), DecodeError> {
        let offset = container.offset;
        if self.path.contains(&offset) {
            return Err(DecodeError::Cycle {
                offset,
                number: container.number,
            });
        }
        if self.path.len() >= self.limits.depth {
            return Err(DecodeError::Depth {
                offset,
                limit: self.limits.depth,
            });
        }
        self.visited = self.visited.saturating_add(members);
        if self.visited > self.limits.objects {
            return Err(DecodeError::Objects {
                offset,
                limit: self.limits.objects,
                found: self.visited,
            });
        }
        self.path.push(offset);
        Ok(())
    }

    /// Counts the octets of a string or data.
    fn charge(&mut self, object: &Object<'a>, octets: usize) -> Result<(), DecodeError> {
        self.content = self.content.saturating_add(octets);
        if self.content > self.limits.octets {
            return Err(DecodeError::Expanded {
                offset: object.offset,
                limit: self.limits.octets,
                found: self.content,
            });
        }
        Ok(())
    }
}
