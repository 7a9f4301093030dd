//! The server goes away and comes back.

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
const CONTACT: &str = "<item jid='mac@im.test' name='Mac' subscription='both'/>";
const FULL: &str = "avcap avavail audio";

/// A contact's iChat, at which nothing rings yet.
fn contact() -> Table {
    let mut table = Table::online(CONTACT);
    table.available(MAC, FULL);
    table.drain();
    table
}

#[test]
fn signed_in_anew_we_ask_for_the_roster_and_show_ourselves() {
    let mut table = contact();
    table.lose();
    assert_eq!(table.drain(), "", "nothing is said into a dead stream");
    assert!(!table.session.is_roster_known());
    let mac = &table.session.contacts()[0];
    assert_eq!(mac.not_callable(), Some(NotCallable::Offline));
    assert_eq!(table.session.poll_timeout(), None);
    table.return_with("<item jid='eve@im.test'/>");
    insta::assert_snapshot!(table.ladder());
    let names: Vec<String> = table
        .session
        .contacts()
        .iter()
        .map(|c| c.jid.to_string())
        .collect();
    assert_eq!(
        names,
        ["eve@im.test"],
        "who left the roster meanwhile is gone"
    );
}

#[test]
fn a_call_that_is_up_does_not_notice() {
    for incoming in [false, true] {
        let mut table = contact();
        if incoming {
            table.feed(&request(MAC, "m1"));
            table.accept(1);
        } else {
            table.call("mac@im.test");
            table.feed(&response(MAC, 0, "00ff"));
        }
        table.session.connected(table.now, CallId(1));
        table.drain();
        table.lose();
        table.wait(300.0);
        assert_eq!(table.drain(), "");
        table.return_with(CONTACT);
        let out = table.drain();
        assert!(
            out.contains("ext='avcap audio'") && !out.contains("Over"),
            "still busy: {out}"
        );
        table.session.finished(table.now, CallId(1));
        assert!(table.drain().contains("ext='avavail avcap audio'"));
    }
}

#[test]
fn one_that_was_accepted_and_has_no_media_yet_does_not_notice_either() {
    let mut table = contact();
    table.call("mac@im.test");
    table.feed(&response(MAC, 0, "00ff"));
    table.drain();
    table.lose();
    table.wait(10.0);
    table.return_with(CONTACT);
    assert!(!table.drain().contains("Over"));
    table.session.cancel(table.now, CallId(1));
    assert!(table.drain().contains("vc:cancel"));
}

#[test]
fn what_rang_rings_anew_for_the_rest_of_its_time() {
    let mut table = contact();
    table.call("mac@im.test");
    table.wait(20.0);
    table.lose();
    table.wait(10.0);
    table.return_with(CONTACT);
    table.available(MAC, FULL);
    table.wait(29.0);
    table.feed(&response(MAC, 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_time_to_ring_runs_on_without_a_stream() {
    let mut table = contact();
    table.call("mac@im.test");
    table.wait(20.0);
    table.lose();
    table.drain();
    table.wait(39.9);
    assert_eq!(table.drain(), "");
    table.wait(0.2);
    let out = table.drain();
    assert!(
        out.contains("reason: Unreachable") && out.contains("remote-server-timeout"),
        "{out}"
    );
    // What may still ring there is told when it can be.
    table.return_with(CONTACT);
    let out = table.drain();
    assert!(
        out.contains("to='mac@im.test/iChat'") && out.contains("vc:cancel"),
        "{out}"
    );
}

#[test]
fn an_answer_over_the_new_stream_to_a_ring_over_the_old_one_counts() {
    let mut table = contact();
    table.call("mac@im.test");
    table.lose();
    table.return_with(CONTACT);
    table.drain();
    assert!(table.ask(&response(MAC, 0, "00ff")).contains("Accepted"));
}

#[test]
fn who_has_declined_is_not_rung_anew() {
    let mut table = Table::online(CONTACT);
    for device in ["mac@im.test/a", "mac@im.test/b"] {
        table.available(device, FULL);
    }
    table.call("mac@im.test");
    table.feed(&response("mac@im.test/a", 1, ""));
    table.lose();
    table.return_with(CONTACT);
    table.drain();
    for device in ["mac@im.test/a", "mac@im.test/b"] {
        table.available(device, FULL);
    }
    let out = table.drain();
    let rung = requests(&out);
    assert!(
        rung.len() == 1 && !out.contains("to='mac@im.test/a'"),
        "{out}"
    );
}

#[test]
fn giving_up_without_a_stream_is_told_when_there_is_one() {
    let mut table = contact();
    table.call("mac@im.test");
    table.drain();
    table.lose();
    table.session.cancel(table.now, CallId(1));
    assert_eq!(table.drain(), "");
    table.return_with(CONTACT);
    let out = table.drain();
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].contains("jabber:iq:roster") && lines[1].starts_with("<presence"),
        "{out}"
    );
    assert!(lines[2].contains("vc:cancel"), "{out}");
}

#[test]
fn a_call_placed_without_a_stream_waits_for_one() {
    let mut table = contact();
    table.lose();
    table.call("mac@im.test");
    table.wait(30.0);
    assert_eq!(table.drain(), "");
    table.return_with(CONTACT);
    table.available(MAC, FULL);
    assert!(table.drain().contains("Ringing"));
}

#[test]
fn what_rings_here_goes_on_ringing_and_the_answer_waits_for_the_stream() {
    let mut table = contact();
    table.feed(&request(MAC, "m1"));
    table.lose();
    table.wait(5.0);
    table.accept(1);
    table.wait(5.0);
    table.return_with(CONTACT);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_refusal_waits_for_the_stream_too() {
    let mut table = contact();
    table.feed(&request(MAC, "m1"));
    table.drain();
    table.lose();
    table.wait(61.0);
    assert_eq!(table.drain(), "Over { call: CallId(1), reason: NoAnswer }");
    table.return_with(CONTACT);
    assert!(table.drain().contains("<response>7</response>"));
}

#[test]
fn an_acceptance_that_is_taken_back_before_it_went_out_becomes_a_decline() {
    let mut table = contact();
    table.feed(&request(MAC, "m1"));
    table.lose();
    table.accept(1);
    table.drain();
    table.session.cancel(table.now, CallId(1));
    table.return_with(CONTACT);
    let out = table.drain();
    assert!(
        out.contains("<response>1</response>") && !out.contains("<response>0</response>"),
        "{out}"
    );
}

#[test]
fn an_acceptance_of_a_call_that_is_over_is_not_sent_late() {
    let mut table = contact();
    table.feed(&request(MAC, "m1"));
    table.lose();
    table.accept(1);
    table.session.finished(table.now, CallId(1));
    table.drain();
    table.return_with(CONTACT);
    assert!(!table.drain().contains("vc:response"));
}

#[test]
fn a_stranger_is_asked_again_only_where_the_server_does_not_know_of_it() {
    for (item, again) in [("ask='subscribe'", false), ("", true)] {
        let mut table = Table::online("");
        table.call("mac@im.test");
        assert!(table.drain().contains("type='subscribe'"));
        table.lose();
        table.wait(5.0);
        table.return_with(&format!(
            "<item jid='mac@im.test' subscription='none' {item}/>"
        ));
        let out = table.drain();
        assert_eq!(out.contains("type='subscribe'"), again, "{out}");
        assert!(!out.contains("SubscriptionPending"), "told once: {out}");
        table.wait(56.0);
        assert!(
            table
                .drain()
                .contains("NotCallable { why: SubscriptionPending }")
        );
    }
}

#[test]
fn a_stranger_by_full_address_gets_our_presence_on_the_new_stream_too() {
    let mut table = Table::online("");
    table.call(MAC);
    table.lose();
    table.drain();
    table.return_with("");
    let out = table.drain();
    assert!(out.contains("<presence to='mac@im.test/iChat'>"), "{out}");
    assert_eq!(requests(&out).len(), 1, "{out}");
}

#[test]
fn what_is_asked_while_there_is_no_stream_is_not_answered_later() {
    let mut table = contact();
    table.lose();
    // It was read before the stream broke, and comes to us after.
    table.feed("<iq type='get' id='7' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>");
    table.drain();
    table.return_with(CONTACT);
    assert!(!table.drain().contains("id='7'"));
}

#[test]
fn those_who_ask_to_see_us_are_told_by_the_server_again() {
    let config = SessionConfig {
        accept: AcceptPolicy::Ask,
        ..config("me@im.test/pc")
    };
    let mut table = Table::online_with(config, "");
    let ask = "<presence type='subscribe' from='mac@im.test'/>";
    table.feed(ask);
    assert!(table.session.contacts()[0].asks);
    table.lose();
    assert!(table.session.contacts().is_empty());
    table.return_with("");
    table.drain();
    assert!(table.ask(ask).contains("SubscriptionRequest"));
}

#[test]
fn without_a_word_of_the_loss_a_new_stream_does_the_same() {
    let mut table = contact();
    table.call("mac@im.test");
    table.drain();
    table.return_with(CONTACT);
    table.available(MAC, FULL);
    let out = table.drain();
    assert!(
        out.contains("vc:cancel") && requests(&out).len() == 1,
        "{out}"
    );
}

#[test]
fn whoever_has_said_good_bye_does_not_come_back() {
    let mut table = contact();
    table.session.go_offline(table.now);
    table.drain();
    table.lose();
    let jid = FullJid::new("me@im.test/pc").unwrap();
    table.session.reconnected(table.now, jid);
    assert_eq!(table.drain(), "");
    assert_eq!(table.session.poll_timeout(), None);
}

#[test]
fn signing_off_without_a_stream_ends_all_in_silence() {
    let mut table = contact();
    table.call("mac@im.test");
    table.drain();
    table.lose();
    table.session.go_offline(table.now);
    assert_eq!(table.drain(), "");
    assert_eq!(table.session.poll_timeout(), None);
}

#[test]
fn a_link_local_stream_takes_what_rings_with_it() {
    let peer = || Mode::LinkLocal {
        peer: Jid::new("bob@sofa").unwrap(),
    };
    let table = || {
        Table::new(SessionConfig {
            mode: peer(),
            ..config("ann@desk/x")
        })
    };
    let mut ours = table();
    ours.call("bob@sofa");
    ours.drain();
    ours.lose();
    let out = ours.drain();
    assert!(
        out.contains("Unreachable") && out.contains("recipient-unavailable"),
        "{out}"
    );
    ours.call("bob@sofa");
    assert!(
        ours.drain().contains("Unreachable"),
        "there is no way to it any more"
    );

    let mut theirs = table();
    theirs.feed(&request("bob@sofa", "1"));
    theirs.drain();
    theirs.lose();
    assert_eq!(
        theirs.drain(),
        "Over { call: CallId(1), reason: Cancelled }"
    );

    let mut up = table();
    let call = up.call("bob@sofa");
    up.feed(&response("bob@sofa", 0, "00ff"));
    up.session.connected(up.now, call);
    up.drain();
    up.lose();
    assert_eq!(up.drain(), "");
}
