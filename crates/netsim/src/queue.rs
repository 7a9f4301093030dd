//! What is to happen, in order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

/// A queue by time. What is due at the same time leaves in the order in which it came.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    pushed: u64,
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, at: Instant, item: T) {
        let place = self.pushed;
        self.pushed += 1;
        self.heap.push(Reverse(Entry { at, place, item }));
    }

    /// When the next is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next that is due at `now` or was before, with its time.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.item))
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            pushed: 0,
        }
    }
}

#[derive(Clone, Debug)]
struct Entry<T> {
    at: Instant,
    place: u64,
    item: T,
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.place).cmp(&(other.at, other.place))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn order_is_by_time_and_then_by_arrival() {
        let start = Instant::now();
        let later = start + Duration::from_millis(5);
        let mut queue = Queue::default();
        queue.push(later, 'c');
        queue.push(start, 'a');
        queue.push(later, 'd');
        queue.push(start, 'b');
        assert_eq!(queue.pop_due(start), Some((start, 'a')));
        assert_eq!(queue.pop_due(start), Some((start, 'b')));
        assert_eq!(queue.pop_due(start), None);
        assert_eq!(queue.next_at(), Some(later));
        assert_eq!(queue.pop_due(later), Some((later, 'c')));
        assert_eq!(queue.pop_due(later), Some((later, 'd')));
        assert_eq!(queue.pop_due(later), None);
    }
}
