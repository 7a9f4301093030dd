//! Odd messages in the spirit of RFC 4475, read by this crate; and `rsip` as the judge of what we
//! write.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

mod support;

use ichat_sip::{
    Output, Route, UserAgent,
    message::{MAX_HEADERS, MAX_MESSAGE_OCTETS, Message, ParseError},
};
use support::{Pair, config, ms, route_to};

const BASE: &str = "Via: SIP/2.0/UDP 192.0.2.9:16402;branch=z9hG4bK1\r\n\
    To: <sip:user@192.0.2.1:16402>\r\n\
    From: \"mac@im.test\" <sip:user@192.0.2.9:16402>;tag=9\r\n\
    Call-ID: x@y\r\nCSeq: 7 OPTIONS\r\n";

fn odd(text: &str) -> Vec<u8> {
    text.replace("BASE", BASE).into_bytes()
}

/// A message, its oddity, and whether `rsip` 0.4 reads it too: all of its typed headers.
fn oddities() -> Vec<(&'static str, Vec<u8>, bool)> {
    vec![
        ("plain", odd("OPTIONS sip:h SIP/2.0\r\nBASE\r\n"), true),
        (
            "line ends before it",
            odd("\r\n\r\nOPTIONS sip:h SIP/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "LF alone",
            odd("OPTIONS sip:h SIP/2.0\r\nBASE\r\n")
                .into_iter()
                .filter(|o| *o != b'\r')
                .collect(),
            false,
        ),
        ("no reason phrase", odd("SIP/2.0 200\r\nBASE\r\n"), false),
        ("empty reason phrase", odd("SIP/2.0 200 \r\nBASE\r\n"), true),
        (
            "spaces in the request line",
            odd("OPTIONS   sip:h   SIP/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "lower-case version",
            odd("OPTIONS sip:h sip/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "URI in brackets",
            odd("OPTIONS <sip:h> SIP/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "unknown scheme",
            odd("OPTIONS soap.beep://h:44 SIP/2.0\r\nBASE\r\n"),
            true,
        ),
        (
            "IPv6 URI",
            odd("OPTIONS sip:user@[2001:db8::1]:5060 SIP/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "folded header",
            odd("OPTIONS sip:h SIP/2.0\r\nSubject: a\r\n  b\r\n\tc\r\nBASE\r\n"),
            false,
        ),
        (
            "header without a colon",
            odd("OPTIONS sip:h SIP/2.0\r\nnonsense\r\nBASE\r\n"),
            false,
        ),
        ("no blank line", odd("OPTIONS sip:h SIP/2.0\r\nBASE"), false),
        (
            "unknown method",
            odd("N!ew%M+e SIP:h SIP/2.0\r\nBASE\r\n"),
            false,
        ),
        (
            "no UTF-8",
            [
                odd("OPTIONS sip:h SIP/2.0\r\nSubject: "),
                vec![0xe4, 0xff],
                odd("\r\nBASE\r\n"),
            ]
            .concat(),
            false,
        ),
        (
            "compact names, any case, spaces before the colon",
            odd(
                "OPTIONS sip:h SIP/2.0\r\nv : SIP/2.0/UDP 192.0.2.9:16402;branch=z9hG4bK1\r\n\
                 t: <sip:user@192.0.2.1:16402>\r\nF\t: \"mac@im.test\" <sip:user@192.0.2.9:16402>;tag=9\r\n\
                 I: x@y\r\ncseq: 7 OPTIONS\r\nl: 0\r\n\r\n",
            ),
            false,
        ),
        (
            "IPv6 in Via, spaces around its slashes",
            odd("OPTIONS sip:h SIP/2.0\r\n\
                 Via: SIP / 2.0 / UDP [2001:db8::9]:16402 ; branch = z9hG4bK1\r\n\
                 To: <sip:user@192.0.2.1:16402>\r\n\
                 From: \"mac@im.test\" <sip:user@192.0.2.9:16402>;tag=9\r\n\
                 Call-ID: x@y\r\nCSeq: 7 OPTIONS\r\n\r\n"),
            false,
        ),
        (
            "an unescaped quote in a name",
            odd(
                "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:16402;branch=z9hG4bK1\r\n\
                 To: \"a \"b\" c\" <sip:user@192.0.2.1:16402>\r\n\
                 From: \"mac@im.test\" <sip:user@192.0.2.9:16402>;tag=9\r\n\
                 Call-ID: x@y\r\nCSeq: 7 OPTIONS\r\n\r\n",
            ),
            true,
        ),
    ]
}

/// Whether every header that a call needs can be read.
fn we_read(octets: &[u8]) -> bool {
    let Ok(message) = Message::parse(octets) else {
        return false;
    };
    let headers = message.headers();
    headers.via().unwrap().branch() == Some("z9hG4bK1")
        && headers.from().unwrap().tag() == Some("9")
        && headers.from().unwrap().display_name.as_deref() == Some("mac@im.test")
        && headers.to().is_ok()
        && headers.call_id() == Ok("x@y")
        && headers.cseq().is_ok_and(|cseq| cseq.number == 7)
}

fn rsip_reads(octets: &[u8]) -> bool {
    use rsip::prelude::*;
    let Ok(message) = rsip::SipMessage::try_from(octets) else {
        return false;
    };
    let typed = |message: &rsip::SipMessage| -> Result<bool, rsip::Error> {
        let via = message.via_header()?.typed()?;
        let from = message.from_header()?.typed()?;
        message.to_header()?.typed()?;
        message.call_id_header()?;
        Ok(via.branch().is_some()
            && from.tag().is_some()
            && message.cseq_header()?.typed()?.seq > 0)
    };
    typed(&message).unwrap_or(false)
}

#[test]
fn odd_messages_are_read_and_rsip_is_stricter() {
    let mut stricter = Vec::new();
    for (oddity, octets, rsip) in oddities() {
        assert!(we_read(&octets), "{oddity}");
        if rsip_reads(&octets) != rsip {
            stricter.push(oddity);
        }
    }
    assert_eq!(stricter, [""; 0]);
}

/// Every datagram of a call from INVITE to BYE, with a MESSAGE and a refused re-INVITE.
#[test]
fn rsip_reads_all_that_we_write() {
    let mut pair = Pair::connected();
    pair.callee
        .message(pair.now, "text/plain", b"ping".to_vec());
    pair.run(ms(100));
    pair.caller.reinvite(pair.now, b"v=0\r\n".to_vec());
    pair.run(ms(20));
    pair.callee.reject(pair.now, 606).unwrap();
    pair.run(ms(100));
    pair.caller.bye(pair.now);
    pair.run(ms(100));
    assert_eq!(pair.datagrams.len(), 10);
    for octets in &pair.datagrams {
        assert!(rsip_reads(octets), "{}", String::from_utf8_lossy(octets));
    }
}

#[test]
fn rsip_and_we_agree_on_our_invite() {
    use rsip::prelude::*;
    let mut caller = UserAgent::new(config("me@im.test", "mac@im.test", 1));
    let now = std::time::Instant::now();
    caller
        .invite(now, &[route_to(2)], "user", b"v=0\r\n".to_vec())
        .unwrap();
    let Some(Output::Transmit { octets, .. }) = caller.poll_output() else {
        panic!("no INVITE")
    };
    let theirs = rsip::Request::try_from(octets.as_slice()).unwrap();
    let Message::Request(ours) = Message::parse(&octets).unwrap() else {
        panic!("no request")
    };
    let from = theirs.from_header().unwrap().typed().unwrap();
    assert_eq!(
        from.uri.to_string(),
        ours.headers.from().unwrap().uri.to_string()
    );
    assert_eq!(
        from.tag().unwrap().value(),
        ours.headers.from().unwrap().tag().unwrap()
    );
    let via = theirs.via_header().unwrap().typed().unwrap();
    assert_eq!(
        via.branch().unwrap().value(),
        ours.headers.via().unwrap().branch().unwrap()
    );
    assert_eq!(
        theirs.call_id_header().unwrap().value(),
        ours.headers.call_id().unwrap()
    );
    assert_eq!(theirs.body, ours.body);
}

#[test]
fn a_body_is_as_long_as_can_be() {
    let body = |length: &str| {
        let text = format!("OPTIONS sip:h SIP/2.0\r\nBASE{length}\r\n0123456789");
        Message::parse(&odd(&text)).unwrap().body().len()
    };
    assert_eq!(body(""), 10);
    assert_eq!(body("Content-Length: 10\r\n"), 10);
    assert_eq!(body("Content-Length: 9999\r\n"), 10, "too large");
    assert_eq!(body("l: 4\r\n"), 4, "too small");
    assert_eq!(body("Content-Length: -1\r\n"), 10, "no number");
    assert_eq!(
        body("Content-Length: 99999999999999999999999\r\n"),
        10,
        "no such number"
    );
}

#[test]
fn what_is_no_message_is_refused_with_its_offset() {
    let error = |octets: &[u8]| Message::parse(octets).unwrap_err().to_string();
    assert_eq!(error(b""), "expected a message, found nothing");
    assert_eq!(error(b"\r\n\r\n"), "expected a message, found nothing");
    assert_eq!(
        error(b"\r\nHTTP/1.1 200 OK\r\n"),
        "expected a method in the first line at offset 2"
    );
    assert_eq!(
        error(b"INVITE sip:h SIP/3.0\r\n"),
        "expected `SIP/2.0` in the first line at offset 0"
    );
    assert_eq!(
        error(b"SIP/2.0 99 Low\r\n"),
        "expected a status of 100 to 699 in the first line at offset 0"
    );
    assert_eq!(
        error(b"INVITE < > SIP/2.0\r\n"),
        "expected a URI in the first line at offset 0"
    );
}

#[test]
fn a_request_uri_is_taken_out_of_all_its_brackets() {
    let message = Message::parse(b"OPTIONS << sip:h> > SIP/2.0\r\n\r\n").unwrap();
    assert!(message.encode().starts_with(b"OPTIONS sip:h SIP/2.0\r\n"));
}

#[test]
fn limits_hold() {
    let long = vec![b'a'; MAX_MESSAGE_OCTETS + 1];
    assert_eq!(
        Message::parse(&long),
        Err(ParseError::TooLong { length: long.len() })
    );
    let lines = |count: usize| format!("OPTIONS sip:h SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(Message::parse(lines(MAX_HEADERS).as_bytes()).is_ok());
    let offset = 23 + MAX_HEADERS * 6;
    assert_eq!(
        Message::parse(lines(MAX_HEADERS + 1).as_bytes()),
        Err(ParseError::TooManyHeaders { offset })
    );
}

#[test]
fn a_call_over_ipv6_is_written_with_brackets() {
    let mut caller = UserAgent::new(config("me@im.test", "mac@im.test", 1));
    let route = Route {
        local: "[2001:db8::1]:16402".parse().unwrap(),
        remote: "[2001:db8::2]:16402".parse().unwrap(),
    };
    caller
        .invite(
            std::time::Instant::now(),
            &[route],
            "user",
            b"v=0\r\n".to_vec(),
        )
        .unwrap();
    let Some(Output::Transmit { octets, .. }) = caller.poll_output() else {
        panic!("no INVITE")
    };
    insta::assert_snapshot!(String::from_utf8(octets).unwrap().replace('\r', ""), @r#"
    INVITE sip:user@[2001:db8::2]:16402 SIP/2.0
    Via: SIP/2.0/UDP [2001:db8::1]:16402;branch=z9hG4bK71c18690ee42c90b;rport
    Max-Forwards: 70
    To: "mac@im.test" <sip:user@[2001:db8::2]:16402>
    From: "me@im.test" <sip:user@[2001:db8::1]:16402>;tag=4170425070
    Call-ID: 910a2dec-8902-4cc1-beeb-8da1658eec67@2001-db8--1
    CSeq: 1 INVITE
    Contact: <sip:user@[2001:db8::1]:16402>
    User-Agent: ichat-call
    Content-Type: application/sdp
    Content-Length: 5

    v=0
    "#);
}
