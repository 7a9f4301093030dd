//! The tree for people: aligned at 100 columns or at the terminal's fewer ones, in colours where
//! there is a terminal.
//!
//! From left to right: the offset in hex and the length in octets, the branches and the name, the
//! value, the meaning, and at the right edge the grade. What does not fit beside the value stands
//! under it. Lines with `!` mark what differs from the captured or known form. An offset with `+`
//! counts from the beginning of the list that it is in, not of the input.

mod cells;
mod line;
mod rows;

use super::field::Document;
use super::text::{clip, printable, width, wrap};
use cells::Cells;
use line::{Line, Paint};
use rows::{Layout, Row, flatten};

/// Columns of a line where there is room.
pub(super) const COLUMNS: usize = 100;
/// Fewer are not used: a narrower terminal breaks the lines.
const FEWEST: usize = 72;

const LEGEND: [(char, &str); 6] = [
    ('C', "captured from a real iChat"),
    ('G', "proven by the 2009 gateway"),
    ('P', "published"),
    ('D', "as later Apple software does"),
    ('I', "inferred"),
    ('?', "unknown"),
];

/// The whole document as text, without a line end at its end.
pub(super) fn render(document: &Document, columns: usize, colours: bool) -> String {
    let columns = columns.clamp(FEWEST, COLUMNS);
    let mut rows = Vec::new();
    flatten(&document.fields, &mut Vec::new(), false, &mut rows);
    let layout = Layout::of(&rows);
    let mut page = Page {
        columns,
        paint: Paint { colours },
        lines: Vec::new(),
    };
    page.title(document);
    for row in &rows {
        page.row(row, &layout);
    }
    page.legend(&rows, document);
    page.lines.join("\n")
}

/// What is printed.
struct Page {
    columns: usize,
    paint: Paint,
    lines: Vec<String>,
}

impl Page {
    fn title(&mut self, document: &Document) {
        let title = clip(
            &printable(&document.title),
            self.columns - 2 - width(document.page),
        );
        let gap = self
            .columns
            .saturating_sub(width(&title) + width(document.page));
        let title = self.paint.bold(&title);
        self.lines.push(format!(
            "{title}{}{}",
            " ".repeat(gap),
            self.paint.dim(document.page)
        ));
        for note in &document.notes {
            self.note(note, "", 0, self.columns);
        }
        self.lines.push(String::new());
    }

    fn row(&mut self, row: &Row<'_>, layout: &Layout) {
        let end = row.end(self.columns);
        let Cells {
            values,
            mut beside,
            mut below,
        } = Cells::of(row, layout, end);
        let mut line = Line::new(self.paint);
        line.dim(&layout.gutter(row));
        line.dim(&row.branch);
        line.name(&row.name);
        line.pad(layout.value);
        let mut values = values.into_iter();
        if let Some(value) = values.next() {
            line.plain(&value);
            if let Some(meaning) = beside.pop_front() {
                line.pad(layout.meaning);
                line.dim(&meaning);
            }
        } else if let Some(meaning) = below.pop_front() {
            line.dim(&meaning);
        }
        if !row.grade.is_empty() {
            line.pad(self.columns.saturating_sub(row.grade.len()));
            line.grade(&row.grade);
        }
        self.lines.push(line.finish());

        for value in values {
            let mut line = self.below(row, layout, layout.value);
            line.plain(&value);
            self.lines.push(line.finish());
        }
        for (column, meanings) in [(layout.meaning, beside), (layout.value, below)] {
            for meaning in meanings {
                let mut line = self.below(row, layout, column);
                line.dim(&meaning);
                self.lines.push(line.finish());
            }
        }
        for note in &row.field.notes {
            let start = self.below(row, layout, layout.value);
            self.note(note, &start.text, start.columns, end);
        }
    }

    /// A line below a row, up to a column.
    fn below(&self, row: &Row<'_>, layout: &Layout, column: usize) -> Line {
        let mut line = Line::new(self.paint);
        line.pad(width(&layout.gutter(row)));
        line.dim(&row.below);
        line.pad(column);
        line
    }

    fn note(&mut self, note: &str, start: &str, at: usize, end: usize) {
        for (index, text) in wrap(&printable(note), end.saturating_sub(at + 2))
            .iter()
            .enumerate()
        {
            let mark = if index == 0 { "! " } else { "  " };
            let line = format!("{start}{}", self.paint.warn(&format!("{mark}{text}")));
            self.lines.push(line.trim_end().to_owned());
        }
    }

    /// Explains the letters that occur.
    fn legend(&mut self, rows: &[Row<'_>], document: &Document) {
        let has = |letter: char| rows.iter().any(|row| row.grade.contains(letter));
        let differs =
            !document.notes.is_empty() || rows.iter().any(|row| !row.field.notes.is_empty());
        let mut words: Vec<String> = LEGEND
            .iter()
            .filter(|(letter, _)| has(*letter))
            .map(|(letter, text)| format!("[{letter}] {text}"))
            .collect();
        if differs {
            words.push("! differs".to_owned());
        }
        if rows
            .iter()
            .any(|row| row.is_inner && row.field.place.is_some())
        {
            words.push("+ counts within its list".to_owned());
        }
        if words.is_empty() {
            return;
        }
        self.lines.push(String::new());
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && width(&line) + 3 + width(&word) > self.columns {
                self.lines.push(self.paint.dim(&std::mem::take(&mut line)));
            }
            line.push_str(if line.is_empty() { "" } else { " · " });
            line.push_str(&word);
        }
        self.lines.push(self.paint.dim(&line));
    }
}
