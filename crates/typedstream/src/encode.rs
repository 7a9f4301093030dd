//! An [`Archive`] to octets, without recursion.

use std::collections::HashMap;
use std::collections::hash_map;
use std::iter::Enumerate;
use std::slice;

use crate::encoding::{self, EncodingError, Scalar, Type, Types};
use crate::error::GroupPlace;
use crate::header::STREAMER_VERSION;
use crate::output::Output;
use crate::{Archive, CStringId, ClassId, EncodeError, Group, ObjectId, SharedString, Value, tag};

impl Archive {
    /// Writes the archive, as a Mac would: every integer as short as can be, every string, class and
    /// object once.
    ///
    /// What no group of the archive leads to is left out.
    ///
    /// # Errors
    /// A group's values are not what its encoding says, or something is named that is not there.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.header.streamer_version != STREAMER_VERSION {
            return Err(EncodeError::StreamerVersion {
                found: self.header.streamer_version,
            });
        }
        let mut encoder = Encoder::new(self);
        encoder.head()?;
        encoder.open.push(Open::Groups {
            object: None,
            groups: self.groups.iter().enumerate(),
        });
        while encoder.step()? {}
        Ok(encoder.output.into_octets())
    }
}

/// What has begun and not ended.
#[derive(Debug)]
enum Open<'a> {
    Groups {
        object: Option<ObjectId>,
        groups: Enumerate<slice::Iter<'a, Group>>,
    },
    /// The values of a group or struct.
    Values {
        place: GroupPlace,
        types: Types<'a>,
        all: &'a [Value],
        values: slice::Iter<'a, Value>,
    },
    Array {
        place: GroupPlace,
        element: &'a [u8],
        values: slice::Iter<'a, Value>,
    },
}

#[derive(Debug)]
struct Encoder<'a> {
    archive: &'a Archive,
    output: Output,
    /// The table of shared strings; true for what is known to be an encoding without fault.
    strings: HashMap<&'a [u8], (u32, bool)>,
    /// Where each thing is in the table of objects, once it is written.
    objects: Vec<Option<u32>>,
    classes: Vec<Option<u32>>,
    c_strings: Vec<Option<u32>>,
    /// How many entries the table of objects has.
    entries: u32,
    open: Vec<Open<'a>>,
}

impl<'a> Encoder<'a> {
    fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            output: Output::new(archive.header.byte_order),
            strings: HashMap::new(),
            objects: vec![None; archive.objects.len()],
            classes: vec![None; archive.classes.len()],
            c_strings: vec![None; archive.c_strings.len()],
            entries: 0,
            open: Vec::new(),
        }
    }

    fn head(&mut self) -> Result<(), EncodeError> {
        let header = &self.archive.header;
        self.output.octet(header.streamer_version);
        self.output.byte_string(header.byte_order.signature())?;
        self.output.integer(header.system_version.into());
        Ok(())
    }

    /// One group or value; false if there is nothing left.
    fn step(&mut self) -> Result<bool, EncodeError> {
        match self.open.last_mut() {
            None => return Ok(false),
            Some(Open::Groups { object, groups }) => {
                let object = *object;
                if let Some((number, group)) = groups.next() {
                    let place = GroupPlace {
                        object,
                        group: number,
                    };
                    self.group(place, group)?;
                } else {
                    if object.is_some() {
                        self.output.octet(tag::END);
                    }
                    self.open.pop();
                }
            }
            Some(Open::Values {
                place,
                types,
                all,
                values,
            }) => {
                let (place, all) = (*place, *all);
                let fault = |error| encoding_error(place, error);
                match (types.next().map_err(fault)?, values.next()) {
                    (Some((wanted, _)), Some(value)) => self.value(place, wanted, value)?,
                    (None, None) => {
                        self.open.pop();
                    }
                    (None, Some(_)) => {
                        let left = values.len() + 1;
                        return Err(EncodeError::Count {
                            place,
                            expected: all.len() - left,
                            found: all.len(),
                        });
                    }
                    (Some(_), None) => {
                        let mut expected = all.len() + 1;
                        while types.next().map_err(fault)?.is_some() {
                            expected += 1;
                        }
                        return Err(EncodeError::Count {
                            place,
                            expected,
                            found: all.len(),
                        });
                    }
                }
            }
            Some(Open::Array {
                place,
                element,
                values,
            }) => {
                let place = *place;
                let wanted = Types::new(element).next();
                match (
                    wanted.map_err(|error| encoding_error(place, error))?,
                    values.next(),
                ) {
                    (Some((wanted, _)), Some(value)) => self.value(place, wanted, value)?,
                    (Some(_) | None, None) | (None, Some(_)) => {
                        self.open.pop();
                    }
                }
            }
        }
        Ok(true)
    }

    fn group(&mut self, place: GroupPlace, group: &'a Group) -> Result<(), EncodeError> {
        if !self.shared(&group.encoding)? {
            encoding::check(&group.encoding).map_err(|error| encoding_error(place, error))?;
            if let Some((_, is_encoding)) = self.strings.get_mut(&*group.encoding) {
                *is_encoding = true;
            }
        }
        self.open.push(Open::Values {
            place,
            types: Types::new(&group.encoding),
            all: &group.values,
            values: group.values.iter(),
        });
        Ok(())
    }

    fn value(
        &mut self,
        place: GroupPlace,
        wanted: Type<'a>,
        value: &'a Value,
    ) -> Result<(), EncodeError> {
        let mismatch = |expected| EncodeError::Type {
            place,
            expected,
            found: value.kind(),
        };
        let count = |expected, found| {
            if expected == found {
                return Ok(());
            }
            Err(EncodeError::Count {
                place,
                expected,
                found,
            })
        };
        match (wanted, value) {
            (Type::Scalar(scalar), value) => {
                if !self.scalar(scalar, value)? {
                    return Err(mismatch(scalar.letter()));
                }
            }
            (Type::Octets { length, .. }, Value::Octets(octets)) => {
                count(length, octets.len())?;
                self.output.octets(octets);
            }
            (Type::Array { length, element }, Value::Array(values)) => {
                count(length, values.len())?;
                self.open.push(Open::Array {
                    place,
                    element,
                    values: values.iter(),
                });
            }
            (Type::Struct { fields, .. }, Value::Struct(values)) => {
                self.open.push(Open::Values {
                    place,
                    types: Types::new(fields),
                    all: values,
                    values: values.iter(),
                });
            }
            (Type::Octets { .. } | Type::Array { .. }, _) => return Err(mismatch(b'[')),
            (Type::Struct { .. }, _) => return Err(mismatch(b'{')),
        }
        Ok(())
    }

    /// False if the value is of another type.
    fn scalar(&mut self, scalar: Scalar, value: &'a Value) -> Result<bool, EncodeError> {
        match (scalar, value) {
            (_, Value::Number(number)) if number.type_code() == scalar.letter() => {
                self.output.number(*number);
            }
            (Scalar::Object, Value::Object(object)) => self.object(*object)?,
            (Scalar::Class, Value::Class(class)) => self.class(*class)?,
            (Scalar::CString, Value::CString(c_string)) => self.c_string(*c_string)?,
            (Scalar::Selector, Value::Selector(text)) | (Scalar::Atom, Value::Atom(text)) => {
                match text {
                    Some(text) => {
                        self.shared(text)?;
                    }
                    None => self.output.octet(tag::NIL),
                }
            }
            (Scalar::ByteString, Value::ByteString(octets)) => match octets {
                Some(octets) => self.output.byte_string(octets)?,
                None => self.output.octet(tag::NIL),
            },
            (Scalar::Ignored, Value::Ignored) => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn object(&mut self, id: Option<ObjectId>) -> Result<(), EncodeError> {
        let Some(id) = id else {
            self.output.octet(tag::NIL);
            return Ok(());
        };
        let object = self.archive.object(id).ok_or(EncodeError::NoObject(id))?;
        if self.known_or_new(id.0, |encoder| &mut encoder.objects)? {
            return Ok(());
        }
        self.class(Some(object.class))?;
        self.open.push(Open::Groups {
            object: Some(id),
            groups: object.groups.iter().enumerate(),
        });
        Ok(())
    }

    /// A class and its superclasses, up to one that is known.
    fn class(&mut self, id: Option<ClassId>) -> Result<(), EncodeError> {
        let first = self.entries;
        let mut next = id;
        while let Some(id) = next {
            let class = self.archive.class(id).ok_or(EncodeError::NoClass(id))?;
            if self.known_or_new(id.0, |encoder| &mut encoder.classes)? {
                let index = usize::try_from(id.0).unwrap_or(usize::MAX);
                if self.classes.get(index).copied().flatten() >= Some(first) {
                    return Err(EncodeError::ClassCycle(id));
                }
                return Ok(());
            }
            self.shared(&class.name)?;
            self.output.integer(class.version.into());
            next = class.superclass;
        }
        self.output.octet(tag::NIL);
        Ok(())
    }

    fn c_string(&mut self, id: Option<CStringId>) -> Result<(), EncodeError> {
        let Some(id) = id else {
            self.output.octet(tag::NIL);
            return Ok(());
        };
        let text = self
            .archive
            .c_string(id)
            .ok_or(EncodeError::NoCString(id))?;
        if self.known_or_new(id.0, |encoder| &mut encoder.c_strings)? {
            return Ok(());
        }
        if text.contains(&0) {
            return Err(EncodeError::ZeroInCString(id));
        }
        self.shared(text)?;
        Ok(())
    }

    /// Writes a reference to what is known, and then true; else the tag for something new, to which
    /// it gives the next place of the table of objects.
    fn known_or_new(
        &mut self,
        id: u32,
        table: impl FnOnce(&mut Self) -> &mut Vec<Option<u32>>,
    ) -> Result<bool, EncodeError> {
        let next = self.entries;
        let index = usize::try_from(id).map_err(|_| EncodeError::TooLong)?;
        let entry = table(self).get_mut(index).ok_or(EncodeError::TooLong)?;
        if let Some(known) = *entry {
            self.output.reference(known);
            return Ok(true);
        }
        *entry = Some(next);
        self.entries = next.checked_add(1).ok_or(EncodeError::TooLong)?;
        self.output.octet(tag::NEW);
        Ok(false)
    }

    /// Writes a shared string; true if it is known as an encoding without fault.
    fn shared(&mut self, text: &'a SharedString) -> Result<bool, EncodeError> {
        let next = u32::try_from(self.strings.len()).map_err(|_| EncodeError::TooLong)?;
        match self.strings.entry(text) {
            hash_map::Entry::Occupied(entry) => {
                let (index, is_encoding) = *entry.get();
                self.output.reference(index);
                Ok(is_encoding)
            }
            hash_map::Entry::Vacant(entry) => {
                entry.insert((next, false));
                self.output.octet(tag::NEW);
                self.output.byte_string(text)?;
                Ok(false)
            }
        }
    }
}

fn encoding_error(place: GroupPlace, error: EncodingError) -> EncodeError {
    EncodeError::Encoding {
        place,
        position: error.position,
        fault: error.fault,
    }
}
