//! Texts of strangers, made fit to be shown.

/// What neighbours say, as one line that is safe to print: no UTF-8, controls, and what turns the
/// direction of writing become U+FFFD, line feeds and tabs spaces. Without white space around.
pub(crate) fn safe(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.trim().chars().map(shown).collect()
}

fn shown(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => ' ',
        // Of Unicode's Bidi_Control, and the two separators that some take for line feeds.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        // XML carries neither (XML 1.0 §2.2).
        '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// At most so many octets from the beginning, whole characters.
pub(crate) fn cut(text: &str, octets: usize) -> &str {
    let octets = octets.min(text.len());
    (0..=octets)
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}
