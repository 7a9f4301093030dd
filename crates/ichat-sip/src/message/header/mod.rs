//! Headers: a list in the order of the wire, read as typed values on demand. One file a header
//! group.

mod allow;
mod content;
mod cseq;
mod name;
mod name_addr;
mod via;

pub use self::{
    allow::ALLOWED_METHODS, cseq::CSeq, name::HeaderName, name_addr::NameAddr, via::Via,
};

use std::net::SocketAddr;

use super::text::{single_line, split_outside};

/// One header line, unfolded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// What follows the colon, trimmed.
    pub value: String,
}

/// Why a header could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The message has no such header.
    #[error("expected a {} header, found none", name.as_str())]
    Missing {
        /// Which.
        name: HeaderName,
    },
    /// It does not say what it should.
    #[error("expected {expected} in the {} header", name.as_str())]
    Malformed {
        /// Which.
        name: HeaderName,
        /// What should stand there.
        expected: &'static str,
    },
}

impl HeaderError {
    pub(crate) fn malformed(name: HeaderName, expected: &'static str) -> Self {
        Self::Malformed { name, expected }
    }
}

/// The headers of a message, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a header. Line ends in the value are left out, so that it stays one header.
    pub fn push(&mut self, name: HeaderName, value: impl AsRef<str>) {
        self.0.push(Header {
            name,
            value: single_line(value.as_ref()),
        });
    }

    /// Appends a copy of each header `name` of `from`, unchanged and in order.
    pub fn copy(&mut self, name: &HeaderName, from: &Self) {
        self.0
            .extend(from.0.iter().filter(|header| header.name == *name).cloned());
    }

    /// Appends a copy of each header of `from` but `name`.
    pub(crate) fn copy_except(&mut self, name: &HeaderName, from: &Self) {
        self.0
            .extend(from.0.iter().filter(|header| header.name != *name).cloned());
    }

    /// The text of the first header `name`.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.texts(name).next()
    }

    /// The texts of every header `name`, in order.
    pub fn texts<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |header| header.name == *name)
            .map(|header| header.value.as_str())
    }

    /// Every value of header `name`, whether in lines of their own or parted by commas.
    pub fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a str> {
        self.texts(name).flat_map(|text| split_outside(text, ','))
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Continues the value of the last header with a folded line (RFC 3261 §7.3.1). `false` where
    /// there is no header yet.
    pub(crate) fn fold(&mut self, line: &str) -> bool {
        let Some(last) = self.0.last_mut() else {
            return false;
        };
        if !last.value.is_empty() && !line.is_empty() {
            last.value.push(' ');
        }
        last.value.push_str(line);
        true
    }

    pub(crate) fn push_raw(&mut self, name: HeaderName, value: &str) {
        self.0.push(Header {
            name,
            value: value.to_owned(),
        });
    }

    /// Notes in the topmost Via where the message came from; see [`Via::mark_source`]. A Via that
    /// needs no note, or cannot be read, stays as it is.
    pub fn mark_source(&mut self, source: SocketAddr) {
        let Some(header) = self
            .0
            .iter_mut()
            .find(|header| header.name == HeaderName::Via)
        else {
            return;
        };
        let mut values = split_outside(&header.value, ',');
        let Some(before) = values.next().and_then(Via::parse) else {
            return;
        };
        let mut after = before.clone();
        after.mark_source(source);
        if after != before {
            let values = std::iter::once(after.to_string()).chain(values.map(str::to_owned));
            header.value = values.collect::<Vec<_>>().join(", ");
        }
    }

    fn required(&self, name: HeaderName) -> Result<&str, HeaderError> {
        self.text(&name).ok_or(HeaderError::Missing { name })
    }

    /// The call's identity, Call-ID (RFC 3261 §20.8).
    ///
    /// # Errors
    /// Where it is missing or empty.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        match self.required(HeaderName::CallId)? {
            "" => Err(HeaderError::malformed(HeaderName::CallId, "a word")),
            id => Ok(id),
        }
    }

    /// The sender's software: User-Agent, else Server.
    pub fn user_agent(&self) -> Option<&str> {
        self.text(&HeaderName::UserAgent)
            .or_else(|| self.text(&HeaderName::Server))
            .filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_one_line_and_in_many_are_alike() {
        let mut headers = Headers::new();
        headers.push(HeaderName::Allow, "INVITE, ACK");
        headers.push(HeaderName::Subject, "x\r\nVia: injected");
        headers.push(HeaderName::Allow, "BYE");
        let values: Vec<_> = headers.values(&HeaderName::Allow).collect();
        assert_eq!(values, ["INVITE", "ACK", "BYE"]);
        assert_eq!(headers.text(&HeaderName::Subject), Some("xVia: injected"));
    }

    #[test]
    fn a_missing_call_id_is_told() {
        let error = Headers::new().call_id().unwrap_err();
        assert_eq!(error.to_string(), "expected a Call-ID header, found none");
    }
}
