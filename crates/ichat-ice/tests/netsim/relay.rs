//! A relay for a host of a network in memory: a TURN server that is not ours.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netsim::Endpoint;
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::types::TransportType;
use turn_server_proto::api::{Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;

use super::turn::binding;

pub const PORT: u16 = 3478;
pub const USERNAME: &str = "mac";
pub const PASSWORD: &str = "secret";
const FIRST_RELAYED_PORT: u16 = 50_000;
/// Octets of a header of STUN.
const HEAD: usize = 20;
/// Answers that are remembered.
const REMEMBERED: usize = 64;

/// One server an address, each on port 3478.
pub struct Relay {
    started: Instant,
    servers: Vec<Server>,
    transmits: VecDeque<netsim::Transmit>,
}

struct Server {
    server: TurnServer,
    address: SocketAddr,
    next_port: u16,
    relayed: Vec<SocketAddr>,
    due: Option<Instant>,
    /// Requests that were answered, by their source and first 20 octets, and the answers.
    answered: VecDeque<(SocketAddr, Vec<u8>, Vec<u8>)>,
}

impl Relay {
    pub fn new(started: Instant, addresses: &[SocketAddr]) -> Self {
        let servers = addresses.iter().map(|address| {
            let mut server =
                TurnServer::new(TransportType::Udp, *address, "example.org".to_owned());
            server.add_user(USERNAME.to_owned(), PASSWORD.to_owned());
            Server {
                server,
                address: *address,
                next_port: FIRST_RELAYED_PORT,
                relayed: Vec::new(),
                due: None,
                answered: VecDeque::new(),
            }
        });
        Self {
            started,
            servers: servers.collect(),
            transmits: VecDeque::new(),
        }
    }

    fn time(&self, now: Instant) -> TurnInstant {
        let elapsed = (now - self.started).as_nanos();
        TurnInstant::from_nanos(i64::try_from(elapsed).unwrap())
    }
}

impl Server {
    fn owns(&self, local: SocketAddr) -> bool {
        local == self.address || self.relayed.contains(&local)
    }

    /// The answer to a request that was answered before: it was lost. The server of
    /// turn-server-proto 0.7.3 refuses a repeated Allocate (437) where it should not
    /// (RFC 8489 §6.3.1, RFC 8656 §7.2).
    fn answer_to(&self, source: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
        let head = request.get(..HEAD)?;
        let mut answered = self.answered.iter();
        answered
            .find(|(from, known, _)| *from == source && known == head)
            .map(|(_, _, answer)| answer.clone())
    }

    fn remember(&mut self, source: SocketAddr, request: &[u8], sent: &netsim::Transmit) {
        let is_answer = sent.local == self.address
            && sent.remote == source
            && sent.octets.get(4..HEAD) == request.get(4..HEAD);
        if let Some(head) = request.get(..HEAD).filter(|_| is_answer) {
            self.answered.truncate(REMEMBERED);
            self.answered
                .push_front((source, head.to_vec(), sent.octets.clone()));
        }
    }

    /// Lets the server work until it waits.
    fn turn(&mut self, at: TurnInstant, started: Instant, out: &mut VecDeque<netsim::Transmit>) {
        loop {
            match self.server.poll(at) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    let relayed = SocketAddr::new(self.address.ip(), self.next_port);
                    self.next_port += 1;
                    self.relayed.push(relayed);
                    self.server.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        Ok(relayed),
                        at,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.relayed.retain(|relayed| *relayed != listen_addr);
                }
                TurnServerPollRet::WaitUntil(until) if until > at => {
                    let elapsed = u64::try_from(until.as_nanos()).unwrap_or(0);
                    self.due = started.checked_add(Duration::from_nanos(elapsed));
                    break;
                }
                TurnServerPollRet::WaitUntil(_)
                | TurnServerPollRet::TcpConnect { .. }
                | TurnServerPollRet::TcpClose { .. } => {}
            }
        }
        while let Some(transmit) = self.server.poll_transmit(at) {
            out.push_back(netsim::Transmit {
                local: transmit.from,
                remote: transmit.to,
                octets: transmit.data,
            });
        }
    }
}

impl Endpoint for Relay {
    fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        let (at, started) = (self.time(now), self.started);
        let Some(server) = self.servers.iter_mut().find(|server| server.owns(local)) else {
            return;
        };
        let is_client = local == server.address;
        let answer = binding(remote, octets).or_else(|| server.answer_to(remote, octets));
        if let Some(octets) = answer.filter(|_| is_client) {
            self.transmits.push_back(netsim::Transmit {
                local,
                remote,
                octets,
            });
            return;
        }
        let before = self.transmits.len();
        let transmit = Transmit::new(octets.to_vec(), TransportType::Udp, remote, local);
        if let Some(build) = server.server.recv(transmit, at) {
            let built = build.build();
            self.transmits.push_back(netsim::Transmit {
                local: built.from,
                remote: built.to,
                octets: built.data,
            });
        }
        server.turn(at, started, &mut self.transmits);
        for sent in self.transmits.iter().skip(before).filter(|_| is_client) {
            server.remember(remote, octets, sent);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let (at, started) = (self.time(now), self.started);
        for server in &mut self.servers {
            if server.due.is_some_and(|due| due <= now) {
                server.turn(at, started, &mut self.transmits);
            }
        }
    }

    fn poll_transmit(&mut self) -> Option<netsim::Transmit> {
        self.transmits.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.servers.iter().filter_map(|server| server.due).min()
    }
}
