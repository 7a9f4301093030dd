//! How long an invitation takes, beside Python's libraries and libplist: the table of
//! `docs/benchmarks.md`.
//!
//! `scripts/bench-invitation` starts it: it builds the rivals first. All of them work on the same
//! octets in the same run, in turn, round after round: what disturbs one disturbs the others, and
//! the ratios say more than the times. Nothing here asserts a time.

#[path = "../bench/machine.rs"]
mod machine;
#[path = "../bench/procfs.rs"]
#[expect(dead_code, reason = "the other benchmark watches processes too")]
mod procfs;
#[path = "../bench/spread.rs"]
#[expect(dead_code, reason = "the other benchmark counts what it measured")]
mod spread;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ichat_invitation::{IceData, Invitation, bplist};
use machine::Machine;
use spread::Spread;

/// Rounds, each of which measures every task once.
const ROUNDS: usize = 31;

/// How long a task is repeated in a round.
const SLICE: Duration = Duration::from_millis(30);

/// Repetitions that tell how many fit into a slice.
const TRIAL: u64 = 20;

/// A file with the hex text of the captured invitation.
const INVITATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/ichat-invitation/tests/vectors/invitation-2010.hex"
);

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [python, libplist, scratch] = arguments.as_slice() else {
        eprintln!("bench-invitation: start it through scripts/bench-invitation");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let machine = Machine::observe();
    let text = std::fs::read_to_string(INVITATION).expect("the captured invitation");
    let text = text.trim().to_owned();
    let binary = scratch.join("invitation.bplist");
    let octets = ichat_invitation::hex_text::decode(&text).expect("hex");
    std::fs::write(&binary, &octets).expect("a file in the scratch folder");

    let mut workers: Vec<(String, Box<dyn Work>)> = ours(&text, &octets);
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python/invitation.py"));
    for task in ["whole", "plist", "plist-write", "typedstream"] {
        let rival = Rival::start(Command::new(python).arg(script).arg(INVITATION), task);
        workers.push((format!("python {task}"), Box::new(rival)));
    }
    for task in ["plist", "plist-write"] {
        let rival = Rival::start(Command::new(libplist).arg(&binary), task);
        workers.push((format!("libplist {task}"), Box::new(rival)));
    }

    let counts: Vec<u64> = workers
        .iter_mut()
        .map(|(_, work)| repetitions(&mut **work))
        .collect();
    let mut times: BTreeMap<String, Spread> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for ((name, work), count) in workers.iter_mut().zip(&counts) {
            let took = work.repeat(*count).as_secs_f64() * 1e6 / *count as f64;
            times.entry(name.clone()).or_default().push(took);
        }
    }
    print!("{}", table(&times, &text, &octets));
    print!("\n{}", machine.report(started.elapsed()));
    ExitCode::SUCCESS
}

/// How many repetitions fit into a slice.
fn repetitions(work: &mut dyn Work) -> u64 {
    work.repeat(TRIAL);
    let trial = work.repeat(TRIAL).as_secs_f64().max(1e-9);
    (SLICE.as_secs_f64() / trial * TRIAL as f64).max(1.0) as u64
}

/// Something that can be repeated.
trait Work {
    fn repeat(&mut self, count: u64) -> Duration;
}

impl<F: FnMut()> Work for F {
    fn repeat(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            self();
        }
        start.elapsed()
    }
}

/// Our tasks by their names.
fn ours(text: &str, octets: &[u8]) -> Vec<(String, Box<dyn Work>)> {
    let invitation = Invitation::decode(octets).expect("the captured invitation");
    let archive = invitation.ice_data.clone().expect("its VCICEData");
    let data = IceData::decode(&archive).expect("its archive");
    let owned = octets.to_vec();
    let value = bplist::decode(&owned)
        .expect("a property list")
        .into_owned();
    let (hex, plain, more) = (text.to_owned(), octets.to_vec(), archive.clone());
    // Made anew, as an endpoint makes it: one that was decoded keeps its octets.
    let fresh = IceData::new(data.candidates.clone());
    let kept = fresh.clone();
    let mut changed = data;
    changed.version = Some(3);
    let other = changed
        .encode()
        .expect("an archive that is not quite the captured one");
    vec![
        (
            "ours whole".to_owned(),
            Box::new(move || {
                let invitation = Invitation::decode_hex(black_box(&hex)).expect("an invitation");
                let data = invitation
                    .ice_data()
                    .expect("VCICEData")
                    .expect("an archive");
                black_box((invitation, data));
            }) as Box<dyn Work>,
        ),
        (
            "ours whole-write".to_owned(),
            Box::new(move || {
                let mut invitation = invitation.clone();
                invitation.ice_data = Some(black_box(&kept).encode().expect("an archive"));
                black_box(invitation.encode_hex().expect("an invitation"));
            }),
        ),
        (
            "ours plist".to_owned(),
            Box::new(move || {
                black_box(bplist::decode(black_box(&plain)).expect("a property list"));
            }),
        ),
        (
            "ours plist-write".to_owned(),
            Box::new(move || {
                black_box(bplist::encode(black_box(&value)).expect("octets"));
            }),
        ),
        (
            "ours typedstream".to_owned(),
            Box::new(move || {
                black_box(IceData::decode(black_box(&more)).expect("an archive"));
            }),
        ),
        (
            "ours typedstream-other".to_owned(),
            Box::new(move || {
                black_box(IceData::decode(black_box(&other)).expect("an archive"));
            }),
        ),
        (
            "ours typedstream-write".to_owned(),
            Box::new(move || {
                black_box(black_box(&fresh).encode().expect("octets"));
            }),
        ),
        (
            "ours typedstream-change".to_owned(),
            Box::new(move || {
                black_box(black_box(&changed).encode().expect("octets"));
            }),
        ),
    ]
}

/// A program that repeats a task on demand and tells how long it took by its own clock.
struct Rival {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    task: &'static str,
}

impl Rival {
    fn start(command: &mut Command, task: &'static str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a rival that scripts/bench-invitation has built");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            orders,
            answers,
            task,
        }
    }
}

impl Work for Rival {
    fn repeat(&mut self, count: u64) -> Duration {
        writeln!(self.orders, "{} {count}", self.task).expect("the rival runs");
        self.orders.flush().expect("the rival runs");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        Duration::from_nanos(line.trim().parse().expect("nanoseconds"))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ours, the rivals, and how many times as long they take.
fn table(times: &BTreeMap<String, Spread>, text: &str, octets: &[u8]) -> String {
    let mut lines = vec![
        "| what | ichat-invitation | Python | libplist | allocations, octets at the most |"
            .to_owned(),
        "|---|---:|---:|---:|---:|".to_owned(),
    ];
    let tasks = [
        ("Hex to typed invitation", "whole"),
        ("Typed invitation to hex", "whole-write"),
        ("Property list, read", "plist"),
        ("Property list, written", "plist-write"),
        ("`VCICEData`, read", "typedstream"),
        (
            "— of another form than the captured one, read",
            "typedstream-other",
        ),
        ("`VCICEData`, written", "typedstream-write"),
        (
            "`VCICEData` of a peer, changed and written",
            "typedstream-change",
        ),
    ];
    for (what, task) in tasks {
        let ours = times
            .get(&format!("ours {task}"))
            .cloned()
            .unwrap_or_default();
        let rival = |who: &str| match times.get(&format!("{who} {task}")) {
            Some(theirs) => {
                let ratio = theirs.median().unwrap_or(0.0) / ours.median().unwrap_or(f64::NAN);
                format!("{} = {ratio:.1} ×", theirs.show("µs"))
            }
            None => "–".to_owned(),
        };
        let (python, libplist) = (rival("python"), rival("libplist"));
        let memory = allocations(task, text, octets);
        lines.push(format!(
            "| {what} | {} | {python} | {libplist} | {memory} |",
            ours.show("µs")
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What one repetition of ours allocates.
fn allocations(task: &str, text: &str, octets: &[u8]) -> String {
    let mut tasks = ours(text, octets);
    let Some((_, work)) = tasks
        .iter_mut()
        .find(|(name, _)| *name == format!("ours {task}"))
    else {
        return "–".to_owned();
    };
    let seen = allocation_counter::measure(|| {
        work.repeat(1);
    });
    format!("{}, {}", seen.count_total, seen.bytes_max)
}
