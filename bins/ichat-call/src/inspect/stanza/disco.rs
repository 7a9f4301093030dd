//! disco#info: `docs/protocol/xmpp.md`, presence and capabilities, and all tokens [C, G, P].

use ichat_xmpp::ns::{CAPS_NODE, CAPS_NODE_URI};
use ichat_xmpp::{Dialect, ExtToken};

use super::{attribute, content, head, plain};
use crate::inspect::field::Field;
use crate::inspect::xml::{Content, Node};

/// Its namespace (XEP-0030).
pub(super) const NAMESPACE: &str = "http://jabber.org/protocol/disco#info";

/// The query, asked or answered.
pub(super) fn field(query: &Node) -> Field {
    let features = query
        .elements()
        .filter(|child| child.local == "feature")
        .count();
    let field = head(query).means(if features == 0 && query.is_leaf() {
        "asks what the other can do"
    } else {
        "what the sender can do"
    });
    let attributes = query.attributes.iter().map(|found| {
        let field = attribute(found);
        if found.name == "node" {
            bundle(field, &found.value)
        } else {
            field
        }
    });
    field
        .with(attributes)
        .with(query.content.iter().filter_map(|content| match content {
            Content::Element(child) if child.local == "identity" => Some(identity(child)),
            Content::Element(child) if child.local == "feature" => Some(feature(child)),
            Content::Element(_) | Content::Text { .. } => self::content(content),
        }))
}

/// The node of a query: one bundle of features.
fn bundle(field: Field, node: &str) -> Field {
    let of = |base: &str| Some(node.strip_prefix(base)?.strip_prefix('#')?.to_owned());
    let Some(word) = of(CAPS_NODE).or_else(|| of(CAPS_NODE_URI)) else {
        return field;
    };
    if word.parse::<u32>().is_ok() {
        return field.means("the features of this build").graded("G, P");
    }
    match ExtToken::parse(&word).feature() {
        Some(feature) => field
            .means(format!("the bundle of {feature}"))
            .graded("G, P"),
        None => field.note("an unknown bundle"),
    }
}

fn identity(node: &Node) -> Field {
    let field = plain(node);
    let is = |name, value| node.attribute(name) == Some(value);
    if is("name", "iChatAgent") {
        return field.means("an iChat").graded("C");
    }
    if is("category", "client") && is("type", "pc") {
        return field.means("a program for people").graded("G, P");
    }
    field
}

fn feature(node: &Node) -> Field {
    let name = node.attribute("var").unwrap_or_default();
    let field = head(node).text(name);
    let token = Dialect::Conference
        .tokens()
        .into_iter()
        .find(|token| token.feature() == Some(name));
    let extra = node
        .attributes
        .iter()
        .filter(|found| found.name != "var")
        .map(attribute);
    let field = field
        .with(extra)
        .note_if(node.attribute("var").is_none(), "no var");
    let field = if let Some(token) = token {
        field.means(format!("ext {token}")).graded("P")
    } else {
        match name {
            "apple:profile:bundle-transfer"
            | "apple:profile:efh-transfer"
            | "apple:profile:transfer-extensions:rsrcfork"
            | "http://www.apple.com/xmpp/message-attachments" => {
                field.means("iChat's, for files").graded("P")
            }
            "jabber:iq:version" => field.means("XEP-0092"),
            "http://jabber.org/protocol/disco#info" => field.means("XEP-0030"),
            "http://jabber.org/protocol/bytestreams" => field.means("XEP-0065"),
            "http://jabber.org/protocol/si" => field.means("XEP-0095"),
            "http://jabber.org/protocol/si/profile/file-transfer" => field.means("XEP-0096"),
            "http://jabber.org/protocol/sipub" => field.means("XEP-0137"),
            "http://jabber.org/protocol/xhtml-im" => field.means("XEP-0071"),
            "vcard-temp:x:update" => field.means("XEP-0153"),
            _ => return field.with(node.content.iter().filter_map(content)),
        }
    };
    field.with(node.content.iter().filter_map(content))
}
