//! Servers of all kinds around gatherers behind NATs; datagrams arrive as soon as they are sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::{
    Agent, AgentConfig, Event, GatherEvent, GatherOutput, Gathered, Gatherer, Output, Path,
    Transmit, snatmap, stun,
};

use super::nat::Nat;
use super::records;
use super::turn::{Datagram, TurnBox, binding};

/// One host and its gatherer.
pub struct Host {
    pub gatherer: Gatherer,
    pub sockets: Vec<SocketAddr>,
    pub nat: Option<Nat>,
    pub events: Vec<(Duration, GatherEvent)>,
    /// Datagrams that are no server's, relayed ones unwrapped.
    pub inbox: Vec<Datagram>,
    /// Octets of what went to the TURN server.
    pub to_turn: Vec<usize>,
}

pub struct World {
    pub started: Instant,
    pub now: Instant,
    pub hosts: Vec<Host>,
    pub turn: TurnBox,
    pub snatmap: SocketAddr,
    pub stun: SocketAddr,
    /// Servers that do not answer.
    pub dead: Vec<SocketAddr>,
    /// Which datagrams are lost.
    pub lost: Option<fn(&Datagram) -> bool>,
    flying: VecDeque<Datagram>,
}

impl World {
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            now,
            hosts: Vec::new(),
            turn: TurnBox::new(now, "198.51.100.3:3478".parse().unwrap()),
            snatmap: "198.51.100.1:5678".parse().unwrap(),
            stun: "198.51.100.2:3478".parse().unwrap(),
            dead: Vec::new(),
            lost: None,
            flying: VecDeque::new(),
        }
    }

    pub fn add(&mut self, gatherer: Gatherer, sockets: &[&str], nat: Option<Nat>) -> usize {
        self.hosts.push(Host {
            gatherer,
            sockets: sockets.iter().map(|text| text.parse().unwrap()).collect(),
            nat,
            events: Vec::new(),
            inbox: Vec::new(),
            to_turn: Vec::new(),
        });
        self.settle();
        self.hosts.len() - 1
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(due) = self.next().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            for host in &mut self.hosts {
                if host
                    .gatherer
                    .poll_timeout()
                    .is_some_and(|due| due <= self.now)
                {
                    host.gatherer.handle_timeout(self.now);
                    let next = host.gatherer.poll_timeout();
                    assert!(next.is_none_or(|next| next > self.now));
                }
            }
            self.settle();
        }
        self.now = end;
    }

    /// Sends what an agent or a call gives out.
    pub fn send(&mut self, host: usize, transmit: Transmit) {
        if self.hosts[host].gatherer.is_relayed(transmit.local) {
            assert!(self.hosts[host].gatherer.send_relayed(self.now, &transmit));
        } else {
            self.emit(host, transmit);
        }
        self.settle();
    }

    /// Lets agents of two hosts check each other for five seconds; the first path of each.
    pub fn connect(&mut self, hosts: [usize; 2]) -> [Option<Path>; 2] {
        let local = hosts.map(|host| self.hosts[host].gatherer.local_candidates());
        let mut agents = [0, 1].map(|side| {
            let config = AgentConfig {
                seed: 10 + side as u64,
                local: local[side].clone(),
                ..AgentConfig::default()
            };
            Agent::new(self.now, config)
        });
        let mut found = [None, None];
        let exchange = self.now;
        for side in [0, 1] {
            agents[side].set_remote(exchange, &records(&local[1 - side]));
        }
        while self.now < exchange + Duration::from_secs(5) {
            for side in [0, 1] {
                let (agent, host) = (&mut agents[side], hosts[side]);
                for (remote, at, octets) in std::mem::take(&mut self.hosts[host].inbox) {
                    // Refusals are counted.
                    let _ = agent.handle_datagram(self.now, at, remote, &octets);
                }
                if agent.poll_timeout().is_some_and(|due| due <= self.now) {
                    agent.handle_timeout(self.now);
                }
                while let Some(output) = agent.poll_output() {
                    match output {
                        Output::Transmit(transmit) => self.send(host, transmit),
                        Output::Event(Event::PathFound { path, .. }) => found[side] = Some(path),
                        Output::Event(_) => {}
                    }
                }
            }
            self.run(Duration::from_millis(5));
        }
        found
    }

    fn next(&self) -> Option<Instant> {
        let hosts = self.hosts.iter();
        hosts.filter_map(|host| host.gatherer.poll_timeout()).min()
    }

    fn emit(&mut self, host: usize, transmit: Transmit) {
        let host = &mut self.hosts[host];
        if !host.sockets.contains(&transmit.local) {
            return;
        }
        if self.turn.owns(transmit.remote) {
            host.to_turn.push(transmit.octets.len());
        }
        let source = match &mut host.nat {
            Some(nat) => nat.out(transmit.local, transmit.remote),
            None => transmit.local,
        };
        self.flying
            .push_back((source, transmit.remote, transmit.octets));
    }

    fn settle(&mut self) {
        loop {
            for place in 0..self.hosts.len() {
                while let Some(output) = self.hosts[place].gatherer.poll_output() {
                    match output {
                        GatherOutput::Transmit(transmit) => self.emit(place, transmit),
                        GatherOutput::Event(event) => {
                            let at = self.now - self.started;
                            self.hosts[place].events.push((at, event));
                        }
                    }
                }
            }
            let Some(datagram) = self.flying.pop_front() else {
                return;
            };
            if !self.lost.is_some_and(|lost| lost(&datagram)) {
                let (from, to, octets) = datagram;
                self.arrive(from, to, octets);
            }
        }
    }

    fn arrive(&mut self, from: SocketAddr, to: SocketAddr, octets: Vec<u8>) {
        if self.dead.contains(&to) {
            return;
        }
        if to == self.snatmap {
            if let Some(answer) = snatmap::respond(from, &octets) {
                self.flying.push_back((to, from, answer.to_vec()));
            }
        } else if to == self.stun {
            assert_eq!(octets.len(), stun::BINDING_REQUEST_LEN);
            let answer = binding(from, &octets).unwrap();
            self.flying.push_back((to, from, answer));
        } else if self.turn.owns(to) {
            let answers = self.turn.handle(self.now, from, to, &octets);
            self.flying.extend(answers);
        } else {
            self.deliver(from, to, octets);
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, octets: Vec<u8>) {
        for host in &mut self.hosts {
            let local = match &host.nat {
                Some(nat) => nat.inside(from, to),
                None => Some(to),
            };
            let Some(local) = local.filter(|local| host.sockets.contains(local)) else {
                continue;
            };
            match host
                .gatherer
                .handle_datagram(self.now, local, from, &octets)
            {
                Gathered::NotOurs => host.inbox.push((from, local, octets)),
                Gathered::Relayed {
                    local,
                    remote,
                    octets,
                } => host.inbox.push((remote, local, octets)),
                Gathered::Handled | Gathered::Dropped => {}
            }
            return;
        }
    }
}
