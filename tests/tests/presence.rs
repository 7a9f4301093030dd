//! What others see of us over XMPP: presence, capabilities, messages, several devices.

mod asked;

use std::net::SocketAddr;

use scenarios::ichat_call::{self, text};
use scenarios::ports::silent_udp;
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, attribute, has, text_of};
use scenarios::{SOON, requires, seconds};

/// A legacy request that lists one address.
fn request(to: &str, address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else {
        panic!("{address} is not IPv4")
    };
    let octets: String = address
        .ip()
        .octets()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let record = format!(
        "{:08}{:0<32}{octets:0<32}{:04x}0000",
        0,
        "656e30",
        address.port()
    );
    format!(
        "<iq type='set' id='iChat_1FFF40D4' to='{to}'><query xmlns='apple:iq:vc:request'>\
         <VCNewCallerIPPortData>\n{record}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>\
         <extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr>\
         <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

fn is_vc(stanza: &str, kind: &str) -> bool {
    stanza.contains(&format!("apple:iq:vc:{kind}"))
}

/// The caps tokens of a presence.
fn tokens(presence: &str) -> Vec<String> {
    let start = presence.find("<c ").map(|at| &presence[at..]);
    let ext = start
        .and_then(|caps| attribute(caps, "ext"))
        .unwrap_or_default();
    ext.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn we_look_like_an_ichat_that_can_take_a_call_and_not_while_we_have_one() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac, friend) = (
        server.account("amy"),
        server.account("mac"),
        server.account("eve"),
    );
    server.befriend(&[&ours, &mac, &friend]);
    let mut friend = Client::sign_in_callable(&friend, "watch");
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let from_us = |stanza: &str| stanza.starts_with("<presence") && has(stanza, "from", &jid);
    let is_free = |stanza: &str| tokens(stanza).iter().any(|token| token == "avavail");
    let first = friend.wait("presence", |stanza| from_us(stanza) && is_free(stanza));
    assert!(first.contains("apple:ichat:caps"), "{first}");
    let found = tokens(&first);
    for token in ["avavail", "avcap", "audio"] {
        assert!(
            found.iter().any(|known| known == token),
            "no {token} in {first}"
        );
    }
    for token in ["ice", "recauth", "video"] {
        assert!(
            !found.iter().any(|known| known == token),
            "{token} in {first}"
        );
    }
    let peer = standin::call(&mac, &ours.jid)
        .set("--duration", "1.5")
        .spawn();
    friend.wait("presence while busy", |stanza| {
        from_us(stanza) && !is_free(stanza)
    });
    friend.wait("presence after the call", |stanza| {
        from_us(stanza) && is_free(stanza)
    });
    peer.verdict(VERDICT).assert_ok();
    we.process().interrupt();
    friend.wait("our leave", |stanza| {
        from_us(stanza) && has(stanza, "type", "unavailable")
    });
    we.finish(seconds(5)).assert_reason("remote-hangup");
}

#[test]
fn we_say_what_our_capabilities_mean_and_refuse_what_we_do_not_know() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let mut ask = |id: &str, query: &str| {
        mac.send(&format!("<iq type='get' id='{id}' to='{jid}'>{query}</iq>"));
        mac.wait("an answer", |stanza| {
            stanza.starts_with("<iq") && has(stanza, "id", id)
        })
    };
    for (node, feature) in [
        ("avavail", "apple:iq:vc:available"),
        ("avcap", "apple:iq:vc:capable"),
        ("audio", "apple:iq:vc:audio"),
    ] {
        let query = format!(
            "<query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#{node}'/>"
        );
        let answer = ask(node, &query);
        assert!(
            has(&answer, "type", "result") && answer.contains(feature),
            "{answer}"
        );
        assert!(
            answer.contains("client") && answer.contains("pc"),
            "{answer}"
        );
        // One feature a bundle, or every iChat's cache would be wrong.
        assert_eq!(answer.matches("<feature").count(), 1, "{answer}");
    }
    let whole = ask(
        "whole",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    );
    assert!(has(&whole, "type", "result"), "{whole}");
    let version = ask("version", "<query xmlns='jabber:iq:version'/>");
    assert!(version.contains("ichat-call"), "{version}");
    let unknown = ask("unknown", "<query xmlns='urn:example:nobody-knows'/>");
    assert!(
        has(&unknown, "type", "error") && unknown.contains("service-unavailable"),
        "{unknown}"
    );
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
}

#[test]
fn messages_are_shown_those_too_that_came_while_we_were_away() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let message = |to: &str, body: &str| {
        format!("<message to='{to}' type='chat'><body>{body}</body></message>")
    };
    mac.send(&message(&ours.jid, "are you there?"));
    // The server has stored it once it answers what came after it.
    mac.send("<iq type='get' id='after'><query xmlns='jabber:iq:roster'/></iq>");
    mac.wait("the roster", |stanza| has(stanza, "id", "after"));
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let first = we.wait_for("message", SOON);
    assert_eq!(first["body"], "are you there?");
    assert!(text(&first, "from").starts_with(&mac.jid));
    mac.send(&message(&ours.jid, "fish &amp; chips &lt;3 \u{1f41f}"));
    we.process()
        .wait_for_where("the second message", SOON, |event| {
            event["body"] == "fish & chips <3 \u{1f41f}"
        });
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
}

#[test]
fn who_calls_while_we_talk_hears_that_we_are_busy() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac, other) = (
        server.account("amy"),
        server.account("mac"),
        server.account("eve"),
    );
    server.befriend(&[&ours, &mac, &other]);
    let mut other = Client::sign_in_callable(&other, "iChat");
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let peer = standin::call(&mac, &ours.jid)
        .set("--duration", "3")
        .spawn();
    we.wait_for("connected", SOON);
    let (_socket, address) = silent_udp();
    other.send(&request(&jid, address));
    let response = other.wait("a response", |stanza| is_vc(stanza, "response"));
    assert_eq!(
        text_of(&response, "response").as_deref(),
        Some("2"),
        "{response}"
    );
    assert!(has(&response, "type", "set"), "{response}");
    peer.verdict(seconds(20))
        .assert_ok()
        .assert_heard_all()
        .assert_ended("hangup");
    we.process().interrupt();
    let we = we.finish(seconds(5));
    let first = we.all("ended").into_iter().find(|event| event["call"] == 1);
    assert_eq!(
        first.expect("it has ended")["reason"],
        "remote-hangup",
        "{}",
        we.transcript
    );
}

#[test]
fn after_one_call_the_next_is_taken() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    we.wait_for("online", SOON);
    for number in 1..=2 {
        let peer = standin::call(&mac, &ours.jid)
            .set("--duration", "1")
            .spawn();
        peer.verdict(seconds(20))
            .assert_ok()
            .assert_heard_all()
            .assert_ended("hangup");
        we.process().wait_for_where("the end", SOON, |event| {
            event["event"] == "ended" && event["call"] == number
        });
    }
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("remote-hangup");
    assert_eq!(we.all("connected").len(), 2);
}

#[test]
fn all_devices_of_a_mac_ring_and_the_decline_of_one_does_not_stop_the_others() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let one = standin::answer_at(&mac, "one").flag("--decline").spawn();
    let two = standin::answer_at(&mac, "two")
        .set("--answer-after", "1500")
        .spawn();
    one.wait_online();
    two.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("accepted")["by"], format!("{}/two", mac.jid));
    let rang = we.last("ringing")["to"].as_array().map(Vec::len);
    assert_eq!(rang, Some(2), "{}", we.transcript);
    one.verdict(VERDICT).assert_ok();
    two.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn the_first_device_that_accepts_wins_and_the_others_stop_ringing() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let one = standin::answer_at(&mac, "one").flag("--no-answer").spawn();
    let two = standin::answer_at(&mac, "two")
        .set("--answer-after", "500")
        .spawn();
    one.wait_online();
    two.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    we.finish(seconds(30))
        .assert_reason("hangup")
        .assert_nothing_lost();
    let one = one.verdict(VERDICT);
    one.assert_ok().assert_ended("cancelled");
    assert_eq!(one.count("vc_cancels"), 1, "{}", one.transcript());
    two.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn a_full_jid_rings_that_device_only() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let mut one = Client::sign_in_callable(&mac, "one");
    let two = standin::answer_at(&mac, "two").spawn();
    two.wait_online();
    let full = format!("{}/two", mac.jid);
    let we = ichat_call::call(&full)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("ringing")["to"], serde_json::json!([full]));
    two.verdict(VERDICT).assert_ok();
    let rang = one.try_wait(std::time::Duration::ZERO, |stanza| is_vc(stanza, "request"));
    assert_eq!(rang, None);
}

#[test]
fn who_asks_to_see_us_is_answered_as_we_were_told() {
    requires!("prosody");
    let server = Prosody::shared();
    for (policy, expected) in [("all", true), ("none", false)] {
        let (ours, mac) = (server.account("amy"), server.account("mac"));
        let mut mac = Client::sign_in_callable(&mac, "iChat");
        let we = ichat_call::answer()
            .account(&ours)
            .flag("--auto")
            .set("--accept", policy)
            .spawn();
        we.wait_for("online", SOON);
        mac.send(&format!("<presence type='subscribe' to='{}'/>", ours.jid));
        let is_yes = |stanza: &str| {
            stanza.starts_with("<presence")
                && stanza.contains(&ours.jid)
                && (has(stanza, "type", "subscribed") || stanza.contains("avavail"))
        };
        let limit = if expected { SOON } else { seconds(1) };
        assert_eq!(
            mac.try_wait(limit, is_yes).is_some(),
            expected,
            "--accept {policy}"
        );
        we.process().interrupt();
        we.finish(seconds(5)).assert_status(0);
    }
}

#[test]
fn who_signs_in_in_our_place_gets_it_and_we_say_so() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let we = ichat_call::answer()
        .account(&account)
        .flag("--auto")
        .set("--resource", "desk");
    let we = we.spawn();
    we.wait_for("online", SOON);
    let _other = Client::sign_in(&account, "desk");
    let we = we.finish(SOON);
    we.assert_status(1);
    assert_eq!(
        we.all("online").len(),
        1,
        "no second try\n{}",
        we.transcript
    );
    assert_eq!(we.all("error").len(), 1, "{}", we.transcript);
}

#[test]
fn a_name_that_old_ichats_refuse_is_warned_about() {
    requires!("prosody");
    let server = Prosody::shared();
    let (ours, mac) = (server.account("amyabcdefghijk"), server.account("mac"));
    server.befriend(&[&ours, &mac]);
    let peer = standin::answer(&mac).flag("--reject-long-names").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .spawn()
        .finish(seconds(20));
    we.assert_reason("declined");
    let codes: Vec<&str> = we
        .all("warning")
        .iter()
        .map(|warning| text(warning, "code"))
        .collect();
    // Before it rings, so that nobody has to guess why it is refused.
    assert_eq!(codes, ["long-name", "rejected"], "{}", we.transcript);
    peer.verdict(VERDICT).assert_ok();
}

#[test]
fn a_bounced_request_of_somebody_else_is_no_call() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let (_socket, address) = silent_udp();
    let bounced = request(&jid, address)
        .replace("type='set'", "type='error'")
        .replace(
            "</iq>",
            "<error type='cancel'><service-unavailable \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        );
    mac.send(&bounced);
    // It has dealt with it once it answers what came after it.
    mac.send(&format!(
        "<iq type='get' id='after' to='{jid}'><query xmlns='jabber:iq:version'/></iq>"
    ));
    mac.wait("an answer", |stanza| has(stanza, "id", "after"));
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0).assert_no("incoming");
}
