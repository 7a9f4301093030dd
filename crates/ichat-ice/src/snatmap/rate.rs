//! How many requests a second one source may send, told by a table whose size never changes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::random::mix;

/// Sources that share a set: one of them is found by looking at this many entries.
const WAYS: usize = 8;

/// Counts requests of a source, in a table of fixed size that allocates nothing after its making.
///
/// A source may send `rate` requests at once, and `rate` a second for ever (the virtual scheduling
/// of ITU-T I.371). The table is made of sets of 8 entries; a hash that nobody can foretell without
/// the seed says which set a source belongs to, so that nobody can aim at the set of somebody else.
/// A source that finds its set full takes over the entry that is nearest to being free, with what
/// that one has used up: no source ever gets more than its rate, however many others there are.
#[derive(Debug, Clone)]
pub struct RateTable {
    sets: Vec<[Entry; WAYS]>,
    seed: u64,
    started: Instant,
    /// Nanoseconds that one request costs; 0: there is no limit.
    cost: u64,
    /// Nanoseconds that a source may be ahead.
    allowance: u64,
}

/// A source and when it will have paid for all that it sent, in nanoseconds since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    source: u32,
    paid: u64,
}

impl RateTable {
    /// A table of at least `sources` entries, rounded up to a power of two, at most 2²⁴, 16 octets
    /// each. `rate`: requests a second and source, 0 for no limit.
    pub fn new(now: Instant, seed: u64, rate: u32, sources: usize) -> Self {
        let sets = sources
            .clamp(WAYS, 1 << 24)
            .div_ceil(WAYS)
            .next_power_of_two();
        let sets = if rate == 0 { 1 } else { sets };
        let cost = 1_000_000_000_u64.checked_div(rate.into()).unwrap_or(0);
        Self {
            sets: vec![[Entry::default(); WAYS]; sets],
            seed: mix(seed),
            started: now,
            cost,
            allowance: cost.saturating_mul(u64::from(rate.saturating_sub(1))),
        }
    }

    /// Whether one more request of `source` is within its rate; if so it is counted.
    pub fn allow(&mut self, now: Instant, source: Ipv4Addr) -> bool {
        if self.cost == 0 {
            return true;
        }
        let source = source.to_bits();
        let now = nanoseconds(now.saturating_duration_since(self.started));
        let Some(set) = set_of(&mut self.sets, self.seed, source) else {
            return false;
        };
        let known = set.iter().position(|entry| entry.source == source);
        let entry = match known.and_then(|place| set.get_mut(place)) {
            Some(entry) => Some(entry),
            None => set.iter_mut().min_by_key(|entry| entry.paid),
        };
        let Some(entry) = entry else {
            return false;
        };
        let owed = entry.paid.max(now);
        if owed - now > self.allowance {
            return false;
        }
        *entry = Entry {
            source,
            paid: owed + self.cost,
        };
        true
    }

    /// Sources that have an entry of their own at most.
    pub fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }
}

/// The set of a source. There is a power of two of them.
fn set_of(sets: &mut [[Entry; WAYS]], seed: u64, source: u32) -> Option<&mut [Entry; WAYS]> {
    let hash = mix(mix(seed ^ u64::from(source)).wrapping_add(seed));
    let mask = sets.len().checked_sub(1)?;
    let place = usize::try_from(hash >> 32).unwrap_or(0) & mask;
    sets.get_mut(place)
}

/// 584 years of them fit.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
