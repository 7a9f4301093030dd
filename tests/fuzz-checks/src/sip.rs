//! SIP messages; the user agent that takes them is in `user_agent.rs`.

use ichat_sip::message::{
    CSeq, Header, HeaderName, Headers, MAX_HEADERS, Message, NameAddr, ParseError, Uri, Via,
};

use crate::{sdp, user_agent};

/// SIP: one message and its body, and a user agent under a script of commands, datagrams and time.
pub fn sip(octets: &[u8]) {
    sdp::description(octets);
    message(octets);
    user_agent::run(octets);
}

/// A message that is read is written so that it is read as the same.
fn message(octets: &[u8]) {
    let _ = ichat_sip::peek(octets);
    let reply = ichat_sip::stray_reply(octets, "ichat-call");
    assert_eq!(reply, ichat_sip::stray_reply(octets, "ichat-call"));
    if let Some(reply) = reply {
        is_ours(&reply, octets);
    }
    let Ok(message) = Message::parse(octets) else {
        return;
    };
    sdp::description(message.body());
    let written = message.encode();
    let again = match Message::parse(&written) {
        Ok(again) => again,
        // There was no Content-Length, and there is one now.
        Err(ParseError::TooManyHeaders { .. }) if message.headers().len() == MAX_HEADERS => return,
        Err(error) => panic!("what was written cannot be read: {error}"),
    };
    assert_eq!(again.encode(), written);
    match (&message, &again) {
        (Message::Request(one), Message::Request(other)) => {
            assert_eq!((&one.method, &one.uri), (&other.method, &other.uri));
        }
        (Message::Response(one), Message::Response(other)) => {
            assert_eq!((one.status, &one.reason), (other.status, &other.reason));
        }
        (one, other) => panic!("{one:?} became {other:?}"),
    }
    assert_eq!(message.body(), again.body());
    assert!(others(message.headers()).eq(others(again.headers())));
    headers(message.headers());
}

/// Content-Length is set right when a message is written.
fn others(headers: &Headers) -> impl Iterator<Item = &Header> {
    let is_other = |header: &&Header| header.name != HeaderName::ContentLength;
    headers.iter().filter(is_other)
}

/// Values that are written anew, as in the headers of a dialog, are read as they were written.
fn headers(headers: &Headers) {
    for header in headers.iter() {
        let text = &header.value;
        if let Some(party) = NameAddr::parse(text) {
            let once = NameAddr::parse(&party.to_string()).expect("a name and a URI");
            let twice = NameAddr::parse(&once.to_string());
            assert_eq!(twice.as_ref(), Some(&once), "{text}");
        }
        if let Some(via) = Via::parse(text) {
            let once = Via::parse(&via.to_string()).expect("a Via");
            assert_eq!(Via::parse(&once.to_string()).as_ref(), Some(&once));
            assert_eq!((&once.host, once.port), (&via.host, via.port));
            let _ = via.seen_from();
        }
        if let Some(cseq) = CSeq::parse(text) {
            assert_eq!(CSeq::parse(&cseq.to_string()), Some(cseq));
        }
        let uri = Uri::parse(text);
        assert_eq!(Uri::parse(&uri.to_string()), uri);
    }
    let _ = (headers.contact(), headers.media_type());
}

/// Whatever we send can be read, and is not much longer than what it answers.
pub(crate) fn is_ours(written: &[u8], answers: &[u8]) {
    match Message::parse(written) {
        Ok(_) | Err(ParseError::TooManyHeaders { .. }) => {}
        Err(error) => panic!("what was written cannot be read: {error}"),
    }
    // An octet that is no UTF-8 becomes three.
    assert!(
        written.len() <= 3 * answers.len() + 1024,
        "{}",
        written.len()
    );
}
