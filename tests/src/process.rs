//! A child process: what it says, how it ends, and that it is gone afterwards.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::seconds;
use crate::transcript::{Line, Stream, Transcript};

/// A running program under test. Killed, by its id, when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    transcript: Transcript,
    started: Instant,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts it, without a standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(name: &str, command: Command) -> Self {
        Self::spawn_deaf(name, command, None)
    }

    /// The same, but standard output is closed on our side as soon as this event was read.
    pub fn spawn_deaf(name: &str, mut command: Command, until: Option<&'static str>) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} ({command:?}): {error}"));
        let transcript = Transcript::default();
        let output = child.stdout.take().expect("standard output is piped");
        let errors = child.stderr.take().expect("standard error is piped");
        follow(output, Stream::Output, transcript.clone(), until);
        follow(errors, Stream::Error, transcript.clone(), None);
        Self {
            name: name.to_owned(),
            child,
            transcript,
            started,
            status: None,
        }
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Value> {
        self.transcript.events()
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.transcript.lines()
    }

    /// The first event of this name, waited for.
    ///
    /// # Panics
    /// With the whole transcript, if it does not come in time or cannot come any more.
    pub fn wait_for(&self, event: &str, limit: Duration) -> Value {
        self.wait_for_where(&format!("event {event}"), limit, |found| {
            found["event"] == event
        })
    }

    /// The first event that `look` likes, waited for; `what` names it in the failure.
    ///
    /// # Panics
    /// As [`Self::wait_for`].
    pub fn wait_for_where(
        &self,
        what: &str,
        limit: Duration,
        look: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait_for_line(what, limit, |line| {
            line.event.clone().filter(|event| look(event))
        })
    }

    /// The first line in which `look` finds something, waited for.
    ///
    /// # Panics
    /// As [`Self::wait_for`].
    pub fn wait_for_line<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl Fn(&Line) -> Option<T>,
    ) -> T {
        self.transcript
            .wait(limit, |lines| lines.iter().find_map(&look))
            .unwrap_or_else(|| self.fail(&format!("no {what} within {limit:?}")))
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Stops it, as Ctrl-Z does: it neither sends nor answers until [`Self::resume`].
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Lets it run again.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        if self.status.is_some() {
            return;
        }
        // The one that is built into the shell: not every machine has it as a program.
        let status = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$2\"", "sh", name])
            .arg(self.child.id().to_string())
            .status()
            .expect("sh runs");
        assert!(
            status.success(),
            "SIG{name} cannot be sent to {}",
            self.name
        );
    }

    /// Waits for its end and gives its status. Nothing that it started may live on: whatever
    /// holds its standard output or error open after it is a failure.
    ///
    /// # Panics
    /// With the whole transcript, if it still runs then.
    pub fn exit(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() >= deadline {
                self.fail(&format!("still running after {limit:?}"));
            }
            // No portable way to wait for a child with a limit.
            std::thread::sleep(Duration::from_millis(5));
        };
        self.status = Some(status);
        if !self.transcript.wait_closed(seconds(2)) {
            self.fail("something that it started still runs");
        }
        status
    }

    /// Everything it said, with a head line.
    pub fn transcript(&self) -> String {
        format!("--- {}\n{}", self.name, self.transcript.show(self.started))
    }

    /// Fails with the transcript.
    ///
    /// # Panics
    /// Always.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{}: {why}\n{}", self.name, self.transcript());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.transcript());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit status as a shell shows it: the code, or 128 and the signal.
pub fn shell_status(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return 128 + signal;
        }
    }
    status.code().unwrap_or(-1)
}

fn follow(
    stream: impl Read + Send + 'static,
    kind: Stream,
    transcript: Transcript,
    until: Option<&'static str>,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut octets = Vec::new();
        while matches!(reader.read_until(b'\n', &mut octets), Ok(count) if count > 0) {
            let text = String::from_utf8_lossy(&octets)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            octets.clear();
            let is_last = until.is_some_and(|event| text.contains(&format!("\"{event}\"")));
            transcript.push(kind, text);
            if is_last {
                break;
            }
        }
        drop(reader);
        transcript.close();
    });
}
