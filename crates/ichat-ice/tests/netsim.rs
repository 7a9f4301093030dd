//! Whole gathering and checks of two peers over networks in memory.
//!
//! A failure prints its seed. `ICHAT_ICE_SEED=N cargo test -p ichat-ice --test netsim seeded`
//! repeats that run alone and captures it. Many more seeds:
//! `cargo test --release -p ichat-ice --test netsim -- --ignored ten_thousand`, from
//! `ICHAT_ICE_FIRST` on.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]
#![allow(unreachable_pub, reason = "shared by files of this test")]

#[path = "netsim/call.rs"]
mod call;
#[path = "netsim/peer.rs"]
mod peer;
#[path = "netsim/plan.rs"]
mod plan;
#[path = "netsim/relay.rs"]
mod relay;
#[path = "netsim/run.rs"]
mod run;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ichat_ice::PathKind;
use peer::Peer;
use run::Report;

/// Runs in an ordinary test.
const SEEDS: u64 = 500;
/// Failures that are told in full.
const TOLD: usize = 3;

fn from_env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

/// Runs seeds on all processors; the reports of those that went well, and what the others say.
fn run_seeds(first: u64, count: u64) -> (Vec<Report>, Vec<String>) {
    let next = AtomicU64::new(first);
    let results = Mutex::new((Vec::new(), Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let result = catch_unwind(AssertUnwindSafe(|| run::random(seed, false)));
                    let mut results = results.lock().unwrap();
                    match result {
                        Ok(Ok(report)) => results.0.push(report),
                        Ok(Err(story)) => results.1.push(story),
                        Err(_) => results.1.push(format!("seed {seed}: panicked")),
                    }
                }
            });
        }
    });
    results.into_inner().unwrap()
}

fn check_seeds(first: u64, count: u64) {
    let started = Instant::now();
    let (reports, failures) = run_seeds(first, count);
    summarize(&reports, started.elapsed());
    for failure in failures.iter().take(TOLD) {
        println!("{failure}\n");
    }
    let seeds: Vec<&str> = failures
        .iter()
        .map(|story| story.lines().next().unwrap())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {count} failed: {seeds:#?}",
        failures.len()
    );
}

fn summarize(reports: &[Report], took: Duration) {
    let relayed = |report: &&Report| report.kinds.contains(&Some(PathKind::Relay));
    let connected = || reports.iter().filter(|report| report.took.is_some());
    let median = |mut times: Vec<Duration>| {
        times.sort();
        (
            times.get(times.len() / 2).copied(),
            times.get(times.len() * 99 / 100).copied(),
            times.last().copied(),
        )
    };
    let mut slow: Vec<_> = reports
        .iter()
        .filter(|r| !r.early && r.took > Some(Duration::from_secs(6)))
        .map(|r| (r.took, r.seed))
        .collect();
    slow.sort();
    println!("SLOW {slow:?}");
    let mut slow: Vec<_> = reports
        .iter()
        .filter(|r| r.recovered > Some(Duration::from_secs(10)))
        .map(|r| (r.recovered, r.seed))
        .collect();
    slow.sort();
    println!("SLOWREC {slow:?}");
    println!(
        "RELAYED {:?}",
        connected()
            .filter(relayed)
            .filter(|report| report.is_direct)
            .map(|r| (r.seed, r.early))
            .collect::<Vec<_>>()
    );
    println!(
        "times to a path {:?}",
        median(
            connected()
                .filter(|r| !r.early)
                .filter_map(|report| report.took)
                .collect()
        )
    );
    println!("{} runs in {took:?}", reports.len());
    println!(
        "{} connected, {} of them over a relay",
        connected().count(),
        connected().filter(relayed).count()
    );
    println!(
        "{} over a relay though the oracle says direct",
        connected()
            .filter(relayed)
            .filter(|report| report.is_direct)
            .count()
    );
    println!(
        "times to a path {:?}",
        median(connected().filter_map(|report| report.took).collect())
    );
    println!(
        "times to recover {:?} of {}",
        median(
            reports
                .iter()
                .filter_map(|report| report.recovered)
                .collect()
        ),
        reports.iter().filter_map(|report| report.recovered).count()
    );
    println!(
        "busiest second {:?}",
        reports.iter().map(|report| report.busiest_second).max()
    );
    println!(
        "most checks {:?}",
        reports.iter().map(|report| report.checks).max()
    );
    println!(
        "longest {:?}",
        reports.iter().map(|report| report.virtual_time).max()
    );
}

#[test]
fn seeded_calls_connect_wherever_that_is_possible() {
    match from_env("ICHAT_ICE_SEED") {
        Some(seed) => match run::random(seed, true) {
            Ok(report) => println!("{report:#?}"),
            Err(story) => panic!("{story}"),
        },
        None => check_seeds(0, SEEDS),
    }
}

#[test]
#[ignore = "minutes; a command of its own"]
fn ten_thousand_seeded_calls() {
    let first = from_env("ICHAT_ICE_FIRST").unwrap_or(0);
    check_seeds(first, from_env("ICHAT_ICE_SEEDS").unwrap_or(10_000));
}
