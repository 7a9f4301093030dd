//! The stanzas that ring: `docs/protocol/xmpp.md`, legacy stanzas \[G\].

use std::net::IpAddr;

use ichat_xmpp::ns::{VC_CANCEL, VC_COUNTER_PROPOSAL, VC_REQUEST, VC_RESPONSE};

use super::{attributes, content, head};
use crate::inspect::field::Field;
use crate::inspect::hexadecimal::Hex;
use crate::inspect::ipport;
use crate::inspect::xml::{Content, Node};

/// The hex of `bplist00`, which an invitation begins with.
const INVITATION_MAGIC: &[u8] = b"bplist";

/// What a stanza means, and its children in the known order; those with `true` must be there.
struct Form {
    meaning: &'static str,
    children: &'static [(&'static str, bool)],
}

fn form(namespace: &str) -> Option<Form> {
    let (meaning, children): (_, &[_]) = match namespace {
        VC_REQUEST => (
            "rings: caller to callee, who answers with a vc:response",
            &[
                ("VCNewCallerIPPortData", true),
                ("isAudioOnly", true),
                ("extSIPPort", true),
                ("extIPAddr", true),
                ("VCProtocolVersion", true),
            ],
        ),
        VC_RESPONSE => (
            "answers a ring: callee to caller, who then sends the INVITE",
            &[
                ("response", true),
                ("connectData", true),
                ("responseData", false),
                ("VCProtocolVersion", true),
            ],
        ),
        VC_CANCEL => (
            "the caller gives up while it rings",
            &[("VCProtocolVersion", true)],
        ),
        VC_COUNTER_PROPOSAL => (
            "more addresses, either way; answered in kind",
            &[("connectData", true), ("VCProtocolVersion", true)],
        ),
        _ => return None,
    };
    Some(Form { meaning, children })
}

/// The query of an `apple:iq:vc:*` namespace.
pub(super) fn field(query: &Node) -> Field {
    let field = head(query).with(attributes(query));
    let Some(form) = form(&query.namespace) else {
        let field = field
            .note("an unknown namespace of the family apple:iq:vc")
            .graded("?");
        return field.with(query.content.iter().filter_map(content));
    };
    let is_conference = query.child("AVChatConferenceData").is_some();
    let declines = query
        .child("response")
        .is_some_and(|code| code.text().trim() != "0");
    let mut field = field.means(form.meaning).graded("G");
    let found: Vec<&str> = query.elements().map(|child| child.local.as_str()).collect();
    field.notes.extend(disorder(&form, &found));
    for (name, needed) in form.children {
        let is_list = name.ends_with("Data");
        let excused = is_list && (is_conference || declines);
        if *needed && !excused && !found.contains(name) {
            let so = if *name == "connectData" {
                ": a decline [G]"
            } else {
                ""
            };
            field = field.note(format!("{name} is missing{so}"));
        }
    }
    field.with(query.content.iter().filter_map(|content| match content {
        Content::Element(node) => Some(child(node, query, &form)),
        Content::Text { .. } => self::content(content),
    }))
}

/// Known children in another order than the known one.
fn disorder(form: &Form, found: &[&str]) -> Option<String> {
    let known: Vec<&str> = form.children.iter().map(|(name, _)| *name).collect();
    let places: Vec<_> = found
        .iter()
        .filter_map(|name| known.iter().position(|known| known == name))
        .collect();
    (!places.is_sorted()).then(|| format!("another order than the known one: {}", known.join(", ")))
}

fn child(node: &Node, query: &Node, form: &Form) -> Field {
    let text = node.text();
    let word = text.trim();
    let field = super::plain(node).graded("G");
    if !node.is_leaf() {
        return field;
    }
    match node.local.as_str() {
        "VCNewCallerIPPortData" | "connectData" if is_invitation(word) => invitation(field, word),
        "VCNewCallerIPPortData" | "connectData" => ipport::in_element(field, &text),
        "AVChatConferenceData" => invitation(field, word),
        "isAudioOnly" => match word {
            "1" => field.means("audio only"),
            "0" => field.means("with video; we answer with audio and refuse its video"),
            _ => field.note("expected 0 or 1"),
        },
        "extSIPPort" => match word.parse::<u16>() {
            Ok(0) => field.means("unknown: a dummy that iChat accepts"),
            Ok(_) => field.means("the caller's mapped port"),
            Err(_) => field.note("expected a port, 0 to 65535"),
        },
        "extIPAddr" => match word.parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() => field.means("unknown: a dummy that iChat accepts"),
            Ok(ip) => field.means(format!(
                "the caller's mapped address; {}",
                ipport::scope(ip)
            )),
            Err(_) => field.note("expected an IP address"),
        },
        "VCProtocolVersion" => field.means("always 1").note_if(word != "1", "expected 1"),
        "response" => response(field, word, query),
        "responseData" => field.means("optional; its content is unknown").graded("G"),
        name if form.children.iter().any(|(known, _)| *known == name) => field,
        _ => {
            let mut field = field.note("not among the known children");
            field.grade = Some("?");
            field
        }
    }
}

/// The number in `response`: 0 and 1 \[G\], the others \[D\].
fn response(field: Field, word: &str, query: &Node) -> Field {
    let Ok(code) = word.parse::<u32>() else {
        return field.note("expected a number; counts as a decline");
    };
    if code == 0 {
        let accepted = ["connectData", "AVChatConferenceData"]
            .iter()
            .filter_map(|name| query.child(name))
            .any(|data| !data.text().trim().is_empty());
        return if accepted {
            field.means("accepts")
        } else {
            field
                .means("accepts, but without addresses")
                .note("counts as a decline [G]")
        };
    }
    let (meaning, grade) = match code {
        1 => ("declines", "G"),
        2 => ("busy", "D"),
        3 => ("failure", "D"),
        4 => ("bad network", "D"),
        7 => ("no answer", "D"),
        11 => ("filtered: takes no calls from this caller", "D"),
        _ => ("an unknown code: counts as a decline", "?"),
    };
    field.means(meaning).graded(grade)
}

fn is_invitation(word: &str) -> bool {
    Hex::read(word.get(..32).unwrap_or(word))
        .octets
        .starts_with(INVITATION_MAGIC)
}

/// The conference dialect: `docs/protocol/xmpp.md`, conference stanzas.
fn invitation(field: Field, word: &str) -> Field {
    let hex = Hex::read(word);
    let length = ipport::counted(hex.octets.len(), "octet");
    let field = field
        .shown(ipport::counted(hex.digits, "hex digit"))
        .graded("C");
    let field = field.note_if(!hex.is_whole(), "expected lower-case hex and nothing else");
    if hex.octets.starts_with(INVITATION_MAGIC) {
        let inner = super::super::plist::document(hex.octets, "hex");
        let mut field = field.means(format!(
            "the conference dialect's invitation: a property list of {length}"
        ));
        field.notes.extend(inner.notes);
        field.notes.extend(inner.fault.map(|fault| fault.message));
        field.raw = Some(inner.raw);
        field.with(inner.fields)
    } else {
        field.note(format!(
            "no invitation: expected bplist00, found {length} of something else"
        ))
    }
}
