//! A path that dies, or whose address goes away, under a call with media.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::Duration;

use ichat_ice::{ChangeCause, Event, LocalCandidate};
use support::{CALLEE, CALLER, Call, addr, host, ms, records};

const WIFI: &str = "192.168.1.2:16402";
const CABLE: &str = "192.168.1.20:16402";
const THEIRS: &str = "192.168.1.3:16402";
const SECOND: Duration = Duration::from_secs(1);

/// A call that has been up for six seconds.
fn established(ours: &[LocalCandidate], theirs: &[LocalCandidate]) -> Call {
    let mut call = Call::of(ours, theirs);
    call.exchange();
    call.run_to_path();
    call.talk();
    call.run(6 * SECOND);
    call
}

fn changes(call: &Call, side: usize) -> Vec<(ChangeCause, String)> {
    let events = call.sides[side].events.iter();
    events
        .filter_map(|(_, event)| match event {
            Event::PathChanged { to, cause, .. } => {
                Some((*cause, format!("{} {}", to.local, to.remote)))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn from_wifi_to_cable_no_side_misses_half_a_second() {
    for known_before in [true, false] {
        let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
        let from = call.elapsed();
        let cable = host(3, CABLE);
        if known_before {
            // The cable is plugged in, and a little later the radio is switched off.
            call.sides[CALLER].addresses.push(cable.base);
            let both = vec![host(1, WIFI), cable];
            call.sides[CALLER].agent.set_local(call.now, both);
            call.run(SECOND);
            assert!(
                changes(&call, CALLER).is_empty(),
                "no reason to leave the radio"
            );
        }
        call.sides[CALLER].addresses = vec![cable.base];
        call.sides[CALLER].agent.set_local(call.now, vec![cable]);
        call.run(3 * SECOND);
        for side in [CALLER, CALLEE] {
            let gap = call.sides[side].longest_gap(from, call.elapsed());
            assert!(gap < ms(500), "side {side} heard nothing for {gap:?}");
        }
        let caller = changes(&call, CALLER);
        let callee = changes(&call, CALLEE);
        assert_eq!(caller[0].1, format!("{CABLE} {THEIRS}"));
        assert_eq!(callee, [(ChangeCause::Silent, format!("{THEIRS} {CABLE}"))]);
    }
}

/// Moves the caller to another address. Of the checks and answers since then those are lost whose
/// number's bit is set.
fn move_and_lose(call: &mut Call, to: LocalCandidate, lost: u32) {
    let mut number = 0;
    call.loses = Some(Box::new(move |_, sent| {
        let is_check = sent.octets.first() != Some(&0x80);
        let loses = is_check && (lost >> number.min(31)) & 1 == 1;
        number += u32::from(is_check);
        loses
    }));
    call.sides[CALLER].addresses = vec![to.base];
    call.sides[CALLER].agent.set_local(call.now, vec![to]);
    call.drain();
}

#[test]
fn whichever_three_checks_are_lost_after_a_move_no_side_misses_half_a_second() {
    let mut longest = Duration::ZERO;
    for lost in (0..1_u32 << 10).filter(|lost| lost.count_ones() <= 3) {
        let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
        let from = call.elapsed();
        move_and_lose(&mut call, host(3, CABLE), lost);
        call.run(2 * SECOND);
        for side in [CALLER, CALLEE] {
            let gap = call.sides[side].longest_gap(from, call.elapsed());
            assert!(gap <= ms(500), "{lost:010b}: side {side}: {gap:?}");
            longest = longest.max(gap);
        }
        assert_eq!(changes(&call, CALLER).len(), 1);
        assert_eq!(changes(&call, CALLEE).len(), 1);
    }
    assert!(longest > ms(300), "a loss is to be felt: {longest:?}");
}

#[test]
fn where_the_peer_was_last_is_tried_at_once_even_from_an_address_of_another_kind() {
    // Between homes: the peer's own address fits ours better, and leads nowhere.
    let outside = "203.0.113.9:16402";
    let theirs = [
        host(2, "10.0.0.3:16402"),
        support::reflexive(4, outside, "10.0.0.3:16402"),
    ];
    let ours = support::reflexive(5, "198.51.100.2:16402", WIFI);
    let mut call = Call::of(&[host(1, WIFI), ours], &theirs);
    let mapping = [(addr("10.0.0.3:16402"), addr(outside))];
    call.sides[CALLEE].nat = Some(support::nat::Nat::new(support::nat::Filter::None, &mapping));
    call.exchange();
    call.run_to_path();
    call.talk();
    call.run(6 * SECOND);
    assert_eq!(
        call.sides[CALLER].agent.selected().unwrap().remote,
        addr(outside)
    );
    let from = call.elapsed();
    // No server has said yet where it sees the new address, and two checks are lost.
    move_and_lose(&mut call, host(3, CABLE), 0b11);
    call.run(2 * SECOND);
    for side in [CALLER, CALLEE] {
        let gap = call.sides[side].longest_gap(from, call.elapsed());
        assert!(gap <= ms(500), "side {side}: {gap:?}");
    }
}

#[test]
fn eight_pairs_are_checked_four_times_in_a_third_of_a_second_and_no_more_of_them() {
    let theirs: Vec<LocalCandidate> = (0..12)
        .map(|number| host(100 + number, &format!("192.168.1.{}:16402", 100 + number)))
        .collect();
    let mut call = established(&[host(1, WIFI)], &theirs);
    let from = call.elapsed();
    let cable = host(3, CABLE);
    move_and_lose(&mut call, cable, 0);
    call.loss_percent = 100;
    call.run(ms(900));
    let peer = call.sides[CALLEE].agent.selected().unwrap().local;
    let mut counts = Vec::new();
    for remote in theirs.iter().map(|theirs| theirs.base) {
        let there = |(at, sent): &(Duration, ichat_ice::Transmit)| {
            let is_there = *at >= from && (sent.local, sent.remote) == (cable.base, remote);
            is_there.then(|| (*at - from).as_millis())
        };
        let sent = call.sides[CALLER].sent.iter().filter_map(there);
        let times: Vec<u128> = sent.collect();
        if remote == peer {
            assert_eq!(times, [0, 50, 150, 350, 850], "where the peer was last");
        }
        let first = times[0];
        counts.push(times.iter().filter(|at| **at <= first + 350).count());
    }
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 1, 1, 4, 4, 4, 4, 4, 4, 4, 4]);
}

#[test]
fn before_there_was_any_path_checks_are_repeated_after_half_a_second() {
    let mut call = Call::of(&[host(1, WIFI)], &[host(2, THEIRS)]);
    call.loss_percent = 100;
    call.exchange();
    call.run(ms(1300));
    for side in &call.sides {
        let times: Vec<u128> = side.sent.iter().map(|(at, _)| at.as_millis()).collect();
        assert_eq!(times, [0, 500, 1250]);
    }
}

#[test]
fn when_the_link_is_up_only_a_while_after_its_address_the_path_is_found_soon_after() {
    for dead in [40, 120, 200, 300] {
        let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
        let cable = host(3, CABLE);
        let from = call.elapsed();
        call.sides[CALLER].addresses.clear();
        call.sides[CALLER].agent.set_local(call.now, vec![cable]);
        call.run(ms(dead));
        call.sides[CALLER].addresses = vec![cable.base];
        call.run(2 * SECOND);
        for side in [CALLER, CALLEE] {
            let gap = call.sides[side].longest_gap(from, call.elapsed());
            assert!(gap <= ms(500), "{dead} ms: side {side}: {gap:?}");
        }
    }
}

#[test]
fn a_path_that_dies_without_a_word_is_left_within_half_a_second() {
    for (delay, limit) in [(5, 400), (30, 500), (60, 600)] {
        let mut call = Call::of(&[host(1, WIFI), host(3, CABLE)], &[host(2, THEIRS)]);
        call.delay = ms(delay);
        call.exchange();
        call.run_to_path();
        call.talk();
        call.run(6 * SECOND);
        let from = call.elapsed();
        let dead = call.sides[CALLER].agent.selected().unwrap().local;
        call.sides[CALLER]
            .addresses
            .retain(|address| *address != dead);
        call.run(3 * SECOND);
        for side in [CALLER, CALLEE] {
            let gap = call.sides[side].longest_gap(from, call.elapsed());
            assert!(
                gap < ms(limit),
                "{delay} ms: side {side} heard nothing for {gap:?}"
            );
            assert_eq!(changes(&call, side).len(), 1, "{delay} ms");
        }
    }
}

#[test]
fn through_loss_of_ten_percent_no_path_is_left_that_works() {
    for seed in 0..20 {
        let mut call = Call::of(
            &[host(1, WIFI), host(3, CABLE)],
            &[host(2, THEIRS), host(4, "192.168.1.30:16402")],
        );
        call.dice.0 = seed;
        call.exchange();
        call.run_to_path();
        call.talk();
        call.loss_percent = 10;
        call.run(120 * SECOND);
        for side in [CALLER, CALLEE] {
            assert_eq!(changes(&call, side), [], "seed {seed}");
        }
    }
}

#[test]
fn a_muted_mac_is_asked_and_not_left() {
    let mut call = established(&[host(1, WIFI), host(3, CABLE)], &[host(2, THEIRS)]);
    call.sides[CALLEE].talks = false;
    call.run(120 * SECOND);
    assert_eq!(changes(&call, CALLER), []);
    assert_eq!(changes(&call, CALLEE), []);
    call.sides[CALLEE].talks = true;
    call.run(SECOND);
    assert_eq!(call.sides[CALLER].unheard + call.sides[CALLEE].unheard, 0);
}

#[test]
fn a_silent_path_with_no_other_is_told_after_thirty_seconds_and_again_when_it_works() {
    let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
    let from = call.elapsed();
    call.loss_percent = 100;
    call.run(60 * SECOND);
    let lost = |(_, event): &&(Duration, Event)| matches!(event, Event::PathLost { .. });
    for side in &call.sides {
        let (at, _) = side.events.iter().find(lost).unwrap();
        let after = *at - from;
        assert!(after >= 30 * SECOND && after < 32 * SECOND, "{after:?}");
        assert!(side.agent.is_validated_source(
            side.agent.selected().unwrap().local,
            side.agent.selected().unwrap().remote
        ));
    }
    call.loss_percent = 0;
    call.run(3 * SECOND);
    for side in &call.sides {
        let restored = |(_, event): &(Duration, Event)| matches!(event, Event::PathRestored { .. });
        assert!(side.events.iter().any(restored));
        assert!(!side.heard.is_empty());
    }
}

#[test]
fn without_any_address_left_the_next_one_that_comes_is_taken() {
    let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
    call.sides[CALLER].addresses.clear();
    call.sides[CALLER].agent.set_local(call.now, Vec::new());
    call.run(2 * SECOND);
    assert_eq!(call.sides[CALLER].agent.selected(), None);
    let cable = host(3, CABLE);
    call.sides[CALLER].addresses = vec![cable.base];
    call.sides[CALLER].agent.set_local(call.now, vec![cable]);
    let from = call.elapsed();
    call.run(2 * SECOND);
    assert_eq!(
        changes(&call, CALLER),
        [(ChangeCause::Found, format!("{CABLE} {THEIRS}"))]
    );
    let gap = call.sides[CALLEE].longest_gap(from, call.elapsed());
    assert!(gap < ms(500), "{gap:?}");
}

#[test]
fn the_ways_that_media_may_come_by_are_known_and_only_an_address_that_goes_ends_one() {
    let mut call = established(&[host(1, WIFI), host(3, CABLE)], &[host(2, THEIRS)]);
    let known = |call: &Call| {
        let agent = &call.sides[CALLER].agent;
        let mut known: Vec<_> = agent.validated_sources().collect();
        known.sort_unstable();
        assert!(
            known
                .iter()
                .all(|(local, remote)| agent.is_validated_source(*local, *remote))
        );
        known
    };
    let ways = [WIFI, CABLE].map(|local| (addr(local), addr(THEIRS)));
    assert_eq!(known(&call), ways);
    // Silence and a path that is left end none: the peer may still use it.
    call.sides[CALLER]
        .addresses
        .retain(|address| *address != addr(WIFI));
    call.run(40 * SECOND);
    assert_eq!(changes(&call, CALLER).len(), 1);
    assert_eq!(known(&call), ways);
    let cable = vec![host(3, CABLE)];
    call.sides[CALLER].agent.set_local(call.now, cable);
    assert_eq!(known(&call), ways[1..]);
}

#[test]
fn media_of_an_unvalidated_source_is_not_heard() {
    let mut call = established(&[host(1, WIFI)], &[host(2, THEIRS)]);
    let agent = &mut call.sides[CALLER].agent;
    for (local, remote) in [
        (WIFI, "192.168.1.3:16403"),
        (WIFI, "192.0.2.1:16402"),
        (CABLE, THEIRS),
    ] {
        assert!(!agent.is_validated_source(addr(local), addr(remote)));
        assert!(!agent.note_traffic(call.now, addr(local), addr(remote)));
    }
    assert_eq!(agent.counters().unproven, 3);
    assert!(agent.note_traffic(call.now, addr(WIFI), addr(THEIRS)));
    assert_eq!(agent.counters().unproven, 3);
}

#[test]
fn a_path_in_use_and_one_in_reserve_are_kept_open_every_fifteen_seconds() {
    let mut call = established(&[host(1, WIFI), host(3, CABLE)], &[host(2, THEIRS)]);
    let from = call.elapsed();
    call.run(61 * SECOND);
    for local in [WIFI, CABLE] {
        let checks = call.sides[CALLER].sent.iter().filter(|(at, sent)| {
            *at > from && sent.local == addr(local) && sent.octets.starts_with(&[0, 1])
        });
        assert_eq!(checks.count(), 4, "{local}");
    }
}

#[test]
fn a_mac_behind_its_nat_hears_of_a_new_address_by_the_signalling() {
    use support::nat::{Filter, Nat};
    let outside = "203.0.113.9:16402";
    let theirs = [support::reflexive(2, outside, "10.0.0.3:16402")];
    let mut call = Call::of(&[host(1, "198.51.100.2:16402")], &theirs);
    let mapping = [(addr("10.0.0.3:16402"), addr(outside))];
    call.sides[CALLEE].nat = Some(Nat::new(Filter::AddressAndPort, &mapping));
    call.exchange();
    call.run_to_path();
    call.talk();
    call.run(6 * SECOND);
    let cable = host(3, "198.51.100.20:16402");
    call.sides[CALLER].addresses = vec![cable.base];
    call.sides[CALLER].agent.set_local(call.now, vec![cable]);
    call.run(ms(100));
    assert_eq!(
        call.sides[CALLER].agent.selected(),
        None,
        "the NAT lets nothing in"
    );
    call.sides[CALLEE]
        .agent
        .add_remote(call.now, &records(&[cable]));
    let from = call.elapsed();
    call.run(2 * SECOND);
    for side in [CALLER, CALLEE] {
        assert_eq!(changes(&call, side).len(), 1);
        let gap = call.sides[side].longest_gap(from, call.elapsed());
        assert!(gap < ms(500), "side {side}: {gap:?}");
    }
}
