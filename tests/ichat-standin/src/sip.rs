//! SIP messages of our own: read leniently, judged by [`crate::sip_checks`], written in the form of
//! the captured INVITE (`docs/protocol/sip.md`, INVITE of a real Mac `[C]`).

use crate::options::{ContentLength, SipStyle};

/// The most octets and headers that are read.
const MAX_OCTETS: usize = 65_536;
const MAX_HEADERS: usize = 128;

/// Compact names (RFC 3261 §7.3.3).
const COMPACT: [(&str, &str); 8] = [
    ("Via", "v"),
    ("From", "f"),
    ("To", "t"),
    ("Call-ID", "i"),
    ("Contact", "m"),
    ("Content-Length", "l"),
    ("Content-Type", "c"),
    ("Supported", "k"),
];

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Request { method: String, uri: String },
    Status { code: u16, reason: String },
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) start: Start,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A message and what its form lacks.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) message: Message,
    pub(crate) lint: Vec<String>,
}

impl Message {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let long = COMPACT
            .iter()
            .find(|(long, _)| long.eq_ignore_ascii_case(name));
        let short = long.map(|(_, short)| *short);
        self.headers
            .iter()
            .filter(move |(known, _)| {
                known.eq_ignore_ascii_case(name)
                    || short.is_some_and(|short| known.eq_ignore_ascii_case(short))
            })
            .map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Status { .. } => None,
        }
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Status { code, .. } => Some(*code),
        }
    }

    /// Number and method of CSeq.
    pub(crate) fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self
            .header("CSeq")?
            .trim()
            .split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?, "branch")
    }

    /// The tag of To or From.
    pub(crate) fn tag(&self, name: &str) -> Option<String> {
        Party::parse(self.header(name)?).tag
    }

    /// Call-ID, empty if it is missing.
    pub(crate) fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }
}

/// A parameter after a semicolon; empty if it has no value.
pub(crate) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// To, From or Contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) display: String,
    pub(crate) uri: String,
    pub(crate) tag: Option<String>,
}

impl Party {
    /// Reads it; what is missing stays empty.
    pub(crate) fn parse(value: &str) -> Self {
        let value = value.trim();
        let (display, rest) = match value.strip_prefix('"') {
            Some(quoted) => {
                let mut display = String::new();
                let mut rest = "";
                let mut escaped = false;
                for (at, c) in quoted.char_indices() {
                    match c {
                        '\\' if !escaped => escaped = true,
                        '"' if !escaped => {
                            rest = &quoted[at + 1..];
                            break;
                        }
                        other => {
                            display.push(other);
                            escaped = false;
                        }
                    }
                }
                (display, rest)
            }
            None => match value.find('<') {
                Some(at) => (value[..at].trim().to_owned(), &value[at..]),
                None => (String::new(), value),
            },
        };
        let rest = rest.trim();
        let (uri, parameters) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((uri, parameters)) => (uri, parameters),
            None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
        };
        let tag = parameter(parameters, "tag").map(str::to_owned);
        Self {
            display,
            uri: uri.to_owned(),
            tag,
        }
    }

    /// Prints it with the display name in quotes.
    pub(crate) fn print(&self) -> String {
        let display = self.display.replace('\\', "\\\\").replace('"', "\\\"");
        let tag = self.tag.as_ref().map(|tag| format!(";tag={tag}"));
        format!("\"{display}\" <{}>{}", self.uri, tag.unwrap_or_default())
    }
}

/// Reads a datagram.
///
/// # Errors
/// It cannot be understood at all.
pub(crate) fn parse(octets: &[u8]) -> Result<Parsed, String> {
    let mut lint = Vec::new();
    if octets.len() > MAX_OCTETS {
        return Err(format!("{} octets", octets.len()));
    }
    let blank = octets
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| (at, at + 4));
    let blank = blank.or_else(|| {
        let at = octets.windows(2).position(|two| two == b"\n\n")?;
        Some((at, at + 2))
    });
    let (head, body) = match blank {
        Some((end, start)) => (&octets[..end], &octets[start..]),
        None => {
            lint.push("no empty line after the headers".to_owned());
            (octets, &octets[octets.len()..])
        }
    };
    let head = String::from_utf8_lossy(head);
    if head.matches('\n').count() != head.matches("\r\n").count() {
        lint.push("a line that does not end in CRLF".into());
    }
    let mut lines = head.trim_start_matches(['\r', '\n']).lines();
    let start = start_line(lines.next().unwrap_or_default())?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            Some(_) | None => lint.push(format!("no header: {line:?}")),
        }
        if headers.len() > MAX_HEADERS {
            return Err("too many headers".into());
        }
    }
    let mut message = Message {
        start,
        headers,
        body: body.to_vec(),
    };
    match message.header("Content-Length").map(str::parse::<usize>) {
        None => lint.push("no Content-Length".into()),
        Some(Err(_)) => lint.push("Content-Length is no number".into()),
        Some(Ok(length)) if length != body.len() => {
            lint.push(format!(
                "Content-Length {length}, but the body has {} octets",
                body.len()
            ));
            message.body.truncate(length);
        }
        Some(Ok(_)) => {}
    }
    Ok(Parsed { message, lint })
}

fn start_line(line: &str) -> Result<Start, String> {
    let wrong = || format!("no SIP start line: {line:?}");
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let code = code.parse().map_err(|_| wrong())?;
        return Ok(Start::Status {
            code,
            reason: reason.to_owned(),
        });
    }
    let rest = line.strip_suffix(" SIP/2.0").ok_or_else(wrong)?;
    let (method, uri) = rest.split_once(' ').ok_or_else(wrong)?;
    Ok(Start::Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
    })
}

/// How a message is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Printing {
    pub(crate) style: SipStyle,
    pub(crate) length: ContentLength,
    /// Where a length that is too short ends.
    pub(crate) cut: usize,
}

/// The octets of a message; Content-Length is added.
pub(crate) fn print(message: &Message, printing: Printing) -> Vec<u8> {
    let mut lines = vec![match &message.start {
        Start::Request { method, uri } => format!("{method} {uri} SIP/2.0"),
        Start::Status { code, reason } => format!("SIP/2.0 {code} {reason}"),
    }];
    let length = match printing.length {
        ContentLength::Right => Some(message.body.len()),
        _ if message.body.is_empty() => Some(0),
        ContentLength::Missing => None,
        ContentLength::TooLong => Some(message.body.len() + 1000),
        ContentLength::TooShort => Some(printing.cut),
    };
    let mut headers = message.headers.clone();
    headers.extend(length.map(|length| ("Content-Length".to_owned(), length.to_string())));
    for (name, value) in headers {
        lines.push(match printing.style {
            SipStyle::Plain | SipStyle::LineFeed => format!("{name}: {value}"),
            SipStyle::LowerCase => format!("{}:{value}", name.to_ascii_lowercase()),
            SipStyle::Compact => {
                let short = COMPACT.iter().find(|(long, _)| *long == name);
                format!(
                    "{}: {value}",
                    short.map_or(name.as_str(), |(_, short)| short)
                )
            }
            SipStyle::Folded => match (name.as_str(), value.split_once(' ')) {
                ("Via" | "From" | "To", Some((first, rest))) => {
                    format!("{name}: {first}\r\n  {rest}")
                }
                _ => format!("{name} : {value}"),
            },
        });
    }
    let end = match printing.style {
        SipStyle::LineFeed => "\n",
        _ => "\r\n",
    };
    let mut octets = Vec::new();
    for line in lines {
        octets.extend_from_slice(line.as_bytes());
        octets.extend_from_slice(end.as_bytes());
    }
    octets.extend_from_slice(end.as_bytes());
    octets.extend_from_slice(&message.body);
    octets
}

/// A response in the request's own words (RFC 3261 §8.2.6).
pub(crate) fn response(request: &Message, code: u16, to_tag: &str) -> Message {
    let mut headers = Vec::new();
    for via in request.all("Via") {
        headers.push(("Via".to_owned(), via.to_owned()));
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let mut value = request.header(name).unwrap_or_default().to_owned();
        if name == "To" && request.tag("To").is_none() && code > 100 {
            value.push_str(&format!(";tag={to_tag}"));
        }
        headers.push((name.to_owned(), value));
    }
    Message {
        start: Start::Status {
            code,
            reason: reason(code).to_owned(),
        },
        headers,
        body: Vec::new(),
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        405 => "Method Not Allowed",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        603 => "Decline",
        606 => "Not Acceptable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VICEROY: &[u8] = include_bytes!("../tests/vectors/viceroy-1.4.1-invite.sip");

    #[test]
    fn the_captured_invite_is_read_whole_and_written_octet_for_octet() {
        let parsed = parse(VICEROY).unwrap();
        assert_eq!(parsed.lint, [""; 0]);
        let mut message = parsed.message;
        assert_eq!(message.method(), Some("INVITE"));
        assert_eq!(message.branch(), Some("z9hG4bK15325fd03549ca85"));
        assert_eq!(message.tag("From").as_deref(), Some("527520767"));
        assert_eq!(Party::parse(message.header("To").unwrap()).display, "1022");
        assert_eq!(message.cseq(), Some((1, "INVITE")));
        message.headers.pop();
        assert_eq!(print(&message, Printing::default()), VICEROY);
    }

    #[test]
    fn every_style_says_the_same() {
        let mut plain = parse(VICEROY).unwrap().message;
        plain.headers.pop();
        for style in [
            SipStyle::Compact,
            SipStyle::Folded,
            SipStyle::LineFeed,
            SipStyle::LowerCase,
        ] {
            let octets = print(
                &plain,
                Printing {
                    style,
                    ..Printing::default()
                },
            );
            assert_ne!(octets, VICEROY);
            let read = parse(&octets).unwrap().message;
            for name in [
                "Via",
                "To",
                "From",
                "Call-ID",
                "CSeq",
                "Contact",
                "Content-Type",
            ] {
                assert_eq!(read.header(name), plain.header(name), "{style:?}");
            }
            assert_eq!(read.body, plain.body);
        }
    }

    #[test]
    fn content_length_can_lie_in_three_ways() {
        let mut plain = parse(VICEROY).unwrap().message;
        plain.headers.pop();
        for (length, word) in [
            (ContentLength::Missing, "no Content-Length"),
            (ContentLength::TooLong, "1663"),
            (ContentLength::TooShort, "Content-Length 99"),
        ] {
            let octets = print(
                &plain,
                Printing {
                    length,
                    cut: 99,
                    ..Printing::default()
                },
            );
            let lint = parse(&octets).unwrap().lint.join("\n");
            assert!(lint.contains(word), "{lint}");
        }
    }

    #[test]
    fn parties_come_quoted_bare_and_plain() {
        let party = Party::parse(r#""a \"b\" <c>" <sip:x@h:1>;tag=7"#);
        assert_eq!(party.display, "a \"b\" <c>");
        assert_eq!(
            (party.uri.as_str(), party.tag.as_deref()),
            ("sip:x@h:1", Some("7"))
        );
        assert_eq!(Party::parse(&party.print()), party);
        assert_eq!(Party::parse("a@b <sip:x@h>").display, "a@b");
        assert_eq!(Party::parse("sip:x@h;tag=8").tag.as_deref(), Some("8"));
    }

    #[test]
    fn junk_is_no_message() {
        for junk in ["", "hello", "INVITE sip:x", "SIP/2.0 abc"] {
            assert!(parse(junk.as_bytes()).is_err(), "{junk}");
        }
        let lint = parse(b"BYE sip:x SIP/2.0\nVia x\n").unwrap().lint;
        assert_eq!(lint.len(), 4, "{lint:?}");
    }
}
