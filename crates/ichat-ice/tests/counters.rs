//! What is dropped is counted, and counts outlive whoever counted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::stun::{CheckRequest, CheckUsername, TransactionId};
use ichat_ice::{
    Agent, AgentConfig, Counters, GatherConfig, Gatherer, Handled, Interface, Transmit, TurnServer,
};
use ichat_invitation::CandidateId;
use support::world::World;
use support::{CALLER, Call, Dice, addr, host, ms, records};

const OURS: &str = "192.168.1.2:16402";
const THEIRS: &str = "192.168.1.3:16402";
const SERVER: &str = "198.51.100.3:3478";

fn check(receiver: u32, sender: u32, number: u8) -> Vec<u8> {
    let request = CheckRequest {
        transaction: TransactionId::with_cookie([number; 12]),
        username: CheckUsername {
            receiver: CandidateId::new(receiver),
            sender: CandidateId::new(sender),
        },
        slot: 0,
    };
    request.encode().to_vec()
}

#[test]
fn every_datagram_of_a_call_whose_bits_are_flipped_is_in_one_counter() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.exchange();
    call.run_to_path();
    let said = std::mem::take(&mut call.sides[1 - CALLER].sent);
    let agent = &mut call.sides[CALLER].agent;
    let before = agent.counters();
    let mut dice = Dice(8);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..4000 {
        let (_, sent) = &said[round % said.len()];
        let mut octets = sent.octets.clone();
        let bit = usize::try_from(dice.next()).unwrap() % (octets.len() * 8);
        octets[bit / 8] ^= 1 << (bit % 8);
        match agent.handle_datagram(call.now, addr(OURS), addr(THEIRS), &octets) {
            Ok(Handled::Answered | Handled::Deferred | Handled::Response) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    let counters = agent.counters();
    let all = |counters: Counters| counters.answered + counters.deferred + counters.responses;
    assert_eq!(all(counters) - all(before), taken);
    assert_eq!(counters.refused() - before.refused(), refused);
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[test]
fn what_two_agents_of_one_call_counted_is_added_up() {
    let now = Instant::now();
    let mut sum = Counters::default();
    for seed in [1, 2] {
        let config = AgentConfig {
            seed,
            local: vec![host(1, OURS)],
            ..AgentConfig::default()
        };
        let mut agent = Agent::new(now, config);
        agent.set_remote(now, &records(&[host(2, THEIRS), host(3, "0.0.0.0:1")]));
        for number in 0..3 {
            let theirs = check(1, 2, number);
            agent
                .handle_datagram(now, addr(OURS), addr(THEIRS), &theirs)
                .unwrap();
        }
        agent
            .handle_datagram(now, addr(OURS), addr(THEIRS), &check(77, 2, 9))
            .unwrap_err();
        agent
            .handle_datagram(now, addr(OURS), addr(THEIRS), b"?")
            .unwrap_err();
        agent.note_traffic(now, addr(OURS), addr(THEIRS));
        sum += agent.counters();
    }
    let expected = Counters {
        checks_sent: sum.checks_sent,
        answered: 6,
        malformed: 2,
        not_for_us: 2,
        unusable: 2,
        unproven: 2,
        ..Counters::default()
    };
    assert_eq!(sum, expected);
    assert!(sum.checks_sent >= 2);
    assert_eq!(sum.refused(), 4);
}

#[test]
fn addresses_that_make_room_for_others_are_counted_and_so_are_those_without() {
    let now = Instant::now();
    let config = AgentConfig {
        local: vec![host(1, OURS)],
        ..AgentConfig::default()
    };
    let mut agent = Agent::new(now, config);
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    let from = |agent: &mut Agent, at, port: u16| {
        let source = addr(&format!("203.0.113.9:{port}"));
        agent
            .handle_datagram(at, addr(OURS), source, &check(1, 5, 1))
            .unwrap();
    };
    // Eight ports of one host are followed, and one more every ten seconds.
    for port in 1..=20 {
        from(&mut agent, now, port);
    }
    let counters = agent.counters();
    assert_eq!((counters.too_many_candidates, counters.replaced), (12, 0));
    from(&mut agent, now + Duration::from_secs(10), 21);
    let counters = agent.counters();
    assert_eq!((counters.too_many_candidates, counters.replaced), (12, 1));
}

#[test]
fn what_went_over_a_relay_that_was_given_back_is_still_known() {
    let mut world = World::new(Instant::now());
    let interface = |socket: &str| Interface {
        name: "en0".to_owned(),
        socket: addr(socket),
        point_to_point: false,
    };
    let config = GatherConfig {
        seed: 1,
        interfaces: vec![interface(OURS)],
        turn: vec![TurnServer {
            address: addr(SERVER),
            username: "mac".to_owned(),
            password: "secret".to_owned(),
        }],
        ..GatherConfig::default()
    };
    let sockets = [OURS, "192.168.2.2:16402", "192.168.3.2:16402"];
    let host = world.add(Gatherer::new(world.now, config), &sockets, None);
    world.run(ms(500));
    let send = |world: &mut World, octets: &[u8]| {
        let local = world.turn.relayed[0];
        let remote = addr("198.51.100.200:16402");
        let octets = octets.to_vec();
        world.send(
            host,
            Transmit {
                local,
                remote,
                octets,
            },
        );
        world.run(ms(100));
    };
    send(&mut world, b"one");
    // Its permission never comes.
    world.lost = Some(|(_, _, octets)| octets.starts_with(&[0x01, 0x08]));
    let local = world.turn.relayed[0];
    for number in 0..3 {
        let unsent = Transmit {
            local,
            remote: addr("198.51.100.77:16402"),
            octets: vec![number],
        };
        world.send(host, unsent);
    }
    let counters = world.hosts[host].gatherer.relayed_in_all();
    assert_eq!((counters.sent, counters.unsent), (1, 0), "three wait");
    // To another network, and from there to a third: two relays that are no more.
    world.lost = None;
    for socket in &sockets[1..] {
        let now = world.now;
        let gatherer = &mut world.hosts[host].gatherer;
        gatherer.set_interfaces(now, vec![interface(socket)]);
        world.turn.relayed.clear();
        world.run(ms(500));
        send(&mut world, b"more");
    }
    let gatherer = &world.hosts[host].gatherer;
    assert_eq!(gatherer.relay_counters()[0].sent, 1);
    let counters = gatherer.relayed_in_all();
    assert_eq!((counters.sent, counters.unsent), (3, 3));
    let now = world.now;
    let gatherer = &mut world.hosts[host].gatherer;
    let mut last = Transmit {
        local: world.turn.relayed[0],
        remote: addr("198.51.100.78:16402"),
        octets: vec![1],
    };
    assert!(gatherer.send_relayed(now, &last));
    gatherer.release(now);
    assert_eq!(gatherer.relayed_in_all().unsent, 4, "it will never leave");
    last.local = addr(OURS);
    assert!(!gatherer.send_relayed(now, &last), "no relay lends that");
}
