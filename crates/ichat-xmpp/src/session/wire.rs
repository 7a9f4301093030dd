//! The way out: a queue of stanzas and events, and the addresses on them.

use std::collections::VecDeque;

use minidom::Element;
use minidom::rxml::{Namespace, xml_ncname};
use xmpp_parsers::jid::{FullJid, Jid};

use super::config::{Mode, SessionConfig};
use super::event::{Event, Output};
use crate::fault::StanzaFault;
use crate::{presence, stanza};

/// How many stanzas wait for a stream to come back.
const HELD_LIMIT: usize = 64;

/// Queues what goes out.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) config: SessionConfig,
    /// Whether we show `avavail`.
    available: bool,
    /// Two halves of our ids: one from the seed, one that counts.
    salt: u64,
    counter: u64,
    outputs: VecDeque<Output>,
    /// While there is no stream: what calls have to say all the same.
    held: Option<VecDeque<Element>>,
    /// What was kept for the stream that has just come.
    waiting: VecDeque<Element>,
}

impl Wire {
    pub(super) fn new(config: SessionConfig) -> Self {
        let salt = mix(config.seed);
        Self {
            config,
            available: true,
            salt,
            counter: 0,
            outputs: VecDeque::new(),
            held: None,
            waiting: VecDeque::new(),
        }
    }

    /// There is no stream any more: the stanzas of calls are kept for the next, all others are lost.
    pub(super) fn close(&mut self) {
        self.held.get_or_insert_default();
    }

    /// There is one again, but what was kept still waits.
    pub(super) fn open(&mut self, jid: FullJid) {
        self.config.jid = jid;
        let kept = self.held.take().unwrap_or_default();
        self.waiting = kept;
    }

    /// Sends what was kept.
    pub(super) fn send_held(&mut self) {
        for stanza in std::mem::take(&mut self.waiting) {
            self.send(stanza);
        }
    }

    /// Drops a stanza that still waits for a stream; true if it did.
    pub(super) fn take_back(&mut self, id: &str) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        let before = held.len();
        held.retain(|stanza| stanza.attr("id") != Some(id));
        held.len() < before
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn warn(&mut self, code: &'static str, message: String) {
        self.event(Event::Warning { code, message });
    }

    /// Sends a stanza; on a link-local stream nobody but we can put the addresses on it.
    pub(super) fn send(&mut self, mut stanza: Element) {
        if self.held.is_some() {
            tracing::debug!(name = stanza.name(), "no stream to send a stanza on");
            return;
        }
        if let Mode::LinkLocal { peer } = &self.config.mode {
            let ours = self.config.jid.to_bare();
            stanza.set_attr(
                Namespace::NONE,
                xml_ncname!("from").to_owned(),
                ours.as_str(),
            );
            if stanza.attr("to").is_none() {
                stanza.set_attr(Namespace::NONE, xml_ncname!("to").to_owned(), peer.as_str());
            }
        }
        self.outputs.push_back(Output::Stanza(stanza));
    }

    /// An id that nobody can guess and that never returns.
    fn next_id(&mut self) -> String {
        self.counter += 1;
        format!("vc{:016x}-{}", self.salt, self.counter)
    }

    /// Sends a `get` to our server, and tells its id.
    pub(super) fn get(&mut self, payload: Element) -> String {
        let id = self.next_id();
        self.send(stanza::get(id.clone(), None, payload));
        id
    }

    /// Sends a stanza of a call, a `set`, and tells its id. Without a stream it waits for the next.
    pub(super) fn set(&mut self, to: &Jid, payload: Element) -> String {
        let id = self.next_id();
        let stanza = stanza::set(id.clone(), Some(to.clone()), payload);
        match &mut self.held {
            Some(held) if held.len() < HELD_LIMIT => held.push_back(stanza),
            Some(_) => tracing::debug!("too many stanzas wait for a stream"),
            None => self.send(stanza),
        }
        id
    }

    /// Answers a request; one without an id gets no answer.
    pub(super) fn answer(&mut self, to: Option<&Jid>, id: Option<&str>, payload: Option<Element>) {
        if let Some(id) = id {
            self.send(stanza::result(id.to_owned(), to.cloned(), payload));
        }
    }

    /// Refuses a request; one without an id gets no answer.
    pub(super) fn refuse(&mut self, to: Option<&Jid>, id: Option<&str>, condition: &'static str) {
        if let Some(id) = id {
            self.send(stanza::error(id, to.cloned(), &StanzaFault::new(condition)));
        }
    }

    /// Sends our presence, to everyone or to one; there is none on a link-local stream.
    pub(super) fn available(&mut self, to: Option<&Jid>) {
        if self.has_presence() {
            let caps = self.config.caps(self.available);
            self.send(presence::available(to, self.config.priority, &caps));
        }
    }

    /// Sends a presence that is nothing but its type; there is none on a link-local stream.
    pub(super) fn presence(&mut self, kind: &'static str, to: Option<&Jid>) {
        if self.has_presence() {
            self.send(presence::typed(kind, to));
        }
    }

    /// Shows or hides `avavail`, when that is news.
    pub(super) fn show_available(&mut self, available: bool) {
        if self.available != available {
            self.available = available;
            self.available(None);
        }
    }

    /// The tokens that we show now.
    pub(super) fn is_available(&self) -> bool {
        self.available
    }

    fn has_presence(&self) -> bool {
        self.config.mode == Mode::Server
    }
}

/// The finaliser of SplitMix64: neighbouring seeds give unlike ids.
fn mix(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
