//! Odd, huge and deep stanzas: each is handled, and none ends anything.

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

/// A call is up, and another one rings there: whatever comes next, both are alive.
fn up() -> Table {
    let mut table = Table::online(CONTACT);
    table.available(MAC, "avavail");
    table.call("mac@im.test");
    table.drain();
    table
}

fn is_alive(table: &mut Table) {
    table.drain();
    assert!(table.ask(&response(MAC, 0, "00ff")).contains("Accepted"));
}

#[test]
fn what_strict_parsers_drop_is_understood() {
    let mut table = up();
    let odd = [
        "<presence from='mac@im.test/odd'><show>available</show><priority/><status/></presence>",
        "<presence from='mac@im.test/odd'><show>on the phone</show><priority>high</priority></presence>",
        "<iq type='error' id='nobody' from='mac@im.test/iChat'><error code='404'/></iq>",
        "<iq type='error' id='nobody' from='mac@im.test/iChat'><error code='none of them'/></iq>",
        "<iq type='error' id='nobody' from='mac@im.test/iChat'/>",
        "<message from='mac@im.test/iChat' type='shout'><body>hello</body></message>",
        "<message from='mac@im.test/iChat' type='chat'><x xmlns='jabber:x:event'><composing/></x></message>",
        "<presence type='unsubscribe' from='eve@im.test'/>",
    ];
    for stanza in odd {
        table.feed(stanza);
    }
    let out = table.drain();
    assert!(
        out.contains("body: \"hello\"") && !out.contains("Over"),
        "{out}"
    );
    let mac = table
        .session
        .contact(&BareJid::new("mac@im.test").unwrap())
        .unwrap();
    let odd = mac
        .resources
        .iter()
        .find(|r| r.jid.as_str().ends_with("/odd"));
    assert_eq!(
        odd.map(|odd| (odd.show, odd.priority)),
        Some((Show::Available, 0))
    );
    is_alive(&mut table);
}

#[test]
fn a_megabyte_of_hex_is_refused_wherever_it_stands() {
    let megabyte = "0f".repeat(1 << 19);
    for (namespace, child) in [
        ("apple:iq:vc:request", "VCNewCallerIPPortData"),
        ("apple:iq:vc:request", "AVChatConferenceData"),
        ("apple:iq:vc:response", "connectData"),
        ("apple:iq:vc:response", "AVChatConferenceData"),
        ("apple:iq:vc:counterProposal", "connectData"),
        ("apple:iq:vc:cancel", "VCProtocolVersion"),
        ("apple:iq:vc:unknown", "AVChatConferenceData"),
    ] {
        let mut table = up();
        let error = table
            .try_feed(&format!(
                "<iq type='set' id='big' from='{MAC}'><query xmlns='{namespace}'>\
                 <response>0</response><{child}>{megabyte}</{child}></query></iq>"
            ))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the text of <{child}> has 1048576 octets, at most 65536 are accepted")
        );
        let out = table.drain();
        assert!(
            out.contains("type='error'") && out.contains("not-acceptable"),
            "{out}"
        );
        is_alive(&mut table);
    }
}

#[test]
fn a_text_just_within_the_limit_is_taken() {
    let mut table = Table::online("");
    let digits = "0".repeat(vc::TEXT_LIMIT);
    let out = table.ask(&request(MAC, "1").replace("\n00ff", &digits));
    assert!(out.contains("Incoming"), "{}", out.len());
}

#[test]
fn deep_stanzas_are_looked_at_where_they_are_shallow() {
    let deep = |depth: usize, inside: &str| {
        format!("{}{inside}{}", "<a>".repeat(depth), "</a>".repeat(depth))
    };
    for depth in [8, 64, 512] {
        let nested = deep(depth, "0");
        let odd = [
            format!(
                "<iq type='set' id='1' from='{MAC}'><query xmlns='apple:iq:vc:response'><response>{nested}</response></query></iq>"
            ),
            format!(
                "<iq type='set' id='1' from='{MAC}'><query xmlns='urn:x'>{nested}</query></iq>"
            ),
            format!("<iq type='get' id='1' from='{MAC}'>{nested}</iq>"),
            format!("<iq type='error' id='1' from='{MAC}'><error>{nested}</error></iq>"),
            format!("<message from='{MAC}'><body>{nested}</body></message>"),
            format!(
                "<message from='{MAC}'><html xmlns='http://jabber.org/protocol/xhtml-im'>{nested}</html></message>"
            ),
            format!(
                "<presence from='{MAC}'>{nested}<c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ext='avavail'>{nested}</c></presence>"
            ),
        ];
        let mut table = up();
        for stanza in &odd[1..] {
            table.feed(stanza);
            assert!(!table.drain().contains("Over"));
        }
        is_alive(&mut table);
        // A code that is no text is none: the answer accepts nothing.
        let mut table = up();
        assert!(table.ask(&odd[0]).contains("Declined"));
    }
}

#[test]
fn a_stranger_who_asks_is_answered_and_one_who_commands_is_refused() {
    let mut table = up();
    let mut out = Vec::new();
    for payload in [
        "<query xmlns='jabber:iq:version'/>",
        "<query xmlns='jabber:iq:register'><username>x</username></query>",
        "<query xmlns='apple:iq:vc:something'/>",
        "<query xmlns='apple:iq:rd:request'/>",
        "<si xmlns='http://jabber.org/protocol/si' id='a'/>",
    ] {
        out.push(table.ask(&format!(
            "<iq type='set' id='9' from='eve@evil.test/x'>{payload}</iq>"
        )));
    }
    insta::assert_snapshot!(out.join("\n"));
    is_alive(&mut table);
}

#[test]
fn an_unknown_namespace_of_the_family_is_refused_and_no_call_minds() {
    let mut table = up();
    for namespace in [
        "apple:iq:vc:invite",
        "apple:iq:vc:",
        "apple:iq:vc:request:2",
    ] {
        let out = table.ask(&format!(
            "<iq type='set' id='9' from='{MAC}'><query xmlns='{namespace}'><VCProtocolVersion>2</VCProtocolVersion></query></iq>"
        ));
        assert!(
            out.contains("service-unavailable") && !out.contains("Over"),
            "{out}"
        );
    }
    is_alive(&mut table);
}

#[test]
fn another_protocol_version_is_no_obstacle() {
    let mut table = Table::online("");
    let out =
        table.ask(&request(MAC, "1").replace("<VCProtocolVersion>1<", "<VCProtocolVersion>7<"));
    assert!(out.contains("Incoming"), "{out}");
}

#[test]
fn a_request_with_nothing_in_it_rings_with_nothing_in_it() {
    let mut table = Table::online("");
    let out = table.ask(&format!(
        "<iq type='set' id='1' from='{MAC}'><query xmlns='apple:iq:vc:request'/></iq>"
    ));
    assert!(
        out.contains("dialect: Legacy, audio_only: false, connect_data: \"\""),
        "{out}"
    );
}

#[test]
fn what_servers_rewrite_on_the_way_changes_nothing() {
    // docs/protocol/field.md, 9 (tried): order of attributes and children, xml:lang.
    let mut table = Table::online("");
    let out = table.ask(
        "<iq xml:lang='en' id='1' to='me@im.test/pc' from='mac@im.test/iChat' type='set'><query xmlns='apple:iq:vc:request'>\
         <VCProtocolVersion>1</VCProtocolVersion><extIPAddr>203.0.113.7</extIPAddr><isAudioOnly> 1 </isAudioOnly>\
         <extSIPPort>50123</extSIPPort><VCNewCallerIPPortData>\n00ff</VCNewCallerIPPortData></query></iq>",
    );
    assert!(out.contains("external: Some(203.0.113.7:50123)"), "{out}");
    table.accept(1);
}

#[test]
fn the_whole_captured_invitation_rings() {
    let hex = include_str!("vectors/invitation-2010.hex");
    let mut table = Table::online("");
    let out =
        table.ask(&invitation(MAC, "iChat_1").replace(INVITATION, &format!("\n{}", hex.trim())));
    assert!(
        out.contains("dialect: Conference, audio_only: false"),
        "{out}"
    );
    assert!(out.contains(hex.trim()), "as it came");
}
