//! Octets to messages: RFC 3261 §7, read liberally.
//!
//! Forgiven: leading line ends, LF alone, folded headers, spaces before the colon, any case,
//! compact names, a status line without a phrase, `<>` around a Request-URI, header lines without
//! a colon (left out), a missing blank line, octets that are no UTF-8 (replaced by U+FFFD), and
//! any Content-Length.

use super::{HeaderName, Headers, Message, Method, Request, Response, Uri};

/// No message may be longer, in octets; no UDP datagram is.
pub const MAX_MESSAGE_OCTETS: usize = 65_536;

/// No message may have more headers.
pub const MAX_HEADERS: usize = 128;

/// Why octets are no SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than [`MAX_MESSAGE_OCTETS`].
    #[error("expected at most {MAX_MESSAGE_OCTETS} octets, found {length}")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// Nothing but line ends.
    #[error("expected a message, found nothing")]
    Empty,
    /// The first line is neither of a request nor of a response.
    #[error("expected {expected} in the first line at offset {offset}")]
    StartLine {
        /// Where that line begins.
        offset: usize,
        /// What is missing there.
        expected: &'static str,
    },
    /// More than [`MAX_HEADERS`] headers.
    #[error("expected at most {MAX_HEADERS} headers, found another at offset {offset}")]
    TooManyHeaders {
        /// Where the first one too many begins.
        offset: usize,
    },
}

impl Message {
    /// Reads a datagram.
    ///
    /// The body is as long as Content-Length says; where that is missing, no number or too large,
    /// it is the rest of the datagram (docs/quirks.md, Q38; RFC 3261 §18.3 would have the
    /// latter discarded).
    ///
    /// # Errors
    /// Where the octets are too long, have too many headers, or do not begin with a request line
    /// or a status line of SIP/2.0.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        if octets.len() > MAX_MESSAGE_OCTETS {
            return Err(ParseError::TooLong {
                length: octets.len(),
            });
        }
        let mut lines = Lines { octets, at: 0 };
        let (offset, start) = lines.start_line().ok_or(ParseError::Empty)?;
        let start = String::from_utf8_lossy(start);
        let start = StartLine::parse(start.trim())
            .map_err(|expected| ParseError::StartLine { offset, expected })?;
        let headers = headers(&mut lines)?;
        let rest = octets.get(lines.at..).unwrap_or_default();
        let length = headers.content_length().unwrap_or(rest.len());
        let body = rest.get(..length).unwrap_or(rest).to_vec();
        Ok(match start {
            StartLine::Request { method, uri } => Self::Request(Request {
                method,
                uri,
                headers,
                body,
            }),
            StartLine::Response { status, reason } => Self::Response(Response {
                status,
                reason,
                headers,
                body,
            }),
        })
    }
}

/// Reads headers up to the blank line or the end.
fn headers(lines: &mut Lines<'_>) -> Result<Headers, ParseError> {
    let mut headers = Headers::new();
    for (offset, line) in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) && headers.fold(text.trim()) {
            continue;
        }
        let Some((name, value)) = text.split_once(':') else {
            tracing::debug!(offset, "header line without a colon left out");
            continue;
        };
        if headers.len() == MAX_HEADERS {
            return Err(ParseError::TooManyHeaders { offset });
        }
        headers.push_raw(HeaderName::parse(name.trim()), value.trim());
    }
    Ok(headers)
}

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: u16, reason: String },
}

impl StartLine {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (first, rest) = text.split_once([' ', '\t']).ok_or("a method and a URI")?;
        let rest = rest.trim();
        if is_version(first) {
            return Self::status(rest);
        }
        let method = Method::parse(first).ok_or("a method")?;
        let (uri, version) = rest.rsplit_once([' ', '\t']).ok_or("a URI and `SIP/2.0`")?;
        if !is_version(version) {
            return Err("`SIP/2.0`");
        }
        let mut uri = uri.trim();
        while let Some(inner) = uri.strip_prefix('<').and_then(|uri| uri.strip_suffix('>')) {
            uri = inner.trim();
        }
        if uri.is_empty() {
            return Err("a URI");
        }
        Ok(Self::Request {
            method,
            uri: Uri::parse(uri),
        })
    }

    fn status(rest: &str) -> Result<Self, &'static str> {
        let (digits, reason) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let status = digits
            .parse()
            .ok()
            .filter(|status| (100..700).contains(status));
        let status = status.ok_or("a status of 100 to 699")?;
        Ok(Self::Response {
            status,
            reason: reason.trim().to_owned(),
        })
    }
}

fn is_version(text: &str) -> bool {
    text.eq_ignore_ascii_case("SIP/2.0")
}

/// Lines with their offsets, without their ends (CR LF or LF).
struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The first line that is not blank.
    fn start_line(&mut self) -> Option<(usize, &'a [u8])> {
        self.find(|(_, line)| !line.is_empty())
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let rest = self.octets.get(offset..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|octet| *octet == b'\n');
        let line = rest.get(..end.unwrap_or(rest.len()))?;
        self.at = offset + end.map_or(rest.len(), |end| end + 1);
        Some((offset, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}
