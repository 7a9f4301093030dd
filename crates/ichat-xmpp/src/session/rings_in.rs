//! The four stanzas of a call, as they come in.

use std::time::Instant;

use xmpp_parsers::jid::Jid;

use super::crossing::{Meet, Standing};
use super::event::{CallId, Event, Over};
use super::incoming::{self, Incoming, IncomingState};
use super::outgoing::{End, OutgoingState};
use super::replies::Heard;
use super::{Call, Session, after, same_device};
use crate::dialect::Dialect;
use crate::fault::StanzaFault;
use crate::vc::{Cancel, Offer, Query, Request, Response, ResponseCode};

/// What a new request means beside the calls that there are.
enum Meeting {
    /// It is the first.
    Free,
    /// We are in another call.
    Busy,
    /// It is a repetition.
    Repeated,
    /// Both have called, and we stay the caller.
    WeStayCaller(CallId),
    /// Both have called, and the other stays the caller.
    WeGiveWay(CallId),
    /// The same device had called before and given up without our knowing.
    Replaces(CallId),
}

impl Session {
    pub(super) fn handle_query(
        &mut self,
        now: Instant,
        from: &Jid,
        id: Option<&str>,
        query: Query,
    ) {
        match query {
            Query::Request(request) => self.handle_ring(now, from, id, request),
            Query::Response(response) => self.handle_response(now, from, &response),
            Query::Cancel(_) => self.handle_cancel(now, from),
            Query::CounterProposal(proposal) => {
                self.handle_counter_proposal(now, from, &proposal.addresses);
            }
        }
        self.advance(now);
    }

    fn handle_ring(&mut self, now: Instant, from: &Jid, id: Option<&str>, request: Request) {
        match self.meet(from, id) {
            Meeting::Repeated => {}
            Meeting::Busy => self.say_busy(from),
            Meeting::WeStayCaller(call) => {
                tracing::debug!("glare: we stay the caller");
                let meet = match self.calls.get_mut(&call) {
                    Some(Call::Outgoing(call)) => call.crossing.meet(from, id, request),
                    Some(Call::Incoming(_)) | None => Meet::Busy,
                };
                if meet == Meet::Busy {
                    self.say_busy(from);
                }
            }
            Meeting::Free => self.begin_ringing(now, from, id, &request, Vec::new()),
            Meeting::WeGiveWay(call) => {
                self.give_way(now, call, from, id, &request);
            }
            Meeting::Replaces(call) => {
                self.end(now, call, Over::Cancelled.into());
                self.begin_ringing(now, from, id, &request, Vec::new());
            }
        }
    }

    fn say_busy(&mut self, from: &Jid) {
        incoming::refuse(&mut self.wire, from, ResponseCode::Busy);
        self.wire.warn(
            "busy",
            format!("{from} called during another call and was told that we are busy"),
        );
    }

    /// A new call rings here, in the form that we advertise where it has both.
    pub(super) fn begin_ringing(
        &mut self,
        now: Instant,
        from: &Jid,
        id: Option<&str>,
        request: &Request,
        directed: Vec<Jid>,
    ) {
        if request.addresses.is_double() {
            tracing::debug!("a request in both dialects");
        }
        let wanted = self.wire.config.dialect();
        let chosen = request.addresses.prefer(wanted);
        let (dialect, connect_data) = chosen.unwrap_or((Dialect::Legacy, ""));
        let call = self.next_call();
        let record = Incoming {
            from: from.clone(),
            id: id.map(str::to_owned),
            dialect,
            state: IncomingState::Ringing {
                deadline: after(now, self.wire.config.ring_timeout),
            },
            directed,
        };
        self.calls.insert(call, Call::Incoming(record));
        self.wire.event(Event::Incoming {
            call,
            from: from.clone(),
            dialect,
            audio_only: request.audio_only,
            connect_data: connect_data.to_owned(),
            external: request.external,
        });
    }

    /// Our call gives way to the peer's.
    fn give_way(
        &mut self,
        now: Instant,
        call: CallId,
        from: &Jid,
        id: Option<&str>,
        request: &Request,
    ) {
        tracing::debug!("glare: the other stays the caller");
        let Some(Call::Outgoing(mut outgoing)) = self.calls.remove(&call) else {
            return;
        };
        outgoing.withdraw(&mut self.wire);
        self.remember_rings(&outgoing);
        if let Some(other) = outgoing.crossing.take() {
            self.say_busy(&other.from);
        }
        let incoming = CallId(self.last_call.wrapping_add(1));
        let reason = Over::Glare { incoming };
        self.wire.event(Event::Over { call, reason });
        self.begin_ringing(now, from, id, request, outgoing.directed);
    }

    /// Our call gives way to the request that has crossed it.
    pub(super) fn give_way_to_crossing(&mut self, now: Instant, call: CallId) {
        let standing = match self.calls.get_mut(&call) {
            Some(Call::Outgoing(outgoing)) => outgoing.crossing.take(),
            Some(Call::Incoming(_)) | None => None,
        };
        if let Some(Standing {
            from, id, request, ..
        }) = standing
        {
            self.give_way(now, call, &from, id.as_deref(), &request);
        }
    }

    /// One call at a time: what is the new request beside those that there are?
    ///
    /// Glare: the bare address that sorts lower, octet by octet, stays the caller
    /// (docs/protocol/field.md, glare \[I\]). A device at which our call does not ring cannot know of
    /// it, and its request is taken.
    fn meet(&self, from: &Jid, id: Option<&str>) -> Meeting {
        let mut meeting = Meeting::Free;
        for (&number, call) in &self.calls {
            meeting = match call {
                Call::Outgoing(call) if call.concerns(from) => match &call.state {
                    OutgoingState::Ringing { .. }
                        if call.rings.rings_at(from) && self.sorts_lower_than(from) =>
                    {
                        Meeting::WeStayCaller(number)
                    }
                    OutgoingState::Searching { .. } | OutgoingState::Ringing { .. } => {
                        Meeting::WeGiveWay(number)
                    }
                    OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => {
                        return Meeting::Busy;
                    }
                },
                Call::Incoming(call) if same_device(&call.from, from) => {
                    if id.is_some() && call.id.as_deref() == id {
                        return Meeting::Repeated;
                    }
                    if call.is_connected() {
                        return Meeting::Busy;
                    }
                    Meeting::Replaces(number)
                }
                Call::Outgoing(_) | Call::Incoming(_) => return Meeting::Busy,
            };
        }
        meeting
    }

    fn sorts_lower_than(&self, from: &Jid) -> bool {
        let ours = &self.wire.config.jid;
        let (our_bare, their_bare) = (ours.to_bare(), from.to_bare());
        if our_bare == their_bare {
            ours.as_str() < from.as_str()
        } else {
            our_bare < their_bare
        }
    }

    fn handle_response(&mut self, now: Instant, from: &Jid, response: &Response) {
        let mut stray = response.is_acceptance();
        self.for_outgoing(now, |call, cx| {
            if !call.concerns(from) {
                return None;
            }
            match call.handle_response(cx, from, response) {
                Heard::Taken(end) => {
                    stray = false;
                    end
                }
                Heard::Stray => None,
            }
        });
        if stray {
            self.handle_late_acceptance(from);
        }
    }

    /// An acceptance of what is over: it crossed our cancel, and that device waits for an INVITE.
    /// Only who was rung is told so, and nobody with whom a call is up.
    fn handle_late_acceptance(&mut self, from: &Jid) {
        let talks = self.calls.values().any(|call| match call {
            Call::Incoming(call) => same_device(&call.from, from),
            Call::Outgoing(call) => call.accepted_by().is_some_and(|by| same_device(by, from)),
        });
        let was_rung = self.rung.contains(from)
            || self.calls.values().any(|call| match call {
                Call::Outgoing(call) => call.rings.knows(from),
                Call::Incoming(_) => false,
            });
        if was_rung && !talks {
            tracing::debug!("a late acceptance is cancelled");
            self.wire.set(from, Cancel.to_element());
        } else {
            tracing::debug!("an acceptance that nobody waits for");
        }
    }

    /// An error for a stanza of ours.
    pub(super) fn handle_fault(&mut self, now: Instant, id: &str, fault: &StanzaFault) {
        tracing::debug!(%fault, "a stanza of ours came back");
        self.for_outgoing(now, |call, cx| call.handle_fault(cx, id, fault));
        let bounced = self.calls.iter().find_map(|(&number, call)| match call {
            Call::Incoming(call) => call.awaits_invite_after(id).then_some(number),
            Call::Outgoing(_) => None,
        });
        if let Some(call) = bounced
            && fault.says_nobody_is_there()
        {
            let condition = fault.clone();
            self.end(now, call, Over::Unreachable { condition }.into());
        }
        self.advance(now);
    }

    fn handle_cancel(&mut self, now: Instant, from: &Jid) {
        let cancelled = self.calls.iter().find_map(|(&id, call)| match call {
            Call::Incoming(call) => call.is_cancelled_by(from).then_some(id),
            Call::Outgoing(_) => None,
        });
        match cancelled {
            Some(call) => self.end(now, call, End::Over(Over::Cancelled)),
            None => self.for_outgoing(now, |call, cx| call.handle_cancel(cx, from)),
        }
    }

    fn handle_counter_proposal(&mut self, now: Instant, from: &Jid, addresses: &Offer) {
        if addresses.is_blank() {
            tracing::debug!("a counter-proposal without addresses");
            return;
        }
        self.for_outgoing(now, |call, cx| {
            if call.concerns(from) {
                call.handle_counter_proposal(cx, from, addresses);
            }
            None
        });
        for (&call, record) in &mut self.calls {
            if let Call::Incoming(record) = record {
                record.handle_counter_proposal(&mut self.wire, call, from, addresses);
            }
        }
    }
}
