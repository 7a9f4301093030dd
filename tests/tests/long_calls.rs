//! Ten seconds of talk: every octet arrives, whoever calls and whoever answers.

use scenarios::baresip::{Answering, Baresip};
use scenarios::ichat_call::{self, Direction, Finished};
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, pcap, requires, seconds, ulaw};

/// Nine seconds of words, so that all of them are said in ten.
fn words(seed: u64) -> Vec<u8> {
    ulaw::noise(9 * 8000, seed)
}

fn assert_heard(said: &[u8], heard: &[u8], who: &str, transcript: &str) {
    if let Err(problem) = ulaw::compare(said, heard, 0) {
        panic!("{who}: {problem}\n{transcript}");
    }
}

/// What both ways of every long call have in common, seen from our side.
fn assert_ten_good_seconds(we: &Finished) {
    we.assert_nothing_lost().assert_no_error();
    let ended = we.ended();
    let duration = ended["duration_s"].as_f64().expect("a number");
    assert!((9.5..12.0).contains(&duration), "{ended}");
    assert!(ended["mos"].as_f64() > Some(4.0), "{ended}");
    assert_eq!(we.last("connected")["codec"], "pcmu");
    assert!(we.last("connected")["setup_ms"].as_f64() > Some(0.0));
    assert_eq!(we.last("path")["kind"], "direct");
    assert_eq!(we.last("path")["checks_ms"].as_f64(), Some(0.0));
    let directions: Vec<_> = we
        .all("media")
        .iter()
        .map(|event| event["direction"].clone())
        .collect();
    assert!(directions.contains(&"in".into()) && directions.contains(&"out".into()));
    let figures = we.all("stats");
    assert!(
        (8..=12).contains(&figures.len()),
        "{} stats in ten seconds",
        figures.len()
    );
    for name in [
        "sent",
        "received",
        "lost",
        "late",
        "concealed_ms",
        "jitter_ms",
        "buffer_ms",
        "level_in",
        "level_out",
    ] {
        assert!(
            figures.iter().all(|event| event[name].is_number()),
            "{name}\n{}",
            we.transcript
        );
    }
    for direction in [Direction::Sent, Direction::Received] {
        let packets = pcap::stream(&we.captured(direction));
        assert!(
            packets.len() > 480,
            "{direction:?}: {} packets",
            packets.len()
        );
        assert_eq!(pcap::lost(&packets), 0, "{direction:?}");
        assert!(
            packets.iter().all(|packet| packet.ssrc == packets[0].ssrc),
            "{direction:?}"
        );
        assert!(
            packets.iter().all(|packet| packet.payload_type == 0),
            "{direction:?}"
        );
    }
    let sent = pcap::stream(&we.captured(Direction::Sent));
    assert!(sent.iter().all(|packet| packet.payload.len() == 160));
    assert!(
        sent.windows(2)
            .all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 160)
    );
    assert!(
        we.captured(Direction::Sent)
            .iter()
            .any(|datagram| datagram.is_rtcp())
    );
}

fn sent(we: &Finished) -> Vec<u8> {
    pcap::payload(&pcap::stream(&we.captured(Direction::Sent)))
}

fn received(we: &Finished) -> Vec<u8> {
    pcap::payload(&pcap::stream(&we.captured(Direction::Received)))
}

/// Nothing is changed on the way, not even silence; the last packets may have crossed a BYE.
fn assert_same(sent: &[u8], received: &[u8], transcript: &str) {
    let common = sent.len().min(received.len());
    assert!(
        sent.len() - common <= 5 * 160,
        "{} octets are missing\n{transcript}",
        sent.len()
    );
    assert_eq!(
        received.len(),
        common,
        "more came than was sent\n{transcript}"
    );
    assert!(
        sent[..common] == received[..common],
        "other octets came than were sent\n{transcript}"
    );
}

#[test]
fn our_caller_and_the_stand_in_hear_every_octet_of_each_other_for_ten_seconds() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac)
        .says(&words(1))
        .remembers()
        .listens()
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .says(&words(2))
        .captured()
        .set("--duration", "10")
        .spawn()
        .finish(seconds(40));
    let peer = peer.verdict(VERDICT);
    we.assert_reason("hangup");
    assert_ten_good_seconds(&we);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert_heard(&words(2), &peer.heard(), "the stand-in", peer.transcript());
    assert_heard(&words(1), &received(&we), "we", &we.transcript);
    assert_same(&sent(&we), &peer.heard(), &we.transcript);
    assert_same(&peer.said(), &received(&we), &we.transcript);
}

#[test]
fn our_callee_and_the_stand_in_hear_every_octet_of_each_other_for_ten_seconds() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .flag("--once")
        .says(&words(2))
        .captured()
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .says(&words(1))
        .remembers()
        .listens()
        .set("--duration", "10")
        .spawn();
    let we = we.finish(seconds(40));
    let peer = peer.verdict(VERDICT);
    we.assert_reason("remote-hangup");
    assert_ten_good_seconds(&we);
    peer.assert_ok().assert_heard_all().assert_ended("hangup");
    assert_heard(&words(2), &peer.heard(), "the stand-in", peer.transcript());
    assert_heard(&words(1), &received(&we), "we", &we.transcript);
    assert_same(&sent(&we), &peer.heard(), &we.transcript);
    assert_same(&peer.said(), &received(&we), &we.transcript);
}

#[test]
fn our_program_at_both_ends_hears_every_octet_of_itself_for_ten_seconds() {
    requires!("prosody");
    let (amy, ben) = Prosody::shared().pair();
    let callee = ichat_call::answer()
        .account(&ben)
        .flag("--auto")
        .flag("--once")
        .says(&words(1))
        .captured()
        .spawn();
    callee.wait_for("online", SOON);
    let caller = ichat_call::call(&ben.jid)
        .account(&amy)
        .says(&words(2))
        .captured()
        .set("--duration", "10")
        .spawn()
        .finish(seconds(40));
    let callee = callee.finish(seconds(10));
    caller.assert_reason("hangup");
    callee.assert_reason("remote-hangup");
    for we in [&caller, &callee] {
        assert_ten_good_seconds(we);
    }
    assert_heard(
        &words(1),
        &received(&caller),
        "the caller",
        &caller.transcript,
    );
    assert_heard(
        &words(2),
        &received(&callee),
        "the callee",
        &callee.transcript,
    );
    assert_same(&sent(&caller), &received(&callee), &caller.transcript);
    assert_same(&sent(&callee), &received(&caller), &callee.transcript);
}

#[test]
fn our_caller_and_baresip_hear_every_octet_of_each_other_for_ten_seconds() {
    requires!("baresip");
    // Longer than the call: its source stops, and does not fall silent, at its end.
    let replied = ulaw::noise(12 * 8000, 1);
    let phone = Baresip::start(Answering::Auto, &replied);
    let we = ichat_call::call(&phone.uri())
        .says(&words(2))
        .captured()
        .set("--duration", "10")
        .spawn()
        .finish(seconds(40));
    phone.wait_for("CALL_CLOSED", SOON);
    we.assert_reason("hangup");
    assert_ten_good_seconds(&we);
    assert_baresip_talk(&we, &phone, &replied);
}

#[test]
fn baresip_and_our_callee_hear_every_octet_of_each_other_for_ten_seconds() {
    requires!("baresip");
    let said = ulaw::noise(14 * 8000, 1);
    let mut phone = Baresip::start(Answering::Manual, &said);
    let we = ichat_call::answer()
        .flag("--auto")
        .flag("--once")
        .says(&words(2))
        .captured()
        .spawn();
    phone.dial(&we.sip_uri());
    we.wait_for("connected", SOON);
    // It hangs up when it is told, so somebody has to look at the clock: ours.
    let enough =
        |event: &serde_json::Value| event["event"] == "stats" && event["sent"].as_u64() > Some(490);
    we.process()
        .wait_for_where("ten seconds of talk", seconds(20), enough);
    phone.hang_up();
    let we = we.finish(seconds(10));
    we.assert_reason("remote-hangup");
    assert_ten_good_seconds(&we);
    assert_baresip_talk(&we, &phone, &said);
}

fn assert_baresip_talk(we: &Finished, phone: &Baresip, said: &[u8]) {
    // Its play-out buffer keeps the last packets, and they are silence.
    assert_heard(&words(2), &phone.heard(), "baresip", &we.transcript);
    let received = received(we);
    assert!(
        received.len() > 9 * 8000,
        "{} octets\n{}",
        received.len(),
        we.transcript
    );
    if let Err(problem) = ulaw::compare(said, &received, said.len()) {
        panic!("we: {problem}\n{}", we.transcript);
    }
}
