//! Who rings whom: the `vc:*` stanzas of one call as the caller, and what is due. Answers, given
//! and taken, are in [`crate::agree`] (`docs/protocol/xmpp.md`, ringing `[G]`).

use crate::agent::{Agent, AgentEvent, Pending};
use crate::checks::Book;
use crate::ending::Ending;
use crate::options::Dialect;
use crate::vc::{self, Kind, Offer};
use crate::xml::Element;
use serde_json::json;
use std::time::{Duration, Instant};

/// A full JID that was never seen is rung after so long all the same.
const UNSEEN_TIME: Duration = Duration::from_secs(1);

/// Where the ring stands.
#[derive(Debug)]
pub(crate) enum Ring {
    /// Nobody rings.
    Idle {
        since: Instant,
    },
    /// We ring these devices.
    Calling {
        since: Instant,
        rung: Vec<(String, Instant)>,
        /// What the last device answered that did not accept.
        last: Option<u16>,
        cancelled: bool,
    },
    /// We are rung.
    Rung {
        from: String,
        offer: Offer,
        since: Instant,
        answer_at: Option<Instant>,
    },
    /// Both have accepted.
    Agreed {
        peer: String,
        repeat: u32,
        countered: bool,
        /// When our further candidate is told.
        propose_at: Option<Instant>,
    },
    Over,
}

impl Agent {
    /// The ring ends without a call.
    pub(crate) fn over(&mut self, ending: Ending) {
        self.ring = Ring::Over;
        self.events.push_back(AgentEvent::Over(ending));
    }

    /// Rings every device of the peer that can be called and was not rung yet.
    pub(crate) fn ring_more(&mut self, now: Instant) {
        let Ring::Calling {
            since,
            rung,
            cancelled: false,
            ..
        } = &self.ring
        else {
            return;
        };
        let peer = self.target.clone();
        let mut callable = self.peers.callable(&peer);
        if peer.contains('/') && callable.is_empty() && now >= *since + UNSEEN_TIME {
            callable.push(peer);
        }
        callable.retain(|full| rung.iter().all(|(known, _)| known != full));
        for full in callable {
            self.peers.watch(&full);
            let offer = self.our_request(&full);
            if offer.invitation.is_some() {
                self.events.push_back(AgentEvent::ConferenceRings);
            }
            let video = self.options.vc.video_call;
            let request = vc::request(&offer, video, self.offered.mapped);
            self.iq(
                "set",
                &full,
                &request,
                Pending::Request { to: full.clone() },
            );
            self.tell("ringing", json!({ "to": [full] }));
            if let Ring::Calling { rung, .. } = &mut self.ring {
                rung.push((full, now));
            }
        }
    }

    /// What we say of ourselves in a request.
    fn our_request(&mut self, to: &str) -> Offer {
        let both = self.options.conference.both_forms;
        let dialect = self.options.conference.dialect;
        self.dialect.get_or_insert(dialect);
        let conference = both || dialect == Dialect::Conference;
        Offer {
            legacy: (both || !conference).then(|| self.list_text()),
            invitation: conference.then(|| self.invitation_to(to, &self.offered.first.clone())),
        }
    }

    /// A device's ring ended without acceptance.
    pub(crate) fn one_less(&mut self, full: &str, code: Option<u16>) {
        let Ring::Calling {
            rung,
            last,
            cancelled,
            ..
        } = &mut self.ring
        else {
            return;
        };
        rung.retain(|(known, _)| known != full);
        *last = code.or(*last);
        if rung.is_empty() && !*cancelled {
            let ending = last.map_or_else(|| Ending::new("unreachable"), Ending::of_response);
            self.over(ending);
        }
    }

    /// Whoever rings us is gone.
    pub(crate) fn caller_left(&mut self) {
        self.over(Ending::new("cancelled"));
    }

    /// Our request came back as an error.
    pub(crate) fn request_failed(&mut self, to: &str) {
        self.one_less(to, None);
    }

    /// A `vc:*` stanza.
    pub(crate) fn handle_vc(
        &mut self,
        now: Instant,
        iq: &Element,
        query: &Element,
        book: &mut Book,
    ) {
        let Some(kind) = Kind::of(query) else {
            book.faults.add(format!("unknown namespace {}", query.ns));
            self.error(iq, "service-unavailable", false);
            return;
        };
        let from = iq.attribute("from").to_owned();
        match kind {
            Kind::Request => book.tally.requests += 1,
            Kind::Response => book.tally.vc_responses += 1,
            Kind::Cancel => book.tally.vc_cancels += 1,
            Kind::CounterProposal => book.tally.counter_proposals += 1,
        }
        let peer = self.options.peer_kind;
        let found = vc::check(kind, iq, query, !self.is_lan(), peer);
        book.faults.absorb(&query.ns, found);
        let to_us = self.is_lan() || iq.attribute("to") == self.jid;
        book.faults.expect(to_us, || {
            format!("{} is sent to {:?}", query.ns, iq.attribute("to"))
        });
        let offer = Offer::of(query);
        let with_error = kind == Kind::Request && self.refuses_with_error(&offer);
        if self.options.vc.results && !with_error {
            self.result(iq, "");
        }
        match kind {
            Kind::Request => {
                if self.is_lan() && self.peers.knows(&from) {
                    self.expect_callable(&from, "rings", book);
                }
                self.handle_request(now, iq, from, offer, book);
            }
            Kind::Response => self.handle_response(now, from, query, offer, book),
            Kind::Cancel => self.handle_cancel(&from, book),
            Kind::CounterProposal => self.handle_counter_proposal(&from, offer, book),
        }
    }

    fn handle_cancel(&mut self, from: &str, book: &mut Book) {
        let ours = match &self.ring {
            Ring::Rung { from: caller, .. } => caller == from,
            Ring::Agreed { peer, .. } => peer == from,
            // It gave up before it saw our answer; or it cancels what we refused with an error.
            Ring::Over => return,
            // Both rang each other, and it gives way.
            Ring::Calling { rung, .. } if rung.iter().any(|(known, _)| known == from) => return,
            Ring::Idle { .. } | Ring::Calling { .. } => false,
        };
        match ours {
            true => self.over(Ending::new("cancelled")),
            false => book
                .faults
                .add(format!("vc:cancel from {from}, who did not ring")),
        }
    }

    fn cancel_all(&mut self) {
        let Ring::Calling {
            rung, cancelled, ..
        } = &mut self.ring
        else {
            return;
        };
        *cancelled = true;
        for to in rung.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>() {
            self.iq("set", &to, &vc::cancel(), Pending::Vc { what: "cancel" });
        }
    }

    /// What is due.
    pub(crate) fn ring_timeout(&mut self, now: Instant, book: &mut Book) {
        self.ring_more(now);
        let patience = self.options.timeout;
        match &mut self.ring {
            Ring::Idle { since } if now >= *since + patience => self.over(Ending::new("no-call")),
            Ring::Calling {
                rung,
                cancelled: false,
                since,
                ..
            } => {
                let after = self.options.vc.cancel_after;
                let rang = rung.iter().map(|(_, at)| *at).min();
                if rang
                    .zip(after)
                    .is_some_and(|(rang, after)| now >= rang + after)
                {
                    self.cancel_all();
                    self.over(Ending::new("cancelled"));
                } else if now >= *since + patience {
                    let (ending, unrung) = match rung.is_empty() {
                        true => ("not-callable", true),
                        false => ("no-answer", false),
                    };
                    if self.is_lan() && self.peers.knows(&self.target) && unrung {
                        self.expect_callable(&self.target, "is idle", book);
                    }
                    self.cancel_all();
                    self.over(Ending::new(ending));
                }
            }
            Ring::Rung {
                from,
                offer,
                answer_at: Some(at),
                ..
            } if now >= *at => {
                let (from, offer) = (from.clone(), offer.clone());
                self.answer(now, from, offer, book);
            }
            Ring::Rung { since, .. } if now >= *since + patience => {
                self.over(Ending::new("no-answer"));
            }
            Ring::Agreed {
                peer, propose_at, ..
            } if propose_at.is_some_and(|at| now >= at) => {
                *propose_at = None;
                let peer = peer.clone();
                self.propose(&peer);
            }
            _ => {}
        }
    }

    /// When something is due.
    pub(crate) fn ring_deadline(&self) -> Option<Instant> {
        let patience = self.options.timeout;
        match &self.ring {
            Ring::Idle { since } => Some(*since + patience),
            Ring::Calling {
                since,
                rung,
                cancelled: false,
                ..
            } => {
                let after = self.options.vc.cancel_after;
                let rang = rung.iter().map(|(_, at)| *at).min();
                let cancel = rang.zip(after).map(|(rang, after)| rang + after);
                let unseen = rung.is_empty() && self.target.contains('/');
                let unseen = unseen.then_some(*since + UNSEEN_TIME);
                [cancel, unseen, Some(*since + patience)]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Ring::Rung {
                since, answer_at, ..
            } => Some(answer_at.unwrap_or(*since + patience)),
            Ring::Agreed { propose_at, .. } => *propose_at,
            Ring::Calling { .. } | Ring::Over => None,
        }
    }
}
