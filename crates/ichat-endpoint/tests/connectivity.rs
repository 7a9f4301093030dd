//! The ways to a peer as a machine: what servers say, what the peer was told, pinholes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_endpoint::connectivity::{Connectivity, ConnectivityEvent, ConnectivityOutput, Received};
use ichat_ice::stun::{CheckRequest, CheckUsername, TransactionId};
use ichat_ice::{GatherConfig, Interface, TurnServer};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};
use ichat_sip::Route;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn interface(socket: &str) -> Interface {
    Interface {
        name: "en0".into(),
        socket: at(socket),
        point_to_point: false,
    }
}

fn two_interfaces() -> Vec<Interface> {
    vec![
        interface("192.168.1.5:16402"),
        interface("192.168.2.5:16402"),
    ]
}

fn route(local: &str, remote: &str) -> Route {
    Route {
        local: at(local),
        remote: at(remote),
    }
}

/// What comes out.
fn drain(ways: &mut Connectivity) -> (Vec<(Route, Vec<u8>)>, Vec<ConnectivityEvent>) {
    let (mut datagrams, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = ways.poll_output() {
        match output {
            ConnectivityOutput::Transmit { route, octets } => datagrams.push((route, octets)),
            ConnectivityOutput::Event(event) => events.push(event),
        }
    }
    (datagrams, events)
}

/// Lets time pass, and gives what comes out.
fn wait(
    ways: &mut Connectivity,
    now: &mut Instant,
    time: Duration,
) -> (Vec<(Route, Vec<u8>)>, Vec<ConnectivityEvent>) {
    let end = *now + time;
    let (mut datagrams, mut events) = drain(ways);
    while let Some(due) = ways.poll_timeout().filter(|due| *due <= end) {
        *now = due.max(*now);
        ways.handle_timeout(*now);
        let (more, news) = drain(ways);
        datagrams.extend(more);
        events.extend(news);
    }
    *now = end;
    (datagrams, events)
}

#[test]
fn without_servers_all_is_gathered_at_once() {
    let now = Instant::now();
    let config = GatherConfig {
        interfaces: two_interfaces(),
        ..GatherConfig::default()
    };
    let mut ways = Connectivity::new(now, 1, config);
    assert!(ways.is_gathered());
    assert_eq!(drain(&mut ways).1, [ConnectivityEvent::Gathered]);
    assert_eq!(ways.legacy_list().len(), 2);
    assert_eq!(ways.external_address(), None);
}

#[test]
fn a_server_that_does_not_answer_is_told_once_however_many_sockets_asked_it() {
    let mut now = Instant::now();
    let config = GatherConfig {
        interfaces: two_interfaces(),
        stun: vec![at("203.0.113.1:3478")],
        turn: vec![TurnServer {
            address: at("203.0.113.2:3478"),
            username: "me".into(),
            password: "secret".into(),
        }],
        ..GatherConfig::default()
    };
    let mut ways = Connectivity::new(now, 1, config);
    let (datagrams, events) = wait(&mut ways, &mut now, Duration::from_secs(60));
    assert!(!datagrams.is_empty() && ways.is_gathered());
    let faults: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ConnectivityEvent::Fault {
                server,
                code,
                message,
            } => Some((*server, *code, message.as_str())),
            _ => None,
        })
        .collect();
    let [(relay, "relay", said), (stun, "reflector", _)] = faults[..] else {
        panic!("{faults:?}")
    };
    assert_eq!(
        (relay, stun),
        (at("203.0.113.2:3478"), at("203.0.113.1:3478"))
    );
    assert!(
        said.contains("does not answer") && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn a_mapped_address_is_news_only_to_a_peer_that_was_told_before() {
    let now = Instant::now();
    for told in [false, true] {
        let server = at("203.0.113.1:5678");
        let config = GatherConfig {
            interfaces: vec![interface("192.168.1.5:16402")],
            snatmap: vec![server],
            ..GatherConfig::default()
        };
        let mut ways = Connectivity::new(now, 1, config);
        let (datagrams, _) = drain(&mut ways);
        if told {
            assert_eq!(ways.candidates().len(), 1);
        }
        let (asked, question) = &datagrams[0];
        let mapped = at("198.51.100.7:40000");
        let answer = ichat_ice::snatmap::respond(mapped, question).unwrap();
        let received = ways.handle_datagram(now, *asked, &answer);
        assert_eq!(received, Received::Taken);
        let (_, events) = drain(&mut ways);
        let news = ConnectivityEvent::OursChanged { renumbered: false };
        assert_eq!(events.contains(&news), told);
        assert!(events.contains(&ConnectivityEvent::Gathered));
        assert_eq!(ways.legacy_list()[0].address, mapped);
        assert_eq!(ways.external_address(), Some(mapped));
        assert_eq!(ways.candidates()[1].kind, CandidateKind::ServerReflexive);
    }
}

#[test]
fn pinholes_go_to_every_listed_address_and_stop_with_the_call_and_the_peers_are_hints() {
    let mut now = Instant::now();
    let config = GatherConfig {
        interfaces: two_interfaces(),
        ..GatherConfig::default()
    };
    let mut ways = Connectivity::new(now, 1, config);
    let peers = [at("192.168.1.9:16402"), at("203.0.113.5:16402")];
    ways.open_pinholes(now, &peers);
    let (datagrams, _) = drain(&mut ways);
    assert_eq!(datagrams.len(), 4, "from each of ours to each of theirs");
    assert!(datagrams.iter().all(|(_, octets)| octets == b"\r\n\r\n"));
    let unlisted = route("192.168.1.5:16402", "203.0.113.5:61000");
    assert_eq!(
        ways.handle_datagram(now, unlisted, b"\r\n\r\n"),
        Received::Call { validated: false }
    );
    assert_eq!(drain(&mut ways).1, [ConnectivityEvent::Hint(unlisted)]);
    ways.connected();
    let (datagrams, _) = wait(&mut ways, &mut now, Duration::from_secs(120));
    assert_eq!(datagrams, []);
}

#[test]
fn a_check_without_a_call_that_has_checks_is_dropped_and_counted() {
    let now = Instant::now();
    let config = GatherConfig {
        interfaces: two_interfaces(),
        ..GatherConfig::default()
    };
    let mut ways = Connectivity::new(now, 1, config);
    let mut check = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    check.extend([7; 12]);
    let stranger = route("192.168.1.5:16402", "203.0.113.5:61000");
    for _ in 0..3 {
        assert_eq!(ways.handle_datagram(now, stranger, &check), Received::Taken);
    }
    assert_eq!(ways.drops().stun, 3);
    ways.open(now);
    assert_eq!(ways.handle_datagram(now, stranger, &check), Received::Taken);
    assert!(
        drain(&mut ways).0.is_empty(),
        "a check for nobody is not answered"
    );
}

/// A check of candidate 9 for one of ours.
fn check_for(ours: &Candidate, number: u8) -> Vec<u8> {
    let request = CheckRequest {
        transaction: TransactionId::with_cookie([number; 12]),
        username: CheckUsername {
            receiver: ours.id,
            sender: CandidateId::new(9),
        },
        slot: 0,
    };
    request.encode().to_vec()
}

#[test]
fn what_was_dropped_stays_counted_when_another_device_accepts_and_when_all_is_over() {
    let now = Instant::now();
    let config = GatherConfig {
        interfaces: two_interfaces(),
        ..GatherConfig::default()
    };
    let mut ways = Connectivity::new(now, 1, config);
    let ours = ways.candidates();
    ways.open(now);
    // One device that rings checks us; others send what is for nobody.
    let early = route("192.168.1.5:16402", "203.0.113.5:16402");
    ways.handle_datagram(now, early, &check_for(&ours[0], 1));
    let mut nobodys = ours[0];
    nobodys.id = CandidateId::new(0xdead_beef);
    for number in 0..4 {
        ways.handle_datagram(now, early, &check_for(&nobodys, number));
    }
    let snatmap = [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    ways.handle_datagram(now, early, &snatmap);
    let dropped = |ways: &Connectivity| (ways.drops().stun, ways.drops().snatmap);
    assert_eq!(dropped(&ways), (4, 1));
    // Another device accepts: what is known of the first is forgotten, but not what was counted.
    let record = IpPort::new("en0", at("203.0.113.77:16402"));
    let accepted = Candidate::host(CandidateId::new(77), 45, &record);
    ways.check(now, std::slice::from_ref(&accepted));
    assert_eq!(dropped(&ways), (4, 1));
    ways.handle_datagram(now, early, &check_for(&nobodys, 5));
    assert_eq!(dropped(&ways), (5, 1));
    // It turns out to know no checks.
    ways.open_pinholes(now, &[at("203.0.113.77:16402")]);
    assert_eq!(dropped(&ways), (5, 1));
    ways.close(now);
    assert_eq!(dropped(&ways), (5, 1));
}

#[test]
fn what_no_relay_lends_any_more_is_counted_as_unsent() {
    let now = Instant::now();
    let mut ways = Connectivity::new(now, 1, GatherConfig::default());
    ways.send_relayed(now, route("198.51.100.3:49152", "203.0.113.5:16402"), b"x");
    assert_eq!(ways.drops().unsent, 1);
    assert_eq!(drain(&mut ways).0, []);
}
