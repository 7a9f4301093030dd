//! The conference dialect: invitations in place of address lists, in both directions.
//!
//! docs/protocol/xmpp.md, conference stanzas \[C, I\].

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
const FULL: &str = "avcap avavail audio";

/// One that advertises what makes an iChat ring in the conference dialect.
fn modern() -> SessionConfig {
    SessionConfig {
        tokens: CallDialect::Conference.advertised().tokens(),
        ..config("me@im.test/pc")
    }
}

/// A contact whose iChat rings, in this dialect.
fn ringing(dialect: CallDialect) -> (Table, CallId) {
    let mut table = Table::online(CONTACT);
    table.available(MAC, FULL);
    let call = table.call_in(dialect, "mac@im.test");
    (table, call)
}

fn accept(table: &mut Table, call: u32, text: &str) {
    let call = CallId(call);
    table
        .session
        .accept(table.now, call, text.to_owned())
        .unwrap();
}

#[test]
fn all_tokens_are_advertised_on_demand() {
    let mut table = Table::new(modern());
    insta::assert_snapshot!(table.drain());
}

#[test]
fn an_invitation_is_sent_and_accepted_with_one() {
    let (mut table, call) = ringing(CallDialect::Conference);
    table.feed(&response_in("AVChatConferenceData", MAC));
    table.session.connected(table.now, call);
    table.session.finished(table.now, call);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn an_invitation_in_connect_data_accepts_too() {
    for child in ["connectData", "AVChatConferenceData"] {
        for dialect in [
            CallDialect::Conference,
            CallDialect::Legacy,
            CallDialect::Auto,
        ] {
            let (mut table, _) = ringing(dialect);
            table.drain();
            table.feed(&response_in(child, MAC));
            let out = table.drain();
            assert!(
                out.contains("dialect: Conference, connect_data: \"\\nINVITATION\""),
                "{out}"
            );
        }
    }
}

#[test]
fn an_address_list_accepts_an_invitation_too() {
    let (mut table, call) = ringing(CallDialect::Conference);
    table.drain();
    table.feed(&response(MAC, 0, "00ff"));
    let out = table.drain();
    assert!(
        out.contains("dialect: Legacy, connect_data: \"00ff\""),
        "{out}"
    );
    // What we add is in kind from now on.
    table
        .session
        .counter_proposal(table.now, call, ADDRESSES.to_owned())
        .unwrap();
    assert!(table.drain().contains("<connectData>OURS</connectData>"));
}

#[test]
fn of_an_acceptance_in_both_forms_that_one_counts_that_was_asked_for() {
    let both = response(MAC, 0, "00ff").replace(
        "<VCProtocolVersion>",
        "<AVChatConferenceData>62706c697374</AVChatConferenceData><VCProtocolVersion>",
    );
    for (dialect, taken) in [
        (
            CallDialect::Legacy,
            "dialect: Legacy, connect_data: \"00ff\"",
        ),
        (
            CallDialect::Conference,
            "dialect: Conference, connect_data: \"62706c697374\"",
        ),
    ] {
        let (mut table, _) = ringing(dialect);
        table.drain();
        let out = table.ask(&both);
        assert!(out.contains(taken), "{out}");
    }
}

#[test]
fn it_is_declined_cancelled_and_given_up_as_in_the_legacy_dialect() {
    let (mut table, _) = ringing(CallDialect::Conference);
    table.feed(&response(MAC, 1, ""));
    let call = table.call_in(CallDialect::Conference, "mac@im.test");
    table.session.cancel(table.now, call);
    table.call_in(CallDialect::Conference, "mac@im.test");
    table.wait(60.0);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn auto_rings_in_the_legacy_form_and_once_in_the_other_when_the_form_is_refused() {
    for condition in [
        "bad-request",
        "feature-not-implemented",
        "not-acceptable",
        "not-allowed",
        "service-unavailable",
    ] {
        let (mut table, _) = ringing(CallDialect::Auto);
        let first = table.drain();
        let ids = requests(&first);
        assert!(
            ids.len() == 1 && first.contains("VCNewCallerIPPortData"),
            "{first}"
        );
        table.feed(&fault(MAC, &ids[0], condition));
        let second = table.drain();
        let ids = requests(&second);
        assert!(
            second.contains("<AVChatConferenceData>INVITATION<") && !second.contains("Over"),
            "{second}"
        );
        table.feed(&fault(MAC, &ids[0], condition));
        let end = table.drain();
        assert!(
            end.starts_with("Over { call: CallId(1), reason: Unreachable"),
            "{end}"
        );
    }
}

#[test]
fn auto_does_not_try_again_after_a_decline_or_where_nobody_is() {
    let (mut table, _) = ringing(CallDialect::Auto);
    table.drain();
    let out = table.ask(&response(MAC, 1, ""));
    assert!(
        out.contains("Declined(Decline)") && requests(&out).is_empty(),
        "{out}"
    );
    for condition in [
        "item-not-found",
        "recipient-unavailable",
        "remote-server-not-found",
        "forbidden",
    ] {
        let (mut table, _) = ringing(CallDialect::Auto);
        let id = requests(&table.drain()).remove(0);
        let out = table.ask(&fault(MAC, &id, condition));
        assert!(
            out.contains("Unreachable") && requests(&out).is_empty(),
            "{out}"
        );
    }
}

#[test]
fn an_error_with_nothing_but_a_number_can_refuse_the_form() {
    let (mut table, _) = ringing(CallDialect::Auto);
    let id = requests(&table.drain()).remove(0);
    let out = table.ask(&format!(
        "<iq type='error' from='{MAC}' id='{id}'><query xmlns='apple:iq:vc:request'/><error code='501'/></iq>"
    ));
    assert_eq!(requests(&out).len(), 1, "{out}");
}

#[test]
fn the_other_dialects_never_change_their_form() {
    for dialect in [CallDialect::Legacy, CallDialect::Conference] {
        let (mut table, _) = ringing(dialect);
        let id = requests(&table.drain()).remove(0);
        let out = table.ask(&fault(MAC, &id, "feature-not-implemented"));
        assert!(
            out.contains("Unreachable") && requests(&out).is_empty(),
            "{out}"
        );
    }
}

#[test]
fn of_two_devices_each_is_rung_in_the_form_that_it_takes() {
    let mut table = Table::online(CONTACT);
    for device in ["mac@im.test/old", "mac@im.test/new"] {
        table.available(device, FULL);
    }
    table.call_in(CallDialect::Auto, "mac@im.test");
    let out = table.drain();
    let new = out.lines().find(|line| line.contains("/new'")).unwrap();
    table.feed(&fault(
        "mac@im.test/new",
        &id_of(new),
        "feature-not-implemented",
    ));
    table.feed(&response_in("AVChatConferenceData", "mac@im.test/new"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn what_is_missing_is_replaced_by_the_form_that_is_there() {
    let minute = std::time::Duration::from_secs(60);
    for (dialect, offered, child) in [
        (
            CallDialect::Legacy,
            Dialect::Conference,
            "AVChatConferenceData",
        ),
        (
            CallDialect::Auto,
            Dialect::Conference,
            "AVChatConferenceData",
        ),
        (
            CallDialect::Conference,
            Dialect::Legacy,
            "VCNewCallerIPPortData",
        ),
    ] {
        let mut table = Table::online(CONTACT);
        table.available(MAC, FULL);
        let offer = Offer::of(offered, "00ff".to_owned());
        let peer = Jid::new("mac@im.test").unwrap();
        table
            .session
            .call(table.now, peer, offer, dialect, None, minute);
        let out = table.drain();
        assert!(out.contains(&format!("<{child}>00ff<")), "{out}");
    }
}

#[test]
fn an_invitation_that_comes_is_answered_in_kind() {
    let mut table = Table::online(CONTACT);
    table.feed(&invitation(MAC, "iChat_1"));
    accept(&mut table, 1, INVITATION);
    table.session.connected(table.now, CallId(1));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn an_invitation_that_comes_is_refused_in_the_form_that_is_known() {
    let mut table = Table::online(CONTACT);
    table.feed(&invitation(MAC, "iChat_1"));
    table
        .session
        .refuse(table.now, CallId(1), ResponseCode::Decline)
        .unwrap();
    table.feed(&invitation(MAC, "iChat_2"));
    table.feed(&cancel(MAC));
    table.feed(&invitation(MAC, "iChat_3"));
    table.wait(60.0);
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn an_invitation_rings_in_whatever_namespace_and_child_it_stands() {
    for query in [
        format!(
            "<query xmlns='apple:iq:vc:conference'><AVChatConferenceData>{INVITATION}</AVChatConferenceData></query>"
        ),
        format!(
            "<query xmlns='apple:iq:vc:request'><VCNewCallerIPPortData>\n{INVITATION}</VCNewCallerIPPortData></query>"
        ),
    ] {
        let mut table = Table::online(CONTACT);
        let out = table.ask(&format!("<iq type='set' from='{MAC}' id='1'>{query}</iq>"));
        assert!(
            out.contains("Incoming { call: CallId(1)") && out.contains("dialect: Conference"),
            "{out}"
        );
        accept(&mut table, 1, INVITATION);
        let out = table.drain();
        assert!(out.contains("<AVChatConferenceData>INVITATION<"), "{out}");
    }
}

#[test]
fn of_a_request_in_both_forms_that_one_is_taken_that_we_advertise() {
    let both = request(MAC, "1").replace(
        "<VCProtocolVersion>",
        "<AVChatConferenceData>62706c697374</AVChatConferenceData><VCProtocolVersion>",
    );
    for (config, taken) in [
        (
            config("me@im.test/pc"),
            "dialect: Legacy, audio_only: true, connect_data: \"\\n00ff\"",
        ),
        (
            modern(),
            "dialect: Conference, audio_only: true, connect_data: \"62706c697374\"",
        ),
    ] {
        let mut table = Table::online_with(config, CONTACT);
        let out = table.ask(&both);
        assert!(out.contains(taken), "{out}");
    }
}

#[test]
fn counter_proposals_go_both_ways_in_the_calls_dialect() {
    let proposal = |text: &str| {
        format!(
            "<iq type='set' from='{MAC}' id='p'><query xmlns='apple:iq:vc:counterProposal'>\
             <AVChatConferenceData>{text}</AVChatConferenceData></query></iq>"
        )
    };
    let (mut table, call) = ringing(CallDialect::Conference);
    let error = table
        .session
        .counter_proposal(table.now, call, "00".to_owned());
    assert_eq!(error, Err(StateError::NotAccepted { call }));
    // It overtakes the acceptance.
    table.feed(&proposal("62706c69737401"));
    table.feed(&response_in("AVChatConferenceData", MAC));
    table.feed(&proposal("62706c69737402"));
    insta::assert_snapshot!(table.ladder());

    let mut table = Table::online(CONTACT);
    table.feed(&invitation(MAC, "1"));
    let early = table
        .session
        .counter_proposal(table.now, CallId(1), "00".to_owned());
    assert_eq!(early, Err(StateError::NotAccepted { call: CallId(1) }));
    accept(&mut table, 1, INVITATION);
    for (call, text, error) in [
        (1, " ", StateError::NoAddresses { call: CallId(1) }),
        (9, "00", StateError::UnknownCall { call: CallId(9) }),
    ] {
        let call = CallId(call);
        let found = table
            .session
            .counter_proposal(table.now, call, text.to_owned());
        assert_eq!(found, Err(error));
    }
    table
        .session
        .counter_proposal(table.now, CallId(1), "62706c69737403".to_owned())
        .unwrap();
    // Theirs in answer to ours is the end of it.
    table.feed(&proposal("62706c69737404"));
    insta::assert_snapshot!(table.ladder());
}

#[test]
fn a_second_caller_is_told_that_we_are_busy_whatever_the_dialects() {
    let mut table = Table::online(CONTACT);
    table.feed(&request(MAC, "1"));
    table.drain();
    let out = table.ask(&invitation("eve@im.test/iChat", "2"));
    assert!(
        out.contains("<response>2</response><connectData/>"),
        "{out}"
    );
}
