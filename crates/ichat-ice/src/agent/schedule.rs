//! What time brings: starts, repetitions, giving up.

use std::time::Instant;

use super::check::{Check, Progress};
use super::{Agent, Event, PairClass};

impl Agent {
    /// Starts, repeats, gives up, keeps open and judges, whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.start(now);
        self.repeat(now);
        self.reconsider(now);
        self.keep_alive(now);
        self.watch(now);
        self.note_failure(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let repetitions = self
            .checks
            .iter()
            .filter_map(|check| check.due(&self.timings));
        self.next_in_turn()
            .map(|(_, at)| at)
            .into_iter()
            .chain(repetitions)
            .chain(self.takable())
            .chain(self.keepalive_due())
            .chain(self.watch_due())
            .chain(self.failure_due())
            .min()
    }

    /// Starts the next pair where its time has come.
    fn start(&mut self, now: Instant) {
        while let Some((place, at)) = self.next_in_turn()
            && at <= now
        {
            self.advance(now, place);
            self.next_start = now + self.timings.pace;
        }
    }

    /// The next pair that has not begun, and when it may.
    fn next_in_turn(&self) -> Option<(usize, Instant)> {
        self.lists_known?;
        let waiting = |class: PairClass| {
            let is_next =
                |check: &Check| check.progress == Progress::Waiting && check.class == class;
            self.checks.iter().position(is_next)
        };
        if let Some(place) = waiting(PairClass::Regular) {
            return Some((place, self.next_start));
        }
        if self.routes.iter().any(|route| route.validated.is_some()) {
            return None;
        }
        let place = waiting(PairClass::LastResort)?;
        let patience = self.timings.last_resort;
        let after = self.last_regular_start.map(|last| last + patience);
        Some((
            place,
            after.map_or(self.next_start, |at| at.max(self.next_start)),
        ))
    }

    /// Begins or repeats the check of a pair.
    pub(super) fn advance(&mut self, now: Instant, place: usize) {
        let timings = self.timings;
        let Some(check) = self.checks.get_mut(place) else {
            return;
        };
        if check.class == PairClass::Regular && check.progress == Progress::Waiting {
            self.last_regular_start = Some(now);
        }
        check.advance(now, &timings);
        self.send_check(now, place);
    }

    fn repeat(&mut self, now: Instant) {
        let timings = self.timings;
        for place in 0..self.checks.len() {
            let Some(check) = self.checks.get_mut(place) else {
                return;
            };
            if check.due(&timings).is_none_or(|due| due > now) {
                continue;
            }
            match check.progress {
                Progress::Running { started, .. } if started + timings.give_up <= now => {
                    check.give_up();
                }
                Progress::Running { .. } => self.advance(now, place),
                Progress::Waiting | Progress::Proven | Progress::GivenUp => {}
            }
        }
    }

    /// Says once that nothing works, when nothing is left to try.
    fn note_failure(&mut self, now: Instant) {
        if self.failure_due().is_some_and(|due| due <= now) {
            self.failed = true;
            self.event(Event::Failed {
                counters: self.counters,
            });
        }
    }

    /// When all will have failed, if no pair is open any more. Where none could be formed the peer
    /// has as long to check us.
    fn failure_due(&self) -> Option<Instant> {
        let known = self.lists_known?;
        let open = self.checks.iter().any(Check::is_open);
        let hopeful = self.takable().next().is_some();
        if self.failed || self.selected.is_some() || open || hopeful {
            return None;
        }
        Some(known + self.timings.give_up)
    }
}
