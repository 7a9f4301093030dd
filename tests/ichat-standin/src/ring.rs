//! Who rings whom: the `vc:*` stanzas of one call, in both roles
//! (`docs/protocol/xmpp.md`, legacy stanzas and ringing `[G]`).

use crate::agent::{Agent, AgentEvent, Pending};
use crate::checks::Book;
use crate::ending::Ending;
use crate::ipport;
use crate::options::{ListStyle, bare, same_bare};
use crate::vc::{self, Kind};
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
        list: String,
        since: Instant,
        answer_at: Option<Instant>,
    },
    /// Both have accepted.
    Agreed {
        peer: String,
        repeat: u32,
        countered: bool,
    },
    Over,
}

impl Agent {
    fn over(&mut self, ending: Ending) {
        self.ring = Ring::Over;
        self.events.push_back(AgentEvent::Over(ending));
    }

    /// Our list as text, with the faults of the flags.
    fn list_text(&self) -> String {
        ipport::encode(&self.listed(), &self.options.list)
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
            let request = vc::request(&self.list_text(), self.options.vc.video_call);
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

    /// A device's ring ended without acceptance.
    fn one_less(&mut self, full: &str, code: Option<u16>) {
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
        book.faults
            .absorb(&query.ns, vc::check(kind, iq, query, !self.is_lan()));
        let to_us = self.is_lan() || iq.attribute("to") == self.jid;
        book.faults.expect(to_us, || {
            format!("{} is sent to {:?}", query.ns, iq.attribute("to"))
        });
        if self.options.vc.results && !(kind == Kind::Request && self.refuses_with_error()) {
            self.result(iq, "");
        }
        match kind {
            Kind::Request => {
                if self.is_lan() && self.peers.knows(&from) {
                    self.expect_callable(&from, "rings", book);
                }
                self.handle_request(now, iq, from, query);
            }
            Kind::Response => self.handle_response(from, query, book),
            Kind::Cancel => self.handle_cancel(&from, book),
            Kind::CounterProposal => self.handle_counter_proposal(&from, query, book),
        }
    }

    fn refuses_with_error(&self) -> bool {
        self.options.vc.error_on_request.is_some()
    }

    fn respond(&mut self, to: &str, code: u16, list: &str) {
        let response = vc::response(code, list);
        self.iq("set", to, &response, Pending::Vc { what: "response" });
    }

    fn handle_request(&mut self, now: Instant, iq: &Element, from: String, query: &Element) {
        let vc = &self.options.vc;
        if let Some(condition) = vc.error_on_request.clone() {
            let echo = vc.error_echo;
            self.error(iq, &condition, echo);
            self.tell("incoming", json!({ "from": from }));
            self.over(Ending::new("refused-with-error"));
            return;
        }
        if let Ring::Calling { rung, .. } = &self.ring {
            // Both ring: the JID that sorts lower stays the caller.
            if same_bare(&from, &self.target) {
                if bare(&self.jid).to_ascii_lowercase() < bare(&from).to_ascii_lowercase() {
                    return;
                }
                for to in rung.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>() {
                    self.iq("set", &to, &vc::cancel(), Pending::Vc { what: "cancel" });
                }
                self.ring = Ring::Idle { since: now };
            }
        }
        if !matches!(self.ring, Ring::Idle { .. }) {
            self.respond(&from, 2, "");
            return;
        }
        let list = vc::list(query);
        self.tell("incoming", json!({ "from": from, "list": list.trim() }));
        self.peers.watch(&from);
        let vc = &self.options.vc;
        let answer_at = (!vc.no_answer).then_some(now + vc.answer_after);
        self.ring = Ring::Rung {
            from,
            list,
            since: now,
            answer_at,
        };
    }

    /// The time to answer has come.
    fn answer(&mut self, from: String, list: &str, book: &mut Book) {
        let options = self.options.clone();
        if let Some(code) = options.vc.decline {
            self.respond(&from, code, "");
            self.over(Ending::of_response(code));
            return;
        }
        if options.vc.accept_blank {
            self.respond(&from, 0, "\n");
            self.over(Ending::with_code("declined", 0));
            return;
        }
        let addresses = match ipport::decode(list) {
            Ok(addresses) => addresses,
            Err(error) => {
                book.faults
                    .add(format!("the caller's address list: {error}"));
                self.respond(&from, 3, "");
                self.over(Ending::of_response(3));
                return;
            }
        };
        let text = self.list_text();
        for _ in 0..=u8::from(options.vc.duplicate_response) {
            self.respond(&from, 0, &text);
        }
        if options.vc.counter_proposal {
            let own = ipport::encode(&[self.own], &ListStyle::default());
            let proposal = vc::counter_proposal(&own);
            self.iq(
                "set",
                &from,
                &proposal,
                Pending::Vc {
                    what: "counterProposal",
                },
            );
        }
        self.answered = Some(from.clone());
        self.agree(from, addresses);
    }

    fn agree(&mut self, peer: String, addresses: Vec<std::net::SocketAddr>) {
        let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.tell("accepted", json!({ "peer": peer, "candidates": listed }));
        let countered = self.options.vc.counter_proposal;
        self.ring = Ring::Agreed {
            peer: peer.clone(),
            repeat: 0,
            countered,
        };
        self.events
            .push_back(AgentEvent::Agreed { peer, addresses });
    }

    fn handle_response(&mut self, from: String, query: &Element, book: &mut Book) {
        let code: u16 = vc::field(query, "response")
            .and_then(|c| c.parse().ok())
            .unwrap_or(1);
        let others: Vec<String> = match &mut self.ring {
            Ring::Calling {
                cancelled: true, ..
            } => return,
            Ring::Calling { rung, .. } if rung.iter().any(|(known, _)| *known == from) => rung
                .iter()
                .map(|(known, _)| known.clone())
                .filter(|k| *k != from)
                .collect(),
            Ring::Agreed { peer, repeat, .. } if *peer == from => {
                *repeat += 1;
                book.faults.add("a second vc:response");
                return;
            }
            // A loser of the race is told by vc:cancel.
            Ring::Agreed { .. } => return,
            _ => {
                book.faults.add("vc:response without a request");
                return;
            }
        };
        let list = vc::list(query);
        if code != 0 || list.trim().is_empty() {
            self.one_less(&from, Some(code));
            return;
        }
        for other in others {
            self.iq("set", &other, &vc::cancel(), Pending::Vc { what: "cancel" });
        }
        match ipport::decode(&list) {
            Ok(addresses) => self.agree(from, addresses),
            Err(error) => {
                book.faults
                    .add(format!("the callee's address list: {error}"));
                self.over(Ending::new("failed"));
            }
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

    fn handle_counter_proposal(&mut self, from: &str, query: &Element, book: &mut Book) {
        let Ring::Agreed {
            peer, countered, ..
        } = &mut self.ring
        else {
            book.faults.add("vc:counterProposal without a call");
            return;
        };
        let answer = peer == from && !std::mem::replace(countered, true);
        if let Ok(addresses) = ipport::decode(&vc::list(query)) {
            self.events.push_back(AgentEvent::MoreAddresses(addresses));
        }
        if answer {
            let proposal = vc::counter_proposal(&self.list_text());
            self.iq(
                "set",
                from,
                &proposal,
                Pending::Vc {
                    what: "counterProposal",
                },
            );
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
        match &self.ring {
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
                    let ending = if rung.is_empty() {
                        "not-callable"
                    } else {
                        "no-answer"
                    };
                    if self.is_lan() && self.peers.knows(&self.target) && rung.is_empty() {
                        self.expect_callable(&self.target, "is idle", book);
                    }
                    self.cancel_all();
                    self.over(Ending::new(ending));
                }
            }
            Ring::Rung {
                from,
                list,
                answer_at: Some(at),
                ..
            } if now >= *at => {
                let (from, list) = (from.clone(), list.clone());
                self.answer(from, &list, book);
            }
            Ring::Rung { since, .. } if now >= *since + patience => {
                self.over(Ending::new("no-answer"));
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
            Ring::Calling { .. } | Ring::Agreed { .. } | Ring::Over => None,
        }
    }
}
