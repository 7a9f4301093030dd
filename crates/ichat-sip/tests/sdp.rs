//! Offers and answers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

use ichat_sip::{
    message::Message,
    sdp::{
        Description, Direction, Format, Local, MAX_SDP_OCTETS, SdpError, answer,
        answer_in_our_order, offer,
    },
};

fn local() -> Local {
    Local {
        login: "me".to_owned(),
        session_name: "me@im.test".to_owned(),
        session_id: 7,
        version: 1,
        address: "192.0.2.1".parse().unwrap(),
        port: 16402,
        formats: vec![Format::pcmu(), Format::pcma()],
        ssrc: 4711,
        direction: Direction::SendRecv,
    }
}

fn read(text: &str) -> Description {
    Description::parse(text.as_bytes()).unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec())
        .unwrap()
        .replace('\r', "")
}

/// `c=` and `m=audio` and these lines.
fn audio(lines: &str) -> Description {
    read(&format!(
        "v=0\r\no=a 0 0 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n{lines}"
    ))
}

#[test]
fn our_offer_is_the_plain_one() {
    insta::assert_snapshot!(text(&offer(&local())), @r"
    v=0
    o=me 7 1 IN IP4 192.0.2.1
    s=me@im.test
    c=IN IP4 192.0.2.1
    t=0 0
    m=audio 16402 RTP/AVP 0 8
    a=rtcp:16402
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=ptime:20
    a=sendrecv
    ");
}

#[test]
fn our_offer_reads_back() {
    let ours = Description::parse(&offer(&local()))
        .unwrap()
        .audio()
        .unwrap();
    assert_eq!(ours.rtp, "192.0.2.1:16402".parse().unwrap());
    assert_eq!(ours.rtcp, Some(ours.rtp));
    assert_eq!(ours.formats, local().formats);
    assert_eq!(
        (ours.ptime_ms, ours.direction),
        (Some(20), Direction::SendRecv)
    );
}

#[test]
fn a_hostile_login_stays_in_its_line() {
    let mut hostile = local();
    hostile.login = "a b\r\nm=x".to_owned();
    hostile.session_name = " x\r\na=y".to_owned();
    let written = text(&offer(&hostile));
    assert!(
        written.starts_with("v=0\no=abm=x 7 1 IN IP4 192.0.2.1\ns=xa=y\nc="),
        "{written}"
    );
}

#[test]
fn viceroy_is_answered_with_audio_alone() {
    let invite = include_bytes!("vectors/viceroy-1.4.1-invite.sip");
    let offer = Description::parse(Message::parse(invite).unwrap().body()).unwrap();
    let (octets, chosen) = answer(&offer, &local()).unwrap();
    assert_eq!(chosen, Format::pcmu());
    insta::assert_snapshot!(text(&octets), @r"
    v=0
    o=me 7 1 IN IP4 192.0.2.1
    s=me@im.test
    c=IN IP4 192.0.2.1
    t=0 0
    a=iChatEncryption:NO
    m=audio 16402 RTP/AVP 0
    a=rtcp:16402
    a=rtpmap:0 PCMU/8000
    a=ptime:20
    a=sendrecv
    a=rtpID:4711
    m=video 0 RTP/AVP 123 126 34
    ");
}

#[test]
fn a_plain_offer_gets_no_apple_attribute() {
    let (octets, _) = answer(&audio("m=audio 18000 RTP/AVP 0\r\n"), &local()).unwrap();
    assert!(!text(&octets).contains("iChat") && !text(&octets).contains("rtpID"));
}

#[test]
fn the_offerers_order_counts_unless_ours_is_asked_for() {
    let offer = audio("m=audio 18000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!(answer(&offer, &local()).unwrap().1, Format::pcma());
    assert_eq!(
        answer_in_our_order(&offer, &local()).unwrap().1,
        Format::pcmu()
    );
}

#[test]
fn a_codec_keeps_the_offerers_payload_type() {
    let offer =
        audio("m=audio 18000 RTP/AVP 97 96\r\na=rtpmap:96 pcmu/8000\r\na=rtpmap:97 x/1\r\n");
    let (octets, chosen) = answer(&offer, &local()).unwrap();
    assert_eq!(chosen.payload_type, 96);
    assert!(text(&octets).contains("m=audio 16402 RTP/AVP 96\n"));
}

#[test]
fn what_cannot_be_answered_is_told_apart() {
    let error = |lines: &str| answer(&audio(lines), &local()).unwrap_err();
    assert_eq!(
        error("m=video 1 RTP/AVP 34\r\n"),
        SdpError::NoAudio { media: 1 }
    );
    assert_eq!(
        error("m=audio 0 RTP/AVP 0\r\n"),
        SdpError::NoAudio { media: 1 }
    );
    assert_eq!(
        error("m=audio 1 RTP/SAVP 0\r\n"),
        SdpError::NoAudio { media: 1 }
    );
    assert_eq!(error(""), SdpError::NoAudio { media: 0 });
    let none = error("m=audio 1 RTP/AVP 3 105\r\n");
    assert_eq!(none, SdpError::NoCommonCodec { offered: 2 });
    assert_eq!(
        none.to_string(),
        "expected a codec of ours among 2 offered, found none"
    );
}

#[test]
fn the_usable_one_of_two_audio_lines_is_taken() {
    let offer = audio("m=audio 0 RTP/AVP 0\r\nm=audio 9 RTP/SAVP 0\r\nm=audio 18000 rtp/avp 0\r\n");
    let (octets, _) = answer(&offer, &local()).unwrap();
    let ports: Vec<_> = text(&octets)
        .lines()
        .filter(|l| l.starts_with("m="))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        ports,
        [
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 16402 rtp/avp 0"
        ]
    );
}

#[test]
fn directions_are_answered() {
    let answered = |line: &str, wanted| {
        let mut ours = local();
        ours.direction = wanted;
        let offer = audio(&format!("m=audio 1 RTP/AVP 0\r\n{line}\r\n"));
        let (octets, _) = answer(&offer, &ours).unwrap();
        Description::parse(&octets)
            .unwrap()
            .audio()
            .unwrap()
            .direction
    };
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    assert_eq!(answered("a=sendonly", SendRecv), RecvOnly);
    assert_eq!(answered("a=recvonly", SendRecv), SendOnly);
    assert_eq!(answered("a=inactive", SendRecv), Inactive);
    assert_eq!(answered("a=sendonly", SendOnly), Inactive);
    assert_eq!(answered("a=x", SendOnly), SendOnly);
    assert_eq!(
        answered("c=IN IP4 0.0.0.0", SendRecv),
        RecvOnly,
        "hold as of old"
    );
}

#[test]
fn addresses_come_from_the_nearest_line() {
    let at = |text: &str| read(text).audio().map(|audio| audio.rtp.to_string());
    let m = "m=audio 5 RTP/AVP 0\r\n";
    let media = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{m}c=IN IP6 2001:db8::1\r\n");
    assert_eq!(at(&media).as_deref(), Some("[2001:db8::1]:5"));
    assert_eq!(
        at(&format!("v=0\r\nc=IN IP4 192.0.2.1/127\r\n{m}")).as_deref(),
        Some("192.0.2.1:5")
    );
    let origin = format!("v=0\r\no=a 0 0 IN IP4 192.0.2.3\r\nc=IN IP4 mac.local\r\n{m}");
    assert_eq!(at(&origin).as_deref(), Some("192.0.2.3:5"));
    assert_eq!(at(&format!("v=0\r\n{m}")), None);
    let named = read(&format!("v=0\r\nc=IN IP4 mac.local\r\n{m}"));
    let fallback = named.audio_or_at("192.0.2.9".parse().unwrap()).unwrap();
    assert_eq!(fallback.rtp, "192.0.2.9:5".parse().unwrap());
}

#[test]
fn rtcp_is_where_it_is_said_and_case_counts() {
    let rtcp = |line: &str| {
        let offer = audio(&format!("m=audio 16402 RTP/AVP 0\r\n{line}\r\n"));
        offer
            .audio()
            .unwrap()
            .rtcp
            .map(|address| address.to_string())
    };
    assert_eq!(rtcp("a=rtcp:16403").as_deref(), Some("192.0.2.2:16403"));
    assert_eq!(
        rtcp("a=rtcp:9 IN IP4 192.0.2.7").as_deref(),
        Some("192.0.2.7:9")
    );
    assert_eq!(rtcp("a=rtcp-mux").as_deref(), Some("192.0.2.2:16402"));
    assert_eq!(rtcp("a=RTCP:AUDIO 16402 VIDEO 16402"), None);
    assert_eq!(rtcp("a=rtcp:0"), None);
    assert_eq!(rtcp("a=x"), None);
}

#[test]
fn one_broken_line_does_not_lose_the_call() {
    let broken = "o=John Doe 0 0 IN IP4 192.0.2.2\nc=IN IP4 192.0.2.2\nb=AS\n\
        m=audio 16402 RTP/AVP 0\na=rtcp:16402\nm=video x y\n";
    let description = read(broken);
    assert_eq!(
        description.ignored_lines(),
        ["o=John Doe 0 0 IN IP4 192.0.2.2", "b=AS", "m=video x y"]
    );
    assert_eq!(
        description.audio().unwrap().rtp,
        "192.0.2.2:16402".parse().unwrap()
    );
    let (octets, _) = answer(&description, &local()).unwrap();
    assert!(
        text(&octets).ends_with("m=video 0 RTP/AVP 0\n"),
        "a line for each of the offer's"
    );
}

#[test]
fn what_is_no_description_is_refused() {
    assert_eq!(
        Description::parse(b""),
        Err(SdpError::NoDescription { length: 0 })
    );
    assert_eq!(
        Description::parse(b"\xff\xfe junk"),
        Err(SdpError::NoDescription { length: 7 })
    );
    let long = vec![b'a'; MAX_SDP_OCTETS + 1];
    assert_eq!(
        Description::parse(&long),
        Err(SdpError::TooLong { length: long.len() })
    );
}
