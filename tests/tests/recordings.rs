//! Recordings, captures and traces.

use scenarios::ichat_call::{self, Direction};
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::base64;
use scenarios::{SOON, requires, seconds, tone, wav::Wav, wireshark};

#[test]
fn a_recording_has_us_on_the_left_and_the_peer_on_the_right() {
    let callee = ichat_call::answer()
        .set("--input", "tone:400")
        .set_file("--output", "heard.wav");
    let callee = callee.flag("--auto").flag("--once").spawn();
    let caller = ichat_call::call(&callee.sip_uri())
        .set("--input", "tone:1000")
        .set_file("--output", "heard.wav")
        .set_file("--record", "both.wav")
        .set("--duration", "3")
        .spawn()
        .finish(seconds(20));
    caller.assert_reason("hangup");
    let callee = callee.finish(SOON);
    let both = Wav::read(&caller.path("both.wav"));
    assert_eq!((both.sample_rate_hz, both.channels), (48_000, 2));
    assert!((2.5..4.0).contains(&both.seconds()), "{} s", both.seconds());
    let (left, right) = (both.channel(0), both.channel(1));
    assert!(tone::share(&left, 48_000, 1000.0) > 0.8);
    assert!(tone::share(&left, 48_000, 400.0) < 0.05);
    assert!(tone::share(&right, 48_000, 400.0) > 0.8);
    assert!(tone::share(&right, 48_000, 1000.0) < 0.05);
    for (we, hz) in [(&caller, 400.0), (&callee, 1000.0)] {
        let heard = Wav::read(&we.path("heard.wav"));
        assert_eq!((heard.sample_rate_hz, heard.channels), (48_000, 1));
        assert!(tone::share(&heard.samples, 48_000, hz) > 0.8);
        assert!(tone::loud_seconds(&heard.samples, 48_000) > 2.5);
    }
}

#[test]
fn a_recording_is_a_valid_file_after_a_kill() {
    let callee = ichat_call::answer()
        .set("--input", "tone:400")
        .flag("--auto")
        .spawn();
    let mut caller = ichat_call::call(&callee.sip_uri())
        .set_file("--output", "heard.wav")
        .set_file("--record", "both.wav")
        .captured()
        .spawn();
    caller
        .process()
        .wait_for_where("three seconds of talk", SOON, |event| {
            event["event"] == "stats" && event["received"].as_u64() > Some(140)
        });
    let paths = ["heard.wav", "both.wav", "media.pcap"].map(|name| caller.path(name));
    caller.process().kill();
    assert_eq!(caller.exit(SOON), 137);
    for path in &paths[..2] {
        let wav = Wav::read(path);
        // The header is right at least twice a second.
        assert!(wav.seconds() > 1.9, "{path:?}: {} s", wav.seconds());
        assert!(wav.seconds() < 10.0, "{path:?}: {} s", wav.seconds());
    }
    let capture = scenarios::pcap::read(&paths[2]);
    assert!(scenarios::pcap::stream(&capture).len() > 140);
}

#[test]
fn wireshark_reads_the_whole_call_in_our_capture() {
    requires!("prosody", "tshark");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).set("--pings", "500").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .captured()
        .set("--duration", "7")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("hangup");
    peer.verdict(VERDICT).assert_ok();
    let capture = we.path("media.pcap");
    for filter in [
        "sip.Method == \"INVITE\" && sip.Request-Line",
        "sip.Status-Code == 200 && sip.CSeq.method == \"INVITE\" && sdp",
        "sip.Method == \"ACK\"",
        "sip.Method == \"MESSAGE\"",
        "sip.Method == \"BYE\"",
        "sip.Status-Code == 200 && sip.CSeq.method == \"BYE\"",
    ] {
        assert!(wireshark::count(&capture, filter) > 0, "no {filter}");
    }
    let ours = we.last("path")["local"]
        .as_str()
        .and_then(|local| local.rsplit(':').next());
    let ours = ours.expect("a port").to_owned();
    for (direction, field) in [
        (Direction::Sent, "udp.srcport"),
        (Direction::Received, "udp.dstport"),
    ] {
        let filter = format!("rtp && !rtcp && rtp.p_type == 0 && {field} == {ours}");
        let seen = wireshark::count(&capture, &filter);
        let expected = scenarios::pcap::stream(&we.captured(direction)).len();
        assert!(
            seen > 300 && seen == expected,
            "{seen} of {expected} RTP packets {direction:?}"
        );
    }
    assert!(
        wireshark::count(
            &capture,
            &format!("rtcp.pt == 200 && udp.srcport == {ours}")
        ) > 0
    );
    assert!(
        wireshark::count(
            &capture,
            &format!("rtcp.pt == 202 && udp.srcport == {ours}")
        ) > 0
    );
    assert_eq!(wireshark::count(&capture, "_ws.malformed && !sdp"), 0);
    assert_eq!(
        wireshark::count(
            &capture,
            "ip.checksum.status == 0 || udp.checksum.status == 0"
        ),
        0
    );
}

#[test]
fn a_trace_has_every_stanza_and_no_password() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set_file("--trace", "stanzas.xml")
        .set("--duration", "1")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("hangup");
    peer.verdict(VERDICT).assert_ok();
    let trace = std::fs::read_to_string(we.path("stanzas.xml")).expect("a trace");
    for word in [
        "apple:iq:vc:request",
        "apple:iq:vc:response",
        "<presence",
        "jabber:iq:roster",
    ] {
        assert!(trace.contains(word), "no {word} in\n{trace}");
    }
    let secrets = [
        ours.password.clone(),
        base64(ours.password.as_bytes()),
        base64(format!("\0{}\0{}", ours.user(), ours.password).as_bytes()),
    ];
    assert!(
        !secrets.iter().any(|secret| trace.contains(secret)),
        "{trace}"
    );
    // Each stanza a line with its time.
    for line in trace.lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            line.starts_with("20") && line.contains('Z'),
            "no time in {line}"
        );
    }
}
