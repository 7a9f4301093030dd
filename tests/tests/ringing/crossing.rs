//! Several calls at once: we are busy, or two ring each other.

use scenarios::ichat_call::{self, Finished, text};
use scenarios::ports::silent_udp;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, has, text_of};
use scenarios::{SOON, seconds};

use super::device;
use crate::sites::{Site, at_each_server};
use crate::stanzas::{is_vc, request};

at_each_server!(
    who_calls_while_another_call_rings_here_hears_that_we_are_busy,
    who_calls_while_we_ring_somebody_hears_that_we_are_busy,
    two_of_ours_who_ring_each_other_have_one_call,
    a_mac_and_we_who_ring_each_other_have_one_call,
    of_two_who_call_at_the_same_time_one_is_answered_and_one_hears_that_we_are_busy,
);

fn assert_busy(client: &mut Client) {
    let response = client.wait("a response", |stanza| is_vc(stanza, "response"));
    assert_eq!(text_of(&response, "response").as_deref(), Some("2"));
    assert!(has(&response, "type", "set"), "{response}");
}

fn who_calls_while_another_call_rings_here_hears_that_we_are_busy(site: Site) {
    let [ours, mac, other] = site.friends(["amy", "mac", "eve"]);
    let we = ichat_call::answer()
        .account(&ours)
        .set("--allow", "nobody@im.test")
        .set("--timeout", "3")
        .flag("--auto")
        .flag("--once")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let peer = standin::call(&mac, &ours.jid).spawn();
    we.wait_for("incoming", SOON);
    let mut other = Client::sign_in_callable(&other, "iChat");
    let (_socket, address) = silent_udp();
    other.send(&request(&jid, "r1", address));
    assert_busy(&mut other);
    let warning = we.wait_for_code("busy", SOON);
    assert!(text(&warning, "message").contains(&other.jid), "{warning}");
    // The first call did not notice.
    let we = we.finish(seconds(10));
    we.assert_reason("no-answer");
    assert_eq!(we.all("incoming").len(), 1, "{}", we.transcript);
    peer.verdict(VERDICT).assert_ok().assert_ended("no-answer");
}

fn who_calls_while_we_ring_somebody_hears_that_we_are_busy(site: Site) {
    let [ours, mac, other] = site.friends(["amy", "mac", "eve"]);
    let peer = device(&mac, "iChat", "--answer-after 1500");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--resource", "desk")
        .set("--duration", "1")
        .spawn();
    peer.wait_for("incoming", SOON);
    let mut other = Client::sign_in_callable(&other, "iChat");
    let (_socket, address) = silent_udp();
    other.send(&request(&format!("{}/desk", ours.jid), "r1", address));
    assert_busy(&mut other);
    let we = we.finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    we.assert_code("busy").assert_no("incoming");
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

/// It talked, once.
fn assert_one_call(we: &Finished) {
    we.assert_status(0).assert_nothing_lost();
    assert_eq!(we.all("connected").len(), 1, "{}", we.transcript);
    assert_eq!(we.all("ended").len(), 1, "{}", we.transcript);
}

fn two_of_ours_who_ring_each_other_have_one_call(site: Site) {
    for _ in 0..3 {
        let [amy, ben] = site.friends(["amy", "ben"]);
        let one = ichat_call::call(&ben.jid).account(&amy);
        let other = ichat_call::call(&amy.jid).account(&ben);
        let one = one.set("--duration", "1").spawn();
        let other = other.spawn();
        let (one, other) = (one.finish(seconds(30)), other.finish(seconds(30)));
        assert_one_call(&one);
        assert_one_call(&other);
        one.assert_reason("hangup");
        other.assert_reason("remote-hangup");
    }
}

fn a_mac_and_we_who_ring_each_other_have_one_call(site: Site) {
    // Whose address sorts lower stays the caller, once both have rung.
    for name in ["amy", "zoe"] {
        let [ours, mac] = site.friends([name, "mac"]);
        let peer = standin::call(&mac, &ours.jid).set("--duration", "1.5");
        let peer = peer.spawn();
        let we = ichat_call::call(&mac.jid).account(&ours).spawn();
        let we = we.finish(seconds(30));
        assert_one_call(&we);
        assert_eq!(we.ended()["reason"], "remote-hangup", "{}", we.transcript);
        let peer = peer.verdict(VERDICT);
        peer.assert_ok().assert_heard_all().assert_ended("hangup");
        let (invites, responses) = (peer.count("invites"), peer.count("vc_responses"));
        // Ours gives way, too, as long as it has not rung.
        let is_one = matches!((invites, responses), (1, 0) | (0, 1));
        assert!(is_one, "{name}: {}", peer.transcript());
    }
}

fn of_two_who_call_at_the_same_time_one_is_answered_and_one_hears_that_we_are_busy(site: Site) {
    let [ours, mac, other] = site.friends(["amy", "mac", "eve"]);
    // Both wait for us, and ring as soon as we come: however slow this machine is, neither has
    // begun to talk before the other rings.
    let calls = [&mac, &other].map(|account| {
        let call = standin::call(account, &ours.jid).set("--duration", "1");
        let call = call.spawn();
        call.wait_online();
        call
    });
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let verdicts = calls.map(|peer| peer.verdict(seconds(20)));
    let mut ends = verdicts.each_ref().map(|verdict| {
        // Who was not answered may see that we talk to the other before it hears that we are busy.
        let faults = verdict.field("faults").to_string();
        let is_busy = faults == r#"["avavail went while it rang"]"#;
        assert!(faults == "[]" || is_busy, "{}", verdict.transcript());
        verdict.field("ended").as_str().unwrap_or_default()
    });
    ends.sort_unstable();
    assert_eq!(ends, ["busy", "hangup"], "{}", verdicts[0].transcript());
    we.wait_for("ended", SOON);
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert_eq!(we.all("incoming").len(), 1, "{}", we.transcript);
}
