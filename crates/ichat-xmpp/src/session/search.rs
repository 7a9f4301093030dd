//! Looking for somebody to ring.
//!
//! docs/protocol/xmpp.md, ringing, resources and tear-down \[G; the probe's limits tried with
//! Prosody\].

use std::time::{Duration, Instant};

use xmpp_parsers::jid::Jid;

use super::event::{Event, NotCallable, Over};
use super::outgoing::Context;
use crate::contacts::Contact;
use crate::fault::StanzaFault;

/// How long a contact's presence is waited for.
const PRESENCE_WAIT: Duration = Duration::from_secs(5);
/// How long the answer to a probe is waited for.
const PROBE_WAIT: Duration = Duration::from_secs(2);

/// What we wait for before anybody rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Nothing: a link-local stream has its peer at the other end.
    Direct,
    /// The roster, which tells whether the peer is a contact.
    Roster,
    /// A human there, who lets us see their presence; whether this stream has asked.
    Subscription { asked: bool },
    /// A contact's presence with `avavail`.
    Presence { deadline: Instant },
    /// The answer to a probe, sent since no presence came at all.
    Probe { deadline: Instant },
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// Look again: it waits for something else now.
    Again,
    /// Ring these.
    Ring(Vec<Jid>),
    /// Nobody can be rung.
    Over(Over),
}

impl Search {
    /// Waits for a contact's presence.
    pub(super) fn presence(now: Instant, give_up: Instant) -> Self {
        Self::Presence {
            deadline: (now + PRESENCE_WAIT).min(give_up),
        }
    }

    /// Looks again over another stream: what this one showed counts no more.
    pub(super) fn begin_anew(&mut self) {
        *self = match *self {
            Self::Direct => Self::Direct,
            Self::Subscription { .. } => Self::Subscription { asked: false },
            Self::Roster | Self::Presence { .. } | Self::Probe { .. } => Self::Roster,
        };
    }

    pub(super) fn deadline(self, give_up: Instant) -> Instant {
        match self {
            Self::Direct | Self::Roster | Self::Subscription { .. } => give_up,
            Self::Presence { deadline } | Self::Probe { deadline } => deadline,
        }
    }

    /// Does what the moment asks for.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, peer: &Jid, give_up: Instant) -> Step {
        let ours: &Jid = &cx.wire.config.jid;
        if peer == ours {
            return over(NotCallable::Ourselves);
        }
        let devices = cx.directory.callable(peer);
        if !devices.is_empty() {
            return Step::Ring(devices);
        }
        let sees_them = cx.directory.subscription(&peer.to_bare()).sees_them();
        match *self {
            Self::Direct => Step::Ring(vec![peer.clone()]),
            Self::Roster if cx.roster_known => self.begin(cx, peer, give_up, sees_them),
            Self::Roster if cx.now < give_up => Step::Wait,
            Self::Roster => Step::Over(Over::Unreachable {
                condition: StanzaFault::new("remote-server-timeout"),
            }),
            Self::Subscription { .. } if sees_them => {
                *self = Self::presence(cx.now, give_up);
                Step::Again
            }
            Self::Subscription { .. } if cx.now >= give_up => {
                over(NotCallable::SubscriptionPending)
            }
            Self::Subscription { asked: false } if cx.roster_known => {
                // What the stream before carried may never have reached the server.
                if !cx.directory.is_asked(&peer.to_bare()) {
                    cx.wire.presence("subscribe", Some(&peer.to_bare().into()));
                }
                *self = Self::Subscription { asked: true };
                Step::Wait
            }
            Self::Subscription { .. } => Step::Wait,
            Self::Presence { deadline } | Self::Probe { deadline } if cx.now < deadline => {
                Step::Wait
            }
            Self::Presence { .. } | Self::Probe { .. }
                if peer.is_full() && cx.directory.is_online(peer) =>
            {
                // Somebody is there and was named by device: let it speak for itself.
                Step::Ring(vec![peer.clone()])
            }
            Self::Presence { .. }
                if sees_them && !cx.directory.is_online(&peer.to_bare().into()) =>
            {
                cx.wire.presence("probe", Some(&peer.to_bare().into()));
                *self = Self::Probe {
                    deadline: cx.now + PROBE_WAIT,
                };
                Step::Wait
            }
            Self::Presence { .. } | Self::Probe { .. } => over(why(cx, peer)),
        }
    }

    /// The roster is known: is the peer a contact?
    fn begin(
        &mut self,
        cx: &mut Context<'_>,
        peer: &Jid,
        give_up: Instant,
        sees_them: bool,
    ) -> Step {
        if sees_them {
            *self = Self::presence(cx.now, give_up);
            Step::Again
        } else if peer.is_full() {
            // Servers pass a request to a full address without a subscription (tried).
            Step::Ring(vec![peer.clone()])
        } else if cx.wire.config.subscribe {
            let to = peer.to_bare();
            cx.wire.presence("subscribe", Some(peer));
            cx.wire.event(Event::SubscriptionPending { to });
            *self = Self::Subscription { asked: true };
            Step::Again
        } else {
            over(NotCallable::NotAContact)
        }
    }
}

fn over(why: NotCallable) -> Step {
    Step::Over(Over::NotCallable { why })
}

fn why(cx: &Context<'_>, peer: &Jid) -> NotCallable {
    let contact = cx.directory.contact(&peer.to_bare());
    // Another device than the one named may well be callable.
    contact
        .as_ref()
        .and_then(Contact::not_callable)
        .unwrap_or(NotCallable::Offline)
}
