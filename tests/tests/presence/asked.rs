//! Who asks to see us, where we were told to ask back: `--accept ask`.

use std::time::Duration;

use scenarios::ichat_call;
use scenarios::prosody::Account;
use scenarios::xmpp::{Client, attribute, has};
use scenarios::{SOON, seconds};
use serde_json::Value;

use crate::sites::{Site, at_each_server};

at_each_server!(
    at_a_terminal_yes_lets_them_see_us_and_no_does_not,
    scripts_are_told_and_the_question_stays_open_until_somebody_answers_it,
);

/// It asks to see `ours`.
fn asks(mac: &Account, ours: &Account) -> Client {
    let mut mac = Client::sign_in_callable(mac, "iChat");
    mac.send(&format!("<presence type='subscribe' to='{}'/>", ours.jid));
    mac
}

/// An answer of ours to that, or our presence. Prosody says in our place that it sees nobody.
fn is_word_of(ours: &Account) -> impl Fn(&str) -> bool {
    let jid = ours.jid.clone();
    move |stanza: &str| {
        let says = |kind: &str| has(stanza, "type", kind);
        stanza.starts_with("<presence")
            && attribute(stanza, "from").is_some_and(|from| from.starts_with(&jid))
            && !says("unavailable")
            && !says("subscribe")
    }
}

fn is_free(stanza: &str, ours: &Account) -> bool {
    is_word_of(ours)(stanza) && stanza.contains("avavail")
}

fn at_a_terminal_yes_lets_them_see_us_and_no_does_not(site: Site) {
    for (key, answer) in [("y", "subscribed"), ("n", "unsubscribed")] {
        let [ours, mac] = site.strangers(["amy", "mac"]);
        let we = ichat_call::answer()
            .account(&ours)
            .for_people()
            .set("--accept", "ask")
            .set_file("--trace", "trace.xml")
            .at_a_terminal()
            .spawn();
        we.wait_for_text("Online as", SOON);
        let mut client = asks(&mac, &ours);
        let question = format!("Let {} see when you are online? [y]es [n]o", mac.jid);
        we.wait_for_text(&question, SOON);
        let early = client.try_wait(Duration::from_millis(300), is_word_of(&ours));
        assert_eq!(early, None, "nobody has answered yet");
        we.press(key);
        if key == "y" {
            client.wait("our presence", |stanza| is_free(stanza, &ours));
        } else {
            let seen = client.try_wait(seconds(1), |stanza| is_free(stanza, &ours));
            assert_eq!(seen, None, "it was told no");
        }
        we.press("\u{3}");
        let we = we.finish(seconds(5));
        we.assert_status(0);
        // Not every server passes the word itself on.
        let trace = std::fs::read_to_string(we.path("trace.xml")).expect("it wrote a trace");
        let said = |kind: &str| trace.matches(&format!("type='{kind}'")).count();
        let other = if key == "y" {
            "unsubscribed"
        } else {
            "subscribed"
        };
        assert_eq!((said(answer), said(other)), (1, 0), "{trace}");
    }
}

fn scripts_are_told_and_the_question_stays_open_until_somebody_answers_it(site: Site) {
    let [ours, mac] = site.strangers(["amy", "mac"]);
    let mut client = asks(&mac, &ours);
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .set("--accept", "ask")
        .spawn();
    let asked = we.wait_for("subscription", SOON);
    assert_eq!(asked["from"], mac.jid.as_str());
    let answer = client.try_wait(seconds(1), is_word_of(&ours));
    assert_eq!(answer, None, "nobody can answer");
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_status(0).assert_no_error();
    assert_eq!(we.all("subscription").len(), 1, "{}", we.transcript);

    // ejabberd tells of it only whoever takes messages, which `contacts` must not do.
    if site == Site::Prosody {
        contacts_knows_that_it_asks(&ours, &mac);
    }

    // The server asks again whenever we come back.
    let we = ichat_call::answer()
        .account(&ours)
        .for_people()
        .set("--accept", "ask")
        .at_a_terminal()
        .spawn();
    we.wait_for_text("see when you are online? [y]es [n]o", SOON);
    we.press("y");
    client.wait("our presence", |stanza| is_free(stanza, &ours));
    we.press("\u{3}");
    we.finish(seconds(5)).assert_status(0);
}

fn contacts_knows_that_it_asks(ours: &Account, mac: &Account) {
    let contacts = ichat_call::run(&["contacts", "--json"]).account(ours);
    let contacts = contacts.spawn().finish(seconds(20));
    contacts.assert_status(0);
    let list: Value = serde_json::from_str(&contacts.output).expect("it prints JSON");
    let mut people = list.as_array().into_iter().flatten();
    let person = people.find(|person| person["jid"] == mac.jid.as_str());
    let person = person.unwrap_or_else(|| panic!("no {}: {list}", mac.jid));
    assert_eq!(person["asks"], true, "{list}");
    assert_eq!(person["callable"], false, "{list}");
    assert!(person["why_not"].is_string(), "{list}");
    let table = ichat_call::run(&["contacts"]).account(ours).spawn();
    let table = table.finish(seconds(20));
    table.assert_status(0);
    let mut lines = table.output.lines();
    let line = lines.find(|line| line.contains(&mac.jid));
    assert!(
        line.is_some_and(|line| line.contains("asks to see you")),
        "{}",
        table.output
    );
}
