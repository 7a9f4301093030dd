//! What the program prints: events for people or for scripts.

mod human;
mod json;

use std::io::{self, Write};
use std::time::Instant;

use ichat_endpoint::Event;

use crate::failure::Failure;

pub(crate) use human::seconds;
pub(crate) use json::object as json_object;

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of text.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where events go. A closed standard output is no error: the call goes on, unseen.
#[derive(Debug)]
pub(crate) struct Printer {
    form: Form,
    started: Instant,
    closed: bool,
    /// The terminal is in raw mode: lines need a carriage return.
    pub(crate) raw: bool,
}

impl Printer {
    pub(crate) fn new(form: Form, started: Instant) -> Self {
        Self {
            form,
            started,
            closed: false,
            raw: false,
        }
    }

    pub(crate) fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Prints one event.
    pub(crate) fn print(&mut self, event: &Event) {
        if self.raw && matches!(event, Event::Incoming { ask: true, .. }) {
            // The question that follows says it.
            return;
        }
        let text = match self.form {
            Form::Json => json::event(event, self.started.elapsed()).to_string(),
            Form::Human => match human::event(event) {
                Some(line) => line,
                None => return,
            },
        };
        let is_problem = matches!(event, Event::Warning { .. } | Event::Error { .. });
        if self.form == Form::Human && is_problem {
            self.line_to(io::stderr().lock(), &text);
        } else {
            self.line(&text);
        }
    }

    /// Prints a failure: an `error` object for scripts, and a line on standard error for people.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        if self.form == Form::Json {
            let error = Event::Error {
                call: None,
                code: failure.code,
                message: failure.message.clone(),
            };
            self.print(&error);
        } else {
            self.line_to(
                io::stderr().lock(),
                &format!("ichat-call: {}", failure.message),
            );
        }
    }

    /// Prints one line on standard output.
    pub(crate) fn line(&mut self, text: &str) {
        if !self.closed {
            self.closed = !self.line_to(io::stdout().lock(), text);
        }
    }

    /// False when the line could not be written.
    fn line_to(&self, mut out: impl Write, text: &str) -> bool {
        let end = if self.raw { "\r\n" } else { "\n" };
        out.write_all(format!("{text}{end}").as_bytes())
            .and_then(|()| out.flush())
            .is_ok()
    }
}
