//! Plain SIP: the stand-in without XMPP, and SIPp, which no one here wrote.

use std::time::Duration;

use scenarios::ichat_call::{self, text};
use scenarios::ports::silent_udp;
use scenarios::sipp::Sipp;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires, seconds};

use crate::support::{assert_both_heard, words};

#[test]
fn we_call_a_sip_peer_and_both_hear_every_octet() {
    let peer = standin::sip_answer().says(&words(1)).listens().spawn();
    let we = ichat_call::call(&peer.uri())
        .says(&words(2))
        .captured()
        .set("--duration", "1.5")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_both_heard(&we, &peer.verdict(VERDICT));
}

#[test]
fn a_sip_peer_calls_us_and_both_hear_every_octet() {
    let we = ichat_call::answer()
        .flag("--auto")
        .flag("--once")
        .says(&words(2))
        .captured()
        .spawn();
    let peer = standin::sip_call(&we.sip_uri())
        .says(&words(1))
        .listens()
        .set("--duration", "1.5")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert_eq!(we.last("incoming")["dialect"], "sip");
    assert_both_heard(&we, &peer.verdict(VERDICT));
}

#[test]
fn the_answers_of_a_sip_peer_have_their_reasons() {
    for (flags, reason) in [
        ("--decline", "declined"),
        ("--busy", "busy"),
        ("--sip-reject 603", "declined"),
        ("--sip-reject 486", "busy"),
        ("--sip-reject 606", "failed"),
        ("--sip-reject 404", "failed"),
        ("--no-audio", "failed"),
    ] {
        let peer = standin::sip_answer().flags(flags).spawn();
        let we = ichat_call::call(&peer.uri()).spawn().finish(seconds(20));
        we.assert_reason(reason).assert_no("connected");
        peer.verdict(VERDICT).assert_ok();
    }
}

#[test]
fn a_sip_peer_that_only_rings_gets_a_cancel_after_the_timeout() {
    let peer = standin::sip_answer().flag("--no-answer").spawn();
    let we = ichat_call::call(&peer.uri())
        .set("--timeout", "1")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("no-answer");
    let peer = peer.verdict(VERDICT);
    peer.assert_ok();
    assert_eq!(peer.count("cancels"), 1, "{}", peer.transcript());
}

#[test]
fn a_sip_peer_that_rings_first_is_waited_for() {
    let peer = standin::sip_answer().flags("--ring 1000").spawn();
    let we = ichat_call::call(&peer.uri())
        .set("--duration", "1")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    assert!(we.last("connected")["setup_ms"].as_f64() > Some(900.0));
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn a_sip_address_where_nobody_answers_is_unreachable_after_twenty_seconds() {
    let (_socket, address) = silent_udp();
    let we = ichat_call::call(&format!("sip:user@{address}"))
        .set("--timeout", "60")
        .spawn();
    let we = we.finish(seconds(40));
    we.assert_reason("unreachable").assert_code("no-sip-answer");
    let waited = we.ended()["t"].as_f64().unwrap_or(0.0);
    assert!((19.0..24.0).contains(&waited), "after {waited} s");
}

#[test]
fn what_we_do_not_take_from_a_sip_caller_is_refused_in_sip() {
    for (option, reason, status) in [("--decline", "declined", 603), ("--busy", "busy", 486)] {
        let we = ichat_call::answer().flag(option).flag("--once").spawn();
        let peer = standin::sip_call(&we.sip_uri()).spawn();
        we.finish(seconds(20))
            .assert_reason(reason)
            .assert_no("connected");
        let peer = peer.verdict(VERDICT);
        peer.assert_ok();
        assert_eq!(peer.field("last_status"), status, "{}", peer.transcript());
    }
    let we = ichat_call::answer().flag("--auto").flag("--once").spawn();
    let peer = standin::sip_call(&we.sip_uri()).flag("--no-audio").spawn();
    we.finish(seconds(20))
        .assert_reason("failed")
        .assert_code("bad-sdp");
    let peer = peer.verdict(VERDICT);
    assert_eq!(peer.field("last_status"), 606, "{}", peer.transcript());
}

#[test]
fn a_sip_caller_who_gives_up_while_it_rings_is_cancelled() {
    let we = ichat_call::answer().flag("--auto").flag("--once");
    let we = we.set("--allow", "nobody@im.test").spawn();
    let peer = standin::sip_call(&we.sip_uri())
        .set("--cancel-after", "700")
        .spawn();
    we.finish(seconds(20))
        .assert_reason("cancelled")
        .assert_no("accepted");
    peer.verdict(VERDICT).assert_ok().assert_ended("cancelled");
}

#[test]
fn a_sip_caller_whom_we_may_not_answer_rings_until_the_timeout() {
    let we = ichat_call::answer()
        .flag("--auto")
        .flag("--once")
        .set("--timeout", "1");
    let we = we.set("--allow", "nobody@im.test").spawn();
    let peer = standin::sip_call(&we.sip_uri()).spawn();
    we.finish(seconds(20))
        .assert_reason("no-answer")
        .assert_no("accepted");
    peer.verdict(VERDICT).assert_ok();
}

#[test]
fn sipp_is_called_and_given_up_after_ten_seconds_without_any_packet() {
    requires!("sipp");
    let peer = Sipp::callee();
    let we = ichat_call::call(&peer.uri()).spawn();
    we.wait_for("connected", SOON);
    let we = we.finish(seconds(30));
    we.assert_reason("media-timeout");
    let duration = we.ended()["duration_s"].as_f64().unwrap_or(0.0);
    assert!((9.5..13.0).contains(&duration), "after {duration} s");
    peer.assert_success(SOON);
}

#[test]
fn sipp_sends_our_octets_back() {
    requires!("sipp");
    let peer = Sipp::echoing_callee();
    let we = ichat_call::call(&peer.uri())
        .says(&words(1))
        .captured()
        .set("--duration", "2")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    if let Err(problem) = scenarios::ulaw::compare(&words(1), &crate::support::heard(&we), 0) {
        panic!("{problem}\n{}", we.transcript);
    }
    peer.assert_success(SOON);
}

#[test]
fn sipp_calls_us_and_hangs_up() {
    requires!("sipp");
    let we = ichat_call::answer().flag("--auto").flag("--once").spawn();
    let listening = we.wait_for("listening", SOON);
    let address = text(&listening, "address").parse().expect("an address");
    let peer = Sipp::caller(address, Duration::from_millis(1500));
    we.wait_for("connected", SOON);
    we.finish(seconds(20)).assert_reason("remote-hangup");
    peer.assert_success(SOON);
}

#[test]
fn sipp_calls_us_sends_nothing_and_is_given_up_after_ten_seconds() {
    requires!("sipp");
    let we = ichat_call::answer().flag("--auto").flag("--once").spawn();
    let listening = we.wait_for("listening", SOON);
    let address = text(&listening, "address").parse().expect("an address");
    let _peer = Sipp::caller(address, seconds(30));
    we.wait_for("connected", SOON);
    let we = we.finish(seconds(30));
    we.assert_reason("media-timeout");
    let duration = we.ended()["duration_s"].as_f64().unwrap_or(0.0);
    assert!((9.5..13.0).contains(&duration), "after {duration} s");
}
