//! XML as far as property lists use it: elements, text, CDATA; the rest is skipped.

use std::borrow::Cow;

use super::{Excerpt, XmlError};

/// Longest entity reference that is looked for: `&#x10ffff;`.
const MAX_ENTITY_LEN: usize = 10;

/// A piece of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The begin of an element.
    Open { name: &'a str, empty: bool },
    /// The end of one.
    Close { name: &'a str },
    /// Characters, with references to entities.
    Text(&'a str),
    /// Characters as they are (CDATA).
    Verbatim(&'a str),
    /// The end of the document.
    End,
}

/// Goes over a document once.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, rest }
    }

    fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// The next token and where it stands.
    pub(super) fn next_token(&mut self) -> Result<(usize, Token<'a>), XmlError> {
        loop {
            let offset = self.offset();
            let token = if self.rest.is_empty() {
                Token::End
            } else if self.skip("<!--", "-->", "the end of a comment")?.is_some()
                || self
                    .skip("<?", "?>", "the end of an instruction")?
                    .is_some()
            {
                continue;
            } else if let Some(text) = self.skip("<![CDATA[", "]]>", "the end of CDATA")? {
                Token::Verbatim(text)
            } else if self.rest.starts_with("<!") {
                self.document_type()?;
                continue;
            } else if self.rest.starts_with('<') {
                self.tag()?
            } else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                Token::Text(self.take(end))
            };
            return Ok((offset, token));
        }
    }

    /// The characters up to the end of an element of that name, which is taken too.
    pub(super) fn content(&mut self, name: &'static str) -> Result<Cow<'a, str>, XmlError> {
        let mut content = Cow::Borrowed("");
        loop {
            let (offset, token) = self.next_token()?;
            let piece = match token {
                Token::Text(text) => unescaped(text, offset)?,
                Token::Verbatim(text) => Cow::Borrowed(text),
                Token::Close { name: found } if found == name => return Ok(content),
                Token::Close { name: found } | Token::Open { name: found, .. } => {
                    return Err(XmlError::Unexpected {
                        offset,
                        expected: name,
                        found: Excerpt::of(found),
                    });
                }
                Token::End => {
                    return Err(XmlError::Truncated {
                        offset,
                        expected: name,
                    });
                }
            };
            if content.is_empty() {
                content = piece;
            } else {
                content.to_mut().push_str(&piece);
            }
        }
    }

    /// Takes so many octets.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// What is between `begin` and `end`, if the rest starts with `begin`.
    fn skip(
        &mut self,
        begin: &str,
        end: &str,
        expected: &'static str,
    ) -> Result<Option<&'a str>, XmlError> {
        let Some(inner) = self.rest.strip_prefix(begin) else {
            return Ok(None);
        };
        let (inner, rest) = inner.split_once(end).ok_or(XmlError::Truncated {
            offset: self.offset(),
            expected,
        })?;
        self.rest = rest;
        Ok(Some(inner))
    }

    /// A document type, of which nothing is wanted.
    fn document_type(&mut self) -> Result<(), XmlError> {
        let offset = self.offset();
        if !self.rest.starts_with("<!DOCTYPE") {
            return Err(XmlError::Unexpected {
                offset,
                expected: "an element",
                found: Excerpt::of(self.rest),
            });
        }
        match unquoted(self.rest, b">[") {
            Some((at, b'[')) => Err(XmlError::Declarations {
                offset: offset + at,
            }),
            Some((at, _)) => {
                self.take(at + 1);
                Ok(())
            }
            None => Err(XmlError::Truncated {
                offset,
                expected: "the end of a document type",
            }),
        }
    }

    /// The begin or the end of an element.
    fn tag(&mut self) -> Result<Token<'a>, XmlError> {
        let (end, _) = unquoted(self.rest, b">").ok_or(XmlError::Truncated {
            offset: self.offset(),
            expected: "the end of a tag",
        })?;
        self.take(1);
        let inner = self.take(end - 1);
        self.take(1);
        if let Some(name) = inner.strip_prefix('/') {
            let name = name.trim_ascii_end();
            return Ok(Token::Close { name });
        }
        let (inner, empty) = match inner.strip_suffix('/') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let name = inner.split_ascii_whitespace().next().unwrap_or_default();
        Ok(Token::Open { name, empty })
    }
}

/// The first of some octets that is in no quotes, and where it is.
fn unquoted(text: &str, wanted: &[u8]) -> Option<(usize, u8)> {
    let mut quote = None;
    for (at, octet) in text.bytes().enumerate() {
        match (quote, octet) {
            (Some(open), _) if open == octet => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(octet),
            (None, _) if wanted.contains(&octet) => return Some((at, octet)),
            (None, _) => {}
        }
    }
    None
}

/// Text with its references to entities resolved.
fn unescaped(text: &str, offset: usize) -> Result<Cow<'_, str>, XmlError> {
    let Some((first, mut rest)) = text.split_once('&') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut resolved = String::with_capacity(text.len());
    resolved.push_str(first);
    loop {
        // `rest` begins behind an `&`.
        let at = text.len() - rest.len() - 1;
        let unknown = || XmlError::Entity {
            offset: offset + at,
            found: Excerpt::of(text.get(at..).unwrap_or_default()),
        };
        let length = rest
            .bytes()
            .take(MAX_ENTITY_LEN)
            .position(|octet| octet == b';')
            .ok_or_else(unknown)?;
        let (name, behind) = rest.split_at_checked(length).ok_or_else(unknown)?;
        resolved.push(entity(name).ok_or_else(unknown)?);
        let behind = behind.strip_prefix(';').unwrap_or(behind);
        let Some((plain, next)) = behind.split_once('&') else {
            resolved.push_str(behind);
            return Ok(Cow::Owned(resolved));
        };
        resolved.push_str(plain);
        rest = next;
    }
}

/// The character that an entity's name means.
fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            number.ok().and_then(char::from_u32)
        }
    }
}
