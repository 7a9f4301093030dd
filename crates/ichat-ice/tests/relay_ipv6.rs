//! Relayed addresses of IPv6, from a TURN server that is reached over IPv6.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::gather::{Relay, RelayOutput, Relayed, priority};
use ichat_ice::stun::{AttributeKind, Message};
use ichat_ice::{
    GatherConfig, GatherEvent, Gatherer, Interface, PathKind, RelayFailure, Transmit, TurnServer,
};
use ichat_invitation::CandidateKind;
use support::nat::{Filter, Nat};
use support::turn::TurnBox;
use support::world::World;
use support::{addr, ms};

const SERVER: &str = "[2001:db8:5::3]:3478";
const A: &str = "[2001:db8:a::2]:16402";
const B: &str = "[2001:db8:b::3]:16402";
const PEER: &str = "[2001:db8:c::7]:16402";
/// REQUESTED-ADDRESS-FAMILY, and its value for IPv6 (RFC 8656 §18.9; RFC 6156 §4.1.1).
const REQUESTED_ADDRESS_FAMILY: AttributeKind = AttributeKind::Unknown(0x0017);
const IPV6: [u8; 4] = [2, 0, 0, 0];
/// The type of an Allocate request.
const ALLOCATE: [u8; 2] = [0, 3];

fn server(address: &str) -> TurnServer {
    TurnServer {
        address: addr(address),
        username: "mac".to_owned(),
        password: "secret".to_owned(),
    }
}

fn world() -> World {
    let mut world = World::new(Instant::now());
    world.turn = TurnBox::new(world.now, addr(SERVER));
    world
}

fn config(seed: u64, sockets: &[&str]) -> GatherConfig {
    let interface = |socket: &&str| Interface {
        name: "en0".to_owned(),
        socket: addr(socket),
        point_to_point: false,
    };
    GatherConfig {
        seed,
        interfaces: sockets.iter().map(interface).collect(),
        turn: vec![server(SERVER)],
        ..GatherConfig::default()
    }
}

/// A host whose router translates nothing, and lets nothing in but what it sent to.
fn add(world: &mut World, seed: u64, sockets: &[&str]) -> usize {
    let own = sockets.iter().map(|socket| (addr(socket), addr(socket)));
    let firewall = Nat::new(Filter::AddressAndPort, &Vec::from_iter(own));
    let gatherer = Gatherer::new(world.now, config(seed, sockets));
    world.add(gatherer, sockets, Some(firewall))
}

fn relayed(world: &World, host: usize) -> ichat_ice::LocalCandidate {
    let local = world.hosts[host].gatherer.local_candidates();
    *local.iter().find(|local| local.relayed).unwrap()
}

/// The Allocate requests of a relay until its server lends an address.
fn allocations(local: &str, address: &str) -> (Vec<Vec<u8>>, Option<std::net::SocketAddr>) {
    let mut now = Instant::now();
    let mut turn = TurnBox::new(now, addr(address));
    let mut relay = Relay::allocate(now, addr(local), &server(address));
    let mut requests = Vec::new();
    while relay.relayed().is_none() && !relay.has_failed() {
        while let Some(output) = relay.poll_output() {
            let RelayOutput::Transmit(sent) = output else {
                continue;
            };
            if sent.octets.starts_with(&ALLOCATE) {
                requests.push(sent.octets.clone());
            }
            for (from, to, octets) in turn.handle(now, sent.local, sent.remote, &sent.octets) {
                let taken = relay.handle_datagram(now, to, from, &octets);
                assert_eq!(taken, Relayed::Handled);
            }
        }
        now = relay.poll_timeout().unwrap_or(now);
        relay.handle_timeout(now);
    }
    (requests, relay.relayed())
}

#[test]
fn from_an_ipv6_socket_an_ipv6_address_is_asked_for_and_from_ipv4_nothing_is_said() {
    let (requests, lent) = allocations(A, SERVER);
    assert!(lent.unwrap().is_ipv6());
    assert_eq!(requests.len(), 2, "the second has credentials");
    for octets in &requests {
        let family = Message::decode(octets).unwrap();
        let family = family.value(REQUESTED_ADDRESS_FAMILY);
        assert_eq!(family, Some(&IPV6[..]));
    }
    let (requests, lent) = allocations("192.168.1.2:16402", "198.51.100.3:3478");
    assert!(lent.unwrap().is_ipv4());
    for octets in &requests {
        let message = Message::decode(octets).unwrap();
        assert_eq!(message.value(REQUESTED_ADDRESS_FAMILY), None);
    }
}

#[test]
fn an_ipv6_address_of_a_relay_becomes_a_candidate_and_carries_datagrams_both_ways() {
    let mut world = world();
    // The server is asked from the socket of its own family.
    let host = add(&mut world, 1, &["192.168.1.2:16402", A]);
    let nobody = GatherConfig::default();
    let peer = world.add(Gatherer::new(world.now, nobody), &[PEER], None);
    world.run(ms(500));
    let candidate = relayed(&world, host);
    let lent = candidate.base;
    assert_eq!(world.turn.relayed, [lent]);
    assert!(lent.is_ipv6() && world.hosts[host].gatherer.is_relayed(lent));
    assert_eq!(candidate.candidate.kind, CandidateKind::Relay);
    assert_eq!(candidate.candidate.address.address(), lent);
    assert_eq!(candidate.candidate.priority, priority::IPV6);
    // Enough for a permission, and for a channel afterwards.
    for number in 0..20_u8 {
        let transmit = Transmit {
            local: lent,
            remote: addr(PEER),
            octets: vec![number; 100],
        };
        world.send(host, transmit);
        world.run(ms(100));
        let back = Transmit {
            local: addr(PEER),
            remote: lent,
            octets: vec![number; 10],
        };
        world.send(peer, back);
    }
    let expected = (0..20).map(|number| (lent, addr(PEER), vec![number; 100]));
    assert_eq!(world.hosts[peer].inbox, Vec::from_iter(expected));
    let expected = (0..20).map(|number| (addr(PEER), lent, vec![number; 10]));
    assert_eq!(world.hosts[host].inbox, Vec::from_iter(expected));
    assert_eq!(world.hosts[host].to_turn.last(), Some(&104), "a channel");
}

#[test]
fn an_ipv6_address_of_a_relay_is_kept_for_hours() {
    let mut world = world();
    let host = add(&mut world, 1, &[A]);
    world.run(Duration::from_secs(3 * 3600));
    assert_eq!(world.turn.relayed, [relayed(&world, host).base]);
    assert_eq!(world.hosts[host].gatherer.relayed_in_all().dropped, 0);
}

#[test]
fn what_is_for_a_peer_of_the_other_family_is_counted_and_holds_up_nothing() {
    let mut world = world();
    let host = add(&mut world, 1, &[A]);
    world.run(ms(500));
    let nobody = GatherConfig::default();
    let peer = world.add(Gatherer::new(world.now, nobody), &[PEER], None);
    let local = relayed(&world, host).base;
    for remote in ["198.51.100.200:16402"; 100].iter().chain([&PEER]) {
        let transmit = Transmit {
            local,
            remote: addr(remote),
            octets: vec![1; 100],
        };
        world.send(host, transmit);
    }
    world.run(ms(500));
    assert_eq!(world.hosts[peer].inbox.len(), 1);
    let counters = world.hosts[host].gatherer.relayed_in_all();
    assert_eq!((counters.sent, counters.unsent), (1, 100));
}

#[test]
fn a_server_that_has_no_ipv6_address_to_lend_says_so_and_is_not_asked_again() {
    let mut world = world();
    world.turn.lends_ipv6 = false;
    let host = add(&mut world, 1, &[A]);
    world.run(Duration::from_secs(60));
    let failed = GatherEvent::RelayFailed {
        server: addr(SERVER),
        // Address family not supported (RFC 8656 §19).
        cause: RelayFailure::Refused(440),
    };
    let events = world.hosts[host].events.iter();
    assert_eq!(events.filter(|(_, event)| *event == failed).count(), 1);
    assert_eq!(world.hosts[host].to_turn.len(), 2);
}

#[test]
fn from_an_ipv6_address_alone_no_server_of_ipv4_is_asked() {
    let mut world = World::new(Instant::now());
    let mut config = config(1, &[A]);
    config.turn = vec![server("198.51.100.3:3478")];
    let host = world.add(Gatherer::new(world.now, config), &[A], None);
    world.run(Duration::from_secs(20));
    assert!(world.hosts[host].gatherer.is_complete());
    assert!(world.hosts[host].to_turn.is_empty());
}

#[test]
fn two_agents_meet_over_their_relays_where_nothing_else_of_ipv6_gets_through() {
    let mut world = world();
    let hosts = [add(&mut world, 1, &[A]), add(&mut world, 2, &[B])];
    world.run(ms(500));
    world.lost = Some(|(from, to, _)| {
        let server = addr(SERVER).ip();
        from.ip() != server && to.ip() != server
    });
    let lent = hosts.map(|host| relayed(&world, host).base);
    let found = world.connect(hosts);
    for side in [0, 1] {
        let path = found[side].unwrap();
        assert_eq!(path.kind, PathKind::Relay);
        assert_eq!((path.local, path.remote), (lent[side], lent[1 - side]));
    }
}
