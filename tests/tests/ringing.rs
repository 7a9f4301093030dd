//! Whom we ring, who rings us, and what becomes of it: several devices, late ones, several callers.

mod contacts;
mod crossing;
mod gateway;
mod late;
mod unseen;

use scenarios::ichat_call::{self, Finished, IchatCall};
use scenarios::prosody::Account;
use scenarios::standin::{self, Standin, VERDICT};
use scenarios::{SOON, seconds};
use serde_json::Value;

use crate::sites::{Site, at_each_server};

at_each_server!(
    three_devices_ring_the_second_accepts_and_the_others_are_cancelled,
    two_devices_refuse_and_the_third_rings_on_until_it_is_answered,
    when_every_device_has_refused_the_most_human_answer_counts,
    every_device_rings_whatever_its_show_and_priority,
);

/// A stand-in at this device of an account, online.
fn device(account: &Account, resource: &str, flags: &str) -> Standin {
    let device = standin::answer_at(account, resource).flags(flags).spawn();
    device.wait_online();
    device
}

/// Ours at this device: it rings, and nobody answers it.
fn our_device(account: &Account, resource: &str) -> IchatCall {
    let we = ichat_call::answer()
        .account(account)
        .set("--resource", resource)
        .set("--allow", "nobody@im.test")
        .flag("--auto")
        .flag("--once")
        .spawn();
    we.wait_for("online", SOON);
    we
}

/// It rang, and was told that the call is over.
fn assert_cancelled(device: Standin) {
    let device = device.verdict(VERDICT);
    device.assert_ok().assert_ended("cancelled");
    assert_eq!(device.count("requests"), 1, "{}", device.transcript());
    assert_eq!(device.count("vc_cancels"), 1, "{}", device.transcript());
}

/// The devices that rang in the end.
fn rang(we: &Finished) -> Vec<&str> {
    let devices = we.last("ringing")["to"].as_array().into_iter().flatten();
    devices.filter_map(Value::as_str).collect()
}

fn three_devices_ring_the_second_accepts_and_the_others_are_cancelled(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let first = device(&mac, "one", "--no-answer");
    let second = device(&mac, "two", "--answer-after 700");
    let third = our_device(&mac, "three");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    let mut devices = rang(&we);
    devices.sort_unstable();
    let all = ["one", "three", "two"].map(|device| format!("{}/{device}", mac.jid));
    assert_eq!(devices, all, "{}", we.transcript);
    assert_eq!(we.last("accepted")["by"], all[2], "{}", we.transcript);
    assert_eq!(we.all("accepted").len(), 1, "{}", we.transcript);
    assert_cancelled(first);
    second.verdict(VERDICT).assert_ok().assert_heard_all();
    third
        .finish(SOON)
        .assert_reason("cancelled")
        .assert_no("accepted");
}

fn two_devices_refuse_and_the_third_rings_on_until_it_is_answered(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let refuse = [("one", "--decline"), ("two", "--busy")];
    let refuse = refuse.map(|(resource, flags)| device(&mac, resource, flags));
    let third = device(&mac, "three", "--answer-after 1500");
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    for device in &refuse {
        device.wait_for("ended", SOON);
    }
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(
        we.last("accepted")["by"],
        format!("{}/three", mac.jid),
        "{}",
        we.transcript
    );
    for device in refuse {
        let device = device.verdict(VERDICT);
        device.assert_ok();
        assert_eq!(device.count("vc_cancels"), 0, "{}", device.transcript());
    }
    third.verdict(VERDICT).assert_ok().assert_heard_all();
}

fn when_every_device_has_refused_the_most_human_answer_counts(site: Site) {
    let cases = [
        (["--busy", "--decline"], "declined"),
        (["--decline=7", "--busy"], "busy"),
        (
            ["--error-on-request service-unavailable", "--decline=7"],
            "no-answer",
        ),
    ];
    for (flags, reason) in cases {
        let [ours, mac] = site.friends(["amy", "mac"]);
        let one = device(&mac, "one", flags[0]);
        let two = device(&mac, "two", &format!("--answer-after 600 {}", flags[1]));
        let we = ichat_call::call(&mac.jid).account(&ours).spawn();
        let we = we.finish(seconds(20));
        we.assert_reason(reason).assert_no("accepted");
        assert_eq!(rang(&we).len(), 2, "{}", we.transcript);
        for device in [one, two] {
            device.verdict(VERDICT).assert_ok();
        }
    }
}

fn every_device_rings_whatever_its_show_and_priority(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let devices = [
        ("away", "--show away --priority 50 --no-answer"),
        ("low", "--priority 1 --no-answer"),
        ("high", "--priority 5 --no-answer"),
        ("chat", "--show chat --no-answer"),
        ("dnd", "--show dnd --priority 60 --no-answer"),
        ("none", "--priority -5 --no-answer"),
    ];
    let devices = devices.map(|(resource, flags)| device(&mac, resource, flags));
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--timeout", "1")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_reason("no-answer");
    let mut devices_rang = rang(&we);
    devices_rang.sort_unstable();
    let names = ["away", "chat", "dnd", "high", "low", "none"];
    let expected = names.map(|name| format!("{}/{name}", mac.jid));
    assert_eq!(devices_rang, expected, "{}", we.transcript);
    for device in devices {
        assert_cancelled(device);
    }
}
