//! What real peers sent: see `vectors/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

use ichat_sip::{
    PeekKind,
    message::{HeaderName, Message, Method, Request, Response, Uri},
    peek,
    sdp::{Description, Direction, Format},
};

const VICEROY: &[u8] = include_bytes!("vectors/viceroy-1.4.1-invite.sip");
const GATEWAY: &[u8] = include_bytes!("vectors/gateway-2009-invite.sip");

fn request(octets: &[u8]) -> Request {
    match Message::parse(octets).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

#[test]
fn viceroys_invite_is_read_to_every_value() {
    let invite = request(VICEROY);
    let headers = &invite.headers;
    assert_eq!(invite.method, Method::Invite);
    assert_eq!(
        invite.uri,
        Uri::of("user", "192.168.20.100:16402".parse().unwrap())
    );
    let via = headers.via().unwrap();
    assert_eq!(
        (via.transport.as_str(), via.branch()),
        ("UDP", Some("z9hG4bK15325fd03549ca85"))
    );
    assert_eq!(
        via.seen_from(),
        Some("192.168.20.198:16402".parse().unwrap())
    );
    let (to, from) = (headers.to().unwrap(), headers.from().unwrap());
    assert_eq!((to.display_name.as_deref(), to.tag()), (Some("1022"), None));
    assert_eq!(
        (from.display_name.as_deref(), from.tag()),
        (Some("1021"), Some("527520767"))
    );
    assert_eq!(
        headers.call_id(),
        Ok("658685de-dcec-11df-b1e3-80c2c2c54012@192-168-20-198")
    );
    let cseq = headers.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (1, Method::Invite));
    let contact = headers.contact().unwrap();
    assert_eq!(
        contact.uri.address(),
        Some("192.168.20.198:16402".parse().unwrap())
    );
    assert!(contact.parameters.contains("isfocus"));
    assert_eq!(headers.user_agent(), Some("Viceroy 1.4.1"));
    assert_eq!(headers.media_type().as_deref(), Some("application/sdp"));
    assert_eq!(headers.content_length(), Some(663));
    assert_eq!(headers.text(&HeaderName::MaxForwards), Some("70"));
    assert_eq!((headers.len(), invite.body.len()), (10, 663));
}

#[test]
fn both_captures_are_written_again_octet_for_octet() {
    assert_eq!(request(VICEROY).encode(), VICEROY);
    assert_eq!(request(GATEWAY).encode(), GATEWAY);
}

#[test]
fn an_answer_echoes_what_identifies_the_request_in_order() {
    let mut invite = request(VICEROY);
    invite
        .headers
        .mark_source("203.0.113.5:1024".parse().unwrap());
    let answer = Response::to(&invite, 200, "4711");
    insta::assert_snapshot!(String::from_utf8(answer.encode()).unwrap().replace('\r', ""), @r#"
    SIP/2.0 200 OK
    Via: SIP/2.0/UDP 192.168.20.198:16402;branch=z9hG4bK15325fd03549ca85;received=203.0.113.5
    From: "1021" <sip:user@192.168.20.198:16402>;tag=527520767
    To: "1022" <sip:user@192.168.20.100:16402>;tag=4711
    Call-ID: 658685de-dcec-11df-b1e3-80c2c2c54012@192-168-20-198
    CSeq: 1 INVITE
    Content-Length: 0
    "#);
}

#[test]
fn the_gateways_invite_is_read() {
    let invite = request(GATEWAY);
    let from = invite.headers.from().unwrap();
    assert_eq!(
        (from.display_name.as_deref(), from.tag()),
        (Some("gw"), Some("5b3849e7"))
    );
    assert!(invite.headers.via().unwrap().parameters.contains("rport"));
    assert_eq!(invite.headers.values(&HeaderName::Allow).count(), 12);
    let audio = Description::parse(&invite.body).unwrap().audio().unwrap();
    assert_eq!(audio.rtp, "127.0.0.1:18000".parse().unwrap());
    assert_eq!(audio.rtcp, None);
    assert_eq!(audio.formats, [Format::pcmu()]);
}

#[test]
fn a_peek_tells_whose_an_invite_is() {
    let peek = peek(VICEROY).unwrap();
    assert_eq!(peek.kind, PeekKind::Request(Method::Invite));
    assert_eq!(peek.from_name.as_deref(), Some("1021"));
    assert_eq!(peek.to_name.as_deref(), Some("1022"));
    assert_eq!(peek.user_agent.as_deref(), Some("Viceroy 1.4.1"));
    assert!(!peek.in_dialog);
}

#[test]
fn viceroys_description_is_read_to_every_value() {
    let description = Description::parse(&request(VICEROY).body).unwrap();
    assert_eq!(description.session_name(), "1021");
    assert_eq!(description.media_count(), 2);
    assert!(description.has_media("video"));
    assert_eq!(description.ignored_lines(), [""; 0]);
    let attribute = |name| description.attributes(name).collect::<Vec<_>>();
    assert_eq!(attribute("FLS;VRA"), ["0;RVRA:1;AS:2"]);
    assert_eq!(attribute("hwi"), ["17412:2:2800"]);
    assert_eq!(attribute("iChatEncryption"), ["YES"]);
    assert_eq!(attribute("bandwidthDetection"), ["NO"]);
    let audio = description.audio().unwrap();
    assert_eq!(audio.rtp, "192.168.20.198:16402".parse().unwrap());
    assert_eq!(audio.rtcp, Some(audio.rtp));
    assert_eq!(
        audio.formats,
        [Format::mono(105, "X-AAC_ELD", 22050), Format::pcmu()]
    );
    assert_eq!(audio.direction, Direction::SendRecv);
    assert_eq!(
        (audio.rtp_id, audio.ptime_ms, audio.disabled),
        (Some(1_261_706_994), None, false)
    );
    assert_eq!(description.encode(), request(VICEROY).body);
}
