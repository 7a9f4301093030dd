//! Calls that we place.

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

const CONTACT: &str = "<item jid='mac@im.test' subscription='both'/>";
const FULL: &str = "avcap avavail audio";

/// A contact whose iChat rings.
fn ringing() -> (Table, CallId) {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/iChat", FULL);
    let call = table.call("mac@im.test");
    (table, call)
}

/// The reasons why calls ended, as printed.
fn overs(out: &str) -> Vec<&str> {
    out.lines()
        .filter(|line| line.starts_with("Over"))
        .collect()
}

#[test]
fn an_ichat_rings_accepts_and_is_connected() {
    let (mut table, call) = ringing();
    table.feed(&response("mac@im.test/iChat", 0, "\n00ff"));
    table.session.connected(table.now, call);
    table.feed(&cancel("mac@im.test/iChat"));
    table.session.finished(table.now, call);
    insta::assert_snapshot!(table.ladder());
    assert_eq!(table.session.poll_timeout(), None);
}

#[test]
fn the_first_presence_without_ext_does_not_ring_and_the_second_does() {
    let mut table = Table::online(CONTACT);
    table.call("mac@im.test");
    table.feed(&presence("mac@im.test/iChat", "", ""));
    table.wait(1.0);
    table.available("mac@im.test/iChat", FULL);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_best_device_rings_first_and_the_first_to_accept_wins() {
    let mut table = Table::online(CONTACT);
    table.feed(&presence(
        "mac@im.test/away",
        FULL,
        "<show>away</show><priority>9</priority>",
    ));
    table.feed(&presence("mac@im.test/desk", FULL, ""));
    table.feed("<presence from='mac@im.test/psi'/>");
    table.call("mac@im.test");
    table.available("mac@im.test/late", FULL);
    table.feed(&response("mac@im.test/away", 1, ""));
    table.feed(&response("mac@im.test/late", 0, "00ff"));
    table.feed(&response("mac@im.test/desk", 0, "00aa"));
    table.feed(&response("mac@im.test/late", 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_call_is_declined_only_when_every_device_has_declined() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/a", FULL);
    table.available("mac@im.test/b", FULL);
    table.call("mac@im.test");
    table.feed(&response("mac@im.test/a", 1, ""));
    assert!(overs(&table.drain()).is_empty());
    table.wait(1.0);
    table.available("mac@im.test/a", FULL);
    assert!(
        !table.drain().contains("<iq"),
        "who has declined is not rung again"
    );
    table.feed(&response("mac@im.test/b", 2, ""));
    assert_eq!(
        overs(&table.drain()),
        ["Over { call: CallId(1), reason: Declined(Decline) }"]
    );
}

#[test]
fn each_code_has_its_meaning() {
    let mut out = Vec::new();
    for code in [1, 2, 3, 4, 7, 11, 99] {
        let (mut table, _) = ringing();
        table.drain();
        table.feed(&response("mac@im.test/iChat", code, "00ff"));
        out.push(format!("{code}: {}", overs(&table.drain()).join(" ")));
    }
    let (mut table, _) = ringing();
    table.feed(&response("mac@im.test/iChat", 0, "\n "));
    out.push(format!(
        "0 without addresses: {}",
        overs(&table.drain()).join(" ")
    ));
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn nobody_answers_until_the_time_is_over() {
    let (mut table, _) = ringing();
    table.wait(59.9);
    table.wait(0.2);
    // Too late: it crossed our cancel.
    table.feed(&response("mac@im.test/iChat", 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn we_give_up_while_it_rings_and_after_it_was_accepted() {
    let (mut table, call) = ringing();
    table.session.cancel(table.now, call);
    let call = table.call("mac@im.test");
    table.feed(&response("mac@im.test/iChat", 0, "00ff"));
    table.session.cancel(table.now, call);
    table.session.cancel(table.now, call);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_contact_who_is_offline_is_probed_after_five_seconds_and_not_callable() {
    let mut table = Table::online(CONTACT);
    table.call("mac@im.test");
    table.wait(60.0);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_contact_who_answers_the_probe_rings() {
    let mut table = Table::online(CONTACT);
    table.call("mac@im.test");
    table.wait(6.0);
    table.available("mac@im.test/iChat", FULL);
    assert!(table.drain().contains("Ringing"));
}

#[test]
fn a_contact_without_ichat_or_with_a_busy_one_is_not_callable_after_five_seconds() {
    for (caps, why) in [
        ("node='psi'", "NoIChat"),
        ("node='apple:ichat:caps' ext='avcap'", "NotAvailable"),
        ("node='apple:ichat:caps' ver='388'", "NotCapable"),
    ] {
        let mut table = Table::online(CONTACT);
        table.feed(&format!(
            "<presence from='mac@im.test/x'><c xmlns='http://jabber.org/protocol/caps' {caps}/></presence>"
        ));
        table.call("mac@im.test");
        table.wait(4.9);
        assert!(overs(&table.drain()).is_empty());
        table.wait(0.2);
        assert_eq!(
            overs(&table.drain()),
            [format!(
                "Over {{ call: CallId(1), reason: NotCallable {{ why: {why} }} }}"
            )]
        );
    }
}

#[test]
fn a_stranger_is_asked_to_become_a_contact_and_rings_when_a_human_has_accepted() {
    let mut table = Table::online("<item jid='mac@im.test' subscription='from'/>");
    table.call("mac@im.test");
    table.wait(30.0);
    table.feed("<presence type='subscribed' from='mac@im.test'/>");
    table.feed(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='mac@im.test' subscription='both'/></query></iq>",
    );
    table.available("mac@im.test/iChat", FULL);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_stranger_who_never_accepts_is_not_callable_and_never_probed() {
    let mut table = Table::online("<item jid='mac@im.test' subscription='none' ask='subscribe'/>");
    table.call("mac@im.test");
    table.wait(70.0);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_stranger_who_refuses_or_does_not_exist_ends_the_call() {
    for (answer, reason) in [
        (
            "<presence type='unsubscribed' from='mac@im.test'/>",
            "NotCallable { why: SubscriptionRefused }",
        ),
        (
            "<presence type='error' from='mac@im.test'><error code='404'/></presence>",
            "Unreachable { condition: StanzaFault { condition: \"item-not-found\", code: Some(404), text: None } }",
        ),
    ] {
        let mut table = Table::online("");
        table.call("mac@im.test");
        table.drain();
        table.feed(&answer.replace("mac@", "other@"));
        assert_eq!(table.drain(), "");
        table.feed(answer);
        assert_eq!(
            table.drain(),
            format!("Over {{ call: CallId(1), reason: {reason} }}")
        );
    }
}

#[test]
fn no_stranger_is_asked_when_we_must_not() {
    let config = SessionConfig {
        subscribe: false,
        ..config("me@im.test/pc")
    };
    let mut table = Table::online_with(config, "");
    table.call("mac@im.test");
    assert_eq!(
        table.drain(),
        "Over { call: CallId(1), reason: NotCallable { why: NotAContact } }"
    );
}

#[test]
fn a_stranger_with_a_full_address_gets_our_presence_the_ring_and_our_good_bye() {
    let mut table = Table::online("");
    let call = table.call("mac@im.test/iChat");
    table.feed(&response("mac@im.test/iChat", 0, "00ff"));
    table.session.finished(table.now, call);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_call_waits_for_the_roster() {
    let mut table = Table::new(config("me@im.test/pc"));
    let id = id_of(&table.drain());
    table.call("mac@im.test");
    assert_eq!(table.drain(), "");
    table.feed(&format!(
        "<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'>{CONTACT}</query></iq>"
    ));
    table.available("mac@im.test/iChat", FULL);
    assert!(table.drain().contains("Ringing"));
}

#[test]
fn a_request_that_comes_back_ends_that_devices_ring_only() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/a", FULL);
    table.available("mac@im.test/b", FULL);
    table.call("mac@im.test");
    let ids = requests(&table.drain());
    let error = |id: &str| fault("mac@im.test/a", id, "service-unavailable");
    table.feed(&error(&ids[0]));
    table.feed(&error(&ids[0]));
    table.feed(&error("nobody"));
    assert_eq!(table.drain(), "");
    table.feed(&error(&ids[1]));
    assert_eq!(
        table.drain(),
        "Over { call: CallId(1), reason: Unreachable { condition: StanzaFault { condition: \"service-unavailable\", code: None, text: None } } }"
    );
}

#[test]
fn a_device_that_goes_offline_is_looked_for_again() {
    let (mut table, _) = ringing();
    table.wait(10.0);
    table.feed("<presence type='unavailable' from='mac@im.test/iChat'/>");
    table.wait(2.0);
    table.available("mac@im.test/iChat", FULL);
    table.feed("<presence type='unavailable' from='mac@im.test'/>");
    table.wait(20.0);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_gateway_answers_from_its_bare_address() {
    let mut table = Table::online("<item jid='bob@gw.im.test' subscription='to'/>");
    table.available("bob@gw.im.test/phone", FULL);
    table.call("bob@gw.im.test");
    table.feed(&response("bob@gw.im.test", 0, "00ff"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn more_addresses_are_answered_in_kind_once_and_told_after_the_acceptance() {
    let (mut table, _) = ringing();
    table.feed(&counter("mac@im.test/iChat", "00aa"));
    table.feed(&counter("mac@im.test/iChat", " "));
    table.feed(&response("mac@im.test/iChat", 0, "00ff"));
    table.feed(&counter("mac@im.test/iChat", "00bb"));
    table.feed(&counter("other@im.test/iChat", "00cc"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_long_name_is_warned_of() {
    let mut table = Table::online_with(config("elevenchars@im.test/pc"), CONTACT);
    table.call("mac@im.test");
    assert!(table.drain().contains("Warning { code: \"long-name\""));
    let mut table = Table::online_with(config("tencharsxx@im.test/pc"), CONTACT);
    table.call("mac@im.test");
    assert!(!table.drain().contains("Warning"));
}

#[test]
fn we_do_not_ring_ourselves_but_our_other_devices() {
    let mut table = Table::online("");
    table.available("me@im.test/pc", FULL);
    table.call("me@im.test/pc");
    assert_eq!(
        table.drain(),
        "Over { call: CallId(1), reason: NotCallable { why: Ourselves } }"
    );
    table.call("me@im.test");
    table.available("me@im.test/Mac", FULL);
    let out = table.drain();
    assert!(
        out.contains("to='me@im.test/Mac'") && !out.contains("to='me@im.test/pc'"),
        "{out}"
    );
}

#[test]
fn letters_of_either_case_are_one_account() {
    let (mut table, _) = ringing();
    table.feed(&response("MAC@IM.test/iChat", 0, "00ff"));
    assert!(table.drain().contains("Accepted"));
}

#[test]
fn a_mapped_address_goes_into_the_request() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/iChat", FULL);
    table.session.call(
        table.now,
        Jid::new("mac@im.test").unwrap(),
        offer(),
        CallDialect::Legacy,
        Some("203.0.113.7:50123".parse().unwrap()),
        std::time::Duration::from_secs(5),
    );
    let out = table.drain();
    assert!(
        out.contains("<extSIPPort>50123</extSIPPort><extIPAddr>203.0.113.7</extIPAddr>"),
        "{out}"
    );
}

#[test]
fn a_device_named_by_its_full_address_rings_although_it_does_not_look_callable() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/iChat", "avcap");
    table.available("mac@im.test/other", FULL);
    table.call("mac@im.test/iChat");
    table.wait(4.9);
    assert!(!table.drain().contains("<iq"));
    table.wait(0.2);
    let out = table.drain();
    assert!(
        out.contains("to='mac@im.test/iChat'") && !out.contains("/other'"),
        "{out}"
    );
}

#[test]
fn a_device_named_by_its_full_address_that_is_not_there_is_not_callable() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/other", FULL);
    table.call("mac@im.test/iChat");
    table.wait(10.0);
    assert_eq!(
        overs(&table.drain()),
        ["Over { call: CallId(1), reason: NotCallable { why: Offline } }"]
    );
}

#[test]
fn a_time_out_beyond_all_measure_is_no_panic() {
    let mut table = Table::online(CONTACT);
    table.available("mac@im.test/iChat", FULL);
    let peer = Jid::new("mac@im.test").unwrap();
    let forever = std::time::Duration::MAX;
    let dialect = CallDialect::Legacy;
    table
        .session
        .call(table.now, peer, offer(), dialect, None, forever);
    assert!(table.drain().contains("Ringing"));
}
