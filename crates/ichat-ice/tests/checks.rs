//! Two agents find a path.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::{Agent, AgentConfig, Event, Output, PathKind, Timings};
use ichat_invitation::Candidate;
use support::nat::{Filter, Nat};
use support::{CALLEE, CALLER, Call, addr, host, ms, records, reflexive, relayed};

const OURS: &str = "192.168.1.2:16402";
const THEIRS: &str = "192.168.1.3:16402";

#[test]
fn one_host_pair_is_a_path_after_one_round_trip() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.exchange();
    call.run(ms(100));
    insta::assert_snapshot!(call.ladder, @r"
         0 <-- check 192.168.1.3:16402 to 192.168.1.2:16402
         0 --> check 192.168.1.2:16402 to 192.168.1.3:16402
        10 --> success 192.168.1.2:16402 to 192.168.1.3:16402
        10 <-- success 192.168.1.3:16402 to 192.168.1.2:16402
        20 callee: path found after 20 ms: 192.168.1.3:16402 to 192.168.1.2:16402, host
        20 caller: path found after 20 ms: 192.168.1.2:16402 to 192.168.1.3:16402, host
    ");
}

#[test]
fn the_first_check_goes_out_at_once_and_the_others_50_ms_apart() {
    let now = Instant::now();
    let mut agent = Agent::new(
        now,
        AgentConfig {
            local: vec![host(1, OURS)],
            ..AgentConfig::default()
        },
    );
    let dead: Vec<Candidate> = (2..6)
        .map(|number| host(number, &format!("192.168.1.{number}0:16402")).candidate)
        .collect();
    agent.set_remote(now, &dead);
    let mut starts = Vec::new();
    let mut time = now;
    while time < now + ms(400) {
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit(_) => starts.push((time - now).as_millis()),
                Output::Event(event) => panic!("{event:?}"),
            }
        }
        time = agent.poll_timeout().unwrap();
        agent.handle_timeout(time);
    }
    assert_eq!(starts, [0, 50, 100, 150]);
}

#[test]
fn repetitions_are_new_transactions_ever_farther_apart_until_thirty_seconds() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.loss_percent = 100;
    call.tell(CALLER);
    call.run(Duration::from_secs(60));
    let side = &call.sides[CALLER];
    let times: Vec<u128> = side.sent.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times[..6], [0, 500, 1250, 2375, 4062, 6062]);
    assert!(times.last().unwrap() < &30_000);
    let mut transactions: Vec<&[u8]> = side
        .sent
        .iter()
        .map(|(_, transmit)| &transmit.octets[4..20])
        .collect();
    transactions.sort_unstable();
    transactions.dedup();
    assert_eq!(transactions.len(), times.len());
    let (at, event) = side.events.last().unwrap();
    assert_eq!(at.as_millis(), 30_000);
    match event {
        Event::Failed { counters } => {
            assert_eq!(counters.checks_sent, u64::try_from(times.len()).unwrap());
            assert_eq!(counters.answered + counters.responses, 0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dead_candidate_among_the_live_ones_does_no_harm() {
    for dead_place in 0..3 {
        let mut theirs = vec![
            host(21, "192.168.1.30:16402"),
            host(22, "192.168.1.31:16402"),
            host(23, "192.168.1.32:16402"),
        ];
        let mut call = Call::of(&[host(1, OURS)], &theirs);
        let dead = theirs.remove(dead_place).base;
        call.sides[CALLEE].addresses.retain(|live| *live != dead);
        call.exchange();
        call.run_to_path();
        let (path, checks) = call.sides[CALLER].found().unwrap();
        assert_ne!(path.remote, dead);
        assert!(checks <= ms(120), "{checks:?}");
        assert!(call.sides[CALLEE].found().is_some());
    }
}

#[test]
fn a_path_is_found_through_thirty_percent_of_loss_with_and_without_the_cookie() {
    for seed in 0..60 {
        let config = |seed: u64, local, legacy_stun_header| AgentConfig {
            seed,
            local,
            legacy_stun_header,
            ..AgentConfig::default()
        };
        let mut call = Call::new(
            config(
                seed,
                vec![host(1, OURS), host(3, "10.0.0.2:16402")],
                seed % 2 == 0,
            ),
            config(
                seed + 1000,
                vec![host(2, THEIRS), host(4, "10.0.0.3:16402")],
                seed % 3 == 0,
            ),
        );
        call.loss_percent = 30;
        call.dice.0 = seed;
        call.exchange();
        call.run_to_path();
        for side in &call.sides {
            let (path, _) = side.found().unwrap_or_else(|| panic!("seed {seed}"));
            assert_eq!(path.kind, PathKind::Host);
        }
        assert!(
            call.elapsed() < Duration::from_secs(12),
            "seed {seed}: {:?}",
            call.elapsed()
        );
    }
}

#[test]
fn behind_a_nat_the_mapped_address_is_found_or_comes_to_light() {
    for listed in [true, false] {
        let mut ours = vec![host(1, OURS)];
        if listed {
            ours.push(reflexive(3, "203.0.113.9:40001", OURS));
        }
        let theirs = [host(2, "198.51.100.7:16402")];
        let mut call = Call::of(&ours, &theirs);
        call.sides[CALLER].nat = Some(Nat::new(
            Filter::AddressAndPort,
            &[(addr(OURS), addr("203.0.113.9:40001"))],
        ));
        call.exchange();
        call.run_to_path();
        let kind = if listed {
            PathKind::ServerReflexive
        } else {
            PathKind::PeerReflexive
        };
        let (path, _) = call.sides[CALLEE].found().unwrap();
        assert_eq!((path.remote, path.kind), (addr("203.0.113.9:40001"), kind));
        let (path, _) = call.sides[CALLER].found().unwrap();
        assert_eq!((path.local, path.remote), (addr(OURS), theirs[0].base));
        assert_eq!(path.mapped, Some(addr("203.0.113.9:40001")));
        assert_eq!(path.kind, kind);
    }
}

#[test]
fn two_nats_that_let_in_only_whom_they_sent_to_are_opened_from_both_sides() {
    let (a, b) = ("192.168.1.2:16402", "192.168.1.2:16402");
    let (outside_a, outside_b) = ("203.0.113.9:16402", "198.51.100.7:50000");
    // Both have the same address at home: each checks itself in vain.
    let mut call = Call::of(
        &[host(1, a), reflexive(3, outside_a, a)],
        &[host(2, b), reflexive(4, outside_b, b)],
    );
    call.sides[CALLER].nat = Some(Nat::new(
        Filter::AddressAndPort,
        &[(addr(a), addr(outside_a))],
    ));
    call.sides[CALLEE].nat = Some(Nat::new(
        Filter::AddressAndPort,
        &[(addr(b), addr(outside_b))],
    ));
    call.exchange();
    call.run_to_path();
    for (side, remote) in [(CALLER, outside_b), (CALLEE, outside_a)] {
        let (path, checks) = call.sides[side].found().unwrap();
        assert_eq!(
            (path.remote, path.kind),
            (addr(remote), PathKind::ServerReflexive)
        );
        assert!(checks < ms(300), "{checks:?}");
    }
}

#[test]
fn a_path_over_a_relay_waits_a_second_for_a_direct_one() {
    let ours = [host(1, OURS), relayed(3, "203.0.113.50:50001")];
    let theirs = [host(2, "10.9.9.9:16402"), relayed(4, "203.0.113.51:50002")];
    let mut call = Call::of(&ours, &theirs);
    // The direct pair never works.
    call.sides[CALLEE]
        .addresses
        .retain(|address| *address != theirs[0].base);
    call.exchange();
    call.run_to_path();
    let (path, checks) = call.sides[CALLER].found().unwrap();
    assert_eq!(path.kind, PathKind::Relay);
    assert_eq!((path.local, path.remote), (ours[1].base, theirs[1].base));
    assert_eq!(checks, Timings::default().relay_patience);

    // And with nothing else to hope for it is taken at once.
    let mut call = Call::of(&ours[1..], &theirs[1..]);
    call.exchange();
    call.run_to_path();
    assert!(call.sides[CALLER].found().unwrap().1 < ms(50));
}

#[test]
fn a_direct_path_that_needs_a_repetition_wins_over_a_relay() {
    let ours = [host(1, OURS), relayed(3, "203.0.113.50:50001")];
    let theirs = [host(2, THEIRS), relayed(4, "203.0.113.51:50002")];
    let mut call = Call::of(&ours, &theirs);
    let all = call.sides[CALLEE].addresses.clone();
    call.sides[CALLEE].addresses.remove(0);
    call.exchange();
    call.run(ms(300));
    call.sides[CALLEE].addresses = all;
    call.run_to_path();
    assert!(
        call.sides
            .iter()
            .all(|side| side.found().unwrap().0.kind == PathKind::Host)
    );
}

#[test]
fn last_resorts_are_tried_when_nothing_else_works() {
    // A private address that pairs, and is dead; the peer's public one, which should not pair.
    let ours = [host(1, OURS)];
    let theirs = [host(2, "192.168.1.99:16402"), host(3, "203.0.113.7:16402")];
    let mut call = Call::of(&ours, &theirs);
    call.sides[CALLEE]
        .addresses
        .retain(|address| *address == theirs[1].base);
    call.exchange();
    call.run_to_path();
    let (path, checks) = call.sides[CALLER].found().unwrap();
    assert_eq!(path.remote, theirs[1].base);
    assert!(
        checks >= Timings::default().last_resort && checks < ms(1200),
        "{checks:?}"
    );

    // A relay of ours toward a peer that has none.
    let ours = [host(1, OURS), relayed(4, "203.0.113.50:50001")];
    let mut call = Call::of(&ours, &theirs);
    call.sides[CALLEE]
        .addresses
        .retain(|address| *address == theirs[1].base);
    call.sides[CALLER].addresses.remove(0);
    call.exchange();
    call.run_to_path();
    assert_eq!(call.sides[CALLER].found().unwrap().0.kind, PathKind::Relay);
}

#[test]
fn a_public_relay_is_sent_to_private_addresses_only_when_all_else_has_had_its_time() {
    let relay = relayed(4, "203.0.113.50:50001");
    let mapped = reflexive(3, "203.0.113.7:16402", "192.168.2.99:16402");
    let theirs = [host(2, "192.168.2.99:16402"), mapped];
    // Also where the peer lists nothing that pairs better.
    for theirs in [&theirs[..], &theirs[..1]] {
        let mut call = Call::of(&[relay], theirs);
        call.sides[CALLEE].addresses.clear();
        call.exchange();
        call.run(Duration::from_secs(6));
        let first = |to: &str| {
            let sent = call.sides[CALLER].sent.iter();
            let mut matching = sent.filter(|(_, transmit)| transmit.remote == addr(to));
            matching.next().map(|(at, _)| *at)
        };
        let private = first("192.168.2.99:16402").unwrap();
        assert_eq!(private, Timings::default().relay_to_private);
        let public = first("203.0.113.7:16402");
        assert!(public.is_none_or(|public| public < ms(100)), "{public:?}");
    }
}

#[test]
fn late_candidates_and_counter_proposals_bring_a_path() {
    let live = host(3, "192.168.1.4:16402");
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.sides[CALLEE].addresses = vec![live.base];
    call.exchange();
    call.run(Duration::from_secs(3));
    assert!(call.sides[CALLER].found().is_none());
    let all = [host(2, THEIRS), live];
    call.sides[CALLEE].agent.set_local(call.now, all.to_vec());
    call.sides[CALLER]
        .agent
        .add_remote(call.now, &records(&all));
    call.run_to_path();
    assert_eq!(call.sides[CALLER].found().unwrap().0.remote, live.base);
    // Also after everything has failed.
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.sides[CALLEE].addresses = vec![live.base];
    call.exchange();
    call.run(Duration::from_secs(35));
    assert!(matches!(
        call.sides[CALLER].events.last(),
        Some((_, Event::Failed { .. }))
    ));
    call.sides[CALLEE].agent.set_local(call.now, all.to_vec());
    call.sides[CALLER]
        .agent
        .add_remote(call.now, &records(&all));
    call.run_to_path();
    assert!(call.sides.iter().all(|side| side.found().is_some()));
}

#[test]
fn without_any_pair_the_peer_has_thirty_seconds_to_check_us() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, "[2001:db8::20]:16402")]);
    call.exchange();
    call.run(ms(29_999));
    assert!(call.sides[CALLER].events.is_empty());
    call.run(ms(2));
    assert!(matches!(
        call.sides[CALLER].events[..],
        [(_, Event::Failed { .. })]
    ));
    assert_eq!(call.sides[CALLER].agent.poll_timeout(), None);
}

#[test]
fn the_path_of_the_invite_wins() {
    let ours = [host(1, OURS), host(3, "10.0.0.2:16402")];
    let theirs = [host(2, THEIRS), host(4, "10.0.0.3:16402")];
    let mut call = Call::of(&ours, &theirs);
    call.exchange();
    call.run(Duration::from_secs(2));
    let agent = &mut call.sides[CALLEE].agent;
    let first = agent.selected().unwrap();
    let other = *agent.paths().iter().find(|path| **path != first).unwrap();
    assert!(agent.pin(call.now, other.local, other.remote));
    assert_eq!(agent.selected(), Some(other));
    assert!(!agent.pin(call.now, other.local, addr("192.0.2.1:5060")));
    assert_eq!(agent.selected(), Some(other));
}
