//! Calls to the Mac across the room: Bonjour, no account, no server.

use scenarios::ichat_call::{self, Finished, text};
use scenarios::netns::{Family, Host, Network};
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT, Verdict};
use scenarios::{SOON, requires, requires_network, seconds, ulaw};

use crate::support::{
    assert_both_heard, assert_we_talked_and_hung_up, assert_we_talked_until_the_peer_hung_up,
    heard, words,
};

const MAC: &str = "mac@powerbook";
const US: &str = "amy@laptop";

/// We call a stand-in by this name, with these flags for it; the call lasts long enough for both
/// announcements to change.
fn we_call(network: &Network, wanted: &str, flags: &str) -> (Finished, Verdict) {
    let peer = standin::lan_answer(network.host(1), MAC)
        .flags(flags)
        .says(&words(1))
        .listens()
        .spawn();
    peer.wait_online();
    let call = ichat_call::lan_call(network.host(0), US, wanted)
        .says(&words(2))
        .captured()
        .set("--duration", "3")
        .spawn();
    let finished = call.finish(seconds(60));
    (finished, peer.verdict(VERDICT))
}

/// A stand-in calls us by our user part, with these flags.
fn we_are_called(network: &Network, flags: &str) -> (Finished, Verdict) {
    let us = ichat_call::lan_answer(network.host(0), US)
        .says(&words(2))
        .captured()
        .flag("--auto")
        .flag("--once")
        .spawn();
    us.wait_for("online", SOON);
    let peer = standin::lan_call(network.host(1), MAC, "amy")
        .flags(flags)
        .set("--duration", "3")
        .says(&words(1))
        .listens()
        .spawn();
    let finished = us.finish(seconds(60));
    (finished, peer.verdict(VERDICT))
}

#[test]
fn two_stand_ins_find_each_other_and_talk_without_a_server() {
    requires_network!();
    for family in [Family::Both, Family::Ipv6Only] {
        let network = Network::new(2, family);
        let (said, replied) = (words(1), words(2));
        let callee = standin::lan_answer(network.host(0), MAC)
            .says(&replied)
            .listens()
            .set("--message", "Who is there?")
            .flag("--peer-ichat")
            .spawn();
        callee.wait_online();
        let caller = standin::lan_call(network.host(1), "zoe@imac", "MAC")
            .says(&said)
            .listens()
            .flags("--no-wait-for-rtp --peer-ichat --duration 3 --message hello")
            .spawn();
        assert_eq!(callee.wait_for("message", SOON)["body"], "hello");
        let message = caller.wait_for("message", SOON);
        assert_eq!(message["body"], "Who is there?");
        assert_eq!(message["from"], MAC);
        let (caller, callee) = (caller.verdict(seconds(20)), callee.verdict(VERDICT));
        for (verdict, reason) in [(&caller, "hangup"), (&callee, "remote-hangup")] {
            verdict.assert_ok().assert_ended(reason).assert_heard_all();
        }
        assert_eq!(ulaw::compare(&said, &callee.heard(), 0), Ok(()));
        assert_eq!(ulaw::compare(&replied, &caller.heard(), 0), Ok(()));
    }
}

#[test]
fn two_of_ours_find_each_other_and_talk() {
    requires_network!();
    for family in [Family::Both, Family::Ipv6Only] {
        let network = Network::new(2, family);
        let callee = ichat_call::lan_answer(network.host(0), "ben@desk")
            .says(&words(1))
            .captured()
            .flag("--auto")
            .flag("--once")
            .spawn();
        let online = callee.wait_for("online", SOON);
        assert_eq!(text(&online, "jid"), "ben@desk");
        let caller = ichat_call::lan_call(network.host(1), US, "ben@desk")
            .says(&words(2))
            .captured()
            .set("--duration", "3")
            .spawn();
        let (caller, callee) = (caller.finish(seconds(60)), callee.finish(SOON));
        caller.assert_reason("hangup").assert_nothing_lost();
        callee.assert_reason("remote-hangup").assert_nothing_lost();
        assert_eq!(text(callee.last("incoming"), "from"), US);
        assert_eq!(ulaw::compare(&words(1), &heard(&caller), 0), Ok(()));
        assert_eq!(ulaw::compare(&words(2), &heard(&callee), 0), Ok(()));
    }
}

#[test]
fn we_call_the_mac_across_the_room() {
    requires_network!();
    let (we, mac) = we_call(&Network::pair(), MAC, "");
    assert_we_talked_and_hung_up(&we, &mac);
    assert_eq!(text(we.last("accepted"), "by"), MAC);
    assert_eq!(
        mac.field("peer_ext")
            .as_str()
            .map(|ext| ext.contains("avavail")),
        Some(true)
    );
}

#[test]
fn who_talks_is_announced_as_busy_and_afterwards_as_free_again() {
    requires_network!();
    let network = Network::pair();
    let us = answering(network.host(0), US);
    // The stand-in looks: during the call, and after it.
    let mac = standin::lan_call(network.host(1), MAC, US)
        .flags("--duration 8")
        .spawn();
    let mac = mac.verdict(seconds(60));
    mac.assert_ok().assert_ended("hangup").assert_heard_all();
    assert_eq!(
        mac.field("peer_ext")
            .as_str()
            .map(|ext| ext.contains("avavail")),
        Some(true)
    );
    us.process().interrupt();
    us.finish(SOON).assert_status(0);
}

#[test]
fn the_mac_across_the_room_calls_us() {
    requires_network!();
    let (we, mac) = we_are_called(&Network::pair(), "");
    assert_we_talked_until_the_peer_hung_up(&we, &mac);
    assert_eq!(text(we.last("incoming"), "from"), MAC);
}

#[test]
fn a_mac_that_says_neither_who_it_is_nor_which_version_it_speaks_is_understood() {
    requires_network!();
    let network = Network::pair();
    for flags in ["--no-from", "--no-version", "--no-from --no-version"] {
        let (we, mac) = we_call(&network, MAC, flags);
        assert_we_talked_and_hung_up(&we, &mac);
        let (we, mac) = we_are_called(&network, flags);
        assert_we_talked_until_the_peer_hung_up(&we, &mac);
        assert_eq!(text(we.last("incoming"), "from"), MAC);
    }
}

#[test]
fn a_mac_is_called_by_its_user_part_its_announced_name_or_its_address() {
    requires_network!();
    let network = Network::pair();
    let (four, six) = (network.host(1).ipv4(), network.host(1).ipv6());
    for wanted in [
        "mac",
        "MAC@PowerBook",
        "Stand In",
        &four.to_string(),
        &six.to_string(),
    ] {
        let (we, mac) = we_call(&network, wanted, "");
        assert_we_talked_and_hung_up(&we, &mac);
    }
}

#[test]
fn two_neighbours_with_nothing_but_ipv6_talk() {
    requires_network!();
    let network = Network::new(2, Family::Ipv6Only);
    let (we, mac) = we_call(&network, MAC, "");
    assert_we_talked_and_hung_up(&we, &mac);
    let (we, mac) = we_are_called(&network, "");
    assert_we_talked_until_the_peer_hung_up(&we, &mac);
}

#[test]
fn one_answer_listens_to_neighbours_and_to_a_server() {
    requires!("prosody");
    requires_network!();
    let network = Network::pair();
    let server = Prosody::on(network.host(0));
    let (ours, theirs) = server.pair();
    let us = ichat_call::lan_answer(network.host(0), US)
        .account(&ours)
        .says(&words(2))
        .captured()
        .flag("--auto")
        .spawn();
    for jid in [US, &ours.jid] {
        let is_it = |event: &serde_json::Value| {
            let online = event["jid"].as_str().unwrap_or_default();
            event["event"] == "online" && online.split('/').next() == Some(jid)
        };
        us.process().wait_for_where(jid, SOON, is_it);
    }
    // The stand-in of the server signs in over this host's loopback interface.
    let far = standin::call(&theirs, &ours.jid)
        .on(network.host(0))
        .set("--bind", network.host(0).ipv4().to_string())
        .flags("--duration 1.5")
        .spawn();
    far.verdict(seconds(40)).assert_ok().assert_ended("hangup");
    let near = standin::lan_call(network.host(1), MAC, US)
        .flags("--duration 3")
        .spawn();
    near.verdict(seconds(40)).assert_ok().assert_ended("hangup");
    us.process().interrupt();
    let us = us.finish(SOON);
    us.assert_status(0);
    let callers: Vec<&str> = us.all("incoming").iter().map(|e| text(e, "from")).collect();
    assert_eq!(callers.len(), 2, "{}", us.transcript);
    assert!(callers[0].starts_with(&theirs.jid), "{callers:?}");
    assert_eq!(callers[1], MAC);
}

#[test]
fn of_two_people_with_one_user_name_neither_is_rung_by_it_and_both_are_listed() {
    requires_network!();
    let network = Network::new(3, Family::Both);
    let one = standin::lan_answer(network.host(0), "mac@attic").spawn();
    let other = standin::lan_answer(network.host(1), "mac@cellar").spawn();
    one.wait_online();
    other.wait_online();
    let call = ichat_call::lan_call(network.host(2), US, "mac").spawn();
    let call = call.finish(seconds(30));
    call.assert_no("ringing")
        .assert_no("ended")
        .assert_status(2);
    let message = text(call.last("error"), "message");
    for name in ["mac@attic", "mac@cellar"] {
        assert!(message.contains(name), "{name}: {message}");
    }
    // By its whole name each is reached.
    for name in ["mac@cellar", "mac@attic"] {
        let call = ichat_call::lan_call(network.host(2), US, name).set("--duration", "1");
        call.spawn().finish(seconds(30)).assert_reason("hangup");
    }
    for peer in [one, other] {
        peer.verdict(VERDICT)
            .assert_ok()
            .assert_ended("remote-hangup");
    }
}

#[test]
fn who_comes_second_with_a_name_that_is_taken_gets_another_one() {
    requires_network!();
    let network = Network::pair();
    let first = answering(network.host(0), US);
    // Until the first one's announcement is settled.
    let watch = standin::lan_call(network.host(1), MAC, US).flags("--no-ring --timeout 3");
    watch.spawn().wait_for("presence", SOON);
    let second = answering(network.host(1), US);
    let renamed = |event: &serde_json::Value| event["event"] == "online" && event["jid"] != US;
    let online = second
        .process()
        .wait_for_where("another name", SOON, renamed);
    assert!(text(&online, "jid").starts_with("amy"), "{online}");
    let first_names = first.process().events();
    assert!(!first_names.iter().any(renamed), "{first_names:?}");
    for us in [first, second] {
        us.process().interrupt();
        us.finish(SOON).assert_status(0);
    }
}

/// One of ours that waits, not told what to do with a call.
fn answering(host: &Host, name: &str) -> ichat_call::IchatCall {
    let us = ichat_call::lan_answer(host, name).flag("--auto").spawn();
    us.wait_for("online", SOON);
    us
}

#[test]
fn chat_text_of_a_neighbour_is_shown_and_not_answered() {
    requires_network!();
    let network = Network::pair();
    let us = answering(network.host(0), US);
    let mac = standin::lan_call(network.host(1), MAC, "amy")
        .set("--message", "Are you <there> & awake? \u{2603}")
        .flags("--no-ring --timeout 4")
        .spawn();
    let message = us.wait_for("message", SOON);
    assert_eq!(text(&message, "from"), MAC);
    assert_eq!(text(&message, "body"), "Are you <there> & awake? \u{2603}");
    let mac = mac.verdict(seconds(20));
    mac.assert_ok().assert_ended("no-call");
    assert!(!mac.transcript().contains("\"event\":\"message\""));
    us.process().interrupt();
    us.finish(SOON).assert_no("incoming").assert_status(0);
}

#[test]
fn who_declines_is_busy_or_does_not_answer_is_told_as_with_a_server() {
    requires_network!();
    let network = Network::pair();
    for (flags, reason) in [
        ("--decline", "declined"),
        ("--busy", "busy"),
        ("--error-on-request service-unavailable", "unreachable"),
    ] {
        let peer = standin::lan_answer(network.host(1), MAC)
            .flags(flags)
            .spawn();
        peer.wait_online();
        let call = ichat_call::lan_call(network.host(0), US, MAC).spawn();
        call.finish(seconds(30)).assert_reason(reason);
        peer.verdict(VERDICT).assert_ok();
    }
    let call = ichat_call::lan_call(network.host(0), US, "nobody").set("--timeout", "6");
    call.spawn()
        .finish(seconds(30))
        .assert_reason("not-callable");
}

#[test]
fn our_tcp_listener_is_told_and_is_where_we_announce_it() {
    requires_network!();
    let network = Network::pair();
    let us = answering(network.host(0), US);
    let is_lan = |event: &serde_json::Value| {
        let address = event["address"].as_str().unwrap_or_default();
        event["event"] == "listening" && address.ends_with(":5298")
    };
    us.process()
        .wait_for_where("listening at 5298", SOON, is_lan);
    assert!(network.host(0).listens(5298, seconds(5)));
    // The port is taken: another one is.
    let second = ichat_call::lan_answer(network.host(0), "bob@laptop")
        .flag("--auto")
        .spawn();
    second.wait_for("online", SOON);
    let mac = standin::lan_call(network.host(1), MAC, "bob")
        .flags("--duration 3")
        .spawn();
    mac.verdict(seconds(40)).assert_ok().assert_ended("hangup");
    for us in [us, second] {
        us.process().interrupt();
        us.finish(SOON).assert_status(0);
    }
}

#[test]
fn both_sides_hear_every_octet_while_others_talk_too() {
    requires_network!();
    let network = Network::new(4, Family::Both);
    let other = standin::lan_answer(network.host(2), "eve@den")
        .flag("--peer-ichat")
        .spawn();
    other.wait_online();
    let chat = standin::lan_call(network.host(3), "bob@hall", "eve")
        .flags("--no-wait-for-rtp --peer-ichat --duration 4")
        .spawn();
    let (we, mac) = we_call(&network, MAC, "");
    assert_we_talked_and_hung_up(&we, &mac);
    assert_both_heard(&we, &mac);
    chat.verdict(seconds(20)).assert_ok();
    other.verdict(VERDICT).assert_ok();
}
