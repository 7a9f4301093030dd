//! How our calls end: every reason of the contract, with its event, its message and its status.

use scenarios::ichat_call;
use scenarios::ports::silent_udp;
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires, seconds};

use crate::support::{
    assert_we_talked_and_hung_up, assert_we_talked_until_the_peer_hung_up, we_call,
};

#[test]
fn a_call_that_we_end_is_a_hangup() {
    requires!("prosody");
    let (we, peer) = we_call("");
    assert_we_talked_and_hung_up(&we, &peer);
    peer.assert_ended("remote-hangup");
    assert_eq!(peer.count("byes"), 1);
}

#[test]
fn a_call_that_the_peer_ends_is_a_remote_hangup() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let words = crate::support::words;
    let peer = standin::answer(&mac)
        .says(&words(1))
        .listens()
        .set("--duration", "1.5")
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .says(&words(2))
        .captured()
        .spawn();
    let we = we.finish(seconds(30));
    let peer = peer.verdict(VERDICT);
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
    peer.assert_ended("hangup");
}

#[test]
fn a_response_of_1_or_11_and_a_603_mean_declined() {
    requires!("prosody");
    for flags in [
        "--decline",
        "--decline=11",
        "--accept-blank",
        "--sip-reject 603",
    ] {
        let (we, peer) = we_call(flags);
        we.assert_reason("declined").assert_no("connected");
        peer.assert_ok();
    }
}

#[test]
fn a_response_of_2_and_a_486_mean_busy() {
    requires!("prosody");
    for flags in ["--busy", "--sip-reject 486"] {
        let (we, peer) = we_call(flags);
        we.assert_reason("busy").assert_no("connected");
        peer.assert_ok();
    }
}

#[test]
fn a_response_of_7_means_no_answer() {
    requires!("prosody");
    let (we, peer) = we_call("--decline=7");
    we.assert_reason("no-answer");
    peer.assert_ok();
}

#[test]
fn a_call_that_nobody_answers_ends_after_the_timeout_and_stops_ringing() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).flag("--no-answer").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--timeout", "1500ms")
        .spawn();
    let we = we.finish(SOON);
    we.assert_reason("no-answer").assert_no("connected");
    let rang =
        we.ended()["t"].as_f64().unwrap_or(0.0) - we.last("ringing")["t"].as_f64().unwrap_or(0.0);
    assert!(
        (1.3..4.0).contains(&rang),
        "it rang for {rang} s\n{}",
        we.transcript
    );
    let peer = peer.verdict(VERDICT);
    peer.assert_ok().assert_ended("cancelled");
    assert_eq!(peer.count("vc_cancels"), 1);
}

#[test]
fn a_response_of_3_or_4_and_other_final_answers_mean_failed() {
    requires!("prosody");
    for flags in [
        "--decline=3",
        "--decline=4",
        "--sip-reject 606",
        "--sip-reject 500",
    ] {
        let (we, peer) = we_call(flags);
        we.assert_reason("failed").assert_no("connected");
        peer.assert_ok();
    }
}

#[test]
fn a_contact_without_audio_is_not_callable_after_five_seconds() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).flag("--no-avavail").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .spawn()
        .finish(seconds(20));
    we.assert_reason("not-callable").assert_no("ringing");
    let waited =
        we.ended()["t"].as_f64().unwrap_or(0.0) - we.last("online")["t"].as_f64().unwrap_or(0.0);
    assert!((4.5..8.0).contains(&waited), "it waited for {waited} s");
}

#[test]
fn a_contact_who_is_not_there_is_not_callable() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .spawn()
        .finish(seconds(20));
    we.assert_reason("not-callable").assert_no("ringing");
}

#[test]
fn somebody_who_is_no_contact_and_may_not_be_asked_is_not_callable() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac) = (server.account("amy"), server.account("mac"));
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .flag("--no-subscribe")
        .spawn();
    we.finish(seconds(20))
        .assert_reason("not-callable")
        .assert_no("ringing");
}

#[test]
fn somebody_who_does_not_become_a_contact_is_not_callable_after_the_timeout() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac) = (server.account("amy"), server.account("mac"));
    let peer = standin::answer(&mac)
        .flag("--no-auto-accept")
        .flag("--no-subscribe")
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--timeout", "3")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_reason("not-callable")
        .assert_code("subscription-pending")
        .assert_no("ringing");
}

#[test]
fn somebody_who_becomes_a_contact_in_time_is_called() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac) = (server.account("amy"), server.account("mac"));
    let peer = standin::answer(&mac).flag("--no-subscribe").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let we = we.finish(seconds(40));
    we.assert_reason("hangup")
        .assert_code("subscription-pending")
        .assert_nothing_lost();
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn a_request_that_comes_back_as_an_error_means_unreachable() {
    requires!("prosody");
    for flags in [
        "--error-on-request service-unavailable",
        "--error-on-request feature-not-implemented --error-echo",
    ] {
        let (we, peer) = we_call(flags);
        we.assert_reason("unreachable").assert_no("connected");
        peer.assert_ok();
    }
}

#[test]
fn a_peer_whose_addresses_stay_silent_for_twenty_seconds_is_unreachable() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let (_socket, silent) = silent_udp();
    let peer = standin::answer(&mac)
        .set("--ipports", silent.to_string())
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours).spawn();
    let accepted = we.wait_for("accepted", SOON);
    assert_eq!(accepted["candidates"][0]["port"], silent.port());
    let we = we.finish(seconds(40));
    we.assert_reason("unreachable")
        .assert_code("no-sip-answer")
        .assert_no("connected");
    let waited = we.ended()["t"].as_f64().unwrap_or(0.0) - accepted["t"].as_f64().unwrap_or(0.0);
    assert!((19.0..23.0).contains(&waited), "it waited for {waited} s");
}

#[test]
fn a_mac_that_vanishes_is_given_up_after_a_minute_with_a_warning_after_ten_seconds() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac)
        .flags("--vanish-after 1000 --lifetime 90")
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours).spawn();
    let connected = we.wait_for("connected", SOON)["t"].as_f64().unwrap_or(0.0);
    let warning = we.wait_for("warning", seconds(20))["t"]
        .as_f64()
        .unwrap_or(0.0);
    assert!(
        (9.0..14.0).contains(&(warning - connected)),
        "after {} s",
        warning - connected
    );
    let we = we.finish(seconds(80));
    we.assert_reason("media-timeout");
    let duration = we.ended()["duration_s"].as_f64().unwrap_or(0.0);
    assert!((58.0..66.0).contains(&duration), "after {duration} s");
}

#[test]
fn a_mac_that_is_muted_for_longer_than_ten_seconds_is_not_given_up() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac)
        .flags("--mute-after 500 --unmute-after 12500")
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "14")
        .spawn();
    let we = we.finish(seconds(40));
    we.assert_reason("hangup");
    assert!(!we.all("warning").is_empty(), "{}", we.transcript);
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn the_text_for_people_says_how_a_call_ended() {
    requires!("prosody");
    for (flag, word, status) in [
        ("--decline", "declined", 3),
        ("--busy", "busy", 3),
        ("--decline=7", "no answer", 4),
    ] {
        let (ours, mac) = Prosody::shared().pair();
        let peer = standin::answer(&mac).flag(flag).spawn();
        peer.wait_online();
        let we = ichat_call::call(&mac.jid)
            .account(&ours)
            .for_people()
            .spawn()
            .finish(SOON);
        we.assert_status(status);
        assert!(
            we.output.to_lowercase().contains(word),
            "no {word} in\n{}",
            we.transcript
        );
        assert!(!we.output.contains('{'), "{}", we.transcript);
    }
}
