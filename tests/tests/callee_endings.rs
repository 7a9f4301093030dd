//! How calls to us end: every reason of the contract, with its event and its status.

use scenarios::ichat_call;
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires, seconds};

use crate::support::{
    assert_we_talked_and_hung_up, assert_we_talked_until_the_peer_hung_up, we_are_called,
    we_are_called_and,
};

#[test]
fn a_call_to_us_that_the_peer_ends_is_a_remote_hangup() {
    requires!("prosody");
    let (we, peer) = we_are_called("");
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
    peer.assert_ended("hangup");
    let incoming = we.last("incoming");
    assert_eq!(incoming["dialect"], "legacy");
    assert_eq!(incoming["audio_only"], true);
    let events: Vec<_> = we
        .events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let at = |name: &str| events.iter().position(|event| *event == name);
    assert!(
        at("online") < at("incoming") && at("incoming") < at("accepted"),
        "{events:?}"
    );
    assert!(
        at("accepted") < at("connected") && at("connected") < at("ended"),
        "{events:?}"
    );
}

#[test]
fn a_call_to_us_that_we_end_is_a_hangup() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let words = crate::support::words;
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .flag("--once");
    let we = we
        .says(&words(2))
        .captured()
        .set("--duration", "1.5")
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .says(&words(1))
        .listens()
        .spawn();
    let (we, peer) = (we.finish(seconds(30)), peer.verdict(VERDICT));
    assert_we_talked_and_hung_up(&we, &peer);
    peer.assert_ended("remote-hangup");
}

#[test]
fn what_we_decline_is_declined_on_both_sides() {
    requires!("prosody");
    let (we, peer) = we_are_called_and(&["--decline"], "");
    we.assert_reason("declined").assert_no("connected");
    peer.assert_ok().assert_ended("declined");
    assert_eq!(peer.field("code"), 1);
}

#[test]
fn when_we_are_busy_the_call_is_busy_on_both_sides() {
    requires!("prosody");
    let (we, peer) = we_are_called_and(&["--busy"], "");
    we.assert_reason("busy").assert_no("connected");
    peer.assert_ok().assert_ended("busy");
    assert_eq!(peer.field("code"), 2);
}

#[test]
fn whom_we_may_not_answer_rings_until_the_timeout() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .flag("--once");
    let we = we
        .set("--allow", "nobody@im.test")
        .set("--timeout", "2")
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid).spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("no-answer").assert_no("accepted");
    let rang =
        we.ended()["t"].as_f64().unwrap_or(0.0) - we.last("incoming")["t"].as_f64().unwrap_or(0.0);
    assert!((1.8..4.0).contains(&rang), "it rang for {rang} s");
    peer.verdict(VERDICT).assert_ok().assert_ended("no-answer");
}

#[test]
fn whom_we_may_answer_is_answered() {
    requires!("prosody");
    for allowed in ["contacts", "anyone"] {
        let (we, peer) = we_are_called_and(&["--auto", "--allow", allowed], "");
        assert_we_talked_until_the_peer_hung_up(&we, &peer);
    }
}

#[test]
fn a_caller_who_gives_up_while_it_rings_is_cancelled() {
    requires!("prosody");
    let (we, peer) = we_are_called_and(
        &["--auto", "--allow", "nobody@im.test"],
        "--cancel-after 700",
    );
    we.assert_reason("cancelled").assert_no("accepted");
    peer.assert_ok().assert_ended("cancelled");
}

#[test]
fn a_caller_who_sends_no_invite_within_thirty_seconds_has_failed() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .flag("--once")
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .flags("--no-invite --lifetime 60")
        .spawn();
    let accepted = we.wait_for("accepted", SOON)["t"].as_f64().unwrap_or(0.0);
    let we = we.finish(seconds(50));
    we.assert_reason("failed").assert_no("connected");
    let waited = we.ended()["t"].as_f64().unwrap_or(0.0) - accepted;
    assert!((29.0..34.0).contains(&waited), "it waited for {waited} s");
    drop(peer);
}

#[test]
fn a_request_without_an_address_that_can_be_used_is_answered_with_3_and_failed() {
    requires!("prosody");
    for flags in ["--no-hex", "--no-record"] {
        let (we, peer) = we_are_called(flags);
        we.assert_reason("failed")
            .assert_code("bad-address-list")
            .assert_no("connected");
        peer.assert_ok().assert_ended("failed");
        assert_eq!(peer.field("code"), 3, "{flags}");
    }
}

#[test]
fn a_video_call_is_taken_as_an_audio_call() {
    requires!("prosody");
    let (we, peer) = we_are_called("--video-call");
    assert_eq!(we.last("incoming")["audio_only"], false);
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
}
