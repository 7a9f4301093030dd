//! Pieces that all forms share.

use std::fmt;

use serde_json::Value as Json;

/// What is wrong with a content, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inspect) struct ContentError {
    /// From the outermost inward: names and places in lists.
    path: Vec<String>,
    message: String,
}

impl ContentError {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self {
            path: Vec::new(),
            message: message.to_string(),
        }
    }

    /// The same, seen from one level further out.
    pub(super) fn below(mut self, name: impl fmt::Display) -> Self {
        self.path.insert(0, name.to_string());
        self
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("content")?;
        for name in &self.path {
            write!(formatter, ".{name}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// Containers within each other: no deeper than those that are read.
pub(super) const MAX_DEPTH: usize = 32;

/// Octets written in hex.
pub(super) fn octets(value: &Json) -> Result<Vec<u8>, ContentError> {
    let text = value.as_str().ok_or_else(|| expected("hex", value))?;
    ichat_invitation::hex_text::decode(text).map_err(ContentError::new)
}

/// A number that fits.
pub(super) fn number<N: TryFrom<i128>>(value: &Json, what: &str) -> Result<N, ContentError> {
    let signed = value.as_i64().map(i128::from);
    let number = signed
        .or_else(|| value.as_u64().map(i128::from))
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .ok_or_else(|| expected(what, value))?;
    N::try_from(number).map_err(|_| ContentError::new(format!("expected {what}, found {number}")))
}

/// The value of a key that must be there.
pub(super) fn part<'a>(value: &'a Json, key: &str) -> Result<&'a Json, ContentError> {
    value
        .get(key)
        .ok_or_else(|| ContentError::new(format!("the key {key} is missing")))
}

/// The members of a list.
pub(super) fn list(value: &Json) -> Result<&[Json], ContentError> {
    let members = value.as_array().ok_or_else(|| expected("a list", value))?;
    Ok(members)
}

pub(super) fn expected(what: &str, found: &Json) -> ContentError {
    let found = match found {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    };
    ContentError::new(format!("expected {what}, found {found}"))
}

/// The only key of an object, if it begins with `$`, and its value.
pub(super) fn marked(value: &Json) -> Option<(&str, &Json)> {
    let (key, inner) = value.as_object()?.iter().next()?;
    key.starts_with('$').then_some((key.as_str(), inner))
}
