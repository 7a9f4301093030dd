//! Whatever comes from outside: a clear word, never a panic, a hang or a call lost for it.

use std::net::UdpSocket;

use scenarios::ichat_call::{self, Finished, text};
use scenarios::ports::LOOPBACK;
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires, seconds, ulaw};

use crate::support::{
    assert_we_talked_and_hung_up, assert_we_talked_until_the_peer_hung_up, we_are_called, we_call,
    words,
};

#[test]
fn of_an_address_list_with_a_broken_tail_the_whole_records_are_used_with_a_warning() {
    requires!("prosody");
    let (we, peer) = we_call("--broken-tail");
    assert_we_talked_and_hung_up(&we, &peer);
    we.assert_code("bad-address-list");
    let (we, peer) = we_are_called("--broken-tail");
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
    we.assert_code("bad-address-list");
}

#[test]
fn of_an_address_list_without_a_whole_record_nothing_is_used_and_the_call_fails() {
    requires!("prosody");
    for flags in ["--no-record", "--no-hex"] {
        let (we, peer) = we_call(flags);
        we.assert_reason("failed")
            .assert_code("bad-address-list")
            .assert_no("connected");
        peer.assert_ok();
    }
}

#[test]
fn an_invite_without_content_length_or_with_a_wrong_one_is_taken() {
    requires!("prosody");
    for flags in [
        "--no-content-length",
        "--long-content-length",
        "--short-content-length",
    ] {
        let (we, peer) = we_are_called(flags);
        assert_we_talked_until_the_peer_hung_up(&we, &peer);
    }
}

#[test]
fn an_answer_without_content_length_or_with_a_wrong_one_is_taken() {
    requires!("prosody");
    for flags in [
        "--no-content-length",
        "--long-content-length",
        "--short-content-length",
    ] {
        let (we, peer) = we_call(flags);
        assert_we_talked_and_hung_up(&we, &peer);
    }
}

#[test]
fn an_invite_without_audio_is_refused_with_606_and_has_failed() {
    requires!("prosody");
    let (we, peer) = we_are_called("--no-audio");
    we.assert_reason("failed")
        .assert_code("bad-sdp")
        .assert_no("connected");
    peer.assert_ok();
    assert_eq!(peer.field("last_status"), 606, "{}", peer.transcript());
}

#[test]
fn an_answer_without_audio_has_failed() {
    requires!("prosody");
    let (we, peer) = we_call("--no-audio");
    we.assert_reason("failed")
        .assert_code("bad-sdp")
        .assert_no("connected");
    peer.assert_ok();
}

#[test]
fn broken_and_foreign_datagrams_among_the_packets_are_counted_and_dropped() {
    requires!("prosody");
    let (we, peer) = we_call("--junk-rtp");
    assert_we_talked_and_hung_up(&we, &peer);
    assert_dropped(
        &we,
        &["unknown_source", "malformed", "unknown_kind", "probe"],
    );
    let (we, peer) = we_are_called("--junk-rtp");
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
    assert_dropped(
        &we,
        &["unknown_source", "malformed", "unknown_kind", "probe"],
    );
}

/// Something was dropped for each of these reasons, and the sum is told as well.
fn assert_dropped(we: &Finished, reasons: &[&str]) {
    let ended = we.last("ended");
    let drops = ended["drops"].as_object().expect("drops by reason");
    for reason in reasons {
        assert!(drops[*reason].as_u64() > Some(0), "{reason}: {drops:?}");
    }
    let sum: u64 = drops.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(ended["dropped"].as_u64(), Some(sum), "{drops:?}");
}

#[test]
fn sip_in_every_style_that_is_allowed_is_understood() {
    requires!("prosody");
    for style in ["compact", "folded", "line-feed", "lower-case"] {
        let (we, peer) = we_are_called(&format!("--sip-style {style}"));
        assert_we_talked_until_the_peer_hung_up(&we, &peer);
        let (we, peer) = we_call(&format!("--sip-style {style}"));
        assert_we_talked_and_hung_up(&we, &peer);
    }
}

/// Datagrams that nobody asked for: noise of every length, RTP and RTCP of a stranger, SIP that
/// is none, or is for another dialog.
fn junk() -> Vec<Vec<u8>> {
    let mut datagrams: Vec<Vec<u8>> = (0..=120).map(|length| ulaw::noise(length, 7)).collect();
    datagrams.push(ulaw::noise(1472, 8));
    datagrams.push(ulaw::noise(65_000, 9));
    datagrams.push(vec![0x80, 0, 0]);
    for first in 0..=255u8 {
        datagrams.push([&[first], &ulaw::noise(43, first.into())[..]].concat());
    }
    let mut rtp = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];
    rtp.extend(ulaw::noise(160, 10));
    datagrams.push(rtp);
    // A BYE and a sender report of somebody else.
    datagrams.push(vec![0x81, 203, 0, 1, 0xde, 0xad, 0xbe, 0xef]);
    datagrams.push([&[0x80, 200, 0, 6][..], &ulaw::noise(24, 11)].concat());
    for request in [
        "BYE sip:user@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: nobody\r\nCSeq: 2 BYE\r\n\
         Content-Length: 0\r\n\r\n",
        "INVITE sip:user@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKy\r\n\
         From: stranger <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: stranger\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        "INVITE sip:user@127.0.0.1 SIP/2.0\r\nCall-ID: ",
        "SIP/2.0 200 OK\r\n\r\n",
        "SIP/2.0 99999999999999999999 OK\r\nCSeq: 18446744073709551616 INVITE\r\n\r\n",
        "\r\n\r\n",
        "CANCEL sip:user@127.0.0.1 SIP/2.0\r\nContent-Length: -1\r\n\r\n",
    ] {
        datagrams.push(request.as_bytes().to_vec());
    }
    datagrams
}

#[test]
fn a_storm_of_junk_at_our_port_costs_a_call_nothing() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).says(&words(1)).listens().spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .says(&words(2))
        .captured()
        .set("--duration", "4")
        .spawn();
    let port = text(&we.wait_for("path", SOON), "local").to_owned();
    we.wait_for("connected", SOON);
    let stranger = UdpSocket::bind((LOOPBACK, 0)).expect("a port is free");
    for datagram in junk() {
        stranger
            .send_to(&datagram, &port)
            .expect("loopback takes it");
    }
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    // The socket's queue holds the beginning of the storm, which is noise; the rest gets no further.
    assert_dropped(&we, &["unknown_kind"]);
    let verdict = peer.verdict(VERDICT);
    verdict.assert_ok().assert_heard_all();
    if let Err(problem) = ulaw::compare(&words(2), &verdict.heard(), 0) {
        panic!("{problem}\n{}", we.transcript);
    }
}

#[test]
fn a_storm_of_junk_at_a_waiting_port_is_no_call() {
    let we = ichat_call::answer().flag("--auto").spawn();
    let port = text(&we.wait_for("listening", SOON), "address").to_owned();
    let stranger = UdpSocket::bind((LOOPBACK, 0)).expect("a port is free");
    // Without the one that is a call: its INVITE asks for an offer of ours.
    for datagram in junk()
        .iter()
        .filter(|datagram| !datagram.starts_with(b"INVITE"))
    {
        stranger
            .send_to(datagram, &port)
            .expect("loopback takes it");
    }
    // It still answers: OPTIONS outside a dialog.
    let options = "OPTIONS sip:user@127.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKz;rport\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:c@d>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    stranger
        .set_read_timeout(Some(seconds(1)))
        .expect("a socket option");
    let mut answer = vec![0; 4096];
    let mut tries = 0;
    loop {
        // The storm may have filled the socket's queue: ask again, as a SIP client does.
        let count = match stranger.recv(&mut answer) {
            Ok(count) if tries > 0 => count,
            Ok(_) => continue,
            Err(_) => {
                tries += 1;
                assert!(tries < 10, "OPTIONS is answered");
                stranger
                    .send_to(options.as_bytes(), &port)
                    .expect("loopback takes it");
                continue;
            }
        };
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        if answer.contains("alive") {
            assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
            break;
        }
    }
    we.process().interrupt();
    we.finish(SOON).assert_status(0).assert_no("incoming");
}
