//! Processes for the tests: stand-ins, and a Prosody of one's own.

#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of one's own.
pub fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let unique = format!("{name}-{}-{number}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A stand-in that runs.
pub struct Standin {
    child: Child,
    events: Receiver<Value>,
    seen: Vec<Value>,
    folder: PathBuf,
}

impl Standin {
    /// Starts one whose peer is another; the words are split at white space.
    pub fn start(arguments: &str) -> Self {
        Self::run(&format!("{arguments} --peer-ichat"))
    }

    /// Starts one that takes its peer for an endpoint of ours.
    pub fn run(arguments: &str) -> Self {
        let folder = folder("standin");
        let mut child = Command::new(env!("CARGO_BIN_EXE_ichat-standin"))
            .args(arguments.split_whitespace())
            .arg("--sent")
            .arg(folder.join("sent"))
            .arg("--received")
            .arg(folder.join("received"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).expect("a JSON line");
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            events,
            seen: Vec::new(),
            folder,
        }
    }

    /// Waits for an event.
    pub fn wait(&mut self, name: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.seen.iter().find(|event| event["event"] == name) {
                return event.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => self.seen.push(event),
                Err(_) => panic!("no {name} but {:#?}", self.seen),
            }
        }
    }

    /// Whether an event came so far.
    pub fn saw(&self, name: &str) -> bool {
        self.seen.iter().any(|event| event["event"] == name)
    }

    /// The UDP port.
    pub fn port(&mut self) -> u64 {
        self.wait("ready")["port"].as_u64().unwrap()
    }

    /// The verdict, once the process is over; the exit status must agree with it.
    pub fn verdict(&mut self) -> Value {
        let verdict = self.wait("verdict");
        let status = self.child.wait().unwrap();
        assert_eq!(status.success(), verdict["ok"] == true, "{verdict:#}");
        verdict
    }

    /// The verdict of a call without any fault.
    pub fn good_verdict(&mut self) -> Value {
        let verdict = self.verdict();
        assert_eq!(verdict["faults"], serde_json::json!([]), "{verdict:#}");
        verdict
    }

    /// What was sent and what was received.
    pub fn octets(&self) -> (Vec<u8>, Vec<u8>) {
        let read = |name| fs::read(self.folder.join(name)).unwrap();
        (read("sent"), read("received"))
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Octets received equal octets sent, both ways, for at least `seconds`.
pub fn assert_octets_agree(one: &Standin, other: &Standin, seconds: usize) {
    let (sent, received) = one.octets();
    let (sent_back, received_back) = other.octets();
    for (out, back) in [(&sent, &received_back), (&sent_back, &received)] {
        assert!(
            out == back,
            "{} octets sent, {} received",
            out.len(),
            back.len()
        );
        // The first packet of the side that waits comes a little later.
        assert!(
            out.len() >= 8000 * seconds - 1600,
            "only {} octets",
            out.len()
        );
    }
}

/// A Prosody of one's own.
pub struct Prosody {
    child: Child,
    folder: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Prosody {
    /// Starts one with these accounts at `im.test`, each with the password `secret`. `None`, and
    /// a loud word, where it is not installed; where `CI` is set that is a failure.
    pub fn start(accounts: &[&str]) -> Option<Self> {
        let installed = Command::new("prosodyctl").arg("--help").output().is_ok();
        if !installed {
            let word = "PROSODY IS NOT INSTALLED: a test that needs it was NOT RUN (apt-get install prosody)";
            assert!(std::env::var_os("CI").is_none(), "{word}");
            eprintln!("\n*** {word} ***\n");
            return None;
        }
        let folder = folder("prosody");
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.join("prosody.cfg.lua");
        let place = folder.display();
        fs::write(
            &config,
            format!(
                r#"pidfile = "{place}/prosody.pid"; data_path = "{place}/data"; run_as_root = true
interfaces = {{ "127.0.0.1" }}; local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}; s2s_ports = {{}}; component_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "private", "time", "version", "offline" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false; allow_unencrypted_plain_auth = true; authentication = "internal_plain"
log = {{ info = "{place}/prosody.log" }}
VirtualHost "im.test"
"#
            ),
        )
        .unwrap();
        fs::create_dir_all(folder.join("data")).unwrap();
        for account in accounts {
            let output = Command::new("prosodyctl")
                .arg("--config")
                .arg(&config)
                .args(["register", account, "im.test", "secret"])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
        let child = Command::new("prosody")
            .arg("--config")
            .arg(&config)
            .arg("-F")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            folder,
            address: format!("127.0.0.1:{port}"),
        };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(&server.address).is_err() {
            assert!(Instant::now() < until, "Prosody does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// Starts a stand-in of this account, whose peer is another.
    pub fn standin(&self, mode: &str, account: &str, arguments: &str) -> Standin {
        self.strict(mode, account, &format!("{arguments} --peer-ichat"))
    }

    /// The same, which takes its peer for an endpoint of ours.
    pub fn strict(&self, mode: &str, account: &str, arguments: &str) -> Standin {
        Standin::run(&format!(
            "{mode} --xmpp {} --jid {account}@im.test/iChat --password secret {arguments}",
            self.address
        ))
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
