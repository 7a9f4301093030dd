//! XML with offsets: a tree of elements whose depth and attributes have limits.
//!
//! The parser is rxml, the one below minidom: it takes the XML that XMPP allows (RFC 6120 §11.1)
//! and tells how long each piece was.

mod node;
mod tag;

use minidom::rxml::error::EndOrError;
use minidom::rxml::parser::EventMetrics;
use minidom::rxml::{AttrMap, Event, Options, Parse, Parser, WithOptions};

use super::field::Place;
use super::input::MAX_INPUT;
pub(super) use node::{Attribute, Content, Node};
use tag::{Tag, resolve};

/// No element may be deeper; real stanzas have four levels.
pub(super) const MAX_DEPTH: usize = 64;

/// No element may have more attributes, namespaces included.
const MAX_ATTRIBUTES: usize = 128;

/// No input may have more elements and attributes.
const MAX_NODES: usize = 30_000;

/// No namespace may be longer: every element inside has it too. Real ones have 50 octets.
const MAX_NAMESPACE: usize = 256;

/// What a stream's head declares, so that stanzas cut out of a stream can be read.
const HEAD: &str = "<stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'>";
const TAIL: &str = "</stream>";

/// Why a text is no XML that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmlError {
    /// In octets of the input. Of a fault in the syntax, where the parser stopped: there or up to a
    /// token before it.
    pub(super) offset: usize,
    pub(super) is_exact: bool,
    /// What was expected and what was found.
    pub(super) message: String,
}

impl XmlError {
    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            is_exact: true,
            message: message.into(),
        }
    }
}

/// Reads one element or several in a row; white space around them does not matter.
pub(super) fn read(octets: &[u8]) -> Result<Vec<Node>, XmlError> {
    let start = declaration_length(octets);
    let body = octets.get(start..).unwrap_or_default();
    let options = Options {
        max_token_length: MAX_INPUT,
        ..Options::default()
    };
    let mut reader = Reader {
        parser: Parser::with_options(options),
        octets,
        offset: start,
        open: Vec::new(),
        top: Vec::new(),
        nodes: 0,
    };
    reader.skip_head();
    reader.feed(body)?;
    reader.finish()?;
    Ok(reader.top)
}

/// The length of `<?xml … ?>` and the white space before it.
fn declaration_length(octets: &[u8]) -> usize {
    let blank = octets
        .iter()
        .take_while(|octet| octet.is_ascii_whitespace())
        .count();
    let rest = octets.get(blank..).unwrap_or_default();
    if !rest.starts_with(b"<?xml") {
        return 0;
    }
    rest.windows(2)
        .position(|pair| pair == b"?>")
        .map_or(0, |end| blank + end + 2)
}

struct Reader<'a> {
    parser: Parser,
    octets: &'a [u8],
    /// How much of the input the events so far took.
    offset: usize,
    open: Vec<Node>,
    top: Vec<Node>,
    /// Elements and attributes so far.
    nodes: usize,
}

impl Reader<'_> {
    /// The head of a stream, which is no part of the input.
    fn skip_head(&mut self) {
        let mut head = HEAD.as_bytes();
        while let Ok(Some(_)) = self.parser.parse(&mut head, false) {}
    }

    fn feed(&mut self, body: &[u8]) -> Result<(), XmlError> {
        let mut rest = body;
        loop {
            match self.parser.parse(&mut rest, false) {
                Ok(Some(event)) => self.take(event)?,
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(()),
                Err(EndOrError::Error(error)) => {
                    let read = self.octets.len().saturating_sub(rest.len());
                    let offset = read.saturating_sub(1);
                    return Err(XmlError {
                        offset,
                        is_exact: false,
                        message: error.to_string(),
                    });
                }
            }
        }
    }

    /// The end of the stream: flushes the last text, and tells what was left open.
    fn finish(&mut self) -> Result<(), XmlError> {
        let end = self.octets.len();
        let mut tail = TAIL.as_bytes();
        while let Ok(Some(event)) = self.parser.parse(&mut tail, true) {
            match event {
                Event::Text(..) => self.take(event)?,
                Event::EndElement(_) if self.open.is_empty() => return Ok(()),
                Event::EndElement(_) | Event::StartElement(..) | Event::XmlDeclaration(..) => break,
            }
        }
        let message = match self.open.last() {
            Some(open) => format!(
                "expected the end of <{}>, which begins at offset {}, found the end of the input",
                open.name, open.place.offset
            ),
            None => "expected the end of a tag, found the end of the input".to_owned(),
        };
        Err(XmlError::at(end, message))
    }

    fn take(&mut self, event: Event) -> Result<(), XmlError> {
        match event {
            Event::XmlDeclaration(metrics, _) => {
                self.advance(metrics);
            }
            Event::StartElement(metrics, (namespace, local), attributes) => {
                let place = self.advance(metrics);
                let node = self.node(place, namespace.as_str(), local.as_str(), &attributes)?;
                self.open.push(node);
            }
            Event::Text(metrics, text) => {
                let place = self.advance(metrics);
                self.text(place, text)?;
            }
            Event::EndElement(metrics) => {
                let place = self.advance(metrics);
                let Some(mut node) = self.open.pop() else {
                    let message = "expected an element, found the end tag of one that is not open";
                    return Err(XmlError::at(place.offset, message));
                };
                node.place.length = self.offset - node.place.offset;
                match self.open.last_mut() {
                    Some(parent) => parent.content.push(Content::Element(node)),
                    None => self.top.push(node),
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, place: Place, text: String) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(parent) => match parent.content.last_mut() {
                Some(Content::Text {
                    text: before,
                    place: whole,
                }) => {
                    before.push_str(&text);
                    whole.length += place.length;
                }
                Some(Content::Element(_)) | None => {
                    parent.content.push(Content::Text { text, place });
                }
            },
            None if text.trim().is_empty() => {}
            None => {
                let message = "expected an element, found text beside the elements";
                return Err(XmlError::at(place.offset, message));
            }
        }
        Ok(())
    }

    fn advance(&mut self, metrics: EventMetrics) -> Place {
        let place = Place {
            offset: self.offset,
            length: metrics.len(),
        };
        self.offset += metrics.len();
        place
    }

    fn node(
        &mut self,
        place: Place,
        namespace: &str,
        local: &str,
        resolved: &AttrMap,
    ) -> Result<Node, XmlError> {
        if self.open.len() >= MAX_DEPTH {
            let message =
                format!("expected at most {MAX_DEPTH} elements inside each other, found more");
            return Err(XmlError::at(place.offset, message));
        }
        if namespace.len() > MAX_NAMESPACE {
            let message = format!(
                "expected a namespace of at most {MAX_NAMESPACE} octets, found {}",
                namespace.len()
            );
            return Err(XmlError::at(place.offset, message));
        }
        let tag = self
            .octets
            .get(place.offset..place.offset + place.length)
            .unwrap_or_default();
        let tag = String::from_utf8_lossy(tag);
        let mut written = Tag { text: &tag, at: 1 };
        let name = written.word().to_owned();
        let mut attributes = Vec::new();
        while let Some((name, value, at, length)) = written.attribute() {
            if attributes.len() == MAX_ATTRIBUTES {
                let message = format!("expected at most {MAX_ATTRIBUTES} attributes, found more");
                return Err(XmlError::at(place.offset + at, message));
            }
            let value = resolve(resolved, name).unwrap_or(value).to_owned();
            let place = Place {
                offset: place.offset + at,
                length,
            };
            attributes.push(Attribute {
                name: name.to_owned(),
                value,
                place,
            });
        }
        self.nodes += 1 + attributes.len();
        if self.nodes > MAX_NODES {
            let message =
                format!("expected at most {MAX_NODES} elements and attributes, found more");
            return Err(XmlError::at(place.offset, message));
        }
        Ok(Node {
            name,
            local: local.to_owned(),
            namespace: namespace.to_owned(),
            attributes,
            content: Vec::new(),
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_order_are_those_of_the_text() {
        let text = "<?xml version='1.0'?>\n<iq to='b' a=\"&amp;\"><q xmlns='u:x' x:y='1' xmlns:x='u:y'>h&#105;<e/></q></iq> ";
        let nodes = read(text.as_bytes()).unwrap();
        let [iq] = nodes.as_slice() else {
            panic!("{nodes:?}")
        };
        let slice = |place: Place| &text[place.offset..place.offset + place.length];
        assert!(iq.is("iq", "jabber:client"));
        assert!(slice(iq.place).starts_with("<iq to") && slice(iq.place).ends_with("</iq>"));
        let names: Vec<_> = iq
            .attributes
            .iter()
            .map(|a| (a.name.as_str(), a.value.as_str()))
            .collect();
        assert_eq!(names, [("to", "b"), ("a", "&")]);
        assert_eq!(slice(iq.attributes[1].place), "a=\"&amp;\"");
        let q = iq.child("q").unwrap();
        assert!(q.is("q", "u:x") && q.text() == "hi" && !q.is_leaf());
        assert_eq!(q.attribute("x:y"), Some("1"));
        assert_eq!(slice(q.child("e").unwrap().place), "<e/>");
    }

    #[test]
    fn several_stanzas_stand_in_a_row() {
        let nodes = read(b"<a/>\n<b>x</b>\n").unwrap();
        assert_eq!(nodes.len(), 2);
        assert_eq!(
            nodes[1].place,
            Place {
                offset: 5,
                length: 8
            }
        );
    }

    #[test]
    fn deep_xml_is_refused_where_it_gets_too_deep() {
        let fits = format!("{}{}", "<a>".repeat(MAX_DEPTH), "</a>".repeat(MAX_DEPTH));
        assert_eq!(read(fits.as_bytes()).unwrap().len(), 1);
        let error = read("<a>".repeat(100_000).as_bytes()).unwrap_err();
        assert_eq!(error.offset, 3 * MAX_DEPTH);
        assert_eq!(
            error.message,
            "expected at most 64 elements inside each other, found more"
        );
    }

    #[test]
    fn what_is_broken_is_told_with_its_offset() {
        let offset = |text: &str| read(text.as_bytes()).unwrap_err().offset;
        assert_eq!(offset("<a><b></a>"), 9);
        assert_eq!(offset("<a>\u{1}</a>"), 3);
        assert_eq!(offset("<a x=1/>"), 6);
        let error = read(b"<iq><query>").unwrap_err();
        assert_eq!(
            error.message,
            "expected the end of <query>, which begins at offset 4, found the end of the input"
        );
        for text in [
            "<a",
            "<a>&lol;</a>",
            "</a>",
            "<a/></stream><b/>",
            "<a/>text",
            "<a b='1' b='2'/>",
            "<!DOCTYPE x><a/>",
            "<a>\u{fffe}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn attributes_have_a_limit() {
        let many: String = (0..200).map(|n| format!(" a{n}='x'")).collect();
        let error = read(format!("<a{many}/>").as_bytes()).unwrap_err();
        assert_eq!(error.message, "expected at most 128 attributes, found more");
    }
}
