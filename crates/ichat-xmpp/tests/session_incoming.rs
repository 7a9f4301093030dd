//! Calls that come in, and calls that meet.

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

/// A call of the Mac's that rings here.
fn rung() -> Table {
    let mut table = Table::online(CONTACT);
    table.feed(&request(MAC, "iChat_1FFF40D4"));
    table
}

const FIRST: CallId = CallId(1);

#[test]
fn it_rings_is_accepted_connected_and_over() {
    let mut table = rung();
    table.accept(1);
    table.session.connected(table.now, FIRST);
    // Nothing but SIP ends it now.
    table.feed(&cancel(MAC));
    table.feed("<presence type='unavailable' from='mac@im.test/iChat'/>");
    table.session.finished(table.now, FIRST);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_gateways_request_is_taken_from_its_bare_address() {
    let mut table = Table::online("");
    table.feed(include_str!("vectors/gateway-2009-request.xml").trim());
    table.accept(1);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn it_is_refused_with_the_code_that_was_chosen() {
    let mut table = rung();
    assert_eq!(
        table
            .session
            .refuse(table.now, FIRST, ResponseCode::Other(0)),
        Err(StateError::NotARefusal { call: FIRST })
    );
    assert_eq!(
        table.session.accept(table.now, FIRST, "\n".to_owned()),
        Err(StateError::NoAddresses { call: FIRST })
    );
    table
        .session
        .refuse(table.now, FIRST, ResponseCode::Busy)
        .unwrap();
    insta::assert_snapshot!(table.ladder());
    assert_eq!(
        table.session.refuse(table.now, FIRST, ResponseCode::Busy),
        Err(StateError::UnknownCall { call: FIRST })
    );
}

#[test]
fn the_caller_gives_up_before_and_after_our_acceptance() {
    let mut table = rung();
    table.feed(&cancel("other@im.test/iChat"));
    table.feed(&cancel("mac@im.test/other"));
    table.feed(&cancel(MAC));
    table.feed(&request(MAC, "2"));
    table.accept(2);
    table.feed(&cancel(MAC));
    table.feed(&request(MAC, "3"));
    table.feed("<presence type='unavailable' from='mac@im.test/iChat'/>");
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn nobody_answers_until_the_time_is_over() {
    let mut table = rung();
    table.wait(59.9);
    table.wait(1.0);
    insta::assert_snapshot!(table.ladder());
    assert_eq!(
        table.session.accept(table.now, FIRST, ADDRESSES.to_owned()),
        Err(StateError::UnknownCall { call: FIRST })
    );
}

#[test]
fn a_second_caller_is_told_that_we_are_busy() {
    let mut table = rung();
    table.feed(&request("eve@im.test/iChat", "9"));
    table.feed(&cancel("eve@im.test/iChat"));
    table.accept(1);
    table.session.connected(table.now, FIRST);
    table.feed(&request("mac@im.test/other", "10"));
    table.feed(&request(MAC, "11"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_repeated_request_rings_once_and_a_new_one_replaces_the_old() {
    let mut table = rung();
    table.feed(&request(MAC, "iChat_1FFF40D4"));
    table.accept(1);
    table.feed(&request(MAC, "iChat_2"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_request_that_bounced_is_no_call() {
    let mut table = Table::online("");
    let bounced = request(MAC, "1").replace("type='set'", "type='error'");
    assert_eq!(table.ask(&bounced), "");
}

#[test]
fn a_text_beyond_all_measure_is_refused() {
    let mut table = Table::online("");
    let long = request(MAC, "1").replace("00ff", &"0".repeat(70_000));
    let error = table.try_feed(&long).unwrap_err();
    assert!(
        error.to_string().contains("70001 octets, at most 65536"),
        "{error}"
    );
    assert!(table.drain().contains("not-acceptable"));
}

#[test]
fn more_addresses_of_the_callers_are_answered_in_kind_once_we_have_accepted() {
    let mut table = rung();
    table.feed(&counter(MAC, "00aa"));
    table.accept(1);
    table.feed(&counter(MAC, "00bb"));
    table.feed(&counter(MAC, "00cc"));
    table.feed(&counter("eve@im.test/x", "00dd"));
    insta::assert_snapshot!(table.ladder());
}
