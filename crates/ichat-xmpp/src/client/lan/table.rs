//! Who is there, and what of that has not been told yet.
//!
//! There is no queue of events that somebody could fill: an event is the difference between what is
//! and what was told last.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use super::LanEvent;
use super::peer::LanPeer;

/// How many peers are kept.
pub(super) const PEER_LIMIT: usize = 256;

/// How many problems wait to be told.
const PROBLEM_LIMIT: usize = 8;

/// The peers, by the full name of their service in lower case.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<String, Entry>,
    /// The keys of entries that differ from what was told, each once.
    changed: VecDeque<String>,
    problems: VecDeque<String>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    fullname: String,
    now: Option<LanPeer>,
    told: Option<LanPeer>,
    seen: u64,
}

impl Table {
    /// Somebody is announced, for the first time or again.
    pub(super) fn insert(&mut self, fullname: &str, peer: LanPeer) {
        let key = fullname.to_lowercase();
        self.clock += 1;
        let seen = self.clock;
        let known = self.entries.get(&key);
        if known.is_none_or(|entry| entry.now.is_none()) && self.present() >= PEER_LIMIT {
            self.make_room();
        }
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
            fullname: fullname.to_owned(),
            now: None,
            told: None,
            seen,
        });
        entry.seen = seen;
        if entry.now.as_ref() != Some(&peer) {
            entry.now = Some(peer);
            self.mark(key);
        }
    }

    /// Somebody is no longer announced.
    pub(super) fn remove(&mut self, fullname: &str) {
        self.forget(&fullname.to_lowercase());
    }

    /// What time it is here: [`Table::sweep`] takes it.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// Drops those who have not been announced since.
    pub(super) fn sweep(&mut self, since: u64) {
        let stale = |entry: &Entry| entry.now.is_some() && entry.seen <= since;
        let keys: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, entry)| stale(entry))
            .map(|(key, _)| key.clone())
            .collect();
        keys.iter().for_each(|key| self.forget(key));
    }

    /// Something went wrong that the user should know.
    pub(super) fn problem(&mut self, message: String) {
        if !self.problems.contains(&message) && self.problems.len() < PROBLEM_LIMIT {
            self.problems.push_back(message);
        }
    }

    /// The next thing to tell; vanishings before anything else, which keeps the table small.
    pub(super) fn next_event(&mut self) -> Option<LanEvent> {
        if let Some(message) = self.problems.pop_front() {
            return Some(LanEvent::Problem { message });
        }
        let gone = |key: &String| {
            self.entries
                .get(key)
                .is_some_and(|entry| entry.now.is_none())
        };
        let at = self.changed.iter().position(gone).unwrap_or(0);
        let key = self.changed.remove(at)?;
        let entry = self.entries.get_mut(&key)?;
        let event = match (entry.told.take(), &entry.now) {
            (Some(told), None) => {
                self.entries.remove(&key);
                return Some(LanEvent::Vanished { name: told.name });
            }
            (Some(told), Some(now)) if told == *now => None,
            (Some(_), Some(now)) => Some(LanEvent::Changed(now.clone())),
            (None, Some(now)) => Some(LanEvent::Appeared(now.clone())),
            (None, None) => None,
        };
        entry.told.clone_from(&entry.now);
        event.or_else(|| self.next_event())
    }

    /// Who is there, sorted by name.
    pub(super) fn peers(&self) -> Vec<LanPeer> {
        let mut peers: Vec<LanPeer> = self
            .entries
            .values()
            .filter_map(|entry| entry.now.clone())
            .collect();
        peers.sort_by(|one, other| one.name.cmp(&other.name));
        peers
    }

    /// The name that somebody with this address announces.
    pub(super) fn name_at(&self, ip: IpAddr) -> Option<String> {
        let has = |peer: &&LanPeer| peer.addresses.iter().any(|address| address.ip() == ip);
        let mut peers = self.entries.values().filter_map(|entry| entry.now.as_ref());
        peers.find(has).map(|peer| peer.name.clone())
    }

    /// Whether a name is taken, in any case.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        let wanted = name.to_lowercase();
        let mut peers = self.entries.values().filter_map(|entry| entry.now.as_ref());
        peers.any(|peer| peer.name.to_lowercase() == wanted)
    }

    /// The full name of the service behind a peer's name.
    pub(super) fn fullname(&self, name: &str) -> Option<String> {
        let named = |entry: &&Entry| entry.now.as_ref().is_some_and(|peer| peer.name == name);
        let entry = self.entries.values().find(named)?;
        Some(entry.fullname.clone())
    }

    fn present(&self) -> usize {
        let there = |entry: &&Entry| entry.now.is_some();
        self.entries.values().filter(there).count()
    }

    /// Drops the one that was not heard of for the longest, of those who share the most crowded
    /// address: who announces a thousand names from one place drives out only itself.
    fn make_room(&mut self) {
        let place = |entry: &Entry| {
            let peer = entry.now.as_ref()?;
            Some(peer.addresses.first().map(std::net::SocketAddr::ip))
        };
        let mut crowds: HashMap<_, usize> = HashMap::new();
        for place in self.entries.values().filter_map(place) {
            *crowds.entry(place).or_default() += 1;
        }
        let oldest = self
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((key, entry.seen, crowds.get(&place(entry)?)?)))
            .max_by_key(|(_, seen, crowd)| (*crowd, std::cmp::Reverse(*seen)))
            .map(|(key, _, _)| key.clone());
        if let Some(key) = oldest {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &str) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.now = None;
        if entry.told.is_some() {
            self.mark(key.to_owned());
        } else {
            self.entries.remove(key);
            self.changed.retain(|changed| changed != key);
        }
    }

    fn mark(&mut self, key: String) {
        if !self.changed.contains(&key) {
            self.changed.push_back(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan::LanPresence;
    use std::net::SocketAddr;

    fn peer(name: &str, host: u8, message: &str) -> LanPeer {
        LanPeer {
            name: name.to_owned(),
            addresses: vec![SocketAddr::from(([10, 0, 0, host], 5298))],
            presence: LanPresence {
                message: Some(message.to_owned()),
                ..LanPresence::default()
            },
        }
    }

    fn events(table: &mut Table) -> Vec<String> {
        std::iter::from_fn(|| table.next_event())
            .map(|event| match event {
                LanEvent::Appeared(peer) => format!("+{}", peer.name),
                LanEvent::Changed(peer) => format!("~{}", peer.name),
                LanEvent::Vanished { name } => format!("-{name}"),
                LanEvent::Problem { message } => format!("!{message}"),
                LanEvent::Stream { .. } => "stream".to_owned(),
            })
            .collect()
    }

    #[test]
    fn what_is_told_is_the_difference() {
        let mut table = Table::default();
        table.insert("A@x._p.", peer("A@x", 1, ""));
        table.insert("a@x._p.", peer("A@x", 1, ""));
        table.insert("b@x._p.", peer("b@x", 2, ""));
        assert!(table.is_taken("a@X"));
        assert_eq!(events(&mut table), ["+A@x", "+b@x"]);
        table.insert("a@x._p.", peer("A@x", 1, "lunch"));
        table.insert("a@x._p.", peer("A@x", 1, "back"));
        table.insert("a@x._p.", peer("A@x", 1, ""));
        assert!(events(&mut table).is_empty(), "it is as it was told");
        table.insert("a@x._p.", peer("A@x", 1, "lunch"));
        table.remove("B@x._p.");
        table.insert("c@x._p.", peer("c@x", 3, ""));
        table.remove("c@x._p.");
        assert_eq!(events(&mut table), ["-b@x", "~A@x"]);
        assert_eq!(table.peers().len(), 1);
        assert_eq!(table.name_at([10, 0, 0, 1].into()).as_deref(), Some("A@x"));
        assert_eq!(table.name_at([10, 0, 0, 2].into()), None);
        assert_eq!(table.fullname("A@x").as_deref(), Some("A@x._p."));
    }

    #[test]
    fn a_thousand_announcements_from_one_place_drive_out_only_each_other() {
        let mut table = Table::default();
        table.insert("real@x._p.", peer("real@x", 1, ""));
        table.insert("other@x._p.", peer("other@x", 2, ""));
        assert_eq!(events(&mut table).len(), 2);
        for number in 0..1000 {
            table.insert(
                &format!("f{number}._p."),
                peer(&format!("f{number}"), 66, ""),
            );
            assert!(table.present() <= PEER_LIMIT);
            assert!(table.changed.len() <= PEER_LIMIT && table.entries.len() <= PEER_LIMIT);
        }
        assert_eq!(table.present(), PEER_LIMIT);
        assert!(table.is_taken("real@x") && table.is_taken("other@x"));
        assert!(table.is_taken("f999") && !table.is_taken("f0"));
        assert_eq!(events(&mut table).len(), PEER_LIMIT - 2);
    }

    #[test]
    fn a_slow_listener_costs_no_more_than_twice_the_limit() {
        let mut table = Table::default();
        for number in 0..3_000_u32 {
            let host = u8::try_from(number % 250).unwrap();
            table.insert(&format!("f{number}._p."), peer("f", host, ""));
            if number % 3 == 0 {
                let _ = table.next_event();
            }
            if number % 7 == 0 {
                table.remove(&format!("f{}._p.", number / 2));
            }
            assert!(table.entries.len() <= 2 * PEER_LIMIT + 2);
            assert!(table.changed.len() <= table.entries.len());
            table.problem(format!("{number}"));
        }
        assert_eq!(table.problems.len(), PROBLEM_LIMIT);
    }

    #[test]
    fn those_who_do_not_come_back_after_a_restart_are_gone() {
        let mut table = Table::default();
        table.insert("a._p.", peer("a", 1, ""));
        table.insert("b._p.", peer("b", 2, ""));
        assert_eq!(events(&mut table).len(), 2);
        let since = table.clock();
        table.insert("b._p.", peer("b", 2, ""));
        table.sweep(since);
        assert_eq!(events(&mut table), ["-a"]);
    }
}
