//! Which pairs, and in which order.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

use ichat_ice::{PairClass, pair_list};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};
use proptest::prelude::*;

fn candidate(kind: CandidateKind, id: u32, priority: u16, address: &str) -> Candidate {
    let record = IpPort::new("en0", address.parse().unwrap());
    Candidate::with_base(kind, CandidateId::new(id), priority, &record, &record)
}

fn host(id: u32, address: &str) -> Candidate {
    candidate(CandidateKind::Host, id, 45, address)
}

/// Pairs as ids, ours first.
fn ids(local: &[Candidate], remote: &[Candidate]) -> Vec<(CandidateId, CandidateId, PairClass)> {
    pair_list(local, remote)
        .into_iter()
        .map(|pair| (local[pair.local].id, remote[pair.remote].id, pair.class))
        .collect()
}

#[test]
fn pairs_are_sorted_by_the_better_rank_then_the_worse_then_the_larger_id() {
    let ours = [
        host(0x11, "192.168.1.2:16402"),
        candidate(CandidateKind::Host, 0x12, 40, "192.168.1.3:16402"),
    ];
    let theirs = [
        candidate(CandidateKind::Host, 0x22, 40, "192.168.1.5:16402"),
        host(0x21, "192.168.1.4:16402"),
    ];
    let id = CandidateId::new;
    let regular = |a, b| (id(a), id(b), PairClass::Regular);
    // Ranks (1,1); then (1,2) and (2,1), of which the one with the larger id is first; then (2,2).
    assert_eq!(
        ids(&ours, &theirs),
        [
            regular(0x11, 0x21),
            regular(0x11, 0x22),
            regular(0x12, 0x21),
            regular(0x12, 0x22)
        ]
    );
}

#[test]
fn the_rank_counts_priority_then_slot_then_id() {
    let mut second_slot = host(0x01, "192.168.1.2:16402");
    second_slot.slot = 1;
    let ours = [
        second_slot,
        host(0x03, "192.168.1.3:16402"),
        host(0x02, "192.168.1.4:16402"),
        candidate(CandidateKind::Host, 0x09, 90, "192.168.1.5:16402"),
    ];
    let theirs = [host(0x20, "192.168.1.9:16402"), {
        let mut theirs = host(0x21, "192.168.1.9:16402");
        theirs.slot = 1;
        theirs
    }];
    let order: Vec<CandidateId> = ids(&ours, &theirs).into_iter().map(|pair| pair.0).collect();
    assert_eq!(order, [9, 2, 3, 1].map(CandidateId::new));
}

#[test]
fn what_does_not_suit_forms_no_pair() {
    let none = |ours: &Candidate, theirs: &Candidate| pair_list(&[*ours], &[*theirs]).is_empty();
    let private = host(1, "192.168.1.2:16402");
    assert!(
        none(&private, &host(2, "[2001:db8::20]:16402")),
        "another family"
    );
    assert!(
        none(&private, &host(2, "169.254.7.7:16402")),
        "one link only"
    );
    assert!(none(
        &host(1, "169.254.1.1:1"),
        &host(2, "203.0.113.7:16402")
    ));
    assert!(!none(
        &host(1, "169.254.1.1:1"),
        &host(2, "169.254.7.7:16402")
    ));
    assert!(!none(&private, &host(2, "10.0.0.1:16402")));
}

#[test]
fn slots_keep_pairs_apart_unless_the_lists_share_none() {
    let in_slot = |slot, id, address| Candidate {
        slot,
        ..host(id, address)
    };
    let ours = [in_slot(0, 1, "10.0.0.1:1"), in_slot(1, 2, "10.0.0.1:2")];
    let theirs = [in_slot(1, 3, "10.0.0.2:1"), in_slot(2, 4, "10.0.0.2:2")];
    assert_eq!(ids(&ours, &theirs).len(), 1);
    let theirs = [in_slot(7, 3, "10.0.0.2:1"), in_slot(8, 4, "10.0.0.2:2")];
    assert_eq!(ids(&ours, &theirs).len(), 4);
}

#[test]
fn mixtures_are_regular_only_if_nothing_else_pairs() {
    let (private, public) = (host(1, "192.168.1.2:16402"), host(2, "203.0.113.7:16402"));
    let their_private = host(3, "10.0.0.2:16402");
    let classes = |ours: &[Candidate], theirs: &[Candidate]| -> Vec<PairClass> {
        ids(ours, theirs).into_iter().map(|pair| pair.2).collect()
    };
    assert_eq!(classes(&[private], &[public]), [PairClass::Regular]);
    assert_eq!(
        classes(&[private], &[public, their_private]),
        [PairClass::Regular, PairClass::LastResort]
    );
    let relay = candidate(CandidateKind::Relay, 4, 20, "203.0.113.50:50000");
    let their_relay = candidate(CandidateKind::Relay, 5, 20, "203.0.113.51:50000");
    assert_eq!(classes(&[relay], &[their_relay]), [PairClass::Regular]);
    assert_eq!(classes(&[relay], &[public]), [PairClass::LastResort]);
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let kind = prop_oneof![
        4 => Just(CandidateKind::Host),
        2 => Just(CandidateKind::ServerReflexive),
        1 => Just(CandidateKind::Relay),
        1 => Just(CandidateKind::HostPointToPoint),
        1 => any::<u32>().prop_map(CandidateKind::from),
    ];
    let address = prop_oneof![
        (1_u8..=254).prop_map(|last| format!("192.168.1.{last}:16402")),
        (1_u8..=254).prop_map(|last| format!("203.0.113.{last}:16402")),
        (1_u8..=254).prop_map(|last| format!("169.254.0.{last}:16402")),
        (1_u16..=999).prop_map(|last| format!("[2001:db8::{last}]:16402")),
        Just("127.0.0.1:16402".to_owned()),
    ];
    (kind, any::<u32>(), 0_u16..4, address, 0_u32..3).prop_map(
        |(kind, id, priority, address, slot)| Candidate {
            slot,
            ..candidate(kind, id, priority, &address)
        },
    )
}

proptest! {
    #[test]
    fn both_sides_have_the_same_list(
        ours in prop::collection::vec(any_candidate(), 0..10),
        theirs in prop::collection::vec(any_candidate(), 0..10),
        rotated in 0_usize..10,
    ) {
        let here = ids(&ours, &theirs);
        // The peer may keep the lists in another order.
        let mut shuffled = ours.clone();
        shuffled.rotate_left(rotated.min(ours.len()));
        let there: Vec<_> = ids(&theirs, &shuffled)
            .into_iter()
            .map(|(theirs, ours, class)| (ours, theirs, class))
            .collect();
        prop_assert_eq!(here, there);
    }
}
