//! Our streams, each with the machine that speaks on it: one to the server, any number straight
//! to peers.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use ichat_xmpp::client::lan::StreamSlot;
use ichat_xmpp::client::{Connection, Persistent};
use ichat_xmpp::{CallId, FullJid, Output, Session, SessionConfig};
use minidom::Element;
use tokio::time::timeout;

use super::stream::{Arrival, Stream};

/// How long a server may take to say good-bye.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkId(u32);

/// A call of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) link: LinkId,
    pub(super) id: CallId,
}

/// What is at the other end.
#[derive(Debug)]
pub(super) enum Kind {
    /// Our server: without it nobody reaches us.
    Server,
    /// One peer; with its place among the streams that neighbours may open, held while it stands.
    Peer {
        /// Its name.
        name: String,
        /// Given back when it is dropped.
        #[expect(dead_code, reason = "held, not read: dropping it gives the place back")]
        slot: Option<StreamSlot>,
    },
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    kind: Kind,
    session: Session,
    stream: Stream,
}

/// All streams.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
    last: u32,
    /// The stream that is asked first, so that a talkative one cannot starve the others.
    next: usize,
}

impl Links {
    /// Adds a stream straight to a peer and begins its session.
    pub(super) fn open(
        &mut self,
        now: Instant,
        kind: Kind,
        connection: Connection,
        config: SessionConfig,
    ) -> LinkId {
        let stream = Stream::start(connection, config.jid.clone());
        self.add(now, kind, stream, config)
    }

    /// Adds the stream to our server, which comes back when it is lost, and begins its session.
    pub(super) fn open_server(
        &mut self,
        now: Instant,
        server: Persistent,
        config: SessionConfig,
    ) -> LinkId {
        self.add(now, Kind::Server, Stream::keep(server), config)
    }

    fn add(&mut self, now: Instant, kind: Kind, stream: Stream, config: SessionConfig) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        self.links.push(Link {
            id,
            kind,
            session: Session::new(now, config),
            stream,
        });
        id
    }

    /// Drops a stream that has ended; tells what it was.
    pub(super) fn remove(&mut self, id: LinkId) -> Option<Kind> {
        let index = self.links.iter().position(|link| link.id == id)?;
        Some(self.links.remove(index).kind)
    }

    /// The session of a stream, while the stream stands.
    pub(super) fn session(&mut self, id: LinkId) -> Option<&mut Session> {
        self.links
            .iter_mut()
            .find(|link| link.id == id)
            .map(|link| &mut link.session)
    }

    pub(super) fn sessions(&mut self) -> impl Iterator<Item = &mut Session> {
        self.links.iter_mut().map(|link| &mut link.session)
    }

    /// Our bare name on a stream.
    pub(super) fn name(&self, id: LinkId) -> Option<String> {
        self.jid(id).map(|jid| jid.to_bare().to_string())
    }

    /// Our full name on a stream.
    pub(super) fn jid(&self, id: LinkId) -> Option<&FullJid> {
        self.links
            .iter()
            .find(|link| link.id == id)
            .map(|link| link.stream.jid())
    }

    /// Whether a stream leads straight to the peer of this name.
    pub(super) fn leads_to(&self, id: LinkId, wanted: &str) -> bool {
        self.links.iter().any(|link| match &link.kind {
            Kind::Peer { name, .. } => link.id == id && name.eq_ignore_ascii_case(wanted),
            Kind::Server => false,
        })
    }

    pub(super) fn send(&self, id: LinkId, stanza: Element) {
        if let Some(link) = self.links.iter().find(|link| link.id == id) {
            link.stream.send(stanza);
        }
    }

    /// The addresses of this machine have changed, or that at which others see us.
    pub(super) fn note_addresses(&self, renumbered: bool) {
        for link in &self.links {
            link.stream.note_addresses(renumbered);
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<(LinkId, Output)> {
        self.links
            .iter_mut()
            .find_map(|link| link.session.poll_output().map(|output| (link.id, output)))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.links
            .iter()
            .filter_map(|link| link.session.poll_timeout())
            .min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for session in self.sessions() {
            if session.poll_timeout().is_some_and(|due| due <= now) {
                session.handle_timeout(now);
            }
        }
    }

    /// What any stream brings next. Cancel-safe.
    pub(super) async fn recv(&mut self) -> (LinkId, Arrival) {
        poll_fn(|context| {
            let count = self.links.len();
            for step in 0..count {
                let index = (self.next + step) % count;
                let Some(link) = self.links.get_mut(index) else {
                    continue;
                };
                if let Poll::Ready(arrival) = link.stream.poll_recv(context) {
                    self.next = index + 1;
                    return Poll::Ready((link.id, arrival));
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn go_offline(&mut self, now: Instant) {
        for session in self.sessions() {
            session.go_offline(now);
        }
    }

    /// Ends every stream, all at the same time.
    pub(super) async fn close(&mut self) {
        let closing: Vec<_> = self
            .links
            .drain(..)
            .map(|link| tokio::spawn(link.stream.close()))
            .collect();
        for stream in closing {
            if timeout(CLOSE_PATIENCE, stream).await.is_err() {
                tracing::debug!("a stream did not end in time");
            }
        }
    }
}
