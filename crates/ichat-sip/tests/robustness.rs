//! Whatever arrives, nothing panics and no call ends; and what we write we read.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::Instant;

use ichat_sip::{
    UserAgent,
    message::{HeaderName, Headers, Message, Method, NameAddr, Request, Uri},
    peek,
    sdp::Description,
    stray_reply,
};
use proptest::prelude::*;
use support::{Pair, Side, config, ms, route_to};

const VICEROY: &[u8] = include_bytes!("vectors/viceroy-1.4.1-invite.sip");

fn feed(octets: &[u8]) {
    let _ = peek(octets);
    let _ = stray_reply(octets, "ichat-call");
    let now = Instant::now();
    let mut callee = UserAgent::new(config("me@im.test", "mac@im.test", 1));
    if callee.handle_datagram(now, route_to(2), octets).is_ok() {
        let _ = callee.answer(now, b"v=0\r\n".to_vec());
    }
    while callee.poll_output().is_some() {}
}

#[test]
fn an_invite_cut_at_every_length_is_survived() {
    for length in 0..=VICEROY.len() {
        feed(&VICEROY[..length]);
        let _ = Description::parse(&VICEROY[length..]);
    }
}

#[test]
fn an_invite_with_every_octet_spoiled_is_survived() {
    for at in 0..VICEROY.len() {
        for octet in [0, b'\n', b'"', b'<', b':', b';', 0xff] {
            let mut spoiled = VICEROY.to_vec();
            spoiled[at] = octet;
            feed(&spoiled);
            let _ = Description::parse(&spoiled[461..]).map(|sdp| sdp.audio());
        }
    }
}

/// Each datagram of a whole call, spoiled, hits both sides of a call that is up.
#[test]
fn a_call_survives_spoiled_datagrams() {
    let mut pair = Pair::connected();
    let mut seed = 1_u64;
    for octets in pair.datagrams.clone() {
        for _ in 0..200 {
            let mut spoiled = octets.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = usize::try_from(seed >> 33).unwrap() % spoiled.len();
                spoiled[at] = seed.to_le_bytes()[6];
            }
            let _ = pair.caller.handle_datagram(pair.now, route_to(2), &spoiled);
            let _ = pair.callee.handle_datagram(pair.now, route_to(9), &spoiled);
        }
    }
    pair.run(ms(1000));
    assert!(!pair.caller.is_ended() && !pair.callee.is_ended());
    pair.caller.bye(pair.now);
    pair.run(ms(1000));
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
    let last = pair.events_of(Side::Callee).last().copied().cloned();
    assert_eq!(last, Some(ichat_sip::Event::RemoteBye));
}

/// Five hundred calls on a network that loses every fifth datagram, hung up by either side at any
/// time, ringing included.
#[test]
fn lossy_calls_end_on_both_sides_with_one_last_event() {
    for seed in 0..500_u64 {
        let mut pair = Pair::invited_at(&[route_to(7), route_to(2)]);
        pair.lose_percent(seed * 7919, 20);
        let answer_at = seed % 13 * 700;
        let hang_up_at = seed % 17 * 900;
        for step in 0..900 {
            let at = step * 100;
            if at == answer_at + 3000 {
                let _ = pair.callee.answer(pair.now, b"answer".to_vec());
            }
            if at == hang_up_at {
                let caller = seed % 2 == 0 || !pair.has_dialog();
                let agent = if caller {
                    &mut pair.caller
                } else {
                    &mut pair.callee
                };
                agent.bye(pair.now);
            }
            pair.run(ms(100));
        }
        assert!(
            pair.caller.is_ended() && pair.callee.is_ended(),
            "{seed}: {}",
            pair.ladder()
        );
        for side in [Side::Caller, Side::Callee] {
            let events = pair.events_of(side);
            let last = events.iter().filter(|event| {
                use ichat_sip::Event::{Cancelled, Ended, Failed, RemoteBye};
                matches!(event, Cancelled | RemoteBye | Ended | Failed { .. })
            });
            assert_eq!(last.count(), 1, "{seed}: {events:?}");
        }
    }
}

/// 64 KiB of the worst that there is, each in one pass: far below a second even unoptimised.
#[test]
fn large_input_takes_linear_time() {
    let start = Instant::now();
    let request = |rest: &str| format!("INVITE sip:h SIP/2.0\r\n{rest}");
    let folded = format!("Subject: a\r\n{}\r\n", " b\r\n".repeat(16_000));
    let commas = format!("Via: {}\r\n\r\n", "SIP/2.0/UDP h,".repeat(4000));
    let parameters = format!("From: <sip:h>{}\r\n\r\n", ";a=b".repeat(16_000));
    let quotes = format!("From: \"{}\r\n\r\n", "\\\"".repeat(32_000));
    let junk = "no colon\r\n".repeat(6000);
    for rest in [folded, commas, parameters, quotes, junk] {
        feed(request(&rest).as_bytes());
    }
    let lines = [
        "a=x\r\n",
        "i=x\r\n",
        "m=x\r\n",
        "c=x\r\n",
        "o=\r\n",
        "m=audio 1 RTP/AVP 0\r\n",
    ];
    for line in lines {
        let text = format!("v=0\r\nb=broken\r\n{}", line.repeat(65_000 / line.len()));
        let _ = Description::parse(text.as_bytes()).map(|sdp| sdp.audio());
    }
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    (
        "[^\\p{C}]{0,20}",
        "[a-z ]{0,8}",
        any::<std::net::SocketAddr>(),
        "[a-z0-9]{1,8}",
    )
        .prop_map(|(name, user, mut address, tag)| {
            if let std::net::SocketAddr::V6(v6) = &mut address {
                v6.set_scope_id(0);
                v6.set_flowinfo(0);
            }
            NameAddr::new(&name, Uri::of(&user, address)).with_tag(&tag)
        })
}

proptest! {
    #[test]
    fn a_name_and_a_uri_survive_a_round_trip(party in name_addr()) {
        prop_assert_eq!(NameAddr::parse(&party.to_string()), Some(party));
    }

    #[test]
    fn a_request_survives_a_round_trip(
        from in name_addr(),
        to in name_addr(),
        number in any::<u32>(),
        subject in "[^\\p{C}]{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:1;branch=z9hG4bK1");
        headers.push(HeaderName::From, from.to_string());
        headers.push(HeaderName::To, to.to_string());
        headers.push(HeaderName::CSeq, format!("{number} MESSAGE"));
        headers.push(HeaderName::Subject, subject);
        headers.push(HeaderName::ContentLength, body.len().to_string());
        let request = Request { method: Method::Message, uri: to.uri.clone(), headers, body };
        let Message::Request(again) = Message::parse(&request.encode()).unwrap() else {
            panic!("a response")
        };
        prop_assert_eq!(again, request);
    }

    #[test]
    fn octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        feed(&octets);
        let _ = Description::parse(&octets);
    }

    #[test]
    fn lines_of_any_kind_are_survived(text in "([a-zA-Z-]{0,8}[:= ]{0,2}[ -~]{0,30}\r?\n){0,20}") {
        feed(format!("INVITE sip:h SIP/2.0\r\n{text}").as_bytes());
        let _ = Description::parse(text.as_bytes()).map(|sdp| (sdp.audio(), sdp.encode()));
    }
}
