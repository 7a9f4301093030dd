//! The tree for people: aligned at 100 columns, in colours where there is a terminal.
//!
//! From left to right: the offset in hex and the length in octets, the branches and the name, the
//! value, the meaning, and at the right edge the grade. What does not fit beside the value stands
//! under it. Lines with `!` mark what differs from the captured or known form. An offset with `+`
//! counts from the beginning of the list that it is in, not of the input.

use super::field::{Document, Field, Place, Value};
use super::text::{clip, printable, visible, width, wrap};

/// Columns of a line.
const COLUMNS: usize = 100;
/// A name with its branches takes no more columns than this.
const NAME_LIMIT: usize = 34;
/// Values up to this wide stand in a column of their own, with the meaning beside them.
const VALUE_LIMIT: usize = 26;
/// No more lines than this of one value.
const VALUE_LINES: usize = 6;
/// Deeper branches are drawn as if they were this deep.
const DEPTH_SHOWN: usize = 7;

const LEGEND: [(char, &str); 6] = [
    ('C', "captured from a real iChat"),
    ('G', "proven by the 2009 gateway"),
    ('P', "published"),
    ('D', "as later Apple software does"),
    ('I', "inferred"),
    ('?', "unknown"),
];

/// The whole document as text, without a line end at its end.
pub(super) fn render(document: &Document, colours: bool) -> String {
    let mut rows = Vec::new();
    flatten(&document.fields, &mut Vec::new(), false, &mut rows);
    let layout = Layout::of(&rows);
    let mut page = Page { paint: Paint { colours }, lines: Vec::new() };
    page.title(document);
    for row in &rows {
        page.row(row, &layout);
    }
    page.legend(&rows, document);
    page.lines.join("\n")
}

/// A field with its branches.
struct Row<'a> {
    field: &'a Field,
    /// The place counts in a list inside the document.
    is_inner: bool,
    branch: String,
    /// The branches of the lines below it.
    below: String,
    name: String,
    value: String,
    meaning: String,
    grade: String,
}

/// `trunk` says of each level above whether more comes there.
fn flatten<'a>(fields: &'a [Field], trunk: &mut Vec<bool>, is_inner: bool, rows: &mut Vec<Row<'a>>) {
    for (index, field) in fields.iter().enumerate() {
        let more = index + 1 < fields.len();
        let above = stems(trunk);
        let branch = format!("{above}{}", if more { "├─ " } else { "└─ " });
        let stem = if more { "│  " } else { "   " };
        let child = if field.children.is_empty() { "" } else { "│" };
        let name = clip(&printable(&field.name), NAME_LIMIT.saturating_sub(width(&branch)).max(8));
        let value = match (&field.shown, &field.value) {
            (Some(shown), _) => printable(shown),
            (None, Some(Value::Text(text))) => visible(text),
            (None, Some(Value::Number(number))) => number.to_string(),
            (None, None) => String::new(),
        };
        let grade = field.grade.map_or_else(String::new, |grade| format!("[{grade}]"));
        let below = format!("{above}{stem}{child}");
        let meaning = printable(&field.meaning);
        rows.push(Row { field, is_inner, branch, below, name, value, meaning, grade });
        trunk.push(more);
        flatten(&field.children, trunk, is_inner || field.raw.is_some(), rows);
        trunk.pop();
    }
}

/// The stems of the levels above; of a very deep place only the innermost.
fn stems(trunk: &[bool]) -> String {
    let hidden = trunk.len().saturating_sub(DEPTH_SHOWN);
    let start = if hidden == 0 { "" } else { "⋯  " };
    let shown = trunk.iter().skip(hidden).map(|more| if *more { "│  " } else { "   " });
    start.chars().map(String::from).chain(shown.map(str::to_owned)).collect()
}

/// Where the columns begin.
struct Layout {
    offset: usize,
    length: usize,
    value: usize,
    meaning: usize,
    /// Where the columns for text end.
    end: usize,
}

impl Layout {
    fn of(rows: &[Row<'_>]) -> Self {
        let places = || rows.iter().filter_map(|row| row.field.place.map(|place| (row, place)));
        let offset = places().map(|(row, place)| offset(row, place).len()).max().unwrap_or(0);
        let length = places().map(|(_, place)| place.length.to_string().len()).max().unwrap_or(0);
        let gutter = if offset == 0 { 0 } else { offset + 1 + length + 2 };
        let name = rows.iter().map(|row| width(&row.branch) + width(&row.name)).max().unwrap_or(0);
        let value = gutter + name + 2;
        let in_column = |columns: &usize| *columns <= VALUE_LIMIT;
        let widest = rows.iter().map(|row| width(&row.value)).filter(in_column).max().unwrap_or(0);
        let grade = rows.iter().map(|row| row.grade.len()).max().unwrap_or(0);
        let end = COLUMNS - if grade == 0 { 0 } else { grade + 2 };
        let meaning = if widest == 0 { value } else { value + widest + 2 };
        Self { offset, length, value, meaning, end }
    }

    fn gutter(&self, row: &Row<'_>) -> String {
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

/// What is printed.
struct Page {
    paint: Paint,
    lines: Vec<String>,
}

impl Page {
    fn title(&mut self, document: &Document) {
        let title = clip(&printable(&document.title), COLUMNS - 2 - width(document.page));
        let gap = COLUMNS.saturating_sub(width(&title) + width(document.page));
        let title = self.paint.bold(&title);
        self.lines.push(format!("{title}{}{}", " ".repeat(gap), self.paint.dim(document.page)));
        for note in &document.notes {
            self.note(note, "", 0, COLUMNS);
        }
        self.lines.push(String::new());
    }

    fn row(&mut self, row: &Row<'_>, layout: &Layout) {
        let columns = layout.end.saturating_sub(layout.value);
        let meaning = &row.meaning;
        let room = layout.end.saturating_sub(layout.meaning);
        let beside = layout.value + width(&row.value) + 2 <= layout.meaning && width(meaning) <= room;
        // Alone on its line, a meaning takes the place of the value.
        let mut values = match (row.value.is_empty(), beside) {
            (true, false) => Vec::new(),
            _ => limited(wrap(&row.value, columns), &row.value),
        }
        .into_iter();
        let mut meanings = match (beside, row.value.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => wrap(meaning, columns),
            (false, false) if meaning.is_empty() => Vec::new(),
            (false, false) => wrap(meaning, columns.saturating_sub(2))
                .into_iter()
                .map(|line| format!("  {line}"))
                .collect(),
        }
        .into_iter();

        let head = format!("{}{}", layout.gutter(row), row.branch);
        let mut line = Line::new(self.paint);
        line.dim(&layout.gutter(row));
        line.dim(&row.branch);
        line.name(&row.name);
        debug_assert!(width(&head) + width(&row.name) <= layout.value);
        line.pad(layout.value);
        if let Some(value) = values.next() {
            line.plain(&value);
            if beside && !meaning.is_empty() {
                line.pad(layout.meaning);
                line.dim(meaning);
            }
        } else if let Some(meaning) = meanings.next() {
            line.dim(&meaning);
        }
        if !row.grade.is_empty() {
            line.pad(COLUMNS.saturating_sub(row.grade.len()));
            line.grade(&row.grade);
        }
        self.lines.push(line.finish());

        for (text, is_value) in values.map(|v| (v, true)).chain(meanings.map(|m| (m, false))) {
            let mut line = self.below(row, layout);
            if is_value { line.plain(&text) } else { line.dim(&text) }
            self.lines.push(line.finish());
        }
        for note in &row.field.notes {
            let start = self.below(row, layout);
            self.note(note, &start.text, start.columns, layout.end);
        }
    }

    /// A line below a row, up to where the values stand.
    fn below(&self, row: &Row<'_>, layout: &Layout) -> Line {
        let mut line = Line::new(self.paint);
        line.pad(width(&layout.gutter(row)));
        line.dim(&row.below);
        line.pad(layout.value);
        line
    }

    fn note(&mut self, note: &str, start: &str, at: usize, end: usize) {
        for (index, text) in wrap(&printable(note), end.saturating_sub(at + 2)).iter().enumerate() {
            let mark = if index == 0 { "! " } else { "  " };
            let line = format!("{start}{}", self.paint.warn(&format!("{mark}{text}")));
            self.lines.push(line.trim_end().to_owned());
        }
    }

    /// Explains the letters that occur.
    fn legend(&mut self, rows: &[Row<'_>], document: &Document) {
        let has = |letter: char| rows.iter().any(|row| row.grade.contains(letter));
        let differs = !document.notes.is_empty() || rows.iter().any(|row| !row.field.notes.is_empty());
        let mut words: Vec<String> = LEGEND
            .iter()
            .filter(|(letter, _)| has(*letter))
            .map(|(letter, text)| format!("[{letter}] {text}"))
            .collect();
        if differs {
            words.push("! differs".to_owned());
        }
        if rows.iter().any(|row| row.is_inner && row.field.place.is_some()) {
            words.push("+ within the list".to_owned());
        }
        if words.is_empty() {
            return;
        }
        self.lines.push(String::new());
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && width(&line) + 3 + width(&word) > COLUMNS {
                self.lines.push(self.paint.dim(&std::mem::take(&mut line)));
            }
            line.push_str(if line.is_empty() { "" } else { " · " });
            line.push_str(&word);
        }
        self.lines.push(self.paint.dim(&line));
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

/// A line that knows how wide it is.
struct Line {
    paint: Paint,
    text: String,
    columns: usize,
}

impl Line {
    fn new(paint: Paint) -> Self {
        Self { paint, text: String::new(), columns: 0 }
    }

    fn push(&mut self, text: &str, painted: &str) {
        self.columns += width(text);
        self.text.push_str(painted);
    }

    fn pad(&mut self, column: usize) {
        let gap = column.saturating_sub(self.columns);
        self.text.push_str(&" ".repeat(gap));
        self.columns += gap;
    }

    fn plain(&mut self, text: &str) {
        self.push(text, text);
    }

    fn dim(&mut self, text: &str) {
        self.push(text, &self.paint.dim(text));
    }

    fn name(&mut self, text: &str) {
        self.push(text, &self.paint.name(text));
    }

    fn grade(&mut self, text: &str) {
        self.push(text, &self.paint.grade(text));
    }

    fn finish(self) -> String {
        self.text.trim_end().to_owned()
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
struct Paint {
    colours: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colours && !text.trim().is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn name(self, text: &str) -> String {
        self.with("36", text)
    }

    fn grade(self, text: &str) -> String {
        self.with("32", text)
    }

    fn warn(self, text: &str) -> String {
        self.with("33", text)
    }
}
