//! What is more urgent while a call is up and its path is gone or silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::watch::Health;
use super::{Agent, Check, PairClass};

/// Pairs that may begin in haste within [`WINDOW`]: with three
/// [repetitions](super::Timings::quick_resend) more for each that is 24 datagrams a second.
const MAX_QUICK: u32 = 8;
/// For how many of the lists' pairs one counts that only the peer's checks made: where both NATs map by
/// port each check back makes another, and none of them leads anywhere.
const WEIGHT_OF_UNLISTED: u32 = 4;
const WINDOW: Duration = Duration::from_secs(1);

/// How many pairs may still begin in haste.
#[derive(Debug, Clone, Copy)]
pub(super) struct Haste {
    since: Instant,
    left: u32,
}

impl Haste {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            left: MAX_QUICK,
        }
    }

    /// Whether one more of this weight may.
    fn take(&mut self, now: Instant, weight: u32) -> bool {
        if now.saturating_duration_since(self.since) >= WINDOW {
            *self = Self::new(now);
        }
        let left = self.left.checked_sub(weight);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

impl Agent {
    /// Whether the check that is about to be sent for the pair at `place` begins it, and is repeated
    /// sooner than usual. A peer that checks over a pair which was not in use before may have moved,
    /// and hear nothing until it is checked back.
    pub(super) fn takes_haste(&mut self, now: Instant, place: usize) -> bool {
        let Some(check) = self.checks.get(place).filter(|check| check.begins()) else {
            return false;
        };
        let in_need = match &self.selected {
            Some(selected) => match selected.health {
                Health::Fine => check.is_asked_for(now),
                Health::Doubted { .. } => true,
            },
            None => self.previous.is_some(),
        };
        let weight = if check.is_listed {
            1
        } else {
            WEIGHT_OF_UNLISTED
        };
        in_need && self.haste.take(now, weight)
    }

    /// Where the peer was last, while a call looks for another path.
    fn sought(&self) -> Option<SocketAddr> {
        match &self.selected {
            Some(selected) => selected.health.is_hopeless().then_some(selected.id.remote),
            None => self.previous.map(|path| path.remote),
        }
    }

    /// Puts the pairs toward the place where the peer was last before all others. None of them is a
    /// last resort then: more often than not it is our side that has moved.
    pub(super) fn put_sought_first(&mut self) {
        let Some(sought) = self.sought() else {
            return;
        };
        let is_there = |check: &Check| check.key.remote == sought;
        for check in self.checks.iter_mut().filter(|check| is_there(check)) {
            check.class = PairClass::Regular;
        }
        self.checks.sort_by_key(|check| !is_there(check));
    }
}
