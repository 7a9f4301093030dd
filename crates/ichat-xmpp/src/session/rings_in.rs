//! The four stanzas of a call, as they come in.

use std::time::Instant;

use xmpp_parsers::jid::Jid;

use super::event::{CallId, Event, Over};
use super::incoming::{self, Incoming, IncomingState};
use super::outgoing::OutgoingState;
use super::{Call, Session, after, same_device};
use crate::caps::Dialect;
use crate::vc::{Query, Request, ResponseCode};

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

impl Meeting {
    /// Whether it begins to ring here.
    fn is_a_new_call(&self) -> bool {
        match self {
            Self::Free | Self::WeGiveWay(_) | Self::Replaces(_) => true,
            Self::Busy | Self::Repeated | Self::WeStayCaller(_) => false,
        }
    }
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
            Query::Response(response) => self.for_outgoing(now, |call, cx| {
                if call.concerns(from) {
                    call.handle_response(cx, from, &response)
                } else {
                    None
                }
            }),
            Query::Cancel(_) => self.handle_cancel(from),
            Query::CounterProposal(proposal) if !proposal.is_blank() => {
                self.handle_counter_proposal(now, from, &proposal.connect_data);
            }
            Query::CounterProposal(_) => tracing::debug!("a counter-proposal without addresses"),
        }
        self.advance(now);
    }

    fn handle_ring(&mut self, now: Instant, from: &Jid, id: Option<&str>, request: Request) {
        let meeting = self.meet(from, id);
        if meeting.is_a_new_call() && request.is_conference() {
            self.refuse_conference(from);
            return;
        }
        let mut directed = Vec::new();
        match meeting {
            Meeting::Repeated => return,
            Meeting::Busy => {
                incoming::refuse(&mut self.wire, from, ResponseCode::Busy);
                self.wire.warn(
                    "busy",
                    format!("{from} called during another call and was told that we are busy"),
                );
                return;
            }
            Meeting::WeStayCaller(call) => {
                tracing::debug!("glare: we stay the caller");
                if let Some(Call::Outgoing(call)) = self.calls.get_mut(&call) {
                    call.cross(from);
                }
                return;
            }
            Meeting::Free => {}
            Meeting::WeGiveWay(call) => {
                tracing::debug!("glare: the other stays the caller");
                if let Some(Call::Outgoing(mut outgoing)) = self.calls.remove(&call) {
                    outgoing.withdraw(&mut self.wire);
                    directed = outgoing.directed;
                }
                let incoming = CallId(self.last_call.wrapping_add(1));
                self.wire.event(Event::Over {
                    call,
                    reason: Over::Glare { incoming },
                });
            }
            Meeting::Replaces(call) => self.end(call, Over::Cancelled),
        }
        let call = self.next_call();
        let record = Incoming {
            from: from.clone(),
            id: id.map(str::to_owned),
            state: IncomingState::Ringing {
                deadline: after(now, self.wire.config.ring_timeout),
            },
            directed,
        };
        self.calls.insert(call, Call::Incoming(record));
        self.wire.event(Event::Incoming {
            call,
            from: from.clone(),
            dialect: Dialect::Legacy,
            audio_only: request.audio_only,
            connect_data: request.connect_data,
            external: request.external,
        });
    }

    /// A request of the other dialect: refused so that the caller sees it at once.
    fn refuse_conference(&mut self, from: &Jid) {
        incoming::refuse(&mut self.wire, from, ResponseCode::Failure);
        self.wire.warn(
            "not-yet",
            format!("{from} called in the conference dialect, which is not spoken yet"),
        );
    }

    /// One call at a time: what is the new request beside those that there are?
    ///
    /// Glare: the bare address that sorts lower, octet by octet, stays the caller
    /// (docs/protocol/field.md, glare \[I\]). While nobody rings for our call yet, the other cannot
    /// know of it, and its request is taken.
    fn meet(&self, from: &Jid, id: Option<&str>) -> Meeting {
        let mut meeting = Meeting::Free;
        for (&number, call) in &self.calls {
            meeting = match call {
                Call::Outgoing(call) if call.concerns(from) => match &call.state {
                    OutgoingState::Searching { .. } => Meeting::WeGiveWay(number),
                    OutgoingState::Ringing { .. } if self.sorts_lower_than(from) => {
                        Meeting::WeStayCaller(number)
                    }
                    OutgoingState::Ringing { .. } => Meeting::WeGiveWay(number),
                    OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => {
                        return Meeting::Busy;
                    }
                },
                Call::Incoming(call) if same_device(&call.from, from) && !call.is_connected() => {
                    if call.is_ringing() && id.is_some() && call.id.as_deref() == id {
                        return Meeting::Repeated;
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

    fn handle_cancel(&mut self, from: &Jid) {
        let cancelled = self.calls.iter().find_map(|(&id, call)| match call {
            Call::Incoming(call) => call.is_cancelled_by(from).then_some(id),
            Call::Outgoing(_) => None,
        });
        match cancelled {
            Some(call) => self.end(call, Over::Cancelled),
            None => tracing::debug!("a cancel of a call that does not ring here"),
        }
    }

    fn handle_counter_proposal(&mut self, now: Instant, from: &Jid, connect_data: &str) {
        self.for_outgoing(now, |call, cx| {
            if call.concerns(from) {
                call.counter(cx, from, connect_data.to_owned());
            }
            None
        });
        for (&call, record) in &mut self.calls {
            if let Call::Incoming(record) = record
                && record.counter(&mut self.wire, from)
            {
                let connect_data = connect_data.to_owned();
                self.wire
                    .event(Event::CounterProposal { call, connect_data });
            }
        }
    }
}
