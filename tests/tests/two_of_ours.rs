//! Our program at both ends.

use scenarios::ichat_call::{self, Direction, text};
use scenarios::prosody::Prosody;
use scenarios::{SOON, pcap, requires, requires_ipv6, seconds, tone, wav::Wav};

#[test]
fn a_call_outlives_the_server_that_set_it_up() {
    requires!("prosody");
    let server = Prosody::own();
    let (amy, ben) = server.pair();
    let callee = ichat_call::answer()
        .account(&ben)
        .flag("--auto")
        .flag("--once")
        .spawn();
    callee.wait_for("online", SOON);
    let caller = ichat_call::call(&ben.jid)
        .account(&amy)
        .set("--duration", "4")
        .spawn();
    caller.wait_for("connected", SOON);
    callee.wait_for("connected", SOON);
    drop(server);
    let (caller, callee) = (caller.finish(seconds(20)), callee.finish(seconds(10)));
    caller.assert_reason("hangup").assert_nothing_lost();
    callee.assert_reason("remote-hangup").assert_nothing_lost();
    assert!(
        caller.ended()["duration_s"].as_f64() > Some(3.9),
        "{}",
        caller.transcript
    );
}

#[test]
fn two_who_ring_each_other_at_the_same_time_end_up_in_one_call() {
    requires!("prosody");
    let (amy, ben) = Prosody::shared().pair();
    let one = ichat_call::call(&ben.jid)
        .account(&amy)
        .set("--duration", "3")
        .spawn();
    let other = ichat_call::call(&amy.jid)
        .account(&ben)
        .set("--duration", "3")
        .spawn();
    let (one, other) = (one.finish(seconds(30)), other.finish(seconds(30)));
    for we in [&one, &other] {
        we.assert_status(0).assert_nothing_lost();
        assert_eq!(we.all("connected").len(), 1, "{}", we.transcript);
    }
}

#[test]
fn our_default_port_is_16402_or_one_below_or_any() {
    let callee = ichat_call::answer()
        .unset("--port")
        .set("--bind", "127.0.0.77")
        .flag("--auto")
        .flag("--once")
        .spawn();
    let listening = callee.wait_for("listening", SOON);
    assert_eq!(text(&listening, "address"), "127.0.0.77:16402");
    let caller = ichat_call::call("sip:user@127.0.0.77:16402")
        .unset("--port")
        .set("--bind", "127.0.0.77")
        .set("--duration", "1")
        .spawn()
        .finish(seconds(20));
    caller.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(text(caller.last("path"), "local"), "127.0.0.77:16401");
    callee.finish(SOON).assert_reason("remote-hangup");
}

#[test]
fn calls_over_ipv6_work() {
    requires_ipv6!();
    let callee = ichat_call::answer()
        .set("--bind", "::1")
        .flag("--auto")
        .flag("--once")
        .spawn();
    let uri = callee.sip_uri();
    assert!(uri.starts_with("sip:user@[::1]:"), "{uri}");
    let caller = ichat_call::call(&uri)
        .set("--bind", "::1")
        .captured()
        .set("--duration", "1.5")
        .spawn();
    let caller = caller.finish(seconds(20));
    caller.assert_reason("hangup").assert_nothing_lost();
    callee
        .finish(SOON)
        .assert_reason("remote-hangup")
        .assert_nothing_lost();
    assert!(pcap::stream(&caller.captured(Direction::Received)).len() > 50);
}

#[test]
fn a_file_is_played_once_and_again_and_again_with_loop() {
    for (looped, least, most) in [(false, 0.4, 0.8), (true, 2.0, 3.2)] {
        let callee = ichat_call::answer().set_file("--output", "heard.wav");
        let callee = callee.flag("--auto").flag("--once").spawn();
        let uri = callee.sip_uri();
        let caller = ichat_call::call(&uri).set("--duration", "3");
        let input = caller.path("in.wav");
        // Any rate and any number of channels.
        let mono = Wav::tone(44_100, 800.0, 0.5);
        let samples = mono
            .samples
            .iter()
            .flat_map(|&sample| [sample, sample])
            .collect();
        Wav {
            channels: 2,
            samples,
            ..mono
        }
        .write(&input);
        let caller = caller.set("--input", input);
        let caller = if looped {
            caller.flag("--loop")
        } else {
            caller
        };
        caller.spawn().finish(seconds(20)).assert_reason("hangup");
        let callee = callee.finish(SOON);
        callee.assert_reason("remote-hangup");
        let heard = Wav::read(&callee.path("heard.wav"));
        assert_eq!((heard.sample_rate_hz, heard.channels), (48_000, 1));
        let loud = tone::loud_seconds(&heard.samples, 48_000);
        assert!(
            (least..most).contains(&loud),
            "loop {looped}: {loud} s of sound"
        );
        assert!(tone::share(&heard.samples, 48_000, 800.0) > 0.8);
    }
}

#[test]
fn the_codec_that_is_preferred_is_used() {
    let callee = ichat_call::answer().flag("--auto").flag("--once").spawn();
    let caller = ichat_call::call(&callee.sip_uri())
        .set("--codec", "pcma")
        .set("--duration", "1");
    let caller = caller.spawn().finish(seconds(20));
    caller.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(
        caller.last("connected")["codec"],
        "pcma",
        "{}",
        caller.transcript
    );
    let callee = callee.finish(SOON);
    assert_eq!(
        callee.last("connected")["codec"],
        "pcma",
        "{}",
        callee.transcript
    );
}
