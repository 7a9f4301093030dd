//! The authenticated stream: headers and features once more, then a resource (RFC 6120 §7).

use std::collections::VecDeque;
use std::future::poll_fn;

use minidom::Element;
use xmpp_parsers::jid::FullJid;
use xmpp_parsers::ns::{BIND, JABBER_CLIENT, STREAM, XMPP_STANZAS};

use super::carrier::{Arrival, Carrier};
use super::config::{ConnectConfig, Timing};
use super::connection::{Connection, Login};
use super::deadline::Deadline;
use super::error::{ConnectError, Stage};
use super::establish::{broken, unexpected};
use super::login::Authenticated;
use super::server::Server;
use super::stream_error::{StreamError, remark};
use super::xml::set_attribute;

/// The session of RFC 3921 §3, which some servers still ask for.
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";

/// Stanzas that are kept when they come before we have a resource.
const WAITING_LIMIT: usize = 64;

/// Opens the stream anew and gets a resource.
pub(super) async fn bind(
    config: &ConnectConfig,
    authenticated: Authenticated,
    timing: Timing,
    deadline: Deadline,
) -> Result<Connection, ConnectError> {
    let Authenticated {
        io,
        mechanism,
        address,
        tls,
    } = authenticated;
    let open = Server::open(
        io,
        config.jid.domain().as_str(),
        &timing,
        config.trace.clone(),
    );
    let server = deadline
        .run(Stage::Opening, open)
        .await?
        .map_err(|error| broken(Stage::Opening, address, error))?;
    let mut binding = Binding {
        server,
        waiting: VecDeque::new(),
    };
    let work = async {
        let features = binding.next(Stage::Opening).await?;
        if !features.is("features", STREAM) {
            return Err(unexpected(Stage::Opening, "<features/>", &features));
        }
        if !features.has_child("bind", BIND) {
            return Err(refused("the server offers none"));
        }
        let jid = binding.bind(config.resource.as_deref()).await?;
        let session = features.get_child("session", SESSION);
        if session.is_some_and(|session| !session.has_child("optional", SESSION)) {
            binding
                .ask("session", Element::bare("session", SESSION))
                .await?;
        }
        Ok((jid, features))
    };
    let (jid, features) = deadline.run(Stage::Binding, work).await??;
    let login = Login {
        address,
        tls,
        mechanism,
        features,
    };
    let Binding { server, waiting } = binding;
    Ok(Connection::new(jid, Box::new(server), timing).with_login(login, waiting))
}

struct Binding {
    server: Server,
    waiting: VecDeque<Element>,
}

impl Binding {
    async fn bind(&mut self, resource: Option<&str>) -> Result<FullJid, ConnectError> {
        let mut query = Element::bare("bind", BIND);
        if let Some(resource) = resource {
            let mut wanted = Element::bare("resource", BIND);
            wanted.append_text_node(resource);
            query.append_child(wanted);
        }
        let answer = self.ask("bind", query).await?;
        let jid = answer
            .get_child("bind", BIND)
            .and_then(|bind| bind.get_child("jid", BIND));
        let jid = jid.map(Element::text).unwrap_or_default();
        FullJid::new(jid.trim()).map_err(|_| refused("its answer holds no JID"))
    }

    /// Asks the server something and waits for the answer.
    async fn ask(&mut self, id: &str, query: Element) -> Result<Element, ConnectError> {
        let mut iq = Element::bare("iq", JABBER_CLIENT);
        set_attribute(&mut iq, "type", "set");
        set_attribute(&mut iq, "id", id);
        iq.append_child(query);
        let sent = async {
            poll_fn(|cx| self.server.poll_ready(cx)).await?;
            self.server.queue(&iq)?;
            poll_fn(|cx| self.server.poll_flush(cx)).await
        };
        sent.await.map_err(|error| ConnectError::Lost {
            stage: Stage::Binding,
            source: Some(error),
        })?;
        loop {
            let stanza = self.next(Stage::Binding).await?;
            if !(stanza.is("iq", JABBER_CLIENT) && stanza.attr("id") == Some(id)) {
                if self.waiting.len() < WAITING_LIMIT {
                    self.waiting.push_back(stanza);
                }
                continue;
            }
            if stanza.attr("type") == Some("error") {
                let error = stanza.children().find(|child| child.name() == "error");
                let condition = error
                    .into_iter()
                    .flat_map(Element::children)
                    .find(|child| child.ns() == XMPP_STANZAS && child.name() != "text");
                let condition = condition.and_then(|condition| remark(condition.name()));
                return Err(refused(condition.as_deref().unwrap_or("it gave no reason")));
            }
            return Ok(stanza);
        }
    }

    async fn next(&mut self, stage: Stage) -> Result<Element, ConnectError> {
        loop {
            match poll_fn(|cx| self.server.poll_arrival(cx)).await {
                Ok(Arrival::Stanza(stanza)) => return Ok(stanza),
                Ok(Arrival::Refused(why)) => {
                    tracing::warn!(%why, "a stanza beyond the limits was passed over");
                }
                Ok(Arrival::Footer) => {
                    return Err(ConnectError::Lost {
                        stage,
                        source: None,
                    });
                }
                Err(StreamError::Fault(fault)) => return Err(ConnectError::Refused(fault)),
                Err(error) => {
                    let source = Some(std::io::Error::other(error));
                    return Err(ConnectError::Lost { stage, source });
                }
            }
        }
    }
}

fn refused(condition: &str) -> ConnectError {
    ConnectError::Bind {
        condition: condition.to_owned(),
    }
}
