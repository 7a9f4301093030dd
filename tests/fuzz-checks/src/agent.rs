//! Connectivity checks under a script: a peer that does as it likes, and time that passes.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::stun::{
    self, AttributeKind, CheckRequest, CheckUsername, Message, MessageKind, TransactionId,
};
use ichat_ice::{Agent, AgentConfig, Handled, LocalCandidate, Output, Refused, Transmit};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};

use crate::script::Script;

/// Our sockets; the last is none of ours.
const LOCALS: [&str; 5] = [
    "192.168.1.2:16402",
    "10.0.0.2:16402",
    "[2001:db8::2]:16402",
    "198.51.100.9:50000",
    "172.16.0.9:1",
];
/// Where the peer may be, and where nobody can be.
const REMOTES: [&str; 12] = [
    "192.168.1.3:16402",
    "203.0.113.9:16402",
    "203.0.113.9:40001",
    "10.0.0.3:16402",
    "[2001:db8::3]:16402",
    "[fe80::3]:16402",
    "127.0.0.1:16402",
    "198.51.100.77:3478",
    "192.168.1.2:16402",
    "203.0.113.9:0",
    "224.0.0.1:16402",
    "0.0.0.0:1",
];
/// Steps of a script that are done.
const MAX_STEPS: usize = 96;
/// Outputs of one datagram: an answer, a check back, checks of the paths in use and in reserve, news.
const DATAGRAM_OUTPUTS: usize = 12;
/// Outputs of one moment: each pair once, and some news.
const MOMENT_OUTPUTS: usize = 300;
/// Moments of one step of at most 65 s.
const MAX_MOMENTS: usize = 40_000;

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    let parse = |text: &&str| text.parse().expect("an address");
    texts.iter().map(parse).collect()
}

pub(crate) fn run(octets: &[u8]) {
    let mut script = Script::new(octets);
    let Some(flags) = script.octet() else {
        return;
    };
    let mut world = World::new(flags & 1 != 0);
    for _ in 0..MAX_STEPS {
        let Some(step) = script.octet() else {
            return;
        };
        world.step(step, &mut script);
        world.check();
    }
}

/// An agent, and all that was said to it and by it.
struct World {
    now: Instant,
    agent: Agent,
    locals: Vec<SocketAddr>,
    remotes: Vec<SocketAddr>,
    /// Checks that went out.
    sent: Vec<Transmit>,
    /// Transactions that were answered.
    taken: HashSet<TransactionId>,
    /// Ways on which a check of ours was answered.
    proven: HashSet<(SocketAddr, SocketAddr)>,
    checks_sent: u64,
    answers_sent: u64,
}

impl World {
    fn new(legacy_stun_header: bool) -> Self {
        let now = Instant::now();
        let locals = addresses(&LOCALS);
        let mut world = Self {
            now,
            agent: Agent::new(now, AgentConfig::default()),
            locals,
            remotes: addresses(&REMOTES),
            sent: Vec::new(),
            taken: HashSet::new(),
            proven: HashSet::new(),
            checks_sent: 0,
            answers_sent: 0,
        };
        world.agent = Agent::new(
            now,
            AgentConfig {
                seed: 5,
                local: world.candidates(0b1011),
                legacy_stun_header,
                ..AgentConfig::default()
            },
        );
        world
    }

    /// Our candidates: a bit each. The fourth is a relay's, and the second has a mapped one beside it.
    fn candidates(&self, which: u8) -> Vec<LocalCandidate> {
        let record = |address: &SocketAddr| IpPort::new("en0", *address);
        let mut candidates = Vec::new();
        for (place, address) in self.locals.iter().enumerate().take(4) {
            if which & (1 << place) == 0 {
                continue;
            }
            let id = CandidateId::new(100 + place as u32);
            let base = record(address);
            if place == 3 {
                let relay = CandidateKind::Relay;
                let candidate = Candidate::with_base(relay, id, 20, &base, &base);
                candidates.push(LocalCandidate::relayed(candidate));
                continue;
            }
            candidates.push(LocalCandidate::new(Candidate::host(id, 45, &base)));
            if place == 1 {
                let mapped = record(&"203.0.113.50:16402".parse().expect("an address"));
                let id = CandidateId::new(110);
                let kind = CandidateKind::ServerReflexive;
                let candidate = Candidate::with_base(kind, id, 35, &mapped, &base);
                candidates.push(LocalCandidate::new(candidate));
            }
        }
        candidates
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 10 {
            0 => self.pass(script.milliseconds()),
            1 => {
                let way = self.way(script);
                let octets = script.datagram();
                self.deliver(way, octets);
            }
            2 | 3 => self.answer(script),
            4 => self.check_of_theirs(script),
            5 => self.list(script),
            6 => {
                let local = self.candidates(script.octet().unwrap_or(0));
                self.agent.set_local(self.now, local);
                self.moment();
            }
            7 => {
                let (local, remote) = self.way(script);
                for _ in 0..script.octet().unwrap_or(0) % 16 {
                    let heard = self.agent.note_traffic(self.now, local, remote);
                    assert_eq!(heard, self.agent.is_validated_source(local, remote));
                    self.drain(DATAGRAM_OUTPUTS);
                    self.now += Duration::from_millis(20);
                    self.moment();
                }
            }
            8 => {
                let (local, remote) = self.way(script);
                let valid = self.agent.is_validated_source(local, remote);
                assert_eq!(self.agent.pin(self.now, local, remote), valid);
                self.drain(DATAGRAM_OUTPUTS);
            }
            _ => {
                // Nobody called for a while.
                self.now += script.milliseconds();
                self.moment();
            }
        }
    }

    fn way(&self, script: &mut Script<'_>) -> (SocketAddr, SocketAddr) {
        let local = script.place(self.locals.len()).unwrap_or(0);
        let remote = script.place(self.remotes.len()).unwrap_or(0);
        (self.locals[local], self.remotes[remote])
    }

    /// Time passes, and whatever is due is done when it is.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut moments = 0;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            moments += 1;
            assert!(moments < MAX_MOMENTS, "it comes to rest");
            self.now = due.max(self.now);
            self.moment();
        }
        self.now = end;
    }

    /// What is due is done, and nothing is due again at the same instant.
    fn moment(&mut self) {
        self.agent.handle_timeout(self.now);
        self.drain(MOMENT_OUTPUTS);
        let due = self.agent.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "what was due is done");
    }

    /// The peer answers a check of ours, maybe falsely: another source, another octet.
    fn answer(&mut self, script: &mut Script<'_>) {
        let Some(place) = script.place(self.sent.len()) else {
            return;
        };
        let flaw = script.octet().unwrap_or(0);
        let from_the_end = self.sent.len() - 1 - place;
        let check = self.sent[from_the_end].clone();
        let request = Message::decode(&check.octets).expect("a check of ours can be read");
        let seen = self.remotes[usize::from(flaw) % self.remotes.len()];
        let answer = stun::answer(&request, seen, 0).expect("a check of ours can be answered");
        let mut octets = answer.to_vec();
        let mut way = (check.local, check.remote);
        match flaw {
            0..=191 => {}
            192..=207 => way = self.way(script),
            208..=223 => {
                let place = usize::from(script.number()) % octets.len();
                octets[place] ^= script.octet().unwrap_or(0);
            }
            224..=239 => octets = error(&request),
            _ => octets = check.octets,
        }
        self.deliver(way, &octets);
    }

    fn check_of_theirs(&mut self, script: &mut Script<'_>) {
        let way = self.way(script);
        let local = self.agent.local_candidates();
        let receiver = script.place(local.len() + 1);
        let receiver = receiver.and_then(|place| local.get(place));
        let receiver = receiver.map_or(CandidateId::new(1), |local| local.candidate.id);
        let sender = script.octet().unwrap_or(0);
        let request = CheckRequest {
            transaction: TransactionId::with_cookie([sender; 12]),
            username: CheckUsername {
                receiver,
                sender: CandidateId::new(u32::from(sender % 64)),
            },
            slot: u32::from(sender / 64),
        };
        self.deliver(way, &request.encode());
    }

    /// The peer lists candidates, of its own making or any octets.
    fn list(&mut self, script: &mut Script<'_>) {
        let mut list = Vec::new();
        for _ in 0..script.octet().unwrap_or(0) % 70 {
            let Some(form) = script.octet() else {
                break;
            };
            if form == 0xff {
                list.push(Candidate::decode(&script.array()));
                continue;
            }
            let id = CandidateId::new(u32::from(script.octet().unwrap_or(0) % 64));
            let place = script.place(self.remotes.len()).unwrap_or(0);
            let record = IpPort::new("en0", self.remotes[place]);
            let kind = CandidateKind::from(u32::from(form % 8));
            let priority = u16::from(form);
            list.push(Candidate::with_base(kind, id, priority, &record, &record));
        }
        self.agent.add_remote(self.now, &list);
        self.moment();
    }

    fn deliver(&mut self, (local, remote): (SocketAddr, SocketAddr), octets: &[u8]) {
        let before = (self.agent.paths(), self.agent.selected());
        let handled = self.agent.handle_datagram(self.now, local, remote, octets);
        match handled {
            Ok(Handled::Response) => {
                let message = Message::decode(octets).expect("a response is a message");
                let transaction = message.transaction();
                let ours = |check: &&Transmit| check.octets[4..20] == *transaction.octets();
                let check = self.sent.iter().find(ours).expect("a response to a check");
                assert_eq!((check.local, check.remote), (local, remote));
                assert_eq!(message.kind(), MessageKind::BindingSuccess);
                assert!(self.taken.insert(transaction), "it counts once");
                self.proven.insert((local, remote));
                self.drain(DATAGRAM_OUTPUTS);
            }
            Ok(Handled::Answered) => {
                let request = Message::decode(octets).expect("a check is a message");
                let Some(Output::Transmit(answer)) = self.agent.poll_output() else {
                    panic!("the answer comes first");
                };
                self.check_answer(&request, &answer, (local, remote));
                self.drain(DATAGRAM_OUTPUTS);
            }
            Ok(Handled::Deferred) => assert_eq!(self.agent.poll_output(), None),
            Err(refused) => {
                assert_eq!(self.agent.poll_output(), None, "{refused}");
                assert_eq!(before, (self.agent.paths(), self.agent.selected()));
                let malformed = Message::decode(octets).is_err();
                assert_eq!(malformed, matches!(refused, Refused::Malformed(_)));
            }
        }
        self.moment();
    }

    fn check_answer(
        &mut self,
        request: &Message<'_>,
        answer: &Transmit,
        way: (SocketAddr, SocketAddr),
    ) {
        self.answers_sent += 1;
        assert_eq!((answer.local, answer.remote), way, "it goes back");
        let username = request.value(AttributeKind::Username);
        let username = username.and_then(CheckUsername::decode).expect("a check");
        let mut ours = self.agent.local_candidates().iter();
        assert!(ours.any(|local| local.candidate.id == username.receiver));
        let answer = Message::decode(&answer.octets).expect("an answer of ours can be read");
        assert_eq!(answer.kind(), MessageKind::BindingSuccess);
        assert_eq!(answer.transaction(), request.transaction());
    }

    /// Takes all that comes out: checks and news, not too many.
    fn drain(&mut self, limit: usize) {
        let mut outputs = 0;
        while let Some(output) = self.agent.poll_output() {
            outputs += 1;
            assert!(outputs <= limit, "more than {limit} outputs");
            let Output::Transmit(check) = output else {
                continue;
            };
            let message = Message::decode(&check.octets).expect("a check of ours can be read");
            assert_eq!(message.kind(), MessageKind::BindingRequest);
            self.checks_sent += 1;
            self.sent.push(check);
            if self.sent.len() > 4096 {
                self.sent.remove(0);
            }
        }
    }

    /// Nothing is valid where no check of ours was answered.
    fn check(&self) {
        let paths = self.agent.paths();
        for path in paths.iter().chain(&self.agent.selected()) {
            assert!(self.proven.contains(&(path.local, path.remote)), "{path:?}");
        }
        for local in &self.locals {
            for remote in &self.remotes {
                let proven = self.proven.contains(&(*local, *remote));
                assert!(proven || !self.agent.is_validated_source(*local, *remote));
            }
        }
        let counters = self.agent.counters();
        assert_eq!(counters.checks_sent, self.checks_sent);
        assert_eq!(counters.answered, self.answers_sent);
        assert_eq!(counters.responses, self.taken.len() as u64);
    }
}

/// A refusal of a check: 487.
fn error(request: &Message<'_>) -> Vec<u8> {
    let mut octets = vec![1, 0x11, 0, 8];
    octets.extend(request.transaction().octets());
    octets.extend([0, 9, 0, 4, 0, 0, 4, 87]);
    octets
}
