//! Which candidates are checked with which, and in which order
//! (`docs/protocol/connectivity.md`, pairs `[D]`).

use crate::candidate::{Candidate, Id, RELAY};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

/// Where an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// This machine `[I]`.
    Loopback,
    LinkLocal,
    Private,
    Public,
}

fn reach(address: SocketAddr) -> Reach {
    match address.ip() {
        ip if ip.is_loopback() => Reach::Loopback,
        IpAddr::V4(ip) if ip.is_link_local() => Reach::LinkLocal,
        IpAddr::V4(ip) if ip.is_private() => Reach::Private,
        IpAddr::V6(ip) if ip.segments()[0] & 0xfe00 == 0xfc00 => Reach::Private,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80 => Reach::LinkLocal,
        IpAddr::V4(_) | IpAddr::V6(_) => Reach::Public,
    }
}

/// The place of each candidate, from 1: by descending priority, ascending slot, ascending id.
fn ranks(candidates: &[Candidate]) -> Vec<usize> {
    let key = |candidate: &Candidate| (Reverse(candidate.priority), candidate.slot, candidate.id);
    let mut sorted: Vec<usize> = (0..candidates.len()).collect();
    sorted.sort_by_key(|index| key(&candidates[*index]));
    let mut ranks = vec![0; candidates.len()];
    for (place, index) in sorted.into_iter().enumerate() {
        ranks[index] = place + 1;
    }
    ranks
}

/// Two candidates that fit each other.
struct Fit {
    /// One reaches where the other does not.
    mixed: bool,
    ranks: [usize; 2],
    larger: Id,
    places: (usize, usize),
}

/// The places of two candidates in their lists, in the order in which they are checked.
pub(crate) fn pairs(local: &[Candidate], remote: &[Candidate]) -> Vec<(usize, usize)> {
    let (ours, theirs) = (ranks(local), ranks(remote));
    let common = local
        .iter()
        .any(|l| remote.iter().any(|r| l.slot == r.slot));
    let mut found = Vec::new();
    for (one, l) in local.iter().enumerate() {
        for (other, r) in remote.iter().enumerate() {
            let (a, b) = (l.address(), r.address());
            let fits = (l.slot == r.slot || !common)
                && a.is_ipv4() == b.is_ipv4()
                && (l.kind == RELAY) == (r.kind == RELAY)
                && (reach(a) == Reach::LinkLocal) == (reach(b) == Reach::LinkLocal);
            if fits {
                let mut ranks = [ours[one], theirs[other]];
                ranks.sort_unstable();
                found.push(Fit {
                    mixed: reach(a) != reach(b),
                    ranks,
                    larger: l.id.max(r.id),
                    places: (one, other),
                });
            }
        }
    }
    // Mixtures only if nothing else pairs.
    let unmixed = found.iter().any(|fit| !fit.mixed);
    found.retain(|fit| !(fit.mixed && unmixed));
    found.sort_by_key(|fit| (fit.ranks, Reverse(fit.larger)));
    found.into_iter().map(|fit| fit.places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{HOST, REFLEXIVE, new_id};
    use crate::ipport::record;

    fn candidate(text: &str, kind: u32, priority: u16, id: u32) -> Candidate {
        let record = record(0, text.parse().unwrap(), false);
        Candidate::new(kind, new_id(id), priority, record, record)
    }

    fn names(local: &[Candidate], remote: &[Candidate]) -> Vec<String> {
        let pairs = pairs(local, remote).into_iter();
        let name = |(one, other): (usize, usize)| {
            let (one, other) = (local[one].address().ip(), remote[other].address().ip());
            format!("{one} {other}")
        };
        pairs.map(name).collect()
    }

    #[test]
    fn both_sides_get_the_same_list() {
        let ours: Vec<Candidate> = (1..6)
            .map(|n| candidate(&format!("10.0.0.{n}:1"), HOST, 40 + n as u16 % 3, 100 - n))
            .collect();
        let theirs: Vec<Candidate> = (1..5)
            .map(|n| candidate(&format!("10.0.1.{n}:1"), HOST, 40 + n as u16 % 2, n))
            .collect();
        let mut mirrored = pairs(&theirs, &ours);
        for pair in &mut mirrored {
            *pair = (pair.1, pair.0);
        }
        assert_eq!(pairs(&ours, &theirs), mirrored);
        assert_eq!(mirrored.len(), 20);
    }

    #[test]
    fn the_best_ranks_come_first_and_then_the_larger_id() {
        let ours = [
            candidate("10.0.0.1:1", HOST, 45, 1),
            candidate("10.0.0.2:1", HOST, 45, 9),
        ];
        let theirs = [
            candidate("10.0.1.1:1", HOST, 90, 5),
            candidate("10.0.1.2:1", HOST, 40, 7),
        ];
        let expected = [
            "10.0.0.1 10.0.1.1",
            // Ranks 1 and 2 both: the ids 9 and 7 decide.
            "10.0.0.2 10.0.1.1",
            "10.0.0.1 10.0.1.2",
            "10.0.0.2 10.0.1.2",
        ];
        assert_eq!(names(&ours, &theirs), expected);
    }

    #[test]
    fn only_what_can_reach_each_other_is_paired() {
        let ours = [
            candidate("192.168.1.2:1", HOST, 45, 1),
            candidate("203.0.113.9:1", REFLEXIVE, 35, 2),
            candidate("169.254.1.1:1", HOST, 30, 3),
            candidate("[2001:db8::1]:1", HOST, 10, 4),
            candidate("198.51.100.3:1", RELAY, 5, 5),
        ];
        let theirs = [
            candidate("10.0.0.5:1", HOST, 45, 6),
            candidate("198.51.100.7:1", HOST, 44, 7),
            candidate("169.254.9.9:1", HOST, 43, 8),
            candidate("198.51.100.9:1", RELAY, 5, 9),
        ];
        let expected = [
            "192.168.1.2 10.0.0.5",
            "203.0.113.9 198.51.100.7",
            "169.254.1.1 169.254.9.9",
            "198.51.100.3 198.51.100.9",
        ];
        assert_eq!(names(&ours, &theirs), expected);
        assert_eq!(
            names(&ours[..1], &theirs[1..2]),
            ["192.168.1.2 198.51.100.7"]
        );
        let lonely = [candidate("127.0.0.1:1", HOST, 45, 1)];
        assert_eq!(names(&lonely, &theirs[..1]), ["127.0.0.1 10.0.0.5"]);
        assert!(names(&ours[3..4], &theirs).is_empty());
    }

    #[test]
    fn slots_are_left_out_of_account_only_if_none_is_shared() {
        let ours = [candidate("10.0.0.1:1", HOST, 45, 1)];
        let mut theirs = [
            candidate("10.0.0.2:1", HOST, 45, 2),
            candidate("10.0.0.3:1", HOST, 45, 3),
        ];
        theirs[0].slot = 1;
        assert_eq!(names(&ours, &theirs), ["10.0.0.1 10.0.0.3"]);
        theirs[1].slot = 2;
        assert_eq!(names(&ours, &theirs).len(), 2);
    }
}
