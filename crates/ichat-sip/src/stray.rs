//! Requests that belong to no call: RFC 3261 §8.2, §12.2.2, §16.11 (without state).

use crate::message::{ALLOWED_METHODS, HeaderName, Message, Method, Request, Response};

/// The answer to a request outside any call, for the source of its packet.
///
/// 200 to OPTIONS, 603 to an INVITE that nobody waits for, 481 to whatever belongs into a dialog,
/// 405 to the rest (docs/protocol/sip.md, in the dialog). `None` for an ACK, a response and
/// what is no SIP: answers to these would never end. The same request gets the same answer, octet
/// for octet, so no state is needed.
pub fn stray_reply(octets: &[u8], user_agent: &str) -> Option<Vec<u8>> {
    stray_reply_with(octets, user_agent, 603)
}

/// The same with another refusal of an INVITE: 486 while a call is on.
pub fn stray_reply_with(octets: &[u8], user_agent: &str, to_invite: u16) -> Option<Vec<u8>> {
    let Message::Request(request) = Message::parse(octets).ok()? else {
        return None;
    };
    request.headers.via().ok()?;
    let in_dialog = request.headers.to().ok()?.tag().is_some();
    let status = match &request.method {
        Method::Ack => return None,
        Method::Options if !in_dialog => 200,
        Method::Invite if !in_dialog => to_invite,
        Method::Other(_) if !in_dialog => 405,
        Method::Invite
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Message
        | Method::Info
        | Method::Other(_) => 481,
    };
    Some(refuse(&request, status, user_agent).encode())
}

/// An answer without a dialog.
pub(crate) fn refuse(request: &Request, status: u16, user_agent: &str) -> Response {
    let mut response = Response::to(request, status, &tag_of(request));
    if matches!(status, 200 | 405) {
        response.headers.push(HeaderName::Allow, ALLOWED_METHODS);
    }
    if !user_agent.is_empty() {
        response.headers.push(HeaderName::UserAgent, user_agent);
    }
    response
}

/// A tag that follows from the request (RFC 3261 §8.2.7): FNV-1a of its Call-ID and From.
fn tag_of(request: &Request) -> String {
    let texts = [HeaderName::CallId, HeaderName::From].map(|name| request.headers.text(&name));
    let octets = texts.into_iter().flatten().flat_map(str::bytes);
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, to_tag: &str) -> Vec<u8> {
        format!(
            "{method} sip:user@192.0.2.1:16402 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:16402;branch=z9hG4bK1\r\n\
             To: <sip:user@192.0.2.1:16402>{to_tag}\r\n\
             From: \"mac@im.test\" <sip:user@192.0.2.9:16402>;tag=9\r\n\
             Call-ID: x@y\r\nCSeq: 7 {method}\r\n\r\n"
        )
        .into_bytes()
    }

    fn status(method: &str, to_tag: &str) -> Option<u16> {
        let reply = stray_reply(&request(method, to_tag), "ichat-call")?;
        let Message::Response(response) = Message::parse(&reply).unwrap() else {
            panic!()
        };
        assert!(response.headers.to().unwrap().tag().is_some());
        Some(response.status)
    }

    #[test]
    fn each_stray_request_gets_its_answer() {
        assert_eq!(status("OPTIONS", ""), Some(200));
        assert_eq!(status("INVITE", ""), Some(603));
        assert_eq!(status("INVITE", ";tag=1"), Some(481));
        for method in ["BYE", "CANCEL", "MESSAGE", "INFO"] {
            assert_eq!(status(method, ""), Some(481), "{method}");
            assert_eq!(status(method, ";tag=1"), Some(481), "{method}");
        }
        assert_eq!(status("REGISTER", ""), Some(405));
        assert_eq!(status("ACK", ";tag=1"), None);
    }

    #[test]
    fn a_stray_answer_is_the_same_each_time() {
        let once = stray_reply(&request("BYE", ";tag=1"), "ichat-call").unwrap();
        assert_eq!(
            stray_reply(&request("BYE", ";tag=1"), "ichat-call").unwrap(),
            once
        );
        insta::assert_snapshot!(String::from_utf8(once).unwrap().replace('\r', ""), @r#"
    SIP/2.0 481 Call/Transaction Does Not Exist
    Via: SIP/2.0/UDP 192.0.2.9:16402;branch=z9hG4bK1
    From: "mac@im.test" <sip:user@192.0.2.9:16402>;tag=9
    To: <sip:user@192.0.2.1:16402>;tag=1
    Call-ID: x@y
    CSeq: 7 BYE
    User-Agent: ichat-call
    Content-Length: 0
    "#);
    }

    #[test]
    fn responses_and_junk_get_no_answer() {
        assert_eq!(
            stray_reply(b"SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n", ""),
            None
        );
        assert_eq!(stray_reply(b"\x80\x00\x01", ""), None);
        assert_eq!(stray_reply(b"BYE sip:h SIP/2.0\r\n\r\n", ""), None);
    }
}
