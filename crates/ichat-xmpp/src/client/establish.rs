//! From nothing to a stream on which one can log in: DNS, TCP, TLS (RFC 6120 §3 to §5).

use std::io;
use std::net::SocketAddr;

use minidom::Element;
use tokio::task::spawn_blocking;
use xmpp_parsers::ns::{SASL, STREAM, TLS};

use super::config::{ConnectConfig, DIRECT_TLS_PORT, TlsMode};
use super::deadline::Deadline;
use super::element::Bare;
use super::error::{ConnectError, Stage};
use super::prompt::Prompt;
use super::stream_error::{StreamFault, remark};
use super::tcp;
use super::tls::{Secured, Tls, TlsInfo};
use super::trace::Trace;
use super::wire::{Header, Inbound, Transport, Wire, guarded};

/// A stream over which nothing but log-in is possible yet.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) wire: Wire,
    pub(super) features: Element,
    /// Channel binding of the type `tls-exporter`.
    pub(super) exporter: Option<Vec<u8>>,
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
    let transport: Transport = Box::new(Prompt(opened.stream));
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

/// The server's next element.
pub(super) async fn next(
    wire: &mut Wire,
    stage: Stage,
    address: SocketAddr,
) -> Result<Element, ConnectError> {
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
