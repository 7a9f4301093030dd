//! A child process: what it says, how it ends, and that it is gone afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
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
    input: Option<ChildStdin>,
    /// Our end of a standard output that is never read.
    #[cfg(unix)]
    _unread: Option<std::os::unix::net::UnixStream>,
}

/// What becomes of a child's standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// No standard input; what it says is read.
    #[default]
    Read,
    /// The same, but standard output is closed on our side as soon as this event was read.
    DeafAfter(&'static str),
    /// No standard input; standard output is full from the beginning, and nobody reads it.
    Unread,
    /// What it says is read, and [`Process::write`] is its standard input.
    Typed,
}

impl Process {
    /// Starts it, without a standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(name: &str, command: Command) -> Self {
        Self::spawn_with(name, command, Streams::Read)
    }

    /// Starts it with standard streams of one's choice.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn_with(name: &str, mut command: Command, streams: Streams) -> Self {
        #[cfg(unix)]
        let unread = (streams == Streams::Unread).then(full);
        match streams {
            Streams::Typed => command.stdin(Stdio::piped()),
            Streams::Read | Streams::DeafAfter(_) | Streams::Unread => command.stdin(Stdio::null()),
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        let unread = unread.map(|(ours, theirs)| {
            command.stdout(std::os::fd::OwnedFd::from(theirs));
            ours
        });
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} ({command:?}): {error}"));
        let transcript = Transcript::default();
        let until = match streams {
            Streams::DeafAfter(event) => Some(event),
            Streams::Read | Streams::Unread | Streams::Typed => None,
        };
        match child.stdout.take() {
            Some(output) => follow(output, Stream::Output, transcript.clone(), until),
            None => transcript.close(),
        }
        let errors = child.stderr.take().expect("standard error is piped");
        follow(errors, Stream::Error, transcript.clone(), None);
        Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            child,
            transcript,
            started,
            status: None,
            #[cfg(unix)]
            _unread: unread,
        }
    }

    /// Writes to its standard input.
    ///
    /// # Panics
    /// If it has none.
    pub fn write(&self, text: &str) {
        let written = self
            .input
            .as_ref()
            .is_some_and(|mut input| input.write_all(text.as_bytes()).is_ok());
        if !written {
            self.fail("its standard input is closed");
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

/// Our end, and the other, into which not one octet more can be written.
#[cfg(unix)]
fn full() -> (
    std::os::unix::net::UnixStream,
    std::os::unix::net::UnixStream,
) {
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("sockets can be made");
    theirs.set_nonblocking(true).expect("a socket option");
    for size in [4096, 1] {
        while theirs.write(&vec![b' '; size]).is_ok() {}
    }
    theirs.set_nonblocking(false).expect("a socket option");
    (ours, theirs)
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
