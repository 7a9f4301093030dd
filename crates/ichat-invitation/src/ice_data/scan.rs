//! The events of an archive to what they say about candidates: one pass, nothing copied.

mod table;

use std::mem;

use typedstream::{DecodeError, Event, EventKind, Limits, Number, Reader};

use super::salvage::SalvagedBlob;
use super::{
    ByteOrder, ConnectionHelper, IceDataError, KEY_CANDIDATES, KEY_COMM_NAT, KEY_HELPER,
    KEY_VERSION,
};
use table::{Entry, Frame, Key, Kind, Role, Span};

/// With the table here, reading never holds 1 MiB.
const LIMITS: Limits = Limits {
    octets: 1024 * 1024,
    depth: 32,
    objects: 10_000,
    memory: 384 * 1024,
};

/// What an archive says, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Scan<'a> {
    pub(super) byte_order: Option<ByteOrder>,
    pub(super) helper: Option<ConnectionHelper>,
    pub(super) version: Option<i64>,
    pub(super) blob: Option<SalvagedBlob<'a>>,
    /// The first fault.
    pub(super) fault: Option<IceDataError>,
}

/// Reads an archive as far as it goes.
pub(super) fn scan(octets: &[u8]) -> Scan<'_> {
    let mut reader = match Reader::with_limits(octets, LIMITS) {
        Ok(reader) => reader,
        Err(error) => {
            return Scan {
                fault: Some(error.into()),
                ..Scan::default()
            };
        }
    };
    let mut walker = Walker::new(octets, reader.header().byte_order);
    loop {
        match reader.next_event() {
            Ok(Some(event)) => walker.event(event),
            Ok(None) => break,
            Err(error) => {
                walker.end_early(error);
                break;
            }
        }
    }
    if !walker.has_root {
        let offset = reader.offset();
        walker.fault(IceDataError::NoDictionary { offset });
    }
    walker.found
}

struct Walker<'a> {
    octets: &'a [u8],
    found: Scan<'a>,
    table: Vec<Entry>,
    frames: Vec<Frame>,
    /// Groups of the archive itself so far.
    groups: usize,
    /// Of the group that began last.
    encoding: &'a [u8],
    /// How many classes at the end of the table wait for their superclass.
    chain: usize,
    /// Whether the object that began last waits for its class.
    heir: bool,
    /// Whether the first thing in the archive is a dictionary.
    has_root: bool,
}

impl<'a> Walker<'a> {
    fn new(octets: &'a [u8], byte_order: ByteOrder) -> Self {
        Self {
            octets,
            found: Scan {
                byte_order: Some(byte_order),
                ..Scan::default()
            },
            table: Vec::with_capacity(16),
            frames: Vec::new(),
            groups: 0,
            encoding: &[],
            chain: 0,
            heir: false,
            has_root: false,
        }
    }

    fn event(&mut self, event: Event<'a>) {
        match event.kind {
            EventKind::GroupBegin { encoding } => {
                self.encoding = encoding.text;
                if self.frames.is_empty() {
                    self.groups += 1;
                }
            }
            EventKind::ObjectBegin { index } => self.begin(index, event.offset),
            EventKind::Class { name, .. } => {
                self.table.push(Entry::Class(Kind::of_class(name.text)));
                self.chain += 1;
            }
            EventKind::ClassReference { index } => {
                let kind = match self.table.get(index) {
                    Some(Entry::Class(kind)) => *kind,
                    Some(Entry::Text(_) | Entry::Number(_) | Entry::Data(_) | Entry::Other)
                    | None => Kind::Other,
                };
                self.inherit(kind);
            }
            EventKind::NilClass => self.inherit(Kind::Other),
            EventKind::ObjectEnd { .. } => self.end(),
            EventKind::ObjectReference { index } => {
                self.expect_single_object();
                let entry = self.table.get(index).copied().unwrap_or(Entry::Other);
                self.deliver(entry, event.offset);
            }
            // No dictionary holds such.
            EventKind::NilObject | EventKind::ArrayBegin { .. } | EventKind::StructBegin { .. } => {
                self.disown();
            }
            EventKind::CString { .. } => {
                self.table.push(Entry::Other);
                self.expect_no_dictionary();
            }
            EventKind::Number(number) => self.number(number),
            EventKind::ByteString(Some(octets)) => {
                let text = Entry::Text(Span::at_end_of(&event, octets.len()));
                self.content(Kind::String, text);
            }
            EventKind::Octets { octets, .. } => {
                let data = Entry::Data(Span::at_end_of(&event, octets.len()));
                self.content(Kind::Data, data);
            }
            EventKind::CStringReference { .. }
            | EventKind::NilCString
            | EventKind::Selector(_)
            | EventKind::Atom(_)
            | EventKind::ByteString(None)
            | EventKind::Ignored => self.expect_no_dictionary(),
            EventKind::GroupEnd | EventKind::ArrayEnd | EventKind::StructEnd => {}
        }
    }

    fn begin(&mut self, index: usize, offset: usize) {
        self.expect_single_object();
        let role = match self.frames.last() {
            None if self.groups == 1 && self.encoding == b"@" => Role::Root,
            Some(frame) if frame.role == Role::Root => match frame.key {
                Some(Key::Helper) if self.found.helper.is_none() => Role::Helper,
                Some(Key::Candidates) if self.found.blob.is_none() => Role::Blob,
                Some(_) | None => Role::Other,
            },
            Some(_) | None => Role::Other,
        };
        self.table.push(Entry::Other);
        self.frames.push(Frame::new(index, offset, role));
        self.heir = true;
    }

    /// A chain of classes ends in a superclass of this kind. A class that is not known is what its
    /// superclass is.
    fn inherit(&mut self, superclass: Kind) {
        let mut kind = superclass;
        let chain = mem::take(&mut self.chain);
        for entry in self.table.iter_mut().rev().take(chain) {
            match entry {
                Entry::Class(own) if *own == Kind::Other => *own = kind,
                Entry::Class(own) => kind = *own,
                Entry::Text(_) | Entry::Number(_) | Entry::Data(_) | Entry::Other => {}
            }
        }
        if mem::take(&mut self.heir)
            && let Some(frame) = self.frames.last_mut()
        {
            frame.kind = kind;
            if kind == Kind::Dictionary {
                self.has_root |= frame.role == Role::Root;
                if frame.role == Role::Helper {
                    self.found.helper = Some(ConnectionHelper::default());
                }
            }
        }
    }

    fn number(&mut self, number: Number) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        match frame.kind {
            Kind::Number => frame.content = Entry::Number(number),
            Kind::Dictionary | Kind::Data => {
                let comes_first = frame.count.is_none()
                    && frame.entries == 0
                    && frame.key.is_none()
                    && matches!(frame.content, Entry::Other);
                if let Number::Int(count) = number
                    && comes_first
                {
                    frame.count = Some(count);
                } else {
                    frame.kind = Kind::Other;
                }
            }
            Kind::String | Kind::Other => {}
        }
    }

    fn content(&mut self, kind: Kind, content: Entry) {
        if let Some(frame) = self.frames.last_mut()
            && frame.kind == kind
        {
            frame.content = content;
        }
        self.expect_no_dictionary();
    }

    fn end(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let mut entry = frame.content;
        if let Entry::Data(octets) = entry
            && frame.count.map(i64::from) != Some(octets.length())
        {
            entry = Entry::Other;
        }
        let is_dictionary = frame.kind == Kind::Dictionary;
        match frame.role {
            Role::Root if !is_dictionary => {
                let offset = frame.offset;
                self.fault(IceDataError::NoDictionary { offset });
            }
            Role::Helper if !is_dictionary => self.found.helper = None,
            Role::Root | Role::Helper
                if frame.count != Some(frame.entries) || frame.key.is_some() =>
            {
                self.fault(IceDataError::EntryCount {
                    offset: frame.offset,
                    expected: frame.count.unwrap_or_default(),
                    found: frame.entries,
                });
            }
            Role::Root | Role::Helper | Role::Blob | Role::Other => {}
        }
        if let Some(slot) = self.table.get_mut(frame.index) {
            *slot = entry;
        }
        self.deliver(entry, frame.offset);
    }

    /// The archive is cut or broken here, perhaps inside of the candidates or right behind them.
    fn end_early(&mut self, error: DecodeError) {
        if let Some(frame) = self.frames.last()
            && frame.role == Role::Blob
            && frame.kind == Kind::Data
        {
            self.found.blob = match (frame.content, error) {
                (Entry::Data(octets), _) => octets.of(self.octets).map(whole),
                (
                    Entry::Other,
                    DecodeError::Truncated {
                        offset,
                        expected,
                        found,
                    },
                ) if self.encoding.starts_with(b"[") => {
                    let end = offset.saturating_add(found);
                    self.octets.get(offset..end).map(|octets| SalvagedBlob {
                        offset,
                        expected,
                        octets,
                    })
                }
                _ => None,
            };
        }
        self.fault(error.into());
    }

    /// An object comes next. If the group holds anything else beside it, this is no dictionary.
    fn expect_single_object(&mut self) {
        if self.encoding != b"@" {
            self.disown();
        }
    }

    /// What was read is nothing that a dictionary holds.
    fn expect_no_dictionary(&mut self) {
        if let Some(frame) = self.frames.last()
            && frame.kind == Kind::Dictionary
        {
            self.disown();
        }
    }

    /// The open object is not what its class says.
    fn disown(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.kind = Kind::Other;
        }
    }

    /// An object is a key or a value of the open one.
    fn deliver(&mut self, entry: Entry, offset: usize) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if frame.kind != Kind::Dictionary {
            return;
        }
        let role = frame.role;
        let Some(key) = frame.key.take() else {
            frame.key = Some(key(self.octets, role, entry));
            return;
        };
        frame.entries = frame.entries.saturating_add(1);
        match (key, entry) {
            (Key::Version, Entry::Number(number)) if self.found.version.is_none() => {
                self.found.version = number.as_i64();
            }
            (Key::CommNat, Entry::Number(number)) => {
                if let Some(helper) = &mut self.found.helper
                    && helper.comm_nat.is_none()
                {
                    helper.comm_nat = number.as_i64();
                }
            }
            (Key::Candidates, Entry::Data(octets)) if self.found.blob.is_none() => {
                self.found.blob = octets.of(self.octets).map(whole);
            }
            (Key::Candidates, _) if self.found.blob.is_none() => {
                self.fault(IceDataError::NoData { offset });
            }
            (Key::Helper | Key::Version | Key::Candidates | Key::CommNat | Key::Unknown, _) => {}
        }
    }

    fn fault(&mut self, fault: IceDataError) {
        self.found.fault.get_or_insert(fault);
    }
}

/// The candidates where all octets are there.
fn whole((offset, octets): (usize, &[u8])) -> SalvagedBlob<'_> {
    SalvagedBlob {
        offset,
        expected: octets.len(),
        octets,
    }
}

/// Which key of the dictionary with this role an entry is.
fn key(archive: &[u8], role: Role, entry: Entry) -> Key {
    let text = match entry {
        Entry::Text(text) => text.of(archive).map(|(_, octets)| octets),
        Entry::Number(_) | Entry::Data(_) | Entry::Class(_) | Entry::Other => None,
    };
    match (role, text) {
        (Role::Root, Some(text)) if text == KEY_HELPER.as_bytes() => Key::Helper,
        (Role::Root, Some(text)) if text == KEY_VERSION.as_bytes() => Key::Version,
        (Role::Root, Some(text)) if text == KEY_CANDIDATES.as_bytes() => Key::Candidates,
        (Role::Helper, Some(text)) if text == KEY_COMM_NAT.as_bytes() => Key::CommNat,
        (Role::Root | Role::Helper | Role::Blob | Role::Other, _) => Key::Unknown,
    }
}
