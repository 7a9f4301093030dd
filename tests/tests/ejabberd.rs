//! What scenarios elsewhere show with Prosody, through ejabberd: it rewrites stanzas in another
//! way, asks us other questions, and keeps other orders.

use scenarios::ejabberd::{Ejabberd, HASHED};
use scenarios::ichat_call::{self, text};
use scenarios::prosody::Security;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, has};
use scenarios::{SOON, requires, seconds};

use crate::support::{assert_both_heard, words};

#[test]
fn we_call_a_mac_through_it() {
    requires!("ejabberdctl", "openssl");
    let (ours, mac) = Ejabberd::shared().pair(Security::Plain);
    let peer = standin::answer(&mac).says(&words(1)).listens().spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours.by(Security::StartTls))
        .set("--ca", Ejabberd::shared().authority().certificate())
        .says(&words(2))
        .captured()
        .set("--duration", "1.5")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_both_heard(&we, &peer.verdict(VERDICT));
}

#[test]
fn a_mac_calls_us_through_it() {
    requires!("ejabberdctl", "openssl");
    let (ours, mac) = Ejabberd::shared().pair(Security::Plain);
    let we = ichat_call::answer()
        .account(&ours.by(Security::DirectTls))
        .set("--ca", Ejabberd::shared().authority().certificate())
        .says(&words(2))
        .captured()
        .flag("--auto")
        .flag("--once")
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .says(&words(1))
        .listens()
        .set("--duration", "1.5")
        .spawn();
    let we = we.finish(seconds(30));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert_both_heard(&we, &peer.verdict(VERDICT));
}

#[test]
fn a_mac_that_is_no_contact_yet_is_called_once_it_has_accepted_us() {
    requires!("ejabberdctl", "openssl");
    let server = Ejabberd::shared();
    let (ours, mac) = (
        server.account(Security::Plain, "amy"),
        server.account(Security::Plain, "mac"),
    );
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    we.wait_for_code("subscription-pending", SOON);
    we.finish(seconds(30))
        .assert_reason("hangup")
        .assert_nothing_lost();
    peer.verdict(VERDICT).assert_ok();
}

#[test]
fn messages_that_waited_there_are_shown() {
    requires!("ejabberdctl", "openssl");
    let (ours, mac) = Ejabberd::shared().pair(Security::Plain);
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    mac.send(&format!(
        "<message to='{}' type='chat'><body>are you there?</body></message>\
         <iq type='get' id='after'><query xmlns='jabber:iq:roster'/></iq>",
        ours.jid
    ));
    mac.wait("the roster", |stanza| has(stanza, "id", "after"));
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    let message = we.wait_for("message", SOON);
    assert_eq!(message["body"], "are you there?");
    assert!(text(&message, "from").starts_with(&mac.jid));
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_status(0);
    assert_eq!(we.all("message").len(), 1, "{}", we.transcript);
}

#[test]
fn contacts_are_listed_with_who_can_be_called_and_why_the_others_cannot() {
    requires!("ejabberdctl", "openssl");
    let server = Ejabberd::shared();
    let account = |prefix| server.account(Security::Plain, prefix);
    let (ours, mac, away, plain) = (
        account("amy"),
        account("mac"),
        account("away"),
        account("zed"),
    );
    server.befriend(&[&ours, &mac, &away, &plain]);
    let peer = standin::answer(&mac).spawn();
    peer.wait_online();
    let mut plain = Client::sign_in(&plain, "psi");
    plain.send("<presence><show>dnd</show><status>busy &amp; bees</status></presence>");
    let contacts = ichat_call::run(&["contacts", "--json"])
        .account(&ours)
        .spawn()
        .finish(seconds(20));
    contacts.assert_status(0);
    let list: serde_json::Value =
        serde_json::from_str(&contacts.output).expect("contacts --json prints JSON");
    let person = |jid: &str| {
        let mut people = list.as_array().into_iter().flatten();
        let found = people.find(|person| person["jid"] == jid);
        found.unwrap_or_else(|| panic!("no {jid}: {list}"))
    };
    let mac = person(&mac.jid);
    assert_eq!(mac["callable"], true, "{list}");
    assert_eq!(mac["dialect"], "legacy", "{list}");
    assert!(mac["why_not"].is_null(), "{list}");
    let away = person(&away.jid);
    assert_eq!(away["availability"], "offline", "{list}");
    assert_eq!(away["callable"], false, "{list}");
    let bare = plain.jid.split('/').next().expect("a full JID");
    let plain = person(bare);
    assert_eq!(plain["availability"], "do not disturb", "{list}");
    assert_eq!(plain["message"], "busy & bees", "{list}");
    assert_eq!(plain["ichat"], false, "{list}");
    assert!(plain["why_not"].is_string(), "{list}");
}

#[test]
fn a_password_that_it_keeps_hashed_lets_us_in_and_no_other_does() {
    requires!("ejabberdctl", "openssl");
    let server = Ejabberd::shared();
    for security in [Security::Plain, Security::StartTls, Security::DirectTls] {
        let account = server.account_at(HASHED, security, "amy");
        // It has no certificate for this domain.
        let we = |password: &str| {
            let we = ichat_call::answer().account(&account).password(password);
            match security {
                Security::Plain => we.flag("--auto"),
                Security::StartTls | Security::DirectTls => {
                    we.flag("--auto").set("--pin", server.authority().pin())
                }
            }
        };
        let right = we(&account.password).spawn();
        right.wait_for("online", SOON);
        right.process().interrupt();
        right.finish(seconds(5)).assert_status(0).assert_no_error();
        let wrong = we("no-such-secret").spawn();
        wrong.finish(seconds(20)).assert_no_sign_in("auth-failed");
    }
}

#[test]
fn who_asks_to_see_us_is_let_in_where_we_were_told_so() {
    requires!("ejabberdctl", "openssl");
    let server = Ejabberd::shared();
    for (policy, expected) in [("all", true), ("none", false)] {
        let (ours, mac) = (
            server.account(Security::Plain, "amy"),
            server.account(Security::Plain, "mac"),
        );
        let mut mac = Client::sign_in_callable(&mac, "iChat");
        let we = ichat_call::answer()
            .account(&ours)
            .flag("--auto")
            .set("--accept", policy)
            .spawn();
        we.wait_for("online", SOON);
        mac.send(&format!("<presence type='subscribe' to='{}'/>", ours.jid));
        let sees_us = |stanza: &str| {
            stanza.starts_with("<presence")
                && stanza.contains(&ours.jid)
                && stanza.contains("avavail")
        };
        let limit = if expected { SOON } else { seconds(1) };
        let seen = mac.try_wait(limit, sees_us);
        assert_eq!(seen.is_some(), expected, "--accept {policy}");
        we.process().interrupt();
        we.finish(seconds(5)).assert_status(0);
    }
}

#[test]
fn who_signs_in_in_our_place_gets_it_and_we_say_so() {
    requires!("ejabberdctl", "openssl");
    let account = Ejabberd::shared().account(Security::Plain, "amy");
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
fn a_call_outlives_it() {
    requires!("ejabberdctl", "openssl");
    let mut server = Ejabberd::own();
    let (amy, ben) = server.pair(Security::Plain);
    let callee = ichat_call::answer()
        .account(&ben)
        .flag("--auto")
        .flag("--once")
        .spawn();
    callee.wait_for("online", SOON);
    let caller = ichat_call::call(&ben.jid)
        .account(&amy)
        .set("--duration", "3")
        .spawn();
    caller.wait_for("connected", SOON);
    callee.wait_for("connected", SOON);
    server.kill();
    let (caller, callee) = (caller.finish(seconds(20)), callee.finish(seconds(10)));
    caller.assert_reason("hangup").assert_nothing_lost();
    callee.assert_reason("remote-hangup").assert_nothing_lost();
}

#[test]
fn it_ends_with_its_owner_and_leaves_nothing() {
    requires!("ejabberdctl", "openssl");
    let mut server = Ejabberd::own();
    let account = server.account(Security::Plain, "amy");
    server.kill();
    server.start_again();
    // It has its data again.
    Client::sign_in(&account, "test");
    let folder = server.folder().to_owned();
    let ours = folder.to_string_lossy().into_owned();
    assert!(!processes_with(&ours).is_empty());
    drop(server);
    assert!(!folder.exists());
    assert_eq!(processes_with(&ours), Vec::<String>::new());
}

/// The command lines in which this stands.
fn processes_with(part: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("Linux has /proc");
    let lines = entries
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(part))
        .collect()
}
