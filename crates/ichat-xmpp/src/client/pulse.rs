//! Whether a server is still there: a machine that asks sooner when an answer is owed than when
//! there is nothing to say.

use std::time::{Duration, Instant};

/// What is to be done when the time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The server is to be asked for a sign of life.
    Ask,
    /// It is gone: it has been silent for so long.
    Dead(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is owed.
    Still,
    /// Something was sent then, and nothing has come since.
    Owed(Instant),
    /// It was asked then, and nothing has come since something was sent.
    Asked { at: Instant, sent: Instant },
}

/// Watches one stream.
#[derive(Debug)]
pub(super) struct Pulse {
    state: State,
    reply: Duration,
    answer: Duration,
}

impl Pulse {
    /// `reply`: silence behind something sent until the server is asked; `answer`: silence behind
    /// that until it is dead.
    pub(super) fn new(reply: Duration, answer: Duration) -> Self {
        Self {
            state: State::Still,
            reply,
            answer,
        }
    }

    /// A stanza has gone out.
    pub(super) fn handle_sent(&mut self, now: Instant) {
        if self.state == State::Still {
            self.state = State::Owed(now);
        }
    }

    /// A question has gone out that every server answers.
    pub(super) fn handle_asked(&mut self, now: Instant) {
        self.state = match self.state {
            State::Still => State::Asked { at: now, sent: now },
            State::Owed(sent) => State::Asked { at: now, sent },
            asked @ State::Asked { .. } => asked,
        };
    }

    /// Something has come.
    pub(super) fn handle_arrival(&mut self) {
        self.state = State::Still;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Still => None,
            State::Owed(since) => Some(since + self.reply),
            State::Asked { at, .. } => Some(at + self.answer),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        match self.state {
            State::Still => None,
            State::Owed(sent) => {
                self.state = State::Asked { at: now, sent };
                Some(Due::Ask)
            }
            State::Asked { sent, .. } => Some(Due::Dead(now.saturating_duration_since(sent))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> (Pulse, Instant) {
        (Pulse::new(10 * SECOND, 15 * SECOND), Instant::now())
    }

    #[test]
    fn who_owes_nothing_is_not_watched() {
        let (mut pulse, now) = pulse();
        assert_eq!(pulse.poll_timeout(), None);
        assert_eq!(pulse.handle_timeout(now + 1000 * SECOND), None);
    }

    #[test]
    fn who_does_not_answer_is_asked_and_then_dead() {
        let (mut pulse, now) = pulse();
        pulse.handle_sent(now);
        pulse.handle_sent(now + 5 * SECOND);
        assert_eq!(pulse.poll_timeout(), Some(now + 10 * SECOND));
        assert_eq!(pulse.handle_timeout(now + 9 * SECOND), None);
        assert_eq!(pulse.handle_timeout(now + 10 * SECOND), Some(Due::Ask));
        pulse.handle_sent(now + 20 * SECOND);
        assert_eq!(pulse.poll_timeout(), Some(now + 25 * SECOND));
        let dead = Some(Due::Dead(25 * SECOND));
        assert_eq!(pulse.handle_timeout(now + 25 * SECOND), dead);
    }

    #[test]
    fn who_was_asked_with_the_stanza_is_dead_sooner() {
        let (mut pulse, now) = pulse();
        pulse.handle_sent(now);
        pulse.handle_asked(now);
        pulse.handle_asked(now + 14 * SECOND);
        let dead = Some(Due::Dead(15 * SECOND));
        assert_eq!(pulse.handle_timeout(now + 15 * SECOND), dead);
    }

    #[test]
    fn anything_that_comes_is_a_sign_of_life() {
        let (mut pulse, now) = pulse();
        pulse.handle_asked(now);
        pulse.handle_arrival();
        assert_eq!(pulse.poll_timeout(), None);
    }
}
