//! One account as a machine: roster, presence, capabilities, and who rings whom.
//!
//! No I/O, no clock, no randomness: stanzas, commands and the time go in, stanzas, events and the
//! next deadline come out. After every call of a `&mut self` method, drain [`Session::poll_output`]
//! to `None`, in order.

mod answers;
mod commands;
mod config;
mod event;
mod incoming;
mod outgoing;
mod people;
mod receive;
mod ring;
mod rings_in;
mod search;
mod wire;

pub use config::{AcceptPolicy, CAPS_VERSION, Mode, SessionConfig};
pub use event::{CallId, Event, NotCallable, Output, Over, StateError};

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use xmpp_parsers::jid::{BareJid, Jid};

use crate::contacts::{Contact, Directory};
use crate::roster;
use incoming::Incoming;
use outgoing::{Context, Outgoing};
use wire::Wire;

/// How long the roster is waited for.
const ROSTER_WAIT: Duration = Duration::from_secs(10);
/// One signed-in account, or one link-local stream.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    account: Account,
    directory: Directory,
    /// Who asked to see our presence and has no answer yet.
    askers: BTreeSet<BareJid>,
    calls: BTreeMap<CallId, Call>,
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
    /// We have said good-bye.
    Offline,
}

#[derive(Debug)]
enum Call {
    Outgoing(Outgoing),
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
            let id = wire.get(roster::query());
            Account::AwaitsRoster {
                id,
                deadline: now + ROSTER_WAIT,
            }
        } else {
            Account::Ready { late: None }
        };
        wire.available(None);
        Self {
            wire,
            account,
            directory,
            askers: BTreeSet::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            elsewhere: false,
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
            Account::Ready { .. } | Account::Offline => None,
        };
        self.calls
            .values()
            .filter_map(Call::deadline)
            .chain(roster)
            .min()
    }

    /// Everyone on the roster, and everyone else who is online toward us.
    pub fn contacts(&self) -> Vec<Contact> {
        self.directory.contacts()
    }

    /// One of them.
    pub fn contact(&self, jid: &BareJid) -> Option<Contact> {
        self.directory.contact(jid)
    }

    /// Whether the roster has come, or will not come.
    pub fn is_roster_known(&self) -> bool {
        !matches!(self.account, Account::AwaitsRoster { .. })
    }

    /// Lets every outgoing call look around, and every call see the time.
    fn advance(&mut self, now: Instant) {
        let roster_known = self.is_roster_known();
        let mut ended = Vec::new();
        for (&id, call) in &mut self.calls {
            let over = match call {
                Call::Outgoing(call) => call.advance(&mut Context {
                    now,
                    call: id,
                    wire: &mut self.wire,
                    directory: &self.directory,
                    roster_known,
                }),
                Call::Incoming(call) => call
                    .has_timed_out(now, &mut self.wire)
                    .then_some(Over::NoAnswer),
            };
            ended.extend(over.map(|over| (id, over)));
        }
        for (id, over) in ended {
            self.end(id, over);
        }
    }

    /// Ends a call and says so.
    fn end(&mut self, call: CallId, reason: Over) {
        self.forget(call);
        self.wire.event(Event::Over { call, reason });
    }

    /// Drops a call's record, and takes back the presence that was for its devices alone.
    fn forget(&mut self, call: CallId) {
        if let Some(mut record) = self.calls.remove(&call) {
            for device in record.take_directed() {
                self.wire.presence("unavailable", Some(&device));
            }
            self.show();
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
