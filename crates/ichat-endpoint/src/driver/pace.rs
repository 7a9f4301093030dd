//! When things are due: timers, frames, figures.

use std::time::{Duration, Instant};

use super::{Driver, Stage};
use crate::event::Event;
use crate::media::PACKET_INTERVAL;

/// A sleeping machine that wakes later than this goes on from now instead of catching up.
const LONGEST_CATCH_UP: Duration = Duration::from_millis(500);

/// How often figures are told while a call is up.
pub(super) const STATS_INTERVAL: Duration = Duration::from_secs(1);

impl Driver {
    /// The next time at which something is due.
    pub(super) fn deadline(&self) -> Instant {
        let stage = match &self.stage {
            Stage::Idle | Stage::Calling { .. } | Stage::Glare { .. } => None,
            Stage::Gathering { .. } => self.ready_by(),
            Stage::Asked(asked) => self.gathered_by().filter(|_| asked.answered),
            Stage::Checking(checking) => Some(checking.direct_at.unwrap_or(checking.give_up)),
            Stage::Talking { call, .. } if call.has_media() => {
                let frames = self.next_frame.min(self.next_stats);
                Some(call.poll_timeout().map_or(frames, |due| due.min(frames)))
            }
            Stage::Talking { call, .. } => call.poll_timeout(),
        };
        let connection = self.connection.as_ref();
        let ways = connection.and_then(|connection| connection.ways.poll_timeout());
        let session = self.links.poll_timeout();
        let previous = self.previous.as_ref().and_then(|call| call.poll_timeout());
        let unsent = connection.and_then(|connection| connection.unsent.due());
        let far = Instant::now() + Duration::from_secs(3600);
        let own = [self.next_look(), self.worry_at(), self.offers.renew_at()];
        [stage, ways, session, previous]
            .into_iter()
            .chain(own)
            .chain([unsent])
            .flatten()
            .min()
            .unwrap_or(far)
    }

    pub(super) fn handle_deadline(&mut self, now: Instant) {
        self.links.handle_timeout(now);
        self.handle_previous_timeout(now);
        if let Some(connection) = &mut self.connection
            && connection.ways.poll_timeout().is_some_and(|due| due <= now)
        {
            connection.ways.handle_timeout(now);
        }
        if self.next_look().is_some_and(|due| due <= now) {
            self.follow_addresses(now);
        }
        self.transmit_unsent(now);
        self.worry(now);
        self.renew_services(now);
        self.advance(now);
        // Frames first: a machine that slept has to know it before it judges silence.
        self.exchange_frames(now);
        if let Some(call) = self.stage.call_mut()
            && call.poll_timeout().is_some_and(|due| due <= now)
        {
            call.handle_timeout(now);
        }
    }

    /// Does what is due of the call before.
    pub(super) fn handle_previous_timeout(&mut self, now: Instant) {
        if let Some(call) = &mut self.previous
            && call.poll_timeout().is_some_and(|due| due <= now)
        {
            call.handle_timeout(now);
        }
    }

    /// Until when the one who rings waits for servers. Looking one up ends by itself.
    fn ready_by(&self) -> Option<Instant> {
        let offered = self.offers.awaited_until();
        let offered = offered.filter(|_| !self.servers.are_awaited());
        self.gathered_by().or(offered)
    }

    fn gathered_by(&self) -> Option<Instant> {
        let connection = self.connection.as_ref();
        connection.map(|connection| connection.gathered_by)
    }

    /// Every packet interval a frame each way; late ones are caught up, but a machine that slept
    /// goes on from now.
    pub(super) fn exchange_frames(&mut self, now: Instant) {
        let Stage::Talking { call, .. } = &mut self.stage else {
            return;
        };
        if !call.has_media() {
            return;
        }
        if now.saturating_duration_since(self.next_frame) > LONGEST_CATCH_UP {
            let missed = now.saturating_duration_since(self.next_frame).as_millis()
                / PACKET_INTERVAL.as_millis();
            call.resume(now, u32::try_from(missed).unwrap_or(u32::MAX));
            self.next_frame = now;
            self.next_stats = now + STATS_INTERVAL;
        }
        while self.next_frame <= now {
            if let Some(audio) = &mut self.audio {
                audio.exchange(now, call, self.muted);
            }
            self.next_frame += PACKET_INTERVAL;
        }
        if self.next_stats <= now {
            self.next_stats += STATS_INTERVAL;
            if let (true, Some(mut statistics)) = (call.is_connected(), call.statistics()) {
                let call = call.number();
                if let Some(connection) = &self.connection {
                    statistics.dropped += connection.ways.dropped();
                }
                self.tell(Event::Stats { call, statistics });
            }
            self.tell_faults();
            self.flush_pcap();
        }
    }

    /// A device or a disk that gave out is told; the call goes on without it.
    fn tell_faults(&mut self) {
        let call = self.stage.number();
        let faults = self
            .audio
            .as_mut()
            .map(|audio| audio.faults())
            .unwrap_or_default();
        for fault in faults {
            let (code, message) = (fault.code(), fault.to_string());
            self.tell(Event::Error {
                call,
                code,
                message,
            });
        }
    }
}
