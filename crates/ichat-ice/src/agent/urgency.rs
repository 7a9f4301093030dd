//! What is more urgent while a call is up and its path is gone or silent.

use std::net::SocketAddr;
use std::time::Instant;

use super::watch::Health;
use super::{Agent, Check, PairClass};

/// Pairs that are repeated [sooner](super::Timings::quick_resend) than others, from one reason to look
/// for another path to the next: our addresses or the peer's have changed, the path is in doubt, or
/// was taken. With three repetitions more for each that is 24 datagrams.
pub(super) const MAX_QUICK: u32 = 8;

impl Agent {
    /// There is a reason to look for another path.
    pub(super) fn make_haste(&mut self) {
        self.quick_left = MAX_QUICK;
    }

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
        let takes = in_need && self.quick_left > 0;
        self.quick_left -= u32::from(takes);
        takes
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
