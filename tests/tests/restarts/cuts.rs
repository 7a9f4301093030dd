//! Only the way to the server breaks. Where the server keeps the session (XEP-0198), nothing that
//! anybody said meanwhile is lost or comes twice; where it does not, we sign in anew.

use std::time::Instant;

use scenarios::ichat_call::{self, IchatCall};
use scenarios::ports::silent_udp;
use scenarios::prosody::Prosody;
use scenarios::relay::Relay;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, has, text_of};
use scenarios::{SOON, requires, seconds};
use serde_json::Value;

use super::rings::BothAreOurs;
use super::{assert_was_back, back, lost};
use crate::sites::{Site, at_each_server};
use crate::stanzas::{is_vc, request, shows};

at_each_server!(
    chat_that_comes_while_we_are_cut_off_in_a_call_is_told_once_and_in_order,
    an_acceptance_that_comes_while_we_are_cut_off_is_taken_once,
    a_call_that_comes_while_we_are_cut_off_rings_afterwards,
    what_the_user_answers_while_we_are_cut_off_is_sent_afterwards,
    two_of_ours_that_are_cut_off_while_one_rings_the_other_have_their_call,
);

/// Cuts the way to the server, and waits until that is noticed.
fn cut(relay: &Relay, we: &IchatCall) -> Instant {
    let at = Instant::now();
    relay.cut();
    lost(we);
    at
}

fn chat_that_comes_while_we_are_cut_off_in_a_call_is_told_once_and_in_order(site: Site) {
    let [ours, mac, friend] = site.friends(["amy", "mac", "eve"]);
    let relay = Relay::to(ours.server);
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    // It shows no capabilities: the stand-in would ask what they mean, and nobody would answer.
    let mut friend = Client::sign_in(&friend, "watch");
    friend.send("<presence/>");
    let we = ichat_call::call(&mac.jid)
        .account(&ours.through(relay.address()))
        .set("--resource", "desk")
        .spawn();
    we.wait_for("stats", SOON);
    let say = |friend: &mut Client, body: &str| {
        friend.send(&format!(
            "<message to='{}/desk' type='chat'><body>{body}</body></message>",
            ours.jid
        ));
    };
    say(&mut friend, "before");
    we.process()
        .wait_for_where("the first message", SOON, |event| event["body"] == "before");
    let at = cut(&relay, &we);
    for number in 0..5 {
        say(&mut friend, &format!("meanwhile {number}"));
    }
    // The server has them once it answers what came after them.
    friend.send("<iq type='get' id='after'><query xmlns='jabber:iq:roster'/></iq>");
    friend.wait("the roster", |stanza| has(stanza, "id", "after"));
    relay.mend();
    back(&we, at);
    say(&mut friend, "afterwards");
    we.process()
        .wait_for_where("the last message", SOON, |event| {
            event["body"] == "afterwards"
        });
    we.process().interrupt();
    let we = we.finish(seconds(10));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_was_back(&we);
    let bodies: Vec<&Value> = we
        .all("message")
        .iter()
        .map(|event| &event["body"])
        .collect();
    let expected = [
        "before",
        "meanwhile 0",
        "meanwhile 1",
        "meanwhile 2",
        "meanwhile 3",
        "meanwhile 4",
        "afterwards",
    ];
    assert_eq!(bodies, expected, "{}", we.transcript);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert_eq!(relay.connections(), 2, "{}", we.transcript);
    assert!(relay.said().contains("<resume "), "{}", relay.said());
}

fn an_acceptance_that_comes_while_we_are_cut_off_is_taken_once(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let relay = Relay::to(ours.server);
    let peer = standin::answer(&mac).set("--answer-after", "1000").spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours.through(relay.address()))
        .set("--duration", "1")
        .spawn();
    peer.wait_for("incoming", SOON);
    let at = cut(&relay, &we);
    peer.wait_for("accepted", SOON);
    relay.mend();
    back(&we, at);
    let we = we.finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_was_back(&we);
    assert_eq!(we.all("accepted").len(), 1, "{}", we.transcript);
    assert_eq!(we.all("ringing").len(), 1, "{}", we.transcript);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert_eq!(peer.count("requests"), 1, "{}", peer.transcript());
    assert_eq!(peer.count("vc_cancels"), 0, "{}", peer.transcript());
}

fn a_call_that_comes_while_we_are_cut_off_rings_afterwards(site: Site) {
    let [ours, mac, friend] = site.friends(["amy", "mac", "eve"]);
    let relay = Relay::to(ours.server);
    let we = ichat_call::answer()
        .account(&ours.through(relay.address()))
        .flag("--auto")
        .flag("--once")
        .spawn();
    let mut friend = Client::sign_in_callable(&friend, "watch");
    friend.wait("our presence", |it| shows(it, &ours.jid, true));
    let at = cut(&relay, &we);
    let peer = standin::call(&mac, &ours.jid)
        .set("--duration", "1")
        .spawn();
    peer.wait_for("ringing", SOON);
    we.process().events().iter().for_each(|event| {
        assert_ne!(event["event"], "incoming");
    });
    relay.mend();
    back(&we, at);
    let we = we.finish(seconds(20));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert_was_back(&we);
    assert_eq!(we.all("incoming").len(), 1, "{}", we.transcript);
    peer.verdict(VERDICT)
        .assert_ok()
        .assert_heard_all()
        .assert_ended("hangup");
}

/// The server says that it can keep no session.
fn without_management(said: String) -> String {
    let Some(start) = said.find("<sm ") else {
        return said;
    };
    let rest = said.get(start..).unwrap_or_default();
    let (tag, _) = rest.split_once('>').unwrap_or((rest, ""));
    let length = match rest.find("</sm>") {
        Some(at) if !tag.ends_with('/') => at + "</sm>".len(),
        Some(_) | None => tag.len() + 1,
    };
    let mut said = said;
    said.replace_range(start..start + length, "");
    without_management(said)
}

fn what_the_user_answers_while_we_are_cut_off_is_sent_afterwards(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let relay = Relay::lying(ours.server, without_management);
    let we = ichat_call::answer()
        .account(&ours.through(relay.address()))
        .set("--resource", "desk")
        .for_people()
        .at_a_terminal()
        .spawn();
    we.wait_for_text("Online as", SOON);
    let mut caller = Client::sign_in_callable(&mac, "iChat");
    let (_socket, address) = silent_udp();
    caller.send(&request(&format!("{}/desk", ours.jid), "r1", address));
    we.wait_for_text("Answer? [y]es", SOON);
    let at = Instant::now();
    relay.cut();
    we.wait_for_text("Warning: the connection to the server is lost", SOON);
    we.press("y");
    we.wait_for_text("Answering", SOON);
    relay.mend();
    back(&we, at);
    let response = caller.wait("a response", |stanza| is_vc(stanza, "response"));
    assert_eq!(text_of(&response, "response").as_deref(), Some("0"));
    we.press("q");
    we.wait_for_text("You hung up", SOON);
    we.press("\u{3}");
    we.finish(seconds(5)).assert_status(0);
    let more = caller.try_wait(seconds(1), |stanza| is_vc(stanza, "response"));
    assert_eq!(more, None, "one answer is enough");
    assert!(!relay.said().contains("<resume "), "{}", relay.said());
}

fn two_of_ours_that_are_cut_off_while_one_rings_the_other_have_their_call(site: Site) {
    let [amy, ben] = site.friends(["amy", "ben"]);
    let relays = [&amy, &ben].map(|account| Relay::lying(account.server, without_management));
    let [amy, ben] = [(&amy, &relays[0]), (&ben, &relays[1])]
        .map(|(account, relay)| account.through(relay.address()));
    let both = BothAreOurs::of(&amy, &ben);
    let at = Instant::now();
    relays.iter().for_each(Relay::cut);
    lost(&both.caller);
    both.callee
        .wait_for_text("Warning: the connection to the server is lost", SOON);
    relays.iter().for_each(Relay::mend);
    both.talk(at);
}

#[test]
fn a_ring_ends_in_time_though_the_server_never_comes_back() {
    requires!("prosody");
    let mut server = Prosody::own();
    let ((amy, mac), (ben, caller)) = (server.pair(), server.pair());
    let peer = standin::answer(&mac).flag("--no-answer").spawn();
    peer.wait_online();
    let calls = ichat_call::call(&mac.jid)
        .account(&amy)
        .set("--timeout", "4")
        .spawn();
    peer.wait_for("incoming", SOON);
    let rings = ichat_call::answer()
        .account(&ben)
        .set("--timeout", "4")
        .set("--resource", "desk")
        .set("--allow", "nobody@im.test")
        .flag("--auto")
        .flag("--once")
        .spawn();
    rings.wait_for("online", SOON);
    let mut caller = Client::sign_in_callable(&caller, "iChat");
    let (_socket, address) = silent_udp();
    caller.send(&request(&format!("{}/desk", ben.jid), "r1", address));
    rings.wait_for("incoming", SOON);
    server.kill();
    for we in [&calls, &rings] {
        lost(we);
    }
    let (calls, rings) = (calls.finish(seconds(8)), rings.finish(seconds(8)));
    calls.assert_reason("no-answer").assert_no_error();
    rings.assert_reason("no-answer").assert_no_error();
    drop(peer);
}

#[test]
fn interrupted_while_the_server_is_away_we_go_at_once() {
    requires!("prosody");
    let mut server = Prosody::own();
    let (amy, mac) = server.pair();
    let peer = standin::answer(&mac).flag("--no-answer").spawn();
    peer.wait_online();
    let calls = ichat_call::call(&mac.jid).account(&amy).spawn();
    peer.wait_for("incoming", SOON);
    let waits = ichat_call::answer().account(&amy).flag("--auto").spawn();
    waits.wait_for("online", SOON);
    server.kill();
    for we in [&calls, &waits] {
        lost(we);
        we.process().interrupt();
    }
    calls
        .finish(seconds(3))
        .assert_reason_and_status("cancelled", 130);
    waits.finish(seconds(3)).assert_status(0).assert_no("ended");
    drop(peer);
}
