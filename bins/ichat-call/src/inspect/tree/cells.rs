//! What stands where in a row.

use std::collections::VecDeque;

use super::super::text::{width, wrap};
use super::rows::{Layout, Row};

/// No more lines than this of one value.
const VALUE_LINES: usize = 6;
/// Meanings of several lines stand beside the value if they have this much room.
const NARROWEST: usize = 24;

/// What stands in the columns of a row.
pub(super) struct Cells {
    pub(super) values: Vec<String>,
    /// The meaning in its own column, beside the value.
    pub(super) beside: VecDeque<String>,
    /// The meaning under the value, or in its place.
    pub(super) below: VecDeque<String>,
}

impl Cells {
    pub(super) fn of(row: &Row<'_>, layout: &Layout, end: usize) -> Self {
        let columns = end.saturating_sub(layout.value);
        let room = end.saturating_sub(layout.meaning);
        let values = limited(wrap(&row.value, columns), &row.value);
        let beside = lines(&row.meaning, room);
        let fits = layout.value + width(&row.value) + 2 <= layout.meaning;
        if fits && (beside.len() <= 1 || (room >= NARROWEST && beside.len() <= 3)) {
            return Self {
                values,
                beside,
                below: VecDeque::new(),
            };
        }
        let beside = VecDeque::new();
        if row.value.is_empty() {
            // Alone on its line, a meaning takes the place of the value.
            return Self {
                values: Vec::new(),
                beside,
                below: lines(&row.meaning, columns),
            };
        }
        let below = lines(&row.meaning, columns.saturating_sub(2));
        Self {
            values,
            beside,
            below: below.iter().map(|line| format!("  {line}")).collect(),
        }
    }
}

/// A text in lines; nothing has none.
fn lines(text: &str, columns: usize) -> VecDeque<String> {
    if text.is_empty() {
        VecDeque::new()
    } else {
        wrap(text, columns).into()
    }
}

/// At most [`VALUE_LINES`] lines.
fn limited(mut lines: Vec<String>, value: &str) -> Vec<String> {
    if lines.len() > VALUE_LINES {
        lines.truncate(VALUE_LINES);
        lines.push(format!("… {} characters in all", value.chars().count()));
    }
    lines
}
