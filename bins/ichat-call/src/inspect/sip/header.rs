//! What a header says, and how an INVITE's differs from a real Mac's
//! (`docs/protocol/sip.md`, the INVITE of a real Mac \[C\]).

use ichat_sip::message::{CSeq, HeaderName, Message, Method, NameAddr, Uri, Via};

use crate::inspect::field::Field;

/// Whether the message is an INVITE, which a capture exists of.
fn is_invite(message: &Message) -> bool {
    matches!(message, Message::Request(request) if request.method == Method::Invite)
}

/// Completes the field of a header.
pub(super) fn explain(field: Field, name: &HeaderName, value: &str, message: &Message) -> Field {
    let captured = is_invite(message);
    let field = if captured { field.graded("C") } else { field };
    match name {
        HeaderName::Via => via(field, value, captured),
        HeaderName::MaxForwards => field
            .means("hops left")
            .note_if(captured && value != "70", "Viceroy says 70"),
        HeaderName::To | HeaderName::From => party(field, name, value, captured),
        HeaderName::CallId => field
            .means("names the call; Viceroy: a UUID, @, its address with dashes")
            .note_if(
                captured && !is_viceroys_call_id(value),
                "Viceroy's has another form",
            ),
        HeaderName::CSeq => cseq(field, value, captured),
        HeaderName::Contact => contact(field, value, captured),
        HeaderName::UserAgent | HeaderName::Server => {
            if value.starts_with("Viceroy") {
                field.means("an iChat").graded("C, G")
            } else {
                field
                    .means("no iChat: iChat's begins with Viceroy")
                    .graded("C, G")
            }
        }
        HeaderName::ContentType => match value.split(';').next().map(str::trim) {
            Some(kind) if kind.eq_ignore_ascii_case("application/sdp") => {
                field.means("a session description")
            }
            Some(_) | None => field,
        },
        HeaderName::ContentLength => field,
        HeaderName::RecordRoute
        | HeaderName::Route
        | HeaderName::Allow
        | HeaderName::Accept
        | HeaderName::Supported
        | HeaderName::Require
        | HeaderName::ContentEncoding
        | HeaderName::Subject
        | HeaderName::Other(_) => extra(field, captured),
    }
}

/// A header that a real Mac's INVITE has not.
fn extra(mut field: Field, captured: bool) -> Field {
    field.grade = None;
    field.note_if(captured, "not in Viceroy's INVITE")
}

fn via(field: Field, value: &str, captured: bool) -> Field {
    let Some(via) = Via::parse(value) else {
        return field.note("expected SIP/2.0/UDP address:port;branch=…");
    };
    let port = via.port.unwrap_or(5060);
    let field = field
        .means(format!(
            "the sender thinks it is {}:{port}; answers go to the packet's source",
            via.host
        ))
        .note_if(!via.transport.eq_ignore_ascii_case("UDP"), "expected UDP");
    let branch = via.branch().unwrap_or_default();
    let is_rfc3261 = branch.starts_with("z9hG4bK");
    let random = branch.strip_prefix("z9hG4bK").unwrap_or_default();
    let is_viceroys = random.len() == 16 && random.chars().all(|c| c.is_ascii_hexdigit());
    let field = field.note_if(
        !is_rfc3261,
        "no branch that begins with z9hG4bK (RFC 3261 §8.1.1.7)",
    );
    field
        .note_if(
            captured && is_rfc3261 && !is_viceroys,
            "Viceroy's branch is z9hG4bK and 16 hex digits",
        )
        .note_if(
            captured && via.parameters.contains("rport"),
            "rport: Viceroy sends none",
        )
}

/// To and From. The display names say who it is; the URIs mean nothing.
fn party(field: Field, name: &HeaderName, value: &str, captured: bool) -> Field {
    let Some(party) = NameAddr::parse(value) else {
        return field.note("expected a name and a URI");
    };
    let is_from = *name == HeaderName::From;
    let meaning = match (&party.display_name, is_from) {
        (Some(id), true) => format!("the caller's IM id is {id}; the URI means nothing"),
        (Some(id), false) => format!("the callee's IM id is {id}; the URI means nothing"),
        (None, _) => "no IM id; the URI means nothing".to_owned(),
    };
    let mut field = field.means(meaning);
    if captured {
        field = field.graded("C, G");
        if party.display_name.is_none() {
            field = field.note("no display name: Viceroy puts the IM id there");
        }
        let tag = party.tag();
        let is_decimal = tag.is_some_and(|tag| tag.chars().all(|c| c.is_ascii_digit()));
        field = match (is_from, tag) {
            (true, None) => field.note("no tag: expected one (RFC 3261 §8.1.1.3)"),
            (true, Some(_)) => field.note_if(!is_decimal, "Viceroy's tag is a decimal number"),
            (false, Some(_)) => field.note("a tag: a new offer within a call, no new call"),
            (false, None) => field,
        };
        field = noted(field, uri_notes(&party.uri));
    }
    field
}

/// How a URI differs from Viceroy's: the literal user `user`, a numeric address, a port.
pub(super) fn uri_notes(uri: &Uri) -> Vec<String> {
    let Some(sip) = uri.sip() else {
        return vec!["no sip: URI".to_owned()];
    };
    let mut notes = Vec::new();
    if sip.user.as_deref() != Some("user") {
        notes.push("Viceroy's URIs all have the literal user `user`");
    }
    if sip.host.ip().is_none() {
        notes.push("Viceroy's URIs have a numeric address");
    }
    if sip.port.is_none() {
        notes.push("Viceroy's URIs have a port");
    }
    notes.into_iter().map(str::to_owned).collect()
}

/// A field with more notes.
pub(super) fn noted(mut field: Field, notes: Vec<String>) -> Field {
    field.notes.extend(notes);
    field
}

fn cseq(field: Field, value: &str, captured: bool) -> Field {
    match CSeq::parse(value) {
        Some(cseq) => field
            .means("the request's number in its call, and its method")
            .note_if(captured && cseq.number != 1, "Viceroy begins with 1"),
        None => field.note("expected a number and a method"),
    }
}

fn contact(field: Field, value: &str, captured: bool) -> Field {
    let is_focus =
        NameAddr::parse(value).is_some_and(|contact| contact.parameters.contains("isfocus"));
    let meaning = if is_focus {
        "not trusted: requests go where the INVITE went or came from; isfocus: able to hold a conference (RFC 4579)"
    } else {
        "not trusted: requests go where the INVITE went or came from"
    };
    field
        .means(meaning)
        .note_if(captured && !is_focus, "Viceroy's has ;isfocus")
}

/// `658685de-dcec-11df-b1e3-80c2c2c54012@192-168-20-198`.
fn is_viceroys_call_id(value: &str) -> bool {
    let Some((uuid, address)) = value.split_once('@') else {
        return false;
    };
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && uuid.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
        && address
            .replace('-', ".")
            .parse::<std::net::IpAddr>()
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viceroys_call_id_is_known_by_its_form() {
        assert!(is_viceroys_call_id(
            "658685de-dcec-11df-b1e3-80c2c2c54012@192-168-20-198"
        ));
        for other in [
            "",
            "2syCVYyd55tziFiWuhP2pA..",
            "658685de-dcec-11df-b1e3-80c2c2c54012@mac",
        ] {
            assert!(!is_viceroys_call_id(other), "{other}");
        }
    }

    #[test]
    fn viceroys_uris_give_no_notes() {
        assert!(uri_notes(&Uri::parse("sip:user@192.168.20.100:16402")).is_empty());
        assert_eq!(uri_notes(&Uri::parse("sip:gw@example.org")).len(), 3);
    }
}
