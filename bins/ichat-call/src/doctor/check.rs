//! What one check came to.

use serde_json::{Map, Value};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Configuration,
    Account,
    ServerAddress,
    Connection,
    Tls,
    SignIn,
    ContactList,
    StreamManagement,
    Loop,
    ServerRelays,
    OldMacTls,
    OldMacPassword,
    LocalAddresses,
    Ipv6,
    UdpPort,
    Snatmap,
    SnatmapPage,
    Stun,
    Nat,
    Turn,
    Microphone,
    Loudspeaker,
    Bonjour,
}

impl Topic {
    /// For scripts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Account => "account",
            Self::ServerAddress => "server-address",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::SignIn => "sign-in",
            Self::ContactList => "contact-list",
            Self::StreamManagement => "stream-management",
            Self::Loop => "loop",
            Self::ServerRelays => "server-relays",
            Self::OldMacTls => "old-mac-tls",
            Self::OldMacPassword => "old-mac-password",
            Self::LocalAddresses => "local-addresses",
            Self::Ipv6 => "ipv6",
            Self::UdpPort => "udp-port",
            Self::Snatmap => "snatmap",
            Self::SnatmapPage => "snatmap-page",
            Self::Stun => "stun",
            Self::Nat => "nat",
            Self::Turn => "turn",
            Self::Microphone => "microphone",
            Self::Loudspeaker => "loudspeaker",
            Self::Bonjour => "bonjour",
        }
    }

    /// For people; at most [`LABEL_WIDTH`] characters.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::Account => "Account",
            Self::ServerAddress => "Server's address",
            Self::Connection => "Connection",
            Self::Tls => "TLS",
            Self::SignIn => "Sign-in",
            Self::ContactList => "Contact list",
            Self::StreamManagement => "Stream management",
            Self::Loop => "Loop to ourselves",
            Self::ServerRelays => "Server's relays",
            Self::OldMacTls => "Old Macs: TLS",
            Self::OldMacPassword => "Old Macs: password",
            Self::LocalAddresses => "Local addresses",
            Self::Ipv6 => "IPv6",
            Self::UdpPort => "UDP port",
            Self::Snatmap => "SNATMAP",
            Self::SnatmapPage => "SNATMAP's page",
            Self::Stun => "STUN",
            Self::Nat => "NAT",
            Self::Turn => "TURN",
            Self::Microphone => "Microphone",
            Self::Loudspeaker => "Loudspeaker",
            Self::Bonjour => "Bonjour",
        }
    }
}

/// The longest label.
pub(super) const LABEL_WIDTH: usize = 18;

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Calls work, or some do; something could be better.
    Warning,
    /// Something that is needed does not work.
    Problem,
    /// Not looked at.
    Skipped,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// One check: what was found, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) topic: Topic,
    pub(super) verdict: Verdict,
    pub(super) message: String,
    pub(super) advice: Option<String>,
    pub(super) details: Map<String, Value>,
}

impl Check {
    fn new(topic: Topic, verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            topic,
            verdict,
            message: message.into(),
            advice: None,
            details: Map::new(),
        }
    }

    pub(super) fn ok(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Ok, message)
    }

    pub(super) fn warning(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Warning, message)
    }

    pub(super) fn problem(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Problem, message)
    }

    pub(super) fn skipped(topic: Topic, message: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Skipped, message)
    }

    /// A problem told by an error whose message says behind a semicolon what to do.
    pub(super) fn failed(topic: Topic, error: &str) -> Self {
        match error.split_once("; ") {
            Some((what, advice)) => Self::problem(topic, what).advise(advice),
            None => Self::problem(topic, error),
        }
    }

    /// What to do.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// For scripts.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
