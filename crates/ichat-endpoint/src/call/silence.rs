//! When silence is worth a word, and when it is the end (docs/contract.md, events).

use std::time::{Duration, Instant};

/// After this long without any packet, a call is over (docs/protocol/sip.md, in the dialog [P, G]).
pub const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// The same toward an iChat, which stops sending when it is muted (docs/protocol/field.md, 4), and
/// while the peer holds.
pub const LONG_SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// How long nothing has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    /// When the last valid packet of any kind came.
    last_valid: Instant,
    /// When the last RTP came.
    last_heard: Instant,
    /// Whether the user knows.
    warned: bool,
}

/// What silence comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Fine,
    /// The user should know; said once until the peer is heard again.
    Warn,
    /// The call is over.
    Over,
}

impl Silence {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_valid: now,
            last_heard: now,
            warned: false,
        }
    }

    /// A valid packet that is no sound: SIP, RTCP.
    pub(super) fn note_valid(&mut self, now: Instant) {
        self.last_valid = now;
    }

    /// Sound.
    pub(super) fn note_heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// When [`Self::judge`] has something new to say.
    pub(super) fn deadline(&self, viceroy: bool, held: bool) -> Instant {
        let over = self.over_at(viceroy, held);
        match self.warn_at(viceroy, held) {
            Some(warn) => warn.min(over),
            None => over,
        }
    }

    pub(super) fn judge(&mut self, now: Instant, viceroy: bool, held: bool) -> Verdict {
        if now >= self.over_at(viceroy, held) {
            Verdict::Over
        } else if self.warn_at(viceroy, held).is_some_and(|at| now >= at) {
            self.warned = true;
            Verdict::Warn
        } else {
            Verdict::Fine
        }
    }

    fn over_at(&self, viceroy: bool, held: bool) -> Instant {
        self.last_valid
            + if viceroy || held {
                LONG_SILENCE_LIMIT
            } else {
                SILENCE_LIMIT
            }
    }

    /// A peer that holds is silent by right.
    fn warn_at(&self, viceroy: bool, held: bool) -> Option<Instant> {
        (viceroy && !held && !self.warned).then(|| self.last_heard + SILENCE_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_that_falls_silent_is_gone_after_10_s() {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        assert_eq!(silence.deadline(false, false), start + SILENCE_LIMIT);
        let before = start + Duration::from_millis(9_999);
        assert_eq!(silence.judge(before, false, false), Verdict::Fine);
        assert_eq!(
            silence.judge(start + SILENCE_LIMIT, false, false),
            Verdict::Over
        );
    }

    #[test]
    fn a_muted_mac_is_warned_about_once_and_given_up_only_when_sip_is_silent_too() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut silence = Silence::new(start);
        silence.note_valid(start + 5 * second);
        assert_eq!(
            silence.judge(start + 10 * second, true, false),
            Verdict::Warn
        );
        assert_eq!(
            silence.judge(start + 11 * second, true, false),
            Verdict::Fine
        );
        assert_eq!(silence.deadline(true, false), start + 65 * second);
        silence.note_heard(start + 20 * second);
        assert_eq!(
            silence.judge(start + 30 * second, true, false),
            Verdict::Warn,
            "once more"
        );
        assert_eq!(
            silence.judge(start + 80 * second, true, false),
            Verdict::Over
        );
    }

    #[test]
    fn who_holds_may_be_silent_for_a_minute() {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        assert_eq!(
            silence.judge(start + Duration::from_secs(59), false, true),
            Verdict::Fine
        );
        assert_eq!(
            silence.judge(start + LONG_SILENCE_LIMIT, false, true),
            Verdict::Over
        );
    }
}
