//! What time brings: starts, repetitions, giving up.

use std::time::Instant;

use super::check::{Check, Progress};
use super::{Agent, Event, PairClass, Route};
use crate::LocalCandidate;

impl Agent {
    /// Starts, repeats, gives up, keeps open and judges, whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        // In this order nothing is due again when the last is done.
        self.keep_alive(now);
        self.watch(now);
        self.start(now);
        self.repeat(now);
        self.reconsider(now);
        // What has just come into reserve may have been left alone for long.
        self.keep_alive(now);
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
        let last_resort = self.last_resort_in_turn();
        if let Some(at) = last_resort.filter(|(_, at)| *at <= self.next_start) {
            return Some(at);
        }
        let is_next = |check: &Check| {
            check.progress == Progress::Waiting && check.class == PairClass::Regular
        };
        let regular = self.checks.iter().position(is_next);
        regular
            .map(|place| (place, self.next_start))
            .or(last_resort)
    }

    /// The next last resort that has not begun, where all regular pairs of the lists have, and when
    /// it may. Pairs that only the peer's checks made hold up nothing: there is no end of them where
    /// each side's NAT maps by port.
    fn last_resort_in_turn(&self) -> Option<(usize, Instant)> {
        let waits = |check: &&Check, class| {
            check.is_listed && check.class == class && check.progress == Progress::Waiting
        };
        let regular = |check: &Check| waits(&check, PairClass::Regular);
        if self.has_working_path() || self.checks.iter().any(regular) {
            return None;
        }
        let resorts = self.checks.iter().enumerate();
        resorts
            .filter(|(_, check)| waits(check, PairClass::LastResort))
            .map(|(place, check)| (place, self.last_resort_due(check)))
            .min_by_key(|(place, at)| (*at, *place))
    }

    fn last_resort_due(&self, check: &Check) -> Instant {
        let lends = |local: &LocalCandidate| local.relayed && local.base == check.key.base;
        let through_ours = self.locals.iter().any(lends);
        let after = match through_ours && check.key.is_out_of_reach() {
            true => {
                let last = self.last_regular_start.unwrap_or(self.trying_since);
                Some(last + self.timings.relay_to_private)
            }
            false => self
                .last_regular_start
                .map(|last| last + self.timings.last_resort),
        };
        after.map_or(self.next_start, |at| at.max(self.next_start))
    }

    fn has_working_path(&self) -> bool {
        match &self.selected {
            Some(selected) => !selected.health.is_hopeless(),
            None => self.routes.iter().any(Route::is_ready),
        }
    }

    /// Begins or repeats the check of a pair.
    pub(super) fn advance(&mut self, now: Instant, place: usize) {
        let timings = self.timings;
        let quick = self.takes_haste(now, place);
        let Some(check) = self.checks.get_mut(place) else {
            return;
        };
        let first = check.class == PairClass::Regular && check.progress == Progress::Waiting;
        if first && check.is_listed {
            self.last_regular_start = Some(now);
        }
        check.advance(now, quick, &timings);
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

    /// When all will have failed, if no pair of the lists is open any more. Where none could be
    /// formed the peer has as long to check us.
    fn failure_due(&self) -> Option<Instant> {
        self.lists_known?;
        let open = |check: &Check| check.is_listed && check.is_open();
        let open = self.checks.iter().any(open);
        let hopeful = self.takable().next().is_some();
        if self.failed || self.selected.is_some() || open || hopeful {
            return None;
        }
        Some(self.trying_since + self.timings.give_up)
    }
}
