//! Two agents and what lies between them, in virtual time.

#![allow(dead_code, reason = "each test file uses a part of this")]
#![allow(unreachable_pub, reason = "shared by test files")]

pub mod nat;
pub mod turn;
pub mod world;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::{Agent, AgentConfig, Event, LocalCandidate, Output, Path, Transmit};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};

use self::nat::Nat;

/// Between two packets of media.
const FRAME: Duration = Duration::from_millis(20);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A host candidate; its id is made of `number`.
pub fn host(number: u32, address: &str) -> LocalCandidate {
    let record = IpPort::new("en0", addr(address));
    LocalCandidate::new(Candidate::host(CandidateId::new(number), 45, &record))
}

/// A server-reflexive candidate.
pub fn reflexive(number: u32, mapped: &str, base: &str) -> LocalCandidate {
    LocalCandidate::new(Candidate::with_base(
        CandidateKind::ServerReflexive,
        CandidateId::new(number),
        35,
        &IpPort::new("en0", addr(mapped)),
        &IpPort::new("en0", addr(base)),
    ))
}

/// A relayed candidate. The link of these tests delivers to it as to any address.
pub fn relayed(number: u32, address: &str) -> LocalCandidate {
    let record = IpPort::new("en0", addr(address));
    LocalCandidate::relayed(Candidate::with_base(
        CandidateKind::Relay,
        CandidateId::new(number),
        20,
        &record,
        &record,
    ))
}

pub fn records(local: &[LocalCandidate]) -> Vec<Candidate> {
    local.iter().map(|local| local.candidate).collect()
}

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// One side of the call.
pub struct Side {
    pub agent: Agent,
    pub events: Vec<(Duration, Event)>,
    pub sent: Vec<(Duration, Transmit)>,
    /// Addresses that packets reach it at.
    pub addresses: Vec<SocketAddr>,
    pub nat: Option<Nat>,
    /// Whether it sends media on its path.
    pub talks: bool,
    /// When media of the other side's was heard.
    pub heard: Vec<Duration>,
    /// Media that came from somewhere that is not validated.
    pub unheard: usize,
}

impl Side {
    pub fn new(now: Instant, config: AgentConfig) -> Self {
        Self {
            addresses: config.local.iter().map(|local| local.base).collect(),
            agent: Agent::new(now, config),
            events: Vec::new(),
            sent: Vec::new(),
            nat: None,
            talks: false,
            heard: Vec::new(),
            unheard: 0,
        }
    }

    pub fn found(&self) -> Option<(Path, Duration)> {
        self.events.iter().find_map(|(_, event)| {
            if let Event::PathFound { path, checks } = event {
                Some((*path, *checks))
            } else {
                None
            }
        })
    }

    /// The longest time without media from `from` on, the time until `to` included.
    pub fn longest_gap(&self, from: Duration, to: Duration) -> Duration {
        let mut last = from;
        let mut longest = Duration::ZERO;
        for heard in self
            .heard
            .iter()
            .filter(|heard| **heard >= from)
            .chain([&to])
        {
            longest = longest.max(heard.saturating_sub(last));
            last = *heard;
        }
        longest
    }
}

struct Flying {
    at: Instant,
    to: usize,
    local: SocketAddr,
    remote: SocketAddr,
    octets: Vec<u8>,
}

/// Whether a datagram of a side's is lost.
pub type Loses = Box<dyn FnMut(usize, &Transmit) -> bool>;

/// Two sides and the network.
pub struct Call {
    pub started: Instant,
    pub now: Instant,
    pub sides: [Side; 2],
    pub delay: Duration,
    pub loss_percent: u64,
    pub dice: Dice,
    /// Which datagrams are lost besides, by who sends them.
    pub loses: Option<Loses>,
    pub ladder: String,
    flying: VecDeque<Flying>,
    next_frame: Option<Instant>,
}

pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;

impl Call {
    pub fn new(caller: AgentConfig, callee: AgentConfig) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            now,
            sides: [Side::new(now, caller), Side::new(now, callee)],
            delay: ms(10),
            loss_percent: 0,
            dice: Dice(1),
            loses: None,
            ladder: String::new(),
            flying: VecDeque::new(),
            next_frame: None,
        }
    }

    /// Of candidates, with seeds 1 and 2.
    pub fn of(caller: &[LocalCandidate], callee: &[LocalCandidate]) -> Self {
        let config = |seed, local: &[LocalCandidate]| AgentConfig {
            seed,
            local: local.to_vec(),
            ..AgentConfig::default()
        };
        Self::new(config(1, caller), config(2, callee))
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// Both lists become known to both sides now.
    pub fn exchange(&mut self) {
        self.tell(CALLEE);
        self.tell(CALLER);
    }

    /// The list of the other side becomes known to `side` now.
    pub fn tell(&mut self, side: usize) {
        let list = records(self.sides[1 - side].agent.local_candidates());
        self.sides[side].agent.set_remote(self.now, &list);
        self.drain();
    }

    pub fn talk(&mut self) {
        self.sides.iter_mut().for_each(|side| side.talks = true);
        self.next_frame = Some(self.now);
    }

    /// Runs until `duration` from now.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.drain();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    /// Runs until both sides have a path, at most 40 s.
    pub fn run_to_path(&mut self) {
        let end = self.now + Duration::from_secs(40);
        self.drain();
        while self
            .sides
            .iter()
            .any(|side| side.agent.selected().is_none())
        {
            match self.next().filter(|next| *next <= end) {
                Some(next) => self.now = next.max(self.now),
                None => return,
            }
            self.step();
        }
    }

    fn next(&self) -> Option<Instant> {
        let timers = self
            .sides
            .iter()
            .filter_map(|side| side.agent.poll_timeout());
        let flying = self.flying.iter().map(|flying| flying.at);
        timers.chain(flying).chain(self.next_frame).min()
    }

    fn step(&mut self) {
        self.send_media();
        while let Some(place) = self.flying.iter().position(|flying| flying.at <= self.now) {
            let flying = self.flying.remove(place).unwrap();
            self.deliver(flying);
            self.drain();
        }
        for side in &mut self.sides {
            if side.agent.poll_timeout().is_some_and(|due| due <= self.now) {
                side.agent.handle_timeout(self.now);
                let next = side.agent.poll_timeout();
                assert!(
                    next.is_none_or(|next| next > self.now),
                    "what is due at {next:?} is not done at {:?}: {:?}",
                    self.now,
                    side.agent
                );
            }
        }
        self.drain();
    }

    fn send_media(&mut self) {
        if self.next_frame.is_none_or(|due| due > self.now) {
            return;
        }
        self.next_frame = Some(self.now + FRAME);
        for from in [CALLER, CALLEE] {
            let path = self.sides[from].agent.selected();
            if let Some(path) = path.filter(|_| self.sides[from].talks) {
                let octets = vec![0x80; 172];
                self.fly(
                    from,
                    Transmit {
                        local: path.local,
                        remote: path.remote,
                        octets,
                    },
                );
            }
        }
    }

    fn deliver(&mut self, mut flying: Flying) {
        let at = self.elapsed();
        let side = &mut self.sides[flying.to];
        if let Some(nat) = &side.nat {
            match nat.inside(flying.remote, flying.local) {
                Some(inside) => flying.local = inside,
                None => return,
            }
        }
        if !side.addresses.contains(&flying.local) {
            return;
        }
        if flying.octets.first() == Some(&0x80) {
            if side
                .agent
                .note_traffic(self.now, flying.local, flying.remote)
            {
                side.heard.push(at);
            } else {
                side.unheard += 1;
            }
            return;
        }
        // What is refused is counted by the agent.
        let _ = side
            .agent
            .handle_datagram(self.now, flying.local, flying.remote, &flying.octets);
    }

    /// Sends a datagram of a side's, with loss and NATs.
    pub fn fly(&mut self, from: usize, transmit: Transmit) {
        let to = 1 - from;
        if !self.sides[from].addresses.contains(&transmit.local) {
            return;
        }
        let source = match &mut self.sides[from].nat {
            Some(nat) => nat.out(transmit.local, transmit.remote),
            None => transmit.local,
        };
        let lost = self
            .loses
            .as_mut()
            .is_some_and(|loses| loses(from, &transmit));
        if lost || self.dice.percent(self.loss_percent) {
            return;
        }
        self.flying.push_back(Flying {
            at: self.now + self.delay,
            to,
            local: transmit.remote,
            remote: source,
            octets: transmit.octets,
        });
    }

    pub fn drain(&mut self) {
        let at = self.elapsed();
        for from in [CALLER, CALLEE] {
            while let Some(output) = self.sides[from].agent.poll_output() {
                match output {
                    Output::Transmit(transmit) => {
                        self.note(from, &transmit);
                        self.sides[from].sent.push((at, transmit.clone()));
                        self.fly(from, transmit);
                    }
                    Output::Event(event) => {
                        let who = if from == CALLER { "caller" } else { "callee" };
                        writeln!(self.ladder, "{:>6} {who}: {}", at.as_millis(), name(&event))
                            .unwrap();
                        self.sides[from].events.push((at, event));
                    }
                }
            }
        }
    }

    fn note(&mut self, from: usize, transmit: &Transmit) {
        let arrow = if from == CALLER { "-->" } else { "<--" };
        let kind = match transmit.octets.first_chunk() {
            Some([0, 1]) => "check",
            Some([1, 1]) => "success",
            _ => "?",
        };
        writeln!(
            self.ladder,
            "{:>6} {arrow} {kind} {} to {}",
            self.elapsed().as_millis(),
            transmit.local,
            transmit.remote
        )
        .unwrap();
    }
}

fn name(event: &Event) -> String {
    let show = |path: &Path| format!("{} to {}, {}", path.local, path.remote, path.kind);
    match event {
        Event::PathFound { path, checks } => {
            format!("path found after {} ms: {}", checks.as_millis(), show(path))
        }
        Event::PathChanged { from, to, cause } => {
            format!(
                "path changed ({cause:?}) from {} to {}",
                show(from),
                show(to)
            )
        }
        Event::PathLost { path } => format!("path lost: {}", show(path)),
        Event::PathRestored { path } => format!("path restored: {}", show(path)),
        Event::PeerReflexive { remote, id, .. } => {
            format!("peer-reflexive candidate {id} at {remote}")
        }
        Event::Failed { .. } => "failed".to_owned(),
    }
}
