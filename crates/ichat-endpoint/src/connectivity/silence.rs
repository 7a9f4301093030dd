//! When a peer that talked is silent: perhaps our NAT has another address, and nobody tells us but
//! the servers that see it.

use std::time::{Duration, Instant};

/// So long nothing comes from a peer that sends twenty milliseconds of sound a packet until that is
/// worth a question \[I\].
const FIRST: Duration = Duration::from_millis(400);

/// Between the first two questions; each interval is twice the one before. A peer may be silent by
/// right: a muted iChat sends nothing at all (docs/protocol/field.md, 4 \[G\]).
const SECOND: Duration = Duration::from_secs(2);

/// The longest interval.
const LONGEST: Duration = Duration::from_secs(15);

/// How long nothing has come, and when to ask.
#[derive(Debug, Default)]
pub(super) struct Silence {
    next: Option<Instant>,
    wait: Option<Duration>,
}

impl Silence {
    /// Something came.
    pub(super) fn note_heard(&mut self, now: Instant) {
        self.next = Some(now + FIRST);
        self.wait = None;
    }

    /// When the next question is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a question is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            let wait = self.wait.map_or(SECOND, |wait| (wait * 2).min(LONGEST));
            self.wait = Some(wait);
            self.next = Some(now + wait);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_is_asked_about_ever_more_rarely_and_who_speaks_again_anew() {
        let start = Instant::now();
        let mut silence = Silence::default();
        assert_eq!(silence.poll_timeout(), None, "nobody was heard yet");
        for cycle in 0..2 {
            let begin = start + Duration::from_secs(cycle * 100);
            silence.note_heard(begin);
            let mut asked = Vec::new();
            while let Some(next) = silence
                .poll_timeout()
                .filter(|next| *next < begin + LONGEST * 3)
            {
                assert!(!silence.handle_timeout(next - Duration::from_millis(1)));
                assert!(silence.handle_timeout(next));
                asked.push((next - begin).as_millis());
            }
            assert_eq!(asked, [400, 2400, 6400, 14400, 29400, 44400]);
        }
    }
}
