//! Samples at their places in time, some of them not there.

use std::collections::VecDeque;

use crate::clock;

/// Samples from the one that plays next to the newest; None where nothing has come.
#[derive(Debug)]
pub(super) struct Line {
    /// Timestamp of the sample that plays next.
    head: u32,
    samples: VecDeque<Option<u8>>,
}

impl Line {
    pub(super) fn new(head: u32) -> Self {
        Self {
            head,
            samples: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Samples from the head to a timestamp, negative where it has passed. Right over wraps.
    pub(super) fn offset(&self, timestamp: u32) -> isize {
        let offset = timestamp.wrapping_sub(self.head).cast_signed();
        isize::try_from(offset).unwrap_or(isize::MAX)
    }

    /// Lays octets at an offset; what is before the head is left out, what is there stays.
    /// Whether any of them was new.
    pub(super) fn write(&mut self, offset: isize, octets: &[u8]) -> bool {
        let (start, octets) = match usize::try_from(offset) {
            Ok(start) => (start, octets),
            Err(_) => (0, octets.get(offset.unsigned_abs()..).unwrap_or_default()),
        };
        let end = start + octets.len();
        if self.samples.len() < end {
            self.samples.resize(end, None);
        }
        let mut new = false;
        for (sample, octet) in self.samples.iter_mut().skip(start).zip(octets) {
            if sample.is_none() {
                *sample = Some(*octet);
                new = true;
            }
        }
        new
    }

    /// Moves the head back, to make room before it.
    pub(super) fn grow_front(&mut self, count: usize) {
        for _ in 0..count {
            self.samples.push_front(None);
        }
        self.head = self.head.wrapping_sub(clock::low_32(count as u64));
    }

    /// Moves the head on.
    pub(super) fn skip(&mut self, count: usize) {
        self.samples.drain(..count.min(self.samples.len()));
        self.head = self.head.wrapping_add(clock::low_32(count as u64));
    }

    /// The next samples, and how many of them were not there and are `filling`.
    pub(super) fn take(&mut self, count: usize, filling: u8) -> (Vec<u8>, usize) {
        let there = count.min(self.samples.len());
        let mut gap = count - there;
        let mut octets = Vec::with_capacity(count);
        for sample in self.samples.drain(..there) {
            gap += usize::from(sample.is_none());
            octets.push(sample.unwrap_or(filling));
        }
        octets.resize(count, filling);
        self.head = self.head.wrapping_add(clock::low_32(count as u64));
        (octets, gap)
    }
}
