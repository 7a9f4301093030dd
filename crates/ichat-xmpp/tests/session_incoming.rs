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
    table
        .session
        .accept(table.now, FIRST, ADDRESSES.to_owned())
        .unwrap();
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
    table
        .session
        .accept(table.now, FIRST, ADDRESSES.to_owned())
        .unwrap();
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
    table
        .session
        .accept(table.now, CallId(2), ADDRESSES.to_owned())
        .unwrap();
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
    table
        .session
        .accept(table.now, FIRST, ADDRESSES.to_owned())
        .unwrap();
    table.session.connected(table.now, FIRST);
    table.feed(&request("mac@im.test/other", "10"));
    table.feed(&request(MAC, "11"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_repeated_request_rings_once_and_a_new_one_replaces_the_old() {
    let mut table = rung();
    table.feed(&request(MAC, "iChat_1FFF40D4"));
    table
        .session
        .accept(table.now, FIRST, ADDRESSES.to_owned())
        .unwrap();
    table.feed(&request(MAC, "iChat_2"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_conference_request_is_refused_so_that_the_caller_sees_it() {
    let mut table = Table::online(CONTACT);
    table.feed(
        "<iq type='set' from='mac@im.test/iChat' id='1'><query xmlns='apple:iq:vc:request'><isAudioOnly>0</isAudioOnly>\
         <AVChatConferenceData>62706c69</AVChatConferenceData></query></iq>",
    );
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
    table
        .session
        .accept(table.now, FIRST, ADDRESSES.to_owned())
        .unwrap();
    table.feed(&counter(MAC, "00bb"));
    table.feed(&counter(MAC, "00cc"));
    table.feed(&counter("eve@im.test/x", "00dd"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn of_two_who_ring_each_other_the_one_that_sorts_lower_stays_the_caller() {
    // "mac" sorts before "me": we give way.
    let mut table = Table::online("<item jid='mac@im.test' subscription='to'/>");
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.feed(&request(MAC, "1"));
    table
        .session
        .accept(table.now, CallId(2), ADDRESSES.to_owned())
        .unwrap();
    table.session.finished(table.now, CallId(2));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn the_lower_one_lets_the_others_request_pass_and_rings_once_more_when_told_that_it_is_busy() {
    let mut table = Table::online("<item jid='zoe@im.test' subscription='both'/>");
    table.available("zoe@im.test/iChat", "avavail");
    table.call("zoe@im.test");
    table.feed(&request("zoe@im.test/iChat", "1"));
    table.feed(&response("zoe@im.test/iChat", 2, ""));
    table.feed(&cancel("zoe@im.test/iChat"));
    table.feed(&response("zoe@im.test/iChat", 2, ""));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn while_we_still_look_for_somebody_their_own_call_is_taken() {
    let mut table = Table::online("");
    table.call("zoe@im.test");
    table.feed(&request("zoe@im.test/iChat", "1"));
    insta::assert_snapshot!(table.ladder());
}
