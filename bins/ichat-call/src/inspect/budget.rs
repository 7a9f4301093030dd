//! How much of an input is shown: a small hostile one can stand for far more than it has.

use super::field::Field;

/// Rows, innermost ones included, of all archives and candidates of one input.
const ROWS: usize = 20_000;
/// Octets of text and data that are shown where an input may name the same ones again and again.
const OCTETS: usize = 4 << 20;
/// Characters of what occurred before, and is only named again.
const BRIEF: usize = 80;

/// What may still be shown.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    rows: usize,
    octets: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            rows: ROWS,
            octets: OCTETS,
        }
    }
}

impl Budget {
    /// For several documents inside of another one, each of which has its own budget.
    pub(super) fn of_documents() -> Self {
        Self {
            rows: 2 * ROWS,
            ..Self::default()
        }
    }

    /// Whether there is no row left.
    pub(super) fn is_spent(&self) -> bool {
        self.rows == 0
    }

    /// Takes a row; false if there is none left.
    pub(super) fn row(&mut self) -> bool {
        let left = self.rows.checked_sub(1);
        self.rows = left.unwrap_or_default();
        left.is_some()
    }

    /// Takes the rows that these fields are; true if there were as many.
    pub(super) fn rows(&mut self, fields: &[Field]) -> bool {
        fields
            .iter()
            .all(|field| self.row() && self.rows(&field.children))
    }

    /// Takes so many octets of text or data; false if there are not as many left.
    pub(super) fn octets(&mut self, octets: usize) -> bool {
        let left = self.octets.checked_sub(octets);
        if let Some(left) = left {
            self.octets = left;
        }
        left.is_some()
    }
}

/// The row in place of those that are not shown.
pub(super) fn not_shown(what: &str) -> Field {
    Field::new("more").note(format!("{what}: not shown"))
}

/// The beginning of what was shown in full before.
pub(super) fn brief(text: &str) -> String {
    match text.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_stays_used_up() {
        let mut budget = Budget { rows: 3, octets: 5 };
        let two = [Field::new("a").with([Field::new("b")])];
        assert!(budget.rows(&two));
        assert!(!budget.rows(&two), "one row is left");
        assert!(!budget.row());
        assert!(budget.octets(3) && !budget.octets(3) && budget.octets(2));
        assert_eq!(brief(&"é".repeat(81)).chars().count(), 81);
        assert_eq!(brief("short"), "short");
    }
}
