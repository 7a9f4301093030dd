//! What the server can do for a call, asked over the stream.

use std::time::{Duration, SystemTime};

use ichat_xmpp::client::Connection;
use ichat_xmpp::extdisco::{self, ExternalService, Version};
use ichat_xmpp::{Element, FullJid};
use minidom::rxml::xml_ncname;
use tokio::time::{Instant, timeout_at};

use super::check::{Check, Topic};

/// How long all answers together may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Services whose credentials are asked for.
const CREDENTIALS_LIMIT: usize = 4;

const CLIENT: &str = "jabber:client";
const ROSTER: &str = "jabber:iq:roster";
const PING: &str = "urn:xmpp:ping";
const STREAM_MANAGEMENT: [&str; 2] = ["urn:xmpp:sm:3", "urn:xmpp:sm:2"];

/// The ids of our questions; those for credentials have a number behind.
const ROSTER_ID: &str = "doctor-roster";
const OWN_ID: &str = "doctor-own";
const SERVICES_ID: [&str; 2] = ["doctor-services-2", "doctor-services-1"];
const CREDENTIALS_ID: &str = "doctor-credentials-";

/// Asks all at once; the services that the server tells of too. The stream is closed. No presence
/// was sent: contacts see nothing, and messages that wait go on waiting.
pub(super) async fn look(mut connection: Connection) -> (Vec<Check>, Vec<ExternalService>) {
    let features = connection.login().map(|login| login.features.clone());
    let mut answers = Answers::new(connection.jid());
    let lost = answers.gather(&mut connection).await;
    connection.close().await;
    let checks = vec![
        answers.contact_list(lost.as_deref()),
        stream_management(features.as_ref()),
        answers.loop_to_ourselves(lost.as_deref()),
        answers.relays(lost.as_deref()),
    ];
    (checks, answers.services)
}

fn stream_management(features: Option<&Element>) -> Check {
    let offered = features.is_some_and(|features| {
        STREAM_MANAGEMENT
            .into_iter()
            .any(|namespace| features.has_child("sm", namespace))
    });
    if offered {
        let message = "offered: a connection that breaks is taken up again (XEP-0198)";
        Check::ok(Topic::StreamManagement, message)
    } else {
        Check::warning(Topic::StreamManagement, "not offered (XEP-0198)").advise(
            "invitations that are on their way when the connection breaks can be lost; a server of \
             one's own can switch it on (Prosody: the module smacks)",
        )
    }
}

/// What came back.
struct Answers {
    jid: String,
    domain: String,
    contacts: Option<Result<usize, String>>,
    /// Our own question came to us.
    own_came: bool,
    own: Option<Result<(), String>>,
    version: Version,
    listed: Option<Result<(), String>>,
    services: Vec<ExternalService>,
    /// Credentials that are still awaited.
    awaited: usize,
}

impl Answers {
    fn new(jid: &FullJid) -> Self {
        Self {
            jid: jid.to_string(),
            domain: jid.domain().to_string(),
            contacts: None,
            own_came: false,
            own: None,
            version: Version::Two,
            listed: None,
            services: Vec::new(),
            awaited: 0,
        }
    }

    /// Until all is answered or the time is over; what broke the stream, if something did.
    async fn gather(&mut self, connection: &mut Connection) -> Option<String> {
        let until = Instant::now() + LIMIT;
        let [newer, _] = SERVICES_ID;
        let questions = [
            iq("get", ROSTER_ID, None, Some(Element::bare("query", ROSTER))),
            iq(
                "get",
                OWN_ID,
                Some(&self.jid),
                Some(Element::bare("ping", PING)),
            ),
            iq(
                "get",
                newer,
                Some(&self.domain),
                Some(extdisco::query(Version::Two)),
            ),
        ];
        let mut to_send: Vec<Element> = questions.into();
        loop {
            for stanza in to_send.drain(..) {
                match timeout_at(until, connection.send(&stanza)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Some(error.to_string()),
                    Err(_) => return None,
                }
            }
            if self.is_complete() {
                return None;
            }
            match timeout_at(until, connection.recv()).await {
                Ok(Ok(stanza)) => to_send = self.take(&stanza),
                Ok(Err(error)) => return Some(error.to_string()),
                Err(_) => return None,
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.contacts.is_some() && self.own.is_some() && self.listed.is_some() && self.awaited == 0
    }

    /// Takes a stanza; returns what is to be said now.
    fn take(&mut self, stanza: &Element) -> Vec<Element> {
        if !stanza.is("iq", CLIENT) {
            return Vec::new();
        }
        let id = stanza.attr("id").unwrap_or_default();
        let answer = match stanza.attr("type") {
            Some("result") => Ok(stanza),
            Some("error") => Err(condition(stanza)),
            _ => return self.asked(stanza, id),
        };
        let [newer, older] = SERVICES_ID;
        if id == ROSTER_ID {
            self.contacts = Some(answer.map(contacts));
        } else if id == OWN_ID {
            self.own = Some(answer.map(drop));
        } else if id == newer && answer.is_err() {
            self.version = Version::One;
            let query = extdisco::query(Version::One);
            return vec![iq("get", older, Some(&self.domain), Some(query))];
        } else if id == newer || id == older {
            let answer = answer.map(|stanza| self.services = services(stanza));
            self.listed = Some(answer);
            return self.credentials_questions();
        } else if id.starts_with(CREDENTIALS_ID) {
            self.awaited = self.awaited.saturating_sub(1);
            if let Ok(stanza) = answer {
                self.fill_in(services(stanza));
            }
        }
        Vec::new()
    }

    /// Somebody asks us: we ourselves, or the server.
    fn asked(&mut self, stanza: &Element, id: &str) -> Vec<Element> {
        let from = stanza.attr("from");
        if id == OWN_ID && from == Some(&self.jid) {
            self.own_came = true;
            return vec![iq("result", id, from, None)];
        }
        Vec::new()
    }

    fn credentials_questions(&mut self) -> Vec<Element> {
        let lacking = self
            .services
            .iter()
            .filter(|service| service.lacks_credentials());
        let questions: Vec<Element> = lacking
            .take(CREDENTIALS_LIMIT)
            .enumerate()
            .map(|(number, service)| {
                let query = extdisco::credentials_query(self.version, service);
                let id = format!("{CREDENTIALS_ID}{number}");
                iq("get", &id, Some(&self.domain), Some(query))
            })
            .collect();
        self.awaited = questions.len();
        questions
    }

    fn fill_in(&mut self, with_credentials: Vec<ExternalService>) {
        for given in with_credentials {
            let known = self
                .services
                .iter_mut()
                .find(|service| service.is_same(&given) && service.lacks_credentials());
            if let Some(known) = known {
                *known = given;
            }
        }
    }

    fn contact_list(&self, lost: Option<&str>) -> Check {
        match &self.contacts {
            Some(Ok(count)) => {
                let message = match count {
                    0 => "empty: somebody has to be added before a Mac shows us".to_owned(),
                    1 => "1 contact".to_owned(),
                    _ => format!("{count} contacts"),
                };
                Check::ok(Topic::ContactList, message).with("contacts", *count)
            }
            Some(Err(condition)) => Check::problem(
                Topic::ContactList,
                format!("the server does not give it ({condition})"),
            )
            .advise("a Mac shows only its contacts: ask the server's owner"),
            None => Check::problem(Topic::ContactList, silence(lost))
                .advise("a Mac shows only its contacts: try again, then ask the server's owner"),
        }
    }

    fn loop_to_ourselves(&self, lost: Option<&str>) -> Check {
        let advice = "invitations may not pass either: try a call, and another server if it fails";
        match (&self.own, self.own_came) {
            (Some(Ok(())), true) => Check::ok(
                Topic::Loop,
                "the server passes questions to us, and our answers back",
            ),
            (Some(Ok(())), false) => Check::warning(
                Topic::Loop,
                "the server answered a question to us in our place",
            )
            .advise(advice),
            (Some(Err(condition)), _) => Check::warning(
                Topic::Loop,
                format!("the server does not pass a question to ourselves ({condition})"),
            )
            .advise(advice),
            (None, _) => Check::warning(Topic::Loop, silence(lost)).advise(advice),
        }
    }

    fn relays(&self, lost: Option<&str>) -> Check {
        let topic = Topic::ServerRelays;
        match &self.listed {
            Some(Ok(())) if self.services.is_empty() => Check::ok(
                topic,
                "the server knows of no STUN or TURN server (XEP-0215)",
            ),
            Some(Ok(())) => {
                let list: Vec<String> = self.services.iter().map(shown).collect();
                Check::ok(topic, format!("the server tells of {}", list.join(", ")))
                    .with("services", list)
                    .with("version", self.version.namespace())
            }
            Some(Err(condition)) => Check::ok(
                topic,
                format!("the server does not tell of STUN and TURN servers ({condition})"),
            ),
            None => Check::warning(topic, silence(lost)),
        }
    }
}

fn shown(service: &ExternalService) -> String {
    let (kind, transport) = (service.kind.as_str(), service.transport.as_str());
    let place = crate::servers::HostPort {
        host: service.host.clone(),
        port: service.port,
    };
    let access = match service.credentials(SystemTime::now()) {
        Some(_) => ", with credentials",
        None if service.restricted => ", without the credentials it wants",
        None => "",
    };
    format!("{kind}:{place} ({transport}{access})")
}

fn silence(lost: Option<&str>) -> String {
    match lost {
        Some(why) => format!("the connection broke before the answer: {why}"),
        None => format!("the server did not answer within {} s", LIMIT.as_secs()),
    }
}

fn contacts(stanza: &Element) -> usize {
    let query = stanza.get_child("query", ROSTER);
    query.map_or(0, |query| {
        let items = query.children().filter(|child| child.name() == "item");
        items.count()
    })
}

fn services(stanza: &Element) -> Vec<ExternalService> {
    let payload = stanza.children().find(|child| child.name() != "error");
    payload.map(extdisco::services).unwrap_or_default()
}

/// The condition of an error stanza (RFC 6120 §8.3).
fn condition(stanza: &Element) -> String {
    let error = stanza.children().find(|child| child.name() == "error");
    let condition = error
        .into_iter()
        .flat_map(Element::children)
        .find(|child| child.name() != "text");
    condition.map_or_else(
        || "no reason given".to_owned(),
        |found| found.name().to_owned(),
    )
}

fn iq(kind: &str, id: &str, to: Option<&str>, payload: Option<Element>) -> Element {
    let mut iq = Element::builder("iq", CLIENT)
        .attr(xml_ncname!("type").to_owned(), kind)
        .attr(xml_ncname!("id").to_owned(), id)
        .attr(xml_ncname!("to").to_owned(), to)
        .build();
    if let Some(payload) = payload {
        iq.append_child(payload);
    }
    iq
}

#[cfg(test)]
mod tests;
