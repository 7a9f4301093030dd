//! A call that we place: somebody is looked for, devices ring, one accepts, media flows.
//!
//! docs/protocol/xmpp.md, ringing, resources and tear-down \[G\].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use xmpp_parsers::jid::Jid;

use super::event::{CallId, Event, Over};
use super::incoming::OurAddresses;
use super::ring::{Ring, RingState, Rings};
use super::search::{Search, Step};
use super::wire::Wire;
use super::{after, same_device};
use crate::caps::Dialect;
use crate::contacts::Directory;
use crate::fault::StanzaFault;
use crate::vc::{Cancel, Request, Response};

/// What a call sees of its session.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    pub(super) call: CallId,
    pub(super) wire: &'a mut Wire,
    pub(super) directory: &'a Directory,
    pub(super) roster_known: bool,
}

/// One outgoing call.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Whom we call; without a resource, each device of theirs that can be rung.
    pub(super) peer: Jid,
    /// What the request says.
    request: Request,
    /// How long it rings, and how long we wait to become a contact.
    timeout: Duration,
    pub(super) state: OutgoingState,
    /// Who got a presence of ours that was for them alone.
    pub(super) directed: Vec<Jid>,
}

#[derive(Debug)]
pub(super) enum OutgoingState {
    /// Nobody rings yet.
    Searching { search: Search, give_up: Instant },
    /// Somebody rings.
    Ringing { rings: Rings, deadline: Instant },
    /// One device has accepted, and our INVITE is on its way.
    Accepted { by: Jid, ours: OurAddresses },
    /// Media flows; no stanza ends it.
    Connected { by: Jid, ours: OurAddresses },
}

impl Outgoing {
    pub(super) fn new(
        now: Instant,
        peer: Jid,
        connect_data: String,
        external: Option<SocketAddr>,
        timeout: Duration,
    ) -> Self {
        let request = Request {
            connect_data,
            audio_only: true,
            external,
            conference: None,
        };
        let state = OutgoingState::Searching {
            search: Search::Roster,
            give_up: after(now, timeout),
        };
        Self {
            peer,
            request,
            timeout,
            state,
            directed: Vec::new(),
        }
    }

    /// Without a server there is nobody to look for: the peer is at the other end.
    pub(super) fn ring_at_once(&mut self) {
        if let OutgoingState::Searching { search, .. } = &mut self.state {
            *search = Search::Direct;
        }
    }

    /// Does what the time and the presences of the moment ask for.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> Option<Over> {
        loop {
            match &mut self.state {
                OutgoingState::Searching { search, give_up } => {
                    match search.step(cx, &self.peer, *give_up) {
                        Step::Wait => return None,
                        Step::Again => {}
                        Step::Ring(devices) => {
                            let deadline = after(cx.now, self.timeout);
                            self.state = OutgoingState::Ringing {
                                rings: Rings::default(),
                                deadline,
                            };
                            self.ring(cx, devices);
                        }
                        Step::Over(over) => return Some(over),
                    }
                }
                OutgoingState::Ringing { deadline, .. } => {
                    if *deadline <= cx.now {
                        self.withdraw(cx.wire);
                        return Some(Over::NoAnswer);
                    }
                    if self.peer.is_bare() {
                        let devices = cx.directory.callable(&self.peer);
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
            OutgoingState::Searching { search, give_up } => Some(search.deadline(*give_up)),
            OutgoingState::Ringing { deadline, .. } => Some(*deadline),
            OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => None,
        }
    }

    /// Rings those that do not ring yet.
    fn ring(&mut self, cx: &mut Context<'_>, devices: Vec<Jid>) {
        let OutgoingState::Ringing { rings, .. } = &mut self.state else {
            return;
        };
        let shown = cx.directory.subscription(&self.peer.to_bare()).shows_us();
        let mut news = false;
        for device in devices {
            if !rings.admits(&device) {
                continue;
            }
            if !shown && !self.directed.contains(&device) {
                // Who does not see us cannot know that we are able to call.
                cx.wire.available(Some(&device));
                self.directed.push(device.clone());
            }
            let id = cx.wire.set(&device, self.request.to_element());
            rings.add(Ring::new(device, id));
            news = true;
        }
        if news {
            cx.wire.event(Event::Ringing {
                call: cx.call,
                to: rings.devices(),
            });
        }
    }

    /// A `vc:response`; one that nobody waits for, or that comes twice, is ignored.
    pub(super) fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        from: &Jid,
        response: &Response,
    ) -> Option<Over> {
        let OutgoingState::Ringing { rings, .. } = &mut self.state else {
            tracing::debug!("a response for a call that waits for none");
            return None;
        };
        if response.is_acceptance() {
            for other in rings.others(from) {
                cx.wire.set(&other, Cancel.to_element());
            }
            let held = rings.take_held(from);
            let ours = OurAddresses::new(self.request.connect_data.clone());
            self.state = OutgoingState::Accepted {
                by: from.clone(),
                ours,
            };
            cx.wire.event(Event::Accepted {
                call: cx.call,
                by: from.clone(),
                dialect: Dialect::Legacy,
                connect_data: response.connect_data.clone(),
            });
            for connect_data in held {
                self.counter(cx, from, connect_data);
            }
            return None;
        }
        let ring = rings.find(from)?;
        let mut code = response.refusal();
        if response.is_conference_acceptance() {
            cx.wire.set(&ring.device, Cancel.to_element());
            cx.wire.warn(
                "not-yet",
                format!("{from} accepted in the conference dialect, which is not spoken yet"),
            );
            code = crate::vc::ResponseCode::Failure;
        }
        if ring.rings_again_after(code) {
            // Glare, and both sides have given way (docs/protocol/field.md, glare [I]).
            ring.id = cx.wire.set(&ring.device, self.request.to_element());
            return None;
        }
        ring.state = RingState::Refused(code);
        rings.verdict()
    }

    /// An error for one of our requests: it ends that device's ring only.
    pub(super) fn handle_fault(&mut self, id: &str, fault: &StanzaFault) -> Option<Over> {
        let OutgoingState::Ringing { rings, .. } = &mut self.state else {
            return None;
        };
        let ring = rings.find_id(id)?;
        ring.state = RingState::Failed(fault.clone());
        rings.verdict()
    }

    /// A device has gone offline: it rings no more, and we look again when it was the last.
    pub(super) fn handle_gone(&mut self, cx: &mut Context<'_>, gone: &Jid) -> Option<Over> {
        let OutgoingState::Ringing { rings, deadline } = &mut self.state else {
            return None;
        };
        if !rings.remove(gone) {
            return None;
        }
        if !rings.is_empty() {
            return rings.verdict();
        }
        if !cx.directory.subscription(&self.peer.to_bare()).sees_them() {
            return Some(Over::Unreachable {
                condition: StanzaFault::new("recipient-unavailable"),
            });
        }
        let give_up = *deadline;
        self.state = OutgoingState::Searching {
            search: Search::presence(cx.now, give_up),
            give_up,
        };
        None
    }

    /// They have refused to let us see their presence.
    pub(super) fn is_refused_contact(&self, from: &Jid) -> bool {
        matches!(
            &self.state,
            OutgoingState::Searching {
                search: Search::Subscription,
                ..
            }
        ) && self.peer.to_bare() == from.to_bare()
    }

    /// A counter-proposal from the peer; those that overtake the acceptance are kept for it.
    pub(super) fn counter(&mut self, cx: &mut Context<'_>, from: &Jid, connect_data: String) {
        match &mut self.state {
            OutgoingState::Searching { .. } => {}
            OutgoingState::Ringing { rings, .. } => rings.hold(from, connect_data),
            OutgoingState::Accepted { by, ours } | OutgoingState::Connected { by, ours } => {
                if same_device(by, from) {
                    ours.repeat(cx.wire, from);
                    cx.wire.event(Event::CounterProposal {
                        call: cx.call,
                        connect_data,
                    });
                }
            }
        }
    }

    /// Whether it has to do with that person.
    pub(super) fn concerns(&self, from: &Jid) -> bool {
        self.peer.to_bare() == from.to_bare()
    }

    /// The peer has called us while it rings there, and we stay the caller.
    pub(super) fn cross(&mut self, from: &Jid) {
        if let OutgoingState::Ringing { rings, .. } = &mut self.state {
            rings.cross(from);
        }
    }

    /// Tells every device that rings, or has accepted and is not connected, that we give up.
    pub(super) fn withdraw(&mut self, wire: &mut Wire) {
        let devices = match &self.state {
            OutgoingState::Searching { .. } | OutgoingState::Connected { .. } => Vec::new(),
            OutgoingState::Ringing { rings, .. } => rings.ringing(),
            OutgoingState::Accepted { by, .. } => vec![by.clone()],
        };
        for device in devices {
            wire.set(&device, Cancel.to_element());
        }
    }

    /// Media flows.
    pub(super) fn connect(&mut self) {
        if let OutgoingState::Accepted { by, ours } = &mut self.state {
            let ours = std::mem::replace(ours, OurAddresses::new(String::new()));
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
