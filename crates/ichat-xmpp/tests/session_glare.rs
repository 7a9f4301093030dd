//! Two who ring each other at the same time: one call comes of it, whatever the order.
//!
//! docs/protocol/field.md, glare \[I\]. "mac" sorts before "me", and "zoe" behind it.

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
const ZOE: &str = "zoe@im.test/iChat";

#[test]
fn of_two_who_ring_each_other_the_one_that_sorts_lower_stays_the_caller() {
    // "mac" sorts before "me": we give way.
    let mut table = Table::online("<item jid='mac@im.test' subscription='to'/>");
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.feed(&request(MAC, "1"));
    table.accept(2);
    table.session.finished(table.now, CallId(2));
    insta::assert_snapshot!(table.ladder());
}

/// Zoe's iChat rings, and her own request has crossed ours.
fn crossed() -> Table {
    let mut table = Table::online("<item jid='zoe@im.test' subscription='both'/>");
    table.available(ZOE, "avavail");
    table.call("zoe@im.test");
    table.feed(&request(ZOE, "z1"));
    table
}

#[test]
fn the_lower_one_lets_the_others_request_pass_and_is_accepted() {
    let mut table = crossed();
    table.feed(&cancel(ZOE));
    table.feed(&response(ZOE, 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn an_acceptance_counts_even_where_the_other_keeps_its_own_request_up() {
    let mut table = crossed();
    table.drain();
    table.feed(&response(ZOE, 0, "00ff"));
    let out = table.drain();
    assert!(
        out.contains("Accepted") && !out.contains("Incoming"),
        "{out}"
    );
    table.wait(100.0);
    assert_eq!(table.drain(), "");
}

#[test]
fn when_both_were_given_up_the_lower_one_rings_once_more_whichever_came_first() {
    let (busy, cancelled) = (response(ZOE, 2, ""), cancel(ZOE));
    for order in [[&busy, &cancelled], [&cancelled, &busy]] {
        let mut table = crossed();
        table.drain();
        table.feed(order[0]);
        assert_eq!(requests(&table.drain()).len(), 0);
        table.wait(0.9);
        table.feed(order[1]);
        let out = table.drain();
        assert_eq!(requests(&out).len(), 1, "{out}");
        // Now it is what it says.
        table.feed(&busy);
        let out = table.drain();
        assert!(
            out.ends_with("Over { call: CallId(1), reason: Busy }"),
            "{out}"
        );
    }
}

#[test]
fn after_ringing_once_more_it_can_still_be_accepted() {
    let mut table = crossed();
    table.feed(&response(ZOE, 2, ""));
    table.feed(&cancel(ZOE));
    table.feed(&response(ZOE, 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn one_that_refuses_ours_and_goes_on_ringing_is_heard_instead() {
    let mut table = crossed();
    table.feed(&response(ZOE, 1, ""));
    table.wait(1.1);
    table.accept(2);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_refusal_that_waits_to_be_understood_keeps_the_others_from_ending_the_call() {
    let mut table = Table::online("<item jid='zoe@im.test' subscription='both'/>");
    for device in [ZOE, "zoe@im.test/other"] {
        table.available(device, "avavail");
    }
    table.call("zoe@im.test");
    table.feed(&request(ZOE, "z1"));
    table.feed(&response(ZOE, 2, ""));
    table.feed(&response("zoe@im.test/other", 1, ""));
    assert!(!table.drain().contains("Over"));
    table.wait(1.1);
    assert!(table.drain().contains("Glare"));
}

#[test]
fn one_at_which_ours_never_arrived_is_heard_instead() {
    let mut table = crossed();
    let id = requests(&table.drain()).remove(0);
    table.feed(&fault(ZOE, &id, "service-unavailable"));
    table.wait(1.1);
    let out = table.drain();
    assert!(
        out.contains("reason: Glare { incoming: CallId(2) }"),
        "{out}"
    );
    assert!(out.contains("Incoming { call: CallId(2)"), "{out}");
}

#[test]
fn a_human_who_declines_after_taking_the_own_call_back_has_declined() {
    let mut table = crossed();
    table.feed(&cancel(ZOE));
    table.drain();
    table.feed(&response(ZOE, 1, ""));
    let out = table.drain();
    assert!(out.ends_with("reason: Declined(Decline) }"), "{out}");
}

#[test]
fn a_request_that_crossed_is_not_left_to_ring_when_ours_is_over() {
    let mut table = crossed();
    table.drain();
    table.session.cancel(table.now, CallId(1));
    let out = table.drain();
    assert!(
        out.contains("apple:iq:vc:cancel") && out.contains("<response>1</response>"),
        "{out}"
    );
    let mut table = crossed();
    table.wait(60.1);
    let out = table.drain();
    assert!(
        out.contains("NoAnswer") && out.contains("<response>7</response>"),
        "{out}"
    );
}

#[test]
fn whoever_signs_off_declines_the_request_that_crossed_too() {
    let mut table = crossed();
    table.drain();
    table.session.go_offline(table.now);
    insta::assert_snapshot!(table.drain());
    assert_eq!(table.session.poll_timeout(), None);
}

#[test]
fn a_caller_whose_request_crossed_and_who_goes_offline_is_forgotten() {
    let mut table = crossed();
    table.feed("<presence type='unavailable' from='zoe@im.test/iChat'/>");
    table.drain();
    table.wait(60.0);
    let out = table.drain();
    assert!(
        out.contains("NotCallable { why: Offline }") && !out.contains("Incoming"),
        "{out}"
    );
}

#[test]
fn a_device_at_which_ours_does_not_ring_is_heard() {
    // Her telephone calls while our call rings at her desk: it cannot know of that.
    let mut table = crossed();
    table.drain();
    table.feed(&request("zoe@im.test/telephone", "z2"));
    let out = table.drain();
    insta::assert_snapshot!(out);
}

#[test]
fn two_devices_that_both_cross_ours_are_told_apart() {
    let mut table = Table::online("<item jid='zoe@im.test' subscription='both'/>");
    for device in ["zoe@im.test/a", "zoe@im.test/b"] {
        table.available(device, "avavail");
    }
    table.call("zoe@im.test");
    table.feed(&request("zoe@im.test/a", "z1"));
    table.feed(&request("zoe@im.test/a", "z1"));
    table.feed(&request("zoe@im.test/b", "z2"));
    table.feed(&response("zoe@im.test/b", 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn while_we_still_look_for_somebody_their_own_call_is_taken() {
    let mut table = Table::online("");
    table.call("zoe@im.test");
    table.feed(&request("zoe@im.test/iChat", "1"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_one_that_gives_way_answers_in_the_dialect_of_the_other() {
    let mut table = Table::online("<item jid='mac@im.test' subscription='both'/>");
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.feed(&invitation(MAC, "m1"));
    table
        .session
        .accept(table.now, CallId(2), INVITATION.to_owned())
        .unwrap();
    insta::assert_snapshot!(table.ladder());
}
