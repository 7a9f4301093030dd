//! The XMPP side: roster, presence, subscriptions, disco. Who rings whom is in [`crate::ring`].

use crate::agree::Reach;
use crate::callable::Peers;
use crate::candidate::Candidate;
use crate::checks::Book;
use crate::ending::Ending;
use crate::offered::Offered;
use crate::options::{Dialect, Mode, Options, bare, same_bare};
use crate::presence;
use crate::random::Random;
use crate::ring::Ring;
use crate::vc;
use crate::xml::{Element, escape};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

const ROSTER: &str = "jabber:iq:roster";
const VERSION: &str = "jabber:iq:version";
/// An answer to a query of ours is there by then: also from a peer whose stream broke, and which had to
/// find that out and come back before it could answer.
const IQ_TIME: Duration = Duration::from_secs(15);

/// What an id of ours stands for.
#[derive(Debug)]
pub(crate) enum Pending {
    Roster,
    Disco {
        node: String,
        until: Instant,
    },
    /// Something nobody knows; an error is awaited.
    Unknown {
        until: Instant,
    },
    /// A `vc:request` to this full JID.
    Request {
        to: String,
    },
    /// Another `vc:*` set; an error is a fault.
    Vc {
        what: &'static str,
    },
}

/// What the agent tells its owner.
#[derive(Debug)]
pub(crate) enum AgentEvent {
    /// An invitation is out, or has come: checks may come.
    ConferenceRings,
    /// These are to be checked while it still rings.
    Early(Vec<Candidate>),
    /// Both have accepted: the SIP part begins.
    Agreed { peer: String, reach: Reach },
    /// We have told these too.
    Proposed(Vec<Candidate>),
    /// The peer has more addresses.
    More(Reach),
    /// No SIP part comes, or it is over.
    Over(Ending),
    /// Without a server: these tokens are to be announced.
    Announce(String),
    /// A line of output.
    Told(&'static str, Value),
}

/// A stanza to send.
#[derive(Debug)]
pub(crate) struct Post {
    /// Whom it is for; empty: the server.
    pub(crate) to: String,
    pub(crate) text: String,
}

/// One signed-in account, or one neighbour among others.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) options: Rc<Options>,
    pub(crate) jid: String,
    pub(crate) offered: Offered,
    pub(crate) random: Random,
    pub(crate) peers: Peers,
    pub(crate) ring: Ring,
    pub(crate) pending: BTreeMap<String, Pending>,
    pub(crate) events: VecDeque<AgentEvent>,
    /// Stanzas to send.
    pub(crate) outbox: Vec<Post>,
    /// Whom we call; without a server an announced name, once it is seen.
    pub(crate) target: String,
    /// Whose request we accepted.
    pub(crate) answered: Option<String>,
    /// The conference's id, ours or the inviter's.
    pub(crate) session: Option<u32>,
    /// In which the call is, or rings.
    pub(crate) dialect: Option<Dialect>,
    roster: BTreeMap<String, String>,
    asked: BTreeSet<String>,
    /// The roster is there; without a server: our announcement is out.
    pub(crate) greeted: bool,
    busy: bool,
    pub(crate) avavail_at: Option<Instant>,
}

impl Agent {
    /// Asks for the roster, and sends nothing else before it has come. Without a server it waits
    /// to be told that its announcement is out.
    pub(crate) fn new(
        now: Instant,
        options: Rc<Options>,
        jid: String,
        offered: Offered,
        random: Random,
    ) -> Self {
        let mut agent = Self {
            ring: Ring::Idle { since: now },
            target: options.peer.clone(),
            options,
            jid,
            offered,
            random,
            peers: Peers::default(),
            pending: BTreeMap::new(),
            events: VecDeque::new(),
            outbox: Vec::new(),
            answered: None,
            session: None,
            dialect: None,
            roster: BTreeMap::new(),
            asked: BTreeSet::new(),
            greeted: false,
            busy: false,
            avavail_at: None,
        };
        if !agent.is_lan() {
            let query = format!("<query xmlns='{ROSTER}'/>");
            agent.iq("get", "", &query, Pending::Roster);
        }
        agent
    }

    /// There is no server.
    pub(crate) fn is_lan(&self) -> bool {
        self.options.mode.is_lan()
    }

    /// The addresses of a stanza: without a server both ends, else the other one.
    pub(crate) fn addresses(&self, to: &str) -> String {
        let mut text = match to {
            "" => String::new(),
            _ => format!(" to='{}'", escape(to)),
        };
        if self.is_lan() {
            text.push_str(&format!(" from='{}'", escape(&self.jid)));
        }
        text
    }

    /// Puts a stanza into the box.
    pub(crate) fn post(&mut self, to: &str, text: String) {
        let to = to.to_owned();
        self.outbox.push(Post { to, text });
    }

    /// Answers with an error.
    pub(crate) fn error(&mut self, stanza: &Element, condition: &str, echo: bool) {
        let from = stanza.attribute("from");
        let text = vc::error(stanza, condition, echo, &self.addresses(from));
        self.post(from, text);
    }

    /// Sends an IQ with an id in iChat's form.
    pub(crate) fn iq(&mut self, kind: &str, to: &str, payload: &str, pending: Pending) -> String {
        let id = format!("iChat_{:08X}", self.random.u32());
        let addresses = self.addresses(to);
        let text = format!("<iq type='{kind}' id='{id}'{addresses}>{payload}</iq>");
        self.post(to, text);
        self.pending.insert(id.clone(), pending);
        id
    }

    pub(crate) fn tell(&mut self, event: &'static str, fields: Value) {
        self.events.push_back(AgentEvent::Told(event, fields));
    }

    fn announce(&mut self, available: bool) {
        let tokens = presence::tokens(&self.options.vc, available);
        if self.is_lan() {
            self.events.push_back(AgentEvent::Announce(tokens));
            return;
        }
        let text = presence::presence(&self.options.vc, &tokens);
        self.post("", text);
    }

    /// The roster is there: iChat's first presence has no tokens, the second has them.
    fn greet(&mut self, now: Instant) {
        if std::mem::replace(&mut self.greeted, true) {
            return;
        }
        let first = presence::presence(&self.options.vc, "");
        self.post("", first);
        self.avavail_at = Some(now + self.options.vc.avavail_after.unwrap_or_default());
        self.tell("online", json!({ "jid": self.jid }));
        self.begin_ring(now);
        let peer = bare(&self.options.peer).to_owned();
        let contact = self.roster.iter().any(|(jid, subscription)| {
            same_bare(jid, &peer) && matches!(subscription.as_str(), "to" | "both")
        });
        if !peer.is_empty() && !contact {
            self.subscribe(&peer);
        }
    }

    /// From now on we ring whoever can be rung, or wait to be.
    pub(crate) fn begin_ring(&mut self, now: Instant) {
        if !matches!(self.ring, Ring::Idle { .. }) {
            // Somebody was quicker than our own announcement.
            return;
        }
        let calls = matches!(self.options.mode, Mode::Call | Mode::LanCall);
        self.ring = match calls && !self.options.lan.no_ring {
            true => Ring::Calling {
                since: now,
                rung: Vec::new(),
                last: None,
                cancelled: false,
            },
            false => Ring::Idle { since: now },
        };
    }

    fn subscribe(&mut self, to: &str) {
        let to = to.to_ascii_lowercase();
        if !self.options.vc.no_subscribe && self.asked.insert(to.clone()) {
            let text = format!("<presence type='subscribe' to='{}'/>", escape(&to));
            self.post("", text);
        }
    }

    /// The call is up: `avavail` goes.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.busy = true;
        let has_server = !self.is_lan();
        self.peers.connected(now, has_server);
        self.announce(false);
    }

    /// The call is over: `avavail` comes back.
    pub(crate) fn finished(&mut self) {
        self.ring = Ring::Over;
        self.peers.ended();
        if std::mem::take(&mut self.busy) {
            self.announce(true);
        }
    }

    /// One stanza.
    pub(crate) fn handle_stanza(&mut self, now: Instant, stanza: &Element, book: &mut Book) {
        match stanza.name.as_str() {
            "iq" => self.handle_iq(now, stanza, book),
            "presence" => self.handle_presence(now, stanza, book),
            "message" => {
                if let Some(body) = stanza.child("body") {
                    let fields = json!({ "from": stanza.attribute("from"), "body": body.text() });
                    self.tell("message", fields);
                }
            }
            "error" => self.tell("stream-error", json!({ "xml": stanza.print() })),
            _ => {}
        }
    }

    fn handle_presence(&mut self, now: Instant, stanza: &Element, book: &mut Book) {
        let from = stanza.attribute("from").to_owned();
        match stanza.attribute("type") {
            "subscribe" => {
                self.tell("subscription-request", json!({ "from": from }));
                if !self.options.vc.no_auto_accept {
                    let to = escape(&from);
                    self.post("", format!("<presence type='subscribed' to='{to}'/>"));
                    let subscription = self.roster.get(&from).map(String::as_str);
                    if !matches!(subscription, Some("to" | "both")) {
                        self.subscribe(&from);
                    }
                }
            }
            "subscribed" | "unsubscribed" | "unsubscribe" => {
                let kind = stanza.attribute("type");
                self.tell("subscription", json!({ "from": from, "type": kind }));
            }
            "" | "unavailable" => {
                let ours = same_bare(&from, &self.jid);
                let Some(caps) = self.peers.handle(stanza, book).filter(|_| !ours) else {
                    return;
                };
                self.tell(
                    "presence",
                    json!({ "from": from, "ext": caps.tokens.join(" ") }),
                );
                if caps.available() {
                    book.tally.peer_ext = Some(caps.tokens.join(" "));
                    book.tally.peer_show = stanza.child("show").map(Element::text);
                }
                self.ask_for(now, &from, &caps);
                if self.peers.is_new(&from, "greeting") {
                    self.greet_peer(now, &from);
                }
                self.ring_more(now);
            }
            _ => {}
        }
    }

    /// Asks what stands behind each new token.
    pub(crate) fn ask_for(&mut self, now: Instant, from: &str, caps: &presence::Caps) {
        for node in caps.nodes() {
            if self.peers.is_new(from, &node) {
                let query = presence::disco_query(&node);
                let until = now + IQ_TIME;
                self.iq("get", from, &query, Pending::Disco { node, until });
            }
        }
    }

    /// What the flags say to whoever is seen first.
    pub(crate) fn greet_peer(&mut self, now: Instant, from: &str) {
        if let Some(text) = self.options.vc.message.clone() {
            let (addresses, text) = (self.addresses(from), escape(&text));
            let text = format!("<message type='chat'{addresses}><body>{text}</body></message>");
            self.post(from, text);
        }
        if self.options.vc.probe_iqs {
            let query = "<query xmlns='urn:example:nobody-knows-this'/>";
            self.iq(
                "get",
                from,
                query,
                Pending::Unknown {
                    until: now + IQ_TIME,
                },
            );
        }
    }

    fn handle_iq(&mut self, now: Instant, stanza: &Element, book: &mut Book) {
        match stanza.attribute("type") {
            "result" | "error" => self.handle_answer(now, stanza, book),
            "get" | "set" => match stanza.children().next() {
                Some(query) if vc::is_vc(query) => self.handle_vc(now, stanza, query, book),
                Some(query) => self.handle_query(stanza, query),
                None => self.error(stanza, "bad-request", false),
            },
            _ => {}
        }
    }

    /// An empty or full result.
    pub(crate) fn result(&mut self, stanza: &Element, payload: &str) {
        let (id, from) = (stanza.attribute("id"), stanza.attribute("from"));
        let (id, addresses) = (escape(id), self.addresses(from));
        let text = format!("<iq type='result' id='{id}'{addresses}>{payload}</iq>");
        self.post(from, text);
    }

    fn handle_query(&mut self, stanza: &Element, query: &Element) {
        if query.ns == ROSTER && stanza.attribute("type") == "set" {
            self.take_roster(query);
            self.result(stanza, "");
        } else if presence::is_disco_info(query) {
            match presence::disco_answer(&self.options.vc, query) {
                Some(answer) => self.result(stanza, &answer),
                None => self.error(stanza, "item-not-found", false),
            }
        } else if query.ns == VERSION {
            let version = "<name>iChat</name><version>3.0</version><os>Mac OS X 10.4</os>";
            self.result(
                stanza,
                &format!("<query xmlns='{VERSION}'>{version}</query>"),
            );
        } else {
            self.error(stanza, "service-unavailable", false);
        }
    }

    fn take_roster(&mut self, query: &Element) {
        for item in query.children() {
            let jid = item.attribute("jid").to_owned();
            self.roster
                .insert(jid, item.attribute("subscription").to_owned());
        }
    }

    fn handle_answer(&mut self, now: Instant, stanza: &Element, book: &mut Book) {
        let Some(pending) = self.pending.remove(stanza.attribute("id")) else {
            return;
        };
        let failed = stanza.attribute("type") == "error";
        let condition = stanza
            .child("error")
            .and_then(|error| error.children().next());
        let condition = condition.map(|c| c.name.clone()).unwrap_or_default();
        match pending {
            Pending::Roster => {
                if let Some(query) = stanza.child("query") {
                    self.take_roster(query);
                }
                self.greet(now);
            }
            Pending::Disco { node, .. } => {
                // A peer that has left cannot answer; the server does it for it.
                if !failed || self.peers.knows(stanza.attribute("from")) {
                    book.faults
                        .absorb("disco", presence::check_disco(&node, stanza));
                }
            }
            Pending::Unknown { .. } => {
                book.faults
                    .expect(failed && condition == "service-unavailable", || {
                        format!("an unknown query was answered with {:?}", stanza.print())
                    });
            }
            Pending::Request { to } if failed => {
                book.tally.errors += 1;
                self.tell(
                    "request-error",
                    json!({ "from": to, "condition": condition }),
                );
                self.request_failed(&to);
            }
            Pending::Vc { what } if failed => {
                book.tally.errors += 1;
                book.faults
                    .add(format!("vc:{what} was answered with the error {condition}"));
            }
            Pending::Request { .. } | Pending::Vc { .. } => {
                book.faults.expect(stanza.children().count() == 0, || {
                    "a result with a payload answers a vc:* set".into()
                });
            }
        }
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, book: &mut Book) {
        if self.avavail_at.is_some_and(|at| at <= now) {
            self.avavail_at = None;
            self.announce(!self.busy);
        }
        self.peers.handle_timeout(now, &mut book.faults);
        self.pending.retain(|_, pending| {
            let (Pending::Disco { until, .. } | Pending::Unknown { until }) = pending else {
                return true;
            };
            if *until > now {
                return true;
            }
            book.faults.add(match pending {
                Pending::Disco { node, .. } => format!("disco#info for {node} was not answered"),
                _ => "an unknown query was not answered".into(),
            });
            false
        });
        self.ring_timeout(now, book);
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.values().filter_map(|pending| match pending {
            Pending::Disco { until, .. } | Pending::Unknown { until } => Some(*until),
            Pending::Roster | Pending::Request { .. } | Pending::Vc { .. } => None,
        });
        let timers = [
            self.avavail_at,
            self.peers.poll_timeout(),
            self.ring_deadline(),
        ];
        timers.into_iter().flatten().chain(pending).min()
    }
}
