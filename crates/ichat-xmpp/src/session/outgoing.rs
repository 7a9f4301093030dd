//! A call that we place: somebody is looked for, devices ring, one accepts, media flows.
//!
//! docs/protocol/xmpp.md, ringing, resources and tear-down \[G\]. What peers say to it is in
//! [`super::replies`].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use minidom::Element;
use xmpp_parsers::jid::Jid;

use super::after;
use super::crossing::Crossing;
use super::event::{CallId, Event, Over, StateError};
use super::ours::OurAddresses;
use super::ring::{Ring, Rings};
use super::search::{Search, Step};
use super::wire::Wire;
use crate::contacts::Directory;
use crate::dialect::{CallDialect, Dialect};
use crate::vc::{Cancel, Offer, Request};

/// What a call sees of its session.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    pub(super) call: CallId,
    pub(super) wire: &'a mut Wire,
    pub(super) directory: &'a Directory,
    pub(super) roster_known: bool,
}

/// How a call ends.
#[derive(Debug)]
pub(super) enum End {
    /// So.
    Over(Over),
    /// The peer's own request takes its place.
    GiveWay,
}

impl From<Over> for End {
    fn from(over: Over) -> Self {
        Self::Over(over)
    }
}

/// Whom to call, and with what.
#[derive(Debug)]
pub(super) struct Plan {
    /// Without a resource, each device of theirs that can be rung.
    pub(super) peer: Jid,
    pub(super) offer: Offer,
    pub(super) dialect: CallDialect,
    pub(super) external: Option<SocketAddr>,
    /// How long it rings, and how long we wait to become a contact.
    pub(super) timeout: Duration,
}

/// One outgoing call.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) plan: Plan,
    /// Every device that was rung.
    pub(super) rings: Rings,
    pub(super) crossing: Crossing,
    pub(super) state: OutgoingState,
    /// Who got a presence of ours that was for them alone.
    pub(super) directed: Vec<Jid>,
}

#[derive(Debug)]
pub(super) enum OutgoingState {
    /// Nobody rings, or nobody rings any more.
    Searching {
        search: Search,
        give_up: Instant,
        /// When ringing is over that began before.
        rings_until: Option<Instant>,
    },
    /// Somebody rings.
    Ringing { deadline: Instant },
    /// One device has accepted, and our INVITE is on its way.
    Accepted { by: Jid, ours: OurAddresses },
    /// Media flows; no stanza ends it.
    Connected { by: Jid, ours: OurAddresses },
}

impl Outgoing {
    pub(super) fn new(now: Instant, plan: Plan, search: Search) -> Self {
        let state = OutgoingState::Searching {
            search,
            give_up: after(now, plan.timeout),
            rings_until: None,
        };
        Self {
            plan,
            rings: Rings::default(),
            crossing: Crossing::default(),
            state,
            directed: Vec::new(),
        }
    }

    /// Does what the time and the presences of the moment ask for.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> Option<End> {
        loop {
            match &mut self.state {
                OutgoingState::Searching {
                    search,
                    give_up,
                    rings_until,
                } => match search.step(cx, &self.plan.peer, *give_up) {
                    Step::Wait => return None,
                    Step::Again => {}
                    Step::Ring(devices) => {
                        let deadline = rings_until.unwrap_or(after(cx.now, self.plan.timeout));
                        self.state = OutgoingState::Ringing { deadline };
                        self.ring(cx, devices);
                    }
                    Step::Over(over) => {
                        self.withdraw(cx.wire);
                        return Some(over.into());
                    }
                },
                OutgoingState::Ringing { deadline } => {
                    if *deadline <= cx.now {
                        self.withdraw(cx.wire);
                        return Some(Over::NoAnswer.into());
                    }
                    if self.crossing.deadline().is_some_and(|due| due <= cx.now) {
                        return Some(End::GiveWay);
                    }
                    if self.plan.peer.is_bare() {
                        let devices = cx.directory.callable(&self.plan.peer);
                        self.ring(cx, devices);
                    }
                    return None;
                }
                OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => return None,
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            OutgoingState::Searching {
                search, give_up, ..
            } => Some(search.deadline(*give_up)),
            OutgoingState::Ringing { deadline } => {
                Some(self.crossing.deadline().unwrap_or(*deadline).min(*deadline))
            }
            OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => None,
        }
    }

    /// Rings those that do not ring yet.
    fn ring(&mut self, cx: &mut Context<'_>, devices: Vec<Jid>) {
        let peer = self.plan.peer.to_bare();
        let shown = cx.directory.subscription(&peer).shows_us();
        let mut news = false;
        for device in devices {
            if !self.rings.admits(&device) {
                continue;
            }
            if !shown && !self.directed.contains(&device) {
                // Who does not see us cannot know that we are able to call.
                cx.wire.available(Some(&device));
                self.directed.push(device.clone());
            }
            if self.rings.is_interrupted(&device) {
                // Should it still show the ring of our dead stream, that one is over.
                cx.wire.set(&device, Cancel.to_element());
            }
            let form = self.plan.form(self.plan.dialect.first());
            self.ring_at(cx.wire, device, form);
            news = true;
        }
        if news {
            cx.wire.event(Event::Ringing {
                call: cx.call,
                to: self.rings.devices(),
            });
        }
    }

    /// Sends the request to one device, in that form.
    pub(super) fn ring_at(&mut self, wire: &mut Wire, device: Jid, form: Dialect) {
        let id = wire.set(&device, self.plan.request(form));
        self.rings.put(Ring::new(device, id, form));
    }

    /// The stream is gone. Whoever rings is looked for anew when another one stands; a call that was
    /// accepted does not need it.
    pub(super) fn lose_stream(&mut self) {
        self.directed.clear();
        match &mut self.state {
            OutgoingState::Searching { search, .. } => search.begin_anew(),
            OutgoingState::Ringing { deadline } => {
                let deadline = *deadline;
                self.rings.interrupt();
                self.crossing.take();
                self.state = OutgoingState::Searching {
                    search: Search::Roster,
                    give_up: deadline,
                    rings_until: Some(deadline),
                };
            }
            OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => {}
        }
    }

    /// Whether it has to do with that person.
    pub(super) fn concerns(&self, from: &Jid) -> bool {
        self.plan.peer.to_bare() == from.to_bare()
    }

    /// Who has accepted.
    pub(super) fn accepted_by(&self) -> Option<&Jid> {
        match &self.state {
            OutgoingState::Searching { .. } | OutgoingState::Ringing { .. } => None,
            OutgoingState::Accepted { by, .. } | OutgoingState::Connected { by, .. } => Some(by),
        }
    }

    /// Tells every device that rings, or has accepted and is not connected, that we give up.
    pub(super) fn withdraw(&mut self, wire: &mut Wire) {
        let devices = match &self.state {
            OutgoingState::Connected { .. } => Vec::new(),
            OutgoingState::Searching { .. } | OutgoingState::Ringing { .. } => self.rings.open(),
            OutgoingState::Accepted { by, .. } => vec![by.clone()],
        };
        for device in devices {
            wire.set(&device, Cancel.to_element());
        }
    }

    /// Tells more addresses of ours to the device that has accepted.
    pub(super) fn propose(
        &mut self,
        wire: &mut Wire,
        call: CallId,
        text: String,
    ) -> Result<(), StateError> {
        match &mut self.state {
            OutgoingState::Searching { .. } | OutgoingState::Ringing { .. } => {
                Err(StateError::NotAccepted { call })
            }
            OutgoingState::Accepted { by, ours } | OutgoingState::Connected { by, ours } => {
                ours.propose(wire, by, text);
                Ok(())
            }
        }
    }

    /// Media flows.
    pub(super) fn connect(&mut self) {
        if let OutgoingState::Accepted { by, ours } = &mut self.state {
            let nothing = OurAddresses::new(Offer::default(), Dialect::Legacy);
            let ours = std::mem::replace(ours, nothing);
            self.state = OutgoingState::Connected {
                by: by.clone(),
                ours,
            };
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, OutgoingState::Connected { .. })
    }
}

impl Plan {
    /// That form if we have something to say in it, else the other.
    pub(super) fn form(&self, wanted: Dialect) -> Dialect {
        self.offer
            .prefer(wanted)
            .map_or(wanted, |(dialect, _)| dialect)
    }

    /// Whether a device that refused this form is to be rung in the other one.
    pub(super) fn has_another_form(&self, refused: Dialect) -> bool {
        refused == Dialect::Legacy
            && self.dialect == CallDialect::Auto
            && self.offer.text(Dialect::Conference).is_some()
    }

    fn request(&self, form: Dialect) -> Element {
        let text = self.offer.text(form).unwrap_or_default().to_owned();
        let request = Request {
            addresses: Offer::of(form, text),
            audio_only: true,
            external: self.external,
        };
        request.to_element()
    }
}
