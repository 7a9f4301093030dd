//! Interrupts, kills and closed pipes.

use scenarios::ichat_call;
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires, seconds};

#[test]
fn interrupted_while_it_rings_our_call_is_cancelled_with_130() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).flag("--no-answer").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours).spawn();
    we.wait_for("ringing", SOON);
    peer.wait_for("incoming", SOON);
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason_and_status("cancelled", 130)
        .assert_no("connected");
    let peer = peer.verdict(VERDICT);
    peer.assert_ok().assert_ended("cancelled");
    assert_eq!(peer.count("vc_cancels"), 1);
}

#[test]
fn interrupted_while_it_waits_for_the_200_our_call_is_cancelled_in_sip_too() {
    let peer = standin::sip_answer().flag("--no-answer").spawn();
    let we = ichat_call::call(&peer.uri()).spawn();
    we.wait_for("ringing", SOON);
    we.process().interrupt();
    we.finish(seconds(5))
        .assert_reason_and_status("cancelled", 130);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok();
    assert_eq!(peer.count("cancels"), 1, "{}", peer.transcript());
}

#[test]
fn interrupted_when_connected_our_caller_hangs_up() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours).spawn();
    we.wait_for("stats", SOON);
    we.process().interrupt();
    we.finish(seconds(5))
        .assert_reason("hangup")
        .assert_nothing_lost();
    let peer = peer.verdict(VERDICT);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert_eq!(peer.count("byes"), 1);
}

#[test]
fn interrupted_when_connected_our_callee_hangs_up_and_goes() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid).spawn();
    we.wait_for("stats", SOON);
    we.process().interrupt();
    we.finish(seconds(5)).assert_reason("hangup");
    peer.verdict(VERDICT)
        .assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
}

#[test]
fn interrupted_while_idle_our_callee_goes_with_0() {
    requires!("prosody");
    let (ours, _) = Prosody::shared().pair();
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    we.wait_for("online", SOON);
    we.process().interrupt();
    we.finish(seconds(5))
        .assert_status(0)
        .assert_no("ended")
        .assert_no_error();
}

#[test]
fn a_bye_that_nobody_answers_is_waited_for_two_seconds_at_most() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours).spawn();
    we.wait_for("stats", SOON);
    peer.process().suspend();
    we.process().interrupt();
    we.finish(seconds(4)).assert_reason("hangup");
    peer.process().resume();
}

#[test]
fn a_second_interrupt_quits_at_once() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let mut we = ichat_call::call(&mac.jid).account(&ours).spawn();
    we.wait_for("stats", SOON);
    peer.process().suspend();
    we.process().interrupt();
    // Two signals that are pending at the same time are one: the first must have been seen.
    std::thread::sleep(std::time::Duration::from_millis(300));
    we.process().interrupt();
    we.exit(seconds(1));
    peer.process().resume();
}

#[test]
fn a_closed_standard_output_is_no_reason_to_end_a_call() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "2")
        .deaf_after("ringing")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_status(0);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert!(peer.count("received") > 90, "{}", peer.transcript());
}
