//! What an agent does when the network is worse than it hoped: each of these was a fault that runs
//! over networks in memory (`netsim.rs`) brought to light.

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
use ichat_ice::{
    Agent, AgentConfig, ChangeCause, Event, Handled, LocalCandidate, Output, PathKind,
};
use ichat_ice::{Timings, Transmit};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};
use support::{CALLEE, CALLER, Call, addr, host, ms, records, relayed};

const OURS: &str = "192.168.1.2:16402";
const CABLE: &str = "192.168.1.20:16402";
const THEIRS: &str = "192.168.1.3:16402";
const RELAY: &str = "203.0.113.50:50001";
const SECOND: Duration = Duration::from_secs(1);

fn changes(call: &Call, side: usize) -> Vec<(ChangeCause, PathKind)> {
    let events = call.sides[side].events.iter();
    events
        .filter_map(|(_, event)| match event {
            Event::PathChanged { to, cause, .. } => Some((*cause, to.kind)),
            _ => None,
        })
        .collect()
}

fn agent(now: Instant, local: &[LocalCandidate]) -> Agent {
    let config = AgentConfig {
        seed: 7,
        local: local.to_vec(),
        ..AgentConfig::default()
    };
    Agent::new(now, config)
}

/// A check of the candidate `sender`'s for ours.
fn check(receiver: CandidateId, sender: u32) -> Vec<u8> {
    let request = CheckRequest {
        transaction: TransactionId::with_cookie([9; 12]),
        username: CheckUsername {
            receiver,
            sender: CandidateId::new(sender),
        },
        slot: 0,
    };
    request.encode().to_vec()
}

/// The checks among what an agent sends.
fn checks(agent: &mut Agent) -> Vec<Transmit> {
    let outputs = std::iter::from_fn(|| agent.poll_output());
    outputs
        .filter_map(|output| match output {
            Output::Transmit(sent) if sent.octets.starts_with(&[0, 1]) => Some(sent),
            _ => None,
        })
        .collect()
}

#[test]
fn media_that_may_not_be_heard_yet_brings_the_next_check_forward() {
    let start = Instant::now();
    let mut agent = agent(start, &[host(1, OURS)]);
    agent.set_remote(start, &records(&[host(2, THEIRS)]));
    let (local, remote) = (addr(OURS), addr(THEIRS));
    let ours = host(1, OURS).candidate.id;
    let handled = agent.handle_datagram(start, local, remote, &check(ours, 2));
    assert_eq!(handled, Ok(Handled::Answered));
    while agent.poll_timeout() <= Some(start + ms(60)) {
        agent.handle_timeout(start + ms(60));
        checks(&mut agent);
    }
    // The peer has its response and sends media; ours is lost.
    let mut sent = Vec::new();
    for frame in 0..20 {
        let now = start + ms(80 + 20 * frame);
        assert!(!agent.note_traffic(now, local, remote));
        sent.extend(checks(&mut agent).iter().map(|_| now - start));
    }
    assert_eq!(sent, [ms(160), ms(260), ms(360), ms(460)]);
    // From elsewhere it brings nothing.
    assert!(!agent.note_traffic(start + SECOND, local, addr(CABLE)));
    assert!(checks(&mut agent).is_empty());
}

/// Found by fuzzing: the loss was due before the verdict that tells it, again and again.
#[test]
fn a_path_whose_one_answer_took_half_a_minute_is_lost_in_time_and_nothing_is_due_twice() {
    let start = Instant::now();
    let mut agent = agent(start, &[host(1, OURS)]);
    agent.set_remote(start, &records(&[host(2, THEIRS)]));
    let first = checks(&mut agent).remove(0);
    let (local, remote) = (addr(OURS), addr(THEIRS));
    let ours = host(1, OURS).candidate.id;
    let late = start + 29 * SECOND;
    while let Some(due) = agent.poll_timeout().filter(|due| *due < late) {
        agent.handle_timeout(due);
        checks(&mut agent);
    }
    let request = Message::decode(&first.octets).unwrap();
    let answer = stun::answer(&request, local, 0).unwrap();
    let handled = agent.handle_datagram(late, local, remote, &answer);
    assert_eq!(handled, Ok(Handled::Response));
    let handled = agent.handle_datagram(late, local, remote, &check(ours, 2));
    assert_eq!(handled, Ok(Handled::Answered));
    for frame in 0..20 {
        assert!(agent.note_traffic(late + ms(20 * frame), local, remote));
    }
    let mut now = late + ms(400);
    let mut lost = None;
    while let Some(due) = agent.poll_timeout().filter(|_| now < late + 90 * SECOND) {
        now = due;
        agent.handle_timeout(now);
        assert!(agent.poll_timeout().is_none_or(|due| due > now));
        while let Some(output) = agent.poll_output() {
            if let Output::Event(Event::PathLost { .. }) = output {
                lost = Some(now - late);
            }
        }
    }
    let silence = Timings::default().silence + ms(380);
    assert_eq!(lost, Some(silence + Timings::default().lost));
}

#[test]
fn a_path_that_dies_where_much_is_lost_is_noticed_by_its_silence_all_the_same() {
    for seed in 0..20 {
        let mut call = Call::of(&[host(1, OURS), host(3, CABLE)], &[host(2, THEIRS)]);
        call.dice.0 = seed;
        call.exchange();
        call.run_to_path();
        call.talk();
        call.run(2 * SECOND);
        let used = call.sides[CALLER].agent.selected().unwrap();
        call.sides[CALLEE]
            .agent
            .pin(call.now, used.remote, used.local);
        // Seldom ten packets in a row with no more than 160 ms between them.
        call.loss_percent = 60;
        call.run(5 * SECOND);
        let used = call.sides[CALLER].agent.selected().unwrap().local;
        let before = changes(&call, CALLER).len();
        call.sides[CALLER]
            .addresses
            .retain(|address| *address != used);
        call.loss_percent = 0;
        call.run(ms(2500));
        assert!(changes(&call, CALLER).len() > before, "seed {seed}");
    }
}

#[test]
fn candidates_of_the_peer_that_come_in_a_call_make_us_ask_whether_it_is_still_there() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, THEIRS)]);
    call.exchange();
    call.run_to_path();
    call.run(SECOND);
    let from = call.elapsed();
    let new = host(5, "192.168.1.33:16402");
    call.sides[CALLER]
        .agent
        .add_remote(call.now, &records(&[new]));
    call.drain();
    let asked = |(at, sent): &&(Duration, Transmit)| {
        *at == from && sent.remote == addr(THEIRS) && sent.octets.starts_with(&[0, 1])
    };
    assert_eq!(call.sides[CALLER].sent.iter().filter(asked).count(), 1);
    // What is known already is no news.
    call.run(SECOND);
    let from = call.elapsed();
    call.sides[CALLER]
        .agent
        .add_remote(call.now, &records(&[new]));
    call.drain();
    let sent = call.sides[CALLER].sent.iter();
    assert_eq!(sent.filter(|(at, _)| *at == from).count(), 0);
}

#[test]
fn last_resorts_are_tried_when_the_path_in_use_dies() {
    let theirs = [host(2, THEIRS), relayed(4, RELAY)];
    let mut call = Call::of(&[host(1, OURS)], &theirs);
    call.exchange();
    call.run_to_path();
    call.talk();
    call.run(3 * SECOND);
    call.sides[CALLEE].addresses = vec![theirs[1].base];
    call.run(3 * SECOND);
    for side in [CALLER, CALLEE] {
        let moved = [(ChangeCause::Silent, PathKind::Relay)];
        assert_eq!(changes(&call, side), moved, "side {side}");
    }
}

#[test]
fn a_direct_path_that_comes_late_takes_over_from_a_relay_but_not_where_signalling_chose_that() {
    for pins in [false, true] {
        let ours = [host(1, OURS), relayed(3, RELAY)];
        let theirs = [host(2, THEIRS), relayed(4, "203.0.113.51:50002")];
        let mut call = Call::of(&ours, &theirs);
        let all = call.sides[CALLEE].addresses.clone();
        call.sides[CALLEE].addresses.remove(0);
        call.exchange();
        call.run(ms(1500));
        for side in [CALLER, CALLEE] {
            let path = call.sides[side].agent.selected().unwrap();
            assert_eq!(path.kind, PathKind::Relay);
            if pins {
                let agent = &mut call.sides[side].agent;
                assert!(agent.pin(call.now, path.local, path.remote));
            }
        }
        call.sides[CALLEE].addresses = all;
        call.run(3 * SECOND);
        let expected = [(ChangeCause::Found, PathKind::Host)];
        for side in [CALLER, CALLEE] {
            let moved = if pins { &[][..] } else { &expected[..] };
            assert_eq!(changes(&call, side), moved, "side {side}");
        }
    }
}

#[test]
fn a_check_over_a_relay_that_the_peer_takes_for_direct_waits_for_a_direct_path() {
    let start = Instant::now();
    let record = IpPort::new("en0", addr(RELAY));
    let id = CandidateId::new(3);
    let kind = CandidateKind::ServerReflexive;
    let listed = Candidate::with_base(kind, id, 20, &record, &record);
    let local = [host(1, OURS), LocalCandidate::relayed(listed)];
    let patience = Timings::default().relay_patience;
    let over_relay = |agent: &mut Agent, now| {
        agent.handle_datagram(now, addr(RELAY), addr(THEIRS), &check(id, 2))
    };
    let mut hopeful = agent(start, &local);
    assert_eq!(over_relay(&mut hopeful, start), Ok(Handled::Deferred));
    hopeful.set_remote(start, &records(&[host(2, THEIRS)]));
    let early = start + patience - ms(1);
    assert_eq!(over_relay(&mut hopeful, early), Ok(Handled::Deferred));
    assert_eq!(
        (hopeful.counters().deferred, hopeful.counters().answered),
        (2, 0)
    );
    let late = over_relay(&mut hopeful, start + patience);
    assert_eq!(late, Ok(Handled::Answered));
    // With nothing else to hope for it is answered at once.
    let mut hopeless = agent(start, &local[1..]);
    hopeless.set_remote(start, &records(&[host(2, THEIRS)]));
    assert_eq!(over_relay(&mut hopeless, start), Ok(Handled::Answered));
    // And where the peer is told that it is a relay, it knows what to do itself.
    let mut told = agent(start, &[host(1, OURS), relayed(3, RELAY)]);
    told.set_remote(start, &records(&[host(2, THEIRS)]));
    assert_eq!(over_relay(&mut told, start), Ok(Handled::Answered));
}

#[test]
fn after_something_new_the_peer_has_thirty_seconds_again() {
    let mut call = Call::of(&[host(1, OURS)], &[host(2, "[2001:db8::20]:16402")]);
    call.exchange();
    call.run(40 * SECOND);
    let failures = |call: &Call| call.sides[CALLER].events.len();
    assert_eq!(failures(&call), 1);
    let both = vec![host(1, OURS), host(3, CABLE)];
    call.sides[CALLER].agent.set_local(call.now, both);
    call.run(29 * SECOND);
    assert_eq!(failures(&call), 1);
    call.run(2 * SECOND);
    assert_eq!(failures(&call), 2);
}

#[test]
fn many_candidates_of_one_address_do_not_make_pairs_without_end() {
    let now = Instant::now();
    let mut agent = agent(now, &[host(1, OURS)]);
    agent.set_remote(now, &records(&[host(2, THEIRS)]));
    let ours = host(1, OURS).candidate.id;
    for sender in 100..5000 {
        let source = addr("203.0.113.9:16402");
        let request = check(ours, sender);
        agent
            .handle_datagram(now, addr(OURS), source, &request)
            .unwrap();
    }
    let mut sent = checks(&mut agent).len();
    let mut at = now;
    while let Some(due) = agent.poll_timeout().filter(|due| *due < now + SECOND) {
        at = at.max(due);
        agent.handle_timeout(at);
        sent += checks(&mut agent).len();
    }
    assert!(sent <= 3 * (8 + 1), "{sent} checks in a second");
}
