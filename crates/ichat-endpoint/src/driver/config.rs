//! What an endpoint is told before it starts, and what it says when it is done.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ichat_audio::{AudioError, CodecName, SinkSpec, SourceSpec};
use ichat_sip::Route;
use ichat_xmpp::client::lan::{LanConfig, LanError};
use ichat_xmpp::client::{ConnectConfig, ConnectError, Connection, GaveUp};
use ichat_xmpp::{AcceptPolicy, BareJid, CallDialect, FullJid, Jid};
use tokio::sync::mpsc;

use super::reflectors::Reflectors;
use crate::event::Reason;
use crate::sockets::{BindError, PortChoice};

/// What to do when somebody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerMode {
    /// Ask the user; without an answer it rings until the time is over.
    #[default]
    Ask,
    /// Answer whom [`EndpointConfig::allow`] lets in, ask about others.
    Auto,
    /// Refuse.
    Decline,
    /// Refuse as busy.
    Busy,
}

/// Whom [`AnswerMode::Auto`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// This one.
    Jid(BareJid),
    /// Everybody on our roster whose presence we see, or who sees ours.
    Contacts,
    /// Everybody.
    Anyone,
}

/// How an endpoint behaves.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Local addresses for media; empty: all usable ones.
    pub bind: Vec<IpAddr>,
    /// The UDP port.
    pub port: PortChoice,
    /// What the peer hears.
    pub input: SourceSpec,
    /// A file begins again when it is over.
    pub looped: bool,
    /// Where the peer is heard.
    pub output: SinkSpec,
    /// A recording of both sides.
    pub record: Option<PathBuf>,
    /// In which forms we ring, and which one we advertise.
    pub dialect: CallDialect,
    /// Servers that tell how others see us, or lend us an address.
    pub reflectors: Reflectors,
    /// Codecs in the order of preference; empty: the best common one.
    pub codecs: Vec<CodecName>,
    /// Hang up after this long connected.
    pub duration: Option<Duration>,
    /// How long it may ring.
    pub timeout: Duration,
    /// What happens to callers.
    pub answer: AnswerMode,
    /// Whom [`AnswerMode::Auto`] answers.
    pub allow: Vec<Allowed>,
    /// Who may see our presence.
    pub accept: AcceptPolicy,
    /// Whether to ask a peer that is no contact for its presence.
    pub subscribe: bool,
    /// A capture of every datagram.
    pub pcap: Option<PathBuf>,
    /// What SIP's User-Agent and XMPP's version answers say: name and version.
    pub software: (String, String),
    /// Somebody who watches all that goes over the wires.
    pub tap: Option<Tap>,
}

impl Default for EndpointConfig {
    /// Every usable address, iChat's ports, silence in, nothing out, a minute of ringing, nobody
    /// answered without being asked.
    fn default() -> Self {
        Self {
            bind: Vec::new(),
            port: PortChoice::Preferred,
            input: SourceSpec::Silence,
            looped: false,
            output: SinkSpec::Null,
            record: None,
            dialect: CallDialect::Legacy,
            reflectors: Reflectors::default(),
            codecs: Vec::new(),
            duration: None,
            timeout: Duration::from_secs(60),
            answer: AnswerMode::Ask,
            allow: Vec::new(),
            accept: AcceptPolicy::None,
            subscribe: true,
            pcap: None,
            software: (
                env!("CARGO_PKG_NAME").into(),
                env!("CARGO_PKG_VERSION").into(),
            ),
            tap: None,
        }
    }
}

/// Where copies of everything on the wire go, with the time.
pub type Tap = mpsc::UnboundedSender<(Instant, Tapped)>;

/// One thing that went over a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped {
    /// A stanza, as text.
    Stanza {
        /// Whether we sent it.
        sent: bool,
        /// Its XML.
        xml: String,
    },
    /// A datagram.
    Datagram {
        /// Whether we sent it.
        sent: bool,
        /// Between which addresses.
        route: Route,
        /// Its payload.
        octets: Vec<u8>,
    },
}

/// How calls are signalled; with nothing set, not at all: plain SIP only.
#[derive(Debug, Default)]
pub struct Signalling {
    /// Through a server, with an account.
    pub server: Option<Box<ConnectConfig>>,
    /// Over a stream straight to one peer that is open already (XEP-0174).
    pub link: Option<LinkLocal>,
    /// With whoever is announced on the local network (XEP-0174).
    pub lan: Option<LanConfig>,
}

/// An open stream straight to one peer.
#[derive(Debug)]
pub struct LinkLocal {
    /// The stream.
    pub connection: Box<Connection>,
    /// Our name on it.
    pub jid: FullJid,
    /// Who is at the other end.
    pub peer: Jid,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An account, with or without a resource.
    Jid(Jid),
    /// Somebody on the local network: an announced name, its user part, or an address.
    Neighbour(String),
    /// A plain SIP peer.
    Sip {
        /// User part, `user` when none is given.
        user: String,
        /// Host name or address.
        host: String,
        /// Its UDP port.
        port: u16,
    },
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Call somebody, talk, be done.
    Call(Target),
    /// Wait for calls.
    Answer {
        /// Be done after the first.
        once: bool,
        /// Take plain SIP calls too.
        sip: bool,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How the last call ended; `None` when there was none.
    pub reason: Option<Reason>,
    /// Whether the user broke it off.
    pub interrupted: bool,
}

impl Outcome {
    /// The user broke it off before anybody was rung.
    pub(super) fn interrupted(task: &Task) -> Self {
        let reason = match task {
            Task::Call(_) => Some(Reason::Cancelled),
            Task::Answer { .. } => None,
        };
        Self {
            reason,
            interrupted: true,
        }
    }

    /// The exit status of a program that ran this: that of the last call's reason; 130 for a call
    /// that the user gave up while it rang; 0 for an idle endpoint that was told to stop.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self.reason {
            Some(Reason::Cancelled) if self.interrupted => 130,
            Some(reason) => reason.exit_status(),
            None => 0,
        }
    }
}

/// Why an endpoint could not start, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The system does not tell its network interfaces.
    #[error("cannot list the network interfaces: {0}")]
    Interfaces(#[source] io::Error),
    /// No UDP port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// No sign-in.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A file or device.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The capture file.
    #[error("cannot write the capture {}: {source}", path.display())]
    Pcap {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host of a SIP URI is not known.
    #[error("no address for the host {host}: {source}")]
    Resolve {
        /// Which host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of a SIP peer's addresses has the family of one of ours.
    #[error("{host} cannot be reached from the addresses of this machine that are in use")]
    NoRoute {
        /// Which host.
        host: String,
    },
    /// No announcement on the local network.
    #[error(transparent)]
    Lan(#[from] LanError),
    /// A part of a name fits several people on the local network.
    #[error("{wanted} could be any of {names}: give the whole name")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Whom it fits.
        names: String,
    },
    /// The stream to the server broke while we looked around.
    #[error("the connection to the server is lost: {0}")]
    StreamLost(String),
    /// The server does not want us back.
    #[error("signed out by the server: {0}")]
    SignedOut(GaveUp),
}

impl RunError {
    /// The word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Interfaces(_) | Self::NoRoute { .. } => "no-address",
            Self::Bind(BindError::NoAddress) => "no-address",
            Self::Bind(BindError::PortBusy { .. }) => "port-busy",
            Self::Bind(BindError::Io { .. }) => "no-port",
            Self::Connect(error) => error.code(),
            Self::Audio(error) => error.code(),
            Self::Pcap { .. } => "file",
            Self::Resolve { .. } => "unknown-host",
            Self::StreamLost(_) => "server-unreachable",
            Self::SignedOut(gave_up) => gave_up.code(),
            Self::Lan(_) => "lan",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }

    /// Whether what the user asked for is at fault (exit status 2), or the world (1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Pcap { .. } | Self::Ambiguous { .. } => true,
            Self::Audio(error) => matches!(error, AudioError::File(_) | AudioError::Tone { .. }),
            Self::Connect(error) => matches!(
                error,
                ConnectError::TlsOffRefused { .. } | ConnectError::CaFile { .. }
            ),
            Self::Interfaces(_)
            | Self::Bind(_)
            | Self::Resolve { .. }
            | Self::NoRoute { .. }
            | Self::Lan(_)
            | Self::StreamLost(_)
            | Self::SignedOut(_) => false,
        }
    }
}
