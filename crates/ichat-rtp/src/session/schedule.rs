//! When reports go, RFC 3550 §6.3.

use std::time::{Duration, Instant};

use crate::random::Random;

/// Least interval between reports on average. A session of two at 64 kbit/s would have bandwidth
/// for one every 0.7 s, so this is what counts (RFC 3550 §6.3.1), and since it does not depend on
/// the number of members there is nothing to reconsider when it expires (§6.3.6).
const INTERVAL: Duration = Duration::from_secs(5);
/// The first report goes in half the time (RFC 3550 §6.2).
const FIRST_INTERVAL: Duration = Duration::from_millis(2500);
/// e − 3/2, which makes up for reconsideration (RFC 3550 §6.3.1).
const COMPENSATION: f64 = 1.218_28;

#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    due: Option<Instant>,
}

impl Schedule {
    pub(super) fn new(started: Instant, random: Random) -> Self {
        let mut schedule = Self { random, due: None };
        schedule.due = Some(started + schedule.spread(FIRST_INTERVAL));
        schedule
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a report is due; if so, the next one is put on the calendar.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if due {
            self.due = Some(now + self.spread(INTERVAL));
        }
        due
    }

    pub(super) fn stop(&mut self) {
        self.due = None;
    }

    /// 0.5 to 1.5 times the interval, evenly spread.
    fn spread(&mut self, interval: Duration) -> Duration {
        interval.mul_f64((0.5 + self.random.unit()) / COMPENSATION)
    }
}
