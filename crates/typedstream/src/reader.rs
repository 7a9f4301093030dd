//! The event level: an archive read step by step, without recursion.

use crate::encoding::{self, EncodingError, Scalar, Type, Types};
use crate::error::{Expected, Referent};
use crate::input::Input;
use crate::limits::Budget;
use crate::{DecodeError, Event, EventKind, Header, Limits, Shared, tag};

/// Entries that a table has room for at first.
pub(crate) const TABLE: usize = 16;

/// Reads an archive event by event.
///
/// It borrows the octets, and allocates only its two tables and the stack of what is open. After an
/// error it stays at the error.
///
/// ```
/// use typedstream::{EventKind, Number, Reader};
///
/// let mut reader = Reader::new(b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01i\x2a")?;
/// let kinds: Vec<_> = reader.by_ref().map(|event| Ok(event?.kind)).collect::<Result<_, _>>()?;
/// assert!(matches!(kinds[0], EventKind::GroupBegin { encoding } if encoding.text == b"i"));
/// assert_eq!(kinds[1], EventKind::Number(Number::Int(42)));
/// # Ok::<(), typedstream::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: Input<'a>,
    header: Header,
    limits: Limits,
    pub(crate) budget: Budget,
    strings: Vec<StringEntry<'a>>,
    table: Vec<Referent>,
    open: Vec<Open<'a>>,
    depth: usize,
    failed: Option<DecodeError>,
}

/// A shared string.
#[derive(Debug, Clone, Copy)]
struct StringEntry<'a> {
    text: &'a [u8],
    /// Whether it is known to be a type encoding without fault.
    is_encoding: bool,
}

/// What has begun and not ended.
#[derive(Debug, Clone, Copy)]
enum Open<'a> {
    /// An object whose class has been read: groups until the end.
    Object { index: usize },
    /// The values of a group.
    Group { types: Types<'a> },
    /// The fields of a struct.
    Struct { types: Types<'a> },
    /// The elements of an array.
    Array { element: &'a [u8], left: usize },
    /// A class or a superclass comes next.
    Class { first: usize, of_object: bool },
}

impl<'a> Reader<'a> {
    /// Begins to read, with the default [`Limits`].
    ///
    /// # Errors
    /// The archive is too long, or its head is none that can be read.
    pub fn new(octets: &'a [u8]) -> Result<Self, DecodeError> {
        Self::with_limits(octets, Limits::default())
    }

    /// Begins to read.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limits(octets: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        if octets.len() > limits.octets {
            return Err(DecodeError::TooLong {
                found: octets.len(),
                limit: limits.octets,
            });
        }
        let mut input = Input::new(octets);
        let header = Header::decode(&mut input)?;
        Ok(Self {
            input,
            header,
            limits,
            budget: Budget::new(&limits, octets.len()),
            strings: Vec::new(),
            table: Vec::new(),
            open: Vec::new(),
            depth: 0,
            failed: None,
        })
    }

    /// The head of the archive.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Where the next event begins.
    pub fn offset(&self) -> usize {
        self.input.position()
    }

    /// The next event; `None` at the end of the archive.
    ///
    /// # Errors
    /// What comes next cannot be read. Every later call gives the same error.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let offset = self.input.position();
        let step = self.budget.work(offset, 1).and_then(|()| self.step());
        match step {
            Ok(kind) => Ok(kind.map(|kind| Event {
                offset,
                length: self.input.position() - offset,
                kind,
            })),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    fn step(&mut self) -> Result<Option<EventKind<'a>>, DecodeError> {
        let kind = match self.open.last_mut() {
            None if self.input.is_at_end() => return Ok(None),
            None => self.begin_group()?,
            Some(Open::Object { index }) => {
                let index = *index;
                if self.input.accept(tag::END)? {
                    self.close();
                    EventKind::ObjectEnd { index }
                } else {
                    self.begin_group()?
                }
            }
            Some(Open::Group { types }) => match types.next() {
                Ok(Some((found, work))) => self.value(found, work)?,
                Ok(None) => {
                    self.open.pop();
                    EventKind::GroupEnd
                }
                Err(error) => return Err(self.encoding_error(self.input.position(), error)),
            },
            Some(Open::Struct { types }) => match types.next() {
                Ok(Some((found, work))) => self.value(found, work)?,
                Ok(None) => {
                    self.close();
                    EventKind::StructEnd
                }
                Err(error) => return Err(self.encoding_error(self.input.position(), error)),
            },
            Some(Open::Array { left: 0, .. }) => {
                self.close();
                EventKind::ArrayEnd
            }
            Some(Open::Array { element, left }) => {
                *left -= 1;
                match Types::new(element).next() {
                    Ok(Some((found, work))) => self.value(found, work)?,
                    // A checked encoding has an element type.
                    Ok(None) => EventKind::ArrayEnd,
                    Err(error) => return Err(self.encoding_error(self.input.position(), error)),
                }
            }
            Some(Open::Class { first, of_object }) => {
                let (first, of_object) = (*first, *of_object);
                self.class(first, of_object)?
            }
        };
        Ok(Some(kind))
    }

    fn begin_group(&mut self) -> Result<EventKind<'a>, DecodeError> {
        let offset = self.input.position();
        let encoding = self
            .shared_string()?
            .ok_or(DecodeError::NilString { offset })?;
        let is_encoding = self
            .strings
            .get(encoding.index)
            .is_some_and(|entry| entry.is_encoding);
        if !is_encoding {
            self.budget.work(offset, encoding.text.len())?;
            encoding::check(encoding.text).map_err(|error| self.encoding_error(offset, error))?;
            if let Some(entry) = self.strings.get_mut(encoding.index) {
                entry.is_encoding = true;
            }
        }
        self.push(Open::Group {
            types: Types::new(encoding.text),
        })?;
        Ok(EventKind::GroupBegin { encoding })
    }

    /// A value of this type, whose text has `work` octets.
    fn value(&mut self, found: Type<'a>, work: usize) -> Result<EventKind<'a>, DecodeError> {
        self.budget.work(self.input.position(), work)?;
        match found {
            Type::Scalar(scalar) => self.scalar(scalar),
            Type::Octets { length, element } => Ok(EventKind::Octets {
                element,
                octets: self.input.take(length)?,
            }),
            Type::Array { length, element } => {
                self.deepen(Open::Array {
                    element,
                    left: length,
                })?;
                Ok(EventKind::ArrayBegin { length, element })
            }
            Type::Struct { name, fields } => {
                self.deepen(Open::Struct {
                    types: Types::new(fields),
                })?;
                Ok(EventKind::StructBegin { name, fields })
            }
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<EventKind<'a>, DecodeError> {
        if let Some(number) = self.input.number(scalar)? {
            return Ok(EventKind::Number(number));
        }
        match scalar {
            Scalar::Object => self.object(),
            Scalar::Class => {
                let first = self.table.len();
                self.push(Open::Class {
                    first,
                    of_object: false,
                })?;
                self.class(first, false)
            }
            Scalar::CString => self.c_string(),
            Scalar::Selector => Ok(EventKind::Selector(self.shared_string()?)),
            Scalar::Atom => Ok(EventKind::Atom(self.shared_string()?)),
            Scalar::ByteString => Ok(EventKind::ByteString(self.input.byte_string()?)),
            Scalar::Ignored
            | Scalar::Char
            | Scalar::UnsignedChar
            | Scalar::Short
            | Scalar::UnsignedShort
            | Scalar::Int
            | Scalar::UnsignedInt
            | Scalar::Long
            | Scalar::UnsignedLong
            | Scalar::LongLong
            | Scalar::UnsignedLongLong
            | Scalar::Boolean
            | Scalar::Float
            | Scalar::Double => Ok(EventKind::Ignored),
        }
    }

    fn object(&mut self) -> Result<EventKind<'a>, DecodeError> {
        if self.input.accept(tag::NIL)? {
            return Ok(EventKind::NilObject);
        }
        if self.input.accept(tag::NEW)? {
            let index = self.enter(Referent::Object)?;
            self.deepen(Open::Object { index })?;
            self.push(Open::Class {
                first: self.table.len(),
                of_object: true,
            })?;
            return Ok(EventKind::ObjectBegin { index });
        }
        let index = self.reference(Expected::Object, Referent::Object)?;
        Ok(EventKind::ObjectReference { index })
    }

    /// One class of a chain; `first` is what the first class of the chain is called.
    fn class(&mut self, first: usize, of_object: bool) -> Result<EventKind<'a>, DecodeError> {
        let offset = self.input.position();
        if self.input.accept(tag::NEW)? {
            let index = self.enter(Referent::Class)?;
            let at = self.input.position();
            let name = self
                .shared_string()?
                .ok_or(DecodeError::NilString { offset: at })?;
            let version = self.input.int()?;
            return Ok(EventKind::Class {
                index,
                name,
                version,
            });
        }
        let kind = if self.input.accept(tag::NIL)? {
            if of_object && first == self.table.len() {
                return Err(DecodeError::NilClass { offset });
            }
            EventKind::NilClass
        } else {
            let index = self.reference(Expected::Class, Referent::Class)?;
            if index >= first {
                return Err(DecodeError::ClassCycle { offset, index });
            }
            EventKind::ClassReference { index }
        };
        self.open.pop();
        Ok(kind)
    }

    fn c_string(&mut self) -> Result<EventKind<'a>, DecodeError> {
        let offset = self.input.position();
        if self.input.accept(tag::NIL)? {
            return Ok(EventKind::NilCString);
        }
        if self.input.accept(tag::NEW)? {
            let index = self.enter(Referent::CString)?;
            let at = self.input.position();
            let text = self
                .shared_string()?
                .ok_or(DecodeError::NilString { offset: at })?;
            self.budget.work(offset, text.text.len())?;
            if text.text.contains(&0) {
                return Err(DecodeError::ZeroInCString { offset });
            }
            return Ok(EventKind::CString { index, text });
        }
        let index = self.reference(Expected::CString, Referent::CString)?;
        Ok(EventKind::CStringReference { index })
    }

    fn shared_string(&mut self) -> Result<Option<Shared<'a>>, DecodeError> {
        let offset = self.input.position();
        if self.input.accept(tag::NIL)? {
            return Ok(None);
        }
        if self.input.accept(tag::NEW)? {
            let at = self.input.position();
            let text = self
                .input
                .byte_string()?
                .ok_or(DecodeError::NilString { offset: at })?;
            let index = self.strings.len();
            self.check_count(offset, index)?;
            self.budget.reserve(offset, &mut self.strings, TABLE)?;
            self.strings.push(StringEntry {
                text,
                is_encoding: false,
            });
            return Ok(Some(Shared {
                index,
                text,
                is_new: true,
            }));
        }
        let index = self.input.reference(Expected::SharedString)?;
        let entry = usize::try_from(index)
            .ok()
            .and_then(|index| Some((index, self.strings.get(index)?)));
        let (index, entry) = entry.ok_or(DecodeError::StringReference {
            offset,
            index,
            entries: self.strings.len(),
        })?;
        Ok(Some(Shared {
            index,
            text: entry.text,
            is_new: false,
        }))
    }

    fn reference(&mut self, expected: Expected, kind: Referent) -> Result<usize, DecodeError> {
        let offset = self.input.position();
        let index = self.input.reference(expected)?;
        let entry = usize::try_from(index)
            .ok()
            .and_then(|index| Some((index, *self.table.get(index)?)));
        let (index, found) = entry.ok_or(DecodeError::Reference {
            offset,
            index,
            entries: self.table.len(),
        })?;
        if found != kind {
            return Err(DecodeError::ReferenceKind {
                offset,
                index,
                expected: kind,
                found,
            });
        }
        Ok(index)
    }

    /// Gives the next index of the table of objects to what begins at the octet before.
    fn enter(&mut self, kind: Referent) -> Result<usize, DecodeError> {
        let offset = self.input.position().saturating_sub(1);
        let index = self.table.len();
        self.check_count(offset, index)?;
        self.budget.reserve(offset, &mut self.table, TABLE)?;
        self.table.push(kind);
        Ok(index)
    }

    fn check_count(&self, offset: usize, entries: usize) -> Result<(), DecodeError> {
        if entries >= self.limits.objects {
            return Err(DecodeError::TooManyObjects {
                offset,
                limit: self.limits.objects,
            });
        }
        Ok(())
    }

    fn deepen(&mut self, open: Open<'a>) -> Result<(), DecodeError> {
        if self.depth >= self.limits.depth {
            return Err(DecodeError::TooDeep {
                offset: self.input.position(),
                limit: self.limits.depth,
            });
        }
        self.depth += 1;
        self.push(open)
    }

    fn push(&mut self, open: Open<'a>) -> Result<(), DecodeError> {
        self.budget
            .reserve(self.input.position(), &mut self.open, TABLE)?;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.open.pop();
    }

    fn encoding_error(&self, offset: usize, error: EncodingError) -> DecodeError {
        DecodeError::Encoding {
            offset,
            position: error.position,
            fault: error.fault,
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Event<'a>, DecodeError>;

    /// The next event; `None` at the end and after an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed.is_some() {
            return None;
        }
        self.next_event().transpose()
    }
}
