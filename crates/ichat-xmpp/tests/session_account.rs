//! The account: its first stanzas, what others ask of it, who may see it.

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

#[test]
fn it_asks_for_the_roster_and_then_shows_its_capabilities() {
    let mut table = Table::new(config("me@im.test/pc"));
    insta::assert_snapshot!(table.drain());
    assert!(!table.session.is_roster_known());
}

#[test]
fn a_roster_that_comes_is_the_contacts() {
    let table =
        Table::online("<item jid='mac@im.test' name='Mac' subscription='both'/><item jid='x@y'/>");
    assert!(table.session.is_roster_known());
    let contacts = table.session.contacts();
    assert_eq!(contacts.len(), 2);
    assert_eq!(
        (contacts[0].name.as_deref(), contacts[0].subscription),
        (Some("Mac"), Subscription::Both)
    );
    assert_eq!(contacts[0].not_callable(), Some(NotCallable::Offline));
    assert_eq!(contacts[1].not_callable(), Some(NotCallable::NotAContact));
}

#[test]
fn a_server_without_a_roster_is_no_obstacle() {
    let mut table = Table::new(config("me@im.test/pc"));
    let id = id_of(&table.drain());
    let out = table.ask(&format!(
        "<iq type='error' id='{id}'><error code='503'/></iq>"
    ));
    insta::assert_snapshot!(out, @r#"
    Roster
    Warning { code: "roster", message: "the server has no contact list for us: service-unavailable (503)" }
    "#);
}

#[test]
fn a_roster_that_never_comes_is_not_waited_for_beyond_ten_seconds() {
    let mut table = Table::new(config("me@im.test/pc"));
    table.drain();
    table.wait(9.9);
    assert_eq!(table.drain(), "");
    table.wait(0.2);
    insta::assert_snapshot!(table.drain(), @r#"
    Roster
    Warning { code: "roster", message: "the server did not send the contact list within 10 s" }
    "#);
    assert_eq!(table.session.poll_timeout(), None);
}

#[test]
fn a_roster_that_comes_late_or_from_the_server_itself_is_taken() {
    let mut table = Table::new(config("me@im.test/pc"));
    let id = id_of(&table.drain());
    table.wait(11.0);
    let answer = |from: &str| {
        format!(
            "<iq type='result' id='{id}' from='{from}'><query xmlns='jabber:iq:roster'>\
             <item jid='mac@im.test'/></query></iq>"
        )
    };
    table.feed(&answer("evil@im.test"));
    assert!(table.session.contacts().is_empty());
    table.feed(&answer("im.test"));
    assert_eq!(table.session.contacts().len(), 1);
    assert_eq!(
        table
            .drain()
            .lines()
            .filter(|line| *line == "Roster")
            .count(),
        1
    );
}

#[test]
fn a_roster_from_somebody_else_is_refused_and_changes_nothing() {
    let mut table = Table::online("");
    let push =
        "<query xmlns='jabber:iq:roster'><item jid='evil@im.test' subscription='both'/></query>";
    let out = table.ask(&format!(
        "<iq type='set' id='1' from='evil@im.test/x'>{push}</iq>"
    ));
    insta::assert_snapshot!(out);
    assert!(table.session.contacts().is_empty());
    for from in ["", "from='me@im.test'", "from='me@im.test/pc'"] {
        let out = table.ask(&format!("<iq type='set' id='1' {from}>{push}</iq>"));
        assert!(
            out.contains("ContactChanged") && out.contains("type='result'"),
            "{out}"
        );
    }
    assert_eq!(table.session.contacts().len(), 1);
    table.feed("<iq type='set' id='2'><query xmlns='jabber:iq:roster'><item jid='evil@im.test' subscription='remove'/></query></iq>");
    assert!(table.session.contacts().is_empty());
}

#[test]
fn everything_that_is_asked_gets_an_answer() {
    let mut table = Table::online("");
    let mut out = Vec::new();
    for payload in [
        "<query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#471'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#audio'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#nonsense'/>",
        "<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>",
        "<query xmlns='jabber:iq:version'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<query xmlns='jabber:iq:last'/>",
        "<time xmlns='urn:xmpp:time'/>",
        "<query xmlns='jabber:iq:time'/>",
        "<query xmlns='apple:iq:vc:somethingNew'/>",
        "<vCard xmlns='vcard-temp'/>",
    ] {
        out.push(table.ask(&format!(
            "<iq type='get' id='7' from='mac@im.test/iChat'>{payload}</iq>"
        )));
    }
    out.push(table.ask("<iq type='get' id='8'><ping xmlns='urn:xmpp:ping'/></iq>"));
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn whoever_asks_for_the_time_hears_it_in_the_form_that_was_asked_for() {
    let begun = std::time::Instant::now();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_380_721);
    let config = SessionConfig {
        wall_clock: Some(WallClock { at: begun, time }),
        ..config("me@im.test/pc")
    };
    let mut table = Table::online_with(config, "");
    table.now = begun + std::time::Duration::from_secs(39);
    let mut out = Vec::new();
    for payload in [
        "<time xmlns='urn:xmpp:time'/>",
        "<query xmlns='jabber:iq:time'/>",
    ] {
        out.push(table.ask(&format!(
            "<iq type='get' id='7' from='mac@im.test/iChat'>{payload}</iq>"
        )));
    }
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn servers_that_ask_us_about_ourselves_are_answered_and_we_are_not_among_the_callable() {
    // docs/protocol/field.md, 5 (tried): Prosody from our bare address, ejabberd from our full one.
    let mut table = Table::online("");
    table.available("me@im.test/pc", "avavail avcap audio");
    table.drain();
    let mut out = Vec::new();
    for (from, node) in [
        ("me@im.test", "apple:ichat:caps#471"),
        ("me@im.test/pc", "apple:ichat:caps#471"),
        ("me@im.test/pc", "apple:ichat:caps#avavail"),
        ("me@im.test/pc", "apple:ichat:caps#ice"),
        ("im.test", "apple:ichat:caps#audio"),
    ] {
        out.push(table.ask(&format!(
            "<iq type='get' id='7' from='{from}' to='me@im.test/pc'>\
             <query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/></iq>"
        )));
    }
    insta::assert_snapshot!(out.join("\n"));
    assert!(table.session.contacts().is_empty());
    table.available("me@im.test/Mac", "avavail");
    assert_eq!(table.session.contacts()[0].not_callable(), None);
}

#[test]
fn every_contact_says_what_it_is_and_why_it_cannot_be_called() {
    let config = SessionConfig {
        accept: AcceptPolicy::Ask,
        ..config("me@im.test/pc")
    };
    let roster = "<item jid='busy@im.test' subscription='both'/><item jid='free@im.test' name='Free' subscription='to'/>\
        <item jid='from@im.test' subscription='from'/><item jid='just@im.test' subscription='both'/>\
        <item jid='new@im.test' subscription='both'/><item jid='off@im.test' subscription='both'/>\
        <item jid='psi@im.test' subscription='both'/><item jid='wait@im.test' subscription='none' ask='subscribe'/>";
    let mut table = Table::online_with(config, roster);
    table.feed(&presence("free@im.test/a", "", ""));
    table.feed(&presence(
        "free@im.test/b",
        "avcap avavail",
        "<show>away</show><status>tea</status>",
    ));
    table.available("new@im.test/a", "avavail ice recauth audio");
    table.available("busy@im.test/a", "avcap audio");
    table.feed(&presence("just@im.test/a", "", ""));
    table.feed("<presence from='psi@im.test/x'/>");
    table.feed("<presence type='subscribe' from='asks@im.test'/>");
    table.feed("<presence type='subscribe' from='wait@im.test'/>");
    let rows: Vec<String> = table
        .session
        .contacts()
        .iter()
        .map(|contact| {
            let best = contact.best().map(|best| {
                let show = best.show.as_str();
                format!("{} {show} {} {}", best.jid, best.is_ichat, best.dialect)
            });
            let why = contact.not_callable().map(|why| why.to_string());
            format!(
                "{} asked={} asks={}: {}; {}",
                contact.jid,
                contact.asked,
                contact.asks,
                best.as_deref().unwrap_or("-"),
                why.as_deref().unwrap_or("can be called")
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
    let asker = BareJid::new("asks@im.test").unwrap();
    assert!(table.session.contact(&asker).unwrap().asks);
    table.session.allow_subscription(table.now, &asker, true);
    assert!(table.session.contact(&asker).is_none());
}

#[test]
fn answers_to_nothing_we_asked_are_ignored() {
    let mut table = Table::online("");
    for text in [
        "<iq type='result' id='7'/>",
        "<iq type='result'/>",
        "<iq type='error' id='7'/>",
        "<iq type='error'><error/></iq>",
        "<iq type='set' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<presence/>",
        "<presence type='probe' from='a@b'/>",
        "<message from='a@b'/>",
    ] {
        assert_eq!(table.ask(text), "", "{text}");
    }
}

#[test]
fn what_is_no_stanza_is_refused_in_one_line() {
    let mut table = Table::online("");
    let mut errors = Vec::new();
    for text in [
        "<odd/>",
        "<iq type='get' id='1'/>",
        "<iq id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<presence type='odd' from='a@b/c'/>",
        "<message from='@'/>",
    ] {
        errors.push(table.try_feed(text).unwrap_err().to_string());
    }
    let foreign: Element = "<iq xmlns='urn:x' type='get'/>".parse().unwrap();
    errors.push(
        table
            .session
            .handle_stanza(table.now, &foreign)
            .unwrap_err()
            .to_string(),
    );
    insta::assert_snapshot!(errors.join("\n"));
    insta::assert_snapshot!(table.drain());
}

#[test]
fn people_who_ask_to_see_us_are_treated_as_told() {
    let ask = "<presence type='subscribe' from='mac@im.test'/>";
    let with = |accept, roster: &str| {
        Table::online_with(
            SessionConfig {
                accept,
                ..config("me@im.test/pc")
            },
            roster,
        )
    };
    let mut all = with(AcceptPolicy::All, "");
    insta::assert_snapshot!(all.ask(ask));

    let mut none = with(AcceptPolicy::None, "");
    insta::assert_snapshot!(none.ask(ask));
    assert_eq!(none.ask(ask), "", "once is enough");

    let mut contact = with(
        AcceptPolicy::None,
        "<item jid='mac@im.test' subscription='from'/>",
    );
    insta::assert_snapshot!(contact.ask(ask));

    let mut human = with(AcceptPolicy::Ask, "");
    insta::assert_snapshot!(human.ask(ask));
    let mac = BareJid::new("mac@im.test").unwrap();
    human.session.allow_subscription(human.now, &mac, true);
    insta::assert_snapshot!(human.drain());
    assert!(
        human.ask(ask).contains("SubscriptionRequest"),
        "asked anew, he is asked anew"
    );
    human.session.allow_subscription(human.now, &mac, false);
    insta::assert_snapshot!(human.drain());
}

#[test]
fn messages_are_shown_whatever_they_are() {
    let mut table = Table::online("");
    let mut out = vec![table.ask(
        "<message from='mac@im.test/iChat' type='chat'><body>hello</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-01T00:00:00Z'/></message>",
    )];
    out.push(table.ask("<message type='headline'><body>maintenance tonight</body></message>"));
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn the_servers_good_bye_is_told() {
    let mut table = Table::online("");
    let error = |inner: &str| -> Element {
        format!("<error xmlns='http://etherx.jabber.org/streams'>{inner}</error>")
            .parse()
            .unwrap()
    };
    let streams = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
    for inner in [
        format!("<conflict {streams}/>"),
        format!("<system-shutdown {streams}/><text {streams}>see you</text>"),
        String::new(),
    ] {
        table
            .session
            .handle_stanza(table.now, &error(&inner))
            .unwrap();
    }
    insta::assert_snapshot!(table.drain());
}

#[test]
fn resources_sort_by_show_and_priority_and_never_hold_ourselves() {
    let mut table = Table::online("<item jid='mac@im.test' subscription='both'/>");
    table.feed(&presence(
        "mac@im.test/away",
        "avavail",
        "<show>away</show><priority>9</priority>",
    ));
    table.feed(&presence(
        "mac@im.test/low",
        "avavail ice",
        "<priority>1</priority>",
    ));
    table.feed(&presence(
        "mac@im.test/high",
        "audio",
        "<show>available</show><priority>5</priority>",
    ));
    table.feed(&presence("me@im.test/pc", "avavail", ""));
    table.feed("<presence from='mac@im.test/psi'><show>dnd</show><status>busy</status></presence>");
    let mac = table
        .session
        .contact(&BareJid::new("mac@im.test").unwrap())
        .unwrap();
    let rows: Vec<String> = mac
        .resources
        .iter()
        .map(|r| {
            format!(
                "{} {} {} {} {}",
                r.jid,
                r.show.as_str(),
                r.is_ichat,
                r.callable,
                r.dialect
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
    assert_eq!(mac.not_callable(), None);
    let me = table
        .session
        .contact(&BareJid::new("me@im.test").unwrap())
        .unwrap();
    assert!(me.resources.is_empty());
}

#[test]
fn good_bye_ends_everything_and_is_said_once() {
    let mut table = Table::online("<item jid='mac@im.test' subscription='both'/>");
    table.available("mac@im.test/iChat", "avavail");
    table.call("mac@im.test");
    table.drain();
    table.session.go_offline(table.now);
    insta::assert_snapshot!(table.drain());
    table.session.go_offline(table.now);
    table.feed(&request("mac@im.test/iChat", "1"));
    assert_eq!(table.drain(), "");
    table.call("mac@im.test");
    insta::assert_snapshot!(table.drain());
    assert_eq!(table.session.poll_timeout(), None);
}
