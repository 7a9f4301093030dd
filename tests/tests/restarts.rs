//! The server is killed and comes back, or only the way to it breaks: a call that is up does not
//! notice, one that rings goes on or ends with a reason, whoever waits waits on, and nothing hangs.

mod cuts;
mod own;
mod rings;

use std::time::{Duration, Instant};

use scenarios::ichat_call::{self, Direction, Finished, IchatCall};
use scenarios::standin::{self, VERDICT, Verdict};
use scenarios::transcript::Line;
use scenarios::xmpp::Client;
use scenarios::{SOON, pcap, seconds};
use serde_json::Value;

use crate::sites::{Site, at_each_server};
use crate::stanzas::shows;
use own::Own;

/// How long a server may take to start again, and ours to find that out.
const BACK: Duration = seconds(60);

/// Waits until we tell that the server is lost.
fn lost(we: &IchatCall) {
    we.wait_for_code("stream-lost", SOON);
}

/// Waits until we are online again, after what happened then.
fn back(we: &IchatCall, then: Instant) {
    let is_back = |line: &Line| {
        let is_online = match &line.event {
            Some(event) => event["event"] == "online",
            None => line.text.contains("Online as"),
        };
        (line.at > then && is_online).then_some(())
    };
    we.process().wait_for_line("return", BACK, is_back);
}

/// It told of one outage, and that it was over.
fn assert_was_back(we: &Finished) {
    let losses = we.all("warning");
    let losses = losses.iter().filter(|event| event["code"] == "stream-lost");
    assert_eq!(losses.count(), 1, "{}", we.transcript);
    assert_eq!(we.all("online").len(), 2, "{}", we.transcript);
    we.assert_no_error();
}

/// The stand-in, whose own stream does not come back, has nothing else to find fault with.
fn assert_only_its_stream_was_lost(peer: &Verdict) {
    let faults = peer.field("faults").as_array().cloned().unwrap_or_default();
    let is_loss = |fault: &Value| fault.to_string().contains("the XMPP stream ended");
    assert!(faults.iter().all(is_loss), "{}", peer.transcript());
}

/// It heard us all the time: sequence and timestamps run on, and there was no pause.
fn assert_unbroken(peer: &Verdict) {
    assert_only_its_stream_was_lost(peer);
    peer.assert_heard_all();
    assert!(peer.count("max_gap_ms") < 1000, "{}", peer.transcript());
}

/// The same of what was captured where ours heard ours.
fn assert_heard_unbroken(we: &Finished) {
    let datagrams = we.captured(Direction::Received);
    let mut before: Option<(pcap::Rtp, f64)> = None;
    let mut count = 0;
    for datagram in &datagrams {
        let Some(packet) = datagram.rtp() else {
            continue;
        };
        let at = f64::from(datagram.at.0) + f64::from(datagram.at.1) / 1e9;
        if let Some((last, then)) = &before {
            assert_eq!(packet.ssrc, last.ssrc, "{}", we.transcript);
            assert_eq!(packet.sequence, last.sequence.wrapping_add(1));
            assert_eq!(packet.timestamp, last.timestamp.wrapping_add(160));
            assert!(at - then < 1.0, "a pause of {} s", at - then);
        }
        before = Some((packet, at));
        count += 1;
    }
    assert!(count > 50, "only {count} packets\n{}", we.transcript);
}

at_each_server!(
    calls_do_not_notice_and_everybody_comes_back,
    what_rings_goes_on_or_ends_with_a_reason,
);

fn calls_do_not_notice_and_everybody_comes_back(site: Site) {
    let mut server = Own::start(site);
    // We call a Mac, a Mac calls us, and we call ourselves.
    let (amy, mac) = server.pair();
    let called = standin::answer(&mac).spawn();
    called.wait_online();
    let we_call = ichat_call::call(&mac.jid).account(&amy).spawn();
    let (ben, mac) = server.pair();
    let we_answer = ichat_call::answer().account(&ben).flag("--auto").spawn();
    we_answer.wait_for("online", SOON);
    let calls = standin::call(&mac, &ben.jid).set("--duration", "6").spawn();
    let [cyd, dan, friend, later] = ["cyd", "dan", "eve", "mac"].map(|name| server.account(name));
    server.befriend(&[&cyd, &dan, &friend, &later]);
    let callee = ichat_call::answer().account(&dan).captured();
    let callee = callee.flag("--auto").spawn();
    callee.wait_for("online", SOON);
    let caller = ichat_call::call(&dan.jid).account(&cyd).captured().spawn();
    let ours = [&we_call, &we_answer, &callee, &caller];
    for we in ours {
        we.wait_for("stats", SOON);
    }

    let killed = server.kill();
    ours.into_iter().for_each(lost);
    server.start_again();
    ours.into_iter().for_each(|we| back(we, killed));

    // Who signs in now sees that ours is in a call, and hears when it is over.
    let mut friend = Client::sign_in_callable(&friend, "watch");
    friend.wait("presence in the call", |it| shows(it, &dan.jid, false));
    for we in [&we_call, &callee, &caller] {
        let events = we.process().events();
        assert!(events.iter().all(|event| event["event"] != "ended"));
    }
    we_call.process().interrupt();
    caller.process().interrupt();
    friend.wait("presence after the call", |it| shows(it, &dan.jid, true));
    let we_call = we_call.finish(seconds(10));
    we_call.assert_reason("hangup").assert_nothing_lost();
    let called = called.verdict(VERDICT);
    called.assert_ended("remote-hangup");
    assert_eq!(called.count("byes"), 1, "{}", called.transcript());
    let calls = calls.verdict(seconds(15));
    calls.assert_ended("hangup");
    we_answer.wait_for("ended", SOON);
    let caller = caller.finish(seconds(10));
    caller.assert_reason("hangup").assert_nothing_lost();
    callee.wait_for("ended", SOON);
    // Who waits can be called as before.
    let again = standin::call(&later, &dan.jid).set("--duration", "1");
    let again = again.spawn().verdict(seconds(20));
    again.assert_ok().assert_heard_all().assert_ended("hangup");
    let second = |event: &Value| event["event"] == "ended" && event["call"] == 2;
    callee.process().wait_for_where("its end", SOON, second);
    for we in [&we_answer, &callee] {
        we.process().interrupt();
    }
    let (we_answer, callee) = (we_answer.finish(seconds(5)), callee.finish(seconds(5)));
    for we in [&we_call, &we_answer, &callee, &caller] {
        assert_was_back(we);
    }
    for we in [&we_answer, &callee] {
        we.assert_reason("remote-hangup").assert_nothing_lost();
    }
    for peer in [&called, &calls] {
        assert_unbroken(peer);
    }
    assert_heard_unbroken(&caller);
}

fn what_rings_goes_on_or_ends_with_a_reason(site: Site) {
    let mut server = Own::start(site);
    let mut rings = rings::all(&mut server);
    let killed = server.kill();
    server.start_again();
    for ring in &mut rings {
        ring.go_on();
    }
    for ring in rings {
        ring.end(killed);
    }
}
