//! An XML stream of our own on rxml: for link-local peers, whose headers tokio-xmpp refuses
//! (docs/adr/0006-link-local-stream-on-rxml.md), and for everything before log-in, where the peer is
//! nobody yet and passwords pass (docs/adr/0004-sign-in-of-our-own-over-tokio-xmpp.md).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use minidom::Element;
use rxml::bytes::{Buf, BytesMut};
use rxml::writer::{SimpleNamespaces, TrackNamespace};
use rxml::{AsyncReader, Encoder, Event, Item, Namespace, NcName, QName, XmlVersion};
use secrecy::zeroize::Zeroize;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use xmpp_parsers::ns::{JABBER_CLIENT, STREAM};

use super::element::{Bare, Excess, Tree};
use super::guard::Guard;
use super::trace::{Direction, Trace};
use super::xml;

/// A transport under a stream: TCP, TLS over it, or a pipe in a test.
pub(super) trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

/// A transport of any kind.
pub(super) type Transport = Box<dyn Octets>;

/// A transport as XML streams want it: with limits, and buffered for reading.
pub(super) type Io = BufReader<Guard<Transport>>;

pub(super) fn guarded(transport: Transport) -> Io {
    BufReader::new(Guard::new(transport))
}

/// The attributes of a stream header (RFC 6120 §4.7) that mean something here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Header {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) id: Option<String>,
    pub(super) version: Option<String>,
}

/// What a peer sends between its header and its footer.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A stanza, or another element on its level.
    Element(Element),
    /// One that was read past.
    Refused(Excess),
    /// The footer: nothing more will come.
    Footer,
}

#[derive(Debug)]
enum Reading {
    Between,
    Within(Tree),
    /// Reading past an element; so many of its descendants are open.
    Past {
        open: usize,
        why: Excess,
    },
}

/// One XML stream over one transport.
pub(super) struct Wire {
    reader: AsyncReader<Io>,
    encoder: Encoder<SimpleNamespaces>,
    out: BytesMut,
    reading: Reading,
    bare: Bare,
    closing: bool,
    trace: Option<Trace>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn new(io: Io, bare: Bare, trace: Option<Trace>) -> Self {
        Self {
            reader: AsyncReader::new(io),
            encoder: Encoder::new(),
            out: BytesMut::new(),
            reading: Reading::Between,
            bare,
            closing: false,
            trace,
        }
    }

    /// The transport, with what it had read ahead. What was queued must have been flushed.
    pub(super) fn into_io(self) -> Io {
        self.reader.into_inner().0
    }

    // Out

    /// Puts our header into the queue.
    pub(super) fn queue_header(&mut self, header: &Header) -> io::Result<()> {
        self.encoder
            .ns_tracker_mut()
            .declare_fixed(Some(&name("stream")?), STREAM.into());
        self.encoder
            .ns_tracker_mut()
            .declare_fixed(None, JABBER_CLIENT.into());
        let start = self.out.len();
        self.put(Item::XmlDeclaration(XmlVersion::V1_0))?;
        self.put(Item::ElementHeadStart(STREAM.into(), &name("stream")?))?;
        for (attribute, value) in [
            ("from", &header.from),
            ("to", &header.to),
            ("id", &header.id),
            ("version", &header.version),
        ] {
            if let Some(value) = value {
                self.put(Item::Attribute(Namespace::NONE, &name(attribute)?, value))?;
            }
        }
        self.put(Item::ElementHeadEnd)?;
        if let Some(trace) = &self.trace {
            let octets = self.out.get(start..).unwrap_or_default();
            let text = String::from_utf8_lossy(octets).replacen('\n', "", 1);
            trace.line(Direction::Sent, &text);
        }
        Ok(())
    }

    /// Puts an element into the queue. [`xml::to_xml`] has taken it before.
    pub(super) fn queue(&mut self, element: &Element) -> io::Result<()> {
        xml::encode(element, &mut self.encoder, &mut self.out).map_err(unencodable)?;
        if let Some(trace) = &self.trace {
            trace.stanza(Direction::Sent, element);
        }
        Ok(())
    }

    /// The same for one with a secret in its text. The queue gets its full size before: growing, it
    /// would leave a copy behind that nobody wipes.
    pub(super) fn queue_secret(&mut self, element: &Element) -> io::Result<()> {
        self.out.reserve(room(element));
        self.queue(element)
    }

    /// Puts a space into the queue, which means nothing (RFC 6120 §4.6.1).
    pub(super) fn queue_space(&mut self) {
        self.out.extend_from_slice(b" ");
    }

    fn put(&mut self, item: Item<'_>) -> io::Result<()> {
        self.encoder
            .encode_into_bytes(item, &mut self.out)
            .map_err(unencodable)
    }

    /// Sends what is queued. May be left and taken up again at any time.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let mut io = Pin::new(self.reader.inner_mut());
            let written = ready!(io.as_mut().poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            // A password may have been among it.
            if let Some(gone) = self.out.get_mut(..written) {
                gone.zeroize();
            }
            self.out.advance(written);
        }
        Pin::new(self.reader.inner_mut()).poll_flush(cx)
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends what is queued and the footer, and ends our direction of the transport.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closing, true) {
            self.put(Item::ElementFoot)?;
            if let Some(trace) = &self.trace {
                trace.line(Direction::Sent, "</stream:stream>");
            }
        }
        ready!(self.poll_flush(cx))?;
        Pin::new(self.reader.inner_mut()).poll_shutdown(cx)
    }

    // In

    /// Reads the peer's header. Not cancel-safe.
    pub(super) async fn read_header(&mut self) -> io::Result<Header> {
        // Somebody who greets in words is no XMPP peer, and may then wait for us for ever.
        self.reader.parser_mut().set_text_buffering(false);
        loop {
            match self.reader.read().await? {
                Some(Event::XmlDeclaration(..)) => {}
                Some(Event::StartElement(_, (namespace, name), attributes)) => {
                    if namespace != STREAM || name.as_str() != "stream" {
                        return Err(invalid("the peer's first element opens no XMPP stream"));
                    }
                    let attribute = |name: &str| attributes.get("", name).cloned();
                    let header = Header {
                        from: attribute("from"),
                        to: attribute("to"),
                        id: attribute("id"),
                        version: attribute("version"),
                    };
                    if let Some(trace) = &self.trace {
                        let mut shown = Element::bare("stream", STREAM);
                        *shown.attrs_mut() = attributes;
                        let text = xml::to_trace(&shown);
                        let open = text.strip_suffix("</stream>").unwrap_or(&text);
                        trace.line(Direction::Received, open);
                    }
                    return Ok(header);
                }
                // The parser lets neither come before the first element.
                Some(Event::Text(..) | Event::EndElement(_)) => {
                    return Err(invalid("the peer speaks no XML"));
                }
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Reads on. May be left and taken up again at any time: what has come is kept here.
    ///
    /// After an error or [`Inbound::Footer`] there is nothing more to read.
    pub(super) fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Inbound>> {
        loop {
            // Spaces between stanzas are handed on at once, not collected.
            let within = !matches!(self.reading, Reading::Between);
            self.reader.parser_mut().set_text_buffering(within);
            let event = ready!(Pin::new(&mut self.reader).poll_read(cx))?;
            let Some(event) = event else {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            };
            if let Some(inbound) = self.take(event)? {
                if let Some(trace) = &self.trace {
                    match &inbound {
                        Inbound::Element(element) => trace.stanza(Direction::Received, element),
                        Inbound::Refused(why) => {
                            trace.line(Direction::Received, &format!("<!-- refused: {why} -->"));
                        }
                        Inbound::Footer => trace.line(Direction::Received, "</stream:stream>"),
                    }
                }
                return Poll::Ready(Ok(inbound));
            }
        }
    }

    pub(super) async fn read(&mut self) -> io::Result<Inbound> {
        poll_fn(|cx| self.poll_inbound(cx)).await
    }

    fn take(&mut self, event: Event) -> io::Result<Option<Inbound>> {
        let reading = std::mem::replace(&mut self.reading, Reading::Between);
        match reading {
            Reading::Between => match event {
                Event::StartElement(_, name, attributes) => {
                    self.begin(name, attributes);
                    Ok(None)
                }
                Event::Text(_, text) if xso::is_xml_whitespace(text.as_bytes()) => Ok(None),
                Event::Text(..) => Err(invalid("text between stanzas")),
                Event::EndElement(_) => Ok(Some(Inbound::Footer)),
                Event::XmlDeclaration(..) => Ok(None),
            },
            Reading::Within(mut tree) => {
                let change = change_of_depth(&event);
                let open = tree.open();
                match tree.feed(event) {
                    Ok(Some(element)) => Ok(Some(Inbound::Element(element))),
                    Ok(None) => {
                        self.reading = Reading::Within(tree);
                        Ok(None)
                    }
                    // Only a start tag or a text is refused, so the element is still open.
                    Err(why) => {
                        let open = open.saturating_sub(1).saturating_add_signed(change);
                        self.reading = Reading::Past { open, why };
                        Ok(None)
                    }
                }
            }
            Reading::Past { open, why } => match open.checked_add_signed(change_of_depth(&event)) {
                Some(open) => {
                    self.reading = Reading::Past { open, why };
                    Ok(None)
                }
                None => Ok(Some(Inbound::Refused(why))),
            },
        }
    }

    fn begin(&mut self, name: QName, attributes: rxml::AttrMap) {
        self.reading = match Tree::new(self.bare, name, attributes) {
            Ok(tree) => Reading::Within(tree),
            Err(why) => Reading::Past { open: 0, why },
        };
    }
}

/// More octets than an element of this one's kind takes that has text, and no children.
fn room(element: &Element) -> usize {
    /// The longest reference that a character of text becomes: `&quot;`.
    const ESCAPED: usize = 6;
    let names = element.name().len().saturating_mul(2) + element.ns().len();
    let attributes = element.attrs().iter();
    let attributes: usize = attributes
        .map(|((namespace, name), value)| {
            namespace.len() + name.len() + value.len().saturating_mul(ESCAPED)
        })
        .sum();
    let text = element.text().len().saturating_mul(ESCAPED);
    names + attributes + text + 256
}

fn change_of_depth(event: &Event) -> isize {
    match event {
        Event::StartElement(..) => 1,
        Event::EndElement(_) => -1,
        Event::Text(..) | Event::XmlDeclaration(..) => 0,
    }
}

fn name(text: &str) -> io::Result<NcName> {
    NcName::try_from(text).map_err(unencodable)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn unencodable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::element::DEPTH_LIMIT;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    fn wire(bare: Bare) -> (Wire, DuplexStream) {
        let (ours, theirs) = duplex(1 << 16);
        (Wire::new(guarded(Box::new(ours)), bare, None), theirs)
    }

    async fn reading(text: &str) -> Wire {
        let (wire, mut peer) = wire(Bare::None);
        let text = text.to_owned();
        tokio::spawn(async move {
            peer.write_all(text.as_bytes()).await.unwrap();
        });
        wire
    }

    const OPEN: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                        xmlns:stream='http://etherx.jabber.org/streams'>";

    #[tokio::test]
    async fn a_header_needs_no_attribute_and_may_have_any() {
        let mut plain = reading(OPEN).await;
        assert_eq!(plain.read_header().await.unwrap(), Header::default());
        let mut rich = reading(
            "<stream:stream to='a@b' from='c@d' version='1.0' id='7' xml:lang='en' new='1' \
             xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>",
        )
        .await;
        let header = rich.read_header().await.unwrap();
        assert_eq!(header.from.as_deref(), Some("c@d"));
        assert_eq!(header.version.as_deref(), Some("1.0"));
    }

    #[tokio::test]
    async fn other_openings_are_refused() {
        for text in ["<stream xmlns='x'>", "HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
            assert!(reading(text).await.read_header().await.is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn stanzas_come_out_one_by_one_and_then_the_footer() {
        let mut wire = reading(&format!("{OPEN} \n<a/> <b>x</b></stream:stream>")).await;
        wire.read_header().await.unwrap();
        let Inbound::Element(a) = wire.read().await.unwrap() else {
            panic!()
        };
        assert!(a.is("a", JABBER_CLIENT));
        let Inbound::Element(b) = wire.read().await.unwrap() else {
            panic!()
        };
        assert_eq!(b.text(), "x");
        assert!(matches!(wire.read().await.unwrap(), Inbound::Footer));
    }

    #[tokio::test]
    async fn a_stanza_beyond_the_limits_is_read_past() {
        let deep = |depth: usize| format!("{}t{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let long = format!("<a>{}<b/>{0}</a>", "t".repeat(200_000));
        let wide = format!("<a>{}</a>", "<b/>".repeat(20_000));
        let text = format!(
            "{OPEN}{}{}{}{long}{wide}<end/>",
            deep(DEPTH_LIMIT),
            deep(DEPTH_LIMIT + 1),
            deep(200)
        );
        let mut wire = reading(&text).await;
        wire.read_header().await.unwrap();
        assert!(matches!(wire.read().await.unwrap(), Inbound::Element(_)));
        assert!(matches!(
            wire.read().await.unwrap(),
            Inbound::Refused(Excess::Depth)
        ));
        assert!(matches!(
            wire.read().await.unwrap(),
            Inbound::Refused(Excess::Depth)
        ));
        assert!(matches!(
            wire.read().await.unwrap(),
            Inbound::Refused(Excess::Octets)
        ));
        assert!(matches!(
            wire.read().await.unwrap(),
            Inbound::Refused(Excess::Nodes)
        ));
        let Inbound::Element(end) = wire.read().await.unwrap() else {
            panic!()
        };
        assert_eq!(end.name(), "end");
    }

    #[tokio::test]
    async fn a_start_tag_that_is_refused_at_once_is_read_past_as_well() {
        let text = format!("{OPEN}<a xmlns='{}'><b>x</b></a><end/>", "n".repeat(2000));
        let mut wire = reading(&text).await;
        wire.read_header().await.unwrap();
        assert!(matches!(
            wire.read().await.unwrap(),
            Inbound::Refused(Excess::Namespace)
        ));
        assert!(matches!(wire.read().await.unwrap(), Inbound::Element(_)));
    }

    #[tokio::test]
    async fn text_between_stanzas_and_broken_xml_are_errors() {
        for text in ["junk", "<a></b>", "<!-- x -->", "<a>&unknown;</a>"] {
            let mut wire = reading(&format!("{OPEN}{text}")).await;
            wire.read_header().await.unwrap();
            assert_eq!(
                wire.read().await.unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn stanzas_without_a_namespace_are_taken_for_a_clients() {
        let (mut wire, mut peer) = wire(Bare::Client);
        let text = "<s:stream xmlns:s='http://etherx.jabber.org/streams'><iq><q xmlns='x'/></iq>";
        peer.write_all(text.as_bytes()).await.unwrap();
        wire.read_header().await.unwrap();
        let Inbound::Element(iq) = wire.read().await.unwrap() else {
            panic!()
        };
        assert!(iq.is("iq", JABBER_CLIENT) && iq.get_child("q", "x").is_some());
    }

    #[tokio::test]
    async fn the_queue_does_not_grow_while_a_secret_is_put_into_it() {
        for length in [0, 1, 60, 1000, 20_000] {
            let (mut wire, _peer) = wire(Bare::None);
            wire.queue_header(&Header::default()).unwrap();
            wire.flush().await.unwrap();
            let mut auth = Element::bare("auth", xmpp_parsers::ns::SASL);
            xml::set_attribute(&mut auth, "mechanism", "PLAIN");
            auth.append_text("a&".repeat(length));
            wire.out.reserve(room(&auth));
            let place = wire.out.as_ptr();
            wire.queue_secret(&auth).unwrap();
            assert_eq!(wire.out.as_ptr(), place, "{length}");
        }
    }

    #[tokio::test]
    async fn what_is_queued_goes_out_in_order() {
        let (mut wire, mut peer) = wire(Bare::None);
        let header = Header {
            to: Some("b&'c".into()),
            ..Header::default()
        };
        wire.queue_header(&header).unwrap();
        wire.queue(&Element::bare("iq", JABBER_CLIENT)).unwrap();
        wire.queue_space();
        poll_fn(|cx| wire.poll_close(cx)).await.unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).await.unwrap();
        insta::assert_snapshot!(text, @r"
        <?xml version='1.0' encoding='utf-8'?>
        <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='b&amp;&#39;c'><iq></iq> </stream:stream>
        ");
    }
}
