//! Many runs on all processors, and what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ichat_ice::PathKind;

use super::run::Report;

/// Failures that are told in full.
const TOLD: usize = 3;

/// A round trip of hosts that are not far from each other.
const NEAR: Duration = Duration::from_millis(200);

/// What became of many runs.
#[derive(Default)]
pub struct Summary {
    reports: Vec<Report>,
    failures: Vec<String>,
    took: Duration,
}

/// Does all numbers of a range, and fails if one of them does.
pub fn run_all(
    numbers: std::ops::Range<u64>,
    run: impl Fn(u64) -> Result<Report, String> + Sync,
) -> Summary {
    let started = Instant::now();
    let next = AtomicU64::new(numbers.start);
    let summary = Mutex::new(Summary::default());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    let result = catch_unwind(AssertUnwindSafe(|| run(number)))
                        .unwrap_or_else(|_| Err(format!("seed {number}: panicked")));
                    let mut summary = summary.lock().unwrap();
                    match result {
                        Ok(report) => summary.reports.push(report),
                        Err(story) => summary.failures.push(story),
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap();
    summary.took = started.elapsed();
    println!("{summary}");
    summary.expect_success();
    summary
}

impl Summary {
    pub fn direct(&self) -> usize {
        self.connected().count() - self.relayed()
    }

    pub fn relayed(&self) -> usize {
        self.connected().filter(|report| is_relayed(report)).count()
    }

    pub fn unconnected(&self) -> usize {
        self.reports.len() - self.connected().count()
    }

    /// Runs that took a relay's path where the oracle says that there is another.
    pub fn needlessly_relayed(&self) -> usize {
        let needless = |report: &&Report| is_relayed(report) && report.is_direct;
        self.connected().filter(needless).count()
    }

    fn connected(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.took.is_some())
    }

    fn expect_success(&self) {
        let count = self.failures.len();
        for failure in self.failures.iter().take(TOLD) {
            println!("{failure}\n");
        }
        let heads = self
            .failures
            .iter()
            .filter_map(|story| story.lines().next());
        let heads: Vec<&str> = heads.collect();
        assert!(heads.is_empty(), "{count} failed: {heads:#?}");
    }
}

fn is_relayed(report: &Report) -> bool {
    report.kinds.contains(&Some(PathKind::Relay))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = &self.reports;
        writeln!(f, "{} runs in {:.1?}", all.len(), self.took)?;
        writeln!(
            f,
            "{} direct, {} over a relay ({} of them though the oracle says direct), {} not possible",
            self.direct(),
            self.relayed(),
            self.needlessly_relayed(),
            self.unconnected(),
        )?;
        let calm = self.connected().filter(|report| !report.is_disturbed_early);
        let found = Spread::of(calm.filter_map(|report| report.took));
        writeln!(f, "from both lists known to a path on both sides: {found}")?;
        let trips = Spread::of(self.connected().map(|report| report.round_trip));
        if trips.0.last().is_some_and(|longest| !longest.is_zero()) {
            writeln!(f, "a round trip of media: {trips}")?;
        }
        let mut mishaps: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
        for report in all {
            if let Some((name, _)) = report.recovered {
                mishaps.entry(name).or_default().push(report);
            }
        }
        for (name, runs) in mishaps {
            let silence = |report: &&Report| report.recovered.map(|(_, silence)| silence);
            let near = runs.iter().filter(|report| report.round_trip < NEAR);
            let near = Spread::of(near.filter_map(silence));
            let all = Spread::of(runs.iter().filter_map(silence));
            writeln!(f, "longest silence of either side after {name}: {all}")?;
            writeln!(f, "    where a round trip takes less than {NEAR:?}: {near}")?;
        }
        let most = |of: fn(&Report) -> u64| {
            let most = all.iter().max_by_key(|report| of(report));
            most.map_or((0, 0), |report| (of(report), report.seed))
        };
        let (checks, thorough) = most(|report| report.checks);
        let (datagrams, busiest) = most(|report| report.busiest_second as u64);
        let (longest, _) = most(|report| report.virtual_time.as_secs());
        let (silent, quietest) = most(|report| {
            let silence = report.recovered.map(|(_, silence)| silence.as_millis());
            silence.map_or(0, |silence| u64::try_from(silence).unwrap())
        });
        write!(
            f,
            "of one side at most: {checks} checks in a run (seed {thorough}), {datagrams} datagrams in \
             a second (seed {busiest}); longest silence {silent} ms (seed {quietest}), longest run \
             {longest} s"
        )
    }
}

/// Median, 99th percentile, greatest.
struct Spread(Vec<Duration>);

impl Spread {
    fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times = Vec::from_iter(times);
        times.sort_unstable();
        Self(times)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |part: usize| {
            let place = (self.0.len() * part / 100).min(self.0.len().saturating_sub(1));
            self.0.get(place).copied().unwrap_or_default()
        };
        let count = self.0.len();
        let [median, most, longest] = [at(50), at(99), at(100)];
        write!(
            f,
            "median {median:.2?}, 99 % {most:.2?}, longest {longest:.2?} ({count})"
        )
    }
}
