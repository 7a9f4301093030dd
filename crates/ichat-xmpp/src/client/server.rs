//! The stream to a server once we are logged in, carried by tokio-xmpp.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Sink, Stream};
use minidom::Element;
use tokio::time::{Sleep, sleep};
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::ns::{JABBER_CLIENT, PING, SM, STREAM};

use super::carrier::{Arrival, Carrier};
use super::config::Timing;
use super::element::Bounded;
use super::stream_error::{StreamError, StreamFault};
use super::trace::{Direction, Trace};
use super::wire::Io;
use super::xml::set_attribute;

/// How a silent server is asked for a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// By a ping (XEP-0199).
    Ping,
    /// For its count of our stanzas (XEP-0198), where stanzas are counted: a ping of which the
    /// program knows nothing would be one too many.
    Count,
}

/// A stream to a server.
pub(super) struct Server {
    stream: XmlStream<Io, Bounded>,
    domain: String,
    trace: Option<Trace>,
    unsent: bool,
    pings: u64,
    probe: Probe,
    patience: Duration,
    broken: Option<Broken>,
}

/// Our direction of the stream is broken. What the server has said before that is read all the same:
/// it may say why, and that decides what comes next.
struct Broken {
    error: Option<io::Error>,
    grace: Pin<Box<Sleep>>,
}

/// How long the server's last words are waited for.
const GRACE: Duration = Duration::from_secs(1);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("domain", &self.domain)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Exchanges stream headers. The server's features are the first to arrive.
    pub(super) async fn open(
        io: Io,
        domain: &str,
        timing: &Timing,
        trace: Option<Trace>,
    ) -> io::Result<Self> {
        let header = StreamHeader {
            from: None,
            to: Some(domain.into()),
            id: None,
        };
        let timeouts = Timeouts {
            read_timeout: timing.idle,
            response_timeout: timing.answer,
        };
        let pending = initiate_stream(io, JABBER_CLIENT, header, timeouts).await?;
        Ok(Self {
            // The features are read as any element is, with the same limits.
            stream: pending.skip_features(),
            domain: domain.to_owned(),
            trace,
            unsent: false,
            pings: 0,
            probe: Probe::Ping,
            patience: timing.idle + timing.answer,
            broken: None,
        })
    }

    pub(super) fn set_probe(&mut self, probe: Probe) {
        self.probe = probe;
    }

    /// Nothing can be sent any more; reading goes on for a moment.
    pub(super) fn stop_sending(&mut self, error: io::Error) {
        self.unsent = false;
        if self.broken.is_none() {
            self.broken = Some(Broken {
                error: Some(error),
                grace: Box::pin(sleep(GRACE)),
            });
        }
    }

    pub(super) fn can_send(&self) -> bool {
        self.broken.is_none()
    }

    /// Asks for a sign of life, unless so much waits to be sent that nobody would see it.
    pub(super) fn ask(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.poll_ready(cx) {
            Poll::Ready(ready) => ready?,
            Poll::Pending => return Ok(()),
        }
        let question = match self.probe {
            Probe::Ping => self.ping(),
            Probe::Count => Element::bare("r", SM),
        };
        self.queue(&question)
    }

    fn ping(&mut self) -> Element {
        self.pings += 1;
        let mut ping = Element::bare("iq", JABBER_CLIENT);
        for (name, value) in [
            ("type", "get"),
            ("id", &self.ping_id()),
            ("to", self.domain.as_str()),
        ] {
            set_attribute(&mut ping, name, value);
        }
        ping.append_child(Element::bare("ping", PING));
        ping
    }

    fn ping_id(&self) -> String {
        format!("keep-alive-{}", self.pings)
    }

    /// Answers to our pings are nobody else's business. An error is a sign of life too.
    fn is_pong(&self, element: &Element) -> bool {
        self.pings > 0
            && element.is("iq", JABBER_CLIENT)
            && matches!(element.attr("type"), Some("result" | "error"))
            && element.attr("id") == Some(&self.ping_id())
    }

    fn failure(&self, error: io::Error) -> StreamError {
        if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
            StreamError::Silent(self.patience)
        } else {
            StreamError::from_io(error)
        }
    }
}

impl Carrier for Server {
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrival, StreamError>> {
        loop {
            if self.unsent
                && let Poll::Ready(Err(error)) = self.poll_flush(cx)
            {
                self.stop_sending(error);
            }
            let read = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(read)) => read,
                Poll::Ready(None) => return Poll::Ready(Err(StreamError::Lost(None))),
                Poll::Pending => {
                    let Some(broken) = &mut self.broken else {
                        return Poll::Pending;
                    };
                    ready!(broken.grace.as_mut().poll(cx));
                    let error = broken.error.take().map(|error| self.failure(error));
                    return Poll::Ready(Err(error.unwrap_or(StreamError::Lost(None))));
                }
            };
            match read {
                Ok(Bounded(element)) => {
                    if let Some(trace) = &self.trace {
                        trace.stanza(Direction::Received, &element);
                    }
                    if element.is("error", STREAM) {
                        let fault = StreamFault::read(&element);
                        return Poll::Ready(Err(StreamError::Fault(fault)));
                    }
                    if !self.is_pong(&element) {
                        return Poll::Ready(Ok(Arrival::Stanza(element)));
                    }
                }
                Err(ReadError::SoftTimeout) => {
                    if let Err(error) = self.ask(cx) {
                        self.stop_sending(error);
                    }
                }
                Err(ReadError::ParseError(error)) => {
                    let why = if let xso::error::Error::TextParseError(excess) = &error {
                        excess.to_string()
                    } else {
                        error.to_string()
                    };
                    if let Some(trace) = &self.trace {
                        trace.line(Direction::Received, &format!("<!-- refused: {why} -->"));
                    }
                    return Poll::Ready(Ok(Arrival::Refused(why)));
                }
                Err(ReadError::HardError(error)) => {
                    return Poll::Ready(Err(self.failure(error)));
                }
                Err(ReadError::StreamFooterReceived) => {
                    if let Some(trace) = &self.trace {
                        trace.line(Direction::Received, "</stream:stream>");
                    }
                    return Poll::Ready(Ok(Arrival::Footer));
                }
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<&Element>::poll_ready(Pin::new(&mut self.stream), cx)
    }

    fn queue(&mut self, stanza: &Element) -> io::Result<()> {
        Sink::<&Element>::start_send(Pin::new(&mut self.stream), stanza)?;
        self.unsent = true;
        if let Some(trace) = &self.trace {
            trace.stanza(Direction::Sent, stanza);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Sink::<&Element>::poll_flush(Pin::new(&mut self.stream), cx))?;
        self.unsent = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // From here on the stream takes nothing more, and flushes by itself.
        self.unsent = false;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if let Some(trace) = &self.trace {
            trace.line(Direction::Sent, "</stream:stream>");
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::Connection;
    use crate::client::wire::guarded;
    use futures::{SinkExt, StreamExt};
    use tokio::io::{BufReader, DuplexStream, duplex};
    use tokio::time::{Instant, timeout};
    use tokio_xmpp::xmlstream::accept_stream;
    use xmpp_parsers::jid::FullJid;
    use xmpp_parsers::stream_features::StreamFeatures;

    type Peer = XmlStream<BufReader<DuplexStream>, Element>;

    /// Our end and the server's, which buffers so many octets for each direction.
    async fn pair(capacity: usize) -> (Connection, Peer) {
        let (ours, theirs) = duplex(capacity);
        let timing = Timing::default();
        let server = async {
            let io = BufReader::new(theirs);
            let never = Duration::from_secs(1_000_000);
            let timeouts = Timeouts {
                read_timeout: never,
                response_timeout: never,
            };
            let accepted = accept_stream(io, JABBER_CLIENT, timeouts).await.unwrap();
            let header = StreamHeader {
                from: None,
                to: None,
                id: Some("1".into()),
            };
            let pending = accepted.send_header(header).await.unwrap();
            pending
                .send_features(&StreamFeatures::default())
                .await
                .unwrap()
        };
        let client = Server::open(guarded(Box::new(ours)), "im.test", &timing, None);
        let (client, server) = tokio::join!(client, server);
        let jid = FullJid::new("me@im.test/r").unwrap();
        let mut connection = Connection::new(jid, Box::new(client.unwrap()), timing);
        assert!(connection.recv().await.unwrap().is("features", STREAM));
        (connection, server)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_asked_and_a_dead_one_noticed_within_a_minute() {
        let (mut connection, mut peer) = pair(1 << 16).await;
        let begun = Instant::now();
        let watching = async {
            let ping: Element = peer.next().await.unwrap().unwrap();
            (ping, begun.elapsed(), peer)
        };
        let (ended, (ping, asked, _peer)) = tokio::join!(connection.recv(), watching);
        assert_eq!(asked.as_secs(), 25);
        assert!(ping.has_child("ping", PING));
        assert_eq!(
            (ping.attr("type"), ping.attr("to")),
            (Some("get"), Some("im.test"))
        );
        assert!(matches!(ended, Err(StreamError::Silent(after)) if after.as_secs() == 40));
        assert_eq!(begun.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_alive_and_its_answers_are_not_shown() {
        let (mut connection, mut peer) = pair(1 << 16).await;
        let answering = async {
            for round in 0..20 {
                let ping: Element = peer.next().await.unwrap().unwrap();
                let mut answer = Element::bare("iq", JABBER_CLIENT);
                let kind = if round % 2 == 0 { "result" } else { "error" };
                set_attribute(&mut answer, "type", kind);
                set_attribute(&mut answer, "id", ping.attr("id").unwrap());
                peer.send(&answer).await.unwrap();
            }
            peer.send(&Element::bare("message", JABBER_CLIENT))
                .await
                .unwrap();
        };
        let (stanza, ()) = tokio::join!(connection.recv(), answering);
        assert_eq!(stanza.unwrap().name(), "message");
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_lives_though_each_receive_is_given_up_early() {
        let (mut connection, mut peer) = pair(1 << 16).await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            let patience = Duration::from_millis(700);
            assert!(timeout(patience, connection.recv()).await.is_err());
        }
        let ping: Element = peer.next().await.unwrap().unwrap();
        assert!(ping.has_child("ping", PING));
        peer.send(&Element::bare("message", JABBER_CLIENT))
            .await
            .unwrap();
        assert_eq!(connection.recv().await.unwrap().name(), "message");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_reads_nothing_does_not_hold_us_up_for_ever() {
        let (mut connection, _peer) = pair(256).await;
        let mut large = Element::bare("message", JABBER_CLIENT);
        large.append_text("x".repeat(10_000));
        let begun = Instant::now();
        let error = connection.send(&large).await.unwrap_err();
        assert!(matches!(error, StreamError::Stuck(_)), "{error}");
        assert_eq!(begun.elapsed().as_secs(), 20);
        connection.close().await;
        assert_eq!(
            begun.elapsed().as_secs(),
            22,
            "closing waits for two seconds"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn closing_says_good_bye_and_waits_no_longer_than_it_must() {
        let (connection, mut peer) = pair(1 << 16).await;
        let begun = Instant::now();
        let ((), ended) = tokio::join!(connection.close(), peer.next());
        assert!(matches!(ended, Some(Err(ReadError::StreamFooterReceived))));
        assert_eq!(begun.elapsed().as_secs(), 2, "the server said nothing");

        let (connection, mut peer) = pair(1 << 16).await;
        let begun = Instant::now();
        tokio::join!(connection.close(), async {
            assert!(peer.next().await.is_some());
            SinkExt::<&Element>::close(&mut peer).await.unwrap();
        });
        assert_eq!(begun.elapsed().as_secs(), 0);
    }
}
