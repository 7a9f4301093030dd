//! XML property lists, read with limits.
//!
//! Nobody has seen an iChat send one; some day a peer may \[I\]. Read is what Foundation reads, with
//! these refusals: a document type that declares anything, entities other than the five of XML
//! itself, encodings other than UTF-8. Attributes, comments and processing instructions are skipped.
//! One pass over the text, no more than the value itself is allocated.

mod error;
mod scalar;
mod scanner;

use crate::bplist::{Limits, PlistValue, Real, Text, Uid};

pub use error::{Excerpt, XmlError};
use scanner::{Scanner, Token};

/// The key under which XML writes the number of an object of a keyed archive.
const UID_KEY: &str = "CF$UID";

/// Whether the octets look like an XML property list: their first one that is no white space is `<`.
pub fn is_xml(octets: &[u8]) -> bool {
    let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    text.trim_ascii_start().starts_with(b"<")
}

/// Reads an XML property list with the default [`Limits`].
///
/// # Errors
///
/// Where the octets are none, or it would cost more than the limits allow. The error names the octet.
pub fn decode(octets: &[u8]) -> Result<PlistValue<'_>, XmlError> {
    decode_with(octets, Limits::default())
}

/// Reads an XML property list with limits of one's own.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_with(octets: &[u8], limits: Limits) -> Result<PlistValue<'_>, XmlError> {
    if octets.len() > limits.octets {
        return Err(XmlError::TooLong {
            limit: limits.octets,
            found: octets.len(),
        });
    }
    let text = std::str::from_utf8(octets).map_err(|error| {
        let offset = error.valid_up_to();
        XmlError::Encoding {
            offset,
            found: octets.get(offset).copied().unwrap_or_default(),
        }
    })?;
    let mut reader = Reader {
        scanner: Scanner::new(text),
        limits,
        objects: 0,
        depth: 0,
    };
    reader.document()
}

/// Builds values from tokens and counts what they cost.
struct Reader<'a> {
    scanner: Scanner<'a>,
    limits: Limits,
    objects: usize,
    depth: usize,
}

/// The begin of an element.
#[derive(Clone, Copy)]
struct Element<'a> {
    offset: usize,
    name: &'a str,
    /// Whether it ends at once (`<true/>`).
    empty: bool,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<PlistValue<'a>, XmlError> {
        let first = self.element("an element")?;
        let wrapped = first.name == "plist" && !first.empty;
        let value = if wrapped {
            let inner = self.element("a value")?;
            let value = self.value(inner)?;
            self.end_of("plist")?;
            value
        } else {
            self.value(first)?
        };
        let (offset, token) = self.between()?;
        match token {
            Token::End => Ok(value),
            Token::Open { name, .. } | Token::Close { name } => {
                Err(unexpected(offset, "the end of the document", name))
            }
            Token::Text(text) | Token::Verbatim(text) => {
                Err(unexpected(offset, "the end of the document", text))
            }
        }
    }

    /// The next token that is no white space, and where it stands.
    fn between(&mut self) -> Result<(usize, Token<'a>), XmlError> {
        loop {
            let (offset, token) = self.scanner.next_token()?;
            let blank = matches!(token, Token::Text(text) if text.trim_ascii().is_empty());
            if !blank {
                return Ok((offset, token));
            }
        }
    }

    /// The begin of an element, which has to come next.
    fn element(&mut self, expected: &'static str) -> Result<Element<'a>, XmlError> {
        match self.member(expected)? {
            Member::Element(element) => Ok(element),
            Member::End { offset, name } => Err(unexpected(offset, expected, name)),
        }
    }

    /// The begin or the end of an element, one of which has to come next.
    fn member(&mut self, expected: &'static str) -> Result<Member<'a>, XmlError> {
        let (offset, token) = self.between()?;
        match token {
            Token::Open { name, empty } => Ok(Member::Element(Element {
                offset,
                name,
                empty,
            })),
            Token::Close { name } => Ok(Member::End { offset, name }),
            Token::Text(text) | Token::Verbatim(text) => Err(unexpected(offset, expected, text)),
            Token::End => Err(XmlError::Truncated { offset, expected }),
        }
    }

    /// The end of an element, which has to come next.
    fn end_of(&mut self, expected: &'static str) -> Result<(), XmlError> {
        match self.member(expected)? {
            Member::End { offset, name } => check_end(offset, expected, name),
            Member::Element(element) => Err(unexpected(element.offset, expected, element.name)),
        }
    }

    /// The value that an element is. Calls itself no deeper than the limit of depth.
    fn value(&mut self, element: Element<'a>) -> Result<PlistValue<'a>, XmlError> {
        self.count(element)?;
        let offset = element.offset;
        Ok(match element.name {
            "dict" => self.dictionary(element)?,
            "array" => self.array(element)?,
            "string" => PlistValue::String(Text::Str(self.content("string", element)?)),
            "data" => {
                let content = self.content("data", element)?;
                PlistValue::Data(scalar::base64(&content, offset)?.into())
            }
            "integer" => {
                let content = self.content("integer", element)?;
                PlistValue::Integer(scalar::integer(content.trim_ascii(), offset)?)
            }
            "real" => {
                let content = self.content("real", element)?;
                PlistValue::Real(Real::Double(scalar::real(content.trim_ascii(), offset)?))
            }
            "date" => {
                let content = self.content("date", element)?;
                PlistValue::Date(scalar::date(content.trim_ascii(), offset)?)
            }
            "true" => self.boolean("true", element)?,
            "false" => self.boolean("false", element)?,
            name => return Err(unexpected(offset, "a value", name)),
        })
    }

    fn boolean(
        &mut self,
        name: &'static str,
        element: Element<'a>,
    ) -> Result<PlistValue<'a>, XmlError> {
        if !element.empty {
            self.end_of(name)?;
        }
        Ok(PlistValue::Boolean(name == "true"))
    }

    fn array(&mut self, element: Element<'a>) -> Result<PlistValue<'a>, XmlError> {
        let mut members = Vec::new();
        if !element.empty {
            self.enter(element)?;
            loop {
                match self.member("a value or the end of an array")? {
                    Member::Element(member) => members.push(self.value(member)?),
                    Member::End { offset, name } => break check_end(offset, "array", name)?,
                }
            }
            self.depth -= 1;
        }
        Ok(PlistValue::Array(members))
    }

    fn dictionary(&mut self, element: Element<'a>) -> Result<PlistValue<'a>, XmlError> {
        let mut entries = Vec::new();
        if !element.empty {
            self.enter(element)?;
            loop {
                match self.member("a key or the end of a dictionary")? {
                    Member::Element(key) if key.name == "key" => {
                        self.count(key)?;
                        let key = Text::Str(self.content("key", key)?);
                        let value = self.element("the value of a key")?;
                        entries.push((key, self.value(value)?));
                    }
                    Member::Element(other) => {
                        return Err(unexpected(other.offset, "a key", other.name));
                    }
                    Member::End { offset, name } => break check_end(offset, "dict", name)?,
                }
            }
            self.depth -= 1;
        }
        Ok(match uid(&entries) {
            Some(uid) => PlistValue::Uid(uid),
            None => PlistValue::Dictionary(entries),
        })
    }

    /// The characters up to the end of an element.
    fn content(
        &mut self,
        name: &'static str,
        element: Element<'a>,
    ) -> Result<std::borrow::Cow<'a, str>, XmlError> {
        if element.empty {
            return Ok("".into());
        }
        self.scanner.content(name)
    }

    /// Counts a value or a key.
    fn count(&mut self, element: Element<'a>) -> Result<(), XmlError> {
        self.objects += 1;
        if self.objects > self.limits.objects {
            return Err(XmlError::Objects {
                offset: element.offset,
                limit: self.limits.objects,
            });
        }
        Ok(())
    }

    /// Goes into a container.
    fn enter(&mut self, element: Element<'a>) -> Result<(), XmlError> {
        if self.depth >= self.limits.depth {
            return Err(XmlError::Depth {
                offset: element.offset,
                limit: self.limits.depth,
            });
        }
        self.depth += 1;
        Ok(())
    }
}

/// What can come inside of a container.
enum Member<'a> {
    Element(Element<'a>),
    End { offset: usize, name: &'a str },
}

/// The number that a dictionary of nothing but `CF$UID` means.
fn uid(entries: &[(Text<'_>, PlistValue<'_>)]) -> Option<Uid> {
    match entries {
        [(key, PlistValue::Integer(number))] if key == UID_KEY => {
            u64::try_from(number.value()).ok().map(Uid::new)
        }
        _ => None,
    }
}

fn check_end(offset: usize, expected: &'static str, found: &str) -> Result<(), XmlError> {
    if found == expected {
        Ok(())
    } else {
        Err(unexpected(offset, expected, found))
    }
}

fn unexpected(offset: usize, expected: &'static str, found: &str) -> XmlError {
    XmlError::Unexpected {
        offset,
        expected,
        found: Excerpt::of(found),
    }
}
