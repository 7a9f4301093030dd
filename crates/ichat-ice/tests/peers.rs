//! Peers that do things their own way, as real ones may.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::stun::{self, CheckRequest, CheckUsername, Message, MessageKind, TransactionId};
use ichat_ice::{Agent, AgentConfig, Event, Handled, Output, PathKind, Timings};
use ichat_invitation::{Candidate, CandidateId};
use support::{CALLEE, CALLER, Call, addr, host, ms, records};

const OURS: &str = "192.168.1.2:16402";
const THEIRS: &str = "192.168.1.3:16402";

#[test]
fn without_the_cookie_a_check_is_as_long_and_its_answer_repeats_octets_4_to_19() {
    let local = vec![host(1, OURS)];
    let config = AgentConfig {
        local,
        legacy_stun_header: true,
        ..AgentConfig::default()
    };
    let mut call = Call::new(
        config,
        AgentConfig {
            seed: 2,
            local: vec![host(2, THEIRS)],
            ..AgentConfig::default()
        },
    );
    call.exchange();
    call.run_to_path();
    let check = &call.sides[CALLER].sent[0].1.octets;
    assert_eq!(check.len(), 52);
    assert!(!Message::decode(check).unwrap().transaction().has_cookie());
    let answer = call.sides[CALLEE]
        .sent
        .iter()
        .map(|(_, transmit)| &transmit.octets)
        .find(|octets| octets[4..20] == check[4..20])
        .unwrap();
    assert_eq!(answer.len(), 64);
}

/// The checks of a side in a call whose caller's have no cookie, by whether they have one.
fn cookies(call: &Call, side: usize) -> Vec<bool> {
    let sent = call.sides[side].sent.iter();
    let messages = sent.map(|(_, sent)| Message::decode(&sent.octets).unwrap());
    messages
        .filter(|message| message.kind() == MessageKind::BindingRequest)
        .map(|message| message.transaction().has_cookie())
        .collect()
}

#[test]
fn checks_without_the_cookie_are_answered_in_kind() {
    let config = |seed, local, legacy_stun_header| AgentConfig {
        seed,
        local: vec![local],
        legacy_stun_header,
        ..AgentConfig::default()
    };
    let mut call = Call::new(
        config(1, host(1, OURS), true),
        config(2, host(2, THEIRS), false),
    );
    call.exchange();
    call.run_to_path();
    call.run(Duration::from_secs(40));
    let (caller, callee) = (cookies(&call, CALLER), cookies(&call, CALLEE));
    assert!(caller.len() > 2 && callee.len() > 2);
    assert!(caller.iter().all(|has_cookie| !has_cookie));
    // The first went out before the caller's had come.
    assert_eq!(callee.iter().filter(|has_cookie| **has_cookie).count(), 1);
    assert!(callee[0]);
    for side in &call.sides {
        assert!(side.found().is_some());
        assert_eq!(side.agent.counters().refused(), 0);
    }
}

#[test]
fn checks_for_somebody_else_change_nothing_about_the_cookie() {
    let start = Instant::now();
    let config = AgentConfig {
        local: vec![host(1, OURS)],
        ..AgentConfig::default()
    };
    let mut agent = Agent::new(start, config);
    let check = |receiver| CheckRequest {
        transaction: TransactionId::without_cookie([7; 16]),
        username: CheckUsername {
            receiver: CandidateId::new(receiver),
            sender: CandidateId::new(2),
        },
        slot: 0,
    };
    let (local, remote) = (addr(OURS), addr(THEIRS));
    let mut first = |receiver| {
        // What is refused is counted.
        let _ = agent.handle_datagram(start, local, remote, &check(receiver).encode());
        agent.set_remote(
            start,
            &records(&[host(receiver + 100, "192.168.1.9:16402")]),
        );
        agent.handle_timeout(start + ms(500 * u64::from(receiver)));
        let sent = std::iter::from_fn(|| agent.poll_output());
        let octets = sent.filter_map(|output| match output {
            Output::Transmit(sent) if sent.octets.starts_with(&[0, 1]) => Some(sent.octets),
            _ => None,
        });
        let last = octets.last().unwrap();
        Message::decode(&last).unwrap().transaction().has_cookie()
    };
    assert!(first(3), "not our candidate");
    assert!(!first(1));
}

#[test]
fn checks_that_overtake_the_acceptance_are_answered_and_kept() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    // The callee accepts and checks; its acceptance takes a second.
    call.tell(CALLEE);
    call.run(ms(1000));
    assert_eq!(call.sides[CALLEE].found().unwrap().0.remote, addr(OURS));
    let caller = &call.sides[CALLER];
    assert!(caller.found().is_none(), "no path before the acceptance");
    assert!(caller.agent.is_validated_source(addr(OURS), addr(THEIRS)));
    assert!(caller.agent.counters().answered_early > 0);
    match &caller.events[0].1 {
        Event::PeerReflexive { remote, .. } => assert_eq!(*remote, addr(THEIRS)),
        other => panic!("{other:?}"),
    }
    call.tell(CALLER);
    let (path, checks) = call.sides[CALLER].found().unwrap();
    assert_eq!((path.remote, path.kind), (addr(THEIRS), PathKind::Host));
    assert_eq!(checks, Duration::ZERO);
}

#[test]
fn a_check_of_an_unknown_sender_is_answered_and_checked_back() {
    let now = Instant::now();
    let ours = host(1, OURS);
    let mut agent = Agent::new(
        now,
        AgentConfig {
            local: vec![ours],
            ..AgentConfig::default()
        },
    );
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    while agent.poll_output().is_some() {}
    let stranger = CandidateId::new(77);
    let source = addr("203.0.113.9:40001");
    let request = CheckRequest {
        transaction: TransactionId::with_cookie([7; 12]),
        username: CheckUsername {
            receiver: ours.candidate.id,
            sender: stranger,
        },
        slot: 5,
    };
    let handled = agent.handle_datagram(now, addr(OURS), source, &request.encode());
    assert_eq!(handled, Ok(Handled::Answered));
    let Some(Output::Transmit(answer)) = agent.poll_output() else {
        panic!("no answer");
    };
    assert_eq!((answer.local, answer.remote), (addr(OURS), source));
    let answer = Message::decode(&answer.octets).unwrap();
    assert_eq!(answer.kind(), MessageKind::BindingSuccess);
    assert_eq!(
        (answer.slot(), answer.mapped_address()),
        (Some(5), Some(source))
    );
    assert_eq!(
        agent.poll_output(),
        Some(Output::Event(Event::PeerReflexive {
            local: addr(OURS),
            remote: source,
            id: stranger
        }))
    );
    let Some(Output::Transmit(back)) = agent.poll_output() else {
        panic!("no check back");
    };
    assert_eq!(back.remote, source);
    let check = Message::decode(&back.octets).unwrap();
    let username = check.value(stun::AttributeKind::Username).unwrap();
    let username = CheckUsername::decode(username).unwrap();
    assert_eq!(
        (username.receiver, username.sender),
        (stranger, ours.candidate.id)
    );
    assert_eq!(check.slot(), Some(5));
    // The same check again, at once: answered, and not checked back again so soon.
    agent
        .handle_datagram(now, addr(OURS), source, &request.encode())
        .unwrap();
    assert!(matches!(agent.poll_output(), Some(Output::Transmit(_))));
    assert_eq!(agent.poll_output(), None);
}

#[test]
fn a_guard_that_does_not_fit_restores_the_address() {
    let theirs = host(2, THEIRS);
    let mut rewritten = theirs.candidate;
    // A middlebox writes its own address where it finds the Mac's.
    let outside = Candidate::host(
        rewritten.id,
        45,
        &"198.51.100.1:16402"
            .parse()
            .map(|address| ichat_invitation::IpPort::new("en0", address))
            .unwrap(),
    );
    rewritten.address = outside.address;
    rewritten.base = outside.base;
    let mut call = Call::of(&[host(1, OURS)], &[theirs]);
    call.tell(CALLEE);
    call.sides[CALLER].agent.set_remote(call.now, &[rewritten]);
    call.run_to_path();
    assert_eq!(call.sides[CALLER].found().unwrap().0.remote, addr(THEIRS));
    assert_eq!(call.sides[CALLER].agent.counters().restored, 1);
}

#[test]
fn lists_that_share_no_slot_pair_all_the_same() {
    let mut theirs = host(2, THEIRS);
    theirs.candidate.slot = 3;
    let mut call = Call::of(&[host(1, OURS)], &[theirs]);
    call.exchange();
    call.run_to_path();
    assert!(call.sides.iter().all(|side| side.found().is_some()));
    let check = &call.sides[CALLER].sent[0].1.octets;
    assert_eq!(Message::decode(check).unwrap().slot(), Some(3));
    let answers = &call.sides[CALLEE].sent;
    let answer = answers
        .iter()
        .find(|(_, sent)| sent.octets.starts_with(&[1, 1]));
    assert_eq!(
        Message::decode(&answer.unwrap().1.octets).unwrap().slot(),
        Some(3)
    );
}

#[test]
fn a_response_without_mapped_address_and_slot_counts() {
    let now = Instant::now();
    let ours = host(1, OURS);
    let mut agent = Agent::new(
        now,
        AgentConfig {
            local: vec![ours],
            ..AgentConfig::default()
        },
    );
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    let Some(Output::Transmit(check)) = agent.poll_output() else {
        panic!("no check");
    };
    let mut response = check.octets[..20].to_vec();
    response[..4].copy_from_slice(&[1, 1, 0, 0]);
    let handled = agent.handle_datagram(now, addr(OURS), addr(THEIRS), &response);
    assert_eq!(handled, Ok(Handled::Response));
}

#[test]
fn a_peer_that_answers_and_never_asks_is_taken_after_five_seconds() {
    let now = Instant::now();
    let mut agent = Agent::new(
        now,
        AgentConfig {
            local: vec![host(1, OURS)],
            ..AgentConfig::default()
        },
    );
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    let Some(Output::Transmit(check)) = agent.poll_output() else {
        panic!("no check");
    };
    let answer = stun::answer(&Message::decode(&check.octets).unwrap(), addr(OURS), 0).unwrap();
    let answered = now + ms(30);
    agent
        .handle_datagram(answered, addr(OURS), addr(THEIRS), &answer)
        .unwrap();
    assert_eq!(agent.poll_output(), None);
    assert!(!agent.is_validated_source(addr(OURS), addr(THEIRS)));
    let due = agent.poll_timeout().unwrap();
    assert_eq!(due, answered + Timings::default().one_sided);
    agent.handle_timeout(due);
    match agent.poll_output() {
        Some(Output::Event(Event::PathFound { path, .. })) => assert_eq!(path.remote, addr(THEIRS)),
        other => panic!("{other:?}"),
    }
    assert!(agent.is_validated_source(addr(OURS), addr(THEIRS)));
}

#[test]
fn garbage_behind_an_address_does_not_matter() {
    // The captured candidate has garbage behind its IPv4 address.
    let octets = include_bytes!("vectors/sip-ice.candidates");
    let theirs = ichat_invitation::decode_candidates(octets).unwrap();
    let now = Instant::now();
    let mut agent = Agent::new(
        now,
        AgentConfig {
            local: vec![host(1, OURS)],
            ..AgentConfig::default()
        },
    );
    agent.set_remote(now, &theirs);
    let Some(Output::Transmit(check)) = agent.poll_output() else {
        panic!("no check");
    };
    assert_eq!(check.remote, addr("192.168.1.132:16402"));
}
