//! Devices that come, go and return while it rings, and stanzas that come too late or twice.

use std::time::Duration;

use scenarios::ichat_call::{self, text};
use scenarios::ports::silent_udp;
use scenarios::standin::VERDICT;
use scenarios::xmpp::{Client, has};
use scenarios::{SOON, seconds};
use serde_json::json;

use super::{assert_cancelled, device};
use crate::sites::{Site, at_each_server};
use crate::stanzas::{cancel, is_vc, request, response};

at_each_server!(
    a_device_that_becomes_free_while_another_rings_rings_too,
    a_device_that_signs_in_while_another_rings_rings_too,
    a_device_that_goes_and_returns_while_it_rings_rings_again,
    who_accepts_after_another_did_is_told_that_it_is_over,
    a_request_that_comes_twice_rings_once_and_one_that_was_taken_back_not_at_all,
);

/// The caps of an iChat, with these tokens.
fn presence(tokens: &str) -> String {
    format!(
        "<presence><priority>0</priority><c xmlns='http://jabber.org/protocol/caps' \
         node='apple:ichat:caps' ver='448' ext='{tokens}'/></presence>"
    )
}

fn a_device_that_becomes_free_while_another_rings_rings_too(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let first = device(&mac, "one", "--no-answer");
    let second = device(&mac, "two", "--no-avavail-at-first 2000");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let (one, two) = (format!("{}/one", mac.jid), format!("{}/two", mac.jid));
    assert_eq!(we.wait_for("ringing", SOON)["to"], json!([one]));
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("ringing")["to"], json!([one, two]));
    assert_eq!(we.last("accepted")["by"], two, "{}", we.transcript);
    assert_cancelled(first);
    second.verdict(VERDICT).assert_ok().assert_heard_all();
}

fn a_device_that_signs_in_while_another_rings_rings_too(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let first = device(&mac, "one", "--no-answer");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    first.wait_for("incoming", SOON);
    let second = device(&mac, "two", "");
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("accepted")["by"], format!("{}/two", mac.jid));
    assert_cancelled(first);
    second.verdict(VERDICT).assert_ok().assert_heard_all();
}

fn a_device_that_goes_and_returns_while_it_rings_rings_again(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let bare = mac.jid.split('/').next().expect("a bare JID").to_owned();
    let we = ichat_call::call(&bare).account(&ours).spawn();
    let is_request = |stanza: &str| is_vc(stanza, "request");
    mac.wait("a request", is_request);
    // Presence that says nothing new rings nobody twice.
    mac.send(&presence("avcap avavail audio"));
    let again = mac.try_wait(Duration::from_millis(500), is_request);
    assert_eq!(again, None);
    mac.send("<presence type='unavailable'/>");
    mac.send(&presence("avavail avcap audio"));
    mac.wait("a second request", is_request);
    we.process().interrupt();
    mac.wait("a cancel", |stanza| is_vc(stanza, "cancel"));
    we.finish(seconds(5))
        .assert_reason_and_status("cancelled", 130);
}

fn who_accepts_after_another_did_is_told_that_it_is_over(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let mut late = Client::sign_in_callable(&mac, "late");
    let first = device(&mac, "first", "");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--resource", "desk")
        .spawn();
    late.wait("a request", |stanza| is_vc(stanza, "request"));
    late.wait("a cancel", |stanza| is_vc(stanza, "cancel"));
    we.wait_for("connected", SOON);
    let (_socket, address) = silent_udp();
    let to = format!("{}/desk", ours.jid);
    late.send(&response(&to, "late1", 0, &[address]));
    late.wait("another cancel", |stanza| is_vc(stanza, "cancel"));
    // An acceptance that comes twice is as late as one.
    late.send(&response(&to, "late2", 0, &[address]));
    late.wait("a third cancel", |stanza| is_vc(stanza, "cancel"));
    we.wait_for("stats", SOON);
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.all("accepted").len(), 1, "{}", we.transcript);
    first.verdict(VERDICT).assert_ok().assert_heard_all();
}

fn a_request_that_comes_twice_rings_once_and_one_that_was_taken_back_not_at_all(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let we = ichat_call::answer()
        .account(&ours)
        .set("--allow", "nobody@im.test")
        .flag("--auto")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let mut caller = Client::sign_in_callable(&mac, "iChat");
    let (_socket, address) = silent_udp();
    let ring = |id: &str| request(&jid, id, address);
    caller.send(&ring("r1"));
    caller.send(&ring("r1"));
    we.wait_for("incoming", SOON);
    // A cancel from elsewhere is none, and a second one is one too many.
    caller.send(&cancel(&jid, "c1"));
    caller.send(&cancel(&jid, "c2"));
    we.wait_for("ended", SOON);
    // Somebody who thinks again: the same device rings anew before its first request was answered.
    caller.send(&ring("r2"));
    caller.send(&ring("r3"));
    caller.send(&cancel(&jid, "c3"));
    caller.send(&format!(
        "<iq type='get' id='p1' to='{jid}'><ping xmlns='urn:xmpp:ping'/></iq>"
    ));
    caller.wait("the answer to a ping", |stanza| has(stanza, "id", "p1"));
    we.process().interrupt();
    let we = we.finish(seconds(5));
    let reasons: Vec<&str> = we
        .all("ended")
        .iter()
        .map(|event| text(event, "reason"))
        .collect();
    assert_eq!(reasons, ["cancelled"; 3], "{}", we.transcript);
    assert_eq!(we.all("incoming").len(), 3, "{}", we.transcript);
    we.assert_no_error().assert_no("warning").assert_status(0);
}
