//! The authenticated stream: headers and features once more, then a resource (RFC 6120 §7), or the
//! session of a stream before (XEP-0198 §5).

use std::collections::VecDeque;
use std::future::poll_fn;

use minidom::Element;
use xmpp_parsers::jid::FullJid;
use xmpp_parsers::ns::{BIND, JABBER_CLIENT, SM, STREAM, XMPP_STANZAS};

use super::carrier::{Arrival, Carrier};
use super::config::{ConnectConfig, Timing};
use super::connection::Login;
use super::deadline::Deadline;
use super::error::{ConnectError, Stage};
use super::establish::{broken, unexpected};
use super::login::Authenticated;
use super::server::{Probe, Server};
use super::sm::{self, Management};
use super::stream_error::{StreamError, remark};
use super::xml::set_attribute;

/// The session of RFC 3921 §3, which some servers still ask for.
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";

/// Stanzas that are kept when they come before we have a resource.
const WAITING_LIMIT: usize = 64;

/// An authenticated stream, on which nothing was asked for yet.
pub(super) struct Binding {
    server: Server,
    login: Login,
    waiting: VecDeque<Element>,
}

/// What becomes of an older session.
#[derive(Debug)]
pub(super) enum Resumption {
    /// It goes on: `<resumed/>`.
    Resumed(Element),
    /// It is over: `<failed/>`.
    Failed(Element),
}

/// Opens the stream anew.
pub(super) async fn open(
    config: &ConnectConfig,
    authenticated: Authenticated,
    timing: Timing,
    deadline: Deadline,
) -> Result<Binding, ConnectError> {
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
        login: Login {
            address,
            tls,
            mechanism,
            features: Element::bare("features", STREAM),
        },
        waiting: VecDeque::new(),
    };
    let features = deadline
        .run(Stage::Opening, binding.next(Stage::Opening))
        .await??;
    if !features.is("features", STREAM) {
        return Err(unexpected(Stage::Opening, "<features/>", &features));
    }
    binding.login.features = features;
    Ok(binding)
}

impl Binding {
    /// Gets a resource: this one, or one of the server's choice.
    pub(super) async fn bind(&mut self, resource: Option<&str>) -> Result<FullJid, ConnectError> {
        if !self.login.features.has_child("bind", BIND) {
            return Err(refused("the server offers none"));
        }
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
        let jid = FullJid::new(jid.trim()).map_err(|_| refused("its answer holds no JID"))?;
        let session = self.login.features.get_child("session", SESSION);
        if session.is_some_and(|session| !session.has_child("optional", SESSION)) {
            self.ask("session", Element::bare("session", SESSION))
                .await?;
        }
        Ok(jid)
    }

    /// Lets stanzas be counted from here on, if the server does that.
    pub(super) async fn manage(&mut self) -> Result<Option<Management>, ConnectError> {
        if !sm::is_offered(&self.login.features) {
            return Ok(None);
        }
        self.say(&sm::enable()).await?;
        let answer = self
            .find(|element| element.is("enabled", SM) || element.is("failed", SM))
            .await?;
        if answer.is("failed", SM) {
            tracing::debug!("the server does not count stanzas after all");
            return Ok(None);
        }
        self.server.set_probe(Probe::Count);
        Ok(Some(Management::new(&answer)))
    }

    /// Asks for a session of before; `None` if the server has nothing of the kind.
    pub(super) async fn resume(
        &mut self,
        resume: &Element,
    ) -> Result<Option<Resumption>, ConnectError> {
        if !sm::is_offered(&self.login.features) {
            return Ok(None);
        }
        self.say(resume).await?;
        let answer = self
            .find(|element| element.is("resumed", SM) || element.is("failed", SM))
            .await?;
        if answer.is("failed", SM) {
            return Ok(Some(Resumption::Failed(answer)));
        }
        self.server.set_probe(Probe::Count);
        Ok(Some(Resumption::Resumed(answer)))
    }

    /// The stream, how the log-in went, and what came meanwhile.
    pub(super) fn finish(self) -> (Server, Login, VecDeque<Element>) {
        (self.server, self.login, self.waiting)
    }

    /// Asks the server something and waits for the answer.
    async fn ask(&mut self, id: &str, query: Element) -> Result<Element, ConnectError> {
        let mut iq = Element::bare("iq", JABBER_CLIENT);
        set_attribute(&mut iq, "type", "set");
        set_attribute(&mut iq, "id", id);
        iq.append_child(query);
        self.say(&iq).await?;
        let answer = self
            .find(|stanza| stanza.is("iq", JABBER_CLIENT) && stanza.attr("id") == Some(id))
            .await?;
        if answer.attr("type") == Some("error") {
            let error = answer.children().find(|child| child.name() == "error");
            let condition = error
                .into_iter()
                .flat_map(Element::children)
                .find(|child| child.ns() == XMPP_STANZAS && child.name() != "text");
            let condition = condition.and_then(|condition| remark(condition.name()));
            return Err(refused(condition.as_deref().unwrap_or("it gave no reason")));
        }
        Ok(answer)
    }

    async fn say(&mut self, element: &Element) -> Result<(), ConnectError> {
        let sent = async {
            poll_fn(|cx| self.server.poll_ready(cx)).await?;
            self.server.queue(element)?;
            poll_fn(|cx| self.server.poll_flush(cx)).await
        };
        sent.await.map_err(|error| ConnectError::Lost {
            stage: Stage::Binding,
            source: Some(error),
        })
    }

    /// The first element that is wanted; the others are kept.
    async fn find(&mut self, wanted: impl Fn(&Element) -> bool) -> Result<Element, ConnectError> {
        loop {
            let element = self.next(Stage::Binding).await?;
            if wanted(&element) {
                return Ok(element);
            }
            if self.waiting.len() < WAITING_LIMIT {
                self.waiting.push_back(element);
            }
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
