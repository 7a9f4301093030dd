//! What the threads of a server share: who gets an answer, and what became of all datagrams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ichat_ice::snatmap::{Counters, MESSAGE_LEN, Server, ServerConfig};
use tokio::sync::Notify;

/// Sources whose requests are counted apart; 16 octets each, 1 MiB in all.
const SOURCES: usize = 1 << 16;

/// Octets of a datagram that a log shows.
const SHOWN: usize = 64;

/// Parts of the desk where there are several threads: two that answer different sources seldom wait
/// for each other.
const PARTS: usize = 16;

/// Rate table and counters. A source always comes to the same part of it, whichever thread it
/// comes through: its rate holds for all of them together.
#[derive(Debug)]
pub(super) struct Desk {
    parts: Vec<Mutex<Server>>,
    seed: u64,
    send_failures: AtomicU64,
    threads: AtomicUsize,
    left: Notify,
}

/// All counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) datagrams: Counters,
    /// Answers that the system did not take.
    pub(super) send_failures: u64,
}

impl Desk {
    /// A desk for so many threads. `rate`: requests a second and source, 0 for no limit.
    pub(super) fn new(now: Instant, seed: u64, rate: u32, threads: usize) -> Self {
        let count = if threads > 1 { PARTS } else { 1 };
        let part = |_| {
            let config = ServerConfig {
                seed,
                rate,
                sources: SOURCES / count,
            };
            Mutex::new(Server::new(now, &config))
        };
        Self {
            parts: (0..count).map(part).collect(),
            seed,
            send_failures: AtomicU64::new(0),
            threads: AtomicUsize::new(0),
            left: Notify::new(),
        }
    }

    /// The answer to a datagram, where it deserves one.
    pub(super) fn respond(
        &self,
        now: Instant,
        source: SocketAddr,
        octets: &[u8],
    ) -> Option<[u8; MESSAGE_LEN]> {
        let part = self.parts.get(self.place(source))?;
        let answer = locked(part).respond(now, source, octets);
        tracing::trace!(
            %source,
            len = octets.len(),
            octets = hex::encode(octets.get(..SHOWN).unwrap_or(octets)),
            answered = answer.is_some(),
            "datagram"
        );
        answer
    }

    /// Counts an answer that the system did not take.
    pub(super) fn note_send_failure(&self) {
        self.send_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// One more thread is at the desk, until what this gives is dropped.
    pub(super) fn sit_down(self: Arc<Self>) -> Seat {
        self.threads.fetch_add(1, Ordering::Relaxed);
        Seat(self)
    }

    /// Waits until a thread has left the desk.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// Threads that answer.
    pub(super) fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// All counters so far.
    pub(super) fn tally(&self) -> Tally {
        let mut datagrams = Counters::default();
        for part in &self.parts {
            let part = locked(part).counters();
            datagrams.answered += part.answered;
            datagrams.limited += part.limited;
            datagrams.wrong_length += part.wrong_length;
            datagrams.wrong_kind += part.wrong_kind;
            datagrams.responses += part.responses;
            datagrams.unanswerable += part.unanswerable;
            datagrams.octets_in += part.octets_in;
            datagrams.octets_out += part.octets_out;
        }
        Tally {
            datagrams,
            send_failures: self.send_failures.load(Ordering::Relaxed),
        }
    }

    /// The part that a source belongs to; nobody can tell which one without the seed.
    fn place(&self, source: SocketAddr) -> usize {
        let ip = match source.ip().to_canonical() {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        let mut hash = u64::from(ip.to_bits()) ^ self.seed;
        hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [first, ..] = hash.to_be_bytes();
        usize::from(first) % self.parts.len().max(1)
    }
}

/// A thread's place at the desk.
#[derive(Debug)]
pub(super) struct Seat(Arc<Desk>);

impl Deref for Seat {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_one();
    }
}

/// Counters and rates are right after any step: a thread that panicked leaves nothing half done.
fn locked(part: &Mutex<Server>) -> MutexGuard<'_, Server> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request, octet for octet as in docs/protocol/snatmap.md.
    const REQUEST: [u8; 16] = [
        0, 0, 0, 1, 0x12, 0x34, 0xab, 0xcd, 0xc0, 0xa8, 0x01, 0x84, 0x40, 0x12, 0xaa, 0xaa,
    ];

    fn source(number: u32, port: u16) -> SocketAddr {
        (Ipv4Addr::from_bits(0x0a00_0000 + number), port).into()
    }

    #[test]
    fn a_source_has_its_rate_once_whatever_port_it_comes_from() {
        let now = Instant::now();
        for threads in [1, 4] {
            let desk = Desk::new(now, 7, 5, threads);
            let answered = (1..=100)
                .filter(|port| desk.respond(now, source(1, *port), &REQUEST).is_some())
                .count();
            assert_eq!(answered, 5);
            assert!(desk.respond(now, source(2, 1), &REQUEST).is_some());
            let tally = desk.tally().datagrams;
            assert_eq!((tally.answered, tally.limited), (6, 95));
        }
    }

    #[test]
    fn sources_are_spread_over_all_parts_and_all_are_counted() {
        let now = Instant::now();
        let desk = Desk::new(now, 7, 50, 2);
        for number in 0..1600 {
            assert!(desk.respond(now, source(number, 9), &REQUEST).is_some());
        }
        for part in &desk.parts {
            let answered = locked(part).counters().answered;
            assert!((50..=200).contains(&answered), "{answered}");
        }
        let tally = desk.tally().datagrams;
        assert_eq!(tally.answered, 1600);
        assert_eq!((tally.octets_in, tally.octets_out), (25600, 25600));
    }

    #[test]
    fn threads_are_counted_while_they_sit() {
        let desk = Arc::new(Desk::new(Instant::now(), 7, 50, 2));
        let first = Arc::clone(&desk).sit_down();
        let second = Arc::clone(&desk).sit_down();
        assert_eq!(desk.threads(), 2);
        drop(first);
        assert_eq!(desk.threads(), 1);
        drop(second);
        assert_eq!(desk.threads(), 0);
    }
}
