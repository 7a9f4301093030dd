//! Small scanners that all headers share. Each is one pass over its text.

/// Splits `text` at `separator` where that stands outside quoted strings and angle brackets
/// (RFC 3261 §7.3.1, §25.1), and trims each piece. Empty pieces are left out.
pub(crate) fn split_outside(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    let mut angled = false;
    text.split(move |c: char| {
        if escaped {
            escaped = false;
        } else if quoted {
            match c {
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else {
            match c {
                '"' => quoted = true,
                '<' => angled = true,
                '>' => angled = false,
                _ => return c == separator && !angled,
            }
        }
        false
    })
    .map(str::trim)
    .filter(|piece| !piece.is_empty())
}

/// Reads a quoted string at the start of `text`; gives its meaning and what follows the closing
/// quote. `None` where there is no opening or no closing quote.
pub(crate) fn take_quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut meaning = String::new();
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => {
                meaning.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((meaning, inner.get(at + 1..)?)),
            _ => meaning.push(c),
        }
    }
    None
}

/// Writes `text` as a quoted string: backslash and quote escaped, control characters left out, so
/// that a name can never begin a new header.
pub(crate) fn write_quoted(f: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    f.write_char('"')?;
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// Whether `text` is a token of RFC 3261 §25.1 and not empty.
pub(crate) fn is_token(text: &str) -> bool {
    let odd = |c: char| "-.!%*_+`'~".contains(c);
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || odd(c))
}

/// `text` without what would end a header line.
pub(crate) fn single_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let text = r#""a, \"b" <sip:x,y@h>, sip:z@h ,, "c"<sip:c@h>"#;
        let pieces: Vec<_> = split_outside(text, ',').collect();
        assert_eq!(
            pieces,
            [r#""a, \"b" <sip:x,y@h>"#, "sip:z@h", r#""c"<sip:c@h>"#]
        );
    }

    #[test]
    fn a_quoted_string_is_read_with_its_escapes() {
        assert_eq!(
            take_quoted(r#""a\"b\\" rest"#),
            Some(("a\"b\\".to_owned(), " rest"))
        );
        assert_eq!(take_quoted("\"open"), None);
        assert_eq!(take_quoted("none"), None);
    }

    #[test]
    fn a_written_name_cannot_break_its_line() {
        let mut out = String::new();
        write_quoted(&mut out, "a\"\r\nVia: b\\").unwrap();
        assert_eq!(out, r#""a\"Via: b\\""#);
    }
}
