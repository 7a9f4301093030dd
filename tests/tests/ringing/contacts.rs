//! What `contacts` says while things change.

use scenarios::ichat_call::{self, IchatCall};
use scenarios::prosody::Account;
use scenarios::standin;
use scenarios::xmpp::Client;
use scenarios::{SOON, seconds};
use serde_json::{Value, json};

use super::device;
use crate::sites::{Site, at_each_server};

at_each_server!(contacts_says_who_can_be_called_at_that_moment_and_why_the_others_cannot);

fn contacts(account: &Account) -> IchatCall {
    ichat_call::run(&["contacts", "--json"])
        .account(account)
        .spawn()
}

/// What it says of this person.
fn of<'a>(list: &'a Value, account: &Account) -> &'a Value {
    let mut people = list.as_array().into_iter().flatten();
    let found = people.find(|person| person["jid"] == account.jid);
    found.unwrap_or_else(|| panic!("no {}: {list}", account.jid))
}

fn list(contacts: IchatCall) -> Value {
    let contacts = contacts.finish(seconds(20));
    contacts.assert_status(0);
    serde_json::from_str(&contacts.output).expect("contacts --json prints JSON")
}

/// The devices, the best first: resource, and whether it can be called.
fn devices(person: &Value) -> Vec<(String, bool)> {
    let devices = person["devices"].as_array().into_iter().flatten();
    let resource = |device: &Value| {
        let jid = device["jid"].as_str().unwrap_or_default();
        jid.split('/').nth(1).unwrap_or_default().to_owned()
    };
    devices
        .map(|device| (resource(device), device["callable"] == true))
        .collect()
}

fn contacts_says_who_can_be_called_at_that_moment_and_why_the_others_cannot(site: Site) {
    let [ours, mac, talks, other, newer, late] =
        site.friends(["amy", "mac", "talks", "other", "newer", "late"]);
    // Two devices: the one that is free is the best, and a second that is not.
    let _one = device(&mac, "desk", "--show away");
    let _two = device(&mac, "lap", "--no-avavail");
    // In a call with somebody else.
    let called = standin::answer(&talks).flags("--peer-ichat").spawn();
    called.wait_online();
    let caller = standin::call(&other, &talks.jid)
        .flags("--peer-ichat --no-wait-for-rtp --duration 6")
        .spawn();
    // Somebody with all the tokens.
    let _newer = standin::answer(&newer).conference().spawn();
    caller.wait_for("connected", SOON);
    called.wait_for("connected", SOON);

    let looks = contacts(&ours);
    // Who comes while it looks is there too.
    let mut late_comer = Client::sign_in(&late, "psi");
    late_comer.send("<presence><show>xa</show></presence>");
    let during = list(looks);

    let mac_is = of(&during, &mac);
    assert_eq!(mac_is["callable"], true, "{during}");
    assert_eq!(mac_is["availability"], "away", "{during}");
    assert_eq!(mac_is["dialect"], "legacy", "{during}");
    let expected = [("desk".to_owned(), true), ("lap".to_owned(), false)];
    let mut found = devices(mac_is);
    found.sort_unstable();
    assert_eq!(found, expected, "{during}");
    let talks_is = of(&during, &talks);
    assert_eq!(talks_is["callable"], false, "{during}");
    assert_eq!(talks_is["ichat"], true, "{during}");
    assert!(talks_is["why_not"].is_string(), "{during}");
    let newer_is = of(&during, &newer);
    assert_eq!(newer_is["callable"], true, "{during}");
    assert_eq!(newer_is["dialect"], "conference", "{during}");
    let late_is = of(&during, &late);
    assert_eq!(late_is["availability"], "away for long", "{during}");
    assert_eq!(late_is["ichat"], false, "{during}");
    assert_eq!(late_is["dialect"], Value::Null, "{during}");

    // Their call is over, and he that came late has gone.
    caller.wait_for("ended", seconds(20));
    late_comer.send("<presence type='unavailable'/>");
    let after = list(contacts(&ours));
    assert_eq!(of(&after, &late)["availability"], "offline", "{after}");
    assert_eq!(of(&after, &late)["devices"], json!([]), "{after}");
    assert_eq!(of(&after, &mac)["callable"], true, "{after}");
}
