//! How a ring becomes a call: requests answered, responses taken, further addresses told, in
//! whichever dialect the peer uses.

use crate::agent::{Agent, AgentEvent, Pending};
use crate::candidate::{self, Candidate};
use crate::checks::{Book, Findings};
use crate::ending::Ending;
use crate::invitation::{self, Expected, Invitation, Parties};
use crate::ipport;
use crate::offered::Offered;
use crate::options::{Dialect, ListStyle, PeerKind, bare, same_bare};
use crate::ring::Ring;
use crate::vc::{self, Offer};
use crate::xml::Element;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How a peer says that it does not take this form.
const REFUSED_FORM: &str = "feature-not-implemented";

/// Where a peer can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Its list.
    Legacy(Vec<SocketAddr>),
    /// Its candidates, whole again.
    Conference(Vec<Candidate>),
}

impl Reach {
    /// Its dialect.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Legacy(_) => Dialect::Legacy,
            Self::Conference(_) => Dialect::Conference,
        }
    }

    /// Its addresses, the best candidate's first.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Legacy(addresses) => addresses.clone(),
            Self::Conference(candidates) => {
                let mut sorted: Vec<&Candidate> = candidates.iter().collect();
                sorted.sort_by_key(|c| std::cmp::Reverse(c.priority));
                sorted.into_iter().map(Candidate::address).collect()
            }
        }
    }
}

impl Agent {
    /// Our list as text, with the faults of the flags.
    pub(crate) fn list_text(&self) -> String {
        ipport::encode(&self.offered.addresses(&self.options), &self.options.list)
    }

    fn invitation_text(&mut self, parties: Parties, candidates: &[Candidate]) -> String {
        let random = self.random.u32();
        let session = self.session.get_or_insert(invitation::new_session(random));
        let invitation = Invitation {
            session: *session,
            parties,
            video: self.options.vc.video_call,
            candidates: Offered::encode(candidates, &self.options),
            processor: self.options.conference.processor,
        };
        ipport::spoil(invitation.encode(), &self.options.list)
    }

    /// Our invitation to somebody whom we call.
    pub(crate) fn invitation_to(&mut self, callee: &str, candidates: &[Candidate]) -> String {
        let parties = Parties::new(&self.jid, callee);
        self.invitation_text(parties, candidates)
    }

    /// Our answer to the invitation of somebody who calls us.
    fn invitation_from(&mut self, caller: &str, candidates: &[Candidate]) -> String {
        let parties = Parties::new(caller, &self.jid);
        self.invitation_text(parties, candidates)
    }

    /// It rang, we answered.
    fn calls_us(&self, peer: &str) -> bool {
        self.answered.as_deref() == Some(peer)
    }

    /// Reads what a peer says of itself. `caller` is whoever invited, by full JID.
    fn read(
        &mut self,
        place: &str,
        offer: &Offer,
        (caller, callee): (&str, &str),
        book: &mut Book,
    ) -> Result<Reach, String> {
        let conference = match (&offer.legacy, &offer.invitation) {
            (Some(_), Some(_)) => self.options.conference.dialect == Dialect::Conference,
            (_, invitation) => invitation.is_some(),
        };
        let Some(text) = offer.invitation.as_ref().filter(|_| conference) else {
            let list = offer.legacy.as_deref().unwrap_or_default();
            let addresses = ipport::decode(list).map_err(|e| format!("address list: {e}"))?;
            return Ok(Reach::Legacy(addresses));
        };
        let expected = Expected {
            parties: Parties::new(caller, callee),
            session: self.session,
            video: self.options.peer_kind == PeerKind::IChat || self.options.vc.video_call,
        };
        let mut found = Findings::default();
        let read = invitation::read(text, &expected, &mut found);
        // An iChat has its garbage, and middleboxes their way with it.
        if self.options.peer_kind == PeerKind::Endpoint {
            book.faults.absorb(place, found.0);
        }
        let read = read.map_err(|error| format!("invitation: {error}"))?;
        self.session.get_or_insert(read.session);
        let told = candidate_list(&read.candidates, read.processor.word());
        book.tally.candidates.extend(told);
        let whole = read.candidates.iter().map(Candidate::restored);
        Ok(Reach::Conference(whole.collect()))
    }

    /// An error answers it: any request, or one of a form that is not taken.
    pub(crate) fn refuses_with_error(&self, offer: &Offer) -> bool {
        self.options.vc.error_on_request.is_some() || self.refuses_form(offer)
    }

    fn refuses_form(&self, offer: &Offer) -> bool {
        match self.options.conference.refuse_form {
            Some(Dialect::Legacy) => offer.invitation.is_none(),
            Some(Dialect::Conference) => offer.legacy.is_none() && offer.invitation.is_some(),
            None => false,
        }
    }

    fn respond(&mut self, to: &str, code: u16, offer: &Offer) {
        let hidden = self.options.conference.in_connect_data;
        let response = vc::response(code, offer, hidden);
        self.iq("set", to, &response, Pending::Vc { what: "response" });
    }

    /// Somebody rings.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        iq: &Element,
        from: String,
        offer: Offer,
        book: &mut Book,
    ) {
        let vc = &self.options.vc;
        if let Some(condition) = vc.error_on_request.clone() {
            let echo = vc.error_echo;
            self.error(iq, &condition, echo);
            self.tell("incoming", json!({ "from": from }));
            self.over(Ending::new("refused-with-error"));
            return;
        }
        if self.refuses_form(&offer) {
            let echo = vc.error_echo;
            self.error(iq, REFUSED_FORM, echo);
            self.tell("refused-form", json!({ "from": from }));
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
                self.session = None;
            }
        }
        if !matches!(self.ring, Ring::Idle { .. }) {
            self.respond(&from, 2, &Offer::default());
            return;
        }
        let list = offer
            .legacy
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let dialect = match offer.invitation {
            Some(_) => Dialect::Conference,
            None => Dialect::Legacy,
        };
        self.dialect = Some(dialect);
        let fields = json!({ "from": from, "list": list, "dialect": dialect.word() });
        self.tell("incoming", fields);
        self.peers.watch(&from);
        if offer.invitation.is_some() {
            self.events.push_back(AgentEvent::ConferenceRings);
            if self.options.checks.early {
                self.check_early(&from, &offer, book);
            }
        }
        let vc = &self.options.vc;
        let answer_at = (!vc.no_answer).then_some(now + vc.answer_after);
        self.ring = Ring::Rung {
            from,
            offer,
            since: now,
            answer_at,
        };
    }

    /// The checks begin before our acceptance.
    fn check_early(&mut self, from: &str, offer: &Offer, book: &mut Book) {
        let ours = self.jid.clone();
        // Faults are noted when it is read to be answered.
        let mut scratch = Book::default();
        let session = self.session;
        let read = self.read("request", offer, (from, &ours), &mut scratch);
        self.session = session;
        match read {
            Ok(Reach::Conference(candidates)) => {
                self.events.push_back(AgentEvent::Early(candidates));
            }
            Ok(Reach::Legacy(_)) => {}
            Err(error) => book.faults.add(format!("the caller's {error}")),
        }
    }

    /// The time to answer has come.
    pub(crate) fn answer(&mut self, now: Instant, from: String, offer: Offer, book: &mut Book) {
        let options = self.options.clone();
        if let Some(code) = options.vc.decline {
            self.respond(&from, code, &Offer::default());
            self.over(Ending::of_response(code));
            return;
        }
        if options.vc.accept_blank {
            self.respond(&from, 0, &Offer::legacy("\n"));
            self.over(Ending::with_code("declined", 0));
            return;
        }
        let ours = self.jid.clone();
        let reach = match self.read("request", &offer, (&from, &ours), book) {
            Ok(reach) => reach,
            Err(error) => {
                book.faults.add(format!("the caller's {error}"));
                self.respond(&from, 3, &Offer::default());
                self.over(Ending::of_response(3));
                return;
            }
        };
        let text = match reach {
            Reach::Legacy(_) => Offer::legacy(&self.list_text()),
            Reach::Conference(_) => {
                let candidates = self.offered.first.clone();
                Offer::conference(self.invitation_from(&from, &candidates))
            }
        };
        for _ in 0..=u8::from(options.vc.duplicate_response) {
            self.respond(&from, 0, &text);
        }
        if options.vc.counter_proposal && reach.dialect() == Dialect::Legacy {
            let own = ipport::encode(&[self.offered.own], &ListStyle::default());
            self.send_proposal(&from, &Offer::legacy(&own));
        }
        self.answered = Some(from.clone());
        self.agree(now, from, reach);
    }

    fn agree(&mut self, now: Instant, peer: String, reach: Reach) {
        let dialect = reach.dialect();
        self.dialect = Some(dialect);
        let listed: Vec<String> = reach.addresses().iter().map(ToString::to_string).collect();
        let fields = json!({ "peer": peer, "candidates": listed, "dialect": dialect.word() });
        self.tell("accepted", fields);
        let options = &self.options;
        let after = options.conference.late_candidate.unwrap_or(Duration::ZERO);
        let proposes = dialect == Dialect::Conference && !self.offered.late.is_empty();
        self.ring = Ring::Agreed {
            peer: peer.clone(),
            repeat: 0,
            countered: options.vc.counter_proposal || proposes,
            propose_at: proposes.then_some(now + after),
        };
        self.events.push_back(AgentEvent::Agreed { peer, reach });
    }

    /// Tells our further candidate.
    pub(crate) fn propose(&mut self, peer: &str) {
        let late = self.offered.late.clone();
        self.events.push_back(AgentEvent::Proposed(late.clone()));
        let text = self.invitation_with(peer, &late);
        self.send_proposal(peer, &Offer::conference(text));
    }

    /// An invitation in the call with this peer, whoever called.
    fn invitation_with(&mut self, peer: &str, candidates: &[Candidate]) -> String {
        match self.calls_us(peer) {
            true => self.invitation_from(peer, candidates),
            false => self.invitation_to(peer, candidates),
        }
    }

    fn send_proposal(&mut self, to: &str, offer: &Offer) {
        let what = "counterProposal";
        self.iq(
            "set",
            to,
            &vc::counter_proposal(offer),
            Pending::Vc { what },
        );
    }

    /// A device answers our ring.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        from: String,
        query: &Element,
        offer: Offer,
        book: &mut Book,
    ) {
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
        if code != 0 || offer.is_blank() {
            self.one_less(&from, Some(code));
            return;
        }
        for other in others {
            self.iq("set", &other, &vc::cancel(), Pending::Vc { what: "cancel" });
        }
        let conference = &self.options.conference;
        let asked = conference.dialect == Dialect::Conference;
        let in_kind = conference.both_forms || asked == offer.invitation.is_some();
        book.faults.expect(in_kind, || {
            "vc:response is not in the dialect of the request".into()
        });
        let ours = self.jid.clone();
        match self.read("response", &offer, (&ours, &from), book) {
            Ok(reach) => self.agree(now, from, reach),
            Err(error) => {
                book.faults.add(format!("the callee's {error}"));
                self.over(Ending::new("failed"));
            }
        }
    }

    /// The peer tells more addresses.
    pub(crate) fn handle_counter_proposal(&mut self, from: &str, offer: Offer, book: &mut Book) {
        let Ring::Agreed {
            peer, countered, ..
        } = &mut self.ring
        else {
            book.faults.add("vc:counterProposal without a call");
            return;
        };
        let answer = peer == from && !std::mem::replace(countered, true);
        let ours = self.jid.clone();
        let parties = match self.calls_us(from) {
            true => (from, ours.as_str()),
            false => (ours.as_str(), from),
        };
        match self.read("counterProposal", &offer, parties, book) {
            Ok(reach) => self.events.push_back(AgentEvent::More(reach)),
            Err(error) if offer.invitation.is_some() => {
                book.faults.add(format!("the counterProposal's {error}"));
            }
            Err(_) => {}
        }
        let expected = self.dialect == Some(Dialect::Conference);
        book.faults
            .expect(expected == offer.invitation.is_some(), || {
                "vc:counterProposal is not in the dialect of the call".into()
            });
        if answer {
            let text = match expected {
                true => {
                    let candidates = self.offered.first.clone();
                    Offer::conference(self.invitation_with(from, &candidates))
                }
                false => Offer::legacy(&self.list_text()),
            };
            self.send_proposal(from, &text);
        }
    }
}

/// Candidates for the verdict.
fn candidate_list(candidates: &[Candidate], processor: &str) -> Vec<serde_json::Value> {
    let told = |candidate: &Candidate| {
        let whole = candidate.restored();
        json!({
            "address": whole.address().to_string(),
            "base": whole.base().to_string(),
            "kind": whole.kind,
            "priority": whole.priority,
            "id": candidate::hex(&whole.id),
            "tampered": whole != *candidate,
            "processor": processor,
        })
    };
    candidates.iter().map(told).collect()
}
