//! An open stream of stanzas, to a server or to a link-local peer.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;

use minidom::Element;
use tokio::time::timeout;
use xmpp_parsers::jid::FullJid;

use super::carrier::{Arrival, Carrier};
use super::config::Timing;
use super::stream_error::StreamError;
use super::tls::TlsInfo;
use super::xml;

/// How the log-in to a server went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The server's address.
    pub address: SocketAddr,
    /// TLS, unless it was switched off.
    pub tls: Option<TlsInfo>,
    /// The SASL mechanism, such as `SCRAM-SHA-256`.
    pub mechanism: &'static str,
    /// What the server offers beyond (RFC 6120 §4.3.2): the element `features`.
    pub features: Element,
}

/// An open stream of stanzas.
///
/// A stanza from the peer with more than 64 levels, 16384 elements and texts, or 256 KiB is read
/// past, with a line in the log and in the trace. A stream that holds far more than that at once
/// ends with [`StreamError::Excess`].
pub struct Connection {
    jid: FullJid,
    peer: Option<String>,
    login: Option<Box<Login>>,
    carrier: Box<dyn Carrier>,
    waiting: VecDeque<Element>,
    ended: bool,
    timing: Timing,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("jid", &self.jid)
            .field("peer", &self.peer)
            .field("login", &self.login)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(jid: FullJid, carrier: Box<dyn Carrier>, timing: Timing) -> Self {
        let waiting = VecDeque::new();
        Self {
            jid,
            peer: None,
            login: None,
            carrier,
            waiting,
            ended: false,
            timing,
        }
    }

    /// With what came while we were still signing in.
    pub(super) fn with_login(mut self, login: Login, waiting: VecDeque<Element>) -> Self {
        self.login = Some(Box::new(login));
        self.waiting = waiting;
        self
    }

    pub(super) fn with_peer(mut self, peer: Option<String>) -> Self {
        self.peer = peer;
        self
    }

    /// Our address: as the server gave it, or our link-local name (with the resource `local` where
    /// that has none).
    #[must_use]
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// The name that a link-local peer gave itself, which nobody vouches for.
    #[must_use]
    pub fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// How the log-in went; `None` on a link-local stream.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        self.login.as_deref()
    }

    /// Sends a stanza, or any other element on its level. Returns when the transport has taken it.
    ///
    /// Not cancel-safe in one sense: after it was dropped, the stanza may or may not have been
    /// sent. It is never sent in part.
    ///
    /// # Errors
    ///
    /// [`StreamError::Unsendable`] concerns only this stanza; after any other error the connection
    /// is of no use for sending.
    pub async fn send(&mut self, stanza: &Element) -> Result<(), StreamError> {
        // Half a stanza would spoil all that follow, so first see whether it can be written at all.
        xml::to_xml(stanza).map_err(StreamError::Unsendable)?;
        if self.ended {
            return Err(StreamError::Closed);
        }
        let work = async {
            poll_fn(|cx| self.carrier.poll_ready(cx)).await?;
            self.carrier.queue(stanza)?;
            poll_fn(|cx| self.carrier.poll_flush(cx)).await
        };
        match timeout(self.timing.send, work).await {
            Ok(result) => result.map_err(StreamError::from_io),
            Err(_) => Err(StreamError::Stuck(self.timing.send)),
        }
    }

    /// The next stanza. Waits for as long as the peer is alive.
    ///
    /// Cancel-safe: nothing is lost when it is dropped. It has to be awaited most of the time, since
    /// it is here that the connection is kept alive.
    ///
    /// # Errors
    ///
    /// The stream has ended; why. Afterwards [`StreamError::Closed`].
    pub async fn recv(&mut self) -> Result<Element, StreamError> {
        if let Some(stanza) = self.waiting.pop_front() {
            return Ok(stanza);
        }
        while !self.ended {
            match poll_fn(|cx| self.carrier.poll_arrival(cx)).await {
                Ok(Arrival::Stanza(stanza)) => return Ok(stanza),
                Ok(Arrival::Refused(why)) => {
                    tracing::warn!(%why, "a stanza beyond the limits was passed over");
                }
                Ok(Arrival::Footer) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Err(StreamError::Closed)
    }

    /// Says good-bye and waits for the peer's, 2 s at most.
    pub async fn close(mut self) {
        let farewell = async {
            if poll_fn(|cx| self.carrier.poll_shutdown(cx)).await.is_err() {
                return;
            }
            while !self.ended {
                match poll_fn(|cx| self.carrier.poll_arrival(cx)).await {
                    Ok(Arrival::Stanza(_) | Arrival::Refused(_)) => {}
                    Ok(Arrival::Footer) | Err(_) => self.ended = true,
                }
            }
        };
        if timeout(self.timing.close, farewell).await.is_err() {
            tracing::debug!("the other side did not say good-bye in time");
        }
    }
}
