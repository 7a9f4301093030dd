//! What our XMPP server says of STUN and TURN servers (XEP-0215): a question, its answer, and the
//! credentials that a service may want besides.

use std::time::{Duration, Instant, SystemTime};

use ichat_xmpp::Element;
use ichat_xmpp::extdisco::{
    ExternalService, ServiceKind, Transport, Version, credentials_query, query, services,
};
use minidom::rxml::xml_ncname;

/// The namespace of stanzas.
const CLIENT: &str = "jabber:client";

/// How long a call waits for the answer \[I\].
const PATIENCE: Duration = Duration::from_millis(1500);

/// Not asked again sooner than this, whatever the server says of its credentials.
const SHORTEST_RENEWAL: Duration = Duration::from_secs(60);

/// What our server offers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// The server's own name.
    server: String,
    asked: Vec<Asked>,
    questions: u64,
    known: Vec<ExternalService>,
    /// Until when a call waits.
    awaited_until: Option<Instant>,
    renew_at: Option<Instant>,
    /// It does not know the question.
    refused: bool,
    /// The user knows that there is no relay.
    complained: bool,
}

/// Why our server gives no relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRelay {
    #[error("no XMPP server is there that could offer one; name one with {OTHER}")]
    NoServer,
    #[error("{server} has not answered the question for one (XEP-0215); name one with {OTHER}")]
    NoAnswer { server: String },
    #[error("{server} does not tell of any (XEP-0215); name one with {OTHER}")]
    NotTold { server: String },
    #[error("{server} offers none; name one with {OTHER}")]
    None { server: String },
    #[error("{server} offers only those over TCP or TLS, and we speak UDP; name one with {OTHER}")]
    NotOverUdp { server: String },
}

const OTHER: &str = "--turn turn:USER@HOST";

#[derive(Debug)]
struct Asked {
    id: String,
    version: Version,
    /// For the credentials of one service, not for all services.
    credentials: bool,
}

impl Offers {
    /// Begins to ask; the stanza is to be sent. What was known stays until the answer.
    pub(super) fn ask(&mut self, now: Instant, server: &str) -> Element {
        server.clone_into(&mut self.server);
        self.asked.clear();
        self.refused = false;
        self.renew_at = None;
        self.awaited_until = Some(now + PATIENCE);
        self.question(query(Version::Two), Version::Two, false)
    }

    fn question(&mut self, payload: Element, version: Version, credentials: bool) -> Element {
        self.questions += 1;
        let id = format!("services-{}", self.questions);
        self.asked.push(Asked {
            id: id.clone(),
            version,
            credentials,
        });
        Element::builder("iq", CLIENT)
            .attr(xml_ncname!("type").to_owned(), "get")
            .attr(xml_ncname!("to").to_owned(), self.server.as_str())
            .attr(xml_ncname!("id").to_owned(), id)
            .append(payload)
            .build()
    }

    /// Takes an answer; `None` when the stanza is none. Else what is to be sent, if anything; what is
    /// known may have changed.
    pub(super) fn handle_stanza(
        &mut self,
        now: Instant,
        wall: SystemTime,
        stanza: &Element,
    ) -> Option<Vec<Element>> {
        let kind = stanza.attr("type").unwrap_or_default();
        let is_answer = stanza.is("iq", CLIENT) && matches!(kind, "result" | "error");
        let from_server = stanza.attr("from").is_none_or(|from| from == self.server);
        let id = stanza.attr("id").filter(|_| is_answer && from_server)?;
        let place = self.asked.iter().position(|asked| asked.id == id)?;
        let asked = self.asked.remove(place);
        if kind == "error" {
            return Some(self.handle_refusal(&asked));
        }
        let found: Vec<ExternalService> = stanza.children().flat_map(services).collect();
        let mut questions = Vec::new();
        if asked.credentials {
            for service in found {
                if let Some(known) = self.known.iter_mut().find(|known| known.is_same(&service)) {
                    *known = service;
                }
            }
        } else {
            for service in found.iter().filter(|service| service.lacks_credentials()) {
                let payload = credentials_query(asked.version, service);
                questions.push(self.question(payload, asked.version, true));
            }
            self.known = found;
        }
        self.renew_at = self.renewal(now, wall);
        Some(questions)
    }

    fn handle_refusal(&mut self, asked: &Asked) -> Vec<Element> {
        match (asked.version, asked.credentials) {
            (Version::Two, false) => {
                vec![self.question(query(Version::One), Version::One, false)]
            }
            (Version::One, false) => {
                tracing::info!("our server does not tell of STUN and TURN servers");
                self.refused = true;
                Vec::new()
            }
            (Version::One | Version::Two, true) => Vec::new(),
        }
    }

    /// When credentials have four fifths of their time behind them.
    fn renewal(&self, now: Instant, wall: SystemTime) -> Option<Instant> {
        let left = self
            .known
            .iter()
            .filter_map(|service| service.expires)
            .map(|expires| expires.duration_since(wall).unwrap_or_default())
            .min()?;
        now.checked_add((left * 4 / 5).max(SHORTEST_RENEWAL))
    }

    /// Whether a call has to wait for an answer.
    pub(super) fn are_awaited(&self, now: Instant) -> bool {
        !self.asked.is_empty() && self.awaited_until.is_some_and(|until| now < until)
    }

    /// Until when a call waits.
    pub(super) fn awaited_until(&self) -> Option<Instant> {
        self.awaited_until.filter(|_| !self.asked.is_empty())
    }

    /// When to ask again.
    pub(super) fn renew_at(&self) -> Option<Instant> {
        self.renew_at
    }

    /// Why there is no relay, if there is none; said once.
    pub(super) fn complaint(&mut self) -> Option<NoRelay> {
        let complaint = self.no_relay().filter(|_| !self.complained)?;
        self.complained = true;
        Some(complaint)
    }

    fn no_relay(&self) -> Option<NoRelay> {
        if self.over_udp(&ServiceKind::Turn).next().is_some() {
            return None;
        }
        let server = self.server.clone();
        let is_relay = |service: &ExternalService| {
            matches!(service.kind, ServiceKind::Turn | ServiceKind::Turns)
        };
        Some(if self.questions == 0 {
            NoRelay::NoServer
        } else if self.asked.iter().any(|asked| !asked.credentials) {
            NoRelay::NoAnswer { server }
        } else if self.refused {
            NoRelay::NotTold { server }
        } else if self.known.iter().any(is_relay) {
            NoRelay::NotOverUdp { server }
        } else {
            NoRelay::None { server }
        })
    }

    /// STUN and TURN servers that are spoken to over UDP.
    pub(super) fn over_udp(&self, kind: &ServiceKind) -> impl Iterator<Item = &ExternalService> {
        self.known
            .iter()
            .filter(move |service| service.kind == *kind && service.transport == Transport::Udp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn answer(id: &str, inner: &str) -> Element {
        format!("<iq xmlns='jabber:client' type='result' from='im.test' id='{id}'>{inner}</iq>")
            .parse()
            .unwrap()
    }

    fn refusal(id: &str) -> Element {
        format!("<iq xmlns='jabber:client' type='error' from='im.test' id='{id}'><error/></iq>")
            .parse()
            .unwrap()
    }

    #[test]
    fn services_are_asked_for_and_so_are_credentials_that_are_missing() {
        let now = Instant::now();
        let mut offers = Offers::default();
        let question = offers.ask(now, "im.test");
        assert_eq!(
            String::from(&question),
            "<iq xmlns='jabber:client' id='services-1' to='im.test' type='get'>\
             <services xmlns='urn:xmpp:extdisco:2'/></iq>"
        );
        assert!(offers.are_awaited(now));
        let listed = answer(
            "services-1",
            "<services xmlns='urn:xmpp:extdisco:2'><service type='turn' host='h' restricted='1'/></services>",
        );
        let more = offers.handle_stanza(now, UNIX_EPOCH, &listed).unwrap();
        assert!(more[0].attr("id") == Some("services-2") && offers.are_awaited(now));
        let given = answer(
            "services-2",
            "<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='h' username='u' \
             password='p' expires='1970-01-01T01:00:00Z'/></credentials>",
        );
        assert_eq!(offers.handle_stanza(now, UNIX_EPOCH, &given), Some(vec![]));
        assert!(!offers.are_awaited(now));
        let turn = offers.over_udp(&ServiceKind::Turn).next().unwrap();
        assert_eq!(turn.credentials(UNIX_EPOCH), Some(("u", "p")));
        assert_eq!(offers.renew_at(), Some(now + Duration::from_secs(2880)));
    }

    #[test]
    fn a_server_that_knows_neither_form_is_asked_twice_and_nobody_waits_for_ever() {
        let now = Instant::now();
        let mut offers = Offers::default();
        offers.ask(now, "im.test");
        let again = offers
            .handle_stanza(now, UNIX_EPOCH, &refusal("services-1"))
            .unwrap();
        assert!(String::from(&again[0]).contains("urn:xmpp:extdisco:1"));
        assert!(
            !offers.are_awaited(now + PATIENCE),
            "a call waits no longer"
        );
        assert_eq!(
            offers.handle_stanza(now, UNIX_EPOCH, &refusal("services-2")),
            Some(vec![])
        );
        assert!(!offers.are_awaited(now));
    }

    #[test]
    fn what_is_no_answer_of_our_server_is_left_alone() {
        let now = Instant::now();
        let mut offers = Offers::default();
        offers.ask(now, "im.test");
        for other in [
            "<iq xmlns='jabber:client' type='get' from='im.test' id='services-1'/>",
            "<iq xmlns='jabber:client' type='result' from='eve@im.test/x' id='services-1'/>",
            "<iq xmlns='jabber:client' type='result' from='im.test' id='7'/>",
            "<message xmlns='jabber:client' type='error' from='im.test' id='services-1'/>",
        ] {
            let stanza: Element = other.parse().unwrap();
            assert_eq!(
                offers.handle_stanza(now, UNIX_EPOCH, &stanza),
                None,
                "{other}"
            );
        }
        assert!(offers.are_awaited(now));
    }
}
