//! What is wrong with a SIP message of the peer's (`docs/protocol/sip.md` `[C, G]`; RFC 3261).

use crate::checks::Findings;
use crate::options::{PeerKind, same_bare};
use crate::sip::{Message, Party, Start, parameter};
use std::net::SocketAddr;

/// The order of Viceroy's headers.
const ORDER: [&str; 10] = [
    "Via",
    "Max-Forwards",
    "To",
    "From",
    "Call-ID",
    "CSeq",
    "Contact",
    "User-Agent",
    "Content-Type",
    "Content-Length",
];

/// Who talks to whom; empty where XMPP did not say it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) ours: String,
    pub(crate) peers: String,
}

/// The tags and numbers of the dialog, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct DialogIds {
    pub(crate) call_id: String,
    pub(crate) our_tag: String,
    pub(crate) peer_tag: String,
}

fn check_form(message: &Message, found: &mut Findings) {
    for name in ["Via", "To", "From", "Call-ID", "CSeq"] {
        let count = message.all(name).count();
        found.expect(count == 1, || format!("{count} {name} headers"));
    }
    let via = message.header("Via").unwrap_or_default();
    found.expect(via.starts_with("SIP/2.0/UDP "), || {
        format!("Via {via:?} is not SIP/2.0/UDP")
    });
    let branch = message.branch().unwrap_or_default();
    found.expect(branch.starts_with("z9hG4bK") && branch.len() > 10, || {
        format!("the branch {branch:?} does not begin with z9hG4bK")
    });
    found.expect(
        message.tag("From").is_some_and(|tag| !tag.is_empty()),
        || "no From tag".into(),
    );
    match message.cseq() {
        None => found.add("CSeq is no number and method"),
        Some((_, method)) => {
            found.expect(message.method().is_none_or(|ours| ours == method), || {
                format!("CSeq names {method}")
            });
        }
    }
    if !message.body.is_empty() {
        found.expect(message.header("Content-Type").is_some(), || {
            "a body without a type".into()
        });
    }
}

fn is_numeric_uri(uri: &str) -> bool {
    let rest = uri.strip_prefix("sip:").unwrap_or_default();
    let rest = rest.split(';').next().unwrap_or_default();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.parse::<SocketAddr>().is_ok()
}

/// Any request.
pub(crate) fn check_request(message: &Message, kind: PeerKind) -> Vec<String> {
    let mut found = Findings::default();
    check_form(message, &mut found);
    let hops = message.header("Max-Forwards");
    found.expect(hops == Some("70"), || {
        format!("Max-Forwards {hops:?} instead of 70")
    });
    if let Start::Request { uri, .. } = &message.start {
        found.expect(is_numeric_uri(uri), || {
            format!("the request URI {uri:?} is not numeric")
        });
    }
    let via = message.header("Via").unwrap_or_default();
    found.expect(
        kind == PeerKind::IChat || parameter(via, "rport").is_some(),
        || "Via has no rport".into(),
    );
    found.0
}

/// The first INVITE.
pub(crate) fn check_invite(
    message: &Message,
    names: &Names,
    listed: &[SocketAddr],
    source: SocketAddr,
    allowed: &[SocketAddr],
    kind: PeerKind,
) -> Vec<String> {
    let mut found = Findings(check_request(message, kind));
    let known = message.headers.iter().map(|(name, _)| name.as_str());
    let ranks: Vec<usize> = known
        .filter_map(|name| {
            ORDER
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
        })
        .collect();
    found.expect(ranks.is_sorted(), || {
        let names: Vec<&str> = message
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        format!(
            "the headers are not in Viceroy's order: {}",
            names.join(", ")
        )
    });
    for name in ["Contact", "User-Agent", "Content-Type"] {
        found.expect(message.header(name).is_some(), || format!("no {name}"));
    }
    let contact = Party::parse(message.header("Contact").unwrap_or_default());
    found.expect(is_numeric_uri(&contact.uri), || {
        format!("the Contact {:?} is not numeric", contact.uri)
    });
    let content = message.header("Content-Type");
    found.expect(content.is_none_or(|c| c == "application/sdp"), || {
        format!("Content-Type {content:?}")
    });
    found.expect(message.tag("To").is_none(), || {
        "a To tag in the first INVITE".into()
    });
    if let (Start::Request { uri, .. }, false) = (&message.start, listed.is_empty()) {
        let host = uri
            .rsplit('@')
            .next()
            .and_then(|host| host.parse::<SocketAddr>().ok());
        found.expect(host.is_some_and(|host| listed.contains(&host)), || {
            format!("the request URI {uri:?} is none of {listed:?}")
        });
        found.expect(uri.starts_with("sip:user@"), || {
            format!("the request URI {uri:?} is not user@")
        });
    }
    for (name, jid) in [("To", &names.ours), ("From", &names.peers)] {
        let party = Party::parse(message.header(name).unwrap_or_default());
        let right = jid.is_empty()
            || (party.display.contains('@')
                && same_bare(&party.display, jid)
                && !party.display.contains('/'));
        found.expect(right, || {
            format!("{name} shows {:?} instead of {jid:?}", party.display)
        });
    }
    found.expect(allowed.is_empty() || allowed.contains(&source), || {
        format!("it comes from {source}, which the peer did not list")
    });
    found.0
}

/// A request in the dialog.
pub(crate) fn check_in_dialog(message: &Message, ids: &DialogIds, kind: PeerKind) -> Vec<String> {
    let mut found = Findings(check_request(message, kind));
    for (name, tag) in [("From", &ids.peer_tag), ("To", &ids.our_tag)] {
        let got = message.tag(name).unwrap_or_default();
        found.expect(got == *tag, || {
            format!("{name} tag {got:?} instead of {tag:?}")
        });
    }
    let call_id = message.call_id();
    found.expect(call_id == ids.call_id, || format!("Call-ID {call_id:?}"));
    if matches!(message.method(), Some("ACK" | "BYE" | "CANCEL")) {
        found.expect(message.body.is_empty(), || {
            "a body where none belongs".into()
        });
    }
    found.0
}

/// ACK or CANCEL against the INVITE that it belongs to.
pub(crate) fn check_follower(
    message: &Message,
    invite: &Message,
    same_branch: bool,
) -> Vec<String> {
    let mut found = Findings::default();
    let number = |message: &Message| message.cseq().map(|(number, _)| number);
    found.expect(number(message) == number(invite), || {
        format!(
            "CSeq {:?}, the INVITE had {:?}",
            message.header("CSeq"),
            invite.header("CSeq")
        )
    });
    found.expect(
        (message.branch() == invite.branch()) == same_branch,
        || match same_branch {
            true => "the branch is not the INVITE's".into(),
            false => "the ACK of a 200 has the INVITE's branch (RFC 3261 §17.1.1.3)".into(),
        },
    );
    if same_branch {
        let uri = |message: &Message| match &message.start {
            Start::Request { uri, .. } => uri.clone(),
            Start::Status { .. } => String::new(),
        };
        found.expect(uri(message) == uri(invite), || {
            "the request URI is not the INVITE's".into()
        });
    }
    found.0
}

/// A response to a request of ours.
pub(crate) fn check_response(response: &Message, request: &Message) -> Vec<String> {
    let mut found = Findings::default();
    check_form(response, &mut found);
    let via = |message: &Message| {
        let via = message.header("Via").unwrap_or_default();
        via.split(';').next().unwrap_or_default().to_owned()
    };
    found.expect(via(response) == via(request), || {
        format!("Via {:?} answers {:?}", via(response), via(request))
    });
    found.expect(response.branch() == request.branch(), || {
        "another branch".into()
    });
    for name in ["From", "Call-ID", "CSeq"] {
        let normal = |message: &Message| {
            let value = message.header(name).unwrap_or_default();
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        found.expect(normal(response) == normal(request), || {
            format!(
                "{name} {:?} answers {:?}",
                normal(response),
                normal(request)
            )
        });
    }
    let to = |message: &Message| Party::parse(message.header("To").unwrap_or_default());
    found.expect(to(response).uri == to(request).uri, || {
        format!("To {:?} answers {:?}", to(response).uri, to(request).uri)
    });
    let tag = to(response).tag;
    found.expect(tag.is_some() || response.status() == Some(100), || {
        "no To tag".into()
    });
    if let Some(asked) = to(request).tag {
        found.expect(tag.as_ref() == Some(&asked), || {
            format!("To tag {tag:?} answers {asked:?}")
        });
    }
    if let (Some(200..=299), Some((_, "INVITE"))) = (response.status(), request.cseq()) {
        found.expect(response.header("Contact").is_some(), || "no Contact".into());
        found.expect(
            response.header("Content-Type") == Some("application/sdp"),
            || format!("Content-Type {:?}", response.header("Content-Type")),
        );
    } else {
        found.expect(response.body.is_empty(), || {
            "a body where none belongs".into()
        });
    }
    if response.status() == Some(405) {
        found.expect(response.header("Allow").is_some(), || {
            "405 without Allow".into()
        });
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{parse, response};

    const SOURCE: ([u8; 4], u16) = ([127, 0, 0, 1], 15080);

    fn good() -> String {
        "INVITE sip:user@127.0.0.1:15090 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:15080;branch=z9hG4bK15325fd03549ca85;rport\r\n\
         Max-Forwards: 70\r\n\
         To: \"mac@im.test\" <sip:user@127.0.0.1:15090>\r\n\
         From: \"us@im.test\" <sip:user@127.0.0.1:15080>;tag=5\r\n\
         Call-ID: 1@x\r\nCSeq: 1 INVITE\r\nContact: <sip:user@127.0.0.1:15080>\r\n\
         User-Agent: x\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\n\r\n"
            .into()
    }

    fn look(text: &str) -> String {
        let names = Names {
            ours: "mac@im.test".into(),
            peers: "us@im.test".into(),
        };
        let message = parse(text.as_bytes()).unwrap().message;
        let listed = [SocketAddr::from(([127, 0, 0, 1], 15090))];
        let source = SocketAddr::from(SOURCE);
        check_invite(
            &message,
            &names,
            &listed,
            source,
            &[source],
            PeerKind::Endpoint,
        )
        .join("\n")
    }

    #[test]
    fn a_good_invite_passes_and_each_deviation_is_found() {
        assert_eq!(look(&good()), "");
        for (from, to, word) in [
            (";rport", "", "rport"),
            ("z9hG4bK", "", "z9hG4bK"),
            ("SIP/2.0/UDP 127", "SIP/2.0/TCP 127", "SIP/2.0/UDP"),
            ("Max-Forwards: 70", "Max-Forwards: 69", "Max-Forwards"),
            ("\"mac@im.test\" ", "", "To shows"),
            ("\"us@im.test\"", "\"us\"", "From shows"),
            ("\"us@im.test\"", "\"us@im.test/home\"", "From shows"),
            (";tag=5", "", "From tag"),
            ("CSeq: 1 INVITE", "CSeq: 1 BYE", "CSeq"),
            ("CSeq: 1 INVITE", "CSeq: one", "CSeq"),
            ("Contact: <sip:user@127.0.0.1:15080>\r\n", "", "no Contact"),
            (
                "Contact: <sip:user@127.0.0.1:15080>",
                "Contact: <sip:user@mac.local>",
                "Contact",
            ),
            ("User-Agent: x\r\n", "", "User-Agent"),
            (
                "sip:user@127.0.0.1:15090 SIP",
                "sip:user@127.0.0.1:1 SIP",
                "none of",
            ),
            (
                "sip:user@127.0.0.1:15090 SIP",
                "sip:me@127.0.0.1:15090 SIP",
                "not user@",
            ),
            ("15090>\r\nFrom", "15090>;tag=9\r\nFrom", "To tag"),
            (
                "Call-ID: 1@x\r\n",
                "Call-ID: 1@x\r\nCall-ID: 2@x\r\n",
                "2 Call-ID",
            ),
            ("application/sdp", "text/plain", "Content-Type"),
            (
                "Call-ID: 1@x\r\nCSeq: 1 INVITE",
                "CSeq: 1 INVITE\r\nCall-ID: 1@x",
                "order",
            ),
        ] {
            assert!(good().contains(from), "{from}");
            let found = look(&good().replacen(from, to, 1));
            assert!(found.contains(word), "{word}: {found:?}");
        }
    }

    #[test]
    fn a_stranger_s_invite_is_found() {
        let message = parse(good().as_bytes()).unwrap().message;
        let source = SocketAddr::from(SOURCE);
        let other = SocketAddr::from(([192, 0, 2, 1], 1));
        let found = check_invite(
            &message,
            &Names::default(),
            &[],
            source,
            &[other],
            PeerKind::Endpoint,
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn an_ack_is_held_against_its_invite() {
        let invite = parse(good().as_bytes()).unwrap().message;
        let ack = good().replace("INVITE", "ACK");
        let same = parse(ack.as_bytes()).unwrap().message;
        assert_eq!(check_follower(&same, &invite, true), [""; 0]);
        assert_eq!(check_follower(&same, &invite, false).len(), 1);
        let other = ack
            .replace("z9hG4bK1", "z9hG4bK2")
            .replace("CSeq: 1", "CSeq: 2");
        let other = parse(other.replacen("15090 SIP", "15091 SIP", 1).as_bytes())
            .unwrap()
            .message;
        assert_eq!(check_follower(&other, &invite, true).len(), 3);
        assert_eq!(check_follower(&other, &invite, false).len(), 1);
    }

    #[test]
    fn the_tags_of_a_bye_are_looked_at() {
        let ids = DialogIds {
            call_id: "1@x".into(),
            our_tag: "9".into(),
            peer_tag: "5".into(),
        };
        let bye = good()
            .replace("INVITE", "BYE")
            .replace("15090>\r\n", "15090>;tag=9\r\n");
        let message = parse(bye.as_bytes()).unwrap().message;
        assert_eq!(check_in_dialog(&message, &ids, PeerKind::Endpoint), [""; 0]);
        let wrong = bye
            .replace("tag=9", "tag=8")
            .replace("tag=5", "tag=4")
            .replace("1@x", "2@x");
        let message = parse(wrong.as_bytes()).unwrap().message;
        assert_eq!(check_in_dialog(&message, &ids, PeerKind::Endpoint).len(), 3);
    }

    #[test]
    fn a_response_echoes_the_request() {
        let request = parse(good().replace("INVITE", "MESSAGE").as_bytes())
            .unwrap()
            .message;
        let mut answer = response(&request, 200, "7");
        assert_eq!(check_response(&answer, &request), [""; 0]);
        answer.body = b"hello".to_vec();
        for header in &mut answer.headers {
            header.1 = header
                .1
                .replace("z9hG4bK1", "z9hG4bK2")
                .replace("us@im", "we@im");
            header.1 = header
                .1
                .replace(";tag=7", "")
                .replace("1 MESSAGE", "2 MESSAGE");
        }
        let found = check_response(&answer, &request).join("\n");
        for word in ["branch", "From", "CSeq", "To tag", "body"] {
            assert!(found.contains(word), "{word}: {found}");
        }
    }
}
