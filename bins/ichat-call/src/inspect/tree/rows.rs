//! Fields as rows with branches, and where the columns begin.

use super::super::field::{Field, Place, Value};
use super::super::text::{clip, printable, visible, width};
use super::COLUMNS;

/// A name with its branches takes no more columns than this.
const NAME_LIMIT: usize = 34;
/// Values up to this wide stand in a column of their own, with the meaning beside them.
const VALUE_LIMIT: usize = 26;
/// Deeper branches are drawn as if they were this deep.
const DEPTH_SHOWN: usize = 7;

/// A field with its branches.
pub(super) struct Row<'a> {
    pub(super) field: &'a Field,
    /// The place counts in a list inside the document.
    pub(super) is_inner: bool,
    pub(super) branch: String,
    /// The branches of the lines below it.
    pub(super) below: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) meaning: String,
    pub(super) grade: String,
}

impl Row<'_> {
    /// Where its text ends: before the grade.
    pub(super) fn end(&self) -> usize {
        COLUMNS
            - if self.grade.is_empty() {
                0
            } else {
                self.grade.len() + 2
            }
    }
}

/// `trunk` says of each level above whether more comes there.
pub(super) fn flatten<'a>(
    fields: &'a [Field],
    trunk: &mut Vec<bool>,
    is_inner: bool,
    rows: &mut Vec<Row<'a>>,
) {
    for (index, field) in fields.iter().enumerate() {
        let more = index + 1 < fields.len();
        let above = stems(trunk);
        let branch = format!("{above}{}", if more { "├─ " } else { "└─ " });
        let stem = if more { "│  " } else { "   " };
        let child = if field.children.is_empty() { "" } else { "│" };
        let name = clip(
            &printable(&field.name),
            NAME_LIMIT.saturating_sub(width(&branch)).max(8),
        );
        let value = match (&field.shown, &field.value) {
            (Some(shown), _) => printable(shown),
            (None, Some(Value::Text(text))) => visible(text),
            (None, Some(Value::Number(number))) => number.to_string(),
            (None, Some(Value::Negative(number))) => number.to_string(),
            (None, Some(Value::Boolean(flag))) => flag.to_string(),
            (None, None) => String::new(),
        };
        let grade = field
            .grade
            .map_or_else(String::new, |grade| format!("[{grade}]"));
        let below = format!("{above}{stem}{child}");
        let meaning = printable(&field.meaning);
        rows.push(Row {
            field,
            is_inner,
            branch,
            below,
            name,
            value,
            meaning,
            grade,
        });
        trunk.push(more);
        flatten(
            &field.children,
            trunk,
            is_inner || field.raw.is_some(),
            rows,
        );
        trunk.pop();
    }
}

/// The stems of the levels above; of a very deep place only the innermost.
fn stems(trunk: &[bool]) -> String {
    let hidden = trunk.len().saturating_sub(DEPTH_SHOWN);
    let start = if hidden == 0 { "" } else { "⋯  " };
    let shown = trunk
        .iter()
        .skip(hidden)
        .map(|more| if *more { "│  " } else { "   " });
    start
        .chars()
        .map(String::from)
        .chain(shown.map(str::to_owned))
        .collect()
}

/// Where the columns begin.
pub(super) struct Layout {
    offset: usize,
    length: usize,
    pub(super) value: usize,
    pub(super) meaning: usize,
}

impl Layout {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let places = || {
            rows.iter()
                .filter_map(|row| row.field.place.map(|place| (row, place)))
        };
        let offset = places()
            .map(|(row, place)| offset(row, place).len())
            .max()
            .unwrap_or(0);
        let length = places()
            .map(|(_, place)| place.length.to_string().len())
            .max()
            .unwrap_or(0);
        let gutter = if offset == 0 {
            0
        } else {
            offset + 1 + length + 2
        };
        let name = rows
            .iter()
            .map(|row| width(&row.branch) + width(&row.name))
            .max()
            .unwrap_or(0);
        let value = gutter + name + 2;
        let in_column = |columns: &usize| *columns <= VALUE_LIMIT;
        let widest = rows
            .iter()
            .map(|row| width(&row.value))
            .filter(in_column)
            .max()
            .unwrap_or(0);
        let meaning = if widest == 0 {
            value
        } else {
            value + widest + 2
        };
        Self {
            offset,
            length,
            value,
            meaning,
        }
    }

    pub(super) fn gutter(&self, row: &Row<'_>) -> String {
        match row.field.place {
            None if self.offset == 0 => String::new(),
            None => " ".repeat(self.offset + 1 + self.length + 2),
            Some(place) => {
                let (offset_width, length_width) = (self.offset, self.length);
                let offset = offset(row, place);
                format!("{offset:>offset_width$} {:>length_width$}  ", place.length)
            }
        }
    }
}

fn offset(row: &Row<'_>, place: Place) -> String {
    let sign = if row.is_inner { "+" } else { "" };
    format!("{sign}{:04x}", place.offset)
}
