//! Two network namespaces joined by a cable: multicast stays between them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that makes this very program one end of a network.
pub const ROLE: &str = "ICHAT_XMPP_LAN_ROLE";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Which end of the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// 10.77.0.1 and fd77::1.
    Here,
    /// 10.77.0.2, 10.77.0.3 and fd77::2.
    There,
}

/// A network; gone with this value.
pub struct Net {
    here: String,
    there: String,
}

impl Net {
    /// Lays a cable; `None` where that is not possible, which is an error on CI.
    pub fn lay() -> Option<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |end| format!("ichat-{}-{number}{end}", std::process::id());
        let net = Self {
            here: name('a'),
            there: name('b'),
        };
        match net.set_up() {
            Ok(()) => Some(net),
            Err(why) => {
                assert!(std::env::var_os("CI").is_none(), "no namespaces: {why}");
                eprintln!("SKIPPED: this needs network namespaces, and they cannot be made: {why}");
                None
            }
        }
    }

    fn set_up(&self) -> Result<(), String> {
        let (here, there) = (self.here.as_str(), self.there.as_str());
        ip(&["netns", "add", here])?;
        ip(&["netns", "add", there])?;
        for end in [here, there] {
            // Addresses are there at once, not after a look for duplicates.
            let path = "/proc/sys/net/ipv6/conf";
            let script = format!("for c in all default; do echo 0 > {path}/$c/accept_dad; done");
            ip(&["netns", "exec", end, "sh", "-c", &script])?;
            ip(&["-n", end, "link", "set", "lo", "up"])?;
        }
        ip(&[
            "link", "add", "cable", "netns", here, "type", "veth", "peer", "name", "cable",
            "netns", there,
        ])?;
        for (end, addresses) in [
            (here, &["10.77.0.1/24", "fd77::1/64"][..]),
            (there, &["10.77.0.2/24", "10.77.0.3/24", "fd77::2/64"][..]),
        ] {
            for address in addresses {
                ip(&["-n", end, "addr", "add", address, "dev", "cable"])?;
            }
            ip(&["-n", end, "link", "set", "cable", "up"])?;
        }
        Ok(())
    }

    pub fn namespace(&self, end: End) -> &str {
        match end {
            End::Here => &self.here,
            End::There => &self.there,
        }
    }

    /// A command that runs at one end.
    pub fn command(&self, end: End, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace(end), program]);
        command
    }

    /// This program itself at one end, in a role.
    pub fn start(&self, end: End, role: &str) -> Process {
        let program = std::env::current_exe().unwrap();
        let mut command = self.command(end, program.to_str().unwrap());
        command
            .args(["--exact", "one_end", "--ignored", "--nocapture"])
            .env(ROLE, role);
        Process::start(command)
    }

    /// Runs `ip` on one end.
    pub fn ip(&self, end: End, arguments: &[&str]) {
        let all = [&["-n", self.namespace(end)], arguments].concat();
        ip(&all).unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for end in [&self.here, &self.there] {
            let _ = ip(&["netns", "del", end]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("ip {}: {}", arguments.join(" "), why.trim()))
    }
}

/// A process that is told things by lines and answers by lines; killed with this value.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
            heard: Vec::new(),
        }
    }

    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// Waits for a line that holds all of these words; lines before it are passed over.
    pub fn expect(&mut self, words: &[&str], seconds: u64) -> String {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {words:?} within {seconds} s; heard {:#?}", self.heard);
            };
            let found = words.iter().all(|word| line.contains(word));
            self.heard.push(line.clone());
            if found {
                return line;
            }
        }
    }

    /// Asks until it hears this line, and tells whether it did.
    pub fn hears_in_time(&mut self, question: &str, answer: &str, seconds: u64) -> bool {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            self.tell(question);
            if self.expect(&[question], 10) == answer {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Everything heard until now holds none of these.
    pub fn assert_never(&mut self, word: &str) {
        self.heard.extend(self.lines.try_iter());
        let line = self.heard.iter().find(|line| line.contains(word));
        assert!(line.is_none(), "{line:?}");
    }

    /// Ends it as a power failure would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn wait(&mut self) {
        self.input = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
