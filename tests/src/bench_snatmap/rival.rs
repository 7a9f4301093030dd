//! The servers that are measured.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use scenarios::ports::{LOOPBACK, free_udp};
use scenarios::process::Process;
use scenarios::scratch::Scratch;

use crate::options::Options;

/// The word that makes this program an echo loop.
pub(crate) const ECHO: &str = "echo";

/// A SNATMAP request (docs/protocol/snatmap.md).
const SNATMAP: &[u8] = &[
    0, 0, 0, 1, 0x12, 0x34, 0xab, 0xcd, 127, 0, 0, 1, 0x40, 0x12, 0xaa, 0xaa,
];

/// A STUN Binding request without attributes (RFC 8489 §5).
const BINDING: &[u8] = &[
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    Ours,
    OursOnAllAddresses,
    Echo,
    Coturn,
    Python,
}

impl Rival {
    pub(crate) const ALL: [Self; 5] = [
        Self::Ours,
        Self::OursOnAllAddresses,
        Self::Echo,
        Self::Coturn,
        Self::Python,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ichat-call snatmap serve, one address",
            Self::OursOnAllAddresses => "ichat-call snatmap serve, all addresses",
            Self::Echo => "bare echo loop",
            Self::Coturn => "coturn, STUN Binding",
            Self::Python => "plain Python server",
        }
    }

    /// What it is asked.
    pub(crate) fn question(self) -> &'static [u8] {
        match self {
            Self::Ours | Self::OursOnAllAddresses | Self::Echo | Self::Python => SNATMAP,
            Self::Coturn => BINDING,
        }
    }

    /// Starts it on its processor, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn start(self, options: &Options) -> Running {
        let scratch = Scratch::new("bench-snatmap");
        let port = free_udp();
        let address = SocketAddr::from((LOOPBACK, port));
        let mut command = Command::new("taskset");
        command.args(["-c", &options.processor]);
        match self {
            Self::Ours | Self::OursOnAllAddresses => {
                let listen = match self {
                    Self::OursOnAllAddresses => format!("0.0.0.0:{port}"),
                    Self::Ours | Self::Echo | Self::Coturn | Self::Python => address.to_string(),
                };
                command
                    .arg(&options.program)
                    .args(["snatmap", "serve", "--listen", &listen])
                    // Every source is looked up, and none is held back: all requests come from one.
                    .args(["--rate", "100000000"]);
            }
            Self::Echo => {
                let this = std::env::current_exe().expect("a running program has a path");
                command.arg(this).args([ECHO, &address.to_string()]);
            }
            Self::Coturn => {
                let program = scenarios::program::find("turnserver").expect("it was looked for");
                command
                    .arg(program)
                    .args(["-n", "-S", "--no-tcp", "--no-tls", "--no-dtls", "--no-cli"])
                    .args(["--no-software-attribute", "--no-rfc5780", "-m", "1"])
                    .args(["-L", "127.0.0.1", "-p", &port.to_string()])
                    .args(["--simple-log", "-l", "stdout"])
                    .arg("--userdb")
                    .arg(scratch.join("turn.db"))
                    .arg("--pidfile")
                    .arg(scratch.join("turn.pid"));
            }
            Self::Python => {
                command.arg("python3").arg(&options.script);
                command.arg(address.to_string());
            }
        }
        let running = Running {
            process: Process::spawn(self.name(), command),
            address,
            _scratch: scratch,
        };
        running.wait(self.question());
        running
    }
}

/// A server that answers; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    pub(crate) address: SocketAddr,
    _scratch: Scratch,
}

impl Running {
    fn wait(&self, question: &[u8]) {
        let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback has a free UDP port");
        let short = Duration::from_millis(50);
        socket.set_read_timeout(Some(short)).expect("a time-out");
        let deadline = Instant::now() + PATIENCE;
        loop {
            socket
                .send_to(question, self.address)
                .expect("loopback takes it");
            if socket.recv(&mut [0; 2048]).is_ok() {
                return;
            }
            if Instant::now() > deadline {
                self.process.fail("it does not answer");
            }
        }
    }

    /// The processor time that all its threads have used.
    ///
    /// # Panics
    /// If it is gone.
    pub(crate) fn processor_time(&self) -> Duration {
        let folder = format!("/proc/{}/task", self.process.id());
        let tasks = std::fs::read_dir(folder).expect("it still runs");
        let nanoseconds = |task: std::path::PathBuf| -> Option<u64> {
            let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        let all = tasks.flatten().filter_map(|task| nanoseconds(task.path()));
        Duration::from_nanos(all.sum())
    }
}
