//! From nothing to a stream on which one can log in: DNS, TCP, TLS (RFC 6120 §3 to §5).

use std::io;
use std::net::SocketAddr;

use minidom::Element;
use tokio::task::spawn_blocking;
use xmpp_parsers::ns::{SASL, STREAM, TLS};

use super::config::{ConnectConfig, TlsMode};
use super::deadline::Deadline;
use super::dns::Target;
use super::element::Bare;
use super::error::{ConnectError, Stage};
use super::faults::TlsFault;
use super::login::mechanisms;
use super::prompt::Prompt;
use super::step::{Step, Watch};
use super::stream_error::{StreamFault, remark};
use super::tcp;
use super::tls::{Secured, Tls, TlsInfo};
use super::trace::Trace;
use super::wire::{Header, Inbound, Transport, Wire, guarded};

/// Mechanisms that a watcher is told of.
const MECHANISM_LIMIT: usize = 32;

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

/// Connects, and begins TLS unless that was switched off: with the first of the account's servers
/// with which that comes to something. Nobody has been told anything of us by then, so that one
/// server's failure, whatever it is, is no reason to leave out the next.
pub(super) async fn establish(
    config: &ConnectConfig,
    deadline: Deadline,
    watch: Watch<'_>,
) -> Result<Established, ConnectError> {
    let tls = match config.tls {
        TlsMode::Required => Some(trust(config).await?),
        TlsMode::Off => None,
    };
    let (targets, origin) = tcp::targets(config, deadline).await?;
    watch(Step::Found {
        hosts: targets.iter().map(Target::named).collect(),
        origin,
    });
    first_of(targets, config, tls.as_ref(), deadline, watch).await
}

async fn first_of(
    targets: Vec<Target>,
    config: &ConnectConfig,
    tls: Option<&Tls>,
    deadline: Deadline,
    watch: Watch<'_>,
) -> Result<Established, ConnectError> {
    let mut left = targets.len();
    let mut telling: Option<ConnectError> = None;
    for target in targets {
        left -= 1;
        let share = if left == 0 { deadline } else { deadline.half() };
        match attempt(config, tls, &target, share, watch).await {
            Ok(established) => {
                let mut mechanisms = mechanisms(&established.features);
                mechanisms.truncate(MECHANISM_LIMIT);
                watch(Step::Offered { mechanisms });
                return Ok(established);
            }
            Err(error) => {
                if left > 0 {
                    tracing::debug!(%error, left, "this server will not do; trying the next");
                }
                // What is wrong with TLS tells the user more than that another host is not there.
                telling = match telling {
                    Some(before) if before.code() == "tls-failed" => Some(before),
                    Some(_) | None => Some(error),
                };
            }
        }
    }
    Err(telling.unwrap_or_else(|| ConnectError::NoService {
        domain: config.jid.domain().to_string(),
    }))
}

/// Reads files.
async fn trust(config: &ConnectConfig) -> Result<Tls, ConnectError> {
    let (domain, trust) = (config.jid.domain().to_string(), config.trust.clone());
    let prepared = spawn_blocking(move || Tls::new(&domain, &trust)).await;
    prepared.map_err(|error| ConnectError::Tls {
        domain: config.jid.domain().to_string(),
        fault: TlsFault::Io(error.into()),
    })?
}

async fn attempt(
    config: &ConnectConfig,
    tls: Option<&Tls>,
    target: &Target,
    deadline: Deadline,
    watch: Watch<'_>,
) -> Result<Established, ConnectError> {
    let opened = tcp::open(config, target, deadline).await?;
    let address = opened.address;
    watch(Step::Connected {
        address,
        direct: target.direct && tls.is_some(),
    });
    let transport: Transport = Box::new(Prompt(opened.stream));
    let opening = Opening {
        domain: config.jid.domain().as_str(),
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
    let transport = if target.direct {
        transport
    } else {
        opening.starttls(transport).await?
    };
    let handshake = tls.handshake(transport, target.direct);
    let Secured {
        transport,
        info,
        exporter,
    } = deadline.run(Stage::Handshake, handshake).await??;
    watch(Step::Secured(info.clone()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::Instant;
    use xmpp_parsers::jid::BareJid;

    const FEATURES: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                            xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                            <stream:features/>";

    /// A server that says this and then listens.
    async fn server(says: &'static str) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(says.as_bytes()).await.unwrap();
            let mut heard = Vec::new();
            let _ = peer.read_to_end(&mut heard).await;
        });
        target(port)
    }

    fn target(port: u16) -> Target {
        Target {
            host: "127.0.0.1".into(),
            port,
            direct: false,
        }
    }

    fn nobody() -> Target {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        target(listener.local_addr().unwrap().port())
    }

    async fn first_of(targets: Vec<Target>, limit: u64) -> Result<Established, ConnectError> {
        let mut config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), "x");
        config.tls = TlsMode::Off;
        let deadline = Deadline::after(Duration::from_secs(limit));
        super::first_of(targets, &config, None, deadline, &mut |_| {}).await
    }

    #[tokio::test]
    async fn the_next_server_is_tried_whatever_is_wrong_with_the_first() {
        let good = server(FEATURES).await;
        let port = good.port;
        let targets = vec![nobody(), server("SSH-2.0-OpenSSH_9.2p1\r\n").await, good];
        let established = first_of(targets, 20).await.unwrap();
        assert_eq!(established.address.port(), port);
    }

    #[tokio::test]
    async fn whoever_watches_is_told_how_far_each_server_came() {
        let offering = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                        <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                        <mechanism>DIGEST-MD5</mechanism><mechanism>PLAIN</mechanism>\
                        </mechanisms></stream:features>";
        let targets = vec![server("nonsense").await, server(offering).await];
        let ports = [targets[0].port, targets[1].port];
        let mut config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), "x");
        config.tls = TlsMode::Off;
        let mut steps = Vec::new();
        let deadline = Deadline::after(Duration::from_secs(20));
        let watch: Watch<'_> = &mut |step| steps.push(step);
        super::first_of(targets, &config, None, deadline, watch)
            .await
            .unwrap();
        let connected = ports.map(|port| Step::Connected {
            address: ([127, 0, 0, 1], port).into(),
            direct: false,
        });
        let mechanisms = vec!["DIGEST-MD5".to_owned(), "PLAIN".to_owned()];
        assert_eq!(steps[..2], connected);
        assert_eq!(steps[2..], [Step::Offered { mechanisms }]);
    }

    #[tokio::test]
    async fn a_silent_server_leaves_time_for_the_next() {
        let good = server(FEATURES).await;
        let port = good.port;
        let begun = Instant::now();
        let established = first_of(vec![server("").await, good], 2).await.unwrap();
        assert_eq!(established.address.port(), port);
        assert!(begun.elapsed() >= Duration::from_millis(900));
    }

    #[tokio::test]
    async fn what_is_wrong_with_tls_is_told_rather_than_that_another_is_not_there() {
        let demanding = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                         <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
                         <required/></starttls></stream:features>";
        let error = first_of(vec![server(demanding).await, nobody()], 20).await;
        assert!(matches!(error, Err(ConnectError::TlsDemanded)), "{error:?}");
        let error = first_of(vec![nobody(), nobody()], 20).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tcp { .. }), "{error}");
    }
}
