//! `ichat-call` as a child process, and what its contract (docs/contract.md) lets everyone rely on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::binary;
use crate::finished::status_of;
pub use crate::finished::{Direction, Finished, text};
use crate::netns::Host;
use crate::process::{Process, Streams, shell_status};
use crate::prosody::{Account, Security};
use crate::scratch::Scratch;
use crate::seconds;
use crate::transcript::{Line, Stream};

/// A command line in the making.
#[derive(Debug)]
pub struct Invocation {
    words: Vec<OsString>,
    options: Vec<(String, Option<OsString>)>,
    password: Option<String>,
    environment: Vec<(&'static str, PathBuf)>,
    streams: Streams,
    host: Option<Host>,
    scratch: Scratch,
}

/// `ichat-call call PEER` with `--json`, on loopback at any port, without devices.
pub fn call(peer: &str) -> Invocation {
    talk(&["call", peer])
}

/// `ichat-call answer` with `--json`, on loopback at any port, without devices. What to answer
/// is not said yet: `--auto`, `--decline` or `--busy`.
pub fn answer() -> Invocation {
    talk(&["answer"])
}

/// `ichat-call call PEER --lan` on this host of a network, announced as `name`.
pub fn lan_call(host: &Host, name: &str, peer: &str) -> Invocation {
    call(peer).on_lan(host, name)
}

/// `ichat-call answer --lan` on this host of a network, announced as `name`. What to answer is
/// not said yet.
pub fn lan_answer(host: &Host, name: &str) -> Invocation {
    answer().on_lan(host, name)
}

/// Any command line, nothing added.
pub fn run(words: &[&str]) -> Invocation {
    Invocation {
        words: words.iter().map(OsString::from).collect(),
        options: Vec::new(),
        password: None,
        environment: Vec::new(),
        streams: Streams::Read,
        host: None,
        scratch: Scratch::new("ichat-call"),
    }
}

fn talk(words: &[&str]) -> Invocation {
    run(words)
        .flag("--json")
        .set("--bind", "127.0.0.1")
        .set("--port", "0")
        .set("--input", "silence")
        .set("--output", "null")
        .set("--timeout", "20")
}

impl Invocation {
    /// Signs in with this account. The password goes through the environment.
    #[must_use]
    pub fn account(mut self, account: &Account) -> Self {
        self.password = Some(account.password.clone());
        let this = self
            .set("--jid", &account.jid)
            .set("--server", account.server.to_string());
        match account.security {
            Security::Plain => this.set("--tls", "off"),
            Security::StartTls | Security::DirectTls => this,
        }
    }

    /// Runs there.
    #[must_use]
    pub fn on(mut self, host: &Host) -> Self {
        self.host = Some(host.clone());
        self
    }

    /// Runs there, among its neighbours, announced as `name`.
    #[must_use]
    pub fn on_lan(self, host: &Host, name: &str) -> Self {
        let this = self.unset("--bind").flag("--lan");
        this.set("--name", name).on(host)
    }

    /// Another password than the account's.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// No password in the environment.
    #[must_use]
    pub fn without_password(mut self) -> Self {
        self.password = None;
        self
    }

    /// Gives an option a value, in place of an earlier one.
    #[must_use]
    pub fn set(self, name: &str, value: impl Into<OsString>) -> Self {
        self.unset(name).add(name, value)
    }

    /// Gives an option a value beside earlier ones.
    #[must_use]
    pub fn add(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.options.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Takes an option away.
    #[must_use]
    pub fn unset(mut self, name: &str) -> Self {
        self.options.retain(|(known, _)| known != name);
        self
    }

    /// An option without a value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.options.push((name.to_owned(), None));
        self
    }

    /// Text for people instead of JSON.
    #[must_use]
    pub fn for_people(self) -> Self {
        self.unset("--json")
    }

    /// Says these µ-law octets: a WAV file at 8 kHz.
    #[must_use]
    pub fn says(self, octets: &[u8]) -> Self {
        let path = self.scratch.join("says.wav");
        crate::wav::Wav::from_ulaw(octets).write(&path);
        self.set("--input", path)
    }

    /// Variables for its environment.
    #[must_use]
    pub fn environment(mut self, variables: &[(&'static str, PathBuf)]) -> Self {
        self.environment.extend_from_slice(variables);
        self
    }

    /// Our end of its standard output is closed once this event was read.
    #[must_use]
    pub fn deaf_after(mut self, event: &'static str) -> Self {
        self.streams = Streams::DeafAfter(event);
        self
    }

    /// Nobody reads its standard output, which takes nothing from the beginning.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.streams = Streams::Unread;
        self
    }

    /// Runs in a terminal, where [`IchatCall::press`] presses keys. Needs `script`, of Linux.
    #[must_use]
    pub fn at_a_terminal(mut self) -> Self {
        self.streams = Streams::Typed;
        self
    }

    /// A path in the folder of this run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Writes a file into the folder of this run.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.scratch.write(name, content)
    }

    /// Sets a file option to a path in the folder of this run.
    #[must_use]
    pub fn set_file(self, option: &str, name: &str) -> Self {
        let path = self.path(name);
        self.set(option, path)
    }

    /// Captures the media port; see [`IchatCall::path`].
    #[must_use]
    pub fn captured(self) -> Self {
        self.set_file("--pcap", "media.pcap")
    }

    /// Starts it.
    pub fn spawn(self) -> IchatCall {
        let program = binary::ichat_call();
        let mut command = match &self.host {
            Some(host) => host.command(program),
            None => Command::new(program),
        };
        command.args(&self.words);
        let mut is_json = false;
        for (name, value) in &self.options {
            is_json |= name == "--json";
            command.arg(name);
            if let Some(value) = value {
                command.arg(value);
            }
        }
        // Nothing of the user's own configuration.
        for name in [
            "ICHAT_CALL_JID",
            "ICHAT_CALL_PASSWORD",
            "RUST_LOG",
            "XDG_CONFIG_HOME",
        ] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.scratch.path())
            .env("RUST_BACKTRACE", "1");
        command.envs(self.environment);
        if let Some(password) = &self.password {
            command.env("ICHAT_CALL_PASSWORD", password);
        }
        let name = format!(
            "ichat-call {}",
            self.words
                .first()
                .map_or("".into(), |word| word.to_string_lossy())
        );
        if self.streams == Streams::Typed {
            command = in_a_terminal(&command);
        }
        IchatCall {
            process: Process::spawn_with(&name, command, self.streams),
            password: self.password,
            is_json: is_json && self.streams != Streams::Typed,
            is_deaf: matches!(self.streams, Streams::DeafAfter(_) | Streams::Unread),
            scratch: self.scratch,
        }
    }
}

/// The same command in a pseudo-terminal, with its exit status. Whatever it says is standard
/// output.
fn in_a_terminal(command: &Command) -> Command {
    let quoted =
        |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(quoted).collect();
    let mut script = Command::new("script");
    script
        .args(["-q", "-e", "-c", &format!("exec {}", words.join(" "))])
        .arg("/dev/null");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.env("SHELL", "/bin/sh").env("TERM", "dumb");
    script
}

/// A running `ichat-call`.
#[derive(Debug)]
pub struct IchatCall {
    process: Process,
    password: Option<String>,
    is_json: bool,
    is_deaf: bool,
    scratch: Scratch,
}

impl IchatCall {
    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The first event of this name, waited for.
    pub fn wait_for(&self, event: &str, limit: Duration) -> Value {
        self.process.wait_for(event, limit)
    }

    /// Waits for a `warning` or `error` with this code.
    pub fn wait_for_code(&self, code: &str, limit: Duration) -> Value {
        self.process
            .wait_for_where(&format!("code {code}"), limit, |event| {
                event["code"] == code
            })
    }

    /// Waits for a line of text with this in it.
    pub fn wait_for_text(&self, part: &str, limit: Duration) -> String {
        self.process.wait_for_line(part, limit, |line| {
            line.text.contains(part).then(|| line.text.clone())
        })
    }

    /// Presses keys, at a terminal.
    pub fn press(&self, keys: &str) {
        self.process.write(keys);
    }

    /// The address that `answer` listens at for plain SIP, as a URI.
    pub fn sip_uri(&self) -> String {
        let listening = self.wait_for("listening", crate::SOON);
        format!("sip:user@{}", text(&listening, "address"))
    }

    /// A path in the folder of this run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Waits for its end, and checks what holds for every run.
    ///
    /// # Panics
    /// With the transcript, if it does not end in time or breaks the contract.
    pub fn finish(mut self, limit: Duration) -> Finished {
        let status = self.process.exit(limit);
        let lines = self.process.lines();
        let errors = self.lines_of(&lines, Stream::Error);
        let output = self.lines_of(&lines, Stream::Output);
        if errors.contains("panicked") {
            self.process.fail("it panicked");
        }
        let secret = self.password.as_deref();
        if secret.is_some_and(|word| output.contains(word) || errors.contains(word)) {
            self.process.fail("it told the password");
        }
        let events = self.process.events();
        if self.is_json && !self.is_deaf {
            self.check(&lines, &events);
        }
        Finished {
            status: shell_status(status),
            transcript: self.process.transcript(),
            events,
            output,
            errors,
            scratch: self.scratch,
        }
    }

    /// Waits for its end, however that comes, and gives its exit status as a shell shows it.
    ///
    /// # Panics
    /// With the transcript, if it does not end in time or panicked.
    pub fn exit(&mut self, limit: Duration) -> i32 {
        let status = self.process.exit(limit);
        if self
            .lines_of(&self.process.lines(), Stream::Error)
            .contains("panicked")
        {
            self.process.fail("it panicked");
        }
        shell_status(status)
    }

    fn lines_of(&self, lines: &[Line], stream: Stream) -> String {
        let chosen = lines.iter().filter(|line| line.stream == stream);
        chosen.map(|line| format!("{}\n", line.text)).collect()
    }

    /// What the contract says of every stream of events.
    fn check(&self, lines: &[Line], events: &[Value]) {
        let mut last = 0.0;
        for line in lines.iter().filter(|line| line.stream == Stream::Output) {
            let Some(event) = &line.event else {
                self.process
                    .fail(&format!("this line is no event: {}", line.text));
            };
            match event["t"].as_f64() {
                Some(t) if t >= last => last = t,
                _ => self
                    .process
                    .fail(&format!("its time is missing or runs back: {event}")),
            }
        }
        let mut over: BTreeMap<u64, bool> = BTreeMap::new();
        for event in events {
            let Some(call) = event["call"].as_u64() else {
                continue;
            };
            let is_over = over.entry(call).or_default();
            if *is_over {
                self.process
                    .fail(&format!("call {call} has ended before this: {event}"));
            }
            *is_over = event["event"] == "ended";
        }
        if let Some((call, _)) = over.iter().find(|(_, is_over)| !**is_over) {
            self.process.fail(&format!("call {call} has no ended"));
        }
        for event in events.iter().filter(|event| event["event"] == "ended") {
            if event["call"].is_null() || status_of(event).is_none() {
                self.process
                    .fail(&format!("no call, or no known reason: {event}"));
            }
        }
    }
}

/// Starts `ichat-call` without the harness's options and waits for its end.
pub fn output_of(words: &[&str]) -> Finished {
    run(words).spawn().finish(seconds(20))
}

/// The same with a standard input.
pub fn output_with_input(words: &[&str], input: &Path) -> std::process::Output {
    let file = std::fs::File::open(input).expect("the input is there");
    Command::new(binary::ichat_call())
        .args(words)
        .stdin(file)
        .output()
        .expect("ichat-call runs")
}
