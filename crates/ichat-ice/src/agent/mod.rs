//! Connectivity checks: two lists of candidates in, a path out.

mod change;
mod check;
mod config;
mod counters;
mod event;
mod keepalive;
mod pairs;
mod receive;
mod remotes;
mod route;
mod schedule;
mod select;
mod urgency;
mod watch;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::Candidate;

use self::check::{Check, CheckKey};
pub use self::config::{AgentConfig, Timings};
pub use self::counters::Counters;
pub use self::event::{ChangeCause, Event, Handled, Output, Path, PathKind, Refused};
pub use self::pairs::{Pair, PairClass, pair_list};
use self::remotes::Remotes;
use self::route::{Route, RouteId};
use self::select::Selected;
use self::urgency::Haste;
use crate::random::Random;
use crate::stun::{CheckRequest, CheckUsername, TransactionId};
use crate::{LocalCandidate, Transmit};

/// Pairs that are checked at most, and routes that are known at most. What is cut off is the end of
/// the list, the same end on both sides.
const MAX_CHECKS: usize = 256;

/// One side of a call's connectivity checks, in Apple's dialect
/// (`docs/protocol/connectivity.md` [D; that an iChat does the same: I]).
///
/// A machine without I/O. Candidates, datagrams and the time go in by the other methods; after each
/// of them drain [`poll_output`](Self::poll_output) to `None`, and call
/// [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout).
///
/// Make it before the call rings, and give it every STUN datagram that is no server's: the peer's
/// checks can overtake its acceptance. With [`set_remote`](Self::set_remote) the first check goes
/// out at once. After [`Event::PathFound`] keep it: it still answers checks, keeps the path open,
/// and finds another when the path dies or the interfaces change.
#[derive(Debug)]
pub struct Agent {
    locals: Vec<LocalCandidate>,
    remotes: Remotes,
    lists_known: Option<Instant>,
    /// When all pairs were last begun, or begun anew.
    trying_since: Instant,
    checks: Vec<Check>,
    next_start: Instant,
    last_regular_start: Option<Instant>,
    /// When a pair that the peer's checks made was last checked out of turn.
    checked_back: Option<Instant>,
    routes: Vec<Route>,
    selected: Option<Selected>,
    /// The path that was in use until its address went away.
    previous: Option<Path>,
    failed: bool,
    haste: Haste,
    timings: Timings,
    legacy_stun_header: bool,
    random: Random,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Agent {
    /// An agent that knows nothing of the peer yet; it answers checks from now on.
    pub fn new(now: Instant, config: AgentConfig) -> Self {
        Self {
            locals: config.local,
            remotes: Remotes::default(),
            lists_known: None,
            trying_since: now,
            checks: Vec::new(),
            next_start: now,
            last_regular_start: None,
            checked_back: None,
            routes: Vec::new(),
            selected: None,
            previous: None,
            failed: false,
            haste: Haste::new(now),
            timings: config.timings,
            legacy_stun_header: config.legacy_stun_header,
            random: Random::new(config.seed),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes the peer's list: pairs are formed, and the first check goes out now. Addresses that a
    /// middlebox rewrote are restored from their guards; of more than 64 candidates the rest is left
    /// out.
    pub fn set_remote(&mut self, now: Instant, candidates: &[Candidate]) {
        self.add_remote(now, candidates);
    }

    /// Takes more candidates of the peer's, late ones or those of a counter-proposal, at any time.
    /// What is known already is left as it is. Before [`set_remote`](Self::set_remote) the same as
    /// that.
    pub fn add_remote(&mut self, now: Instant, candidates: &[Candidate]) {
        let first = self.lists_known.is_none();
        self.lists_known.get_or_insert(now);
        let counters = &mut self.counters;
        let any_new = self.remotes.list(candidates, &self.locals, counters);
        if first || any_new {
            self.try_anew(now);
            self.form_pairs();
            self.next_start = self.next_start.max(now);
        }
        if any_new {
            // Maybe because the peer's network has changed.
            self.ask_path(now);
        }
        self.handle_timeout(now);
    }

    /// Whether media from there may be heard: checks went through both ways between the socket
    /// `local` and the address `remote`. Stays true until the socket's address goes away, so that
    /// only [`set_local`](Self::set_local) ends it.
    pub fn is_validated_source(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let id = RouteId {
            base: local,
            remote,
        };
        self.route(id)
            .is_some_and(|route| route.validated.is_some())
    }

    /// All ways from which media may be heard, as (local, remote): those for which
    /// [`is_validated_source`](Self::is_validated_source) is true. More may come with every datagram
    /// and every time-out; some go only with [`set_local`](Self::set_local).
    pub fn validated_sources(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + '_ {
        let routes = self.routes.iter();
        let valid = routes.filter(|route| route.validated.is_some());
        valid.map(|route| (route.id.base, route.id.remote))
    }

    /// The path in use.
    pub fn selected(&self) -> Option<Path> {
        self.selected.as_ref().map(|selected| selected.path)
    }

    /// All paths that work, the one in use among them.
    pub fn paths(&self) -> Vec<Path> {
        let ready = self.routes.iter().filter(|route| route.is_ready());
        ready.map(|route| self.path_of(route.id)).collect()
    }

    /// Our candidates as they are now.
    pub fn local_candidates(&self) -> &[LocalCandidate] {
        &self.locals
    }

    /// What was sent, taken and dropped so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The next datagram or event; drain to `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// There is something new to try.
    fn try_anew(&mut self, now: Instant) {
        self.failed = false;
        self.trying_since = now;
    }

    /// Forms the pairs of both lists anew. Pairs that were there keep their state; those that only
    /// the peer's checks made stay at the end.
    fn form_pairs(&mut self) {
        let ours: Vec<Candidate> = self.locals.iter().map(|local| local.candidate).collect();
        let theirs = self.remotes.listed();
        let mut before = std::mem::take(&mut self.checks);
        for pair in pair_list(&ours, theirs) {
            let (Some(local), Some(remote)) =
                (self.locals.get(pair.local), theirs.get(pair.remote))
            else {
                continue;
            };
            let key = CheckKey {
                local_id: local.candidate.id,
                base: local.base,
                remote_id: remote.id,
                remote: remote.address.address(),
            };
            let class = match local.relayed && key.is_out_of_reach() {
                true => PairClass::LastResort,
                false => pair.class,
            };
            let known = before.iter().position(|check| check.key == key);
            let check = match known {
                Some(place) => before.remove(place).relisted(class),
                // Where the lists share no slot, the one that the receiver knows.
                None => Check::listed(key, remote.slot, class),
            };
            if self.checks.len() < MAX_CHECKS {
                self.checks.push(check);
            } else {
                self.counters.too_many_pairs += 1;
            }
        }
        for mut check in before {
            check.is_listed = false;
            let ours = |local: &LocalCandidate| local.candidate.id == check.key.local_id;
            if !self.locals.iter().any(ours) {
                // Its candidate is gone.
            } else if self.checks.len() < MAX_CHECKS {
                self.checks.push(check);
            } else {
                self.counters.too_many_pairs += 1;
            }
        }
        self.put_sought_first();
        tracing::debug!(pairs = self.checks.len(), "pairs formed");
    }

    /// Sends a check of the pair at `place`, a new transaction.
    fn send_check(&mut self, now: Instant, place: usize) {
        let transaction = self.new_transaction();
        let Some(check) = self.checks.get_mut(place) else {
            return;
        };
        check.note_sent(now, transaction);
        let key = check.key;
        let request = CheckRequest {
            transaction,
            username: CheckUsername {
                receiver: key.remote_id,
                sender: key.local_id,
            },
            slot: check.slot,
        };
        self.counters.checks_sent += 1;
        self.transmit(key.base, key.remote, &request.encode());
    }

    fn new_transaction(&mut self) -> TransactionId {
        if self.legacy_stun_header {
            TransactionId::without_cookie(self.random.octets())
        } else {
            TransactionId::with_cookie(self.random.octets())
        }
    }

    fn transmit(&mut self, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        self.outputs.push_back(Output::Transmit(Transmit {
            local,
            remote,
            octets: octets.to_vec(),
        }));
    }

    fn event(&mut self, event: Event) {
        tracing::debug!(?event, "checks");
        self.outputs.push_back(Output::Event(event));
    }

    fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.iter().find(|route| route.id == id)
    }

    fn route_mut(&mut self, id: RouteId) -> Option<&mut Route> {
        self.routes.iter_mut().find(|route| route.id == id)
    }
}
