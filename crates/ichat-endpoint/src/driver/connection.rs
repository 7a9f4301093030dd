//! The ways to the peer of the call at hand: when they are looked for, and what becomes of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::{GatherConfig, Interface, ReflectorTimings, RelayListing};
use ichat_invitation::{Invitation, Party, encode_hex};
use ichat_sip::Route;
use ichat_xmpp::{CAPS_VERSION, Jid};

use super::Driver;
use super::early::Early;
use super::links::LinkId;
use super::moves::LOOK_INTERVAL;
use super::unsent::Unsent;
use crate::connectivity::{Connectivity, ConnectivityOutput};
use crate::introductions::{self, Parties};
use crate::lookout::Lookout;
use crate::seed::Seed;

/// How long servers that know addresses of ours may keep a call waiting \[I\].
pub(super) const GATHER_PATIENCE: Duration = Duration::from_millis(1500);

/// Between two questions to such a server: half of what SNATMAP says, so that where a third of all
/// datagrams is lost an answer still comes in that time \[I\].
const GATHER_RESEND: Duration = Duration::from_millis(250);

/// The ways to the peer of the call at hand.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) ways: Connectivity,
    /// Until when servers are waited for.
    pub(super) gathered_by: Instant,
    /// Our invitation, once there is one.
    pub(super) ours: Option<Invitation>,
    /// What the first path's checks took.
    pub(super) checks: Duration,
    /// The path that the program knows of.
    pub(super) told: Option<Route>,
    /// Who sent something before our INVITE was out.
    pub(super) early: Early,
    /// What is dialled without checks.
    pub(super) dialled: Vec<SocketAddr>,
    /// When to look at our addresses.
    pub(super) next_look: Instant,
    pub(super) lookout: Lookout,
    /// When to say that the path is lost.
    pub(super) worry_at: Option<Instant>,
    /// What could not leave.
    pub(super) unsent: Unsent,
    /// Our addresses have changed since the peer was told.
    pub(super) news: bool,
    /// It was told more than once.
    proposed: bool,
}

/// Which side we are of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Callee,
}

impl Driver {
    /// Begins to look for the ways of a call, unless that has begun; `relays`: also those that a
    /// relay lends, which the legacy dialect has no use for.
    pub(super) fn connect(&mut self, now: Instant, relays: bool) {
        if self.connection.is_some() {
            return;
        }
        if relays {
            self.warn_of_relays();
        }
        let servers = self.servers.known.clone();
        let config = GatherConfig {
            interfaces: self.interfaces(),
            snatmap: servers.snatmap,
            stun: servers.stun,
            turn: if relays { servers.turn } else { Vec::new() },
            timings: ReflectorTimings {
                resend: GATHER_RESEND,
                ..ReflectorTimings::default()
            },
            ..GatherConfig::default()
        };
        // Fresh for each call: ids that one peer saw tell the next nothing.
        let seed = Seed::from_system().next_u64();
        self.connection = Some(Connection {
            ways: Connectivity::new(now, seed, config),
            gathered_by: now + GATHER_PATIENCE,
            ours: None,
            checks: Duration::ZERO,
            told: None,
            early: Early::default(),
            dialled: Vec::new(),
            next_look: now + LOOK_INTERVAL,
            lookout: Lookout::default(),
            worry_at: None,
            unsent: Unsent::default(),
            news: false,
            proposed: false,
        });
    }

    /// The call is over: what servers lend is given back.
    pub(super) fn disconnect(&mut self, now: Instant) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        connection.ways.close(now);
        while let Some(output) = connection.ways.poll_output() {
            if let ConnectivityOutput::Transmit { route, octets } = output {
                self.transmit(now, route, &octets);
            }
        }
        self.strays.of_call += connection.ways.drops();
    }

    /// Whether no server is waited for any more.
    pub(super) fn is_gathered(&self, now: Instant) -> bool {
        self.connection
            .as_ref()
            .is_none_or(|connection| connection.ways.is_gathered() || now >= connection.gathered_by)
    }

    /// Whether the call at hand has checks.
    pub(super) fn is_checked(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.ways.is_checking())
    }

    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let port = self.sockets.port();
        let locals = self.locals.iter();
        locals
            .map(|local| Interface {
                name: local.interface.clone(),
                socket: SocketAddr::new(local.address, port),
                point_to_point: local.point_to_point,
            })
            .collect()
    }

    /// The list of our addresses for the legacy dialect.
    pub(super) fn address_list(&mut self) -> String {
        let connection = self.connection.as_mut();
        let records = connection.map(|connection| connection.ways.legacy_list());
        encode_hex(&records.unwrap_or_default())
    }

    /// Our invitation to `peer`, or our answer to `theirs`; from now on checks are answered.
    pub(super) fn invitation(
        &mut self,
        now: Instant,
        link: LinkId,
        peer: &Jid,
        role: Role,
        theirs: Option<&Invitation>,
    ) -> Option<String> {
        let listing = self.relay_listing(link, peer);
        let us = self.links.jid(link)?.to_string();
        let them = theirs
            .and_then(|theirs| inviter(theirs, peer))
            .unwrap_or_else(|| peer.to_string());
        let name = self.name_of(link, peer).unwrap_or_default();
        let random = self.seed.next_u32();
        let connection = self.connection.as_mut()?;
        connection.ways.list_relays_as(listing);
        connection.ways.open(now);
        let (us, them) = (
            Party { jid: &us, name: "" },
            Party {
                jid: &them,
                name: &name,
            },
        );
        let parties = match role {
            Role::Caller => Parties {
                caller: us,
                callee: them,
            },
            Role::Callee => Parties {
                caller: them,
                callee: us,
            },
        };
        let candidates = connection.ways.candidates();
        let invitation = introductions::invite(parties, theirs, random, candidates)?;
        let text = introductions::text(&invitation)?;
        connection.ours = Some(invitation);
        Some(text)
    }

    /// The name under which our contact list has somebody.
    fn name_of(&mut self, link: LinkId, peer: &Jid) -> Option<String> {
        let bare = peer.to_bare();
        self.links.session(link)?.contact(&bare)?.name
    }

    /// A real iChat has no relay, and would never check an address that says it is one; ours does
    /// (docs/protocol/connectivity.md, pairs [D, P]). Whoever gives a version of its capabilities
    /// that no iChat had is none. Of whom nothing is known yet, right after signing in or on a stream
    /// straight to a peer, may be an iChat.
    fn relay_listing(&mut self, link: LinkId, peer: &Jid) -> RelayListing {
        let bare = peer.to_bare();
        let contact = self
            .links
            .session(link)
            .and_then(|session| session.contact(&bare));
        let devices = contact.map(|contact| contact.resources).unwrap_or_default();
        let is_meant = |jid: &Jid| peer.is_bare() || jid == peer;
        let mut versions = devices
            .iter()
            .filter(|device| device.is_ichat && is_meant(&device.jid))
            .map(|device| device.caps.as_ref().map(|caps| caps.version.as_str()))
            .peekable();
        let is_known = versions.peek().is_some();
        if is_known && versions.all(|version| version == Some(CAPS_VERSION)) {
            RelayListing::Relay
        } else {
            RelayListing::ServerReflexive
        }
    }

    /// What was told last may have been lost with the session: it is told again.
    pub(super) fn repeat_news(&mut self, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.news |= connection.proposed;
        }
        self.tell_news(now);
    }

    /// Tells a peer that has accepted, or was accepted, addresses that came since.
    pub(super) fn tell_news(&mut self, now: Instant) {
        let Some(leg) = self.stage.accepted_leg() else {
            return;
        };
        let has_media = self.stage.call().is_some_and(|call| call.has_media());
        let checked = self.is_checked();
        let Some(connection) = self
            .connection
            .as_mut()
            .filter(|connection| connection.news)
        else {
            return;
        };
        connection.news = false;
        connection.proposed = true;
        let text = if checked {
            let candidates = connection.ways.candidates();
            let changed = connection
                .ours
                .as_ref()
                .and_then(|ours| introductions::with_candidates(ours, candidates));
            let text = changed.as_ref().and_then(introductions::text);
            connection.ours = changed.or(connection.ours.take());
            text
        } else if has_media {
            // The legacy dialect cannot move a call.
            None
        } else {
            Some(encode_hex(&connection.ways.legacy_list()))
        };
        if let Some(text) = text
            && let Some(session) = self.links.session(leg.link)
            && let Err(error) = session.counter_proposal(now, leg.id, text)
        {
            tracing::debug!(%error, "addresses that cannot be told");
        }
    }
}

/// The caller's full JID as its own invitation has it: its stanzas may come from a bare one.
fn inviter(invitation: &Invitation, from: &Jid) -> Option<String> {
    let named = invitation
        .invitees
        .iter()
        .find_map(|invitee| invitee.invited_by.as_ref())?;
    let jid = Jid::new(named).ok()?;
    (jid.to_bare() == from.to_bare()).then(|| jid.to_string())
}
