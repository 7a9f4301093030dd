//! The classes of an object: its own, its superclass, and so on. A chain is one row.

use super::known;
use crate::inspect::field::Field;

/// Classes that are named in a row.
const NAMED: usize = 16;

/// A chain so far.
pub(super) struct Chain {
    start: usize,
    /// Names with versions.
    names: Vec<String>,
    class: String,
    length: usize,
    has_versions: bool,
    is_captured: bool,
    notes: Vec<String>,
}

impl Chain {
    pub(super) fn new(start: usize) -> Self {
        Self {
            start,
            names: Vec::new(),
            class: String::new(),
            length: 0,
            has_versions: false,
            is_captured: true,
            notes: Vec::new(),
        }
    }

    /// The next class; one that occurred before comes without a version, and nil without a name.
    pub(super) fn push(&mut self, name: Option<String>, version: Option<i32>) {
        let Some(name) = name else { return };
        let (is_captured, note) = known::captured(&name, version);
        self.is_captured &= is_captured;
        self.has_versions |= version.is_some();
        self.length += 1;
        if self.length > NAMED {
            return;
        }
        self.notes.extend(note);
        self.names.push(match version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        });
        if self.length == 1 {
            self.class = name;
        }
    }

    /// The object's own class.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    /// The row.
    pub(super) fn row(mut self, end: usize) -> Field {
        if self.length > NAMED {
            self.names.push(format!("… {} in all", self.length));
        }
        let meaning = match (self.names.as_slice(), self.has_versions) {
            ([], _) => "no class",
            ([_], false) => "seen before",
            (_, _) => "with versions and superclasses",
        };
        let mut row = Field::new("class")
            .at(self.start, end - self.start)
            .text(self.names.join(" : "))
            .means(meaning);
        if self.is_captured && self.length > 0 {
            row = row.graded("C");
        }
        row.notes = self.notes;
        row
    }
}
