//! Elements from a peer, within limits.
//!
//! minidom nests elements without end, and an element that deep overflows the stack when it is
//! dropped. Here elements are put together on a list of the open ones, and one that goes beyond a
//! limit is thrown away before it grows: what is dropped is never deeper than [`DEPTH_LIMIT`].

use minidom::Element;
use rxml::{AttrMap, Event, QName};
use xmpp_parsers::ns::JABBER_CLIENT;
use xso::error::FromEventsError;
use xso::{FromEventsBuilder, FromXml};

/// Elements inside each other, the stanza itself among them.
pub(super) const DEPTH_LIMIT: usize = 64;

/// Elements and pieces of text in one stanza.
pub(super) const NODE_LIMIT: usize = 16 * 1024;

/// Octets of names, values and text in one stanza. `docs/protocol/field.md, 10 [tried]` asks for
/// at least 64 KiB.
pub(super) const OCTET_LIMIT: usize = 256 * 1024;

/// Octets of one namespace name. It is stored with each element that is in it.
const NAMESPACE_LIMIT: usize = 1024;

/// Why a stanza was thrown away. The stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    #[error("a stanza with more than 64 elements inside each other")]
    Depth,
    #[error("a stanza with more than 16384 elements and texts")]
    Nodes,
    #[error("a stanza of more than 262144 octets")]
    Octets,
    #[error("a namespace name of more than 1024 octets")]
    Namespace,
}

impl From<Excess> for xso::error::Error {
    fn from(excess: Excess) -> Self {
        Self::text_parse_error(excess)
    }
}

/// What a start tag without any namespace means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// It is in none.
    None,
    /// It is a stanza of a client that forgot to say so on its stream header
    /// (docs/quirks.md, Q28).
    Client,
}

/// An element in the making.
#[derive(Debug)]
pub(super) struct Tree {
    open: Vec<Element>,
    nodes: usize,
    octets: usize,
    bare: Bare,
}

impl Tree {
    /// Begins with a start tag.
    pub(super) fn new(bare: Bare, name: QName, attributes: AttrMap) -> Result<Self, Excess> {
        let mut tree = Self {
            open: Vec::new(),
            nodes: 0,
            octets: 0,
            bare,
        };
        tree.start(name, attributes)?;
        Ok(tree)
    }

    /// Takes what follows; the whole element when its end tag has come.
    pub(super) fn feed(&mut self, event: Event) -> Result<Option<Element>, Excess> {
        match event {
            Event::XmlDeclaration(..) => Ok(None),
            Event::StartElement(_, name, attributes) => {
                self.start(name, attributes)?;
                Ok(None)
            }
            Event::Text(_, text) => {
                self.count(text.len())?;
                if let Some(innermost) = self.open.last_mut() {
                    innermost.append_text(text);
                }
                Ok(None)
            }
            Event::EndElement(_) => {
                let Some(done) = self.open.pop() else {
                    return Ok(None);
                };
                match self.open.last_mut() {
                    Some(parent) => {
                        parent.append_child(done);
                        Ok(None)
                    }
                    None => Ok(Some(done)),
                }
            }
        }
    }

    /// How many elements are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    fn start(&mut self, (namespace, name): QName, attributes: AttrMap) -> Result<(), Excess> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(Excess::Depth);
        }
        if namespace.len() > NAMESPACE_LIMIT {
            return Err(Excess::Namespace);
        }
        let mut octets = name.len();
        for ((namespace, name), value) in attributes.iter() {
            if namespace.len() > NAMESPACE_LIMIT {
                return Err(Excess::Namespace);
            }
            octets += name.len() + value.len();
        }
        self.count(octets)?;
        let namespace = match self.bare {
            Bare::Client if namespace.is_none() => JABBER_CLIENT.to_owned(),
            Bare::Client | Bare::None => String::from(namespace),
        };
        let mut element = Element::bare(name.as_str(), namespace);
        *element.attrs_mut() = attributes;
        self.open.push(element);
        Ok(())
    }

    fn count(&mut self, octets: usize) -> Result<(), Excess> {
        self.nodes += 1;
        self.octets += octets;
        if self.nodes > NODE_LIMIT {
            return Err(Excess::Nodes);
        }
        if self.octets > OCTET_LIMIT {
            return Err(Excess::Octets);
        }
        Ok(())
    }
}

/// An element from a server's stream. tokio-xmpp reads past one that is refused and goes on.
#[derive(Debug)]
pub(super) struct Bounded(pub(super) Element);

/// Builds [`Bounded`].
#[derive(Debug)]
pub(super) struct BoundedBuilder(Tree);

impl FromXml for Bounded {
    type Builder = BoundedBuilder;

    fn from_events(
        name: QName,
        attributes: AttrMap,
        _context: &xso::Context<'_>,
    ) -> Result<Self::Builder, FromEventsError> {
        match Tree::new(Bare::None, name, attributes) {
            Ok(tree) => Ok(BoundedBuilder(tree)),
            Err(excess) => Err(FromEventsError::Invalid(excess.into())),
        }
    }
}

impl FromEventsBuilder for BoundedBuilder {
    type Output = Bounded;

    fn feed(
        &mut self,
        event: Event,
        _context: &xso::Context<'_>,
    ) -> Result<Option<Self::Output>, xso::error::Error> {
        Ok(self.0.feed(event)?.map(Bounded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rxml::Namespace;

    fn read(xml: &str) -> Result<Element, xso::error::Error> {
        xso::from_bytes::<Bounded>(xml.as_bytes()).map(|bounded| bounded.0)
    }

    fn nested(depth: usize) -> String {
        format!(
            "<a xmlns='x'>{}{}</a>",
            "<a>".repeat(depth - 1),
            "</a>".repeat(depth - 1)
        )
    }

    #[test]
    fn an_element_within_the_limits_is_what_minidom_reads() {
        for xml in [
            "<iq xmlns='jabber:client' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<m xmlns='a' xml:lang='de'>x<b xmlns='c' d='&lt;e&gt;'>y</b>z &amp; <![CDATA[<q>]]></m>",
            &nested(DEPTH_LIMIT),
        ] {
            assert_eq!(read(xml).unwrap(), xml.parse::<Element>().unwrap());
        }
    }

    #[test]
    fn one_level_too_many_is_refused() {
        assert!(read(&nested(DEPTH_LIMIT)).is_ok());
        let error = read(&nested(DEPTH_LIMIT + 1)).unwrap_err().to_string();
        assert!(
            error.contains("more than 64 elements inside each other"),
            "{error}"
        );
    }

    #[test]
    fn too_many_nodes_are_refused() {
        let xml = |count| format!("<a xmlns='x'>{}</a>", "<b/>".repeat(count));
        assert!(read(&xml(NODE_LIMIT - 1)).is_ok());
        assert!(
            read(&xml(NODE_LIMIT))
                .unwrap_err()
                .to_string()
                .contains("16384")
        );
    }

    #[test]
    fn too_many_octets_are_refused_whether_text_or_attributes() {
        let text = format!("<a xmlns='x'>{}</a>", "t".repeat(OCTET_LIMIT));
        assert!(
            read(&text)
                .unwrap_err()
                .to_string()
                .contains("262144 octets")
        );
        let value = "v".repeat(8000);
        let attributes = format!(
            "<a xmlns='x'>{}</a>",
            format!("<b c='{value}'/>").repeat(40)
        );
        assert!(
            read(&attributes)
                .unwrap_err()
                .to_string()
                .contains("262144 octets")
        );
    }

    #[test]
    fn a_long_namespace_is_refused_because_each_element_keeps_it() {
        let xml = format!("<a xmlns='{}'/>", "n".repeat(NAMESPACE_LIMIT + 1));
        assert!(read(&xml).unwrap_err().to_string().contains("namespace"));
    }

    proptest! {
        #[test]
        fn whatever_minidom_writes_comes_back(
            texts in proptest::collection::vec("[ -~äß€😀]{1,20}", 0..6),
            name in "[a-z]{1,8}",
            value in "[ -~ß\n\t]{0,20}",
        ) {
            let mut element = Element::bare(name.as_str(), "urn:test");
            for text in texts {
                let mut child = Element::bare("c", "urn:other");
                child.set_attr(Namespace::NONE, "v".try_into().unwrap(), value.clone());
                child.append_text(text);
                element.append_child(child);
            }
            let xml = String::from(&element);
            let back = read(&xml).unwrap();
            prop_assert_eq!(String::from(&back), xml);
        }
    }
}
