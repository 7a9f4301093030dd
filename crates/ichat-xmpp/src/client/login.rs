//! From nothing to an authenticated transport: DNS, TCP, TLS, SASL (RFC 6120 §3 to §6).

use std::io;
use std::net::SocketAddr;

use minidom::Element;
use rxml::Namespace;
use secrecy::zeroize::{Zeroize, Zeroizing};
use tokio::task::spawn_blocking;
use xmpp_parsers::ns::{SASL, SASL_CB, STREAM, TLS};
use xso::text::{Base64, TextCodec};

use super::config::{ConnectConfig, DIRECT_TLS_PORT, TlsMode};
use super::deadline::Deadline;
use super::element::Bare;
use super::error::{ConnectError, Stage};
use super::faults::ProofFault;
use super::sasl::{self, Exchange, Failure};
use super::stream_error::{StreamFault, remark};
use super::tcp;
use super::tls::{Secured, Tls, TlsInfo};
use super::trace::Trace;
use super::wire::{Header, Inbound, Io, Transport, Wire, guarded};

/// A stream over which nothing but log-in is possible yet.
#[derive(Debug)]
pub(super) struct Established {
    wire: Wire,
    features: Element,
    exporter: Option<Vec<u8>>,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsInfo>,
}

/// Connects, and begins TLS unless that was switched off.
pub(super) async fn establish(
    config: &ConnectConfig,
    deadline: Deadline,
) -> Result<Established, ConnectError> {
    let domain = config.jid.domain().as_str();
    let tls = match config.tls {
        TlsMode::Required => {
            let (domain, trust) = (domain.to_owned(), config.trust.clone());
            // Reads files.
            let prepared = spawn_blocking(move || Tls::new(&domain, &trust)).await;
            let domain = config.jid.domain().to_string();
            Some(prepared.map_err(|error| ConnectError::Tls {
                domain,
                source: error.into(),
            })??)
        }
        TlsMode::Off => None,
    };
    let opened = tcp::open(config, domain, deadline).await?;
    let address = opened.address;
    let transport: Transport = Box::new(opened.stream);
    let opening = Opening {
        domain,
        address,
        deadline,
        trace: config.trace.clone(),
    };
    let Some(tls) = tls else {
        let (wire, features) = opening.open(transport).await?;
        if demands_tls(&features) {
            return Err(ConnectError::TlsDemanded);
        }
        return Ok(Established {
            wire,
            features,
            exporter: None,
            address,
            tls: None,
        });
    };
    let direct = address.port() == DIRECT_TLS_PORT;
    let transport = if direct {
        transport
    } else {
        opening.starttls(transport).await?
    };
    let handshake = tls.handshake(transport, direct);
    let Secured {
        transport,
        info,
        exporter,
    } = deadline.run(Stage::Handshake, handshake).await??;
    let (wire, features) = opening.open(transport).await?;
    Ok(Established {
        wire,
        features,
        exporter,
        address,
        tls: Some(info),
    })
}

struct Opening<'a> {
    domain: &'a str,
    address: SocketAddr,
    deadline: Deadline,
    trace: Option<Trace>,
}

impl Opening<'_> {
    /// Exchanges headers; returns the server's features too.
    async fn open(&self, transport: Transport) -> Result<(Wire, Element), ConnectError> {
        let mut wire = Wire::new(guarded(transport), Bare::None, self.trace.clone());
        let header = Header {
            to: Some(self.domain.to_owned()),
            version: Some("1.0".to_owned()),
            ..Header::default()
        };
        let work = async {
            wire.queue_header(&header)
                .map_err(|error| self.broken(error))?;
            wire.flush().await.map_err(|error| self.broken(error))?;
            wire.read_header()
                .await
                .map_err(|error| self.broken(error))?;
            next(&mut wire, Stage::Opening, self.address).await
        };
        let features = self.deadline.run(Stage::Opening, work).await??;
        if !features.is("features", STREAM) {
            return Err(unexpected(Stage::Opening, "<features/>", &features));
        }
        Ok((wire, features))
    }

    /// Agrees on TLS (RFC 6120 §5.4.2); returns the transport on which it now begins.
    async fn starttls(&self, transport: Transport) -> Result<Transport, ConnectError> {
        let (mut wire, features) = self.open(transport).await?;
        if features.get_child("starttls", TLS).is_none() {
            return Err(ConnectError::TlsNotOffered {
                address: self.address,
            });
        }
        let work = async {
            wire.queue(&Element::bare("starttls", TLS))
                .map_err(|error| self.broken(error))?;
            wire.flush().await.map_err(|error| self.broken(error))?;
            next(&mut wire, Stage::Handshake, self.address).await
        };
        let answer = self.deadline.run(Stage::Handshake, work).await??;
        if answer.is("failure", TLS) {
            return Err(ConnectError::TlsRefused);
        }
        if !answer.is("proceed", TLS) {
            return Err(unexpected(Stage::Handshake, "<proceed/>", &answer));
        }
        let io = wire.into_io();
        // What stands here came in the clear and would be taken for the server's secured words.
        if !io.buffer().is_empty() {
            return Err(ConnectError::TlsInjected);
        }
        Ok(io.into_inner().into_inner())
    }

    fn broken(&self, error: io::Error) -> ConnectError {
        broken(Stage::Opening, self.address, error)
    }
}

fn demands_tls(features: &Element) -> bool {
    let demanded = features
        .get_child("starttls", TLS)
        .is_some_and(|starttls| starttls.get_child("required", TLS).is_some());
    demanded || (features.has_child("starttls", TLS) && !features.has_child("mechanisms", SASL))
}

/// An authenticated transport, on which the stream has to begin anew.
pub(super) struct Authenticated {
    pub(super) io: Io,
    pub(super) mechanism: &'static str,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsInfo>,
}

/// Logs in, once.
pub(super) async fn authenticate(
    config: &ConnectConfig,
    established: Established,
    deadline: Deadline,
) -> Result<Authenticated, ConnectError> {
    let Established {
        mut wire,
        features,
        exporter,
        address,
        tls,
    } = established;
    let jid = || config.jid.to_string();
    let user = config
        .jid
        .node()
        .ok_or_else(|| ConnectError::NoUser { jid: jid() })?;
    let offered = mechanisms(&features);
    let binding = exporter.filter(|_| can_bind(&features));
    // Without TLS we come here only with a server on this machine, or if the user insists.
    let local = address.ip().to_canonical().is_loopback();
    let plain = tls.is_some() || (config.tls == TlsMode::Off && (local || config.insecure));
    let Some(kind) = sasl::choose(&offered, binding.is_some(), plain) else {
        let offered = offered
            .iter()
            .take(16)
            .filter_map(|name| remark(name))
            .collect();
        return Err(ConnectError::NoMechanism { offered });
    };
    tracing::debug!(mechanism = kind.name(), "logging in");
    let (mut exchange, initial) = Exchange::start(kind, user.as_str(), &config.password, binding)?;
    let mut auth = sasl_element("auth", initial);
    set_attribute(&mut auth, "mechanism", kind.name());
    let proof = |failure| match failure {
        Failure::Proof(fault) => ConnectError::Impostor { jid: jid(), fault },
        Failure::Mechanism(error) => ConnectError::Mechanism(error),
    };
    let work = async {
        say(&mut wire, auth, address).await?;
        loop {
            let answer = next(&mut wire, Stage::LoggingIn, address).await?;
            if answer.is("challenge", SASL) {
                let challenge = payload(&answer).map_err(|fault| proof(fault.into()))?;
                let hashed = spawn_blocking(move || {
                    let response = exchange.challenge(&challenge);
                    (exchange, response)
                });
                let (again, response) = hashed
                    .await
                    .map_err(|error| broken(Stage::LoggingIn, address, error.into()))?;
                exchange = again;
                let response = sasl_element("response", Zeroizing::new(response.map_err(proof)?));
                say(&mut wire, response, address).await?;
            } else if answer.is("success", SASL) {
                let data = payload(&answer).map_err(|fault| proof(fault.into()))?;
                return exchange.success(&data).map_err(proof);
            } else if answer.is("failure", SASL) {
                return Err(rejected(jid(), &answer));
            } else {
                return Err(unexpected(
                    Stage::LoggingIn,
                    "an answer to the log-in",
                    &answer,
                ));
            }
        }
    };
    deadline.run(Stage::LoggingIn, work).await??;
    let mut io = wire.into_io();
    io.get_mut().restart();
    Ok(Authenticated {
        io,
        mechanism: kind.name(),
        address,
        tls,
    })
}

fn mechanisms(features: &Element) -> Vec<String> {
    let offer = features.get_child("mechanisms", SASL);
    let names = offer.into_iter().flat_map(Element::children);
    names
        .filter(|child| child.name() == "mechanism")
        .map(|name| name.text().trim().to_owned())
        .collect()
}

/// Whether the server binds to channels of our type: where it lists types, ours must be among them
/// (XEP-0440); where it lists none, TLS 1.3 has no other (RFC 9266 §3).
fn can_bind(features: &Element) -> bool {
    features
        .get_child("sasl-channel-binding", SASL_CB)
        .is_none_or(|types| {
            types
                .children()
                .any(|listed| listed.attr("type") == Some("tls-exporter"))
        })
}

fn rejected(jid: String, failure: &Element) -> ConnectError {
    let condition = failure.children().find(|child| child.name() != "text");
    let text = failure.children().find(|child| child.name() == "text");
    ConnectError::Rejected {
        jid,
        condition: condition
            .and_then(|condition| remark(condition.name()))
            .unwrap_or_else(|| "no reason given".to_owned()),
        text: text.and_then(|text| remark(&text.text())),
    }
}

/// An element with data in base64; a lone `=` where that is empty (RFC 6120 §6.4.2) is not needed:
/// only responses can be, and those may be left empty.
fn sasl_element(name: &str, data: Zeroizing<Vec<u8>>) -> Element {
    let mut element = Element::bare(name, SASL);
    let data: &Vec<u8> = &data;
    if let Ok(Some(text)) = Base64.encode(data) {
        element.append_text_node(text);
    }
    element
}

fn payload(element: &Element) -> Result<Vec<u8>, ProofFault> {
    let text: String = element.text().split_whitespace().collect();
    if text.is_empty() || text == "=" {
        return Ok(Vec::new());
    }
    Base64.decode(text).map_err(|_| ProofFault::Challenge)
}

/// Sends an element and wipes it.
async fn say(
    wire: &mut Wire,
    mut element: Element,
    address: SocketAddr,
) -> Result<(), ConnectError> {
    let queued = wire.queue(&element);
    for node in element.take_nodes() {
        if let minidom::Node::Text(mut text) = node {
            text.zeroize();
        }
    }
    queued.map_err(|error| broken(Stage::LoggingIn, address, error))?;
    wire.flush()
        .await
        .map_err(|error| broken(Stage::LoggingIn, address, error))
}

/// The server's next element.
async fn next(wire: &mut Wire, stage: Stage, address: SocketAddr) -> Result<Element, ConnectError> {
    match wire
        .read()
        .await
        .map_err(|error| broken(stage, address, error))?
    {
        Inbound::Element(element) if element.is("error", STREAM) => {
            Err(ConnectError::Refused(StreamFault::read(&element)))
        }
        Inbound::Element(element) => Ok(element),
        Inbound::Refused(why) => {
            let source = io::Error::new(io::ErrorKind::InvalidData, why);
            Err(ConnectError::NotXmpp { address, source })
        }
        Inbound::Footer => Err(ConnectError::Lost {
            stage,
            source: None,
        }),
    }
}

pub(super) fn broken(stage: Stage, address: SocketAddr, error: io::Error) -> ConnectError {
    let cut_off = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rxml::Error>())
        .is_some_and(|error| matches!(error, rxml::Error::InvalidEof(_)));
    if cut_off || error.kind() == io::ErrorKind::UnexpectedEof {
        ConnectError::Lost {
            stage,
            source: None,
        }
    } else if error.kind() == io::ErrorKind::InvalidData {
        ConnectError::NotXmpp {
            address,
            source: error,
        }
    } else {
        ConnectError::Lost {
            stage,
            source: Some(error),
        }
    }
}

pub(super) fn unexpected(stage: Stage, expected: &'static str, found: &Element) -> ConnectError {
    let found = remark(found.name()).unwrap_or_default();
    ConnectError::Unexpected {
        stage,
        expected,
        found,
    }
}

pub(super) fn set_attribute(element: &mut Element, name: &str, value: &str) {
    if let Ok(name) = name.try_into() {
        element.set_attr(Namespace::NONE, name, value);
    }
}
