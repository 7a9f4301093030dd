//! What carries the stanzas of a [`Connection`](super::Connection): tokio-xmpp to a server, our own
//! stream to a link-local peer.

use std::io;
use std::task::{Context, Poll};

use minidom::Element;

use super::stream_error::StreamError;

/// What came.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A stanza.
    Stanza(Element),
    /// One beyond the limits was read past; why.
    Refused(String),
    /// The peer says good-bye.
    Footer,
}

/// An open stream. Each `poll_` may be left and taken up again at any time.
pub(super) trait Carrier: Send {
    /// Reads on, and sends what waits to be sent. Keeps the stream alive, and notices when it is
    /// dead.
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arrival, StreamError>>;

    /// Whether a stanza can be taken.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Takes a stanza that is known to be XML.
    fn queue(&mut self, stanza: &Element) -> io::Result<()>;

    /// Sends what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends the footer and ends our direction.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}
