//! Sound in and out of a call, and the first packet each way.

use std::time::Instant;

use super::silence::Silence;
use super::state::State;
use super::{Call, Output};
use crate::event::{CallStatistics, Direction, Event};

impl Call {
    /// Takes a frame of ours, of 160 samples at 8 kHz, every packet interval.
    pub fn send_frame(&mut self, now: Instant, frame: &[i16]) {
        if let State::Active { media, .. } = &mut self.state {
            if let Some((route, octets)) = media.send_frame(now, frame) {
                self.outputs.push_back(Output::Transmit { route, octets });
            }
            self.report_firsts();
        }
    }

    /// The next frame to play, every packet interval; `None` while there is no media.
    pub fn play_frame(&mut self, now: Instant) -> Option<&[i16]> {
        match &mut self.state {
            State::Active { media, .. } => Some(media.play_frame(now)),
            State::Awaiting { .. }
            | State::Dialing { .. }
            | State::Offered { .. }
            | State::Ending { .. }
            | State::Ended { .. } => None,
        }
    }

    /// The figures now, while there is media.
    #[must_use]
    pub fn statistics(&self) -> Option<CallStatistics> {
        match &self.state {
            State::Active { media, .. } => Some(CallStatistics {
                drops: self.drops,
                ..media.statistics()
            }),
            State::Awaiting { .. }
            | State::Dialing { .. }
            | State::Offered { .. }
            | State::Ending { .. }
            | State::Ended { .. } => None,
        }
    }

    /// The machine slept: so many frames were made by nobody, and timestamps go on without them.
    /// What the peer sent meanwhile waits in the socket, so its silence counts from now.
    pub fn resume(&mut self, now: Instant, frames: u32) {
        if let State::Active { media, silence, .. } = &mut self.state {
            media.skip_frames(frames);
            *silence = Silence::new(now);
        }
    }

    fn report_firsts(&mut self) {
        let State::Active { media, .. } = &mut self.state else {
            return;
        };
        for direction in media.take_firsts() {
            self.event(Event::Media {
                call: self.config.number,
                direction,
            });
        }
    }

    pub(super) fn note_first_rtp(&mut self, now: Instant) {
        let State::Active {
            media, connected, ..
        } = &mut self.state
        else {
            return;
        };
        let firsts = media.take_firsts();
        let unconnected = connected.is_none();
        for direction in firsts {
            if unconnected && direction == Direction::In {
                // A missing ACK must not end a call that is heard.
                if let Some(ua) = self.state.user_agent_mut() {
                    ua.media_arrived();
                }
                self.connect(now);
            }
            self.event(Event::Media {
                call: self.config.number,
                direction,
            });
        }
    }
}
