//! Texts of an archive. Where one can be named again and again, only its beginning is shown again.

use typedstream::Shared;

use crate::inspect::budget::brief;
use crate::inspect::field::Field;

/// A row for a shared string, which may be nil.
pub(super) fn shared(field: Field, text: Option<Shared<'_>>) -> Field {
    match text {
        Some(shared) => field.text(content(shared)),
        None => field.shown("nil"),
    }
}

/// What a group's encoding says.
pub(super) fn encoding_meaning(encoding: Shared<'_>) -> String {
    let state = if encoding.is_new {
        "new"
    } else {
        "seen before"
    };
    format!("encoding {}, {state}", name(encoding.text))
}

/// A text where it occurs first; later only its beginning.
pub(super) fn content(shared: Shared<'_>) -> String {
    if !shared.is_new {
        return name(shared.text);
    }
    match std::str::from_utf8(shared.text) {
        Ok(text) => text.to_owned(),
        Err(_) => shared.text.escape_ascii().to_string(),
    }
}

/// The beginning of a text, which may occur as often as there are octets.
pub(super) fn name(octets: &[u8]) -> String {
    /// Octets that suffice for it.
    const ENOUGH: usize = 400;
    let head = octets.get(..ENOUGH).unwrap_or(octets);
    match std::str::from_utf8(head) {
        Ok(text) => brief(text),
        // A character may have been cut in the middle.
        Err(error) if head.len() < octets.len() && error.error_len().is_none() => {
            brief(&String::from_utf8_lossy(head))
        }
        Err(_) => brief(&head.escape_ascii().to_string()),
    }
}
