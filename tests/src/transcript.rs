//! What a child process said, line by line, for waiting and for showing.

use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// One line of a child process.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it came.
    pub at: Instant,
    /// From where.
    pub stream: Stream,
    /// Without its line end; what is no UTF-8 is replaced.
    pub text: String,
    /// The line as an event, if it is one: an object with `event`, on standard output.
    pub event: Option<Value>,
}

/// The lines of one process so far, shared between those who read and those who wait.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    inner: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    closed: usize,
}

impl Transcript {
    /// Adds a line.
    pub(crate) fn push(&self, stream: Stream, text: String) {
        let event = match stream {
            Stream::Output => serde_json::from_str::<Value>(&text)
                .ok()
                .filter(|value| value.get("event").is_some_and(Value::is_string)),
            Stream::Error => None,
        };
        self.lock().lines.push(Line {
            at: Instant::now(),
            stream,
            text,
            event,
        });
        self.inner.1.notify_all();
    }

    /// One of the two streams is at its end.
    pub(crate) fn close(&self) {
        self.lock().closed += 1;
        self.inner.1.notify_all();
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Value> {
        self.lock()
            .lines
            .iter()
            .filter_map(|line| line.event.clone())
            .collect()
    }

    /// Waits until `look` finds something among the lines. `None` if it has not by then, or if
    /// both streams ended without it.
    pub fn wait<T>(&self, limit: Duration, look: impl Fn(&[Line]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&state.lines) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed == 2 || left.is_zero() {
                return None;
            }
            state = self
                .inner
                .1
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until both streams are at their end; false if they are not by then.
    pub fn wait_closed(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while state.closed < 2 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .inner
                .1
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// The lines as text, each with its time since `start` and its stream.
    pub fn show(&self, start: Instant) -> String {
        let mut text = String::new();
        for line in &self.lock().lines {
            let at = line.at.saturating_duration_since(start).as_secs_f64();
            let stream = match line.stream {
                Stream::Output => "out",
                Stream::Error => "err",
            };
            let _ = writeln!(text, "{at:8.3} {stream} {}", line.text);
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
