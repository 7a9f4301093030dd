//! One source as it is received: sequence, loss and jitter, RFC 3550 appendices A.1, A.3 and A.8.

use std::time::{Duration, Instant};

use crate::clock;
use crate::packet::RtpPacket;
use crate::rtcp::ReportBlock;

/// Sequence numbers forward that count as a gap; more is a jump (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// Sequence numbers backward that count as reordering; more is a jump (RFC 3550 A.1). The window
/// of what has been seen must hold as many.
const MAX_MISORDER: u16 = 100;
/// A transit time that changes by more than this is another clock, and no jitter.
const MAX_TRANSIT_CHANGE_SECS: u32 = 5;

/// What a packet did to the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// On, with or without a gap.
    Forward,
    /// Behind a packet that came before.
    Reordered,
    /// Again.
    Duplicate,
    /// Far from where the sequence was; the next packet will tell whether it stays there.
    Jump,
    /// It stays there: the second packet after a jump.
    Restarted,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    pub(super) last_heard: Instant,
    /// Lowest and highest sequence number, counted on over wraps.
    lowest: i64,
    highest: i64,
    /// Bit n: the n-th packet before the highest has come.
    window: u128,
    /// Packets between lowest and highest that have come, each counted once.
    unique: u64,
    /// Lost before the sequence last jumped.
    lost_before: u64,
    /// Expected sequence number after a jump.
    jumped_to: Option<u16>,
    /// Last difference between arrival and timestamp, and the jitter, in units of the RTP clock.
    transit: Option<u32>,
    jitter: f64,
    /// Packets expected and lost when the last report went.
    reported: (u64, u64),
    /// Middle of the NTP time of the last SR, and when it came.
    sender_report: Option<(u32, Instant)>,
}

impl Source {
    /// A source whose first packet this is.
    pub(super) fn new(now: Instant, packet: &RtpPacket<'_>) -> Self {
        let first = i64::from(packet.sequence);
        Self {
            ssrc: packet.ssrc,
            last_heard: now,
            lowest: first,
            highest: first,
            window: 1,
            unique: 1,
            lost_before: 0,
            jumped_to: None,
            transit: None,
            jitter: 0.0,
            reported: (0, 0),
            sender_report: None,
        }
    }

    /// Places a further packet in the sequence.
    pub(super) fn step(&mut self, sequence: u16) -> Step {
        let highest = clock::low_32(self.highest.cast_unsigned()).to_be_bytes();
        let [_, _, high, low] = highest;
        let forward = sequence.wrapping_sub(u16::from_be_bytes([high, low]));
        let backward = forward.wrapping_neg();
        if forward == 0 {
            Step::Duplicate
        } else if forward < MAX_DROPOUT {
            self.jumped_to = None;
            self.highest += i64::from(forward);
            self.window = self.window.checked_shl(u32::from(forward)).unwrap_or(0) | 1;
            self.unique += 1;
            Step::Forward
        } else if backward <= MAX_MISORDER {
            self.jumped_to = None;
            self.step_back(backward)
        } else {
            self.jump(sequence)
        }
    }

    fn step_back(&mut self, backward: u16) -> Step {
        let bit = 1_u128 << backward;
        if self.window & bit != 0 {
            return Step::Duplicate;
        }
        self.window |= bit;
        self.unique += 1;
        self.lowest = self.lowest.min(self.highest - i64::from(backward));
        Step::Reordered
    }

    fn jump(&mut self, sequence: u16) -> Step {
        if self.jumped_to != Some(sequence) {
            self.jumped_to = Some(sequence.wrapping_add(1));
            return Step::Jump;
        }
        // Two in sequence: it goes on here. The first of them is counted now.
        self.lost_before = self.lost();
        self.jumped_to = None;
        self.highest = i64::from(sequence);
        self.lowest = self.highest - 1;
        self.window = 0b11;
        self.unique = 2;
        self.transit = None;
        Step::Restarted
    }

    /// Packets that are missing, over all jumps.
    pub(super) fn lost(&self) -> u64 {
        self.lost_before + self.expected().saturating_sub(self.unique)
    }

    /// Packets from the lowest to the highest sequence number.
    fn expected(&self) -> u64 {
        (self.highest - self.lowest + 1).cast_unsigned()
    }

    /// Takes the arrival of a packet with sound in it into the jitter (RFC 3550 A.8).
    pub(super) fn time(&mut self, arrival: u32, timestamp: u32, clock_rate_hz: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            if change <= clock_rate_hz.saturating_mul(MAX_TRANSIT_CHANGE_SECS) {
                self.jitter += (f64::from(change) - self.jitter) / 16.0;
            }
        }
    }

    pub(super) fn jitter(&self, clock_rate_hz: u32) -> Duration {
        Duration::try_from_secs_f64(self.jitter / f64::from(clock_rate_hz.max(1)))
            .unwrap_or_default()
    }

    pub(super) fn handle_sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.sender_report = Some((ntp_middle, now));
    }

    /// The block of our next report about this source (RFC 3550 §6.4.1, A.3).
    pub(super) fn report_block(&mut self, now: Instant) -> ReportBlock {
        let (expected, lost) = (self.unique + self.lost(), self.lost());
        let expected_since = expected.saturating_sub(self.reported.0);
        let lost_since = lost.saturating_sub(self.reported.1);
        self.reported = (expected, lost);
        let fraction_lost = (lost_since * 256).checked_div(expected_since).unwrap_or(0);
        let (last_sender_report, delay_since) = match self.sender_report {
            Some((middle, at)) => (
                middle,
                clock::fixed_16_16(now.saturating_duration_since(at)),
            ),
            None => (0, 0),
        };
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction_lost).unwrap_or(u8::MAX),
            lost: i32::try_from(lost).unwrap_or(i32::MAX),
            highest_sequence: clock::low_32(self.highest.cast_unsigned()),
            jitter: whole(self.jitter),
            last_sender_report,
            delay_since,
        }
    }
}

/// The whole part of a number of clock units.
#[expect(
    clippy::cast_possible_truncation,
    reason = "from f64, `as` saturates, and the fraction is meant to go"
)]
fn whole(units: f64) -> u32 {
    units as u32
}
