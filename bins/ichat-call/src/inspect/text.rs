//! Text for a terminal: harmless, measured, broken into lines.

/// What a peer wrote, without anything that a terminal would obey: control characters, line ends
/// and marks that turn the direction of writing are written as escapes.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_invisible(c) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// The same value in JSON, which a terminal may be shown too: what it would obey is escaped in the
/// JSON's own way.
pub(super) fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // Between the strings there are line feeds; inside they are escaped already.
            '\n' => out.push('\n'),
            c if c.is_control() || is_invisible(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// A value in quotes where it would not be seen for what it is without them.
pub(super) fn visible(text: &str) -> String {
    let edge = |c: char| c.is_whitespace();
    if text.is_empty() || text.starts_with(edge) || text.ends_with(edge) {
        format!("\"{}\"", printable(text))
    } else {
        printable(text)
    }
}

/// The beginning of a text, for a message of one line.
pub(super) fn beginning(octets: &[u8]) -> String {
    const SHOWN: usize = 40;
    let head = octets.get(..SHOWN).unwrap_or(octets);
    let dots = if octets.len() > SHOWN { "…" } else { "" };
    match std::str::from_utf8(head) {
        Ok(text) => format!("\"{}\"{dots}", printable(text)),
        // A character may have been cut in the middle.
        Err(error) if error.error_len().is_none() && octets.len() > SHOWN => {
            let text = String::from_utf8_lossy(head.get(..error.valid_up_to()).unwrap_or_default());
            format!("\"{}\"{dots}", printable(&text))
        }
        Err(_) => format!(
            "the octets {}{dots}",
            hex::encode(head.get(..16).unwrap_or(head))
        ),
    }
}

/// Marks without a width of their own, and those that turn the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0xad | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
}

/// How many columns a text takes, well enough for names.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

fn character_width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f => 0,
        0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff => 2,
        0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text cut to `columns`, with an ellipsis where something is missing.
pub(super) fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (head, _) = split_at_width(text, columns.saturating_sub(1));
    format!("{head}…")
}

/// Lines of at most `columns`, broken at spaces and after semicolons where there are any, else
/// anywhere.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for (mut piece, follows_space) in pieces(text) {
        // Measured once, however many lines it takes.
        let mut left = width(piece);
        loop {
            let gap = usize::from(follows_space && !line.is_empty());
            if used + gap + left <= columns {
                line.push_str(if gap == 1 { " " } else { "" });
                line.push_str(piece);
                used += gap + left;
                break;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
                continue;
            }
            let (head, tail) = split_at_width(piece, columns);
            lines.push(head.to_owned());
            left -= width(head);
            piece = tail;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// What is not broken if it can be helped, and whether a space stands before it.
fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.split(' ').enumerate().flat_map(|(number, word)| {
        let parts = word.split_inclusive(';').enumerate();
        let blank = word.is_empty().then_some((word, number > 0));
        blank
            .into_iter()
            .chain(parts.map(move |(part, text)| (text, number > 0 && part == 0)))
    })
}

fn split_at_width(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    let fits = |(_, c): &(usize, char)| {
        used += character_width(*c);
        used <= columns
    };
    let end = text
        .char_indices()
        .take_while(fits)
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(
            printable("a\u{1b}[2J\r\n\u{9b}b\u{202e}"),
            "a\\u{1b}[2J\\r\\n\\u{9b}b\\u{202e}"
        );
        assert_eq!(
            printable_json("{\n\"\u{7f}\u{9b}\u{202e}é\"}"),
            "{\n\"\\u007f\\u009b\\u202eé\"}"
        );
        assert_eq!(visible(""), "\"\"");
        assert_eq!(visible(" a"), "\" a\"");
        assert_eq!(visible("Zoë"), "Zoë");
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a b;c=d;e", 7), ["a b;", "c=d;e"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("ab 日本語;d", 4), ["ab", "日本", "語;d"]);
    }

    #[test]
    fn a_beginning_is_text_where_it_can_be() {
        assert_eq!(beginning(b"hello"), "\"hello\"");
        assert_eq!(beginning(&[0xff, 0]), "the octets ff00");
        let long = "ä".repeat(30);
        assert!(beginning(format!("x{long}").as_bytes()).ends_with("ä\"…"));
        assert_eq!(clip("abcdef", 4), "abc…");
    }
}
