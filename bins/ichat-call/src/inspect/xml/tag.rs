//! Start tags: what the parser does not tell about attributes, their order and places.

use minidom::rxml::{AttrMap, Namespace};

/// The value of an attribute by its meaning. Of a namespace's declaration there is none.
pub(super) fn resolve<'a>(attributes: &'a AttrMap, name: &str) -> Option<&'a str> {
    match name.split_once(':') {
        None => attributes.get(Namespace::none(), name).map(String::as_str),
        Some((_, local)) => attributes
            .iter()
            .find(|((namespace, found), _)| namespace.is_some() && found.as_str() == local)
            .map(|(_, value)| value.as_str()),
    }
}

/// A start tag that was found good, read once more for the order and the places in it.
pub(super) struct Tag<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Tag<'a> {
    /// Up to white space, `=`, `/` or `>`.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/' | '>');
        let word = rest
            .get(..rest.find(is_end).unwrap_or(rest.len()))
            .unwrap_or_default();
        self.at += word.len();
        word
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start_matches(wanted).len();
    }

    /// Name, value as written, offset in the tag and length.
    pub(super) fn attribute(&mut self) -> Option<(&'a str, &'a str, usize, usize)> {
        self.skip(|c| c.is_ascii_whitespace());
        let start = self.at;
        let name = self.word();
        if name.is_empty() {
            return None;
        }
        self.skip(|c| c.is_ascii_whitespace() || c == '=');
        let rest = self.text.get(self.at..)?;
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, _) = rest.get(1..)?.split_once(quote)?;
        self.at += value.len() + 2;
        Some((name, value, start, self.at - start))
    }
}
