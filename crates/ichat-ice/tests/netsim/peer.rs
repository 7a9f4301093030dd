//! Gathering and checks on one host of a network in memory, with media on the path that they find.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_ice::{
    Agent, AgentConfig, Event, GatherConfig, GatherOutput, Gathered, Gatherer, Interface, Output,
    Path, Transmit,
};
use ichat_invitation::Candidate;
use netsim::Endpoint;

/// Between two packets of media.
pub const FRAME: Duration = Duration::from_millis(20);
/// The head of RTP and 20 ms of G.711.
const PACKET_LEN: usize = 172;
/// The first octets of what the caller asks on its path, and of the answer, which goes back the same
/// way. Both sides stay on that path (docs/protocol/connectivity.md, when a pair is usable).
const INVITE: &[u8] = b"INVITE sip:";
const OK: &[u8] = b"SIP/2.0 200 OK";
/// How often it is asked until the answer comes.
const T1: Duration = Duration::from_millis(500);

/// How long nothing is heard in a call until all servers are asked where they see us, and how long
/// until the second time, each time twice as long up to a limit: as the endpoint does
/// (`crates/ichat-endpoint/src/connectivity/silence.rs`).
const SILENCE: Duration = Duration::from_millis(400);
const SECOND_QUESTION: Duration = Duration::from_secs(2);
const RAREST_QUESTION: Duration = Duration::from_secs(15);

/// What a peer is made from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tells its media from the other's.
    pub name: u64,
    pub is_caller: bool,
    /// The port that it uses on all its addresses.
    pub port: u16,
    /// Whom it asks; without interfaces.
    pub gather: GatherConfig,
    /// Whether its checks have no cookie.
    pub legacy_stun_header: bool,
    /// Whether it asks reflectors no more once the call is up, until the other falls silent.
    pub is_thrifty: bool,
}

/// What a host does in a call, but for signalling.
pub struct Peer {
    name: u64,
    is_caller: bool,
    port: u16,
    is_thrifty: bool,
    pub gatherer: Gatherer,
    pub agent: Agent,
    pub events: Vec<(Instant, Event)>,
    /// When media of the other's came over a validated path.
    pub heard: Vec<Instant>,
    /// How long that was under way, in all.
    under_way: Duration,
    /// Both sides count from here.
    started: Instant,
    /// Media of the other's from elsewhere.
    pub unheard: usize,
    /// Media over a validated path that is not the other's.
    pub strange: usize,
    /// Most datagrams that agent and gatherer sent within a second.
    pub busiest_second: usize,
    /// When they sent the datagrams of the last second.
    recent: VecDeque<Instant>,
    /// Whether our candidates have changed since they were told.
    has_news: bool,
    /// How often a machine wanted to be called again at the same time.
    called_at_once: u32,
    next_frame: Option<Instant>,
    /// When the caller asks next.
    next_invite: Option<Instant>,
    /// When servers are asked because nothing is heard, and how long after that again.
    next_question: Option<(Instant, Duration)>,
    transmits: VecDeque<netsim::Transmit>,
}

impl Peer {
    pub fn new(now: Instant, config: &Config) -> Self {
        let agent = AgentConfig {
            seed: config.gather.seed ^ 1,
            legacy_stun_header: config.legacy_stun_header,
            ..AgentConfig::default()
        };
        Self {
            name: config.name,
            is_caller: config.is_caller,
            port: config.port,
            is_thrifty: config.is_thrifty,
            gatherer: Gatherer::new(now, config.gather.clone()),
            agent: Agent::new(now, agent),
            events: Vec::new(),
            heard: Vec::new(),
            under_way: Duration::ZERO,
            started: now,
            unheard: 0,
            strange: 0,
            busiest_second: 0,
            recent: VecDeque::new(),
            has_news: false,
            called_at_once: 0,
            next_frame: None,
            next_invite: None,
            next_question: None,
            transmits: VecDeque::new(),
        }
    }

    /// Whether our candidates have changed since they were told.
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Our candidates, for the other side.
    pub fn tell(&mut self) -> Vec<Candidate> {
        self.has_news = false;
        self.gatherer.candidates()
    }

    /// Takes the other side's candidates.
    pub fn hear(&mut self, now: Instant, candidates: &[Candidate]) {
        self.agent.add_remote(now, candidates);
        self.drain(now);
    }

    /// Begins to send media, or ends it.
    pub fn talk(&mut self, now: Instant, talks: bool) {
        if talks && self.is_caller && self.next_frame.is_none() {
            self.next_invite = Some(now);
        }
        self.next_frame = talks.then_some(now);
    }

    pub fn path(&self) -> Option<Path> {
        self.agent.selected()
    }

    /// Whether the agent said that it found nothing, and found nothing since.
    pub fn has_failed(&self) -> bool {
        let mut events = self.events.iter().rev().map(|(_, event)| event);
        let told = events.find(|event| !matches!(event, Event::PeerReflexive { .. }));
        matches!(told, Some(Event::Failed { .. }))
    }

    /// How much media was heard from a time on.
    pub fn heard_since(&self, since: Instant) -> usize {
        let heard = self.heard.iter().rev();
        heard.take_while(|heard| **heard >= since).count()
    }

    /// How long media of the other's was under way on the average.
    pub fn mean_delay(&self) -> Duration {
        let count = u32::try_from(self.heard.len()).unwrap();
        self.under_way.checked_div(count).unwrap_or_default()
    }

    /// The longest time without media between two times.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let within = |heard: &&Instant| (from..=to).contains(*heard);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for heard in self.heard.iter().filter(within).chain([&to]) {
            longest = longest.max(*heard - last);
            last = *heard;
        }
        longest
    }

    fn drain(&mut self, now: Instant) {
        loop {
            let mut changed = false;
            let mut idle = true;
            while let Some(output) = self.gatherer.poll_output() {
                idle = false;
                match output {
                    GatherOutput::Transmit(transmit) => self.send(now, transmit),
                    GatherOutput::Event(event) => {
                        changed |= matches!(
                            event,
                            ichat_ice::GatherEvent::Candidate(_) | ichat_ice::GatherEvent::Gone(_)
                        );
                    }
                }
            }
            if changed {
                self.has_news = true;
                let local = self.gatherer.local_candidates();
                self.agent.set_local(now, local);
            }
            while let Some(output) = self.agent.poll_output() {
                idle = false;
                match output {
                    Output::Transmit(transmit) => self.route(now, transmit),
                    Output::Event(event) => {
                        if let Event::PathLost { .. } = event {
                            self.gatherer.ask_again(now);
                        }
                        self.events.push((now, event));
                    }
                }
            }
            if idle {
                break;
            }
        }
    }

    /// What an agent or a call sends: by the socket, or by the relay.
    fn route(&mut self, now: Instant, transmit: Transmit) {
        if self.gatherer.is_relayed(transmit.local) {
            self.gatherer.send_relayed(now, &transmit);
        } else {
            self.send(now, transmit);
        }
    }

    fn send(&mut self, now: Instant, transmit: Transmit) {
        self.recent.push_back(now);
        let second = Duration::from_secs(1);
        while self.recent.front().is_some_and(|at| *at + second <= now) {
            self.recent.pop_front();
        }
        self.busiest_second = self.busiest_second.max(self.recent.len());
        let Transmit {
            local,
            remote,
            octets,
        } = transmit;
        self.transmits.push_back(netsim::Transmit {
            local,
            remote,
            octets,
        });
    }

    fn send_frame(&mut self, now: Instant) {
        let Some(due) = self.next_frame.filter(|due| *due <= now) else {
            return;
        };
        self.next_frame = Some(due + FRAME);
        if let Some(path) = self.path() {
            let mut octets = vec![0x80; PACKET_LEN];
            octets[4..12].copy_from_slice(&self.name.to_be_bytes());
            let since = u64::try_from((now - self.started).as_nanos()).unwrap();
            octets[12..20].copy_from_slice(&since.to_be_bytes());
            let transmit = Transmit {
                local: path.local,
                remote: path.remote,
                octets,
            };
            self.route(now, transmit);
        }
    }

    fn send_invite(&mut self, now: Instant) {
        if self.next_invite.is_some_and(|due| due <= now)
            && let Some(path) = self.path()
        {
            self.next_invite = Some(now + T1);
            self.say(now, path.local, path.remote, INVITE);
        }
    }

    fn ask_about_silence(&mut self, now: Instant) {
        if let Some((_, wait)) = self.next_question.filter(|(due, _)| *due <= now) {
            self.next_question = Some((now + wait, (wait * 2).min(RAREST_QUESTION)));
            self.gatherer.ask_again(now);
        }
    }

    fn say(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, words: &[u8]) {
        let octets = words.to_vec();
        self.route(
            now,
            Transmit {
                local,
                remote,
                octets,
            },
        );
    }

    fn classify(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        if octets.first().is_some_and(|first| first >> 6 == 2) {
            let validated = self.agent.note_traffic(now, local, remote);
            let others = octets.get(4..12) != Some(&self.name.to_be_bytes());
            match (validated, others) {
                (true, true) => {
                    self.heard.push(now);
                    let sent = octets[12..20].first_chunk().copied().unwrap();
                    let sent = self.started + Duration::from_nanos(u64::from_be_bytes(sent));
                    self.under_way += now - sent;
                    self.next_question = Some((now + SILENCE, SECOND_QUESTION));
                    if self.is_thrifty {
                        self.gatherer.stop_refreshing();
                    }
                }
                (false, true) => self.unheard += 1,
                (true, false) => self.strange += 1,
                (false, false) => {}
            }
        } else if octets.starts_with(INVITE) {
            if self.agent.pin(now, local, remote) {
                self.say(now, local, remote, OK);
            }
        } else if octets.starts_with(OK) {
            if self.next_invite.take().is_some() {
                self.agent.pin(now, local, remote);
            }
        } else {
            // What is refused is counted by the agent.
            let _ = self.agent.handle_datagram(now, local, remote, octets);
        }
    }
}

impl Endpoint for Peer {
    fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        if local.port() != self.port {
            return;
        }
        match self.gatherer.handle_datagram(now, local, remote, octets) {
            Gathered::NotOurs => self.classify(now, local, remote, octets),
            Gathered::Relayed {
                local,
                remote,
                octets,
            } => self.classify(now, local, remote, &octets),
            Gathered::Handled | Gathered::Dropped => {}
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.gatherer.poll_timeout()) {
            self.gatherer.handle_timeout(now);
        }
        if is_due(self.agent.poll_timeout()) {
            self.agent.handle_timeout(now);
        }
        self.ask_about_silence(now);
        self.send_invite(now);
        self.send_frame(now);
        self.drain(now);
        let due = [self.gatherer.poll_timeout(), self.agent.poll_timeout()];
        let at_once = due.into_iter().flatten().any(|due| due <= now);
        self.called_at_once = if at_once { self.called_at_once + 1 } else { 0 };
        assert!(
            self.called_at_once < 8,
            "a machine wants to be called at once for ever"
        );
    }

    fn poll_transmit(&mut self) -> Option<netsim::Transmit> {
        self.transmits.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let machines = [self.gatherer.poll_timeout(), self.agent.poll_timeout()];
        let own = self
            .next_frame
            .into_iter()
            .chain(self.next_invite.filter(|_| self.path().is_some()))
            .chain(self.next_question.map(|(due, _)| due));
        machines.into_iter().flatten().chain(own).min()
    }

    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        let interface = |(number, address): (usize, &IpAddr)| Interface {
            name: format!("en{number}"),
            socket: SocketAddr::new(*address, self.port),
            point_to_point: false,
        };
        let interfaces = addresses.iter().enumerate().map(interface).collect();
        self.gatherer.set_interfaces(now, interfaces);
        self.drain(now);
    }
}
