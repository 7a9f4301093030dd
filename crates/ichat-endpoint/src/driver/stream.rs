//! The XMPP stream in a task of its own, so that a slow server never holds up a packet of audio.

use std::future::poll_fn;
use std::task::{Context, Poll};

use ichat_xmpp::FullJid;
use ichat_xmpp::client::Connection;
use minidom::Element;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Stanzas that may wait for the driver before the stream stops reading.
const INCOMING_CAPACITY: usize = 64;

/// The driver's end of the stream.
#[derive(Debug)]
pub(super) struct Stream {
    outgoing: mpsc::UnboundedSender<Element>,
    incoming: mpsc::Receiver<Result<Element, String>>,
    task: JoinHandle<()>,
    jid: FullJid,
}

impl Stream {
    pub(super) fn start(connection: Connection, jid: FullJid) -> Self {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (received, incoming) = mpsc::channel(INCOMING_CAPACITY);
        let task = tokio::spawn(carry(connection, to_send, received));
        Self {
            outgoing,
            incoming,
            task,
            jid,
        }
    }

    pub(super) fn jid(&self) -> &FullJid {
        &self.jid
    }

    pub(super) fn send(&self, stanza: Element) {
        if self.outgoing.send(stanza).is_err() {
            tracing::debug!("the stream is gone; a stanza is lost");
        }
    }

    /// The next stanza, or why there will be none.
    pub(super) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Element, String>> {
        let next = self.incoming.poll_recv(context);
        next.map(|stanza| stanza.unwrap_or_else(|| Err("the stream has ended".into())))
    }

    /// The same as a future. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Result<Element, String> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Sends what waits, says good-bye, and waits until that is done: 2 s at most, by the
    /// connection's own limit.
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
    mut to_send: mpsc::UnboundedReceiver<Element>,
    received: mpsc::Sender<Result<Element, String>>,
) {
    loop {
        tokio::select! {
            stanza = to_send.recv() => match stanza {
                Some(stanza) => {
                    if let Err(error) = connection.send(&stanza).await {
                        report(&received, error.to_string()).await;
                        return;
                    }
                }
                None => break,
            },
            stanza = connection.recv() => match stanza {
                Ok(stanza) => {
                    if received.send(Ok(stanza)).await.is_err() {
                        // The driver has gone; what it still wanted to say comes first.
                        while let Ok(stanza) = to_send.try_recv() {
                            if connection.send(&stanza).await.is_err() {
                                return;
                            }
                        }
                        break;
                    }
                }
                Err(error) => {
                    report(&received, error.to_string()).await;
                    return;
                }
            },
        }
    }
    connection.close().await;
}

async fn report(received: &mpsc::Sender<Result<Element, String>>, error: String) {
    if received.send(Err(error)).await.is_err() {
        tracing::debug!("nobody listens to the stream any more");
    }
}
