//! The mappings of one NAT (RFC 4787 §4, §5).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::contacts::RemoteKey;
use super::ports::{self, Candidates};
use super::{Contacts, Dependence, FilterScope, Nat};
use crate::random::Random;
use crate::statistics::Dropped;

/// Ports from this one up are assigned in sequence.
const FIRST_PORT: u16 = 1024;
/// How many mappings there may be before the expired are looked for.
const MANY: usize = 1024;

/// A NAT in use. An expired mapping is forgotten when somebody comes across it.
#[derive(Clone, Debug)]
pub(crate) struct NatTable {
    nat: Nat,
    /// The external addresses.
    pool: Vec<IpAddr>,
    random: Random,
    /// The next port in sequence.
    sequential: u16,
    mappings: BTreeMap<Key, Entry>,
    /// Which mappings share an external endpoint; several only with overloading.
    by_external: BTreeMap<SocketAddr, Vec<Key>>,
    /// The external address of each internal one, as its place in the pool (pooling "paired",
    /// §4.1, REQ-2), and the place for the next.
    paired: BTreeMap<IpAddr, usize>,
    /// When so many mappings are there, the expired are swept out.
    sweep_at: usize,
}

/// A mapping as seen from the side of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The endpoint inside.
    pub internal: SocketAddr,
    /// The endpoint that it has outside.
    pub external: SocketAddr,
    /// When it expires if it is not used again.
    pub expires: Instant,
}

impl NatTable {
    pub(crate) fn new(nat: Nat, pool: Vec<IpAddr>, mut random: Random) -> Self {
        let sequential = random.port(FIRST_PORT, u16::MAX);
        Self {
            nat,
            pool,
            random,
            sequential,
            mappings: BTreeMap::new(),
            by_external: BTreeMap::new(),
            paired: BTreeMap::new(),
            sweep_at: MANY,
        }
    }

    pub(crate) fn nat(&self) -> &Nat {
        &self.nat
    }

    pub(crate) fn pool(&self) -> &[IpAddr] {
        &self.pool
    }

    /// Forgets everything, as a power cut does; `pool` are the external addresses from now on.
    pub(crate) fn reboot(&mut self, pool: Vec<IpAddr>) {
        self.pool = pool;
        self.sequential = self.random.port(FIRST_PORT, u16::MAX);
        self.mappings.clear();
        self.by_external.clear();
        self.paired.clear();
    }

    /// A datagram goes out: the external endpoint that becomes its source.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        internal: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, Dropped> {
        let key = Key {
            internal,
            remote: RemoteKey::new(self.nat.mapping, remote),
        };
        if !self.is_alive(now, &key) {
            self.forget(&key);
            self.sweep(now);
            let external = self.assign(now, &key)?;
            self.by_external.entry(external).or_default().push(key);
            self.mappings.insert(key, Entry::new(external, now));
        }
        let entry = self.mappings.get_mut(&key).ok_or(Dropped::NoPort)?;
        entry.used = now;
        let contact = RemoteKey::new(self.nat.filtering, remote);
        entry.contacts.note(now, self.nat.timeout, contact);
        Ok(entry.external)
    }

    /// A datagram comes in: the internal endpoint that becomes its destination.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        external: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, Dropped> {
        let contact = RemoteKey::new(self.nat.filtering, remote);
        let own = RemoteKey::new(self.nat.mapping, remote);
        let alive = self.alive_at(now, external);
        // Where mappings share the port, a datagram belongs to the one that was made for its source.
        let (made_for_it, others): (Vec<Key>, Vec<Key>) =
            alive.iter().partition(|key| key.remote == own);
        let permitted = made_for_it
            .into_iter()
            .chain(others)
            .find(|key| self.permits(now, key, contact));
        match permitted {
            None if alive.is_empty() => Err(Dropped::NotMapped),
            None => Err(Dropped::Filtered),
            Some(key) => {
                if self.nat.inbound_refresh
                    && let Some(entry) = self.mappings.get_mut(&key)
                {
                    entry.used = now;
                    entry.contacts.note(now, self.nat.timeout, contact);
                }
                Ok(key.internal)
            }
        }
    }

    /// Whose an external endpoint is, whatever the filter says.
    pub(crate) fn holder(&self, now: Instant, external: SocketAddr) -> Result<SocketAddr, Dropped> {
        self.alive_at(now, external)
            .last()
            .map(|key| key.internal)
            .ok_or(Dropped::NotMapped)
    }

    /// The mappings that are alive.
    pub(crate) fn mappings(&self, now: Instant) -> Vec<Mapping> {
        self.mappings
            .iter()
            .filter(|(key, _)| self.is_alive(now, key))
            .map(|(key, entry)| Mapping {
                internal: key.internal,
                external: entry.external,
                expires: entry.used + self.nat.timeout,
            })
            .collect()
    }

    fn permits(&self, now: Instant, key: &Key, contact: RemoteKey) -> bool {
        if self.nat.filtering == Dependence::EndpointIndependent {
            return true;
        }
        let has = |entry: &Entry| entry.contacts.has(now, self.nat.timeout, contact);
        match self.nat.filter_scope {
            FilterScope::Mapping => self.mappings.get(key).is_some_and(has),
            FilterScope::InternalEndpoint => {
                let first = Key {
                    internal: key.internal,
                    remote: RemoteKey::Any,
                };
                self.mappings
                    .range(first..)
                    .take_while(|(other, _)| other.internal == key.internal)
                    .any(|(_, entry)| has(entry))
            }
        }
    }

    fn is_alive(&self, now: Instant, key: &Key) -> bool {
        self.mappings
            .get(key)
            .is_some_and(|entry| now < entry.used + self.nat.timeout)
    }

    fn alive_at(&self, now: Instant, external: SocketAddr) -> Vec<Key> {
        self.by_external
            .get(&external)
            .into_iter()
            .flatten()
            .filter(|key| self.is_alive(now, key))
            .copied()
            .collect()
    }

    fn forget(&mut self, key: &Key) {
        if let Some(entry) = self.mappings.remove(key)
            && let Some(keys) = self.by_external.get_mut(&entry.external)
        {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.by_external.remove(&entry.external);
            }
        }
    }

    /// Keeps a long run with many flows from filling the memory, at a constant cost a mapping.
    fn sweep(&mut self, now: Instant) {
        if self.mappings.len() < self.sweep_at {
            return;
        }
        let expired: Vec<Key> = self
            .mappings
            .keys()
            .filter(|key| !self.is_alive(now, key))
            .copied()
            .collect();
        for key in &expired {
            self.forget(key);
        }
        self.sweep_at = MANY.max(self.mappings.len().saturating_mul(2));
    }

    /// Finds a free external endpoint.
    fn assign(&mut self, now: Instant, key: &Key) -> Result<SocketAddr, Dropped> {
        let address = self.pair(key.internal.ip())?;
        let mut candidates = Candidates::new(
            self.nat.ports,
            self.nat.parity,
            key.internal.port(),
            self.sequential,
            &mut self.random,
        );
        while let Some(port) = candidates.next(&mut self.random) {
            let external = SocketAddr::new(address, port);
            if self.is_free(now, external, key) {
                self.sequential = ports::after(port);
                return Ok(external);
            }
        }
        Err(Dropped::NoPort)
    }

    fn is_free(&mut self, now: Instant, external: SocketAddr, key: &Key) -> bool {
        let expired: Vec<Key> = self
            .by_external
            .get(&external)
            .into_iter()
            .flatten()
            .filter(|other| !self.is_alive(now, other))
            .copied()
            .collect();
        for other in &expired {
            self.forget(other);
        }
        self.by_external.get(&external).is_none_or(|others| {
            self.nat.overloading
                && others
                    .iter()
                    .all(|other| other.remote.is_apart_from(key.remote))
        })
    }

    /// The external address of an internal one: always the same.
    fn pair(&mut self, internal: IpAddr) -> Result<IpAddr, Dropped> {
        let next = self.paired.len();
        let place = *self.paired.entry(internal).or_insert(next);
        let place = place.checked_rem(self.pool.len()).ok_or(Dropped::NoRoute)?;
        self.pool.get(place).copied().ok_or(Dropped::NoRoute)
    }
}

/// What a mapping is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    internal: SocketAddr,
    remote: RemoteKey,
}

#[derive(Clone, Debug)]
struct Entry {
    external: SocketAddr,
    used: Instant,
    contacts: Contacts,
}

impl Entry {
    fn new(external: SocketAddr, now: Instant) -> Self {
        Self {
            external,
            used: now,
            contacts: Contacts::default(),
        }
    }
}
