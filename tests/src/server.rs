//! A server or peer that someone else wrote, as a child process that never outlives us.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::scratch::Scratch;

/// Waits for the end of standard input, however it comes, then ends what it started and removes
/// the folder: so nothing is left even when the test program is killed, and a server may live in
/// a `static`, which is never dropped. A line on standard input names another signal.
const GUARD: &str = r#"
folder=$1; signal=$2; shift 2
trap '' INT
"$@" </dev/null >>"$folder/server.log" 2>&1 &
pid=$!
if read -r other; then signal=$other; fi
kill -s "$signal" "$pid" 2>/dev/null
tries=0
while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
[ -e "$folder/keep" ] || rm -rf "$folder"
"#;

/// A guarded program and its folder.
#[derive(Debug)]
pub struct Server {
    guard: Child,
    signal: &'static str,
    words: Vec<String>,
    scratch: Scratch,
}

impl Server {
    /// Starts it; what it prints goes to `server.log` in the folder.
    pub fn start(scratch: Scratch, command: &[&str]) -> Self {
        Self::start_ended_by("TERM", scratch, command)
    }

    /// The same for a program that ends on another signal than SIGTERM.
    pub fn start_ended_by(signal: &'static str, scratch: Scratch, command: &[&str]) -> Self {
        let words: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let guard = guard(&scratch, signal, &words);
        Self {
            guard,
            signal,
            words,
            scratch,
        }
    }

    /// Ends it without warning. Its folder stays.
    pub fn kill(&mut self) {
        self.scratch.write("keep", "");
        if let Some(mut input) = self.guard.stdin.take() {
            let _ = input.write_all(b"KILL\n");
        }
        let _ = self.guard.wait();
        let _ = std::fs::remove_file(self.scratch.join("keep"));
    }

    /// Starts it in the same folder, after [`Self::kill`].
    pub fn start_again(&mut self) {
        self.guard = guard(&self.scratch, self.signal, &self.words);
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read(self.scratch.join("server.log"))
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .unwrap_or_default()
    }
}

fn guard(scratch: &Scratch, signal: &str, words: &[String]) -> Child {
    Command::new("sh")
        .args(["-c", GUARD, "guard"])
        .arg(scratch.path())
        .arg(signal)
        .args(words)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh runs")
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::fs::write(self.scratch.join("keep"), "");
        }
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
