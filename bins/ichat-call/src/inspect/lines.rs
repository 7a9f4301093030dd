//! Lines of text with their places.

/// A line without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextLine<'a> {
    pub(super) offset: usize,
    pub(super) octets: &'a [u8],
    /// It ends in LF without CR.
    pub(super) ends_in_lf: bool,
    /// Where the next one begins.
    pub(super) next: usize,
}

impl TextLine<'_> {
    /// Its text; what is no UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.octets).into_owned()
    }

    /// Whether something had to be replaced.
    pub(super) fn is_broken(&self) -> bool {
        std::str::from_utf8(self.octets).is_err()
    }
}

/// The lines from `offset` up to `end`.
pub(super) fn lines(
    octets: &[u8],
    offset: usize,
    end: usize,
) -> impl Iterator<Item = TextLine<'_>> {
    let mut at = offset;
    std::iter::from_fn(move || {
        let rest = octets.get(at..end).filter(|rest| !rest.is_empty())?;
        let feed = rest.iter().position(|octet| *octet == b'\n');
        let whole = rest.get(..feed.unwrap_or(rest.len()))?;
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        let (offset, ends_in_lf) = (at, feed.is_some() && line.len() == whole.len());
        at += whole.len() + usize::from(feed.is_some());
        Some(TextLine {
            offset,
            octets: line,
            ends_in_lf,
            next: at,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_their_places_and_ends() {
        let found: Vec<_> = lines(b"ab\r\nc\n\nd", 0, 8)
            .map(|line| (line.offset, line.text(), line.ends_in_lf, line.next))
            .collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(
            found,
            [
                (0, text("ab"), false, 4),
                (4, text("c"), true, 6),
                (6, text(""), true, 7),
                (7, text("d"), false, 8),
            ]
        );
    }
}
