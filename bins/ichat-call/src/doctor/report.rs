//! Checks as they are done: on the screen or as events, counted.

use std::io::IsTerminal;

use serde_json::{Map, Value, json};

use super::check::{Check, Topic, Verdict};
use super::layout::{self, WIDEST};
use crate::output::{Form, Printer};

/// Where checks go.
pub(super) struct Report<'a> {
    printer: &'a mut Printer,
    width: usize,
    counts: Counts,
    /// What was left out last, and why: told when it is known that no more follow.
    left_out: Option<(Vec<Topic>, String)>,
}

#[derive(Debug, Default)]
struct Counts {
    ok: usize,
    warnings: usize,
    problems: usize,
    skipped: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(printer: &'a mut Printer) -> Self {
        let width = match crossterm::terminal::size() {
            Ok((columns, _)) if std::io::stdout().is_terminal() => usize::from(columns),
            Ok(_) | Err(_) => WIDEST,
        };
        Self {
            printer,
            width,
            counts: Counts::default(),
            left_out: None,
        }
    }

    /// Prints a check.
    pub(super) fn add(&mut self, check: Check) {
        match check.verdict {
            Verdict::Ok => self.counts.ok += 1,
            Verdict::Warning => self.counts.warnings += 1,
            Verdict::Problem => self.counts.problems += 1,
            Verdict::Skipped => self.counts.skipped += 1,
        }
        if self.printer.form() == Form::Json {
            self.printer.event("check", fields(check));
            return;
        }
        if check.verdict == Verdict::Skipped && check.advice.is_none() {
            match &mut self.left_out {
                Some((topics, reason)) if *reason == check.message => topics.push(check.topic),
                Some(_) | None => {
                    self.tell_left_out();
                    self.left_out = Some((vec![check.topic], check.message));
                }
            }
            return;
        }
        self.tell_left_out();
        self.print(&layout::lines(&check, self.width));
    }

    /// Prints several.
    pub(super) fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        for check in checks {
            self.add(check);
        }
    }

    /// Prints what it comes to, and tells the exit status.
    pub(super) fn finish(mut self) -> u8 {
        self.tell_left_out();
        let Counts {
            ok,
            warnings,
            problems,
            skipped,
        } = self.counts;
        if self.printer.form() == Form::Json {
            let all = [
                ("ok", ok),
                ("warnings", warnings),
                ("problems", problems),
                ("skipped", skipped),
            ];
            let all = all.map(|(name, count)| (name.to_owned(), json!(count)));
            self.printer.event("diagnosis", all.into_iter().collect());
        } else {
            let (problems, warnings) = (counted(problems, "problem"), counted(warnings, "warning"));
            self.print(&[String::new(), format!("In all: {problems}, {warnings}.")]);
        }
        u8::from(problems > 0)
    }

    fn tell_left_out(&mut self) {
        let Some((topics, reason)) = self.left_out.take() else {
            return;
        };
        let lines = match topics.as_slice() {
            [topic] => layout::lines(&Check::skipped(*topic, reason), self.width),
            topics => layout::left_out(topics, &reason, self.width),
        };
        self.print(&lines);
    }

    fn print(&mut self, lines: &[String]) {
        for line in lines {
            self.printer.line(line);
        }
    }
}

fn fields(check: Check) -> Map<String, Value> {
    let fields = [
        ("name", json!(check.topic.name())),
        ("result", json!(check.verdict.name())),
        ("message", json!(check.message)),
        ("advice", json!(check.advice)),
        ("details", Value::Object(check.details)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    fields.into_iter().collect()
}

/// `no problems`, `1 problem`, `2 problems`.
fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
