//! The local network: who is announced there, who opens a stream to us, and what we announce
//! (docs/protocol/xmpp.md, without a server).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_xmpp::client::Connection;
use ichat_xmpp::client::lan::{Lan, LanConfig, LanEvent, LanPeer, StreamSlot};
use ichat_xmpp::lan::{LanPresence, VcLetters};
use ichat_xmpp::{Caps, ExtToken, FullJid, Jid, Mode};
use tokio::time::timeout;

use super::config::RunError;
use super::links::{Kind, LinkId};
use super::{Driver, Stage};
use crate::event::{CallNumber, Event, Reason, Service};

/// How long a name is looked for before nobody has it (docs/contract.md, not-callable).
const SEEK: Duration = Duration::from_secs(5);

/// A name that matches in part may match somebody else too: this long others can appear.
const SETTLE: Duration = Duration::from_millis(1500);

/// How often we look whether a neighbour made us take another name.
const NAME_CHECK: Duration = Duration::from_secs(1);

/// What happened on the local network.
#[derive(Debug)]
pub(super) enum Happening {
    /// Somebody came, went, or opened a stream.
    Lan(Box<LanEvent>),
    /// Our name was taken already: this is our new one.
    Renamed(String),
}

/// The local network, and what we say there.
#[derive(Debug)]
pub(super) struct Neighbours {
    lan: Lan,
    presence: LanPresence,
    /// The name that the user knows.
    name: String,
    /// Streams that came during a search; bounded by the places that there are.
    waiting: VecDeque<LanEvent>,
}

/// How the search for a name ended.
#[derive(Debug)]
enum Found {
    One(Box<LanPeer>),
    None,
    /// It says itself that it cannot take a call, or not now.
    NotFree(String),
    Several(Vec<String>),
}

/// Waits for the next happening; for ever without a network. Cancel-safe.
pub(super) async fn next(neighbours: &mut Option<Neighbours>) -> Happening {
    let Some(Neighbours {
        lan, name, waiting, ..
    }) = neighbours
    else {
        return std::future::pending().await;
    };
    if let Some(event) = waiting.pop_front() {
        return Happening::Lan(Box::new(event));
    }
    loop {
        let now = lan.name();
        if now != *name {
            name.clone_from(&now);
            return Happening::Renamed(now);
        }
        if let Ok(event) = timeout(NAME_CHECK, lan.next()).await {
            return Happening::Lan(Box::new(event));
        }
    }
}

impl Neighbours {
    pub(super) async fn start(config: LanConfig) -> Result<Self, RunError> {
        let presence = config.presence.clone();
        let lan = Lan::start(config).await?;
        let name = lan.name();
        Ok(Self {
            lan,
            presence,
            name,
            waiting: VecDeque::new(),
        })
    }

    /// Shows that we can be called, or that we are in a call (docs/protocol/xmpp.md, busy [G]).
    pub(super) fn show(&mut self, available: bool) {
        let mut presence = self.presence.clone();
        presence.vc = Some(VcLetters::audio(!available));
        if let (false, Some(caps)) = (available, &mut presence.caps) {
            caps.tokens.retain(|token| *token != ExtToken::AvAvail);
        }
        self.lan.announce(presence);
    }

    pub(super) async fn stop(self) {
        self.lan.stop().await;
    }

    /// Looks for somebody by announced name, user part or address, and waits a while for who is
    /// not there yet, or not free.
    async fn seek(&mut self, wanted: &str) -> Found {
        let started = tokio::time::Instant::now();
        loop {
            let waited = started.elapsed();
            let mut matching: Vec<LanPeer> = self
                .lan
                .peers()
                .into_iter()
                .filter(|peer| peer.matches(wanted))
                .collect();
            let exact = |peer: &LanPeer| peer.name.eq_ignore_ascii_case(wanted);
            let is_exact = matching.iter().any(exact);
            if is_exact {
                matching.retain(exact);
            }
            let settled = is_exact || waited >= SETTLE;
            if settled && matching.len() > 1 {
                return Found::Several(matching.into_iter().map(|peer| peer.name).collect());
            }
            if let Some(peer) = matching.into_iter().next() {
                if settled && may_be_rung(&peer.presence) {
                    return Found::One(Box::new(peer));
                }
                if waited >= SEEK {
                    return Found::NotFree(peer.name);
                }
            } else if waited >= SEEK {
                return Found::None;
            }
            let until = if settled { SEEK } else { SETTLE };
            if let Ok(event) = timeout(until.saturating_sub(waited), self.lan.next()).await {
                tracing::debug!(?event, "while looking for a name");
                if matches!(event, LanEvent::Stream { .. }) {
                    // Somebody has something to say: that is heard when the search is over.
                    self.waiting.push_back(event);
                }
            }
        }
    }
}

/// Whether to ring somebody: all but those who say themselves that they cannot. What an iChat
/// announces is not known for certain, so saying nothing is no hindrance
/// (docs/protocol/xmpp.md, without a server [P, I]).
pub(super) fn may_be_rung(presence: &LanPresence) -> bool {
    let says_something = presence.vc.is_some()
        || presence
            .caps
            .as_ref()
            .is_some_and(|caps| !caps.tokens.is_empty());
    presence.is_callable() || !says_something
}

/// Our presence on the local network, with what this side can do.
#[must_use]
pub fn lan_presence(first: Option<String>, caps: Caps) -> LanPresence {
    LanPresence {
        first,
        caps: Some(caps),
        vc: Some(VcLetters::audio(false)),
        ..LanPresence::default()
    }
}

impl Driver {
    /// Announces us, and listens.
    pub(super) async fn join_lan(&mut self, config: LanConfig) -> Result<(), RunError> {
        let neighbours = Neighbours::start(config).await?;
        self.tell(Event::Online {
            jid: neighbours.lan.name(),
        });
        let port = neighbours.lan.port();
        for local in &self.locals {
            self.tell(Event::Listening {
                service: Service::Lan,
                address: SocketAddr::new(local.address, port),
            });
        }
        self.neighbours = Some(neighbours);
        Ok(())
    }

    /// Calls somebody on the local network.
    pub(super) async fn call_neighbour(
        &mut self,
        number: CallNumber,
        wanted: &str,
    ) -> Result<(), RunError> {
        let since = Instant::now();
        let Some(mut neighbours) = self.neighbours.take() else {
            return Ok(());
        };
        let found = neighbours.seek(wanted).await;
        let reached = match &found {
            Found::One(peer) => Some(neighbours.lan.connect(peer).await),
            Found::None | Found::NotFree(_) | Found::Several(_) => None,
        };
        self.neighbours = Some(neighbours);
        let peer = match found {
            Found::One(peer) => peer,
            Found::None => {
                let message = format!("nobody on this network is announced as {wanted}");
                self.warn(Some(number), "not-callable", message);
                self.end_ringing(number, Reason::NotCallable);
                return Ok(());
            }
            Found::NotFree(name) => {
                let message = format!("{name} is announced, but not as free for a call");
                self.warn(Some(number), "not-callable", message);
                self.end_ringing(number, Reason::NotCallable);
                return Ok(());
            }
            Found::Several(names) => {
                return Err(RunError::Ambiguous {
                    wanted: wanted.into(),
                    names: names.join(", "),
                });
            }
        };
        match reached {
            Some(Ok(connection)) => match self.open_peer_link(connection, &peer.name, None) {
                Some((link, jid)) => self.ring(number, link, jid, since),
                None => self.end_ringing(number, Reason::Unreachable),
            },
            Some(Err(error)) => {
                let message = format!("{} cannot be reached: {error}", peer.name);
                self.warn(Some(number), "unreachable", message);
                self.end_ringing(number, Reason::Unreachable);
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn handle_neighbour(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Lan(event) => *event,
            Happening::Renamed(jid) => return self.tell(Event::Online { jid }),
        };
        match event {
            LanEvent::Stream {
                connection,
                peer,
                address,
                slot,
            } => {
                tracing::debug!(peer, %address, "a neighbour opened a stream");
                if self
                    .open_peer_link(*connection, &peer, Some(slot))
                    .is_none()
                {
                    tracing::debug!(peer, "a name that is no JID");
                }
            }
            LanEvent::Appeared(peer) | LanEvent::Changed(peer) => {
                tracing::debug!(name = peer.name, "a neighbour");
            }
            LanEvent::Vanished { name } => self.handle_vanished(&name),
            LanEvent::Problem { message } => self.warn(None, "lan", message),
        }
    }

    /// Somebody has left the network: a call that only rings there will not be answered.
    fn handle_vanished(&mut self, name: &str) {
        tracing::debug!(name, "a neighbour has gone");
        if let Stage::Calling { number, leg, .. } = self.stage
            && self.links.leads_to(leg.link, name)
        {
            self.warn(
                Some(number),
                "unreachable",
                format!("{name} has left the network"),
            );
            self.cancel_leg(Instant::now(), leg);
            self.end_ringing(number, Reason::Unreachable);
        }
    }

    /// Begins a session on a stream to a peer.
    fn open_peer_link(
        &mut self,
        connection: Connection,
        peer: &str,
        slot: Option<StreamSlot>,
    ) -> Option<(LinkId, Jid)> {
        let jid = Jid::new(peer)
            .or_else(|_| Jid::new(&safe_name(peer)))
            .ok()?;
        let name = peer.to_owned();
        let ours: FullJid = connection.jid().clone();
        let config = self.session_config(ours, Mode::LinkLocal { peer: jid.clone() });
        let link = self.links.open(
            Instant::now(),
            Kind::Peer { name, slot },
            connection,
            config,
        );
        Some((link, jid))
    }
}

/// A name for a peer whose own is no JID: an address, say.
fn safe_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || ".-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("unknown@{}", plain.trim_matches('-'))
}
