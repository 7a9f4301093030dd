//! Two agents in one process, a NAT in front of one of them, and a network that loses a third of
//! all datagrams: prints what they say to each other until both have a path.
//!
//! `cargo run --example two_agents [seed]`

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::stun::{Message, MessageKind};
use ichat_ice::{Agent, AgentConfig, Event, LocalCandidate, Output};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};

const DELAY: Duration = Duration::from_millis(15);
const NAMES: [&str; 2] = ["caller", "callee"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed: u64 = std::env::args().nth(1).as_deref().unwrap_or("1").parse()?;
    let inside: SocketAddr = "192.168.1.2:16402".parse()?;
    let outside: SocketAddr = "203.0.113.9:16402".parse()?;
    let theirs: SocketAddr = "198.51.100.7:16402".parse()?;
    let locals = [
        vec![
            candidate(CandidateKind::Host, 0x15f9_ddce, inside, inside),
            candidate(CandidateKind::ServerReflexive, 0x2b6c_0a17, outside, inside),
        ],
        vec![candidate(CandidateKind::Host, 0x4a11_c0de, theirs, theirs)],
    ];
    let started = Instant::now();
    let mut sides = [0, 1].map(|side: usize| {
        let local = locals.get(side).cloned().unwrap_or_default();
        let config = AgentConfig {
            seed: seed.wrapping_mul(2).wrapping_add(u64::from(side == 1)),
            local,
            ..AgentConfig::default()
        };
        (side, Agent::new(started, config))
    });
    for ((_, agent), list) in sides.iter_mut().zip(locals.iter().rev()) {
        let records: Vec<Candidate> = list.iter().map(|local| local.candidate).collect();
        agent.set_remote(started, &records);
    }

    let mut now = started;
    let mut dice = seed;
    let mut flying: VecDeque<(Instant, usize, SocketAddr, SocketAddr, Vec<u8>)> = VecDeque::new();
    loop {
        for (side, agent) in &mut sides {
            while let Some(output) = agent.poll_output() {
                let time = now.duration_since(started).as_millis();
                match output {
                    Output::Transmit(sent) => {
                        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let lost = (dice >> 33).is_multiple_of(3);
                        let arrow = if *side == 0 { "-->" } else { "<--" };
                        let fate = if lost { "  lost" } else { "" };
                        let what = describe(&sent.octets);
                        println!("{time:>6} ms {arrow} {what} to {}{fate}", sent.remote);
                        if !lost {
                            let translate = |from, to, address| {
                                if address == from { to } else { address }
                            };
                            let source = translate(inside, outside, sent.local);
                            let target = translate(outside, inside, sent.remote);
                            flying.push_back((now + DELAY, 1 - *side, target, source, sent.octets));
                        }
                    }
                    Output::Event(event) => {
                        let name = NAMES.get(*side).copied().unwrap_or_default();
                        println!("{time:>6} ms {name}: {}", tell(&event));
                    }
                }
            }
        }
        if sides.iter().all(|(_, agent)| agent.selected().is_some()) {
            return Ok(());
        }
        let timers = sides.iter().filter_map(|(_, agent)| agent.poll_timeout());
        let arrivals = flying.iter().map(|(at, ..)| *at);
        let Some(next) = timers.chain(arrivals).min() else {
            return Ok(());
        };
        now = next.max(now);
        while flying.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, to, local, remote, octets)) = flying.pop_front() else {
                break;
            };
            for (side, agent) in &mut sides {
                if *side == to && agent.local_candidates().iter().any(|own| own.base == local) {
                    agent.handle_datagram(now, local, remote, &octets)?;
                }
            }
        }
        sides
            .iter_mut()
            .for_each(|(_, agent)| agent.handle_timeout(now));
    }
}

fn candidate(
    kind: CandidateKind,
    id: u32,
    address: SocketAddr,
    base: SocketAddr,
) -> LocalCandidate {
    let priority = match kind {
        CandidateKind::Host => ichat_ice::gather::priority::HOST,
        CandidateKind::ServerReflexive
        | CandidateKind::Relay
        | CandidateKind::PeerReflexive
        | CandidateKind::HostPointToPoint
        | CandidateKind::Unknown(_) => ichat_ice::gather::priority::SERVER_REFLEXIVE,
    };
    let record = |address| IpPort::new("en0", address);
    let id = CandidateId::new(id);
    LocalCandidate::new(Candidate::with_base(
        kind,
        id,
        priority,
        &record(address),
        &record(base),
    ))
}

fn describe(octets: &[u8]) -> &'static str {
    match Message::decode(octets).map(|message| message.kind()) {
        Ok(MessageKind::BindingRequest) => "check",
        Ok(MessageKind::BindingSuccess) => "success",
        Ok(
            MessageKind::BindingIndication | MessageKind::BindingError | MessageKind::Unknown(_),
        )
        | Err(_) => "something else",
    }
}

fn tell(event: &Event) -> String {
    match event {
        Event::PathFound { path, checks } => format!(
            "path from {} to {} ({}) after {} ms",
            path.local,
            path.remote,
            path.kind,
            checks.as_millis()
        ),
        Event::PeerReflexive { remote, .. } => format!("the peer also is at {remote}"),
        Event::PathChanged { .. }
        | Event::PathLost { .. }
        | Event::PathRestored { .. }
        | Event::Failed { .. } => format!("{event:?}"),
    }
}
