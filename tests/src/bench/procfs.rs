//! What Linux knows of a process and of the whole machine (proc(5)).

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc/stat` and `/proc/PID/stat`: what `sysconf(_SC_CLK_TCK)` has been
/// on every Linux of this century.
const TICKS_A_SECOND: f64 = 100.0;

/// A running process, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pid(u32);

impl Pid {
    /// The process of this program that has this text in one of its arguments.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn of(program: &str, argument: &str) -> Self {
        let entries = fs::read_dir("/proc").expect("this is Linux");
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .find(|pid| runs(*pid, program, argument).unwrap_or(false))
            .map(Self)
            .unwrap_or_else(|| panic!("no {program} runs with {argument}"))
    }

    /// The processor time that it has used so far, in all its threads, in user and kernel mode.
    ///
    /// The scheduler counts it in nanoseconds; `/proc/PID/stat` tells the same sum in hundredths of
    /// a second, too coarse for a program that needs a tenth of one in half a minute, and is read
    /// only where the kernel does not tell the former.
    ///
    /// # Panics
    /// If it is gone.
    pub(crate) fn processor_time(self) -> Duration {
        self.scheduled()
            .unwrap_or_else(|| self.ticks().expect("the process still runs"))
    }

    fn scheduled(self) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.0))
            .ok()?
            .flatten()
        {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            sum += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
        }
        (!sum.is_zero()).then_some(sum)
    }

    fn ticks(self) -> Option<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The name in parentheses may hold anything; user and system time are fields 14 and 15.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some(Duration::from_secs_f64((user + system) / TICKS_A_SECOND))
    }

    /// Its resident memory in MiB, now and at its most.
    ///
    /// # Panics
    /// If it is gone.
    pub(crate) fn memory(self) -> Memory {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0));
        let text = text.expect("the process still runs");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kibibytes.unwrap_or(0.0) / 1024.0
        };
        Memory {
            resident: field("VmRSS:"),
            private: field("RssAnon:"),
            most: field("VmHWM:"),
        }
    }
}

/// Resident memory in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: f64,
    /// Of that, what is in no file: heap and stacks.
    pub(crate) private: f64,
    /// The most so far.
    pub(crate) most: f64,
}

fn runs(pid: u32, program: &str, argument: &str) -> Option<bool> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(&words).into_owned();
    let mut words = words.split('\0');
    let name = words.next()?.rsplit('/').next()?;
    Some(name == program && words.any(|word| word.contains(argument)))
}

/// How busy the whole machine was since then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    since: Instant,
    seconds: f64,
}

impl Busy {
    /// From now.
    pub(crate) fn start() -> Self {
        Self {
            since: Instant::now(),
            seconds: busy_seconds().unwrap_or(0.0),
        }
    }

    /// The processor time of all programs, in cores.
    pub(crate) fn cores(self) -> f64 {
        let now = busy_seconds().unwrap_or(0.0);
        (now - self.seconds) / self.since.elapsed().as_secs_f64()
    }
}

/// All of the first line of `/proc/stat` but idle and waiting for disks; guests are in user time.
fn busy_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.split_whitespace().skip(1).take(8);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    let busy: f64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|&at| ticks.get(at))
        .sum();
    Some(busy / TICKS_A_SECOND)
}
