//! The list of deviations from the protocol, and the counters beside it.

use crate::verdict::Tally;

/// How many different faults are kept; more only say that everything is wrong.
const MAX_FAULTS: usize = 100;

/// What was seen so far: deviations and counts.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Deviations from the protocol.
    pub(crate) faults: Faults,
    /// What was counted.
    pub(crate) tally: Tally,
}

/// Deviations, each once, with how often it was seen.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    entries: Vec<(String, u64)>,
}

impl Faults {
    /// Notes one deviation.
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        if let Some(entry) = self.entries.iter_mut().find(|(known, _)| *known == text) {
            entry.1 += 1;
        } else if self.entries.len() < MAX_FAULTS {
            self.entries.push((text, 1));
        }
    }

    /// Notes a deviation unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.add(text());
        }
    }

    /// Notes what a check of `place` found.
    pub(crate) fn absorb(&mut self, place: &str, found: Vec<String>) {
        for text in found {
            self.add(format!("{place}: {text}"));
        }
    }

    /// One line a fault.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|(text, times)| match times {
                1 => text.clone(),
                _ => format!("{text} ({times} times)"),
            })
            .collect()
    }

    /// Nothing was noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Collects the findings of one check.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<String>);

impl Findings {
    /// Notes `text` unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.0.push(text());
        }
    }

    /// Notes `text`.
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_seen_three_times_is_one_line_that_says_so() {
        let mut faults = Faults::default();
        for _ in 0..3 {
            faults.add("SSRC changed");
        }
        faults.absorb("INVITE", vec!["no Via".into()]);
        assert_eq!(faults.lines(), ["SSRC changed (3 times)", "INVITE: no Via"]);
    }
}
