//! SIP messages: `docs/protocol/sip.md`. The INVITE is held against the captured one.

mod header;

use ichat_sip::message::{HeaderName, Message, Method, reason_phrase};

use super::field::{Document, Field};
use super::ipport::counted;
use super::lines::{TextLine, lines};
use super::sdp;
use super::text::printable;
use crate::failure::Failure;

/// The headers of a real Mac's INVITE, in its order
/// (`docs/protocol/sip.md`, the INVITE of a real Mac \[C\]).
const VICEROY_ORDER: [HeaderName; 10] = [
    HeaderName::Via,
    HeaderName::MaxForwards,
    HeaderName::To,
    HeaderName::From,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::UserAgent,
    HeaderName::ContentType,
    HeaderName::ContentLength,
];

/// Whether the first line that is not blank is a request line or a status line.
pub(super) fn is_sip(octets: &[u8]) -> bool {
    let Some(line) = lines(octets, 0, octets.len()).find(|line| !line.octets.is_empty()) else {
        return false;
    };
    let text = line.text().trim().to_ascii_uppercase();
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && (text.starts_with("SIP/2.0 ") || text.ends_with(" SIP/2.0"))
}

/// Decodes a message.
pub(super) fn document(octets: Vec<u8>) -> Result<Document, Failure> {
    let message = Message::parse(&octets)
        .map_err(|error| Failure::new("bad-sip", format!("no SIP message: {error}")))?;
    let read = Read::new(&octets, &message);
    let fields = read.fields();
    let what = match &message {
        Message::Request(request) => format!("SIP request {}", request.method),
        Message::Response(response) => format!("SIP response {}", response.status),
    };
    let title = format!("{}: {}", printable(&what), counted(octets.len(), "octet"));
    let notes = read.notes();
    let (kind, page, form) = ("sip", "docs/protocol/sip.md", "text");
    Ok(Document {
        kind,
        title,
        page,
        form,
        raw: octets,
        notes,
        fault: None,
        content: serde_json::Value::Null,
        fields,
    })
}

/// A message and where its lines stand.
struct Read<'a> {
    octets: &'a [u8],
    message: &'a Message,
    start: Option<TextLine<'a>>,
    /// Each header with its folded lines.
    headers: Vec<Vec<TextLine<'a>>>,
    /// Where the body begins.
    body: usize,
}

impl<'a> Read<'a> {
    fn new(octets: &'a [u8], message: &'a Message) -> Self {
        let mut start = None;
        let mut headers: Vec<Vec<TextLine<'a>>> = Vec::new();
        let mut body = octets.len();
        for line in lines(octets, 0, octets.len()) {
            if start.is_none() {
                start = (!line.octets.is_empty()).then_some(line);
            } else if line.octets.is_empty() {
                body = line.next;
                break;
            } else if line.octets.starts_with(b" ") || line.octets.starts_with(b"\t") {
                match headers.last_mut() {
                    Some(header) => header.push(line),
                    None => headers.push(vec![line]),
                }
            } else {
                headers.push(vec![line]);
            }
        }
        Self {
            octets,
            message,
            start,
            headers,
            body,
        }
    }

    fn is_invite(&self) -> bool {
        matches!(self.message, Message::Request(request) if request.method == Method::Invite)
    }

    /// What is odd about the whole.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let head = self.start.iter().chain(self.headers.iter().flatten());
        if head.clone().any(|line| line.ends_in_lf) {
            notes.push(
                "lines end in LF alone: expected CR LF (RFC 3261 §7); read all the same".into(),
            );
        }
        if self.start.is_some_and(|line| line.offset > 0) {
            notes.push("blank lines before the first: skipped".to_owned());
        }
        if self.is_invite() {
            notes.extend(self.disorder());
        }
        for (name, one) in [
            (HeaderName::Via, "Via"),
            (HeaderName::To, "To"),
            (HeaderName::From, "From"),
            (HeaderName::CallId, "Call-ID"),
            (HeaderName::CSeq, "CSeq"),
        ] {
            if self.message.headers().text(&name).is_none() {
                notes.push(format!(
                    "{one} is missing: every message must have it (RFC 3261 §8.1.1)"
                ));
            }
        }
        notes
    }

    /// Headers of an INVITE in another order than Viceroy's.
    fn disorder(&self) -> Option<String> {
        let place = |name: &HeaderName| VICEROY_ORDER.iter().position(|known| known == name);
        let places: Vec<_> = self
            .message
            .headers()
            .iter()
            .filter_map(|header| place(&header.name))
            .collect();
        let known: Vec<&str> = VICEROY_ORDER.iter().map(HeaderName::as_str).collect();
        (!places.is_sorted()).then(|| {
            format!(
                "another order of headers than Viceroy's: {}",
                known.join(", ")
            )
        })
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        fields.extend(self.start.map(|line| self.start_line(line)));
        fields.extend(self.headers.iter().map(|lines| self.header(lines)));
        fields.extend(self.body_fields());
        fields
    }

    fn start_line(&self, line: TextLine<'_>) -> Field {
        let text = line.text();
        match self.message {
            Message::Request(request) => {
                let field = Field::new("request line")
                    .at(line.offset, line.octets.len())
                    .text(text);
                let (meaning, grade) = method(&request.method);
                let target = header::uri_notes(&request.uri);
                let mut field = field.means(meaning);
                field.grade = grade;
                if self.is_invite() {
                    header::noted(field, target)
                } else {
                    field
                }
            }
            Message::Response(response) => {
                let field = Field::new("status line")
                    .at(line.offset, line.octets.len())
                    .text(text);
                let (meaning, grade) = status(response.status);
                let mut field = field.means(meaning);
                field.grade = grade;
                field
            }
        }
    }

    fn header(&self, lines: &[TextLine<'_>]) -> Field {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return Field::new("header");
        };
        let length = last.offset + last.octets.len() - first.offset;
        let whole: Vec<String> = lines
            .iter()
            .map(|line| line.text().trim().to_owned())
            .collect();
        let whole = whole.join(" ");
        let Some((name, value)) = whole.split_once(':') else {
            return Field::new("line")
                .at(first.offset, length)
                .text(whole)
                .note("no header: expected a name and a colon; left out");
        };
        let field = Field::new(name.trim())
            .at(first.offset, length)
            .text(value.trim());
        let field = field
            .note_if(
                lines.len() > 1,
                "folded over several lines (RFC 3261 §7.3.1)",
            )
            .note_if(
                lines.iter().any(TextLine::is_broken),
                "no UTF-8: what cannot be read is shown as U+FFFD",
            );
        let name = HeaderName::parse(name.trim());
        let field = header::explain(field, &name, value.trim(), self.message);
        if name == HeaderName::ContentLength {
            self.content_length(field, value.trim())
        } else {
            field
        }
    }

    /// What Content-Length says, and what is there.
    fn content_length(&self, field: Field, value: &str) -> Field {
        let found = self.octets.len().saturating_sub(self.body);
        let Ok(said) = value.parse::<usize>() else {
            return field.note(format!(
                "expected a number: the body is the rest, {}",
                counted(found, "octet")
            ));
        };
        let difference = said.abs_diff(found);
        match said.cmp(&found) {
            std::cmp::Ordering::Equal => field.means("octets in the body, as many as there are"),
            std::cmp::Ordering::Greater => field.means("octets in the body").note(format!(
                "the body has {found}, {difference} less: taken whole (a login replaced in a capture, or a cut datagram)"
            )),
            std::cmp::Ordering::Less => field.means("octets in the body").note(format!(
                "{found} follow, {difference} more: the body is cut at {said}"
            )),
        }
    }

    fn body_fields(&self) -> Vec<Field> {
        let length = self.message.body().len();
        let (start, end) = (self.body, self.body + length);
        let mut fields = Vec::new();
        if length > 0 {
            let field = Field::new("body").at(start, length);
            let media_type = self.message.headers().media_type();
            let body = self.message.body();
            fields.push(match media_type.as_deref() {
                Some("application/sdp") => sdp::body(field, self.octets, start, end),
                _ if sdp::is_sdp(body) => sdp::body(field, self.octets, start, end)
                    .note("a session description, though Content-Type says otherwise"),
                Some(_) | None => other_body(field, body),
            });
        }
        let rest = self.octets.len().saturating_sub(end);
        if rest > 0 {
            let rest = Field::new("rest")
                .at(end, rest)
                .note("behind the body: ignored");
            fields.push(rest);
        }
        fields
    }
}

/// A body that is no session description.
fn other_body(field: Field, body: &[u8]) -> Field {
    match std::str::from_utf8(body) {
        Ok(text @ ("VCRemoteMuted:ON" | "VCRemoteMuted:OFF")) => field
            .text(text)
            .means("the peer (un)muted itself, as the gateway's author tried to say; nothing depends on it")
            .graded("G"),
        Ok(text) => field.text(text),
        Err(_) => field.text(hex::encode(body)).means("no text: in hex"),
    }
}

fn method(method: &Method) -> (&'static str, Option<&'static str>) {
    match method {
        Method::Invite => (
            "asks for a call; who sent the XMPP request sends it",
            Some("C, G"),
        ),
        Method::Ack => ("confirms the final answer to the INVITE", Some("G")),
        Method::Cancel => ("takes an INVITE back that is not answered yet", Some("G")),
        Method::Bye => ("ends the call", Some("G")),
        Method::Message => (
            "a ping of iChat's: answered with 200 and no body",
            Some("G"),
        ),
        Method::Options => ("asks what we understand: answered with 200", None),
        Method::Info => ("tells something in mid-call: answered with 200", None),
        Method::Other(_) => ("answered with 405 and Allow", None),
    }
}

fn status(status: u16) -> (String, Option<&'static str>) {
    let phrase = reason_phrase(status);
    match status {
        100..=199 => (format!("not final: {phrase}"), None),
        200..=299 => (
            "accepted; to an INVITE: media may flow, and an ACK is due".to_owned(),
            Some("G"),
        ),
        486 | 487 | 603 | 606 => (
            format!("refused: {phrase}; iChat shows it sensibly"),
            Some("G"),
        ),
        _ => (format!("refused: {phrase}"), None),
    }
}
