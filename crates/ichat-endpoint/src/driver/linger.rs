//! After the peer's good-bye: who repeats it, because our answer was lost, is answered again, although
//! the program is about to end.

use std::time::{Duration, Instant};

use ichat_rtp::DatagramKind;
use ichat_sip::Route;
use tokio::sync::mpsc;

use super::{DATAGRAM_OCTETS, Driver};
use crate::event::{Command, Reason, Summary};

/// How long a program that ends answers repetitions. RFC 3261 §17.2.2 wants 32 s (timer J), for which
/// nobody would wait at a terminal; the first repetition comes after half a second \[I\].
const PATIENCE: Duration = Duration::from_secs(1);

/// A repetition may be late by so much.
const SLACK: Duration = Duration::from_millis(500);

/// The longest, where repetitions come.
const LONGEST: Duration = Duration::from_secs(4);

/// Until when repetitions are answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linger {
    since: Instant,
    until: Instant,
}

/// What happens meanwhile.
enum Woken {
    Datagram(Route, usize),
    Command(Option<Command>),
    Due,
}

impl Linger {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            until: now + PATIENCE,
        }
    }

    /// A repetition has come. Should the answer be lost again, the next one comes within twice the
    /// time that has passed: the interval between them doubles (RFC 3261 §17.1.2.2).
    fn prolong(&mut self, now: Instant) {
        let until = now + 2 * now.saturating_duration_since(self.since) + SLACK;
        self.until = self.until.max(until.min(self.since + LONGEST));
    }
}

impl Driver {
    /// A call is over; `in_dialog`: SIP had its part in that.
    pub(super) fn note_last_word(&mut self, now: Instant, summary: &Summary, in_dialog: bool) {
        let is_the_peers = match summary.reason {
            Reason::RemoteHangup => true,
            Reason::Cancelled => !self.outcome.interrupted,
            Reason::Hangup
            | Reason::Failed
            | Reason::MediaTimeout
            | Reason::Declined
            | Reason::Busy
            | Reason::NoAnswer
            | Reason::NotCallable
            | Reason::Unreachable => false,
        };
        self.linger = (is_the_peers && in_dialog).then(|| Linger::new(now));
    }

    /// Answers repetitions for a little, unless the user wants to leave.
    pub(super) async fn linger(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) {
        let Some(mut linger) = self.linger.take().filter(|_| !self.leaves) else {
            return;
        };
        // Nobody can call any more.
        self.takes_sip = false;
        let mut buffer = vec![0; DATAGRAM_OCTETS];
        let mut listening = true;
        loop {
            self.drain();
            let now = Instant::now();
            if now >= linger.until {
                return;
            }
            let timer = self.previous.as_ref().and_then(|call| call.poll_timeout());
            let due = timer.map_or(linger.until, |timer| timer.min(linger.until));
            let woken = tokio::select! {
                biased;
                () = tokio::time::sleep_until(due.into()) => Woken::Due,
                command = commands.recv(), if listening => Woken::Command(command),
                (route, len) = self.sockets.recv(&mut buffer) => Woken::Datagram(route, len),
            };
            let now = Instant::now();
            match woken {
                Woken::Due => self.handle_previous_timeout(now),
                Woken::Command(Some(Command::HangUp | Command::Leave)) => return,
                Woken::Command(Some(
                    Command::Answer
                    | Command::Decline
                    | Command::Busy
                    | Command::Mute(_)
                    | Command::AllowSubscription { .. },
                )) => {}
                Woken::Command(None) => listening = false,
                Woken::Datagram(route, len) => {
                    let octets = buffer.get(..len).unwrap_or_default();
                    self.note_datagram(false, route, octets);
                    if ichat_rtp::classify(octets) == DatagramKind::Sip
                        && self.handle_idle_sip(now, route, octets)
                    {
                        linger.prolong(now);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_followed_by_time_for_the_next_but_not_for_ever() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut linger = Linger::new(begin);
        assert_eq!(linger.until, at(1000));
        // As a peer repeats its BYE: T1, then twice as long each time.
        for (repeated, next) in [(500, 1500), (1500, 3500)] {
            linger.prolong(at(repeated));
            assert!(linger.until >= at(next) + SLACK, "{repeated}");
        }
        linger.prolong(at(3500));
        assert_eq!(linger.until, begin + LONGEST);
    }
}
