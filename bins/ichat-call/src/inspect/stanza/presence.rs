//! Presence and capabilities: `docs/protocol/xmpp.md`, presence and capabilities [C, G, P].

use ichat_xmpp::{CapsNode, ExtToken};

use super::{attribute, attributes, content, head, plain};
use crate::inspect::field::Field;
use crate::inspect::xml::{Attribute, Content, Node};

/// The namespace of capabilities (XEP-0115).
const CAPS: &str = "http://jabber.org/protocol/caps";

/// No more tokens of one `ext` are looked at; there are twelve known ones.
const MAX_TOKENS: usize = 64;

/// A presence.
pub(super) fn field(presence: &Node) -> Field {
    let caps = presence.elements().find(|child| child.is("c", CAPS));
    let field = head(presence).means(match presence.attribute("type") {
        None => standing(caps),
        Some("unavailable") => "offline",
        Some("subscribe") => "asks to see our presence",
        Some("subscribed") => "lets us see its presence",
        Some("unsubscribe") => "wants to see our presence no more",
        Some("unsubscribed") => "lets us see its presence no more",
        Some("probe") => "asks for our presence now",
        Some("error") => "came back",
        Some(_) => "of an unknown type",
    });
    field
        .with(attributes(presence))
        .with(presence.content.iter().filter_map(|content| match content {
            Content::Element(child) if child.is("c", CAPS) => Some(capabilities(child)),
            Content::Element(child) => Some(known(child)),
            Content::Text { .. } => self::content(content),
        }))
}

/// What it means for a call.
fn standing(caps: Option<&Node>) -> &'static str {
    let Some(caps) = caps else {
        return "online, without capabilities: not callable";
    };
    let is_ichat = CapsNode::parse(caps.attribute("node").unwrap_or_default().trim()).is_ichat();
    let tokens = caps.attribute("ext").unwrap_or_default();
    match (
        is_ichat,
        tokens.split_whitespace().any(|word| word == "avavail"),
    ) {
        (true, true) => "an iChat, callable now",
        (true, false) => "an iChat, not callable now: no avavail",
        (false, _) => "no iChat: not callable",
    }
}

fn known(child: &Node) -> Field {
    let field = plain(child);
    match (child.local.as_str(), child.namespace.as_str()) {
        ("show", _) => match child.text().trim() {
            "away" => field.means("away"),
            "xa" => field.means("away for long"),
            "dnd" => field.means("do not disturb"),
            "chat" => field.means("wants to talk"),
            _ => {
                field.note("expected away, xa, dnd or chat (RFC 6121 §4.7.2.1); read as available")
            }
        },
        ("status", _) => field.means("for people"),
        ("priority", _) => match child.text().trim().parse::<i8>() {
            Ok(0..) => field.means("takes the user's waiting messages"),
            Ok(_) => field.means("takes no messages that are for anyone"),
            Err(_) => field.note("expected a number from -128 to 127; read as 0"),
        },
        ("x", "vcard-temp:x:update") => field.means("XEP-0153: which picture").graded("C"),
        ("x", "http://jabber.org/protocol/tune") => field.means("which music").graded("C"),
        (_, _) => field,
    }
}

/// The element `<c/>`.
fn capabilities(caps: &Node) -> Field {
    let node = CapsNode::parse(caps.attribute("node").unwrap_or_default().trim());
    let is_ichat = node.is_ichat();
    let tokens = caps.attribute("ext");
    let field = head(caps)
        .means("capabilities in XEP-0115's form before 1.4")
        .graded("C")
        .note_if(
            caps.attribute("hash").is_some(),
            "a hash: the form since 1.4; iChat sends none",
        )
        .note_if(
            caps.attribute("node").is_none(),
            "no node: expected apple:ichat:caps",
        );
    let field = field.with(caps.attributes.iter().map(|found| {
        match found.name.as_str() {
            "node" => match node {
                CapsNode::IChat => attribute(found)
                    .means("an iChat, the older name")
                    .graded("C"),
                CapsNode::IChatUri => attribute(found)
                    .means("an iChat, the newer name")
                    .graded("P"),
                CapsNode::Other(_) => attribute(found).means("another program"),
            },
            "ver" if is_ichat => version(found),
            "ext" if is_ichat => extensions(found),
            _ => attribute(found),
        }
    }));
    let first = "no ext: an iChat's first presence; another may follow with one [C]";
    field
        .note_if(is_ichat && tokens.is_none(), first)
        .with(caps.content.iter().filter_map(content))
}

fn version(found: &Attribute) -> Field {
    let field = attribute(found);
    match found.value.as_str() {
        "388" => field.means("iChat 3.0 on Mac OS X 10.4.0").graded("C"),
        "436" => field.means("iChat 3.1.5").graded("P"),
        "448" => field
            .means("what the 2009 gateway said; no iChat's")
            .graded("G"),
        _ => field
            .means("the build of iChat, one that is not known here")
            .graded("?"),
    }
}

fn extensions(found: &Attribute) -> Field {
    let tokens: Vec<ExtToken> = found
        .value
        .split_whitespace()
        .take(MAX_TOKENS)
        .map(ExtToken::parse)
        .collect();
    let surplus = found.value.split_whitespace().skip(MAX_TOKENS).count();
    let has = |token| tokens.contains(&token);
    let conference = has(ExtToken::Ice) || has(ExtToken::RecAuth);
    let dialect = if conference {
        "expects to be rung in the conference dialect [I]"
    } else {
        "expects to be rung in the legacy dialect [G]"
    };
    attribute(found)
        .means(dialect)
        .graded("C")
        .note_if(
            surplus > 0,
            format!("{surplus} more than {MAX_TOKENS} tokens: not looked at"),
        )
        .with(tokens.iter().map(token))
}

fn token(token: &ExtToken) -> Field {
    let meaning = match token {
        ExtToken::AvAvail => "free for a call now",
        ExtToken::AvCap => "able to hold calls",
        ExtToken::Audio => "a microphone",
        ExtToken::Video => "a camera that is on",
        ExtToken::MultiAudio => "audio with several people",
        ExtToken::MultiVideo => "video with several people",
        ExtToken::AuxVideo => "iChat Theater",
        ExtToken::Ice => "connectivity checks",
        ExtToken::RecAuth => "asks before it records",
        ExtToken::RdServer => "shows its screen",
        ExtToken::RdClient => "looks at a screen",
        ExtToken::RdMuxing => "a screen beside audio on one port",
        ExtToken::Other(_) => "",
    };
    let seen = match token {
        ExtToken::AvAvail
        | ExtToken::AvCap
        | ExtToken::Audio
        | ExtToken::Video
        | ExtToken::MultiAudio
        | ExtToken::MultiVideo => "C",
        ExtToken::AuxVideo
        | ExtToken::Ice
        | ExtToken::RecAuth
        | ExtToken::RdServer
        | ExtToken::RdClient
        | ExtToken::RdMuxing => "P",
        ExtToken::Other(_) => "?",
    };
    let field = Field::new(token.as_str()).graded(seen);
    match token.feature() {
        Some(feature) => field.text(feature).means(meaning),
        None => field.note("an unknown token"),
    }
}
