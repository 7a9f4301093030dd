//! Events of an archive, made into rows.

use typedstream::{DecodeError, Event, EventKind, Shared};

use super::chain::Chain;
use super::known::{self, Dictionary};
use super::{is_begin, is_end};
use crate::inspect::budget::{Budget, brief, not_shown};
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
    /// Which dictionary it is, if it is one.
    place: Dictionary,
    /// Which of the captured keys it has.
    found: Vec<usize>,
}

/// The rows so far.
pub(super) struct Rows<'a, 'b> {
    octets: &'a [u8],
    budget: &'b mut Budget,
    is_ice_data: bool,
    /// Things without a row that have begun and not ended.
    hidden: usize,
    /// Something has no row.
    is_partial: bool,
    done: Vec<Field>,
    open: Vec<Open>,
    /// Names of the classes and beginnings of the C strings, by their place in the table.
    table: Vec<Option<String>>,
    end: usize,
}

impl<'a, 'b> Rows<'a, 'b> {
    pub(super) fn new(octets: &'a [u8], budget: &'b mut Budget) -> Self {
        Self {
            octets,
            budget,
            is_ice_data: known::is_ice_data(octets),
            hidden: 0,
            is_partial: false,
            done: Vec::new(),
            open: Vec::new(),
            table: Vec::new(),
            end: 0,
        }
    }

    pub(super) fn take(&mut self, event: Event<'a>) {
        self.end = event.offset + event.length;
        if self.hidden > 0 {
            return self.skip(&event.kind);
        }
        if self.take_class(&event) {
            return;
        }
        if is_end(&event.kind) {
            return self.close(self.end);
        }
        if !self.budget.row() {
            return self.skip(&event.kind);
        }
        let at = |name: &str| Field::new(name).at(event.offset, event.length);
        match event.kind {
            EventKind::GroupBegin { encoding } => {
                let field = at("values").means(encoding_meaning(encoding));
                self.begin(event.offset, field, Kind::Group);
            }
            EventKind::ObjectBegin { index } => {
                self.remember(index, None);
                let object = Object {
                    place: self.place(),
                    ..Object::default()
                };
                self.begin(event.offset, at("object"), Kind::Object(object));
            }
            EventKind::ArrayBegin { length, element } => {
                let shown = format!("{length} of {}", name(element));
                self.begin(event.offset, at("array").shown(shown), Kind::Sequence);
            }
            EventKind::StructBegin { name, .. } => {
                let name = name.map_or_else(String::new, self::name);
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
                self.remember(index, Some(name(text.text)));
                self.push(
                    at("C string")
                        .text(content(text))
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
        while let Some(open) = self.open.last_mut() {
            open.field.notes.push("cut: its end is missing".to_owned());
            if let Kind::Object(object) = &mut open.kind {
                // What is missing may be behind the cut.
                object.place = Dictionary::Other;
            }
            self.close(end.min(self.end));
        }
        if self.is_partial {
            let more = not_shown("more than can be shown at once");
            self.done.push(more);
        }
        self.done
    }

    /// Something that has no row; what it holds has none either.
    fn skip(&mut self, kind: &EventKind<'_>) {
        self.is_partial = true;
        if is_begin(kind) {
            self.hidden += 1;
        } else if is_end(kind) {
            self.hidden = self.hidden.saturating_sub(1);
        }
    }

    /// The objects that have begun and not ended, the innermost first.
    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.open.iter().rev().filter_map(|open| match &open.kind {
            Kind::Object(object) => Some(object),
            Kind::Group | Kind::Sequence => None,
        })
    }

    /// Which dictionary of the captured archive an object is that begins here.
    fn place(&self) -> Dictionary {
        match self.objects().next() {
            None if self.is_ice_data => Dictionary::Root,
            None => Dictionary::Other,
            Some(outer) => outer.place.below(outer.key.as_deref()),
        }
    }

    /// Classes: a chain is one row. True when the event was of one.
    fn take_class(&mut self, event: &Event<'a>) -> bool {
        let (name, version, is_last) = match &event.kind {
            EventKind::Class {
                index,
                name,
                version,
            } => {
                let name = self::name(name.text);
                self.remember(*index, Some(name.clone()));
                (Some(name), Some(*version), false)
            }
            EventKind::ClassReference { index } => (Some(self.named(*index)), None, true),
            EventKind::NilClass => (None, None, true),
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
            if !self.budget.row() {
                self.skip(&event.kind);
                return true;
            }
            // A class as a value of its own.
            let mut chain = Chain::new(event.offset);
            chain.push(name, version);
            self.push(chain.row(end));
            return true;
        };
        let chain = object
            .chain
            .get_or_insert_with(|| Chain::new(event.offset));
        chain.push(name, version);
        if is_last && let Some(chain) = object.chain.take() {
            let class = chain.class().to_owned();
            field.meaning = known::class(&class)
                .unwrap_or("of a class that we do not know")
                .to_owned();
            field.name.clone_from(&class);
            field.children.push(chain.row(end));
            object.class = Some(class);
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
            let fields = candidates::fields(octets);
            if !self.budget.rows(&fields) {
                self.is_partial = true;
                return self.push(field.shown(shown));
            }
            let mut field = field.shown(shown).with(fields);
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
        let mut objects = self.objects();
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
    if !is_dictionary(class) {
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
        row.meaning = std::mem::take(&mut row.name);
        parent.place.explain(row, &key);
        parent.found.extend(parent.place.position(&key));
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
    if is_dictionary(class) {
        field.notes.extend(object.place.differences(&object.found));
    }
    field
}

fn is_dictionary(class: &str) -> bool {
    matches!(class, "NSDictionary" | "NSMutableDictionary")
}

fn shared(field: Field, text: Option<Shared<'_>>) -> Field {
    match text {
        Some(shared) => field.text(content(shared)),
        None => field.shown("nil"),
    }
}

fn encoding_meaning(encoding: Shared<'_>) -> String {
    let state = if encoding.is_new {
        "new"
    } else {
        "seen before"
    };
    format!("encoding {}, {state}", name(encoding.text))
}

/// A text where it occurs first; later only its beginning.
fn content(shared: Shared<'_>) -> String {
    if !shared.is_new {
        return name(shared.text);
    }
    match std::str::from_utf8(shared.text) {
        Ok(text) => text.to_owned(),
        Err(_) => shared.text.escape_ascii().to_string(),
    }
}

/// The beginning of a text, which may occur as often as there are octets.
fn name(octets: &[u8]) -> String {
    /// Octets that suffice for it.
    const ENOUGH: usize = 400;
    let head = octets.get(..ENOUGH).unwrap_or(octets);
    match std::str::from_utf8(head) {
        Ok(text) => brief(text),
        // A character may have been cut in the middle.
        Err(error) if head.len() < octets.len() && error.error_len().is_none() => {
            brief(&String::from_utf8_lossy(head))
        }
        Err(_) => brief(&head.escape_ascii().to_string()),
    }
}
