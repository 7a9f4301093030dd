//! Relayed addresses, against a TURN server that is not ours.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::{
    GatherConfig, GatherEvent, Gatherer, Interface, PathKind, RelayFailure, RelayListing, Transmit,
    TurnServer,
};
use ichat_invitation::CandidateKind;
use support::nat::{Filter, Nat};
use support::world::World;
use support::{addr, ms};

const A: &str = "192.168.1.2:16402";
const B: &str = "10.0.0.3:16402";

fn with_turn(seed: u64, socket: &str, password: &str) -> GatherConfig {
    GatherConfig {
        seed,
        interfaces: vec![Interface {
            name: "en0".to_owned(),
            socket: addr(socket),
            point_to_point: false,
        }],
        turn: vec![TurnServer {
            address: addr("198.51.100.3:3478"),
            username: "mac".to_owned(),
            password: password.to_owned(),
        }],
        ..GatherConfig::default()
    }
}

/// A host whose NAT lets nothing in but what it sent to.
fn add(world: &mut World, seed: u64, socket: &str, outside: &str) -> usize {
    let gatherer = Gatherer::new(world.now, with_turn(seed, socket, "secret"));
    let nat = Nat::new(Filter::AddressAndPort, &[(addr(socket), addr(outside))]);
    world.add(gatherer, &[socket], Some(nat))
}

fn failure(world: &World, host: usize) -> Option<RelayFailure> {
    let events = world.hosts[host].events.iter();
    events
        .filter_map(|(_, event)| match event {
            GatherEvent::RelayFailed { cause, .. } => Some(*cause),
            _ => None,
        })
        .next_back()
}

#[test]
fn a_relayed_address_becomes_a_candidate() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, 1, A, "203.0.113.9:16402");
    world.run(ms(500));
    let lent = world.turn.relayed[0];
    let host = &mut world.hosts[host];
    assert!(host.gatherer.is_complete() && host.gatherer.is_relayed(lent));
    let relayed = host.gatherer.local_candidates()[1];
    assert_eq!(relayed.candidate.kind, CandidateKind::Relay);
    assert_eq!(
        (relayed.base, relayed.candidate.address.address()),
        (lent, lent)
    );
    // Toward a peer that has no relay.
    host.gatherer.list_relays_as(RelayListing::ServerReflexive);
    let listed = host.gatherer.local_candidates()[1];
    assert_eq!(listed.candidate.kind, CandidateKind::ServerReflexive);
    assert!(listed.relayed && listed.base == lent);
    assert_eq!(listed.candidate.id, relayed.candidate.id);
    assert!(
        !host
            .gatherer
            .legacy_list()
            .iter()
            .any(|record| record.address == lent)
    );
}

#[test]
fn why_there_is_no_relayed_address_is_told() {
    let mut world = World::new(Instant::now());
    let config = with_turn(1, A, "wrong");
    let host = world.add(Gatherer::new(world.now, config), &[A], None);
    world.run(Duration::from_secs(20));
    assert_eq!(failure(&world, host), Some(RelayFailure::Unauthorized));
    assert!(world.hosts[host].gatherer.is_complete());

    let mut world = World::new(Instant::now());
    world.dead = vec![addr("198.51.100.3:3478")];
    let config = with_turn(1, A, "secret");
    let host = world.add(Gatherer::new(world.now, config), &[A], None);
    world.run(Duration::from_secs(20));
    assert_eq!(failure(&world, host), Some(RelayFailure::NoAnswer));
    let (at, _) = world.hosts[host].events.last().unwrap();
    assert!(*at < Duration::from_secs(12), "{at:?}");
}

#[test]
fn the_next_interface_is_tried_when_the_first_gets_no_answer() {
    let mut world = World::new(Instant::now());
    let mut config = with_turn(1, "192.168.9.9:16402", "secret");
    config.interfaces.push(Interface {
        name: "en1".to_owned(),
        socket: addr(A),
        point_to_point: false,
    });
    // Nothing gets out of the first one.
    let host = world.add(Gatherer::new(world.now, config), &[A], None);
    world.run(Duration::from_secs(15));
    assert_eq!(world.turn.relayed.len(), 1);
    assert_eq!(failure(&world, host), None);
    assert!(world.hosts[host].gatherer.is_relayed(world.turn.relayed[0]));
}

#[test]
fn datagrams_go_both_ways_wait_for_the_permission_and_get_a_channel() {
    let mut world = World::new(Instant::now());
    let a = add(&mut world, 1, A, "203.0.113.9:16402");
    world.run(ms(500));
    let lent = world.turn.relayed[0];
    let peer = "198.51.100.200:16402";
    let nobody = GatherConfig::default();
    let b = world.add(Gatherer::new(world.now, nobody), &[peer], None);
    // Before we ever sent there, nothing of the peer's comes through.
    let hello = |from: &str, to, text: &[u8]| Transmit {
        local: addr(from),
        remote: to,
        octets: text.to_vec(),
    };
    world.send(b, hello(peer, lent, b"too early"));
    world.run(ms(200));
    assert!(world.hosts[a].inbox.is_empty());
    for number in 0..20_u8 {
        let mut transmit = hello(A, addr(peer), &[number; 100]);
        transmit.local = lent;
        world.send(a, transmit);
        world.run(ms(100));
    }
    let arrived: Vec<u8> = world.hosts[b]
        .inbox
        .iter()
        .map(|(_, _, octets)| octets[0])
        .collect();
    assert_eq!(arrived, (0..20).collect::<Vec<u8>>(), "all, in their order");
    assert!(
        world.hosts[b]
            .inbox
            .iter()
            .all(|(from, _, _)| *from == lent)
    );
    assert_eq!(
        world.hosts[a].to_turn.last(),
        Some(&104),
        "4 octets more, a channel's"
    );
    world.send(b, hello(peer, lent, b"INVITE sip:"));
    assert_eq!(
        world.hosts[a].inbox,
        [(addr(peer), lent, b"INVITE sip:".to_vec())]
    );
    let counters = world.hosts[a].gatherer.relay_counters()[0];
    assert_eq!(
        (counters.sent, counters.received, counters.unsent),
        (20, 1, 0)
    );
}

#[test]
fn an_address_is_refreshed_for_hours_through_stale_nonces_and_then_given_back() {
    let mut world = World::new(Instant::now());
    world.turn.expire_nonces_after(Duration::from_secs(600));
    let a = add(&mut world, 1, A, "203.0.113.9:16402");
    world.run(ms(500));
    let lent = world.turn.relayed[0];
    let peer = addr("198.51.100.200:16402");
    let nobody = GatherConfig::default();
    let b = world.add(
        Gatherer::new(world.now, nobody),
        &["198.51.100.200:16402"],
        None,
    );
    for _ in 0..180 {
        world.run(Duration::from_secs(60));
        world.send(
            a,
            Transmit {
                local: lent,
                remote: peer,
                octets: vec![1],
            },
        );
        world.run(ms(300));
    }
    assert_eq!(world.hosts[b].inbox.len(), 180);
    assert_eq!(failure(&world, a), None);
    let now = world.now;
    world.hosts[a].gatherer.release(now);
    world.run(ms(500));
    assert!(world.turn.relayed.is_empty());
    assert_eq!(
        failure(&world, a),
        None,
        "that we gave it back is no failure"
    );
}

#[test]
fn what_is_not_needed_after_all_is_given_back_at_once() {
    let mut world = World::new(Instant::now());
    let a = add(&mut world, 1, A, "203.0.113.9:16402");
    let lent = |world: &World| {
        let local = world.hosts[a].gatherer.local_candidates();
        local.iter().any(|candidate| candidate.relayed)
    };
    while !lent(&world) {
        world.run(ms(1));
    }
    assert_eq!(world.turn.relayed.len(), 1);
    let now = world.now;
    world.hosts[a].gatherer.release(now);
    // Nobody gives it time for that.
    world.run(Duration::ZERO);
    assert!(world.turn.relayed.is_empty());
}

#[test]
fn two_agents_whose_nats_let_nothing_in_meet_over_their_relays() {
    let mut world = World::new(Instant::now());
    let hosts = [
        add(&mut world, 1, A, "203.0.113.9:16402"),
        add(&mut world, 2, B, "198.51.100.77:16402"),
    ];
    world.run(ms(500));
    let local = hosts.map(|host| world.hosts[host].gatherer.local_candidates());
    let found = world.connect(hosts);
    for side in [0, 1] {
        let path = found[side].unwrap();
        assert_eq!(path.kind, PathKind::Relay);
        assert_eq!(
            (path.local, path.remote),
            (local[side][1].base, local[1 - side][1].base)
        );
    }
}

#[test]
fn datagrams_of_the_server_that_mean_nothing_are_dropped_and_counted() {
    let mut world = World::new(Instant::now());
    let a = add(&mut world, 1, A, "203.0.113.9:16402");
    world.run(ms(500));
    let now = world.now;
    let gatherer = &mut world.hosts[a].gatherer;
    let server = addr("198.51.100.3:3478");
    let mut dice = support::Dice(3);
    for length in 0..400 {
        let octets: Vec<u8> = (0..length % 60)
            .map(|_| dice.next().to_be_bytes()[0])
            .collect();
        let gathered = gatherer.handle_datagram(now, addr(A), server, &octets);
        assert_eq!(gathered, ichat_ice::Gathered::Dropped);
    }
    assert_eq!(gatherer.relay_counters()[0].dropped, 400);
    let stranger = gatherer.handle_datagram(now, addr(A), addr("192.0.2.1:3478"), &[0x40, 0, 0, 0]);
    assert_eq!(stranger, ichat_ice::Gathered::NotOurs);
    assert!(!format!("{:?}", with_turn(1, A, "sesame")).contains("sesame"));
}
