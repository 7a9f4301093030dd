//! The ways to the peer, as a machine without I/O: our addresses as servers see them, the checks of
//! the conference dialect, the pinholes of the legacy one.
//!
//! It joins the machines of `ichat-ice` for one call, from the moment when it is placed, or rings
//! here, to its end. After every call of a `&mut` method, [`Connectivity::poll_output`] is drained
//! until it gives `None`.
//!
//! ```text
//!               open ──> Checking, the peer's list unknown ──check──> Checking
//!   Gathering ──┤                                                        │
//!               └─────────────────── open_pinholes ──────────────────────┴──> Pinholes
//! ```

mod event;
mod pump;
mod silence;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use ichat_ice::{
    Agent, AgentConfig, GatherConfig, Gathered, Gatherer, Interface, Path, PinholeTimings,
    Pinholes, RelayListing, Transmit,
};
use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};
use ichat_rtp::DatagramKind;
use ichat_sip::Route;

use crate::seed::Seed;

use silence::Silence;

pub use event::{ConnectivityEvent, ConnectivityOutput, Received};

/// At most this many candidates are told, so that an invitation stays below 8 kB of hex
/// (docs/protocol/field.md, size): 8 addresses as they are and as servers see them, and relays.
pub const MAX_CANDIDATES: usize = 20;

/// Of these at most so many are lent by relays.
const MAX_RELAYED: usize = 4;

/// So many checks that come before the peer's list are kept, of so many octets each at most; a Mac's
/// has 52.
const MAX_EARLY: usize = 16;
const MAX_EARLY_LEN: usize = 256;

/// The ways to the peer of one call.
#[derive(Debug)]
pub struct Connectivity {
    gatherer: Gatherer,
    ways: Ways,
    seed: Seed,
    /// How long the peer has been silent, once the call is up.
    silence: Option<Silence>,
    /// The peer's list is known.
    acquainted: bool,
    /// More than one of its devices ring: who checks us need not be who accepts.
    several: bool,
    /// The checks that came before that.
    early: Vec<Early>,
    /// The peer was told our candidates, and they are still the same.
    told: bool,
    /// Reflectors that did not answer, and those that did.
    silent: BTreeSet<SocketAddr>,
    answering: BTreeSet<SocketAddr>,
    /// Servers of which the user knows that they are of no use.
    faulty: BTreeSet<(SocketAddr, &'static str)>,
    /// Octets of checks that came when nobody checked, and what servers sent that is of no use.
    dropped: u64,
    outputs: VecDeque<ConnectivityOutput>,
}

/// A check that came before the peer's list.
#[derive(Debug)]
struct Early {
    route: Route,
    octets: Vec<u8>,
    /// The candidate that it names as its sender, once the agent has read it.
    id: Option<CandidateId>,
}

/// How ways are looked for.
#[derive(Debug)]
enum Ways {
    /// Not yet.
    Gathering,
    /// By the conference dialect's checks.
    Checking(Box<Agent>),
    /// The legacy dialect has none.
    Pinholes(Pinholes),
}

impl Connectivity {
    /// Begins to gather. Without servers it is done with that at once.
    #[must_use]
    pub fn new(now: Instant, seed: u64, config: GatherConfig) -> Self {
        let mut seed = Seed::new(seed);
        let config = GatherConfig {
            seed: seed.next_u64(),
            ..config
        };
        let mut connectivity = Self {
            gatherer: Gatherer::new(now, config),
            ways: Ways::Gathering,
            seed,
            silence: None,
            acquainted: false,
            several: false,
            early: Vec::new(),
            told: false,
            silent: BTreeSet::new(),
            answering: BTreeSet::new(),
            faulty: BTreeSet::new(),
            dropped: 0,
            outputs: VecDeque::new(),
        };
        connectivity.pump(now);
        connectivity
    }

    /// Whether no server is waited for.
    #[must_use]
    pub fn is_gathered(&self) -> bool {
        self.gatherer.is_complete()
    }

    /// Our addresses for the legacy dialect, the one outside first; what the peer is told now.
    pub fn legacy_list(&mut self) -> Vec<IpPort> {
        self.told = true;
        self.gatherer.legacy_list()
    }

    /// Our candidates, at most [`MAX_CANDIDATES`]; what the peer is told now.
    pub fn candidates(&mut self) -> Vec<Candidate> {
        self.told = true;
        let (relayed, own): (Vec<_>, Vec<_>) = self
            .gatherer
            .local_candidates()
            .into_iter()
            .partition(|local| local.relayed);
        let relayed = relayed.into_iter().take(MAX_RELAYED);
        let room = MAX_CANDIDATES.saturating_sub(relayed.len());
        let all = own.into_iter().take(room).chain(relayed);
        all.map(|local| local.candidate).collect()
    }

    /// Our address outside, as the first server saw it.
    #[must_use]
    pub fn external_address(&self) -> Option<SocketAddr> {
        self.gatherer.external_address()
    }

    /// As what relayed addresses are listed. Before [`open`](Self::open).
    pub fn list_relays_as(&mut self, listing: RelayListing) {
        self.gatherer.list_relays_as(listing);
    }

    /// Answers checks from now on: the peer's can overtake its acceptance
    /// (docs/protocol/connectivity.md, when a pair is usable \[D\]).
    pub fn open(&mut self, now: Instant) {
        if let Ways::Checking(_) = self.ways {
            return;
        }
        let config = AgentConfig {
            seed: self.seed.next_u64(),
            local: self.gatherer.local_candidates(),
            ..AgentConfig::default()
        };
        self.ways = Ways::Checking(Box::new(Agent::new(now, config)));
    }

    /// Several of the peer's devices ring: not everybody who checks us is the one who accepts.
    pub fn expect_several(&mut self) {
        self.several = true;
    }

    /// The peer's candidates are known, or more of them: the first check goes out at once.
    ///
    /// Where [several](Self::expect_several) of its devices rang, another one may have checked us
    /// before this one accepted: what is known of such a stranger is forgotten, so that the INVITE
    /// does not go there. Checks of the one that accepted count on.
    pub fn check(&mut self, now: Instant, candidates: &[Candidate]) {
        let listed = |early: &Early| {
            let id = early.id.as_ref();
            id.is_none_or(|id| candidates.iter().any(|candidate| candidate.id == *id))
        };
        let first = !std::mem::replace(&mut self.acquainted, true);
        let early = std::mem::take(&mut self.early);
        let again = first && self.several && !early.iter().all(listed);
        if again {
            tracing::debug!("checks came from somebody who did not accept; they are forgotten");
            self.ways = Ways::Gathering;
        }
        self.open(now);
        if let Ways::Checking(agent) = &mut self.ways {
            agent.add_remote(now, candidates);
        }
        for early in early.iter().filter(|early| again && listed(early)) {
            // It has its answer: what counts is that we check back.
            self.receive(now, early.route, &early.octets);
        }
        self.pump(now);
    }

    /// The peer's addresses are known, or more of them, and it does no checks: our NAT is opened for
    /// them, and what comes from there is a hint.
    pub fn open_pinholes(&mut self, now: Instant, peers: &[SocketAddr]) {
        if let Ways::Pinholes(pinholes) = &mut self.ways {
            pinholes.add_peers(now, peers);
        } else {
            let mut pinholes = Pinholes::new(self.sockets(), PinholeTimings::default());
            pinholes.add_peers(now, peers);
            self.ways = Ways::Pinholes(pinholes);
        }
        self.pump(now);
    }

    /// Our sockets that others could reach.
    fn sockets(&self) -> Vec<SocketAddr> {
        let locals = self.gatherer.local_candidates();
        let sockets: BTreeSet<SocketAddr> = locals
            .iter()
            .filter(|local| local.candidate.kind != CandidateKind::ServerReflexive)
            .map(|local| local.base)
            .filter(|base| !self.gatherer.is_relayed(*base))
            .collect();
        sockets.into_iter().collect()
    }

    /// The call is up: its own packets keep the mappings open, and servers are asked again only when
    /// the peer falls silent.
    pub fn connected(&mut self) {
        self.gatherer.stop_refreshing();
        self.silence.get_or_insert_default();
        if let Ways::Pinholes(pinholes) = &mut self.ways {
            pinholes.stop();
        }
    }

    /// Follows a change of our sockets.
    pub fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        self.gatherer.set_interfaces(now, interfaces);
        let sockets = self.sockets();
        if let Ways::Pinholes(pinholes) = &mut self.ways {
            pinholes.set_locals(now, sockets);
        }
        self.pump(now);
    }

    /// The INVITE takes this way, so that it is the path (docs/protocol/connectivity.md, when a pair
    /// is usable \[D\]). False where no checks went through there.
    pub fn pin(&mut self, now: Instant, route: Route) -> bool {
        let pinned = match &mut self.ways {
            Ways::Checking(agent) => agent.pin(now, route.local, route.remote),
            Ways::Gathering | Ways::Pinholes(_) => false,
        };
        self.pump(now);
        pinned
    }

    /// The path in use.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        match &self.ways {
            Ways::Checking(agent) => agent.selected(),
            Ways::Gathering | Ways::Pinholes(_) => None,
        }
    }

    /// Whether ways are looked for by checks.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        matches!(self.ways, Ways::Checking(_))
    }

    /// Whether a relay lends this address, so that what leaves from it goes through
    /// [`send_relayed`](Self::send_relayed).
    #[must_use]
    pub fn is_relayed(&self, local: SocketAddr) -> bool {
        self.gatherer.is_relayed(local)
    }

    /// Sends from a relayed address.
    pub fn send_relayed(&mut self, now: Instant, route: Route, octets: &[u8]) {
        let transmit = Transmit {
            local: route.local,
            remote: route.remote,
            octets: octets.to_vec(),
        };
        if !self.gatherer.send_relayed(now, &transmit) {
            tracing::debug!(local = %route.local, "no relay lends this address any more");
        }
        self.pump(now);
    }

    /// Takes any datagram of the shared port, before anybody else does.
    pub fn handle_datagram(&mut self, now: Instant, route: Route, octets: &[u8]) -> Received {
        let gathered = self
            .gatherer
            .handle_datagram(now, route.local, route.remote, octets);
        let received = match gathered {
            Gathered::NotOurs => match self.receive(now, route, octets) {
                Some(validated) => Received::Call { validated },
                None => Received::Taken,
            },
            Gathered::Handled => Received::Taken,
            Gathered::Dropped => {
                self.dropped += 1;
                Received::Taken
            }
            Gathered::Relayed {
                local,
                remote,
                octets,
            } => {
                let route = Route { local, remote };
                match self.receive(now, route, &octets) {
                    Some(validated) => Received::Relayed {
                        route,
                        octets,
                        validated,
                    },
                    None => Received::Taken,
                }
            }
        };
        self.pump(now);
        received
    }

    /// Takes a datagram that is no server's; `None` when it was a check, else whether it may be
    /// heard.
    fn receive(&mut self, now: Instant, route: Route, octets: &[u8]) -> Option<bool> {
        let Route { local, remote } = route;
        let kind = ichat_rtp::classify(octets);
        match (&mut self.ways, kind) {
            (Ways::Checking(agent), DatagramKind::Stun) => {
                let is_early = !self.acquainted && octets.len() <= MAX_EARLY_LEN;
                if is_early && self.early.len() < MAX_EARLY {
                    let octets = octets.to_vec();
                    self.early.push(Early {
                        route,
                        octets,
                        id: None,
                    });
                }
                if let Err(error) = agent.handle_datagram(now, local, remote, octets) {
                    tracing::debug!(%error, "STUN that is dropped");
                }
                None
            }
            (Ways::Gathering | Ways::Pinholes(_), DatagramKind::Stun)
            | (_, DatagramKind::Snatmap) => {
                self.dropped += 1;
                None
            }
            (Ways::Checking(agent), _) => {
                let validated = agent.note_traffic(now, local, remote);
                if let Some(silence) = self.silence.as_mut().filter(|_| validated) {
                    silence.note_heard(now);
                }
                Some(validated)
            }
            (Ways::Pinholes(pinholes), DatagramKind::Keepalive | DatagramKind::Unknown) => {
                pinholes.handle_datagram(local, remote);
                Some(false)
            }
            (Ways::Gathering | Ways::Pinholes(_), _) => Some(false),
        }
    }

    /// Datagrams that were of no use to anybody.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let checks = match &self.ways {
            Ways::Checking(agent) => {
                let counters = agent.counters();
                [
                    counters.malformed,
                    counters.unsupported,
                    counters.not_for_us,
                    counters.unknown_transaction,
                    counters.wrong_source,
                    counters.error_responses,
                ]
                .into_iter()
                .sum()
            }
            Ways::Gathering | Ways::Pinholes(_) => 0,
        };
        self.dropped + checks
    }

    /// Gives back what servers lend; what is left to send is the last.
    pub fn close(&mut self, now: Instant) {
        self.ways = Ways::Gathering;
        self.silence = None;
        self.gatherer.release(now);
        self.pump(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.gatherer.poll_timeout().is_some_and(|due| due <= now) {
            self.gatherer.handle_timeout(now);
        }
        if let Some(silence) = &mut self.silence
            && silence.handle_timeout(now)
        {
            self.gatherer.ask_again(now);
        }
        match &mut self.ways {
            Ways::Gathering => {}
            Ways::Checking(agent) => agent.handle_timeout(now),
            Ways::Pinholes(pinholes) => pinholes.handle_timeout(now),
        }
        self.pump(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ways = match &self.ways {
            Ways::Gathering => None,
            Ways::Checking(agent) => agent.poll_timeout(),
            Ways::Pinholes(pinholes) => pinholes.poll_timeout(),
        };
        let silence = self.silence.as_ref().and_then(Silence::poll_timeout);
        let gathering = self.gatherer.poll_timeout();
        [gathering, silence, ways].into_iter().flatten().min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<ConnectivityOutput> {
        self.outputs.pop_front()
    }
}

/// The two ends of a path.
#[must_use]
pub fn route_of(path: &Path) -> Route {
    Route {
        local: path.local,
        remote: path.remote,
    }
}

/// The word for a path's kind in events.
#[must_use]
pub fn path_word(path: &Path) -> &'static str {
    use ichat_ice::PathKind;
    match path.kind {
        PathKind::Host => "host",
        PathKind::ServerReflexive => "srflx",
        PathKind::PeerReflexive => "prflx",
        PathKind::Relay => "relay",
    }
}
