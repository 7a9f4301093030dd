//! The local network without a server (XEP-0174): who is there, and streams in both directions.
//!
//! docs/protocol/xmpp.md, without a server \[P\]. A [`Lan`] announces us by multicast DNS as
//! `user@machine`, finds others who do the same, and takes the streams that they open; what is said
//! on a stream is [`crate::Session`]'s, in its mode [`crate::Mode::LinkLocal`].
//!
//! Neighbours may be hostile: at most 256 of them are kept, 8 addresses of each, 16 streams that
//! they open, 2 from one address, and a stream without a header is closed after 10 s.
//!
//! ```no_run
//! use ichat_xmpp::client::lan::{Lan, LanConfig, LanEvent};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut lan = Lan::start(LanConfig::new("ada", "powerbook")).await?;
//! println!("announced as {} on port {}", lan.name(), lan.port());
//! loop {
//!     match lan.next().await {
//!         LanEvent::Appeared(peer) => println!("{} is here", peer.display_name()),
//!         LanEvent::Changed(peer) => println!("{}: {}", peer.name, peer.presence.availability),
//!         LanEvent::Vanished { name } => println!("{name} left"),
//!         LanEvent::Stream { peer, .. } => println!("{peer} opens a stream"),
//!         LanEvent::Problem { message } => println!("{message}"),
//!     }
//! }
//! # }
//! ```

mod discovery;
mod gate;
mod listen;
mod name;
mod own;
mod peer;
mod record;
mod table;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

pub use gate::StreamSlot;
pub use peer::LanPeer;

use super::link_local::{self, LinkLocalError};
use super::{Connection, StreamError, Trace};
use crate::lan::{LAN_PORT, LanPresence, text};
use discovery::Discovery;
use gate::{Gate, STREAM_LIMIT};
use listen::Arrived;
use name::Identity;

/// How long all addresses of a peer may take together.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long we listen who is there before we take a name. Answers come within 120 ms (RFC 6762
/// §6); that nobody else takes it is probed afterwards all the same.
const LOOK_AROUND: Duration = Duration::from_millis(600);

/// How to appear on the network.
#[derive(Debug, Clone)]
pub struct LanConfig {
    /// The user part of our name. What a JID cannot hold becomes `-`.
    pub user: String,
    /// The machine's name; of a domain the first label is taken.
    pub host: String,
    /// What is announced; its port is set to the one we listen on.
    pub presence: LanPresence,
    /// Addresses of ours to be there with; empty: all but loopback.
    pub bind: Vec<IpAddr>,
    /// The port for streams; if it is taken, or 0, any. Default 5298.
    pub port: u16,
    /// Where every stanza is written down.
    pub trace: Option<Trace>,
}

impl LanConfig {
    /// The defaults, under this name.
    #[must_use]
    pub fn new(user: &str, host: &str) -> Self {
        Self {
            user: user.to_owned(),
            host: host.to_owned(),
            presence: LanPresence::default(),
            bind: Vec::new(),
            port: LAN_PORT,
            trace: None,
        }
    }
}

/// Why we are not on the network. The message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LanError {
    /// No port can be opened.
    #[error("cannot listen for streams on the local network: {source}")]
    Listen {
        /// What the system said.
        source: io::Error,
    },
    /// Multicast DNS does not start.
    #[error("cannot announce or find anybody on the local network: {source}")]
    Discovery {
        /// What it said.
        source: mdns_sd::Error,
    },
}

/// What happens on the network.
#[derive(Debug)]
pub enum LanEvent {
    /// Somebody is there.
    Appeared(LanPeer),
    /// Somebody announces something else than before, or has other addresses.
    Changed(LanPeer),
    /// Somebody is no longer announced.
    Vanished {
        /// The name under which they were.
        name: String,
    },
    /// Somebody opened a stream.
    Stream {
        /// It.
        connection: Box<Connection>,
        /// What its header says that it is from; else the announced name that has this address;
        /// else the address. Nobody vouches for any of it.
        peer: String,
        /// Where it comes from.
        address: SocketAddr,
        /// Its place among those that may be open; to be dropped with the connection.
        slot: StreamSlot,
    },
    /// Something does not work; the rest goes on.
    Problem {
        /// One line about it.
        message: String,
    },
}

/// We, on the local network. Dropped, it stops at once; [`Lan::stop`] also waits for the goodbye.
#[derive(Debug)]
pub struct Lan {
    discovery: Discovery,
    port: u16,
    arrivals: mpsc::Receiver<Arrived>,
    /// Keeps the channel open.
    _arrivals: mpsc::Sender<Arrived>,
    /// Takes streams; ends when dropped.
    _listeners: JoinSet<()>,
    trace: Option<Trace>,
}

impl Lan {
    /// Listens, browses, and announces us as `user@host`; if that name is taken, with a number
    /// behind the user part (XEP-0174 §3). Takes little more than half a
    /// second; that the name is ours alone is known a second later.
    ///
    /// # Errors
    ///
    /// See [`LanError`]. What fails later is a [`LanEvent::Problem`].
    pub async fn start(config: LanConfig) -> Result<Self, LanError> {
        let (listeners, port) = listen::open(&config.bind, config.port)
            .map_err(|source| LanError::Listen { source })?;
        let mut presence = config.presence;
        presence.port = Some(port);
        let identity = Identity::new(&config.user, &config.host);
        let failed = |source| LanError::Discovery { source };
        let discovery = Discovery::start(identity, presence, config.bind).map_err(failed)?;
        sleep(LOOK_AROUND).await;
        discovery.announce_first().map_err(failed)?;

        let (sender, arrivals) = mpsc::channel(STREAM_LIMIT);
        let gate = Gate::default();
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(listen::serve(
                listener,
                gate.clone(),
                discovery.shared.clone(),
                sender.clone(),
                config.trace.clone(),
            ));
        }
        Ok(Self {
            discovery,
            port,
            arrivals,
            _arrivals: sender,
            _listeners: tasks,
            trace: config.trace,
        })
    }

    /// The name under which we are announced now: it changes when somebody else turns out to have
    /// it.
    #[must_use]
    pub fn name(&self) -> String {
        self.discovery.shared.name()
    }

    /// The port on which we take streams.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Announces what has changed of us. The port stays.
    pub fn announce(&mut self, mut presence: LanPresence) {
        presence.port = Some(self.port);
        self.discovery.announce(presence);
    }

    /// What happens next. Cancel-safe: nothing is lost when it is dropped.
    ///
    /// Who calls it seldom misses nothing that still matters: what is told is the difference to
    /// what was told before.
    pub async fn next(&mut self) -> LanEvent {
        loop {
            if let Ok(arrived) = self.arrivals.try_recv() {
                return self.stream(arrived);
            }
            if let Some(event) = self.discovery.shared.next_event() {
                return event;
            }
            let arrived = {
                let arrival = pin!(self.arrivals.recv());
                let change = pin!(self.discovery.shared.changed.notified());
                match select(arrival, change).await {
                    Either::Left((arrived, _)) => arrived,
                    Either::Right(_) => None,
                }
            };
            if let Some(arrived) = arrived {
                return self.stream(arrived);
            }
        }
    }

    /// Who is there, sorted by name; without ourselves.
    #[must_use]
    pub fn peers(&self) -> Vec<LanPeer> {
        self.discovery.shared.table().peers()
    }

    /// Opens a stream to a peer: its addresses are tried in turn, 5 s in all.
    ///
    /// If none of them answers, the peer is asked by multicast whether it is still there, and
    /// vanishes 5 s later if it does not reply.
    ///
    /// # Errors
    ///
    /// [`StreamError::Silent`] when it took too long, [`StreamError::Lost`] with the last address's
    /// reason otherwise.
    pub async fn connect(&self, peer: &LanPeer) -> Result<Connection, StreamError> {
        let deadline = Instant::now() + CONNECT_TIME;
        let name = self.name();
        let mut left = u32::try_from(peer.addresses.len()).unwrap_or(u32::MAX);
        let mut fault = StreamError::Lost(Some(io::ErrorKind::AddrNotAvailable.into()));
        for address in &peer.addresses {
            // Each may take its share of what is left.
            let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
            left = left.saturating_sub(1);
            let opening = link_local::connect(*address, &name, &peer.name, self.trace.clone());
            fault = match timeout(share, opening).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => failed(error),
                Err(_) => StreamError::Silent(share),
            };
            tracing::debug!(%address, error = %fault, "no stream there");
        }
        self.discovery.doubt(&peer.name);
        Err(fault)
    }

    /// Says goodbye, and ends. Streams that are open stay open.
    pub async fn stop(self) {
        let Self { discovery, .. } = self;
        if tokio::task::spawn_blocking(move || discovery.stop())
            .await
            .is_err()
        {
            tracing::debug!("the goodbye failed");
        }
    }

    fn stream(&self, arrived: Arrived) -> LanEvent {
        let Arrived {
            connection,
            address,
            slot,
        } = arrived;
        let from = connection.peer().map(|from| text::safe(from.as_bytes()));
        let ip = address.ip();
        let peer = from
            .filter(|from| !from.is_empty())
            .or_else(|| self.discovery.shared.table().name_at(ip))
            .unwrap_or_else(|| ip.to_string());
        LanEvent::Stream {
            connection: Box::new(connection),
            peer,
            address,
            slot,
        }
    }
}

fn failed(error: LinkLocalError) -> StreamError {
    match error {
        LinkLocalError::TimedOut { limit } => StreamError::Silent(limit),
        LinkLocalError::Tcp { source, .. } => StreamError::Lost(Some(source)),
        LinkLocalError::NotXmpp { source } => StreamError::from_io(source),
        name @ LinkLocalError::Name { .. } => {
            StreamError::Lost(Some(io::Error::new(io::ErrorKind::InvalidInput, name)))
        }
    }
}
