//! Hex text: white space skipped, either case, up to the first character that is none.

/// A text read as hex.
#[derive(Debug, Clone)]
pub(super) struct Hex<'a> {
    /// The text as it came.
    pub(super) text: &'a str,
    /// The whole octets.
    pub(super) octets: Vec<u8>,
    /// Digits, a lone one at the end too.
    pub(super) digits: usize,
    /// The first character that is neither hex nor white space.
    pub(super) stop: Option<Stop>,
    /// The text begins with a line feed and the first digit follows at once, as iChat writes it.
    pub(super) leading_line_feed: bool,
    has_upper_case: bool,
    has_inner_space: bool,
    /// Where the last whole octet ends in the text.
    end: usize,
}

/// Where the digits end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// In octets of the text.
    pub(super) offset: usize,
    pub(super) found: char,
}

impl<'a> Hex<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let mut digits = String::new();
        let (mut stop, mut end, mut space_since_digit) = (None, 0, false);
        let mut has_inner_space = false;
        for (offset, found) in text.char_indices() {
            if found.is_whitespace() {
                space_since_digit = !digits.is_empty();
                continue;
            }
            if !found.is_ascii_hexdigit() {
                stop = Some(Stop { offset, found });
                break;
            }
            has_inner_space |= space_since_digit;
            space_since_digit = false;
            digits.push(found);
            if digits.len().is_multiple_of(2) {
                end = offset + 1;
            }
        }
        let even = digits.get(..digits.len() & !1).unwrap_or_default();
        let mut characters = text.chars();
        Self {
            octets: hex::decode(even).unwrap_or_default(),
            digits: digits.len(),
            stop,
            leading_line_feed: characters.next() == Some('\n')
                && characters.next().is_some_and(|c| c.is_ascii_hexdigit()),
            has_upper_case: digits.chars().any(|digit| digit.is_ascii_uppercase()),
            has_inner_space,
            end,
            text,
        }
    }

    /// Whether there is nothing but hex.
    pub(super) fn is_whole(&self) -> bool {
        self.stop.is_none() && self.digits > 0
    }

    /// What stands behind the last whole octet: a lone digit, or what is no hex.
    pub(super) fn tail(&self) -> Option<&'a str> {
        self.text
            .get(self.end..)
            .map(str::trim)
            .filter(|tail| !tail.is_empty())
    }

    /// What is wrong with the text; nothing if it is hex to its end.
    pub(super) fn fault(&self) -> Option<String> {
        match self.stop {
            Some(Stop { offset, found }) => Some(format!(
                "expected a hex digit at offset {offset} of the text, found {found:?}"
            )),
            None => (!self.digits.is_multiple_of(2))
                .then(|| "expected two hex digits an octet, found one".to_owned()),
        }
    }

    /// How it differs from the hex that iChat writes.
    pub(super) fn oddities(&self) -> impl Iterator<Item = String> {
        let upper = self
            .has_upper_case
            .then_some("upper-case digits; iChat writes lower case");
        let space = self
            .has_inner_space
            .then_some("white space between the digits: skipped");
        upper.into_iter().chain(space).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_case_do_not_matter_and_are_told() {
        let hex = Hex::read("\n0aFF 1\t0\n");
        assert_eq!(hex.octets, [0x0a, 0xff, 0x10]);
        assert!(hex.is_whole() && hex.leading_line_feed);
        assert_eq!(hex.tail(), None);
        assert_eq!(hex.oddities().count(), 2);
    }

    #[test]
    fn the_rest_behind_the_last_octet_is_kept() {
        let hex = Hex::read("0a1");
        assert_eq!(
            (hex.octets.as_slice(), hex.tail()),
            (&[0x0a][..], Some("1"))
        );
        let hex = Hex::read("0a1 é2");
        assert_eq!(
            hex.stop,
            Some(Stop {
                offset: 4,
                found: 'é'
            })
        );
        assert_eq!(hex.tail(), Some("1 é2"));
        let fault = hex.fault();
        assert_eq!(
            fault.as_deref(),
            Some("expected a hex digit at offset 4 of the text, found 'é'")
        );
        let fault = Hex::read("0a1").fault();
        assert_eq!(
            fault.as_deref(),
            Some("expected two hex digits an octet, found one")
        );
        assert_eq!(Hex::read("0a").fault(), None);
        assert!(!Hex::read("").is_whole() && !Hex::read(" \n").is_whole());
    }
}
