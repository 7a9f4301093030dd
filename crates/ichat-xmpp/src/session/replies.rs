//! What peers say to a call of ours.
//!
//! docs/protocol/xmpp.md, legacy stanzas \[G\] and conference stanzas \[I\].

use xmpp_parsers::jid::Jid;

use super::crossing::Refusal;
use super::event::{Event, Over};
use super::incoming;
use super::ours::OurAddresses;
use super::outgoing::{Context, End, Outgoing, OutgoingState};
use super::ring::RingState;
use super::same_device;
use super::search::Search;
use crate::dialect::Dialect;
use crate::fault::StanzaFault;
use crate::vc::{Cancel, Offer, Response, ResponseCode};

/// What became of a response.
#[derive(Debug)]
pub(super) enum Heard {
    /// It was this call's.
    Taken(Option<End>),
    /// It accepts what does not ring there, or not any more.
    Stray,
}

impl Outgoing {
    /// A `vc:response`; a refusal that nobody waits for, or an answer that comes twice, is ignored.
    pub(super) fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        from: &Jid,
        response: &Response,
    ) -> Heard {
        if !response.is_acceptance() {
            return Heard::Taken(self.handle_refusal(cx, from, response.refusal()));
        }
        match &self.state {
            OutgoingState::Ringing { .. } => {}
            // It went offline, or our stream broke, while it rang: it is welcome all the same.
            OutgoingState::Searching { .. } if self.rings.knows(from) => {}
            OutgoingState::Accepted { by, .. } | OutgoingState::Connected { by, .. }
                if same_device(by, from) =>
            {
                tracing::debug!("an acceptance that comes twice");
                return Heard::Taken(None);
            }
            OutgoingState::Searching { .. }
            | OutgoingState::Accepted { .. }
            | OutgoingState::Connected { .. } => return Heard::Stray,
        }
        self.accept(cx, from, &response.addresses);
        Heard::Taken(None)
    }

    /// The first to accept wins; the others hear that it is over.
    fn accept(&mut self, cx: &mut Context<'_>, from: &Jid, addresses: &Offer) {
        let first = self.plan.form(self.plan.dialect.first());
        let asked = self.rings.form(from).unwrap_or(first);
        let Some((dialect, text)) = addresses.prefer(asked) else {
            return;
        };
        for other in self.rings.others(from) {
            cx.wire.set(&other, Cancel.to_element());
        }
        if let Some(standing) = self.crossing.take()
            && !same_device(&standing.from, from)
        {
            incoming::refuse(cx.wire, &standing.from, ResponseCode::Busy);
        }
        let held = self.rings.take_held(from);
        self.state = OutgoingState::Accepted {
            by: from.clone(),
            ours: OurAddresses::new(self.plan.offer.clone(), dialect),
        };
        cx.wire.event(Event::Accepted {
            call: cx.call,
            by: from.clone(),
            dialect,
            connect_data: text.to_owned(),
        });
        for addresses in held {
            self.handle_counter_proposal(cx, from, &addresses);
        }
    }

    fn handle_refusal(
        &mut self,
        cx: &mut Context<'_>,
        from: &Jid,
        code: ResponseCode,
    ) -> Option<End> {
        let OutgoingState::Ringing { .. } = self.state else {
            tracing::debug!("a refusal that nobody waits for");
            return None;
        };
        let ring = self.rings.find(from)?;
        let device = ring.device.clone();
        ring.state = RingState::Refused(code);
        let refusal = self.crossing.refused(cx.now, from, Some(code));
        self.weigh(cx, device, refusal)
    }

    /// An error for one of our requests: it ends that device's ring only, unless the device did not
    /// understand the form and there is another one.
    pub(super) fn handle_fault(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        fault: &StanzaFault,
    ) -> Option<End> {
        let OutgoingState::Ringing { .. } = self.state else {
            return None;
        };
        let ring = self.rings.find_id(id)?;
        let (device, form) = (ring.device.clone(), ring.form);
        ring.state = RingState::Failed(fault.clone());
        if self.plan.has_another_form(form) && fault.refuses_the_form() {
            tracing::debug!(%fault, "the legacy form was refused, now the conference form");
            self.ring_at(cx.wire, device, Dialect::Conference);
            return None;
        }
        let refusal = self.crossing.refused(cx.now, &device, None);
        self.weigh(cx, device, refusal)
    }

    /// The peer takes back a request that crossed ours.
    pub(super) fn handle_cancel(&mut self, cx: &mut Context<'_>, from: &Jid) -> Option<End> {
        let refusal = self.crossing.withdrawn(from)?;
        self.weigh(cx, from.clone(), refusal)
    }

    /// Glare, and what a refusal means then.
    fn weigh(&mut self, cx: &mut Context<'_>, device: Jid, refusal: Refusal) -> Option<End> {
        match refusal {
            Refusal::Waits => return None,
            Refusal::RingAgain => {
                tracing::debug!("both requests were given up, and ours goes out once more");
                let first = self.plan.form(self.plan.dialect.first());
                let form = self.rings.form(&device).unwrap_or(first);
                self.ring_at(cx.wire, device, form);
                return None;
            }
            Refusal::Counts => {}
        }
        if self.crossing.is_pending() {
            return None;
        }
        self.rings.verdict().map(End::from)
    }

    /// A device has gone offline: it rings no more, and we look again when it was the last.
    pub(super) fn handle_gone(&mut self, cx: &mut Context<'_>, gone: &Jid) -> Option<End> {
        let OutgoingState::Ringing { deadline } = self.state else {
            return None;
        };
        self.crossing.gone(gone);
        self.rings.gone(gone);
        if self.rings.is_ringing() || self.crossing.is_pending() {
            return None;
        }
        if let Some(over) = self.rings.verdict() {
            return Some(over.into());
        }
        let peer = self.plan.peer.to_bare();
        if !cx.directory.subscription(&peer).sees_them() {
            let condition = StanzaFault::new("recipient-unavailable");
            return Some(Over::Unreachable { condition }.into());
        }
        self.state = OutgoingState::Searching {
            search: Search::presence(cx.now, deadline),
            give_up: deadline,
            rings_until: Some(deadline),
        };
        None
    }

    /// They have refused to let us see their presence.
    pub(super) fn is_refused_contact(&self, from: &Jid) -> bool {
        let waits = matches!(
            &self.state,
            OutgoingState::Searching {
                search: Search::Subscription { .. },
                ..
            }
        );
        waits && self.concerns(from)
    }

    /// A counter-proposal from the peer; those that overtake the acceptance are kept for it.
    pub(super) fn handle_counter_proposal(
        &mut self,
        cx: &mut Context<'_>,
        from: &Jid,
        addresses: &Offer,
    ) {
        match &mut self.state {
            OutgoingState::Searching { .. } => {}
            OutgoingState::Ringing { .. } => self.rings.hold(from, addresses.clone()),
            OutgoingState::Accepted { by, ours } | OutgoingState::Connected { by, ours } => {
                if same_device(by, from)
                    && let Some((dialect, text)) = addresses.prefer(ours.dialect())
                {
                    ours.repeat(cx.wire, from, dialect);
                    cx.wire.event(Event::CounterProposal {
                        call: cx.call,
                        dialect,
                        connect_data: text.to_owned(),
                    });
                }
            }
        }
    }
}
