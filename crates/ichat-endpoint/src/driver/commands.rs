//! What the user wants.

use std::time::Instant;

use super::{Driver, Stage};
use crate::event::{Command, Reason};

impl Driver {
    /// True when the run is over at once.
    pub(super) fn handle_command(&mut self, now: Instant, command: Command) -> bool {
        match command {
            Command::Answer => self.answer(now),
            Command::Decline => self.refuse(now, Reason::Declined),
            Command::Busy => self.refuse(now, Reason::Busy),
            Command::Mute(muted) => self.muted = muted,
            Command::AllowSubscription { from, allow } => {
                if let Ok(from) = from.parse() {
                    for session in self.links.sessions() {
                        session.allow_subscription(now, &from, allow);
                    }
                }
            }
            Command::HangUp => return self.hang_up(now),
            Command::Leave => {
                self.leaves = true;
                return self.hang_up(now);
            }
        }
        false
    }

    pub(super) fn hang_up(&mut self, now: Instant) -> bool {
        self.outcome.interrupted = true;
        match &mut self.stage {
            Stage::Idle => {
                // An endpoint that only waits is told to stop: that is no call's end.
                self.outcome.reason = None;
                self.linger = None;
                return true;
            }
            Stage::Calling { number, leg, .. } => {
                let (number, leg) = (*number, *leg);
                self.cancel_leg(now, leg);
                self.end_ringing(number, Reason::Cancelled);
            }
            Stage::Checking(checking) => {
                let (number, leg) = (checking.number, checking.leg);
                self.cancel_leg(now, leg);
                self.end_ringing(number, Reason::Cancelled);
            }
            Stage::Gathering { number, .. } | Stage::Glare { number, .. } => {
                let number = *number;
                self.end_ringing(number, Reason::Cancelled);
            }
            Stage::Asked(_) => self.refuse_asked(now, Reason::Declined),
            Stage::Talking { call, .. } => call.hang_up(now),
        }
        false
    }
}
