//! Which way the call takes: checks of every pair until one is proven in both directions
//! (`docs/protocol/connectivity.md` `[D]`).

use crate::candidate::{Candidate, Id, hex};
use crate::checks::Book;
use crate::offered::Offered;
use crate::options::{Options, PeerKind};
use crate::pairs;
use crate::random::Random;
use crate::sockets::{Outbox, SocketId};
use crate::stun::{self, Check, Message, Tag};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// One pair after the other begins.
const PACE: Duration = Duration::from_millis(50);
/// The first resend of a check `[I]`; each later one takes half as long again.
const FIRST_INTERVAL: Duration = Duration::from_millis(500);
const LAST_INTERVAL: Duration = Duration::from_secs(2);
/// After so long without a path there is none `[I]`.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(30);
/// So often a further pair is checked once there is a path.
const SPARE_CHECKS: usize = 8;
/// How often a check is sent to somebody of whom no list is known.
const BLIND_INTERVAL: Duration = Duration::from_millis(500);

/// What the checks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathEvent {
    /// The first pair that works.
    Found { remote: SocketAddr, after: Duration },
    /// Another one.
    Another(SocketAddr),
    /// None did in all the time.
    NotFound,
}

/// One of ours with one of the peer's, at the address where it was met.
#[derive(Debug)]
struct Pair {
    ours: Id,
    theirs: Id,
    slot: u32,
    remote: SocketAddr,
    /// `None`: nothing is sent any more.
    next: Option<Instant>,
    interval: Duration,
    begun: bool,
    /// Our requests, all of which may still be answered.
    sent: Vec<(Tag, Vec<u8>)>,
    /// The peer asked, and we answered.
    answered: bool,
    /// We asked, and the peer answered.
    responded: bool,
    /// It was said that it works.
    told: bool,
}

impl Pair {
    fn is_valid(&self) -> bool {
        self.answered && self.responded
    }
}

/// The checks of one call.
#[derive(Debug)]
pub(crate) struct Connectivity {
    options: Rc<Options>,
    own: SocketAddr,
    /// Ids that the peer may mean, and whether our socket is behind them.
    ours: Vec<(Candidate, bool)>,
    theirs: Vec<Candidate>,
    pairs: Vec<Pair>,
    /// A ring of this dialect is on.
    open: bool,
    started: Option<Instant>,
    found: bool,
    given_up: bool,
    /// Whose checks came before any list said whose they are.
    strangers: BTreeSet<Id>,
    tags: BTreeSet<Tag>,
    mapped: BTreeSet<SocketAddr>,
    blind: Option<(SocketAddr, Instant)>,
    blind_tags: Vec<Tag>,
    random: Random,
    drops: Random,
    events: VecDeque<PathEvent>,
    /// Datagrams to send.
    pub(crate) outbox: Outbox,
}

impl Connectivity {
    /// Nothing is sent yet.
    pub(crate) fn new(options: Rc<Options>, offered: &Offered, mut random: Random) -> Self {
        let own = offered.own;
        Self {
            ours: offered
                .first
                .iter()
                .map(|c| (c.clone(), c.base() == own))
                .collect(),
            own,
            options,
            theirs: Vec::new(),
            pairs: Vec::new(),
            open: false,
            started: None,
            found: false,
            given_up: false,
            strangers: BTreeSet::new(),
            tags: BTreeSet::new(),
            mapped: offered.mapped.into_iter().collect(),
            blind: None,
            blind_tags: Vec::new(),
            drops: Random::new(random.u64()),
            random,
            events: VecDeque::new(),
            outbox: Outbox::new(),
        }
    }

    /// A ring of this dialect is on: checks may come from now on.
    pub(crate) fn open(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.open, true)
            && let Some(target) = self.options.checks.early_target
        {
            self.blind = Some((target, now));
        }
    }

    /// The peer's list is known: every pair is checked.
    pub(crate) fn start(&mut self, now: Instant, theirs: &[Candidate]) {
        self.open(now);
        self.blind = None;
        self.started.get_or_insert(now);
        self.add(now, theirs);
    }

    /// We list more.
    pub(crate) fn add_ours(&mut self, now: Instant, ours: &[Candidate]) {
        let own = self.own;
        self.ours
            .extend(ours.iter().map(|c| (c.clone(), c.base() == own)));
        self.add(now, &[]);
    }

    /// The peer lists more.
    pub(crate) fn add(&mut self, now: Instant, theirs: &[Candidate]) {
        for candidate in theirs.iter().map(Candidate::restored) {
            if self.theirs.iter().all(|known| known.id != candidate.id) {
                self.strangers.remove(&candidate.id);
                self.theirs.push(candidate);
            }
        }
        let ours: Vec<Candidate> = self.ours.iter().map(|(c, _)| c.clone()).collect();
        let mut at = now;
        for (one, other) in pairs::pairs(&ours, &self.theirs) {
            // Only our own socket sends.
            if !self.ours[one].1 {
                continue;
            }
            let (ours, theirs) = (ours[one].id, &self.theirs[other]);
            let (theirs, slot, remote) = (theirs.id, theirs.slot, theirs.address());
            let index = self.pair(ours, theirs, slot, remote);
            let pair = &mut self.pairs[index];
            if !pair.begun {
                pair.begun = true;
                pair.next = Some(at);
                at += PACE;
            }
        }
        // Those that were met before their list came.
        for index in 0..self.pairs.len() {
            self.begin(now, index);
        }
        if self.found {
            self.settle();
        }
    }

    fn pair(&mut self, ours: Id, theirs: Id, slot: u32, remote: SocketAddr) -> usize {
        let same = |pair: &Pair| (pair.ours, pair.theirs, pair.remote) == (ours, theirs, remote);
        self.pairs.iter().position(same).unwrap_or_else(|| {
            self.pairs.push(Pair {
                ours,
                theirs,
                slot,
                remote,
                next: None,
                interval: FIRST_INTERVAL,
                begun: false,
                sent: Vec::new(),
                answered: false,
                responded: false,
                told: false,
            });
            self.pairs.len() - 1
        })
    }

    /// Asks too, unless that was begun before, or is about one of ours that is not our socket's.
    fn begin(&mut self, now: Instant, index: usize) {
        if let Some(pair) = self.pairs.get_mut(index)
            && !pair.begun
            && self
                .ours
                .iter()
                .any(|(c, behind)| *behind && c.id == pair.ours)
        {
            pair.begun = true;
            pair.next = Some(now);
        }
    }

    /// `--drop-percent` takes this one.
    fn is_dropped(&mut self) -> bool {
        self.drops.u64() % 100 < u64::from(self.options.checks.drop_percent)
    }

    fn push(&mut self, to: SocketAddr, octets: Vec<u8>) {
        if !self.is_dropped() {
            self.outbox.push((SocketId::Main, to, octets));
        }
    }

    /// A STUN message came.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        book: &mut Book,
    ) {
        if self.is_dropped() {
            return;
        }
        book.faults.expect(self.open, || {
            format!("STUN from {from}, but no conference rings")
        });
        let message = match Message::parse(octets) {
            Ok(message) => message,
            Err(error) => {
                book.faults.add(format!("STUN: {error}"));
                return;
            }
        };
        if message.is_request() {
            self.handle_request(now, from, octets, &message, book);
        } else if message.is_success() {
            self.handle_response(now, from, octets, &message, book);
        } else {
            book.faults.add(format!(
                "STUN of kind {:04x}, neither check nor answer",
                message.kind
            ));
        }
    }

    fn handle_request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        message: &Message,
        book: &mut Book,
    ) {
        book.tally.checks_received += 1;
        // A newer iChat asks in its own way, and one of the time before the cookie without it.
        if self.options.peer_kind == PeerKind::Endpoint {
            let cookie = !self.options.checks.no_cookie;
            book.faults
                .absorb("check", stun::check_request(octets, message, cookie));
        }
        book.faults.expect(self.tags.insert(message.tag), || {
            "check: a transaction that came before: each resend is a new one".into()
        });
        let Some(check) = message.check() else {
            return;
        };
        if self.ours.iter().all(|(c, _)| c.id != check.receiver) {
            let wrong = self.options.peer_kind == PeerKind::Endpoint;
            book.faults.expect(!wrong, || {
                format!("check: {} is none of our candidates", hex(&check.receiver))
            });
            return;
        }
        if self.options.checks.ignore {
            return;
        }
        let known = self.theirs.iter().find(|c| c.id == check.sender);
        let (known, listed) = (known.is_some(), known.map(Candidate::address));
        if !known {
            // A check from a new address overtakes what the server has to tell of it.
            if !(self.options.peer_moves && self.found) {
                self.strangers.insert(check.sender);
            }
        } else if listed != Some(from) {
            book.tally.peer_reflexive += 1;
        }
        book.tally.checks_answered += 1;
        self.push(from, message.answer(from));
        let index = self.pair(check.receiver, check.sender, check.slot, from);
        self.pairs[index].answered = true;
        // Even when there is a path: the peer may have moved.
        if self.started.is_some() || self.options.checks.early {
            self.begin(now, index);
        }
        self.validate(now, index);
    }

    fn handle_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        message: &Message,
        book: &mut Book,
    ) {
        let blind = self.blind_tags.contains(&message.tag);
        book.faults.expect(!blind, || {
            "a check for a candidate that is nobody's was answered".into()
        });
        let asked = self.pairs.iter().enumerate().find_map(|(index, pair)| {
            let request = pair.sent.iter().find(|(tag, _)| *tag == message.tag)?;
            Some((index, pair.remote, request.1.clone()))
        });
        let Some((index, remote, request)) = asked else {
            book.faults.expect(blind, || {
                format!("an answer from {from} to a check that was never sent")
            });
            return;
        };
        book.faults.expect(remote == from, || {
            format!("an answer from {from} to a check that went to {remote}")
        });
        let mapped: Vec<SocketAddr> = match self.options.behind_nat {
            true => Vec::new(),
            false => vec![self.own],
        };
        let found = stun::check_response(octets, message, &request, &mapped);
        book.faults.absorb("answer to a check", found);
        if remote != from || self.options.checks.ignore {
            return;
        }
        book.tally.checks_succeeded += 1;
        self.mapped.extend(message.mapped());
        self.pairs[index].responded = true;
        self.validate(now, index);
    }

    fn validate(&mut self, now: Instant, index: usize) {
        // Before both have accepted there is nothing to take a path for.
        let Some(started) = self.started else { return };
        let Some(pair) = self.pairs.get_mut(index) else {
            return;
        };
        if !pair.is_valid() || std::mem::replace(&mut pair.told, true) {
            return;
        }
        let remote = pair.remote;
        match std::mem::replace(&mut self.found, true) {
            true => self.events.push_back(PathEvent::Another(remote)),
            false => {
                let after = now.saturating_duration_since(started);
                self.events.push_back(PathEvent::Found { remote, after });
            }
        }
        self.settle();
    }

    /// There is a path: nothing more is asked.
    fn settle(&mut self) {
        for pair in &mut self.pairs {
            pair.next = None;
        }
    }

    fn send(&mut self, now: Instant, index: usize, book: &mut Book) {
        let random = (self.random.u64(), self.random.u64());
        let pair = &mut self.pairs[index];
        let check = Check {
            tag: stun::new_tag(random, !self.options.checks.no_cookie),
            receiver: pair.theirs,
            sender: pair.ours,
            slot: pair.slot,
        };
        let octets = check.print(self.options.checks.extra_attributes);
        let again = !self.found || pair.sent.len() < SPARE_CHECKS;
        pair.next = again.then_some(now + pair.interval);
        pair.interval = (pair.interval * 3 / 2).min(LAST_INTERVAL);
        pair.sent.push((check.tag, octets.clone()));
        let remote = pair.remote;
        book.tally.checks_sent += 1;
        self.push(remote, octets);
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, book: &mut Book) {
        // What was proven while it only rang counts from the start.
        if self.started.is_some() && !self.found {
            let proven = self.pairs.iter().position(Pair::is_valid);
            if let Some(index) = proven {
                self.validate(now, index);
            }
        }
        for index in 0..self.pairs.len() {
            if self.pairs[index].next.is_some_and(|at| at <= now) {
                self.send(now, index, book);
            }
        }
        if let Some((to, at)) = self.blind
            && at <= now
        {
            self.blind = Some((to, now + BLIND_INTERVAL));
            let random = (self.random.u64(), self.random.u64());
            let check = Check {
                tag: stun::new_tag(random, true),
                receiver: crate::candidate::new_id(self.random.u32()),
                sender: self.ours.first().map(|(c, _)| c.id).unwrap_or_default(),
                slot: 0,
            };
            self.blind_tags.push(check.tag);
            book.tally.checks_sent += 1;
            self.push(to, check.print(false));
        }
        if self.gives_up_at().is_some_and(|at| at <= now) {
            self.given_up = true;
            self.settle();
            self.events.push_back(PathEvent::NotFound);
        }
    }

    fn gives_up_at(&self) -> Option<Instant> {
        let waiting = !self.found && !self.given_up;
        self.started.filter(|_| waiting).map(|at| at + GIVE_UP)
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let proven = self
            .started
            .filter(|_| !self.found && self.pairs.iter().any(Pair::is_valid));
        let blind = self.blind.map(|(_, at)| at);
        let timers = [self.gives_up_at(), blind, proven];
        let pairs = self.pairs.iter().filter_map(|pair| pair.next);
        timers.into_iter().flatten().chain(pairs).min()
    }

    /// What happened.
    pub(crate) fn poll_event(&mut self) -> Option<PathEvent> {
        self.events.pop_front()
    }

    /// A check that came from there was answered: whoever sends from there may know that.
    pub(crate) fn has_answered(&self, from: SocketAddr) -> bool {
        self.pairs
            .iter()
            .any(|pair| pair.answered && pair.remote == from)
    }

    /// Where packets of the call may come from.
    pub(crate) fn proven(&self) -> Vec<SocketAddr> {
        let valid = self.pairs.iter().filter(|pair| pair.is_valid());
        valid.map(|pair| pair.remote).collect()
    }

    /// Where we were seen.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = SocketAddr> {
        self.mapped.iter().copied()
    }

    /// No more is asked, the call is over.
    pub(crate) fn stop(&mut self) {
        self.settle();
        self.blind = None;
        self.given_up = true;
    }

    /// The last look.
    pub(crate) fn finish(&self, book: &mut Book) {
        if self.started.is_some() && self.options.peer_kind == PeerKind::Endpoint {
            for id in &self.strangers {
                book.faults.add(format!(
                    "check: {} is none of the candidates that the peer listed",
                    hex(id)
                ));
            }
        }
    }
}

#[cfg(test)]
#[path = "connectivity_tests.rs"]
mod tests;
