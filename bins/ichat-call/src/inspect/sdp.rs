//! Session descriptions: `docs/protocol/sip.md`, SDP of the captured INVITE \[C\].

mod attribute;
mod line;

use ichat_sip::sdp::Description;

use super::field::{Document, Field};
use super::ipport::counted;
use super::lines::{TextLine, lines};

/// Whether the first line that is not blank is `v=`, or there is an `m=` line among nothing but
/// lines of the form `x=`.
pub(super) fn is_sdp(octets: &[u8]) -> bool {
    let mut texts = lines(octets, 0, octets.len())
        .map(|line| line.octets)
        .filter(|l| !l.is_empty());
    let is_line = |line: &[u8]| matches!(line, [letter, b'=', ..] if letter.is_ascii_lowercase());
    match texts.next() {
        Some(first) if first.starts_with(b"v=") => true,
        Some(first) => {
            let all: Vec<&[u8]> = std::iter::once(first).chain(texts).collect();
            all.iter().all(|line| is_line(line)) && all.iter().any(|line| line.starts_with(b"m="))
        }
        None => false,
    }
}

/// Decodes a description that stands alone.
pub(super) fn document(octets: Vec<u8>) -> Document {
    let whole = body(Field::new(""), &octets, 0, octets.len());
    let media = whole
        .children
        .iter()
        .filter(|field| field.name.starts_with("m="))
        .count();
    Document {
        kind: "sdp",
        title: format!(
            "SDP: {}, {}",
            counted(octets.len(), "octet"),
            counted(media, "media line")
        ),
        page: "docs/protocol/sip.md",
        form: "text",
        raw: octets,
        notes: whole.notes,
        fault: None,
        content: serde_json::Value::Null,
        fields: whole.children,
    }
}

/// Completes the field of a body, from `start` to `end` of the octets.
pub(super) fn body(field: Field, octets: &[u8], start: usize, end: usize) -> Field {
    let text = octets.get(start..end).unwrap_or_default();
    let all: Vec<TextLine<'_>> = lines(octets, start, end).collect();
    let is_media = |line: &TextLine<'_>| line.octets.starts_with(b"m=");
    let session_end = all.iter().position(is_media).unwrap_or(all.len());
    let (session, media) = all.split_at_checked(session_end).unwrap_or((&all, &[]));

    let field = field.means("session description").graded("C");
    let mut field = field.with(session.iter().filter_map(line::session));
    for section in media.chunk_by(|_, next| !is_media(next)) {
        field.children.extend(line::media(section));
    }
    let ends_in_lf = all.iter().any(|line| line.ends_in_lf);
    field = field.note_if(
        ends_in_lf,
        "lines end in LF alone: expected CR LF (RFC 8866 §5)",
    );
    match Description::parse(text) {
        Ok(description) => {
            let ignored = description.ignored_lines().len();
            field.note_if(
                ignored > 0,
                format!("{} left out when a call reads it", counted(ignored, "line")),
            )
        }
        Err(error) => field.note(format!("a call cannot use it: {error}")),
    }
}
