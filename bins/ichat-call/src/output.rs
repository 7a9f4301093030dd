//! What the program prints: events for people or for scripts.

mod human;
mod json;

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ichat_endpoint::Event;
use serde_json::{Map, Value};

use crate::failure::Failure;

pub(crate) use human::{safe, seconds};
pub(crate) use json::{milliseconds as json_milliseconds, object as json_object};

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of text.
    Human,
    /// One JSON object a line.
    Json,
}

/// Lines that may wait for a reader of standard output that is slow.
const QUEUE: usize = 1024;

/// How long a slow reader is waited for when the program is done.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// Where events go. Standard output has a thread of its own, so that a reader that stops reading
/// never holds up a packet of sound; a closed one is no error: the call goes on, unseen.
#[derive(Debug)]
pub(crate) struct Printer {
    form: Form,
    started: Instant,
    lines: Option<SyncSender<String>>,
    /// Closed when the thread has written everything.
    written: Receiver<()>,
    /// A call may be up, which must not wait for a slow reader.
    pub(crate) live: bool,
    /// The terminal is in raw mode: lines need a carriage return.
    pub(crate) raw: bool,
}

impl Printer {
    pub(crate) fn new(form: Form, started: Instant) -> Self {
        let (lines, to_write) = sync_channel::<String>(QUEUE);
        let (done, written) = sync_channel::<()>(1);
        std::thread::spawn(move || {
            for line in to_write {
                let mut out = io::stdout().lock();
                if out
                    .write_all(line.as_bytes())
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    break;
                }
            }
            drop(done);
        });
        Self {
            form,
            started,
            lines: Some(lines),
            written,
            live: false,
            raw: false,
        }
    }

    /// Waits until everything is written; after a call, only a moment.
    pub(crate) fn finish(&mut self) {
        self.lines = None;
        // The thread never sends: it ends, or it takes too long.
        let patience = if self.live {
            FLUSH_PATIENCE
        } else {
            Duration::MAX
        };
        if self.written.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("standard output is not read; its last lines are lost");
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
            self.complain(&text);
        } else {
            self.line(&text);
        }
    }

    /// Prints an event that is no call's, for scripts.
    pub(crate) fn event(&mut self, name: &str, fields: Map<String, Value>) {
        let event = json::named(name, None, fields, self.started.elapsed());
        self.line(&event.to_string());
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
            self.complain(&format!("ichat-call: {}", failure.message));
        }
    }

    /// Prints one line on standard output. While a call may be up it never waits: with a reader so
    /// slow that the queue is full, the line is dropped.
    pub(crate) fn line(&mut self, text: &str) {
        let line = format!("{text}{}", self.end());
        let Some(lines) = &self.lines else { return };
        let sent = if self.live {
            lines.try_send(line).is_ok()
        } else {
            lines.send(line).is_ok()
        };
        if !sent {
            tracing::debug!("standard output is closed or not read; a line is lost");
        }
    }

    /// Prints one line on standard error.
    fn complain(&self, text: &str) {
        let line = format!("{text}{}", self.end());
        if io::stderr().lock().write_all(line.as_bytes()).is_err() {
            tracing::debug!("standard error is closed");
        }
    }

    fn end(&self) -> &'static str {
        if self.raw { "\r\n" } else { "\n" }
    }
}
