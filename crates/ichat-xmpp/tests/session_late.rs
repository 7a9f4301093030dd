//! Stanzas that come late, twice, or from whom nobody asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod common;

use common::*;
use ichat_xmpp::*;

const MAC: &str = "mac@im.test/iChat";
const CONTACT: &str = "<item jid='mac@im.test' subscription='both'/>";

/// Three devices of a contact ring.
fn three() -> Table {
    let mut table = Table::online(CONTACT);
    for device in ["mac@im.test/a", "mac@im.test/b", "mac@im.test/c"] {
        table.available(device, "avavail avcap audio");
    }
    table.call("mac@im.test");
    table
}

#[test]
fn three_devices_ring_the_second_accepts_and_the_others_are_cancelled() {
    let mut table = three();
    table.feed(&response("mac@im.test/b", 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn one_declines_and_the_rest_still_ring() {
    let mut table = three();
    table.drain();
    table.feed(&response("mac@im.test/a", 1, ""));
    assert_eq!(
        table.drain(),
        "<iq id='r1' to='mac@im.test/a' type='result'/>"
    );
    table.feed(&response("mac@im.test/c", 0, "00ff"));
    let out = table.drain();
    let cancelled: Vec<&str> = out
        .lines()
        .filter(|line| line.contains("vc:cancel"))
        .collect();
    assert!(
        cancelled.len() == 1 && cancelled[0].contains("to='mac@im.test/b'"),
        "{out}"
    );
    assert!(out.contains("Accepted"), "{out}");
}

#[test]
fn who_accepts_after_another_did_is_cancelled_once_more() {
    let mut table = three();
    table.feed(&response("mac@im.test/b", 0, "00ff"));
    table.drain();
    for _ in 0..2 {
        let out = table.ask(&response("mac@im.test/a", 0, "00aa"));
        assert!(
            out.contains("to='mac@im.test/a'") && out.contains("vc:cancel"),
            "{out}"
        );
        assert!(!out.contains("Accepted"), "{out}");
    }
    // The one that has accepted may say so twice.
    let out = table.ask(&response("mac@im.test/b", 0, "00ff"));
    assert_eq!(out, "<iq id='r0' to='mac@im.test/b' type='result'/>");
    // When media flows, nothing changes.
    table.session.connected(table.now, CallId(1));
    table.drain();
    assert!(
        table
            .ask(&response("mac@im.test/a", 0, "00aa"))
            .contains("vc:cancel")
    );
    assert!(
        !table
            .ask(&response("mac@im.test/b", 0, "00aa"))
            .contains("vc:cancel")
    );
}

#[test]
fn an_acceptance_that_crossed_our_cancel_is_cancelled() {
    let mut table = three();
    table.session.cancel(table.now, CallId(1));
    table.drain();
    let out = table.ask(&response("mac@im.test/b", 0, "00ff"));
    assert!(
        out.contains("to='mac@im.test/b'") && out.contains("vc:cancel"),
        "{out}"
    );
    // A refusal that crossed it needs no answer.
    let out = table.ask(&response("mac@im.test/a", 1, ""));
    assert_eq!(out, "<iq id='r1' to='mac@im.test/a' type='result'/>");
}

#[test]
fn an_acceptance_from_whom_nobody_rang_is_ignored() {
    let mut table = three();
    table.session.cancel(table.now, CallId(1));
    table.drain();
    for stranger in ["eve@im.test/x", "mac@im.test/d", "mac@im.test"] {
        let out = table.ask(&response(stranger, 0, "00ff"));
        assert_eq!(out, format!("<iq id='r0' to='{stranger}' type='result'/>"));
    }
}

#[test]
fn whoever_talks_with_us_is_never_cancelled_for_an_old_acceptance() {
    let mut table = three();
    table.session.cancel(table.now, CallId(1));
    table.feed(&request("mac@im.test/b", "m1"));
    table.drain();
    let out = table.ask(&response("mac@im.test/b", 0, "00ff"));
    assert!(!out.contains("vc:cancel"), "{out}");
}

#[test]
fn a_device_that_went_offline_and_accepts_all_the_same_is_welcome() {
    let mut table = Table::online(CONTACT);
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.feed("<presence type='unavailable' from='mac@im.test/iChat'/>");
    table.drain();
    assert!(table.ask(&response(MAC, 0, "00ff")).contains("Accepted"));
}

#[test]
fn devices_that_come_and_go_do_not_make_it_ring_for_longer() {
    let mut table = Table::online(CONTACT);
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.wait(50.0);
    table.feed("<presence type='unavailable' from='mac@im.test/iChat'/>");
    table.available(MAC, "avavail");
    table.drain();
    table.wait(9.9);
    assert_eq!(table.drain(), "");
    table.wait(0.2);
    assert!(table.drain().contains("NoAnswer"));
}

#[test]
fn a_request_that_comes_twice_is_one_call_to_its_end() {
    let mut table = Table::online(CONTACT);
    let result = format!("<iq id='m1' to='{MAC}' type='result'/>");
    table.feed(&request(MAC, "m1"));
    assert!(table.drain().contains("Incoming"));
    assert_eq!(table.ask(&request(MAC, "m1")), result);
    table.accept(1);
    table.drain();
    assert_eq!(table.ask(&request(MAC, "m1")), result);
    table.session.connected(table.now, CallId(1));
    table.drain();
    assert_eq!(table.ask(&request(MAC, "m1")), result);
}

#[test]
fn an_acceptance_of_ours_that_comes_back_since_nobody_is_there_ends_the_call() {
    let mut table = Table::online(CONTACT);
    table.feed(&request(MAC, "m1"));
    table.accept(1);
    let out = table.drain();
    let line = out
        .lines()
        .find(|line| line.contains("vc:response"))
        .unwrap();
    let id = id_of(line);
    // iChat's own complaints mean nothing.
    assert_eq!(table.ask(&fault(MAC, &id, "feature-not-implemented")), "");
    let out = table.ask(&fault(MAC, &id, "service-unavailable"));
    assert!(
        out.starts_with("Over { call: CallId(1), reason: Unreachable"),
        "{out}"
    );
    assert_eq!(table.ask(&fault(MAC, &id, "service-unavailable")), "");
}

#[test]
fn nothing_comes_back_to_a_call_that_is_connected() {
    let mut table = Table::online(CONTACT);
    table.feed(&request(MAC, "m1"));
    table.accept(1);
    let out = table.drain();
    let line = out
        .lines()
        .find(|line| line.contains("vc:response"))
        .unwrap();
    let id = id_of(line);
    table.session.connected(table.now, CallId(1));
    table.drain();
    assert_eq!(table.ask(&fault(MAC, &id, "service-unavailable")), "");
}
