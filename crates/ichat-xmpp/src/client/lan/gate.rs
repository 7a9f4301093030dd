//! How many streams strangers may hold open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Incoming streams that are open at once.
pub(super) const STREAM_LIMIT: usize = 16;

/// Of those, how many from one address.
pub(super) const ADDRESS_STREAM_LIMIT: usize = 2;

/// Counts incoming streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Gate {
    /// A place for a stream from this address, if there is one.
    pub(super) fn enter(&self, ip: IpAddr) -> Option<StreamSlot> {
        let ip = ip.to_canonical();
        let mut open = self.lock();
        let here = open.get(&ip).copied().unwrap_or_default();
        let all: usize = open.values().sum();
        if here >= ADDRESS_STREAM_LIMIT || all >= STREAM_LIMIT {
            return None;
        }
        open.insert(ip, here + 1);
        Some(StreamSlot {
            gate: self.clone(),
            ip,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place that an incoming stream takes, of 16 in all and 2 for an address. Keep it as long as
/// the connection, and drop it with that: the place is free then.
#[derive(Debug)]
#[must_use = "without its slot the stream is not counted"]
pub struct StreamSlot {
    gate: Gate,
    ip: IpAddr,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        if let Some(count) = open.get_mut(&self.ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_two_places_and_all_together_sixteen() {
        let gate = Gate::default();
        let at = |host: u8| IpAddr::from([10, 0, 0, host]);
        let first = gate.enter(at(1)).unwrap();
        let mut slots = vec![gate.enter("::ffff:10.0.0.1".parse().unwrap()).unwrap()];
        assert!(gate.enter(at(1)).is_none());
        drop(first);
        slots.push(gate.enter(at(1)).unwrap());
        for host in 2..9 {
            slots.push(gate.enter(at(host)).unwrap());
            slots.push(gate.enter(at(host)).unwrap());
        }
        assert_eq!(slots.len(), STREAM_LIMIT);
        assert!(gate.enter(at(9)).is_none());
        slots.clear();
        assert!(gate.lock().is_empty());
    }
}
