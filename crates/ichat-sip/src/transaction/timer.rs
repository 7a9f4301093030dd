//! Retransmission timers: RFC 3261 §17.1.1.1, table 4.

use std::time::{Duration, Instant};

/// T1, the estimate of a round trip: the first retransmission comes after it.
pub(crate) const T1: Duration = Duration::from_millis(500);

/// T2, the longest interval between retransmissions of anything but an INVITE.
pub(crate) const T2: Duration = Duration::from_secs(4);

/// 64 times T1: timers B, D, F, H, J and the life of an unconfirmed 2xx.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// Intervals that double from T1 up to a cap.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    due: Instant,
    interval: Duration,
    cap: Duration,
}

impl Backoff {
    /// First due T1 from now.
    pub(crate) fn new(now: Instant, cap: Duration) -> Self {
        Self {
            due: now + T1,
            interval: T1,
            cap,
        }
    }

    /// When it is due next.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Whether it is due; if so, the next interval begins now. A late caller gets one, not all
    /// that were missed.
    pub(crate) fn fire(&mut self, now: Instant) -> bool {
        let due = now >= self.due;
        if due {
            self.interval = (self.interval * 2).min(self.cap);
            self.due = now + self.interval;
        }
        due
    }

    /// Goes on at the cap (RFC 3261 §17.1.2.2: after a provisional answer).
    pub(crate) fn slow_down(&mut self, now: Instant) {
        self.interval = self.cap;
        self.due = now + self.cap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_the_cap() {
        let start = Instant::now();
        let mut backoff = Backoff::new(start, T2);
        let mut at = Vec::new();
        while at.len() < 6 {
            let now = backoff.due();
            assert!(!backoff.fire(now - Duration::from_millis(1)));
            assert!(backoff.fire(now));
            at.push((now - start).as_millis());
        }
        assert_eq!(at, [500, 1500, 3500, 7500, 11_500, 15_500]);
    }

    #[test]
    fn a_late_caller_gets_one_retransmission() {
        let start = Instant::now();
        let mut backoff = Backoff::new(start, T2);
        let late = start + Duration::from_secs(20);
        assert!(backoff.fire(late));
        assert!(!backoff.fire(late));
    }
}
