//! Candidates are found.

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

use ichat_ice::gather::{ReflectError, Sighting, assess, priority};
use ichat_ice::{
    GatherConfig, GatherEvent, Gatherer, Interface, LocalCandidate, Mapping, Reflector,
    ReflectorEvent, ReflectorOutput, ReflectorProtocol, ReflectorTimings, snatmap,
};
use ichat_invitation::CandidateKind;
use support::nat::{Filter, Nat};
use support::world::World;
use support::{addr, ms};

const HOME: &str = "192.168.1.2:16402";
const OUTSIDE: &str = "203.0.113.9:40001";

fn interface(name: &str, socket: &str) -> Interface {
    Interface {
        name: name.to_owned(),
        socket: addr(socket),
        point_to_point: false,
    }
}

fn config(world: &World, interfaces: Vec<Interface>) -> GatherConfig {
    GatherConfig {
        seed: 7,
        interfaces,
        snatmap: vec![world.snatmap],
        stun: vec![world.stun],
        ..GatherConfig::default()
    }
}

/// A host behind a NAT, with SNATMAP and STUN to ask.
fn at_home(world: &mut World) -> usize {
    let config = config(world, vec![interface("en0", HOME)]);
    let nat = Nat::new(Filter::AddressAndPort, &[(addr(HOME), addr(OUTSIDE))]);
    world.add(Gatherer::new(world.now, config), &[HOME], Some(nat))
}

fn kinds(candidates: &[LocalCandidate]) -> Vec<(CandidateKind, SocketAddr, SocketAddr)> {
    candidates
        .iter()
        .map(|local| {
            let candidate = local.candidate;
            (candidate.kind, candidate.address.address(), local.base)
        })
        .collect()
}

#[test]
fn a_host_and_its_mapped_address_become_candidates_once() {
    let mut world = World::new(Instant::now());
    let host = at_home(&mut world);
    world.run(ms(1));
    let host = &world.hosts[host];
    assert_eq!(
        kinds(&host.gatherer.local_candidates()),
        [
            (CandidateKind::Host, addr(HOME), addr(HOME)),
            (CandidateKind::ServerReflexive, addr(OUTSIDE), addr(HOME)),
        ]
    );
    let candidates = host.gatherer.candidates();
    assert_eq!(candidates[0].priority, 45, "what an iChat 5 sends");
    assert_eq!(candidates[1].priority, priority::SERVER_REFLEXIVE);
    assert_eq!(candidates[1].base, candidates[0].address);
    assert_eq!(candidates[1].guard, candidates[1].base.guard());
    assert_ne!(candidates[0].id, candidates[1].id);
    assert!(matches!(
        host.events.last(),
        Some((_, GatherEvent::Complete))
    ));
    let mapped =
        |(_, event): &&(Duration, GatherEvent)| matches!(event, GatherEvent::Mapped { .. });
    assert_eq!(
        host.events.iter().filter(mapped).count(),
        2,
        "one for each server"
    );
}

#[test]
fn in_a_legacy_list_the_mapped_address_stands_first() {
    let mut world = World::new(Instant::now());
    let sockets = ["[2001:db8::2]:16402", HOME, "[fe80::2]:16402"];
    let interfaces = sockets
        .iter()
        .map(|socket| interface("en0", socket))
        .collect();
    let nat = Nat::new(Filter::None, &[(addr(HOME), addr(OUTSIDE))]);
    let gatherer = Gatherer::new(world.now, config(&world, interfaces));
    let host = world.add(gatherer, &sockets, Some(nat));
    let gatherer = &world.hosts[host].gatherer;
    let list: Vec<SocketAddr> = gatherer
        .legacy_list()
        .iter()
        .map(|record| record.address)
        .collect();
    assert_eq!(
        list,
        [addr(OUTSIDE), addr(HOME), addr("[2001:db8::2]:16402")]
    );
    assert_eq!(gatherer.external_address(), Some(addr(OUTSIDE)));
    assert_eq!(gatherer.candidates().len(), 3, "no candidate with a scope");
    let ipv6 = gatherer.local_candidates();
    let ipv6 = ipv6.iter().find(|local| local.base.is_ipv6()).unwrap();
    assert_eq!(ipv6.candidate.priority, priority::IPV6);
}

#[test]
fn without_a_nat_there_is_nothing_to_add() {
    let mut world = World::new(Instant::now());
    let config = config(&world, vec![interface("en0", "198.51.100.77:16402")]);
    let host = world.add(
        Gatherer::new(world.now, config),
        &["198.51.100.77:16402"],
        None,
    );
    let gatherer = &world.hosts[host].gatherer;
    assert_eq!(gatherer.candidates().len(), 1);
    let report = gatherer.nat(addr("198.51.100.77:16402"));
    assert_eq!(
        (report.mapping, report.keeps_port),
        (Mapping::None, Some(true))
    );
}

#[test]
fn a_mapping_that_changes_replaces_its_candidate() {
    let mut world = World::new(Instant::now());
    let host = at_home(&mut world);
    world.run(ms(1));
    let before = world.hosts[host].gatherer.local_candidates()[1];
    world.hosts[host].nat = Some(Nat::new(
        Filter::AddressAndPort,
        &[(addr(HOME), addr("203.0.113.9:50505"))],
    ));
    world.hosts[host].events.clear();
    world.run(Duration::from_secs(16));
    let host = &world.hosts[host];
    let after = host.gatherer.local_candidates()[1];
    assert_eq!(after.candidate.address.address(), addr("203.0.113.9:50505"));
    assert_ne!(after.candidate.id, before.candidate.id);
    let gone = |(_, event): &&(Duration, GatherEvent)| *event == GatherEvent::Gone(before);
    let new = |(_, event): &&(Duration, GatherEvent)| *event == GatherEvent::Candidate(after);
    assert_eq!(host.events.iter().filter(gone).count(), 1);
    assert_eq!(host.events.iter().filter(new).count(), 1);
}

#[test]
fn servers_that_do_not_answer_hold_nothing_up_for_more_than_five_seconds() {
    let mut world = World::new(Instant::now());
    world.dead = vec![world.snatmap, world.stun];
    let host = at_home(&mut world);
    world.run(ms(4999));
    assert!(!world.hosts[host].gatherer.is_complete());
    world.run(ms(1));
    assert!(world.hosts[host].gatherer.is_complete());
    // They are asked again, and found when they are back.
    world.dead.clear();
    world.run(Duration::from_secs(16));
    assert_eq!(world.hosts[host].gatherer.candidates().len(), 2);
}

#[test]
fn interfaces_come_and_go() {
    let mut world = World::new(Instant::now());
    let host = at_home(&mut world);
    let cable = "192.168.7.7:16402";
    world.run(ms(1));
    world.hosts[host].events.clear();
    world.hosts[host].sockets.push(addr(cable));
    world.hosts[host].nat = Some(Nat::new(
        Filter::None,
        &[
            (addr(HOME), addr(OUTSIDE)),
            (addr(cable), addr("203.0.113.9:40002")),
        ],
    ));
    let now = world.now;
    world.hosts[host]
        .gatherer
        .set_interfaces(now, vec![interface("en1", cable)]);
    world.run(ms(1));
    let host = &world.hosts[host];
    let gone = |(_, event): &&(Duration, GatherEvent)| matches!(event, GatherEvent::Gone(_));
    assert_eq!(host.events.iter().filter(gone).count(), 2);
    assert_eq!(
        kinds(&host.gatherer.local_candidates()),
        [
            (CandidateKind::Host, addr(cable), addr(cable)),
            (
                CandidateKind::ServerReflexive,
                addr("203.0.113.9:40002"),
                addr(cable)
            ),
        ]
    );
    assert!(matches!(
        host.events.last(),
        Some((_, GatherEvent::Complete))
    ));
}

#[test]
fn once_a_path_is_up_nobody_is_asked_any_more() {
    let mut world = World::new(Instant::now());
    let host = at_home(&mut world);
    world.run(Duration::from_secs(20));
    world.hosts[host].gatherer.stop_refreshing();
    assert_eq!(world.hosts[host].gatherer.poll_timeout(), None);
}

#[test]
fn a_loopback_socket_asks_only_loopback_servers() {
    let world = World::new(Instant::now());
    let mut config = config(&world, vec![interface("lo", "127.0.0.1:16402")]);
    config.snatmap.push(addr("127.0.0.1:5678"));
    let mut gatherer = Gatherer::new(world.now, config);
    let mut asked = Vec::new();
    while let Some(output) = gatherer.poll_output() {
        if let ichat_ice::GatherOutput::Transmit(transmit) = output {
            asked.push(transmit.remote);
        }
    }
    assert_eq!(asked, [addr("127.0.0.1:5678")]);
}

#[test]
fn a_reflector_is_asked_every_half_second_for_five_seconds_then_after_fifteen() {
    for protocol in [ReflectorProtocol::Snatmap, ReflectorProtocol::Stun] {
        let start = Instant::now();
        let (local, server) = (addr(HOME), addr("198.51.100.1:5678"));
        let timings = ReflectorTimings::default();
        let mut reflector = Reflector::new(start, 1, protocol, local, server, timings);
        let mut now = start;
        let mut sent = Vec::new();
        let mut failed = Vec::new();
        while now < start + Duration::from_secs(21) {
            while let Some(output) = reflector.poll_output() {
                match output {
                    ReflectorOutput::Transmit(transmit) => {
                        sent.push((now - start, transmit.octets))
                    }
                    ReflectorOutput::Event(ReflectorEvent::NoAnswer) => failed.push(now - start),
                    ReflectorOutput::Event(event) => panic!("{event:?}"),
                }
            }
            now = reflector.poll_timeout().unwrap();
            reflector.handle_timeout(now);
        }
        let times: Vec<u128> = sent.iter().map(|(at, _)| at.as_millis()).collect();
        let first: Vec<u128> = (0..10).map(|number| number * 500).collect();
        assert_eq!(times[..10], first);
        assert_eq!(times[10..12], [20_000, 20_500]);
        assert_eq!(failed, [Duration::from_secs(5)]);
        assert_eq!(sent[0].1, sent[9].1, "one question, repeated");
        assert_ne!(sent[0].1, sent[10].1, "another question");
    }
}

#[test]
fn only_the_answer_to_the_question_from_the_server_counts() {
    let start = Instant::now();
    let (local, server) = (addr(HOME), addr("198.51.100.1:5678"));
    let timings = ReflectorTimings::default();
    let protocol = ReflectorProtocol::Snatmap;
    let mut reflector = Reflector::new(start, 1, protocol, local, server, timings);
    let Some(ReflectorOutput::Transmit(request)) = reflector.poll_output() else {
        panic!("no request");
    };
    let Ok(snatmap::Message::Request(asked)) = snatmap::Message::decode(&request.octets) else {
        panic!("no request");
    };
    assert_eq!(asked.nonce >> 31, 0);
    assert_eq!(std::net::SocketAddr::V4(asked.local), local);
    let answer = |nonce, external: &str| {
        let external = external.parse().unwrap();
        snatmap::Response { nonce, external }.encode()
    };
    let good = answer(asked.nonce, OUTSIDE);
    let mut refuse = |remote, octets: &[u8], expected| {
        let handled = reflector.handle_datagram(start, local, remote, octets);
        assert_eq!(handled, Err(expected));
    };
    refuse(addr("198.51.100.1:5679"), &good, ReflectError::Elsewhere);
    refuse(
        server,
        &answer(asked.nonce ^ 1, OUTSIDE),
        ReflectError::OtherQuestion,
    );
    refuse(
        server,
        &answer(asked.nonce, "0.0.0.0:1"),
        ReflectError::NoAddress,
    );
    refuse(
        server,
        &answer(asked.nonce, "203.0.113.9:0"),
        ReflectError::NoAddress,
    );
    refuse(server, &request.octets, ReflectError::NoAnswer);
    let later = start + ms(30);
    assert_eq!(
        reflector.handle_datagram(later, local, server, &good),
        Ok(())
    );
    assert_eq!(
        reflector.poll_output(),
        Some(ReflectorOutput::Event(ReflectorEvent::Mapped {
            address: addr(OUTSIDE),
            round_trip: ms(30)
        }))
    );
    let again = reflector.handle_datagram(later, local, server, &good);
    assert_eq!(again, Err(ReflectError::NotAsked), "a repeated answer");
}

#[test]
fn what_servers_see_tells_the_kind_of_nat() {
    let local = addr(HOME);
    let sighting = |server: &str, mapped: &str| Sighting {
        server: addr(server),
        mapped: addr(mapped),
    };
    let (one, other) = ("198.51.100.1:5678", "198.51.100.2:3478");
    for (sightings, mapping, keeps_port, carrier_grade) in [
        (vec![], Mapping::Unknown, None, false),
        (vec![sighting(one, HOME)], Mapping::None, Some(true), false),
        (
            vec![sighting(one, "203.0.113.9:16402")],
            Mapping::Translated,
            Some(true),
            false,
        ),
        (
            vec![sighting(one, OUTSIDE), sighting(other, OUTSIDE)],
            Mapping::Independent,
            Some(false),
            false,
        ),
        (
            vec![
                sighting(one, "203.0.113.9:16402"),
                sighting(other, "203.0.113.9:1025"),
            ],
            Mapping::Dependent,
            Some(false),
            false,
        ),
        (
            vec![sighting(one, "100.64.3.4:16402")],
            Mapping::Translated,
            Some(true),
            true,
        ),
    ] {
        let report = assess(local, &sightings);
        assert_eq!(report.mapping, mapping);
        assert_eq!(report.keeps_port, keeps_port);
        assert_eq!(report.carrier_grade, carrier_grade);
    }
}
