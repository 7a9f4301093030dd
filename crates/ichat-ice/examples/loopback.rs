//! How long it takes from both lists known to a path, on loopback with real sockets and a clock:
//! one host pair, both agents in one thread. Prints the median and the extremes.
//!
//! `cargo run --release --example loopback [rounds]`

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ichat_ice::gather::priority;
use ichat_ice::{Agent, AgentConfig, LocalCandidate, Output};
use ichat_invitation::{Candidate, CandidateId, IpPort};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: u32 = std::env::args()
        .nth(1)
        .as_deref()
        .unwrap_or("200")
        .parse()?;
    let mut times = Vec::new();
    for round in 1..=rounds {
        times.push(one_round(round)?);
    }
    times.sort();
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    println!(
        "{rounds} rounds: median {:?}, shortest {:?}, longest {:?}",
        at(times.len() / 2),
        at(0),
        at(times.len().saturating_sub(1))
    );
    Ok(())
}

fn one_round(round: u32) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut sides = [side(2 * round)?, side(2 * round + 1)?];
    let lists = [sides[1].2.candidate, sides[0].2.candidate];
    let known = Instant::now();
    for ((_, agent, _), list) in sides.iter_mut().zip(lists) {
        agent.set_remote(known, &[list]);
    }
    let mut datagram = [0; 2048];
    while sides.iter().any(|(_, agent, _)| agent.selected().is_none()) {
        for (socket, agent, local) in &mut sides {
            while let Some(output) = agent.poll_output() {
                if let Output::Transmit(sent) = output {
                    socket.send_to(&sent.octets, sent.remote)?;
                }
            }
            match socket.recv_from(&mut datagram) {
                Ok((length, source)) => {
                    let octets = datagram.get(..length).unwrap_or_default();
                    agent.handle_datagram(Instant::now(), local.base, source, octets)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    agent.handle_timeout(Instant::now());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(known.elapsed())
}

fn side(number: u32) -> Result<(UdpSocket, Agent, LocalCandidate), std::io::Error> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let record = IpPort::new("lo", socket.local_addr()?);
    let id = CandidateId::new(number);
    let local = LocalCandidate::new(Candidate::host(id, priority::HOST, &record));
    let config = AgentConfig {
        seed: number.into(),
        local: vec![local],
        ..AgentConfig::default()
    };
    Ok((socket, Agent::new(Instant::now(), config), local))
}
