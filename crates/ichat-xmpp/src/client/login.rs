//! Logging in over a stream (RFC 6120 §6).

use std::net::SocketAddr;

use minidom::Element;
use secrecy::zeroize::{Zeroize, Zeroizing};
use tokio::task::spawn_blocking;
use xmpp_parsers::ns::{SASL, SASL_CB};
use xso::text::{Base64, TextCodec};

use super::config::{ConnectConfig, TlsMode};
use super::deadline::Deadline;
use super::error::{ConnectError, Stage};
use super::establish::{Established, broken, next, unexpected};
use super::faults::ProofFault;
use super::sasl::{Exchange, Terms};
use super::scram::Failure;
use super::stream_error::remark;
use super::tls::TlsInfo;
use super::wire::{Io, Wire};
use super::xml::set_attribute;

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
    // Without TLS we come here only with a server on this machine, or if the user insists.
    let local = address.ip().to_canonical().is_loopback();
    let terms = Terms {
        offered: mechanisms(&features),
        exporter,
        takes_exporter: takes_exporter(&features),
        plain: tls.is_some() || (config.tls == TlsMode::Off && (local || config.insecure)),
    };
    let names: Vec<_> = terms.offered.iter().take(16).cloned().collect();
    let Some((kind, binding)) = terms.choose() else {
        let offered = names.iter().filter_map(|name| remark(name)).collect();
        return Err(ConnectError::NoMechanism { offered });
    };
    tracing::debug!(mechanism = kind.name(), "logging in");
    let (mut exchange, initial) = Exchange::start(kind, user.as_str(), &config.password, binding)?;
    let mut auth = sasl_element("auth", initial);
    set_attribute(&mut auth, "mechanism", kind.name());
    let proof = |failure| match failure {
        Failure::Proof(fault) => ConnectError::Impostor { jid: jid(), fault },
        Failure::Local(fault) => ConnectError::Local(fault),
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
                let response = sasl_element("response", response.map_err(proof)?);
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

/// The names of a server's mechanisms.
pub(super) fn mechanisms(features: &Element) -> Vec<String> {
    let offer = features.get_child("mechanisms", SASL);
    let names = offer.into_iter().flat_map(Element::children);
    names
        .filter(|child| child.name() == "mechanism")
        .map(|name| name.text().trim().to_owned())
        .collect()
}

/// Whether the server says that it binds to channels of our type, `tls-exporter` (XEP-0440). One that
/// does not say is not tried: ejabberd 23.01 offers PLUS with TLS 1.3 and binds to nothing that exists
/// there.
fn takes_exporter(features: &Element) -> bool {
    features
        .get_child("sasl-channel-binding", SASL_CB)
        .is_some_and(|types| {
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
    let queued = wire.queue_secret(&element);
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
