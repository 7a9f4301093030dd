//! Datagrams that could not leave, because the network was not ready for them.

use std::time::{Duration, Instant};

use ichat_sip::Route;

/// Between two tries: shorter than anybody notices.
const INTERVAL: Duration = Duration::from_millis(20);

/// After so many a datagram is lost: by then its own repetition is due.
const TRIES: u32 = 20;

/// At most so many wait.
const CAPACITY: usize = 16;

/// Datagrams that could not leave.
#[derive(Debug, Default)]
pub(super) struct Unsent(Vec<Datagram>);

/// One of them.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) route: Route,
    pub(super) octets: Vec<u8>,
    pub(super) tries: u32,
    due: Instant,
}

impl Unsent {
    /// Keeps one for another try; false when there is no room.
    pub(super) fn keep(&mut self, now: Instant, route: Route, octets: Vec<u8>) -> bool {
        self.keep_again(
            now,
            Datagram {
                route,
                octets,
                tries: 0,
                due: now,
            },
        )
    }

    /// The same, after another try; false also when it was the last.
    pub(super) fn keep_again(&mut self, now: Instant, datagram: Datagram) -> bool {
        let kept = datagram.tries < TRIES && self.0.len() < CAPACITY;
        if kept {
            let due = now + INTERVAL;
            self.0.push(Datagram { due, ..datagram });
        }
        kept
    }

    /// Those whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Datagram> {
        let (due, waiting) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|datagram| datagram.due <= now);
        self.0 = waiting;
        due
    }

    /// When the next is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().map(|datagram| datagram.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_leave_is_tried_for_a_while_and_few_wait() {
        let mut now = Instant::now();
        let mut unsent = Unsent::default();
        let address = "192.0.2.1:1".parse().unwrap();
        let route = Route {
            local: address,
            remote: address,
        };
        for place in 0..2 * CAPACITY {
            assert_eq!(unsent.keep(now, route, vec![1]), place < CAPACITY);
        }
        assert!(unsent.take_due(now).is_empty(), "not at once");
        let mut tries = 0;
        while let Some(due) = unsent.due() {
            now = due;
            let datagrams = unsent.take_due(now);
            assert_eq!(datagrams.len(), CAPACITY);
            for mut datagram in datagrams {
                datagram.tries += 1;
                let kept = unsent.keep_again(now, datagram);
                assert_eq!(kept, tries + 1 < TRIES);
            }
            tries += 1;
        }
        assert_eq!(tries, TRIES);
    }
}
