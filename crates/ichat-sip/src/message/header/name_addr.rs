//! From, To and Contact: RFC 3261 §20.10, §20.20, §20.39.

use std::fmt;

use super::{HeaderError, HeaderName, Headers};
use crate::message::{
    Uri,
    parameters::Parameters,
    text::{take_quoted, write_quoted},
};

/// A name and a URI. With iChat the *name* says who it is: it carries the IM id, and the URI means
/// nothing (docs/protocol/sip.md, INVITE of a real Mac \[C, G\]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name by its meaning, without quotes; `None` where there is none or it is blank.
    pub display_name: Option<String>,
    /// The URI.
    pub uri: Uri,
    /// `tag`, `isfocus` and others.
    pub parameters: Parameters,
}

impl NameAddr {
    /// A name, quoted on the wire, and a URI. A blank name is left out.
    pub fn new(display_name: &str, uri: Uri) -> Self {
        Self {
            display_name: some_name(display_name),
            uri,
            parameters: Parameters::new(),
        }
    }

    /// Reads `"name" <uri>;tag=1`, `name <uri>` or a bare `uri;tag=1`. `None` where there is no
    /// URI. A quote inside a quoted name that is not escaped is forgiven.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, rest) = match take_quoted(text) {
            Some((name, rest)) if rest.trim_start().starts_with('<') => (name, rest.trim_start()),
            Some(_) | None => match text.find('<') {
                Some(at) => (unquoted(text.get(..at)?), text.get(at..)?),
                None => return Self::bare(text),
            },
        };
        let inner = rest.strip_prefix('<')?;
        let (uri, parameters) = inner.split_once('>').unwrap_or((inner, ""));
        let parameters = parameters
            .split_once(';')
            .map_or("", |(_, parameters)| parameters);
        (!uri.trim().is_empty()).then(|| Self {
            display_name: some_name(&name),
            uri: Uri::parse(uri),
            parameters: Parameters::parse(parameters),
        })
    }

    /// Without angle brackets all parameters are the header's (RFC 3261 §20.10).
    fn bare(text: &str) -> Option<Self> {
        let (uri, parameters) = text.split_once(';').unwrap_or((text, ""));
        let uri = uri.trim();
        let foreign = |c: char| c.is_whitespace() || matches!(c, '"' | '>');
        (uri.contains(':') && !uri.contains(foreign)).then(|| Self {
            display_name: None,
            uri: Uri::parse(uri),
            parameters: Parameters::parse(parameters),
        })
    }

    /// The tag, one half of a dialog's identity; `None` where it is missing or empty.
    pub fn tag(&self) -> Option<&str> {
        self.parameters.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The same with a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.parameters.set("tag", Some(tag));
        self
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            write_quoted(f, name)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.parameters)
    }
}

impl Headers {
    /// From.
    ///
    /// # Errors
    /// Where it is missing or has no URI.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::From)
    }

    /// To.
    ///
    /// # Errors
    /// Where it is missing or has no URI.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::To)
    }

    /// The first Contact; `None` where there is none that can be read, or it is `*`.
    pub fn contact(&self) -> Option<NameAddr> {
        self.values(&HeaderName::Contact)
            .find_map(NameAddr::parse)
            .filter(|c| c.uri.sip().is_some())
    }

    fn name_addr(&self, name: HeaderName) -> Result<NameAddr, HeaderError> {
        let text = self.required(name.clone())?;
        NameAddr::parse(text).ok_or_else(|| HeaderError::malformed(name, "a URI"))
    }
}

fn some_name(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A name without quotes, or with quotes that do not pair up.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, String, Option<String>) {
        let read = NameAddr::parse(text).unwrap();
        (
            read.display_name.clone(),
            read.uri.to_string(),
            read.tag().map(str::to_owned),
        )
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn viceroys_from_is_read_to_every_value() {
        let text = r#""1021" <sip:user@192.168.20.198:16402>;tag=527520767"#;
        let expected = (
            some("1021"),
            "sip:user@192.168.20.198:16402".into(),
            some("527520767"),
        );
        assert_eq!(read(text), expected);
        assert_eq!(NameAddr::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn names_of_every_kind_are_read() {
        assert_eq!(read("sip:a@h;tag=x"), (None, "sip:a@h".into(), some("x")));
        assert_eq!(read("<sip:a@h;lr>"), (None, "sip:a@h;lr".into(), None));
        assert_eq!(read("Mac User<sip:a@h>;tag=").0, some("Mac User"));
        assert_eq!(read(r#""gw"<sip:a@h>;tag=1"#).2, some("1"));
        assert_eq!(read(r#""a \"b\" <c>" <sip:a@h>"#).0, some("a \"b\" <c>"));
        assert_eq!(read(r#""a "b" c" <sip:a@h>"#).0, some("a \"b\" c"));
        assert_eq!(read("<sip:a@h").1, "sip:a@h");
        assert_eq!(read(r#""" <sip:a@h>"#).0, None);
    }

    #[test]
    fn what_has_no_uri_is_refused() {
        for text in ["", "<>", "\"name\"", "two words", ";tag=1", ">sip:a@h"] {
            assert_eq!(NameAddr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_bare_jid_is_always_quoted() {
        let uri = Uri::of("user", "192.0.2.1:16402".parse().unwrap());
        let name = NameAddr::new("mac@example.org", uri).with_tag("1");
        assert_eq!(
            name.to_string(),
            "\"mac@example.org\" <sip:user@192.0.2.1:16402>;tag=1"
        );
    }
}
