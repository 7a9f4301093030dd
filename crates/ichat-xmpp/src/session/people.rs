//! Roster, presence and subscriptions: what comes, and what it means for the calls.

use std::time::Instant;

use minidom::Element;
use xmpp_parsers::jid::{BareJid, Jid};

use super::event::{CallId, Event, NotCallable, Over};
use super::outgoing::{Context, End};
use super::{AcceptPolicy, Account, Call, Session};
use crate::fault::StanzaFault;
use crate::presence::IncomingPresence;
use crate::roster;

/// How many people may wait for our word at a time.
const ASKER_LIMIT: usize = 256;

impl Session {
    /// Answers somebody who asked to see our presence.
    pub fn allow_subscription(&mut self, now: Instant, from: &BareJid, allow: bool) {
        self.askers.remove(from);
        self.wire.presence(
            if allow { "subscribed" } else { "unsubscribed" },
            Some(&from.clone().into()),
        );
        self.advance(now);
    }

    pub(super) fn handle_presence(
        &mut self,
        now: Instant,
        from: Option<&Jid>,
        presence: IncomingPresence,
    ) {
        let Some(from) = from else {
            tracing::debug!("a presence from nobody");
            return;
        };
        match presence {
            IncomingPresence::Available(availability) => {
                self.directory.set_available(from, availability);
                self.changed(from);
            }
            IncomingPresence::Unavailable => {
                self.directory.set_unavailable(from);
                self.changed(from);
                self.for_outgoing(now, |call, cx| call.handle_gone(cx, from));
                self.caller_is_gone(now, from);
            }
            IncomingPresence::Subscribe => self.handle_subscribe(from.to_bare()),
            IncomingPresence::Unsubscribed => {
                let why = NotCallable::SubscriptionRefused;
                self.for_outgoing(now, |call, _| {
                    call.is_refused_contact(from)
                        .then_some(Over::NotCallable { why }.into())
                });
            }
            IncomingPresence::Error(condition) => {
                tracing::debug!(%condition, "a presence came back");
                self.for_outgoing(now, |call, _| {
                    let condition = condition.clone();
                    call.is_refused_contact(from)
                        .then_some(Over::Unreachable { condition }.into())
                });
            }
            // The server's own push of the roster follows the first; it answers the others itself.
            IncomingPresence::Subscribed
            | IncomingPresence::Unsubscribe
            | IncomingPresence::Probe => {}
        }
        self.advance(now);
    }

    fn handle_subscribe(&mut self, from: BareJid) {
        if self.directory.subscription(&from).shows_us()
            || self.wire.config.accept == AcceptPolicy::All
        {
            self.wire.presence("subscribed", Some(&from.into()));
            return;
        }
        if self.askers.len() >= ASKER_LIMIT || !self.askers.insert(from.clone()) {
            return;
        }
        match self.wire.config.accept {
            AcceptPolicy::Ask => self.wire.event(Event::SubscriptionRequest { from }),
            AcceptPolicy::None | AcceptPolicy::All => self.wire.warn(
                "subscription-request",
                format!(
                    "{from} asks to see our presence, and cannot call us before; it is left \
                     unanswered"
                ),
            ),
        }
    }

    /// The caller of a call that rings has gone offline without a word.
    fn caller_is_gone(&mut self, now: Instant, from: &Jid) {
        let gone = self.calls.iter().find_map(|(&id, call)| match call {
            Call::Incoming(call) if call.is_ringing() => {
                let is_it =
                    call.from == *from || (from.is_bare() && call.from.to_bare() == from.to_bare());
                is_it.then_some(id)
            }
            Call::Incoming(_) | Call::Outgoing(_) => None,
        });
        if let Some(call) = gone {
            self.end(now, call, Over::Cancelled.into());
        }
    }

    /// The roster's answer: contacts, or a server that keeps none for us.
    pub(super) fn handle_roster(
        &mut self,
        now: Instant,
        answer: Result<Option<&Element>, StanzaFault>,
    ) {
        self.roster_is_known(None);
        match answer {
            Ok(query) => {
                let items = query.into_iter().flat_map(roster::items);
                self.directory.set_items(items);
            }
            Err(fault) => self.wire.warn(
                "roster",
                format!("the server has no contact list for us: {fault}"),
            ),
        }
        self.advance(now);
    }

    /// A change of the roster.
    pub(super) fn handle_roster_push(&mut self, now: Instant, query: &Element) {
        for item in roster::items(query) {
            let jid = item.jid.clone();
            self.directory.set_item(item);
            self.wire.event(Event::ContactChanged { jid });
        }
        self.advance(now);
    }

    pub(super) fn roster_is_known(&mut self, late: Option<String>) {
        if matches!(self.account, Account::AwaitsRoster { .. }) {
            self.wire.event(Event::Roster);
        }
        self.account = Account::Ready { late };
    }

    fn changed(&mut self, jid: &Jid) {
        let ours: &Jid = &self.wire.config.jid;
        if jid != ours {
            self.wire
                .event(Event::ContactChanged { jid: jid.to_bare() });
        }
    }

    /// Shows something to every outgoing call, and ends those that it ends.
    pub(super) fn for_outgoing(
        &mut self,
        now: Instant,
        mut show: impl FnMut(&mut super::Outgoing, &mut Context<'_>) -> Option<End>,
    ) {
        let roster_known = self.is_roster_known();
        let mut ended: Vec<(CallId, End)> = Vec::new();
        for (&id, call) in &mut self.calls {
            if let Call::Outgoing(call) = call {
                let mut cx = Context {
                    now,
                    call: id,
                    wire: &mut self.wire,
                    directory: &self.directory,
                    roster_known,
                };
                ended.extend(show(call, &mut cx).map(|end| (id, end)));
            }
        }
        for (id, end) in ended {
            self.end(now, id, end);
        }
    }
}
