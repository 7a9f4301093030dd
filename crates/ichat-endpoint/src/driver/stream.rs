//! An XMPP stream in a task of its own, so that a slow server never holds up a packet of audio, and
//! signing in to it again neither.

use std::future::poll_fn;
use std::task::{Context, Poll};

use ichat_xmpp::FullJid;
use ichat_xmpp::client::{Connection, GaveUp, Happening, Persistent, StreamError};
use minidom::Element;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::addresses::is_ours;
use crate::sockets::routed_source;
use crate::sources::is_private;

/// Stanzas that may wait for the driver before the stream stops reading.
const INCOMING_CAPACITY: usize = 64;

/// What a stream brings.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A stanza.
    Stanza(Element),
    /// The server is gone; it is being signed in to again. What is sent meanwhile waits.
    Lost {
        /// Why, for people.
        error: String,
        /// Whether it may be as if nothing had been.
        resumable: bool,
    },
    /// It is as if nothing had been.
    Resumed,
    /// We are signed in anew, under this name.
    Reconnected(FullJid),
    /// Nothing comes any more.
    Ended(Ended),
}

/// Why a stream has ended for good.
#[derive(Debug)]
pub(super) enum Ended {
    /// A stream that does not come back is broken, or the peer has closed it.
    Broken(String),
    /// The server does not want us back.
    GaveUp(GaveUp),
}

/// The driver's end of the stream.
#[derive(Debug)]
pub(super) struct Stream {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    incoming: mpsc::Receiver<Arrival>,
    task: JoinHandle<()>,
    jid: FullJid,
    session: u32,
}

/// What the driver says to the task.
#[derive(Debug)]
enum Outgoing {
    /// A stanza, and for which session it was made, counted from 0: what is on its way when another
    /// begins does not belong to that.
    Stanza { session: u32, stanza: Element },
    /// The addresses of this machine have changed, or with `renumbered` the one outside.
    AddressesChanged { renumbered: bool },
}

impl Stream {
    /// A stream that ends when it is lost.
    pub(super) fn start(connection: Connection, jid: FullJid) -> Self {
        Self::run(jid, |to_send, arrived| carry(connection, to_send, arrived))
    }

    /// One that comes back.
    pub(super) fn keep(server: Persistent) -> Self {
        let jid = server.jid().clone();
        Self::run(jid, |to_send, arrived| keep(server, to_send, arrived))
    }

    fn run<T>(
        jid: FullJid,
        task: impl FnOnce(mpsc::UnboundedReceiver<Outgoing>, mpsc::Sender<Arrival>) -> T,
    ) -> Self
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (arrived, incoming) = mpsc::channel(INCOMING_CAPACITY);
        Self {
            outgoing,
            incoming,
            task: tokio::spawn(task(to_send, arrived)),
            jid,
            session: 0,
        }
    }

    pub(super) fn jid(&self) -> &FullJid {
        &self.jid
    }

    pub(super) fn send(&self, stanza: Element) {
        let session = self.session;
        if self
            .outgoing
            .send(Outgoing::Stanza { session, stanza })
            .is_err()
        {
            tracing::debug!("the stream is gone; a stanza is lost");
        }
    }

    /// The addresses of this machine have changed, or with `renumbered` the one at which the world sees
    /// us: a stream to the server that began at one that is gone is left for another.
    pub(super) fn note_addresses(&self, renumbered: bool) {
        let changed = Outgoing::AddressesChanged { renumbered };
        if self.outgoing.send(changed).is_err() {
            tracing::trace!("the stream is gone");
        }
    }

    /// What comes next.
    pub(super) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        let next = self.incoming.poll_recv(context);
        next.map(|arrival| {
            if let Some(Arrival::Reconnected(jid)) = &arrival {
                self.jid = jid.clone();
                self.session += 1;
            }
            let ended = || Arrival::Ended(Ended::Broken("the stream has ended".into()));
            arrival.unwrap_or_else(ended)
        })
    }

    /// The same as a future. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Arrival {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Sends what waits, says good-bye, and waits until that is done: 2 s at most, by the
    /// connection's own limit. Without a connection it is done at once.
    pub(super) async fn close(self) {
        drop(self.outgoing);
        drop(self.incoming);
        if self.task.await.is_err() {
            tracing::debug!("the stream's task did not end well");
        }
    }
}

async fn carry(
    mut connection: Connection,
    mut to_send: mpsc::UnboundedReceiver<Outgoing>,
    arrived: mpsc::Sender<Arrival>,
) {
    loop {
        tokio::select! {
            outgoing = to_send.recv() => match outgoing {
                Some(Outgoing::Stanza { stanza, .. }) => {
                    if let Err(error) = send(&mut connection, &stanza).await {
                        report(&arrived, Arrival::Ended(Ended::Broken(error.to_string()))).await;
                        return;
                    }
                }
                // A neighbour opens another one if it has anything to say.
                Some(Outgoing::AddressesChanged { .. }) => {}
                None => break,
            },
            stanza = connection.recv() => match stanza {
                Ok(stanza) => {
                    if arrived.send(Arrival::Stanza(stanza)).await.is_err() {
                        // The driver has gone; what it still wanted to say comes first.
                        while let Ok(outgoing) = to_send.try_recv() {
                            if let Outgoing::Stanza { stanza, .. } = outgoing
                                && send(&mut connection, &stanza).await.is_err()
                            {
                                return;
                            }
                        }
                        break;
                    }
                }
                Err(error) => {
                    report(&arrived, Arrival::Ended(Ended::Broken(error.to_string()))).await;
                    return;
                }
            },
        }
    }
    connection.close().await;
}

/// Sends a stanza; one that cannot be written is left out.
async fn send(connection: &mut Connection, stanza: &Element) -> Result<(), StreamError> {
    match connection.send(stanza).await {
        Err(error @ StreamError::Unsendable(_)) => {
            tracing::error!(%error, "a stanza of ours is no XML");
            Ok(())
        }
        sent => sent,
    }
}

async fn keep(
    mut server: Persistent,
    mut to_send: mpsc::UnboundedReceiver<Outgoing>,
    arrived: mpsc::Sender<Arrival>,
) {
    let mut session = 0;
    let mut source = routed_source(server.login().address);
    loop {
        let happening = tokio::select! {
            outgoing = to_send.recv() => match outgoing {
                Some(Outgoing::AddressesChanged { renumbered }) => {
                    let outside = !is_private(server.login().address.ip());
                    let gone = source.is_some_and(|source| !is_ours(source));
                    if gone || (renumbered && outside) {
                        server.note_move();
                    }
                    continue;
                }
                Some(outgoing) => {
                    queue(&mut server, session, outgoing);
                    continue;
                }
                None => break,
            },
            happening = server.recv() => happening,
        };
        let arrival = match happening {
            Happening::Stanza(stanza) => Arrival::Stanza(stanza),
            Happening::Lost { error, resumable } => Arrival::Lost {
                error: error.to_string(),
                resumable,
            },
            Happening::Resumed => {
                source = routed_source(server.login().address);
                Arrival::Resumed
            }
            Happening::Reconnected { jid } => {
                source = routed_source(server.login().address);
                session += 1;
                Arrival::Reconnected(jid)
            }
            Happening::GaveUp(gave_up) => {
                report(&arrived, Arrival::Ended(Ended::GaveUp(gave_up))).await;
                return;
            }
        };
        if arrived.send(arrival).await.is_err() {
            // The driver has gone; what it still wanted to say comes first.
            while let Ok(outgoing) = to_send.try_recv() {
                queue(&mut server, session, outgoing);
            }
            break;
        }
    }
    server.close().await;
}

fn queue(server: &mut Persistent, current: u32, outgoing: Outgoing) {
    let sent = match outgoing {
        Outgoing::Stanza { session, stanza } if session == current => server.send(stanza),
        Outgoing::Stanza { stanza, .. } => server.send_of_last(stanza),
        Outgoing::AddressesChanged { .. } => Ok(()),
    };
    if let Err(error) = sent {
        tracing::error!(%error, "a stanza of ours is left out");
    }
}

async fn report(arrived: &mpsc::Sender<Arrival>, arrival: Arrival) {
    if arrived.send(arrival).await.is_err() {
        tracing::debug!("nobody listens to the stream any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ichat_xmpp::BareJid;
    use ichat_xmpp::client::{ConnectConfig, TlsMode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    const FEATURES: &str = "<stream:features>\
        <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>\
        <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

    /// What a client says, until this is in it.
    async fn hear(peer: &mut TcpStream, end: &str) -> String {
        let mut heard = Vec::new();
        let mut octets = [0; 4096];
        loop {
            let length = peer.read(&mut octets).await.unwrap();
            heard.extend_from_slice(&octets[..length]);
            let text = String::from_utf8_lossy(&heard);
            if text.contains(end) || length == 0 {
                return text.into_owned();
            }
        }
    }

    /// Lets a client sign in.
    async fn sign_in(listener: &TcpListener) -> TcpStream {
        let (mut peer, _) = listener.accept().await.unwrap();
        let open = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>{FEATURES}"
        );
        let bound = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                     <jid>me@im.test/desk</jid></bind></iq>";
        for (end, answer) in [
            ("version='1.0'>", open.as_str()),
            (
                "</auth>",
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            ),
            ("version='1.0'>", &open),
            ("</iq>", bound),
        ] {
            hear(&mut peer, end).await;
            peer.write_all(answer.as_bytes()).await.unwrap();
        }
        peer
    }

    fn stanza(xml: &str) -> Element {
        xml.replace("/>", " xmlns='jabber:client'/>")
            .parse()
            .unwrap()
    }

    async fn online(listener: &TcpListener) -> (Stream, TcpStream) {
        let mut config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), "x");
        let port = listener.local_addr().unwrap().port();
        config.server = Some(("127.0.0.1".into(), Some(port)));
        config.tls = TlsMode::Off;
        let (server, peer) = tokio::join!(Persistent::connect(config), sign_in(listener));
        (Stream::keep(server.unwrap()), peer)
    }

    #[tokio::test]
    async fn what_was_made_for_a_dead_session_is_not_said_into_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut stream, peer) = online(&listener).await;
        drop(peer);
        assert!(matches!(
            stream.recv().await,
            Arrival::Lost {
                resumable: false,
                ..
            }
        ));
        let (signed_in, again) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let mut peer = sign_in(&listener).await;
            signed_in.send(()).unwrap();
            hear(&mut peer, "</stream:stream>").await
        });
        again.await.unwrap();
        // The driver does not know yet.
        for old in ["<presence id='old'/>", "<message id='chat'/>"] {
            stream.send(stanza(old));
        }
        let Arrival::Reconnected(jid) = stream.recv().await else {
            panic!()
        };
        assert_eq!(
            (&jid, jid.to_string().as_str()),
            (stream.jid(), "me@im.test/desk")
        );
        stream.send(stanza("<presence id='new'/>"));
        stream.close().await;
        let heard = serving.await.unwrap();
        let ids: Vec<_> = heard.split(" id='").skip(1).collect();
        assert!(
            ids.len() == 2 && ids[0].starts_with("chat'") && ids[1].starts_with("new'"),
            "{heard}"
        );
    }

    #[tokio::test]
    async fn who_is_not_wanted_back_is_told_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut stream, mut peer) = online(&listener).await;
        let conflict = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                        </stream:error></stream:stream>";
        peer.write_all(conflict.as_bytes()).await.unwrap();
        let Arrival::Ended(Ended::GaveUp(gave_up)) = stream.recv().await else {
            panic!()
        };
        assert!(gave_up.is_conflict());
        assert!(matches!(
            stream.recv().await,
            Arrival::Ended(Ended::Broken(_))
        ));
        stream.send(stanza("<presence/>"));
        stream.close().await;
    }
}
