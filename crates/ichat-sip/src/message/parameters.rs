//! `;name=value` lists of URIs and headers: RFC 3261 §7.3.1, §25.1.

use std::fmt;

use super::text::{is_token, split_outside, take_quoted, write_quoted};

/// Parameters in the order they came. Names compare without regard to case; the first of a name
/// counts. Quoted values are kept by their meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Parameters(Vec<(String, Option<String>)>);

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `a;b=c;d="e;f"`. Never fails: what has no name, or one that could not be written (a
    /// quote, a space), is left out, and so are control characters in values.
    pub fn parse(text: &str) -> Self {
        let pair = |piece: &str| match piece.split_once('=') {
            Some((name, value)) => {
                let value = value.trim();
                let mut value =
                    take_quoted(value).map_or_else(|| value.to_owned(), |(meaning, _)| meaning);
                value.retain(|c| !c.is_control());
                (name.trim().to_owned(), Some(value))
            }
            None => (piece.to_owned(), None),
        };
        Self(
            split_outside(text, ';')
                .map(pair)
                .filter(|(name, _)| is_bare(name))
                .collect(),
        )
    }

    /// The value of `name`: `Some("")` where it stands there without one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// Whether `name` stands there, with a value or without.
    pub fn contains(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Sets `name` to `value` in its place, or at the end where it is new.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self
            .0
            .iter_mut()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
        {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            let Some(value) = value else { continue };
            f.write_str("=")?;
            if is_bare(value) {
                f.write_str(value)?;
            } else {
                write_quoted(f, value)?;
            }
        }
        Ok(())
    }
}

/// Whether it stands without quotes: a token, in which a host may have colons and brackets
/// (`received`, `maddr`), and a URI slashes and ampersands.
fn is_bare(text: &str) -> bool {
    is_token(&text.replace([':', '[', ']', '/', '&', '$', '@'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_again_is_left_out() {
        for (text, kept) in [
            ("\"a=b;c=d", ""),
            ("a b=c;d", ";d"),
            ("a<b;c=d;e>f;g=h", ";g=h"),
            ("a=\u{1}b", ";a=b"),
            ("a=\"b\u{7f};c\"", ";a=\"b;c\""),
        ] {
            let parameters = Parameters::parse(text);
            assert_eq!(parameters.to_string(), kept, "{text:?}");
            assert_eq!(Parameters::parse(kept), parameters, "{text:?}");
        }
    }

    #[test]
    fn parameters_keep_their_order_and_ignore_case() {
        let parameters =
            Parameters::parse(r#"Branch = z9hG4bK1 ;rport; x="a;b\"c" ;; received=::1"#);
        assert_eq!(parameters.value("branch"), Some("z9hG4bK1"));
        assert_eq!(parameters.value("RPORT"), Some(""));
        assert_eq!(parameters.value("x"), Some("a;b\"c"));
        assert_eq!(parameters.value("tag"), None);
        assert_eq!(
            parameters.to_string(),
            r#";Branch=z9hG4bK1;rport;x="a;b\"c";received=::1"#
        );
    }

    #[test]
    fn a_parameter_is_set_in_its_place() {
        let mut parameters = Parameters::parse("rport;branch=1");
        parameters.set("rport", Some("5060"));
        parameters.set("received", Some("192.0.2.1"));
        assert_eq!(
            parameters.to_string(),
            ";rport=5060;branch=1;received=192.0.2.1"
        );
    }
}
