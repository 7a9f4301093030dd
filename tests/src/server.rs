//! A server or peer that someone else wrote, as a child process that never outlives us.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::scratch::Scratch;

/// Waits for the end of standard input, however it comes, then ends what it started and removes
/// the folder: so nothing is left even when the test program is killed, and a server may live in
/// a `static`, which is never dropped.
const GUARD: &str = r#"
folder=$1; shift
trap '' INT
"$@" </dev/null >"$folder/server.log" 2>&1 &
pid=$!
cat >/dev/null
kill "$pid" 2>/dev/null
tries=0
while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -9 "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
[ -e "$folder/keep" ] || rm -rf "$folder"
"#;

/// A guarded program and its folder.
#[derive(Debug)]
pub struct Server {
    guard: Child,
    scratch: Scratch,
}

impl Server {
    /// Starts it; what it prints goes to `server.log` in the folder.
    pub fn start(scratch: Scratch, command: &[&str]) -> Self {
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(scratch.path())
            .args(command)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh runs");
        Self { guard, scratch }
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

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::fs::write(self.scratch.join("keep"), "");
        }
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
