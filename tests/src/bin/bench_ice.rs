//! How long it takes from both lists of candidates known to a path, beside libnice and aioice: the
//! table of `docs/benchmarks.md`.
//!
//! `scripts/bench-ice` starts it: it builds the rivals first. All do the same in the same run, in
//! turn, round after round: one host candidate on each side, on 127.0.0.1, real sockets, both sides
//! in one process. Nothing here asserts a time.

#[path = "../bench/machine.rs"]
mod machine;
#[path = "../bench/procfs.rs"]
#[expect(dead_code, reason = "the other benchmark watches processes too")]
mod procfs;
#[path = "../bench/spread.rs"]
#[expect(dead_code, reason = "the other benchmark counts what it measured")]
mod spread;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use ichat_ice::gather::priority;
use ichat_ice::{Agent, AgentConfig, LocalCandidate, Output};
use ichat_invitation::{Candidate, CandidateId, IpPort};
use machine::Machine;
use spread::Spread;

/// Rounds that count; as many more warm up as there are programs.
const ROUNDS: u32 = 101;
const WARM_UP: u32 = 3;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [python, libnice] = arguments.as_slice() else {
        eprintln!("bench-ice: start it through scripts/bench-ice");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let machine = Machine::observe();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/aioice_bench.py");
    let mut libnice = Rival::start(&mut Command::new(libnice));
    let mut aioice = Rival::start(Command::new(python).arg(script));
    let mut times = Times::default();
    for round in 0..WARM_UP + ROUNDS {
        let ours = ours(round);
        let theirs = libnice.round();
        let python = aioice.round();
        if round >= WARM_UP {
            times.ours.push_ms(ours);
            times.connected.push_ms(theirs[0]);
            times.ready.push_ms(theirs[1]);
            times.aioice.push_ms(python[0]);
        }
    }
    print!("{}", times.table());
    print!("\n{}", machine.report(started.elapsed()));
    ExitCode::SUCCESS
}

/// What was measured, in milliseconds.
#[derive(Default)]
struct Times {
    ours: Spread,
    connected: Spread,
    ready: Spread,
    aioice: Spread,
}

impl Times {
    fn table(&self) -> String {
        let ours = self.ours.median().unwrap_or(f64::NAN);
        let mut lines = vec![
            "| one host pair on loopback | from both lists known to a path | of ours |".to_owned(),
            "|---|---:|---:|".to_owned(),
        ];
        for (who, times) in [
            ("ichat-ice, both sides valid", &self.ours),
            ("libnice, both sides connected", &self.connected),
            ("libnice, both sides ready", &self.ready),
            ("aioice, both sides connected", &self.aioice),
        ] {
            let ratio = times.median().unwrap_or(f64::NAN) / ours;
            lines.push(format!("| {who} | {} | {ratio:.1} × |", times.show("ms")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// One round of ours: two agents, each with a socket and a thread that waits for it.
fn ours(round: u32) -> Duration {
    let sides = [2 * round, 2 * round + 1].map(|number| Side::new(number).expect("a socket"));
    let lists = [sides[1].local.candidate, sides[0].local.candidate];
    let barrier = Barrier::new(2);
    let (known, found) = thread::scope(|scope| {
        let workers: Vec<_> = sides
            .into_iter()
            .zip(lists)
            .map(|(side, list)| {
                let barrier = &barrier;
                scope.spawn(move || side.run(barrier, list).expect("a path"))
            })
            .collect();
        let times = workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"));
        times.fold((None, None), |(known, found), (from, to)| {
            (known.min(Some(from)).or(Some(from)), found.max(Some(to)))
        })
    });
    found
        .zip(known)
        .map_or(Duration::ZERO, |(to, from): (Instant, Instant)| to - from)
}

struct Side {
    socket: UdpSocket,
    agent: Agent,
    local: LocalCandidate,
}

impl Side {
    fn new(number: u32) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let record = IpPort::new("lo", socket.local_addr()?);
        let id = CandidateId::new(number);
        let local = LocalCandidate::new(Candidate::host(id, priority::HOST, &record));
        let config = AgentConfig {
            seed: number.into(),
            local: vec![local],
            ..AgentConfig::default()
        };
        let agent = Agent::new(Instant::now(), config);
        Ok(Self {
            socket,
            agent,
            local,
        })
    }

    /// When the lists were known here, and when the path was. Answers the peer until then and for a
    /// while after: it may not be there yet.
    fn run(mut self, barrier: &Barrier, list: Candidate) -> io::Result<(Instant, Instant)> {
        barrier.wait();
        let known = Instant::now();
        self.agent.set_remote(known, &[list]);
        let mut found = None;
        let mut datagram = [0; 2048];
        loop {
            while let Some(output) = self.agent.poll_output() {
                if let Output::Transmit(sent) = output {
                    self.socket.send_to(&sent.octets, sent.remote)?;
                }
            }
            if self.agent.selected().is_some() {
                found.get_or_insert_with(Instant::now);
            }
            // Both have answered when both have asked and have been answered.
            let counters = self.agent.counters();
            if let Some(found) = found.filter(|_| counters.answered > 0 && counters.responses > 0) {
                return Ok((known, found));
            }
            let due = self.agent.poll_timeout().unwrap_or_else(Instant::now);
            let wait = due.saturating_duration_since(Instant::now());
            self.socket
                .set_read_timeout(Some(wait.max(Duration::from_micros(1))))?;
            match self.socket.recv_from(&mut datagram) {
                Ok((length, source)) => {
                    let octets = &datagram[..length];
                    // What is refused is none of this benchmark's.
                    let _ =
                        self.agent
                            .handle_datagram(Instant::now(), self.local.base, source, octets);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    self.agent.handle_timeout(Instant::now());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A program that does a round on demand and tells how long it took by its own clock.
struct Rival {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a rival that scripts/bench-ice has built");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            orders,
            answers,
        }
    }

    fn round(&mut self) -> Vec<Duration> {
        writeln!(self.orders, "round").expect("the rival runs");
        self.orders.flush().expect("the rival runs");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let numbers = line.split_whitespace();
        numbers
            .map(|number| Duration::from_nanos(number.parse().expect("nanoseconds")))
            .collect()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
