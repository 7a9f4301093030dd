//! What was read, as data: the tree for people and the JSON for scripts are two views of it.

use serde_json::{Map, Value as Json, json};

use crate::failure::Failure;

/// How well a fact is known, in the letters of `docs/protocol/README.md`: `C, G`.
pub(super) type Grade = &'static str;

/// Where octets stand: from `offset` on, `length` of them. They count in the nearest `raw` above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text, or octets in hex.
    Text(String),
    /// A number.
    Number(u64),
    /// A number below zero.
    Negative(i64),
    /// True or false.
    Boolean(bool),
}

/// One thing that was read, and what it holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) place: Option<Place>,
    pub(super) value: Option<Value>,
    /// What people see in place of a value that is too long for them.
    pub(super) shown: Option<String>,
    pub(super) meaning: String,
    pub(super) grade: Option<Grade>,
    /// The octets that the places of the children count in, where they are not the document's.
    pub(super) raw: Option<Vec<u8>>,
    /// What differs from the captured or known form.
    pub(super) notes: Vec<String>,
    pub(super) children: Vec<Field>,
}

impl Field {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    pub(super) fn at(mut self, offset: usize, length: usize) -> Self {
        self.place = Some(Place { offset, length });
        self
    }

    pub(super) fn text(mut self, value: impl Into<String>) -> Self {
        self.value = Some(Value::Text(value.into()));
        self
    }

    pub(super) fn number(mut self, value: impl Into<u64>) -> Self {
        self.value = Some(Value::Number(value.into()));
        self
    }

    /// A number of either sign; one that no JSON reader could hold is text.
    pub(super) fn integer(mut self, value: i128) -> Self {
        let positive = u64::try_from(value).ok().map(Value::Number);
        let negative = || i64::try_from(value).ok().map(Value::Negative);
        let large = || Some(Value::Text(value.to_string()));
        self.value = positive.or_else(negative).or_else(large);
        self
    }

    pub(super) fn boolean(mut self, value: bool) -> Self {
        self.value = Some(Value::Boolean(value));
        self
    }

    pub(super) fn shown(mut self, text: impl Into<String>) -> Self {
        self.shown = Some(text.into());
        self
    }

    pub(super) fn means(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = meaning.into();
        self
    }

    pub(super) fn graded(mut self, grade: Grade) -> Self {
        self.grade = Some(grade);
        self
    }

    /// Marks a difference from the captured or known form.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same where `wrong`.
    pub(super) fn note_if(self, wrong: bool, note: impl Into<String>) -> Self {
        if wrong { self.note(note) } else { self }
    }

    pub(super) fn with(mut self, children: impl IntoIterator<Item = Field>) -> Self {
        self.children.extend(children);
        self
    }

    /// The keys are always these, in this order; what is not known is `null`.
    fn json(&self) -> Json {
        let mut object = Map::new();
        object.insert("name".into(), json!(self.name));
        object.insert("offset".into(), json!(self.place.map(|place| place.offset)));
        object.insert("length".into(), json!(self.place.map(|place| place.length)));
        object.insert(
            "value".into(),
            match &self.value {
                Some(Value::Text(text)) => json!(text),
                Some(Value::Number(number)) => json!(number),
                Some(Value::Negative(number)) => json!(number),
                Some(Value::Boolean(flag)) => json!(flag),
                None => Json::Null,
            },
        );
        let meaning = Some(&self.meaning).filter(|meaning| !meaning.is_empty());
        object.insert("meaning".into(), json!(meaning));
        object.insert("grade".into(), json!(self.grade));
        object.insert("raw".into(), json!(self.raw.as_ref().map(hex::encode)));
        object.insert("notes".into(), json!(self.notes));
        object.insert("children".into(), all(&self.children));
        Json::Object(object)
    }
}

/// A whole input, decoded.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// `invitation`, `property-list`, `typedstream`, `candidates`, `ipport-list`, `stanza`, `sip`
    /// or `sdp`.
    pub(super) kind: &'static str,
    /// One line for people.
    pub(super) title: String,
    /// The page of the wire's facts that tells more.
    pub(super) page: &'static str,
    /// The form that it came in: `hex`, `octets` or `text`.
    pub(super) form: &'static str,
    /// Its octets, hex already removed.
    pub(super) raw: Vec<u8>,
    pub(super) notes: Vec<String>,
    /// Why it could not be read to its end; what could be read is in the fields.
    pub(super) fault: Option<Failure>,
    /// What it says, without the octets: what `compose` takes changes from.
    pub(super) content: Json,
    pub(super) fields: Vec<Field>,
}

impl Document {
    /// The whole as one JSON value. From `kind`, `form`, `raw` and `content` the input can be
    /// written again; the rest explains it.
    pub(super) fn json(&self) -> Json {
        let mut object = Map::new();
        object.insert("kind".into(), json!(self.kind));
        object.insert("title".into(), json!(self.title));
        object.insert("page".into(), json!(self.page));
        object.insert("form".into(), json!(self.form));
        object.insert("length".into(), json!(self.raw.len()));
        object.insert("raw".into(), json!(hex::encode(&self.raw)));
        object.insert("notes".into(), json!(self.notes));
        let fault = self.fault.as_ref().map(|fault| fault.message.as_str());
        object.insert("fault".into(), json!(fault));
        object.insert("content".into(), self.content.clone());
        object.insert("fields".into(), all(&self.fields));
        Json::Object(object)
    }
}

fn all(fields: &[Field]) -> Json {
    fields.iter().map(Field::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_field_keep_their_order() {
        let field = Field::new("port")
            .at(36, 2)
            .number(16402_u16)
            .means("UDP")
            .graded("C")
            .note("x");
        let expected = "{\"name\":\"port\",\"offset\":36,\"length\":2,\"value\":16402,\
            \"meaning\":\"UDP\",\"grade\":\"C\",\"raw\":null,\"notes\":[\"x\"],\"children\":[]}";
        assert_eq!(field.json().to_string(), expected);
        let expected = "{\"name\":\"a\",\"offset\":null,\"length\":null,\"value\":null,\
            \"meaning\":null,\"grade\":null,\"raw\":null,\"notes\":[],\"children\":[]}";
        assert_eq!(Field::new("a").json().to_string(), expected);
    }
}
