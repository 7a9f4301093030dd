//! Relays and the networks before them do not stay as they are.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::{
    GatherConfig, GatherEvent, Gatherer, Interface, LocalCandidate, RelayFailure, Transmit,
    TurnServer,
};
use support::nat::{Filter, Nat};
use support::world::World;
use support::{addr, ms};

const HOME: &str = "192.168.1.2:16402";
const OUTSIDE: &str = "203.0.113.9:16402";
const LATER: &str = "203.0.113.9:40001";
const PEER: &str = "198.51.100.200:16402";
const SERVER: &str = "198.51.100.3:3478";

fn nat(outside: &str) -> Option<Nat> {
    let mappings = [(addr(HOME), addr(outside))];
    Some(Nat::new(Filter::AddressAndPort, &mappings))
}

/// A host behind a NAT that asks a TURN server, and a SNATMAP server if so wanted.
fn add(world: &mut World, asks_snatmap: bool, password: &str) -> usize {
    let config = GatherConfig {
        seed: 1,
        interfaces: vec![Interface {
            name: "en0".to_owned(),
            socket: addr(HOME),
            point_to_point: false,
        }],
        snatmap: Vec::from_iter(asks_snatmap.then_some(world.snatmap)),
        turn: vec![TurnServer {
            address: addr(SERVER),
            username: "mac".to_owned(),
            password: password.to_owned(),
        }],
        ..GatherConfig::default()
    };
    world.add(Gatherer::new(world.now, config), &[HOME], nat(OUTSIDE))
}

/// A host that only receives and sends.
fn add_peer(world: &mut World) -> usize {
    let nobody = GatherConfig::default();
    world.add(Gatherer::new(world.now, nobody), &[PEER], None)
}

fn datagram(from: SocketAddr, to: SocketAddr, text: &[u8]) -> Transmit {
    Transmit {
        local: from,
        remote: to,
        octets: text.to_vec(),
    }
}

fn lent(world: &World, host: usize) -> Vec<SocketAddr> {
    let local = world.hosts[host].gatherer.local_candidates();
    let relayed = local.into_iter().filter(|local| local.relayed);
    relayed.map(|local| local.base).collect()
}

/// Relayed addresses that came and went, with their times.
fn news(world: &World, host: usize) -> Vec<(u64, bool, SocketAddr)> {
    let relayed = |local: &LocalCandidate| local.relayed;
    let events = world.hosts[host].events.iter();
    events
        .filter_map(|(at, event)| match event {
            GatherEvent::Candidate(local) if relayed(local) => {
                Some((at.as_secs(), true, local.base))
            }
            GatherEvent::Gone(local) if relayed(local) => Some((at.as_secs(), false, local.base)),
            _ => None,
        })
        .collect()
}

fn failures(world: &World, host: usize) -> Vec<(u64, RelayFailure)> {
    let events = world.hosts[host].events.iter();
    events
        .filter_map(|(at, event)| match event {
            GatherEvent::RelayFailed { cause, .. } => Some((at.as_secs(), *cause)),
            _ => None,
        })
        .collect()
}

#[test]
fn when_a_nat_restarts_the_relay_is_asked_for_another_address() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, false, "secret");
    world.run(Duration::from_secs(21));
    let before = lent(&world, host);
    assert_eq!(news(&world, host), [(0, true, before[0])]);
    let peer = add_peer(&mut world);
    world.send(host, datagram(before[0], addr(PEER), b"first"));
    world.run(ms(100));
    // The server knows us by our mapped address, and never says that it knows another one not.
    world.hosts[host].nat = nat(LATER);
    world.run(Duration::from_secs(6));
    let after = lent(&world, host);
    assert_ne!(before, after);
    let expected = [
        (0, true, before[0]),
        (25, false, before[0]),
        (25, true, after[0]),
    ];
    assert_eq!(news(&world, host), expected);
    assert!(failures(&world, host).is_empty());
    world.send(host, datagram(after[0], addr(PEER), b"hello"));
    world.run(ms(100));
    let expected = [(before[0], &b"first"[..]), (after[0], b"hello")];
    let expected = expected.map(|(from, text)| (from, addr(PEER), text.to_vec()));
    assert_eq!(world.hosts[peer].inbox, expected);
    let gatherer = &world.hosts[host].gatherer;
    assert_eq!(gatherer.relay_counters()[0].sent, 1);
    assert_eq!(gatherer.relayed_in_all().sent, 2, "the relay before counts");
}

#[test]
fn what_a_relay_did_not_pass_on_stays_counted_when_another_takes_its_place() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, false, "secret");
    world.run(Duration::from_secs(1));
    let before = lent(&world, host)[0];
    for number in 0..200 {
        // More than may wait for the server's permission.
        let transmit = datagram(before, addr(PEER), &[number; 10]);
        let gatherer = &mut world.hosts[host].gatherer;
        assert!(gatherer.send_relayed(world.now, &transmit));
    }
    world.run(Duration::from_secs(1));
    let unsent = world.hosts[host].gatherer.unsent();
    assert!(unsent > 0);
    assert_eq!(
        unsent,
        world.hosts[host].gatherer.relay_counters()[0].unsent
    );
    world.hosts[host].nat = nat(LATER);
    world.run(Duration::from_secs(30));
    assert_ne!(lent(&world, host), [before]);
    let gatherer = &mut world.hosts[host].gatherer;
    assert_eq!(gatherer.relay_counters()[0].unsent, 0, "it is another one");
    assert_eq!(gatherer.unsent(), unsent);
    gatherer.set_interfaces(world.now, Vec::new());
    assert!(gatherer.relay_counters().is_empty());
    assert_eq!(gatherer.unsent(), unsent);
}

#[test]
fn a_server_that_answers_no_binding_is_asked_anew_when_a_reflector_sees_us_elsewhere() {
    let mut world = World::new(Instant::now());
    world.turn.answers_binding = false;
    let host = add(&mut world, true, "secret");
    world.run(Duration::from_secs(40));
    assert_eq!(news(&world, host).len(), 1, "for no reason never");
    world.hosts[host].nat = nat(LATER);
    world.run(Duration::from_secs(16));
    assert_eq!(news(&world, host).len(), 3);
    assert_eq!(lent(&world, host).len(), 1);
    // Once it is enough: the new address was lent after the reflector had seen us there.
    world.run(Duration::from_secs(60));
    assert_eq!(news(&world, host).len(), 3);
}

#[test]
fn ask_again_notices_a_restarted_nat_at_once_even_where_reflectors_rest() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, true, "secret");
    world.run(Duration::from_secs(2));
    world.hosts[host].gatherer.stop_refreshing();
    world.hosts[host].nat = nat(LATER);
    world.run(ms(500));
    assert_eq!(
        world.hosts[host].gatherer.external_address(),
        Some(addr(OUTSIDE))
    );
    let now = world.now;
    world.hosts[host].gatherer.ask_again(now);
    world.run(ms(500));
    assert_eq!(
        world.hosts[host].gatherer.external_address(),
        Some(addr(LATER))
    );
    assert_eq!(news(&world, host).len(), 3);
}

#[test]
fn a_relay_that_gave_no_answer_is_asked_again_and_one_that_does_not_know_us_is_not() {
    let mut world = World::new(Instant::now());
    world.dead = vec![addr(SERVER)];
    let host = add(&mut world, false, "secret");
    world.run(Duration::from_secs(20));
    assert_eq!(failures(&world, host), [(8, RelayFailure::NoAnswer)]);
    assert!(world.hosts[host].gatherer.is_complete());
    world.dead.clear();
    world.run(Duration::from_secs(5));
    assert_eq!(news(&world, host).len(), 1);

    let mut world = World::new(Instant::now());
    let host = add(&mut world, false, "wrong");
    world.run(Duration::from_secs(5));
    let asked = world.hosts[host].to_turn.len();
    world.run(Duration::from_secs(120));
    assert_eq!(failures(&world, host), [(0, RelayFailure::Unauthorized)]);
    assert_eq!(world.hosts[host].to_turn.len(), asked);
}

#[test]
fn a_channel_is_heard_from_the_moment_that_the_server_uses_it() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, false, "secret");
    let peer = add_peer(&mut world);
    world.run(ms(100));
    let lent = lent(&world, host)[0];
    // The server grants it, and its answer is lost.
    world.lost = Some(|(_, _, octets)| octets.starts_with(&[0x01, 0x09]));
    for number in 0..20 {
        world.send(host, datagram(lent, addr(PEER), &[number; 10]));
        world.run(ms(20));
    }
    world.send(peer, datagram(addr(PEER), lent, b"INVITE sip:"));
    assert_eq!(
        world.hosts[host].inbox,
        [(addr(PEER), lent, b"INVITE sip:".to_vec())]
    );
}

#[test]
fn a_permission_whose_answers_are_lost_is_asked_for_again() {
    let mut world = World::new(Instant::now());
    let host = add(&mut world, false, "secret");
    let peer = add_peer(&mut world);
    world.run(ms(100));
    let lent = lent(&world, host)[0];
    world.lost = Some(|(_, _, octets)| octets.starts_with(&[0x01, 0x08]));
    world.send(host, datagram(lent, addr(PEER), b"one"));
    world.run(Duration::from_secs(12));
    assert!(world.hosts[peer].inbox.is_empty());
    world.lost = None;
    world.send(host, datagram(lent, addr(PEER), b"two"));
    world.run(ms(100));
    assert_eq!(
        world.hosts[peer].inbox,
        [(lent, addr(PEER), b"two".to_vec())]
    );
    let refused =
        |(_, event): &(Duration, GatherEvent)| matches!(event, GatherEvent::RelayRefused { .. });
    assert!(!world.hosts[host].events.iter().any(refused));
}
