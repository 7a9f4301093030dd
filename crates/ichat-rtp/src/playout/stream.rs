//! A stream that plays, or is about to.

use std::time::{Duration, Instant};

use super::Inserted;
use super::line::Line;
use super::margin::{Correction, Margin};
use crate::clock;

/// An empty line that gets nothing in time for this long belongs to a stream that has paused, or
/// that is late for good: the next packet starts it over.
const PAUSE: Duration = Duration::from_millis(200);

/// What a buffer is built for, lengths in samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) clock_rate_hz: u32,
    /// From the arrival of the first packet to its play-out.
    pub(super) delay: usize,
    /// Most that is kept ahead of play-out.
    pub(super) capacity: usize,
    /// What one pull yields.
    pub(super) interval: usize,
}

impl Limits {
    pub(super) fn duration(&self, samples: usize) -> Duration {
        clock::duration(samples as u64, self.clock_rate_hz)
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    line: Line,
    phase: Phase,
    margin: Margin,
    last_queued: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first sound waits for its time.
    Filling {
        start: Instant,
    },
    Playing,
}

/// What a pull yields.
#[derive(Debug)]
pub(super) enum Next {
    /// The first sound's time has not come.
    NotYet,
    /// Nothing has come in time for a while: the next packet begins another stream.
    Paused,
    /// An interval without sound, put in.
    Stretch,
    /// The next interval: its octets, how many of them are filling, and how many intervals were
    /// left out before it.
    Frame {
        octets: Vec<u8>,
        gap: usize,
        skipped: usize,
    },
}

impl Stream {
    /// A stream that begins with this packet, a delay after it came.
    pub(super) fn new(at: Instant, timestamp: u32, payload: &[u8], limits: &Limits) -> Self {
        let mut line = Line::new(timestamp);
        line.write(0, payload);
        Self {
            line,
            phase: Phase::Filling {
                start: at + limits.duration(limits.delay),
            },
            margin: Margin::new(limits),
            last_queued: at,
        }
    }

    /// Samples from what plays next to the newest.
    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether a timestamp can belong to this stream: not farther behind what plays next, or ahead
    /// of the newest, than is ever kept.
    pub(super) fn is_near(&self, timestamp: u32, limits: &Limits) -> bool {
        let offset = self.line.offset(timestamp);
        let capacity = limits.capacity.cast_signed();
        let newest = self.line.len().cast_signed();
        (-capacity..=newest + capacity).contains(&offset)
    }

    /// Takes a packet that [is near](Self::is_near).
    pub(super) fn insert(
        &mut self,
        now: Instant,
        timestamp: u32,
        payload: &[u8],
        limits: &Limits,
    ) -> Inserted {
        self.make_room_before(timestamp, limits);
        let mut offset = self.line.offset(timestamp);
        let end = offset + payload.len().cast_signed();
        if end <= 0 {
            self.margin.add(offset);
            return Inserted::Late;
        }
        let mut inserted = Inserted::Queued;
        if end > limits.capacity.cast_signed() {
            offset -= self.drop_oldest(end, limits).cast_signed();
            inserted = Inserted::Overflow;
        }
        if !self.line.write(offset, payload) {
            return Inserted::Duplicate;
        }
        self.last_queued = self.last_queued.max(now);
        if self.phase == Phase::Playing {
            self.margin.add(offset);
        }
        inserted
    }

    /// The next interval at `now`.
    pub(super) fn pull(&mut self, now: Instant, limits: &Limits, silence: u8) -> Next {
        if let Phase::Filling { start } = self.phase {
            if now < start {
                return Next::NotYet;
            }
            self.phase = Phase::Playing;
        }
        if self.line.is_empty() && now.saturating_duration_since(self.last_queued) >= PAUSE {
            return Next::Paused;
        }
        let skipped = match self.margin.correction(limits) {
            Correction::None => 0,
            Correction::Stretch => return Next::Stretch,
            Correction::Skip(intervals) => intervals.min(self.line.len() / limits.interval),
        };
        self.line.skip(skipped * limits.interval);
        let (octets, gap) = self.line.take(limits.interval, silence);
        Next::Frame {
            octets,
            gap,
            skipped,
        }
    }

    /// Before the first sound plays, a packet that overtook others gives way to them: the first of
    /// them plays as much earlier as it was sent.
    fn make_room_before(&mut self, timestamp: u32, limits: &Limits) {
        let Phase::Filling { start } = self.phase else {
            return;
        };
        let earlier = self.line.offset(timestamp).min(0).unsigned_abs();
        if earlier == 0 || earlier > limits.delay || earlier + self.line.len() > limits.capacity {
            return;
        }
        self.line.grow_front(earlier);
        let start = start.checked_sub(limits.duration(earlier)).unwrap_or(start);
        self.phase = Phase::Filling { start };
    }

    /// Leaves out whole intervals until sound that ends at `end` ends a delay ahead of play-out,
    /// or an interval where that is more. How many samples that were.
    fn drop_oldest(&mut self, end: isize, limits: &Limits) -> usize {
        let excess = end
            .unsigned_abs()
            .saturating_sub(limits.delay.max(limits.interval));
        let dropped = excess.next_multiple_of(limits.interval);
        self.line.skip(dropped);
        self.margin = Margin::new(limits);
        dropped
    }
}
