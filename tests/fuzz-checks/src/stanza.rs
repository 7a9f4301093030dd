//! XMPP as a peer writes it: octets, then XML, then elements.
//!
//! What reads the octets belongs to the client of `ichat-xmpp` and is nobody else's. It stands alone
//! and is taken in as files, so that it is driven without the rest of a client: no runtime, no
//! socket, no resolver. What the machine makes of the elements is in `session.rs`.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "files of the client, of which the check uses its part"
)]

#[path = "../../../crates/ichat-xmpp/src/client/element.rs"]
mod element;
#[path = "../../../crates/ichat-xmpp/src/client/guard.rs"]
mod guard;
#[path = "../../../crates/ichat-xmpp/src/client/trace.rs"]
mod trace;
#[path = "../../../crates/ichat-xmpp/src/client/wire.rs"]
mod wire;
#[path = "../../../crates/ichat-xmpp/src/client/xml.rs"]
mod xml;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use ichat_xmpp::Element;
use ichat_xmpp::vc::{Query, Response};
use rxml::{AsyncReader, Event};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::session;
use element::Bare;
use wire::{Header, Inbound, Io, Wire, guarded};

/// A stream: its octets through the scanner, the parser and the limits; each stanza that comes out
/// through the readers of `vc:*`, and all of them through the machine.
pub fn stanza(octets: &[u8]) {
    is_never_deep(octets);
    let whole = read(octets, usize::MAX);
    let piecemeal = read(octets, 1);
    assert_eq!(whole, piecemeal, "it is the same however it is cut");
    for element in &whole.elements {
        look_at(element);
    }
    session::run(&whole.elements);
}

/// Octets as a transport: so many at a time, and then the end.
struct Peer {
    octets: Vec<u8>,
    at: usize,
    step: usize,
}

fn transport(octets: &[u8], step: usize) -> Io {
    guarded(Box::new(Peer {
        octets: octets.to_vec(),
        at: 0,
        step,
    }))
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = &this.octets[this.at..];
        let some = &rest[..rest.len().min(this.step).min(buf.remaining())];
        buf.put_slice(some);
        this.at += some.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The parser behind the scanner never has more elements open than the scanner lets through.
fn is_never_deep(octets: &[u8]) {
    let mut reader = AsyncReader::new(transport(octets, usize::MAX));
    let mut cx = Context::from_waker(Waker::noop());
    let mut open = 0_usize;
    while let Poll::Ready(Ok(Some(event))) = Pin::new(&mut reader).poll_read(&mut cx) {
        match event {
            Event::StartElement(..) => open += 1,
            Event::EndElement(_) => open -= 1,
            Event::Text(..) | Event::XmlDeclaration(..) => {}
        }
        assert!(open <= guard::DEPTH_LIMIT);
    }
}

/// All that was made of a stream.
#[derive(Debug, PartialEq)]
struct Stream {
    header: Option<Header>,
    elements: Vec<Element>,
    refused: Vec<element::Excess>,
    has_footer: bool,
}

fn read(octets: &[u8], step: usize) -> Stream {
    let mut stream = Stream {
        header: None,
        elements: Vec::new(),
        refused: Vec::new(),
        has_footer: false,
    };
    let mut wire = Wire::new(transport(octets, step), Bare::Client, None);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(header) = pin!(wire.read_header()).poll(&mut cx) else {
        panic!("the transport never waits");
    };
    let Ok(header) = header else {
        return stream;
    };
    stream.header = Some(header);
    loop {
        match wire.poll_inbound(&mut cx) {
            Poll::Ready(Ok(Inbound::Element(element))) => stream.elements.push(element),
            Poll::Ready(Ok(Inbound::Refused(excess))) => stream.refused.push(excess),
            Poll::Ready(Ok(Inbound::Footer)) => {
                stream.has_footer = true;
                return stream;
            }
            Poll::Ready(Err(_)) => return stream,
            Poll::Pending => panic!("the transport never waits"),
        }
    }
}

fn look_at(element: &Element) {
    assert!(depth(element) <= element::DEPTH_LIMIT);
    let trace = xml::to_trace(element);
    assert!(!trace.contains(['\n', '\r']), "the trace has one line each");
    let text = xml::to_xml(element).expect("what came as XML goes as XML");
    let again: Element = text.parse().expect("what was written can be read");
    assert_eq!(again, *element, "{text}");
    for child in element.children() {
        if let Ok(Some(query)) = Query::parse(child) {
            query_survives(&query);
        }
    }
}

fn depth(element: &Element) -> usize {
    1 + element.children().map(depth).max().unwrap_or(0)
}

/// What was understood survives being written.
fn query_survives(query: &Query) {
    let again = Query::parse(&query.to_element());
    if let Query::Response(Response { code: None, .. }) = query {
        // We never send one without a number.
        assert!(matches!(again, Ok(Some(Query::Response(_)))));
    } else {
        assert_eq!(again.as_ref(), Ok(&Some(query.clone())));
    }
}
