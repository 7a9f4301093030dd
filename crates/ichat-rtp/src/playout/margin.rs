//! How far ahead of their time packets come, and what follows from it when clocks drift.

use super::stream::Limits;

/// One packet's weight in the average is 1/32.
const WEIGHT: isize = 32;
/// Packets between two corrections: about a second.
const PACKETS: u32 = 50;
/// Intervals above the delay from which on more than one is left out at once: 200 ms.
const FAR_INTERVALS: isize = 10;

/// What to do about the distance between arrival and play-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Correction {
    None,
    /// Packets come too close to their time: put one interval in.
    Stretch,
    /// Packets wait too long: leave this many intervals out.
    Skip(usize),
}

/// Average of how far before the sound that plays next a packet's sound lies when it comes, in
/// samples. A stream in order has the delay, less what it varies.
///
/// Nothing is corrected between a quarter of the delay and twice the delay and an interval: within
/// these bounds lies whatever a network can do that varies by no more than the delay.
#[derive(Debug)]
pub(super) struct Margin {
    /// The average times [`WEIGHT`].
    scaled: isize,
    packets: u32,
}

impl Margin {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            scaled: limits.delay.cast_signed() * WEIGHT,
            packets: 0,
        }
    }

    pub(super) fn add(&mut self, offset: isize) {
        self.scaled += offset - self.scaled / WEIGHT;
        self.packets = self.packets.saturating_add(1);
    }

    /// What is to be done now; the average takes it as done.
    pub(super) fn correction(&mut self, limits: &Limits) -> Correction {
        if self.packets < PACKETS {
            return Correction::None;
        }
        let (delay, interval) = (limits.delay.cast_signed(), limits.interval.cast_signed());
        let average = self.scaled / WEIGHT;
        if average < delay / 4 {
            self.shift(interval);
            Correction::Stretch
        } else if average > 2 * delay + interval {
            let excess = (average - delay) / interval;
            let intervals = if excess > FAR_INTERVALS { excess } else { 1 };
            self.shift(-intervals * interval);
            Correction::Skip(intervals.unsigned_abs())
        } else {
            Correction::None
        }
    }

    fn shift(&mut self, samples: isize) {
        self.scaled += samples * WEIGHT;
        self.packets = 0;
    }
}
