//! One account as a machine: roster, presence, capabilities, and who rings whom.
//!
//! No I/O, no clock, no randomness: stanzas, commands and the time go in, stanzas, events and the
//! next deadline come out. After every call of a `&mut self` method, drain [`Session::poll_output`]
//! to `None`, in order.

mod answers;
mod commands;
mod config;
mod crossing;
mod event;
mod incoming;
mod ours;
mod outgoing;
mod people;
mod receive;
mod replies;
mod ring;
mod rings_in;
mod search;
mod stream;
mod wire;

pub use config::{AcceptPolicy, CAPS_VERSION, Mode, SessionConfig};
pub use event::{CallId, Event, NotCallable, Output, Over, StateError};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use xmpp_parsers::jid::{BareJid, Jid};

use crate::contacts::{Contact, Directory};
use crate::roster;
use crate::vc::ResponseCode;
use incoming::Incoming;
use outgoing::{Context, End, Outgoing};
use wire::Wire;

/// How long the roster is waited for.
const ROSTER_WAIT: Duration = Duration::from_secs(10);
/// How many devices are remembered that were rung for a call that is over.
const RUNG_LIMIT: usize = 64;

/// One signed-in account, or one link-local stream.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    account: Account,
    directory: Directory,
    /// Who asked to see our presence and has no answer yet.
    askers: BTreeSet<BareJid>,
    calls: BTreeMap<CallId, Call>,
    /// Whom we rang for calls that are over, the latest last: they may still accept.
    rung: VecDeque<Jid>,
    last_call: u32,
    /// A call is up that this session knows nothing of.
    elsewhere: bool,
}

/// How far the account is.
#[derive(Debug)]
enum Account {
    /// The roster was asked for.
    AwaitsRoster { id: String, deadline: Instant },
    /// The roster is known, or there is none, or it is late and still taken when it comes.
    Ready { late: Option<String> },
    /// There is no stream, and there may be one again.
    Lost,
    /// We have said good-bye.
    Offline,
}

#[derive(Debug)]
enum Call {
    Outgoing(Box<Outgoing>),
    Incoming(Incoming),
}

impl Call {
    fn is_connected(&self) -> bool {
        match self {
            Self::Outgoing(call) => call.is_connected(),
            Self::Incoming(call) => call.is_connected(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Outgoing(call) => call.deadline(),
            Self::Incoming(call) => call.deadline(),
        }
    }

    fn take_directed(&mut self) -> Vec<Jid> {
        match self {
            Self::Outgoing(call) => std::mem::take(&mut call.directed),
            Self::Incoming(call) => std::mem::take(&mut call.directed),
        }
    }
}

/// Whether the two addresses are one device: equal, or of one account and one of them without a
/// resource.
fn same_device(one: &Jid, other: &Jid) -> bool {
    one == other || ((one.is_bare() || other.is_bare()) && one.to_bare() == other.to_bare())
}

impl Session {
    /// Begins: asks for the roster, then shows our presence ([`Mode::Server`] only).
    pub fn new(now: Instant, config: SessionConfig) -> Self {
        let directory = Directory::new(config.jid.clone());
        let server = config.mode == Mode::Server;
        let mut wire = Wire::new(config);
        let account = if server {
            Self::sign_in(now, &mut wire)
        } else {
            Account::Ready { late: None }
        };
        Self {
            wire,
            account,
            directory,
            askers: BTreeSet::new(),
            calls: BTreeMap::new(),
            rung: VecDeque::new(),
            last_call: 0,
            elsewhere: false,
        }
    }

    /// The first stanzas of a stream.
    fn sign_in(now: Instant, wire: &mut Wire) -> Account {
        let id = wire.get(roster::query());
        wire.available(None);
        Account::AwaitsRoster {
            id,
            deadline: now + ROSTER_WAIT,
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Account::AwaitsRoster { deadline, id } = &self.account
            && *deadline <= now
        {
            let late = Some(id.clone());
            self.roster_is_known(late);
            self.wire.warn(
                "roster",
                "the server did not send the contact list within 10 s".to_owned(),
            );
        }
        self.advance(now);
    }

    /// The next stanza or event.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.wire.poll()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let roster = match self.account {
            Account::AwaitsRoster { deadline, .. } => Some(deadline),
            Account::Ready { .. } | Account::Lost | Account::Offline => None,
        };
        self.calls
            .values()
            .filter_map(Call::deadline)
            .chain(roster)
            .min()
    }

    /// Everyone on the roster, everyone else who is online toward us, and who asks to see us; by
    /// address.
    pub fn contacts(&self) -> Vec<Contact> {
        let mut contacts = self.directory.contacts();
        for asker in &self.askers {
            match contacts.iter_mut().find(|contact| contact.jid == *asker) {
                Some(contact) => contact.asks = true,
                None => contacts.push(Contact::asker(asker.clone())),
            }
        }
        contacts.sort_by(|one, other| one.jid.cmp(&other.jid));
        contacts
    }

    /// One of them.
    pub fn contact(&self, jid: &BareJid) -> Option<Contact> {
        let asks = self.askers.contains(jid);
        match self.directory.contact(jid) {
            Some(contact) => Some(Contact { asks, ..contact }),
            None => asks.then(|| Contact::asker(jid.clone())),
        }
    }

    /// Whether the roster has come, or will not come.
    pub fn is_roster_known(&self) -> bool {
        match self.account {
            Account::AwaitsRoster { .. } | Account::Lost => false,
            Account::Ready { .. } | Account::Offline => true,
        }
    }

    /// Lets every outgoing call look around, and every call see the time.
    fn advance(&mut self, now: Instant) {
        let roster_known = self.is_roster_known();
        let mut ended = Vec::new();
        for (&id, call) in &mut self.calls {
            let end = match call {
                Call::Outgoing(call) => call.advance(&mut Context {
                    now,
                    call: id,
                    wire: &mut self.wire,
                    directory: &self.directory,
                    roster_known,
                }),
                Call::Incoming(call) => call
                    .has_timed_out(now, &mut self.wire)
                    .then_some(End::Over(Over::NoAnswer)),
            };
            ended.extend(end.map(|end| (id, end)));
        }
        for (id, end) in ended {
            self.end(now, id, end);
        }
    }

    /// Ends a call and says so.
    fn end(&mut self, now: Instant, call: CallId, end: End) {
        match end {
            End::GiveWay => self.give_way_to_crossing(now, call),
            End::Over(reason) => {
                let record = self.calls.remove(&call);
                self.wire.event(Event::Over { call, reason });
                self.put_away(record);
            }
        }
    }

    /// Drops a call without a word.
    fn forget(&mut self, call: CallId) {
        let record = self.calls.remove(&call);
        self.put_away(record);
    }

    /// Takes back the presence that was for a call's devices alone, and an answer that never left. A
    /// request that had crossed ours is not left to ring for ever.
    fn put_away(&mut self, record: Option<Call>) {
        let Some(mut record) = record else {
            return;
        };
        for device in record.take_directed() {
            self.wire.presence("unavailable", Some(&device));
        }
        self.show();
        match record {
            Call::Incoming(incoming) => {
                incoming.take_back(&mut self.wire);
            }
            Call::Outgoing(mut outgoing) => {
                self.remember_rings(&outgoing);
                if let Some(crossed) = outgoing.crossing.take() {
                    incoming::refuse(&mut self.wire, &crossed.from, ResponseCode::NoAnswer);
                }
            }
        }
    }

    /// Remembers who may still accept a call that is over.
    fn remember_rings(&mut self, call: &Outgoing) {
        for device in call.rings.devices() {
            self.rung.retain(|known| *known != device);
            self.rung.push_back(device);
            if self.rung.len() > RUNG_LIMIT {
                self.rung.pop_front();
            }
        }
    }

    /// Busy while a call is connected, available otherwise.
    fn show(&mut self) {
        if !matches!(self.account, Account::Offline) {
            let busy = self.elsewhere || self.calls.values().any(Call::is_connected);
            self.wire.show_available(!busy);
        }
    }

    fn next_call(&mut self) -> CallId {
        self.last_call = self.last_call.wrapping_add(1);
        CallId(self.last_call)
    }
}

/// The moment after this wait; a wait beyond all measure is ten years.
fn after(now: Instant, wait: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    now + wait.min(LONGEST)
}
