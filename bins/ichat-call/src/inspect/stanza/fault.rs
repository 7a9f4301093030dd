//! Why a stanza came back: RFC 6120 §8.3, and the old numeric codes (XEP-0086).

use super::{attribute, content, head, plain};
use crate::inspect::field::Field;
use crate::inspect::xml::{Content, Node};

/// The namespace of conditions.
const CONDITIONS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// The element `<error/>`.
pub(super) fn field(error: &Node) -> Field {
    let is_condition = |node: &Node| node.namespace == CONDITIONS && node.local != "text";
    let has_condition = error.elements().any(is_condition);
    let attributes = error
        .attributes
        .iter()
        .map(|found| match found.name.as_str() {
            "code" => {
                let field = attribute(found);
                match found.value.trim().parse::<u16>() {
                    Ok(code) => field.means(old_code(code)).graded("C"),
                    Err(_) => field.note("expected a number"),
                }
            }
            "type" => attribute(found).means(match found.value.as_str() {
                "cancel" => "do not try again",
                "continue" => "only a warning",
                "modify" => "try again with other data",
                "auth" => "try again with credentials",
                "wait" => "try again later",
                _ => "",
            }),
            _ => attribute(found),
        });
    let field = head(error).with(attributes);
    let bare = "no condition: an old client or server; the code says what there is to know";
    field
        .note_if(!has_condition, bare)
        .with(error.content.iter().filter_map(|content| match content {
            Content::Element(node) if is_condition(node) => Some(condition(node)),
            Content::Element(node) if node.local == "text" => Some(plain(node).means("for people")),
            Content::Element(_) | Content::Text { .. } => self::content(content),
        }))
}

/// Conditions that end a ring, and what they say about it.
fn condition(node: &Node) -> Field {
    let field = plain(node);
    let meaning = match node.local.as_str() {
        "service-unavailable" => "nobody there, or nobody who understands; servers say it of both",
        "item-not-found" => "no such user, device or node",
        "recipient-unavailable" => "not online",
        "feature-not-implemented" => "not understood: no iChat, or another dialect",
        "remote-server-not-found" => "the other's server does not exist",
        "remote-server-timeout" => "the other's server does not answer",
        "not-allowed" | "forbidden" | "not-authorized" | "subscription-required" => "refused",
        "bad-request" => "not understood: malformed",
        "policy-violation" | "resource-constraint" => "too much, too often or too long",
        _ => "",
    };
    field.means(meaning)
}

/// XEP-0086 §3.
fn old_code(code: u16) -> &'static str {
    match code {
        302 => "the old code of gone, redirect",
        400 => "the old code of bad-request",
        401 => "the old code of not-authorized",
        402 => "the old code of payment-required",
        403 => "the old code of forbidden",
        404 => "the old code of item-not-found",
        405 => "the old code of not-allowed",
        406 => "the old code of not-acceptable",
        407 => "the old code of registration-required",
        408 => "the old code of remote-server-timeout",
        409 => "the old code of conflict",
        500 => "the old code of internal-server-error",
        501 => "the old code of feature-not-implemented",
        502 => "the old code of service-unavailable",
        503 => "the old code of service-unavailable",
        504 => "the old code of remote-server-timeout",
        510 => "the old code of service-unavailable",
        _ => "an unknown code",
    }
}
