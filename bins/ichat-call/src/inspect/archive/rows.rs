//! Events of an archive, made into rows.

use typedstream::{DecodeError, Event, EventKind, Shared};

use super::{is_end, known};
use crate::inspect::candidates;
use crate::inspect::field::{Field, Value};
use crate::inspect::ipport::counted;

/// What has begun and has not ended.
struct Open {
    field: Field,
    kind: Kind,
    start: usize,
}

/// What it is.
enum Kind {
    Group,
    Object(Object),
    Sequence,
}

/// What is known of an object so far.
#[derive(Default)]
struct Object {
    class: Option<String>,
    /// The row of its classes while the chain is read.
    chain: Option<Chain>,
    /// The last string or number that it wrote: what it is, if it is a string or a number.
    value: Option<Value>,
    /// Groups of one object so far: of a dictionary, key and value in turn.
    objects: usize,
    /// The key that came last.
    key: Option<String>,
}

struct Chain {
    start: usize,
    names: Vec<String>,
}

/// The rows so far.
pub(super) struct Rows<'a> {
    octets: &'a [u8],
    done: Vec<Field>,
    open: Vec<Open>,
    /// Names of the classes and contents of the C strings, by their place in the table.
    table: Vec<Option<String>>,
    end: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            done: Vec::new(),
            open: Vec::new(),
            table: Vec::new(),
            end: 0,
        }
    }

    pub(super) fn take(&mut self, event: Event<'a>) {
        self.end = event.offset + event.length;
        if self.take_class(&event) {
            return;
        }
        if is_end(&event.kind) {
            return self.close(self.end);
        }
        let at = |name: &str| Field::new(name).at(event.offset, event.length);
        match event.kind {
            EventKind::GroupBegin { encoding } => {
                let field = at("values").means(encoding_meaning(encoding));
                self.begin(event.offset, field, Kind::Group);
            }
            EventKind::ObjectBegin { index } => {
                self.remember(index, None);
                self.begin(event.offset, at("object"), Kind::Object(Object::default()));
            }
            EventKind::ArrayBegin { length, element } => {
                let shown = format!("{length} of {}", element.escape_ascii());
                self.begin(event.offset, at("array").shown(shown), Kind::Sequence);
            }
            EventKind::StructBegin { name, .. } => {
                let name = name.map_or_else(String::new, |name| name.escape_ascii().to_string());
                self.begin(event.offset, at("struct").shown(name), Kind::Sequence);
            }
            EventKind::ObjectReference { index } => {
                self.push(
                    at("object")
                        .shown(format!("object {index}"))
                        .means("seen before"),
                );
            }
            EventKind::NilObject | EventKind::NilCString => self.push(at("nil").shown("nil")),
            EventKind::CString { index, text } => {
                let content = lossy(text.text);
                self.remember(index, Some(content.clone()));
                self.push(
                    at("C string")
                        .text(content)
                        .means(format!("C string {index}")),
                );
            }
            EventKind::CStringReference { index } => {
                let content = self.named(index);
                self.push(
                    at("C string")
                        .text(content)
                        .means(format!("C string {index}, seen before")),
                );
            }
            EventKind::Selector(text) => self.push(shared(at("selector"), text)),
            EventKind::Atom(text) => self.push(shared(at("atom"), text)),
            EventKind::ByteString(text) => self.take_text(at("text"), text),
            EventKind::Number(number) => {
                let whole = number.as_i64().map(i128::from);
                let field = match whole {
                    Some(value) => at("number").integer(value),
                    None => at("number").text(number.to_string()),
                };
                let letter = char::from(number.type_code());
                self.note_value(field.value.clone());
                self.push(field.means(format!("type {letter}")));
            }
            EventKind::Octets { element, octets } => {
                let field = at("octets").means(format!("elements of type {}", char::from(element)));
                self.take_octets(field, octets);
            }
            EventKind::Ignored => self.push(at("ignored").means("of this type nothing is written")),
            EventKind::GroupEnd
            | EventKind::ObjectEnd { .. }
            | EventKind::ArrayEnd
            | EventKind::StructEnd
            | EventKind::Class { .. }
            | EventKind::ClassReference { .. }
            | EventKind::NilClass => {}
        }
    }

    /// The reader can go no further: what has begun and can be shown is shown.
    pub(super) fn cut(&mut self, error: &DecodeError) {
        if let DecodeError::Truncated {
            offset, expected, ..
        } = *error
            && let Some(rest) = self.octets.get(offset..).filter(|rest| !rest.is_empty())
        {
            self.end = offset + rest.len();
            let note = format!(
                "cut: expected {}, found {}",
                counted(expected, "octet"),
                rest.len()
            );
            let field = Field::new("octets").at(offset, rest.len()).note(note);
            self.take_octets(field, rest);
        }
    }

    /// Closes whatever is still open.
    pub(super) fn finish(mut self, end: usize) -> Vec<Field> {
        while !self.open.is_empty() {
            if let Some(open) = self.open.last_mut() {
                open.field.notes.push("cut: its end is missing".to_owned());
            }
            self.close(end.min(self.end));
        }
        self.done
    }

    /// Classes: a chain is one row. True when the event was of one.
    fn take_class(&mut self, event: &Event<'a>) -> bool {
        let (name, is_last) = match &event.kind {
            EventKind::Class {
                index,
                name,
                version,
            } => {
                let text = lossy(name.text);
                self.remember(*index, Some(text.clone()));
                (format!("{text} {version}"), false)
            }
            EventKind::ClassReference { index } => (self.named(*index), true),
            EventKind::NilClass => (String::new(), true),
            EventKind::GroupBegin { .. }
            | EventKind::GroupEnd
            | EventKind::ObjectBegin { .. }
            | EventKind::ObjectEnd { .. }
            | EventKind::ObjectReference { .. }
            | EventKind::NilObject
            | EventKind::CString { .. }
            | EventKind::CStringReference { .. }
            | EventKind::NilCString
            | EventKind::Selector(_)
            | EventKind::Atom(_)
            | EventKind::ByteString(_)
            | EventKind::Number(_)
            | EventKind::Ignored
            | EventKind::Octets { .. }
            | EventKind::ArrayBegin { .. }
            | EventKind::ArrayEnd
            | EventKind::StructBegin { .. }
            | EventKind::StructEnd => return false,
        };
        let end = self.end;
        let Some(Open {
            field,
            kind: Kind::Object(object),
            ..
        }) = self.open.last_mut()
        else {
            // A class as a value of its own.
            let field = Field::new("class")
                .at(event.offset, event.length)
                .text(name);
            self.push(field);
            return true;
        };
        let chain = object.chain.get_or_insert_with(|| Chain {
            start: event.offset,
            names: Vec::new(),
        });
        if !name.is_empty() {
            chain.names.push(name);
        }
        if is_last && let Some(chain) = object.chain.take() {
            let first = chain.names.first().map_or("", String::as_str);
            let class = first.split(' ').next().unwrap_or_default().to_owned();
            let row = Field::new("class")
                .at(chain.start, end - chain.start)
                .text(chain.names.join(" : "))
                .means(if chain.names.len() > 1 || first.contains(' ') {
                    "with versions and superclasses"
                } else {
                    "seen before"
                });
            let row = match known::class(&class) {
                Some(_) => row.graded("C"),
                None => row,
            };
            field.meaning = known::class(&class)
                .unwrap_or("of a class that we do not know")
                .to_owned();
            field.name.clone_from(&class);
            object.class = Some(class);
            field.children.push(row);
        }
        true
    }

    fn take_text(&mut self, field: Field, text: Option<&'a [u8]>) {
        let Some(octets) = text else {
            return self.push(field.shown("nil"));
        };
        match std::str::from_utf8(octets) {
            Ok(text) => {
                let field = field.text(text);
                self.note_value(field.value.clone());
                self.push(field);
            }
            Err(_) => self.push(field.text(hex::encode(octets)).note("no UTF-8")),
        }
    }

    fn take_octets(&mut self, field: Field, octets: &[u8]) {
        let shown = counted(octets.len(), "octet");
        let is_candidates = self.key_of_object() == Some(known::CANDIDATES);
        if is_candidates {
            let mut field = field.shown(shown).with(candidates::fields(octets));
            if field.notes.is_empty() {
                field.notes = candidates::notes(octets);
            }
            field.raw = Some(octets.to_vec());
            return self.push(field);
        }
        self.push(field.text(hex::encode(octets)).shown(shown));
    }

    /// The key under which the innermost object stands in its dictionary.
    fn key_of_object(&self) -> Option<&str> {
        let mut objects = self.open.iter().rev().filter_map(|open| match &open.kind {
            Kind::Object(object) => Some(object),
            Kind::Group | Kind::Sequence => None,
        });
        objects.next()?;
        objects.next()?.key.as_deref()
    }

    fn begin(&mut self, start: usize, field: Field, kind: Kind) {
        self.open.push(Open { field, kind, start });
    }

    fn push(&mut self, field: Field) {
        match self.open.last_mut() {
            Some(open) => open.field.children.push(field),
            None => self.done.push(field),
        }
    }

    /// What an object wrote last is what it is, if it is a string or a number.
    fn note_value(&mut self, value: Option<Value>) {
        let object = self
            .open
            .iter_mut()
            .rev()
            .find_map(|open| match &mut open.kind {
                Kind::Object(object) => Some(object),
                Kind::Group | Kind::Sequence => None,
            });
        if let Some(object) = object {
            object.value = value;
        }
    }

    /// Something ends: its row is complete.
    fn close(&mut self, end: usize) {
        let Some(Open {
            mut field,
            kind,
            start,
        }) = self.open.pop()
        else {
            return;
        };
        field = field.at(start, end - start);
        let field = match kind {
            Kind::Group => self.group(field),
            Kind::Object(object) => object_row(field, object),
            Kind::Sequence => field,
        };
        self.push(field);
    }

    /// A group of one value is that value's row.
    fn group(&mut self, mut field: Field) -> Field {
        if let [_] = field.children.as_slice()
            && let Some(mut only) = field.children.pop()
        {
            only.place = field.place;
            let parent = self.open.last_mut().and_then(|open| match &mut open.kind {
                Kind::Object(object) => Some(object),
                Kind::Group | Kind::Sequence => None,
            });
            if let Some(parent) = parent {
                name_entry(parent, &mut only);
            }
            return only;
        }
        field
    }

    fn remember(&mut self, index: usize, name: Option<String>) {
        if index >= self.table.len() {
            self.table.resize(index + 1, None);
        }
        if let Some(place) = self.table.get_mut(index) {
            *place = name;
        }
    }

    fn named(&self, index: usize) -> String {
        self.table
            .get(index)
            .cloned()
            .flatten()
            .unwrap_or_else(|| format!("entry {index}"))
    }
}

/// Names what a dictionary holds: the number of its entries, then key and value in turn.
fn name_entry(parent: &mut Object, row: &mut Field) {
    let class = parent.class.as_deref().unwrap_or_default();
    let is_number = row.name == "number";
    let counts = matches!(
        class,
        "NSDictionary"
            | "NSMutableDictionary"
            | "NSArray"
            | "NSMutableArray"
            | "NSSet"
            | "NSMutableSet"
            | "NSData"
            | "NSMutableData"
    );
    if counts && is_number {
        row.name = "count".to_owned();
        return;
    }
    if !matches!(class, "NSDictionary" | "NSMutableDictionary") {
        return;
    }
    let is_key = parent.objects.is_multiple_of(2);
    parent.objects += 1;
    if is_key {
        parent.key = match &row.value {
            Some(Value::Text(text)) => Some(text.clone()),
            Some(Value::Number(_) | Value::Negative(_) | Value::Boolean(_)) | None => None,
        };
        row.name = "key".to_owned();
    } else {
        let key = parent.key.take().unwrap_or_else(|| "value".to_owned());
        if let Some(meaning) = known::meaning(&key) {
            row.meaning = format!("{meaning}: {}", row.name);
            row.grade = Some("C");
        } else {
            row.meaning = row.name.clone();
        }
        row.name = key;
    }
}

/// An object whose last word says what it is.
fn object_row(mut field: Field, object: Object) -> Field {
    let class = object.class.as_deref().unwrap_or_default();
    if matches!(
        class,
        "NSString" | "NSMutableString" | "NSNumber" | "NSDate"
    ) {
        field.value = object.value;
    }
    field
}

fn shared(field: Field, text: Option<Shared<'_>>) -> Field {
    match text {
        Some(shared) => field.text(lossy(shared.text)),
        None => field.shown("nil"),
    }
}

fn encoding_meaning(encoding: Shared<'_>) -> String {
    let state = if encoding.is_new {
        "new"
    } else {
        "seen before"
    };
    format!("encoding {}, {state}", encoding.text.escape_ascii())
}

fn lossy(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.escape_ascii().to_string(),
    }
}
