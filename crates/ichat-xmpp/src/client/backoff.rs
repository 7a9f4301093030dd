//! How long to wait before the next try to sign in.

use std::time::Duration;

use super::lot::Lot;

/// The wait before the second try; it doubles from there.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait, but for the spread.
const LONGEST: Duration = Duration::from_secs(60);

/// The waits between tries: none, then about 1, 2, 4 … 60 s, each shorter or longer by up to a
/// quarter, so that a server that comes back is not called by everybody at once.
#[derive(Debug)]
pub(super) struct Backoff {
    tries: u32,
    lot: Lot,
}

impl Backoff {
    pub(super) fn new(lot: Lot) -> Self {
        Self { tries: 0, lot }
    }

    /// The wait before the next try.
    pub(super) fn next(&mut self) -> Duration {
        let doublings = self.tries.checked_sub(1);
        self.tries = self.tries.saturating_add(1);
        let Some(doublings) = doublings else {
            return Duration::ZERO;
        };
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let wait = FIRST.saturating_mul(factor).min(LONGEST);
        wait * (75 + self.lot.up_to(50)) / 100
    }

    /// The connection has proven good: the next try comes at once.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_comes_at_once_and_the_others_ever_later_up_to_a_minute() {
        let mut backoff = Backoff::new(Lot::new(3));
        assert_eq!(backoff.next(), Duration::ZERO);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let wait = backoff.next();
            let expected = Duration::from_secs(expected);
            assert!(
                wait >= expected * 3 / 4 && wait <= expected * 5 / 4,
                "{wait:?}"
            );
        }
        for _ in 0..100 {
            assert!(backoff.next() <= Duration::from_secs(75));
        }
        backoff.reset();
        assert_eq!(backoff.next(), Duration::ZERO);
    }

    #[test]
    fn two_programs_do_not_wait_for_the_same_time() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Lot::new(seed));
            (0..8).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
    }
}
