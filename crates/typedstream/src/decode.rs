//! Events to an [`Archive`].

use crate::archive::{Octets, Values};
use crate::reader::TABLE;
use crate::{
    Archive, CStringId, Class, ClassId, DecodeError, Event, EventKind, Group, Limits, Object,
    ObjectId, Reader, Shared, SharedString, Value,
};

impl Archive {
    /// Reads a whole archive, with the default [`Limits`].
    ///
    /// # Errors
    /// Some of it cannot be read; then [`Reader`] shows what comes before.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(octets, Limits::default())
    }

    /// Reads a whole archive.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(octets: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::with_limits(octets, limits)?;
        let mut decoder = Decoder::new(&reader);
        while let Some(event) = reader.next_event()? {
            decoder.event(&mut reader, event)?;
        }
        Ok(decoder.archive)
    }
}

/// What an entry of the reader's table of objects became.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Object(ObjectId),
    Class(ClassId),
    CString(CStringId),
}

/// What has begun and not ended.
#[derive(Debug)]
enum Open {
    Object {
        id: ObjectId,
        groups: Vec<Group>,
    },
    Group {
        encoding: SharedString,
        values: Vec<Value>,
    },
    Array {
        values: Vec<Value>,
    },
    Struct {
        values: Vec<Value>,
    },
}

/// Whose class comes next.
#[derive(Debug, Clone, Copy)]
enum Heir {
    /// Nobody's: the class is a value.
    Value,
    Object(ObjectId),
    Subclass(ClassId),
}

#[derive(Debug)]
struct Decoder {
    archive: Archive,
    strings: Vec<SharedString>,
    entries: Vec<Entry>,
    open: Vec<Open>,
    heir: Heir,
}

impl Decoder {
    fn new(reader: &Reader<'_>) -> Self {
        Self {
            archive: Archive::new(reader.header()),
            strings: Vec::new(),
            entries: Vec::new(),
            open: Vec::new(),
            heir: Heir::Value,
        }
    }

    fn event(&mut self, reader: &mut Reader<'_>, event: Event<'_>) -> Result<(), DecodeError> {
        let at = event.offset;
        match event.kind {
            EventKind::GroupBegin { encoding } => {
                let encoding = self.shared(reader, at, encoding)?;
                let values = Vec::new();
                self.push_open(reader, at, Open::Group { encoding, values })
            }
            EventKind::ObjectBegin { .. } => {
                let id = ObjectId(number(self.archive.objects.len()));
                reader
                    .budget
                    .reserve(at, &mut self.archive.objects, TABLE)?;
                self.archive.objects.push(Object {
                    // Every object's class is read, or reading ends with an error.
                    class: ClassId(u32::MAX),
                    groups: Vec::new(),
                });
                self.push_entry(reader, at, Entry::Object(id))?;
                self.heir = Heir::Object(id);
                let groups = Vec::new();
                self.push_open(reader, at, Open::Object { id, groups })
            }
            EventKind::ArrayBegin { .. } => {
                let values = Vec::new();
                self.push_open(reader, at, Open::Array { values })
            }
            EventKind::StructBegin { .. } => {
                let values = Vec::new();
                self.push_open(reader, at, Open::Struct { values })
            }
            EventKind::GroupEnd
            | EventKind::ObjectEnd { .. }
            | EventKind::ArrayEnd
            | EventKind::StructEnd => self.end(reader, at),
            EventKind::Class { name, version, .. } => {
                let id = ClassId(number(self.archive.classes.len()));
                let name = self.shared(reader, at, name)?;
                reader
                    .budget
                    .reserve(at, &mut self.archive.classes, TABLE)?;
                self.archive.classes.push(Class {
                    name,
                    version,
                    superclass: None,
                });
                self.push_entry(reader, at, Entry::Class(id))?;
                self.inherit(reader, at, Some(id))?;
                self.heir = Heir::Subclass(id);
                Ok(())
            }
            EventKind::ClassReference { index } => {
                let id = match self.entries.get(index) {
                    Some(Entry::Class(id)) => Some(*id),
                    Some(Entry::Object(_) | Entry::CString(_)) | None => None,
                };
                self.inherit(reader, at, id)
            }
            EventKind::NilClass => self.inherit(reader, at, None),
            EventKind::ObjectReference { index } => {
                let id = match self.entries.get(index) {
                    Some(Entry::Object(id)) => Some(*id),
                    Some(Entry::Class(_) | Entry::CString(_)) | None => None,
                };
                self.push(reader, at, Value::Object(id))
            }
            EventKind::CString { text, .. } => {
                let id = CStringId(number(self.archive.c_strings.len()));
                let text = self.shared(reader, at, text)?;
                reader.budget.reserve(at, &mut self.archive.c_strings, 1)?;
                self.archive.c_strings.push(text);
                self.push_entry(reader, at, Entry::CString(id))?;
                self.push(reader, at, Value::CString(Some(id)))
            }
            EventKind::CStringReference { index } => {
                let id = match self.entries.get(index) {
                    Some(Entry::CString(id)) => Some(*id),
                    Some(Entry::Object(_) | Entry::Class(_)) | None => None,
                };
                self.push(reader, at, Value::CString(id))
            }
            EventKind::NilObject => self.push(reader, at, Value::Object(None)),
            EventKind::NilCString => self.push(reader, at, Value::CString(None)),
            EventKind::Selector(name) => {
                let name = self.shared_or_nil(reader, at, name)?;
                self.push(reader, at, Value::Selector(name))
            }
            EventKind::Atom(text) => {
                let text = self.shared_or_nil(reader, at, text)?;
                self.push(reader, at, Value::Atom(text))
            }
            EventKind::ByteString(octets) => {
                let octets = match octets {
                    Some(octets) => Some(copy(reader, at, octets)?),
                    None => None,
                };
                self.push(reader, at, Value::ByteString(octets))
            }
            EventKind::Octets { octets, .. } => {
                let octets = copy(reader, at, octets)?;
                self.push(reader, at, Value::Octets(octets))
            }
            EventKind::Number(number) => self.push(reader, at, Value::Number(number)),
            EventKind::Ignored => self.push(reader, at, Value::Ignored),
        }
    }

    /// Ends what was begun last, and adds it to what it is in.
    fn end(&mut self, reader: &mut Reader<'_>, at: usize) -> Result<(), DecodeError> {
        match self.open.pop() {
            None => Ok(()),
            Some(Open::Object { id, mut groups }) => {
                reader.budget.shrink(&mut groups);
                if let Some(object) = self.archive.object_mut(id) {
                    object.groups = groups;
                }
                self.push(reader, at, Value::Object(Some(id)))
            }
            Some(Open::Group {
                encoding,
                mut values,
            }) => {
                reader.budget.shrink(&mut values);
                let groups = match self.open.last_mut() {
                    Some(Open::Object { groups, .. }) => groups,
                    Some(Open::Group { .. } | Open::Array { .. } | Open::Struct { .. }) | None => {
                        &mut self.archive.groups
                    }
                };
                reader.budget.reserve(at, groups, 1)?;
                groups.push(Group { encoding, values });
                Ok(())
            }
            Some(Open::Array { values }) => {
                let values = list(reader, at, values)?;
                self.push(reader, at, Value::Array(values))
            }
            Some(Open::Struct { values }) => {
                let values = list(reader, at, values)?;
                self.push(reader, at, Value::Struct(values))
            }
        }
    }

    /// The class or superclass that was waited for; nobody waits for another then.
    fn inherit(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        class: Option<ClassId>,
    ) -> Result<(), DecodeError> {
        match std::mem::replace(&mut self.heir, Heir::Value) {
            Heir::Value => return self.push(reader, at, Value::Class(class)),
            Heir::Object(id) => {
                if let (Some(object), Some(class)) = (self.archive.object_mut(id), class) {
                    object.class = class;
                }
            }
            Heir::Subclass(ClassId(id)) => {
                let subclass = usize::try_from(id)
                    .ok()
                    .and_then(|id| self.archive.classes.get_mut(id));
                if let Some(subclass) = subclass {
                    subclass.superclass = class;
                }
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        value: Value,
    ) -> Result<(), DecodeError> {
        let Some(Open::Group { values, .. } | Open::Array { values } | Open::Struct { values }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        reader.budget.reserve(at, values, 1)?;
        values.push(value);
        Ok(())
    }

    fn push_open(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        open: Open,
    ) -> Result<(), DecodeError> {
        reader.budget.reserve(at, &mut self.open, TABLE)?;
        self.open.push(open);
        Ok(())
    }

    fn push_entry(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        entry: Entry,
    ) -> Result<(), DecodeError> {
        reader.budget.reserve(at, &mut self.entries, TABLE)?;
        self.entries.push(entry);
        Ok(())
    }

    fn shared(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        shared: Shared<'_>,
    ) -> Result<SharedString, DecodeError> {
        if let Some(string) = self.strings.get(shared.index) {
            return Ok(string.clone());
        }
        let octets = size_of::<[usize; 4]>() + shared.text.len();
        reader.budget.allocate(at, octets)?;
        let string = SharedString::from(shared.text);
        reader.budget.reserve(at, &mut self.strings, TABLE)?;
        self.strings.push(string.clone());
        Ok(string)
    }

    fn shared_or_nil(
        &mut self,
        reader: &mut Reader<'_>,
        at: usize,
        shared: Option<Shared<'_>>,
    ) -> Result<Option<SharedString>, DecodeError> {
        shared
            .map(|shared| self.shared(reader, at, shared))
            .transpose()
    }
}

fn copy(reader: &mut Reader<'_>, at: usize, octets: &[u8]) -> Result<Octets, DecodeError> {
    reader
        .budget
        .allocate(at, size_of::<Vec<u8>>() + octets.len())?;
    Ok(Octets::from(octets))
}

fn list(reader: &mut Reader<'_>, at: usize, mut values: Vec<Value>) -> Result<Values, DecodeError> {
    reader.budget.allocate(at, size_of::<Vec<Value>>())?;
    reader.budget.shrink(&mut values);
    Ok(values.into())
}

/// The number of a table's next entry; a table of 2³² entries does not fit the memory that
/// [`Limits`] can grant.
fn number(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}
