//! Lines that know how wide they are, and colours.

use super::super::text::width;

/// A line that knows how wide it is.
pub(super) struct Line {
    paint: Paint,
    pub(super) text: String,
    pub(super) columns: usize,
}

impl Line {
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            text: String::new(),
            columns: 0,
        }
    }

    fn push(&mut self, text: &str, painted: &str) {
        self.columns += width(text);
        self.text.push_str(painted);
    }

    pub(super) fn pad(&mut self, column: usize) {
        let gap = column.saturating_sub(self.columns);
        self.text.push_str(&" ".repeat(gap));
        self.columns += gap;
    }

    pub(super) fn plain(&mut self, text: &str) {
        self.push(text, text);
    }

    pub(super) fn dim(&mut self, text: &str) {
        self.push(text, &self.paint.dim(text));
    }

    pub(super) fn name(&mut self, text: &str) {
        self.push(text, &self.paint.name(text));
    }

    pub(super) fn grade(&mut self, text: &str) {
        self.push(text, &self.paint.grade(text));
    }

    pub(super) fn finish(self) -> String {
        self.text.trim_end().to_owned()
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) colours: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colours && !text.trim().is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn name(self, text: &str) -> String {
        self.with("36", text)
    }

    pub(super) fn grade(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.with("33", text)
    }
}
