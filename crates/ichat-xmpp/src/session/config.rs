//! What a session is told at its start.

use std::time::Duration;

use xmpp_parsers::jid::{FullJid, Jid};

use crate::caps::{Caps, CapsNode, ExtToken};
use crate::clock::WallClock;
use crate::dialect::Dialect;
use crate::disco::Software;

/// The `ver` of our capabilities: a build number that no iChat had, between those of 10.4 and 10.5,
/// so that what a Mac remembers of us never touches what it remembers of another Mac
/// (docs/protocol/xmpp.md, capabilities \[G, P\]; the number is I).
pub const CAPS_VERSION: &str = "471";

/// How stanzas travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Through a server: roster, presence, subscriptions.
    Server,
    /// Straight to one peer (XEP-0174): no roster, no presence, and every stanza on the stream is
    /// that peer's.
    LinkLocal {
        /// Who is at the other end.
        peer: Jid,
    },
}

/// What happens when somebody asks to see our presence; a Mac must see us to call us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptPolicy {
    /// Left unanswered, with a warning: another program of the same account may answer it.
    None,
    /// [`Event::SubscriptionRequest`](super::Event::SubscriptionRequest), answered by
    /// [`Session::allow_subscription`](super::Session::allow_subscription).
    Ask,
    /// Allowed.
    All,
}

/// Everything that a [`Session`](super::Session) needs to know.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Our address, as the server bound it. On a link-local stream its bare form is used.
    pub jid: FullJid,
    /// How stanzas travel.
    pub mode: Mode,
    /// What we advertise while no call is up; the order is kept. Those of the dialect that we want
    /// to be rung in: [`CallDialect::advertised`](crate::CallDialect::advertised).
    pub tokens: Vec<ExtToken>,
    /// The `ver` of our capabilities, [`CAPS_VERSION`].
    pub caps_version: String,
    /// Who may see our presence, [`AcceptPolicy::None`].
    pub accept: AcceptPolicy,
    /// The priority of our presence, 0; below 0 the server keeps waiting messages for others.
    pub priority: i8,
    /// Whether a peer who is no contact is asked for its presence, true.
    pub subscribe: bool,
    /// How long an incoming call rings before it is answered with "no answer", 60 s.
    pub ring_timeout: Duration,
    /// What we say when asked what we are.
    pub software: Software,
    /// What we say when asked for the time; `None`, the default, keeps it to ourselves.
    pub wall_clock: Option<WallClock>,
    /// Makes the ids of our stanzas; take it from a source of randomness.
    pub seed: u64,
}

impl SessionConfig {
    /// The defaults: through a server, legacy dialect, nobody may see us unless allowed.
    pub fn new(jid: FullJid, software: Software, seed: u64) -> Self {
        Self {
            jid,
            mode: Mode::Server,
            tokens: Dialect::Legacy.tokens(),
            caps_version: CAPS_VERSION.to_owned(),
            accept: AcceptPolicy::None,
            priority: 0,
            subscribe: true,
            ring_timeout: Duration::from_secs(60),
            software,
            wall_clock: None,
            seed,
        }
    }

    /// The dialect in which we want to be rung.
    pub(super) fn dialect(&self) -> Dialect {
        Dialect::of_tokens(&self.tokens)
    }

    /// What we advertise now; `avavail` is gone while a call is up (docs/protocol/xmpp.md, busy
    /// \[G\]).
    pub(super) fn caps(&self, available: bool) -> Caps {
        let shown = |token: &&ExtToken| available || **token != ExtToken::AvAvail;
        Caps {
            node: CapsNode::IChat,
            version: self.caps_version.clone(),
            tokens: self.tokens.iter().filter(shown).cloned().collect(),
        }
    }
}
