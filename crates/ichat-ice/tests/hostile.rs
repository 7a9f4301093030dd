//! Datagrams that an agent must not believe, or must at least survive.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::stun::{self, CheckRequest, CheckUsername, Message, TransactionId};
use ichat_ice::{Agent, AgentConfig, Handled, Output, Refused, Transmit};
use ichat_invitation::{Candidate, CandidateId};
use proptest::prelude::*;
use support::{CALLEE, CALLER, Call, addr, host, ms, records};

const OURS: &str = "192.168.1.2:16402";
const THEIRS: &str = "192.168.1.3:16402";

/// An agent that has sent its first check.
fn checking() -> (Instant, Agent, Transmit) {
    let now = Instant::now();
    let mut agent = Agent::new(
        now,
        AgentConfig {
            seed: 5,
            local: vec![host(1, OURS)],
            ..AgentConfig::default()
        },
    );
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    match agent.poll_output() {
        Some(Output::Transmit(transmit)) => (now, agent, transmit),
        other => panic!("{other:?}"),
    }
}

fn success(check: &Transmit) -> Vec<u8> {
    let message = Message::decode(&check.octets).unwrap();
    stun::answer(&message, check.local, 0).unwrap().to_vec()
}

#[test]
fn a_forged_response_is_dropped_and_the_true_one_still_counts() {
    let (now, mut agent, check) = checking();
    let good = success(&check);
    for octet in 4..20 {
        let mut forged = good.clone();
        forged[octet] ^= 1;
        let handled = agent.handle_datagram(now, check.local, check.remote, &forged);
        assert_eq!(handled, Err(Refused::UnknownTransaction));
    }
    let elsewhere = addr("192.168.1.3:16403");
    let handled = agent.handle_datagram(now, check.local, elsewhere, &good);
    let wrong_source = Refused::WrongSource {
        expected: check.remote,
        found: elsewhere,
    };
    assert_eq!(handled, Err(wrong_source));
    let other_socket = agent.handle_datagram(now, addr("10.0.0.2:16402"), check.remote, &good);
    assert!(matches!(other_socket, Err(Refused::WrongSource { .. })));
    assert_eq!(
        agent.handle_datagram(now, check.local, check.remote, &good),
        Ok(Handled::Response)
    );
    let counters = agent.counters();
    assert_eq!(
        (
            counters.unknown_transaction,
            counters.wrong_source,
            counters.responses
        ),
        (16, 2, 1)
    );
}

#[test]
fn every_transaction_of_a_pair_stays_valid_and_counts_once() {
    let (start, mut agent, first) = checking();
    let mut checks = vec![first];
    while checks.len() < 8 {
        let due = agent.poll_timeout().unwrap();
        agent.handle_timeout(due);
        while let Some(Output::Transmit(transmit)) = agent.poll_output() {
            checks.push(transmit);
        }
    }
    let now = start + Duration::from_secs(20);
    for check in &checks {
        let response = success(check);
        let mut take = || agent.handle_datagram(now, check.local, check.remote, &response);
        assert_eq!(take(), Ok(Handled::Response));
        assert_eq!(take(), Err(Refused::UnknownTransaction), "a replay");
    }
}

#[test]
fn a_response_after_the_pair_was_given_up_is_dropped() {
    let (start, mut agent, check) = checking();
    let end = start + Duration::from_secs(31);
    while let Some(due) = agent.poll_timeout().filter(|due| *due < end) {
        agent.handle_timeout(due);
        while agent.poll_output().is_some() {}
    }
    let handled = agent.handle_datagram(end, check.local, check.remote, &success(&check));
    assert_eq!(handled, Err(Refused::UnknownTransaction));
}

#[test]
fn old_checks_and_responses_cannot_keep_a_dead_path_alive() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.exchange();
    call.run_to_path();
    call.run(Duration::from_secs(1));
    let recorded: Vec<Transmit> = call.sides[CALLEE]
        .sent
        .iter()
        .map(|(_, transmit)| transmit.clone())
        .collect();
    call.loss_percent = 100;
    // Somebody replays all that the callee ever sent, five times a second.
    for _ in 0..5 * 90 {
        call.run(ms(200));
        for old in &recorded {
            let agent = &mut call.sides[CALLER].agent;
            // Refusals are counted.
            let _ = agent.handle_datagram(call.now, addr(OURS), old.local, &old.octets);
        }
    }
    let lost = |(_, event): &(Duration, ichat_ice::Event)| {
        matches!(event, ichat_ice::Event::PathLost { .. })
    };
    assert!(call.sides[CALLER].events.iter().any(lost));
}

#[test]
fn a_check_for_a_candidate_that_is_not_ours_is_dropped_in_silence() {
    let (now, mut agent, _) = checking();
    let check = |receiver| {
        CheckRequest {
            transaction: TransactionId::with_cookie([1; 12]),
            username: CheckUsername {
                receiver: CandidateId::new(receiver),
                sender: CandidateId::new(2),
            },
            slot: 0,
        }
        .encode()
    };
    let handled = agent.handle_datagram(now, addr(OURS), addr(THEIRS), &check(3));
    let receiver = CandidateId::new(3);
    assert_eq!(handled, Err(Refused::NotForUs { receiver }));
    // Our own check, come back to us: its receiver is the peer.
    let handled = agent.handle_datagram(now, addr(OURS), addr(OURS), &check(2));
    assert!(matches!(handled, Err(Refused::NotForUs { .. })));
    assert_eq!(agent.poll_output(), None);
    assert_eq!(agent.counters().not_for_us, 2);
}

#[test]
fn a_peer_that_lists_our_own_candidate_does_not_make_us_talk_to_ourselves() {
    let now = Instant::now();
    let ours = host(1, OURS);
    let config = AgentConfig {
        local: vec![ours],
        ..AgentConfig::default()
    };
    let mut agent = Agent::new(now, config);
    agent.set_remote(now, &[ours.candidate]);
    assert_eq!(agent.poll_output(), None);
    assert_eq!(agent.counters().unusable, 1);
}

#[test]
fn what_cannot_be_checked_is_left_out_and_long_lists_are_cut() {
    let now = Instant::now();
    let config = AgentConfig {
        local: (0..8)
            .map(|n| host(900 + n, &format!("10.0.1.{n}:16402")))
            .collect(),
        ..AgentConfig::default()
    };
    let mut agent = Agent::new(now, config);
    let mut list: Vec<Candidate> = [
        "0.0.0.0:1",
        "224.0.0.1:1",
        "255.255.255.255:1",
        "10.0.0.1:0",
    ]
    .iter()
    .map(|address| host(7, address).candidate)
    .collect();
    list.extend((0..100).map(|n| host(10 + n, &format!("10.0.0.{n}:16402")).candidate));
    agent.set_remote(now, &list);
    let counters = agent.counters();
    assert_eq!((counters.unusable, counters.too_many_candidates), (4, 36));
    assert_eq!(counters.too_many_pairs, 64 * 8 - 256);
}

#[test]
fn a_flood_of_sources_is_answered_and_not_remembered_without_end() {
    let (now, mut agent, _) = checking();
    let mut checks = 0;
    for number in 0..5000_u32 {
        let request = CheckRequest {
            transaction: TransactionId::with_cookie([1; 12]),
            username: CheckUsername {
                receiver: CandidateId::new(1),
                sender: CandidateId::new(1000 + number),
            },
            slot: 0,
        };
        let source = addr(&format!("203.0.{}.{}:1", number / 256, number % 256));
        agent
            .handle_datagram(now, addr(OURS), source, &request.encode())
            .unwrap();
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit(transmit) if transmit.octets[0] == 0 => checks += 1,
                Output::Transmit(_) | Output::Event(_) => {}
            }
        }
    }
    assert!(checks < 256, "{checks}");
    assert_eq!(agent.counters().answered, 5000);
}

#[test]
fn an_error_response_changes_nothing() {
    let (now, mut agent, check) = checking();
    let mut error = check.octets[..20].to_vec();
    error[..4].copy_from_slice(&[1, 0x11, 0, 8]);
    error.extend([0, 9, 0, 4, 0, 0, 4, 87]);
    let handled = agent.handle_datagram(now, check.local, check.remote, &error);
    assert_eq!(handled, Err(Refused::ErrorResponse { code: Some(487) }));
    let handled = agent.handle_datagram(now, check.local, check.remote, &success(&check));
    assert_eq!(handled, Ok(Handled::Response));
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_call_is_survived() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.exchange();
    call.run_to_path();
    let messages: Vec<Vec<u8>> = call.sides[CALLEE]
        .sent
        .iter()
        .map(|(_, sent)| sent.octets.clone())
        .collect();
    let agent = &mut call.sides[CALLER].agent;
    for message in &messages {
        for length in 0..message.len() {
            let cut = agent.handle_datagram(call.now, addr(OURS), addr(THEIRS), &message[..length]);
            assert!(
                matches!(cut, Err(Refused::Malformed(_))),
                "{length}: {cut:?}"
            );
        }
        for bit in 0..message.len() * 8 {
            let mut flipped = message.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            let _ = agent.handle_datagram(call.now, addr(OURS), addr(THEIRS), &flipped);
        }
    }
    while agent.poll_output().is_some() {}
}

proptest! {
    #[test]
    fn random_datagrams_never_panic_and_change_no_path(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..40),
    ) {
        let (now, mut agent, _) = checking();
        for octets in &datagrams {
            prop_assert!(agent.handle_datagram(now, addr(OURS), addr(THEIRS), octets).is_err());
        }
        prop_assert_eq!(agent.selected(), None);
    }

    #[test]
    fn whatever_is_listed_and_whenever_time_moves_on(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 148), 0..20),
        steps in prop::collection::vec(0_u64..5000, 0..60),
    ) {
        let candidates: Vec<Candidate> = records
            .iter()
            .map(|octets| Candidate::decode(&octets.clone().try_into().unwrap()))
            .collect();
        let (mut now, mut agent, _) = checking();
        agent.add_remote(now, &candidates);
        for step in steps {
            now += ms(step);
            agent.handle_timeout(now);
            while agent.poll_output().is_some() {}
            if let Some(due) = agent.poll_timeout() {
                prop_assert!(due > now);
            }
        }
    }
}
