//! Streams straight to a peer, without a server (XEP-0174), as old clients speak them
//! (docs/quirks.md, Q28; `docs/protocol/xmpp.md, without a server [P]`).
//!
//! Nobody vouches for anybody here, and everybody on the network can read along.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use minidom::Element;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use xmpp_parsers::jid::{BareJid, FullJid};
use xmpp_parsers::ns::STREAM;

use super::carrier::{Arrival, Carrier};
use super::config::Timing;
use super::connection::Connection;
use super::element::Bare;
use super::stream_error::{StreamError, StreamFault};
use super::trace::Trace;
use super::wire::{Header, Inbound, Transport, Wire, guarded};

/// The resource of a name that has none.
const RESOURCE: &str = "local";

/// Why a link-local stream did not open. The message is one line and says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkLocalError {
    /// Our name is no JID.
    #[error("{name:?} is no name for a link-local stream; expected user@machine")]
    Name {
        /// The name.
        name: String,
    },
    /// Nothing answers there.
    #[error("cannot connect to {address}: {source}; check that the other side still runs")]
    Tcp {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("the other side did not open its stream within {} s", .limit.as_secs_f32())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The other side speaks no XMPP, or went away.
    #[error("the other side opened no XMPP stream: {source}")]
    NotXmpp {
        /// What was found.
        source: io::Error,
    },
}

/// Opens a stream to a peer. `ours` and `theirs` are the names of the two, `user@machine`.
///
/// No features are waited for, and no TLS or log-in follows.
///
/// # Errors
///
/// See [`LinkLocalError`].
pub async fn connect(
    address: SocketAddr,
    ours: &str,
    theirs: &str,
    trace: Option<Trace>,
) -> Result<Connection, LinkLocalError> {
    let timing = Timing::default();
    let jid = full(ours)?;
    let stream = match timeout(timing.connect, TcpStream::connect(address)).await {
        Ok(stream) => stream.map_err(|source| LinkLocalError::Tcp { address, source })?,
        Err(_) => {
            return Err(LinkLocalError::TimedOut {
                limit: timing.connect,
            });
        }
    };
    watch(&stream, &timing);
    initiate(Box::new(stream), ours, theirs, timing, trace)
        .await
        .map(|open| open.named(jid))
}

/// Takes a stream that a peer opens. `ours` is our name.
///
/// What the peer calls itself is in [`Connection::peer`].
///
/// # Errors
///
/// See [`LinkLocalError`].
pub async fn accept(
    stream: TcpStream,
    ours: &str,
    trace: Option<Trace>,
) -> Result<Connection, LinkLocalError> {
    let timing = Timing::default();
    let jid = full(ours)?;
    watch(&stream, &timing);
    respond(Box::new(stream), ours, timing, trace)
        .await
        .map(|open| open.named(jid))
}

fn full(name: &str) -> Result<FullJid, LinkLocalError> {
    let wrong = || LinkLocalError::Name {
        name: name.to_owned(),
    };
    FullJid::new(name)
        .or_else(|_| BareJid::new(name).and_then(|bare| bare.with_resource_str(RESOURCE)))
        .map_err(|_| wrong())
}

/// Lets the system notice a peer that is gone: old clients may not answer XEP-0199.
fn watch(stream: &TcpStream, timing: &Timing) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(timing.idle)
        .with_interval(timing.answer / 5);
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(4);
    let watched = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive));
    #[cfg(target_os = "linux")]
    let watched =
        watched.and_then(|()| socket.set_tcp_user_timeout(Some(timing.idle + timing.answer)));
    if let Err(error) = watched {
        tracing::debug!(%error, "a dead peer will be noticed late");
    }
}

/// An open stream without our name.
struct Opened {
    carrier: LinkLocal,
    peer: Option<String>,
    timing: Timing,
}

impl Opened {
    fn named(self, jid: FullJid) -> Connection {
        Connection::new(jid, Box::new(self.carrier), self.timing).with_peer(self.peer)
    }
}

async fn initiate(
    transport: Transport,
    ours: &str,
    theirs: &str,
    timing: Timing,
    trace: Option<Trace>,
) -> Result<Opened, LinkLocalError> {
    let mut wire = Wire::new(guarded(transport), Bare::Client, trace);
    // No version: the oldest form, which every client knows, and which promises nothing.
    let header = Header {
        from: Some(ours.to_owned()),
        to: Some(theirs.to_owned()),
        ..Header::default()
    };
    let exchange = async {
        wire.queue_header(&header)?;
        wire.flush().await?;
        wire.read_header().await
    };
    let answer = within(timing.connect, exchange).await?;
    let peer = answer.from.or_else(|| Some(theirs.to_owned()));
    Ok(Opened {
        carrier: LinkLocal::new(wire, &timing),
        peer,
        timing,
    })
}

async fn respond(
    transport: Transport,
    ours: &str,
    timing: Timing,
    trace: Option<Trace>,
) -> Result<Opened, LinkLocalError> {
    let mut wire = Wire::new(guarded(transport), Bare::Client, trace);
    let exchange = async {
        let theirs = wire.read_header().await?;
        let header = Header {
            from: Some(ours.to_owned()),
            to: theirs.from.clone(),
            id: None,
            version: theirs.version.as_ref().map(|_| "1.0".to_owned()),
        };
        wire.queue_header(&header)?;
        // Who gives a version waits for features (RFC 6120 §4.3.2).
        if theirs.version.is_some() {
            wire.queue(&Element::bare("features", STREAM))?;
        }
        wire.flush().await?;
        Ok(theirs.from)
    };
    let peer = within(timing.connect, exchange).await?;
    Ok(Opened {
        carrier: LinkLocal::new(wire, &timing),
        peer,
        timing,
    })
}

async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = io::Result<T>>,
) -> Result<T, LinkLocalError> {
    timeout(limit, exchange)
        .await
        .map_err(|_| LinkLocalError::TimedOut { limit })?
        .map_err(|source| LinkLocalError::NotXmpp { source })
}

/// Carries stanzas to and from a peer.
struct LinkLocal {
    wire: Wire,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl LinkLocal {
    fn new(wire: Wire, timing: &Timing) -> Self {
        Self {
            wire,
            idle: timing.idle,
            alarm: Box::pin(sleep(timing.idle)),
        }
    }

    fn rest(&mut self) {
        self.alarm.as_mut().reset(Instant::now() + self.idle);
    }
}

impl Carrier for LinkLocal {
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrival, StreamError>> {
        loop {
            if let Poll::Ready(Err(error)) = self.wire.poll_flush(cx) {
                return Poll::Ready(Err(StreamError::from_io(error)));
            }
            let Poll::Ready(inbound) = self.wire.poll_inbound(cx) else {
                ready!(self.alarm.as_mut().poll(cx));
                // TCP finds out whether this arrives, and says so when it does not.
                self.wire.queue_space();
                self.rest();
                continue;
            };
            self.rest();
            match inbound.map_err(StreamError::from_io)? {
                Inbound::Element(element) if element.is("error", STREAM) => {
                    return Poll::Ready(Err(StreamError::Fault(StreamFault::read(&element))));
                }
                // From a responder that always sends them.
                Inbound::Element(element) if element.is("features", STREAM) => {}
                Inbound::Element(element) => return Poll::Ready(Ok(Arrival::Stanza(element))),
                Inbound::Refused(why) => return Poll::Ready(Ok(Arrival::Refused(why.to_string()))),
                Inbound::Footer => return Poll::Ready(Ok(Arrival::Footer)),
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn queue(&mut self, stanza: &Element) -> io::Result<()> {
        self.wire.queue(stanza)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[test]
    fn names_become_jids() {
        assert_eq!(full("me@here").unwrap().to_string(), "me@here/local");
        assert_eq!(full("me@here/desk").unwrap().to_string(), "me@here/desk");
        let error = full("a b@c").unwrap_err().to_string();
        assert!(error.contains("expected user@machine"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive_with_spaces() {
        let (ours, mut theirs) = duplex(1 << 12);
        theirs
            .write_all(b"<s:stream xmlns:s='http://etherx.jabber.org/streams'>")
            .await
            .unwrap();
        let opened = respond(Box::new(ours), "me@here", Timing::default(), None)
            .await
            .unwrap();
        let mut connection = opened.named(full("me@here").unwrap());
        let begun = Instant::now();
        let listening = async {
            let mut text = Vec::new();
            while !text.ends_with(b">   ") {
                text.push(theirs.read_u8().await.unwrap());
            }
            assert_eq!(begun.elapsed().as_secs(), 75);
            theirs.write_all(b"<message/>").await.unwrap();
        };
        let (stanza, ()) = tokio::join!(connection.recv(), listening);
        assert_eq!(stanza.unwrap().name(), "message");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_opens_its_stream_is_given_up() {
        let (ours, _theirs) = duplex(1 << 12);
        let timing = Timing::default();
        let opened = initiate(Box::new(ours), "me@here", "mac@imac", timing, None).await;
        let error = opened.err().unwrap().to_string();
        assert_eq!(error, "the other side did not open its stream within 15 s");
    }
}
