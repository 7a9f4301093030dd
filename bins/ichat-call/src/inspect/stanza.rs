//! Stanzas: `docs/protocol/xmpp.md`. What Apple's are is explained, the rest is shown as it stands.

mod disco;
mod fault;
mod presence;
mod vc;

use ichat_xmpp::jid::Jid;
use ichat_xmpp::ns::VC_PREFIX;

use super::field::{Document, Field};
use super::ipport::counted;
use super::xml::{Attribute, Content, Node, XmlError, read};
use crate::failure::Failure;

/// iChat answers 603 to a caller whose JID has a longer user part
/// (`docs/protocol/xmpp.md`, while it rings \[G\]).
const LONGEST_USER: usize = 10;

/// Decodes a text of one stanza or several.
pub(super) fn document(octets: Vec<u8>) -> Result<Document, Failure> {
    let nodes = read(&octets).map_err(
        |XmlError {
             offset,
             is_exact,
             message,
         }| {
            let place = if is_exact { "at" } else { "near" };
            Failure::new(
                "bad-xml",
                format!("no whole XML, {place} offset {offset}: {message}"),
            )
        },
    )?;
    let [first, others @ ..] = nodes.as_slice() else {
        return Err(Failure::new(
            "unrecognised",
            "expected an XML element, found none",
        ));
    };
    let title = if others.is_empty() {
        format!("{}: {}", what(first), counted(octets.len(), "octet"))
    } else {
        format!(
            "{}: {}",
            counted(nodes.len(), "stanza"),
            counted(octets.len(), "octet")
        )
    };
    let fields = nodes.iter().map(stanza).collect();
    Ok(Document {
        kind: "stanza",
        title,
        page: "docs/protocol/xmpp.md",
        form: "text",
        raw: octets,
        notes: Vec::new(),
        fault: None,
        content: serde_json::Value::Null,
        fields,
    })
}

/// A name for people.
fn what(node: &Node) -> String {
    let kind = node.attribute("type").unwrap_or_default();
    let payload = node.elements().next().map(|child| child.namespace.as_str());
    match (node.local.as_str(), payload) {
        ("iq", _) if kind == "error" => "error reply".to_owned(),
        ("iq", Some(namespace)) if namespace.starts_with(VC_PREFIX) => {
            let word = namespace.strip_prefix(VC_PREFIX).unwrap_or_default();
            format!("vc:{word}")
        }
        ("iq", Some(disco::NAMESPACE)) => format!("disco#info {kind}").trim_end().to_owned(),
        ("iq", _) => format!("iq {kind}").trim_end().to_owned(),
        ("presence", _) if kind.is_empty() => "presence".to_owned(),
        ("presence", _) => format!("presence {kind}"),
        ("message", _) => "message".to_owned(),
        (local, _) => format!("<{local}>"),
    }
}

fn stanza(node: &Node) -> Field {
    match node.local.as_str() {
        "iq" => iq(node),
        "presence" => presence::field(node),
        _ => plain(node),
    }
}

fn iq(node: &Node) -> Field {
    let kind = node.attribute("type").unwrap_or_default();
    let is_error = kind == "error";
    let payloads = node.content.iter().filter_map(|content| match content {
        Content::Element(child) if child.local == "error" && is_error => Some(fault::field(child)),
        Content::Element(child) if child.namespace.starts_with(VC_PREFIX) => {
            let query = vc::field(child);
            let echo = "an error looks at its type first: this is what was asked, come back";
            Some(query.note_if(is_error, echo).note_if(
                kind == "get" || kind == "result",
                format!(
                    "expected an iq of type set, found {kind}: the 2009 gateway and iChat send sets"
                ),
            ))
        }
        Content::Element(child) if child.namespace == disco::NAMESPACE => Some(disco::field(child)),
        Content::Element(_) | Content::Text { .. } => self::content(content),
    });
    let payloads: Vec<Field> = payloads.collect();
    let field = head(node).means(match kind {
        "error" => "a request came back: no call, whatever it echoes",
        "result" => "an answer",
        "get" | "set" => "",
        _ => "expected a type of get, set, result or error",
    });
    let is_vc = |child: &Node| child.namespace.starts_with(VC_PREFIX);
    let ring = if is_error {
        None
    } else {
        node.elements().find(|child| is_vc(child))
    };
    let attributes =
        node.attributes
            .iter()
            .map(|attribute| match (attribute.name.as_str(), ring) {
                ("to", Some(_)) => callee(attribute),
                ("from", Some(ring)) => caller(attribute, ring),
                ("id", _) => id(attribute),
                ("type", Some(_)) if kind == "set" => self::attribute(attribute)
                    .means("the answer is a set of its own too, never a result")
                    .graded("G"),
                _ => self::attribute(attribute),
            });
    field.with(attributes).with(payloads)
}

/// The attribute `to` of a stanza that rings.
fn callee(attribute: &Attribute) -> Field {
    let field = self::attribute(attribute);
    match Jid::new(&attribute.value) {
        Ok(jid) if jid.resource().is_some() => field.means("a full JID: one device").graded("G"),
        Ok(_) => field
            .note("a bare JID: the server answers vc:* to it itself; full JIDs only")
            .graded("G"),
        Err(error) => field.note(format!("no JID: {error}")),
    }
}

/// The attribute `from` of a stanza that rings.
fn caller(attribute: &Attribute, ring: &Node) -> Field {
    let field = self::attribute(attribute);
    let jid = match Jid::new(&attribute.value) {
        Ok(jid) => jid,
        Err(error) => return field.note(format!("no JID: {error}")),
    };
    let user = jid.node().map_or(0, |node| node.as_str().chars().count());
    let is_request = ring.namespace == ichat_xmpp::ns::VC_REQUEST;
    let field = if jid.resource().is_some() {
        field
    } else {
        field.means("a bare JID: works for a component").graded("G")
    };
    field.note_if(
        is_request && user > LONGEST_USER,
        format!("{user} characters before the @: iChat answered 603 to callers with more than {LONGEST_USER} [G]"),
    )
}

fn id(attribute: &Attribute) -> Field {
    let is_ichats = attribute.value.strip_prefix("iChat_").is_some_and(|rest| {
        rest.len() == 8
            && rest
                .chars()
                .all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c))
    });
    let field = self::attribute(attribute);
    if is_ichats {
        field.means("as iChat writes its ids").graded("P")
    } else {
        field
    }
}

/// An element's own line, without what it holds.
fn head(node: &Node) -> Field {
    Field::new(node.name.clone()).at(node.place.offset, node.place.length)
}

/// An attribute, as it stands.
fn attribute(attribute: &Attribute) -> Field {
    Field::new(format!("@{}", attribute.name))
        .at(attribute.place.offset, attribute.place.length)
        .text(attribute.value.clone())
}

fn attributes(node: &Node) -> impl Iterator<Item = Field> {
    node.attributes.iter().map(attribute)
}

/// An element, its attributes and all that it holds, as it stands.
fn plain(node: &Node) -> Field {
    let text = node.text();
    let field = head(node).with(attributes(node));
    if node.is_leaf() {
        return if text.is_empty() {
            field
        } else {
            field.text(text)
        };
    }
    field.with(node.content.iter().filter_map(content))
}

/// What an element holds; white space between elements is nothing.
fn content(content: &Content) -> Option<Field> {
    match content {
        Content::Element(node) => Some(plain(node)),
        Content::Text { text, .. } if text.trim().is_empty() => None,
        Content::Text { text, place } => Some(
            Field::new("text")
                .at(place.offset, place.length)
                .text(text.clone()),
        ),
    }
}
