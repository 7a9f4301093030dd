//! Which source is heard, and what came from it.

use std::time::{Duration, Instant};

use super::config::Statistics;
use super::source::{Source, Step};
use crate::clock;
use crate::packet::{RtpError, RtpPacket};
use crate::rtcp::ReportBlock;

/// Silence after which another source may take over at once.
const SILENCE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Receiver {
    started: Instant,
    clock_rate_hz: u32,
    payload_type: u8,
    heard: Option<Heard>,
    /// Another source that sent one packet: its SSRC and its next sequence number.
    unproven: Option<(u32, u16)>,
    /// What does not belong to the source alone; `lost` is that of earlier sources.
    totals: Statistics,
}

/// The source that is heard.
#[derive(Debug)]
struct Heard {
    source: Source,
    /// It has sent a second packet, so that it is no stray datagram.
    proven: bool,
}

impl Receiver {
    pub(super) fn new(started: Instant, clock_rate_hz: u32, payload_type: u8) -> Self {
        let totals = Statistics::default();
        Self {
            started,
            clock_rate_hz,
            payload_type,
            heard: None,
            unproven: None,
            totals,
        }
    }

    pub(super) fn handle<'a>(
        &mut self,
        now: Instant,
        octets: &'a [u8],
    ) -> Result<RtpPacket<'a>, RtpError> {
        let result = RtpPacket::decode(octets).and_then(|packet| {
            self.take(now, &packet)?;
            Ok(packet)
        });
        if let Err(error) = &result {
            self.totals.refused += 1;
            tracing::debug!(%error, "rtp refused");
        }
        result
    }

    fn take(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Result<(), RtpError> {
        let step = match &mut self.heard {
            Some(heard) if heard.source.ssrc == packet.ssrc => {
                heard.proven = true;
                heard.source.last_heard = now;
                self.unproven = None;
                heard.source.step(packet.sequence)
            }
            Some(_) | None => self.take_new(now, packet)?,
        };
        self.count(packet, step);
        self.time(now, packet, step);
        Ok(())
    }

    /// A source that is not heard so far: whether it may be.
    fn take_new(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Result<Step, RtpError> {
        if packet.payload_type != self.payload_type {
            return Err(RtpError::PayloadType {
                expected: self.payload_type,
                found: packet.payload_type,
            });
        }
        if let Some(Heard { source, proven }) = &self.heard {
            let silent = now.saturating_duration_since(source.last_heard) > SILENCE;
            let in_sequence = self.unproven == Some((packet.ssrc, packet.sequence));
            if *proven && !silent && !in_sequence {
                self.unproven = Some((packet.ssrc, packet.sequence.wrapping_add(1)));
                return Err(RtpError::UnprovenSource {
                    expected: source.ssrc,
                    found: packet.ssrc,
                });
            }
            tracing::debug!(from = source.ssrc, to = packet.ssrc, "rtp source changed");
            self.totals.lost += source.lost();
            self.totals.ssrc_changes += 1;
        }
        self.unproven = None;
        self.heard = Some(Heard {
            source: Source::new(now, packet),
            proven: false,
        });
        Ok(Step::Forward)
    }

    fn count(&mut self, packet: &RtpPacket<'_>, step: Step) {
        match step {
            Step::Duplicate => {
                self.totals.duplicates += 1;
                return;
            }
            Step::Reordered => self.totals.reordered += 1,
            Step::Restarted => self.totals.sequence_restarts += 1,
            Step::Forward | Step::Jump => {}
        }
        self.totals.received += 1;
        self.totals.received_octets += packet.payload.len() as u64;
        if packet.payload.is_empty() {
            self.totals.empty += 1;
        }
    }

    /// Only sound has a timestamp that tells when it was sent.
    fn time(&mut self, now: Instant, packet: &RtpPacket<'_>, step: Step) {
        let sound = packet.payload_type == self.payload_type && !packet.payload.is_empty();
        let placed = match step {
            Step::Forward | Step::Reordered | Step::Restarted => true,
            Step::Duplicate | Step::Jump => false,
        };
        if let Some(heard) = &mut self.heard
            && sound
            && placed
        {
            let since = now.saturating_duration_since(self.started);
            let arrival = clock::low_32(clock::samples(since, self.clock_rate_hz));
            heard
                .source
                .time(arrival, packet.timestamp, self.clock_rate_hz);
        }
    }

    pub(super) fn ssrc(&self) -> Option<u32> {
        self.heard.as_ref().map(|heard| heard.source.ssrc)
    }

    pub(super) fn handle_sender_report(&mut self, now: Instant, ssrc: u32, ntp_middle: u32) {
        if let Some(Heard { source, .. }) = &mut self.heard
            && source.ssrc == ssrc
        {
            source.handle_sender_report(now, ntp_middle);
        }
    }

    pub(super) fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        self.heard
            .as_mut()
            .map(|heard| heard.source.report_block(now))
    }

    /// The receiving half of a session's statistics.
    pub(super) fn statistics(&self) -> Statistics {
        let Some(Heard { source, .. }) = &self.heard else {
            return self.totals;
        };
        Statistics {
            lost: self.totals.lost + source.lost(),
            jitter: source.jitter(self.clock_rate_hz),
            peer_ssrc: Some(source.ssrc),
            ..self.totals
        }
    }
}
