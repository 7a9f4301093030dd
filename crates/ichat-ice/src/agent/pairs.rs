//! Which candidates form pairs, and in which order both sides check them.

use std::cmp::Reverse;

use ichat_invitation::{Candidate, CandidateId, CandidateKind};

use crate::scope::Scope;

/// When a pair is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairClass {
    /// In its turn.
    Regular,
    /// Only when the regular ones have had their time and nothing works \[I\]: a private address with
    /// a public one, where others pair without such a mixture, and a relay with what is no relay.
    /// The rules want these left out; but the one pair that works may be among them, and an iChat
    /// never has a relay itself.
    LastResort,
}

/// One candidate of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Place of ours in the list that was given.
    pub local: usize,
    /// Place of the peer's in its list.
    pub remote: usize,
    /// When it is checked.
    pub class: PairClass,
}

/// How two candidates suit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Well,
    /// Private with public, or loopback with either.
    Mixed,
    /// A relay with what is no relay.
    HalfRelayed,
}

/// All pairs of two lists, in the order in which both sides check them.
///
/// Each side's candidates are ranked by descending priority, then ascending slot, then ascending id;
/// pairs are sorted by the smaller rank, then by the larger, then by the larger id of the two,
/// descending. With the two lists exchanged the same pairs come out in the same order. Last resorts
/// come last. If the lists share no slot, slots are left out of account.
///
/// Source: `docs/protocol/connectivity.md`, pairs [D; last resorts and the scope of loopback: I].
pub fn pair_list(local: &[Candidate], remote: &[Candidate]) -> Vec<Pair> {
    let shares_slot = local
        .iter()
        .any(|ours| remote.iter().any(|theirs| ours.slot == theirs.slot));
    let (local_ranks, remote_ranks) = (ranks(local), ranks(remote));
    let mut pairs = Vec::new();
    for (place, (ours, rank)) in local.iter().zip(&local_ranks).enumerate() {
        for (other, (theirs, other_rank)) in remote.iter().zip(&remote_ranks).enumerate() {
            if shares_slot && ours.slot != theirs.slot {
                continue;
            }
            if let Some(fit) = fit(ours, theirs) {
                let order = order((*rank, ours.id), (*other_rank, theirs.id));
                pairs.push((fit, order, place, other));
            }
        }
    }
    let any_well = pairs.iter().any(|(fit, ..)| *fit == Fit::Well);
    let mut pairs: Vec<_> = pairs
        .into_iter()
        .map(|(fit, order, local, remote)| {
            let class = match fit {
                Fit::Well => PairClass::Regular,
                Fit::Mixed if !any_well => PairClass::Regular,
                Fit::Mixed | Fit::HalfRelayed => PairClass::LastResort,
            };
            let pair = Pair {
                local,
                remote,
                class,
            };
            (class, order, pair)
        })
        .collect();
    pairs.sort_by_key(|(class, order, _)| (*class, *order));
    pairs.into_iter().map(|(_, _, pair)| pair).collect()
}

type Order = (usize, usize, Reverse<CandidateId>, Reverse<CandidateId>);

fn order(one: (usize, CandidateId), other: (usize, CandidateId)) -> Order {
    let ((rank, id), (other_rank, other_id)) = (one, other);
    (
        rank.min(other_rank),
        rank.max(other_rank),
        Reverse(id.max(other_id)),
        Reverse(id.min(other_id)),
    )
}

/// The rank of each candidate, from 1. Where a list repeats an id, the address decides.
fn ranks(candidates: &[Candidate]) -> Vec<usize> {
    let key = |candidate: &Candidate| {
        (
            Reverse(candidate.priority),
            candidate.slot,
            candidate.id,
            candidate.address.address(),
        )
    };
    candidates
        .iter()
        .map(|candidate| {
            let before = candidates
                .iter()
                .filter(|other| key(other) < key(candidate));
            before.count() + 1
        })
        .collect()
}

fn fit(ours: &Candidate, theirs: &Candidate) -> Option<Fit> {
    let (our_ip, their_ip) = (ours.address.address().ip(), theirs.address.address().ip());
    let (our_scope, their_scope) = (Scope::of(our_ip), Scope::of(their_ip));
    let link_local = |scope| scope == Scope::LinkLocal;
    if our_ip.is_ipv4() != their_ip.is_ipv4() || link_local(our_scope) != link_local(their_scope) {
        return None;
    }
    let relay = |candidate: &Candidate| candidate.kind == CandidateKind::Relay;
    Some(match (relay(ours), relay(theirs)) {
        (true, true) => Fit::Well,
        (true, false) | (false, true) => Fit::HalfRelayed,
        (false, false) if our_scope == their_scope => Fit::Well,
        (false, false) => Fit::Mixed,
    })
}
