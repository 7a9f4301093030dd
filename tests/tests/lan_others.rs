//! Neighbours that no one here wrote: Avahi, and Finch with its Bonjour account.

use scenarios::avahi::{Avahi, Found};
use scenarios::finch::Finch;
use scenarios::ichat_call::{self, text};
use scenarios::netns::Network;
use scenarios::standin;
use scenarios::{SOON, requires, requires_network, seconds};

const US: &str = "amy@laptop";

#[test]
fn avahi_sees_our_presence_as_a_well_formed_service() {
    requires!("avahi-daemon", "avahi-browse", "dbus-daemon", "dbus-send");
    requires_network!();
    let network = Network::pair();
    let avahi = Avahi::start(network.host(1), "imac");
    let us = ichat_call::lan_answer(network.host(0), US)
        .flag("--auto")
        .spawn();
    us.wait_for("online", SOON);
    let is_v4 = |found: &Found| found.address == network.host(0).ipv4().to_string();
    let all = avahi.browse(seconds(20), |all| {
        all.iter().any(|found| found.name == US && is_v4(found))
    });
    let ours: Vec<&Found> = all.iter().filter(|found| found.name == US).collect();
    for found in &ours {
        assert_eq!(found.port, 5298, "{found:?}");
        assert!(found.host.ends_with(".local"), "{found:?}");
        assert_eq!(
            found.txt.first().map(String::as_str),
            Some("txtvers=1"),
            "{found:?}"
        );
        for string in ["port.p2pj=5298", "status=avail", "node=apple:ichat:caps"] {
            assert!(
                found.txt.iter().any(|known| known == string),
                "{string}: {found:?}"
            );
        }
        let ext = found
            .txt
            .iter()
            .find_map(|known| known.strip_prefix("ext="));
        let tokens: Vec<&str> = ext.unwrap_or_default().split(' ').collect();
        for token in ["avavail", "avcap", "audio"] {
            assert!(tokens.contains(&token), "{token}: {found:?}");
        }
        for key in ["1st=", "vc=", "ver="] {
            assert!(
                found.txt.iter().any(|known| known.starts_with(key)),
                "{key}: {found:?}"
            );
        }
    }
    us.process().interrupt();
    us.finish(SOON).assert_status(0);
    // Our goodbye is heard: nobody keeps us until the record expires.
    avahi.browse(seconds(10), |all| all.iter().all(|found| found.name != US));
}

#[test]
fn we_see_whom_avahi_announces_and_why_a_neighbour_cannot_be_called() {
    requires!(
        "avahi-daemon",
        "avahi-publish-service",
        "dbus-daemon",
        "dbus-send"
    );
    requires_network!();
    let network = Network::pair();
    let avahi = Avahi::start(network.host(1), "imac");
    let plain = [
        "txtvers=1",
        "port.p2pj=5298",
        "1st=Zed",
        "last=Ex",
        "status=away",
    ];
    let _zed = avahi.publish("zed@imac", 5298, &plain);
    let mac = standin::lan_answer(network.host(0), "mac@powerbook").spawn();
    mac.wait_online();
    let contacts = ichat_call::run(&["contacts", "--lan", "--json"]).on(network.host(0));
    let contacts = contacts.spawn().finish(seconds(20));
    contacts.assert_status(0);
    let list: serde_json::Value =
        serde_json::from_str(&contacts.output).expect("contacts --json prints JSON");
    let person = |jid: &str| {
        let people = list.as_array().into_iter().flatten();
        let mut found = people.filter(|person| person["jid"] == jid);
        found.next().unwrap_or_else(|| panic!("no {jid}: {list}"))
    };
    assert_eq!(person("zed@imac")["callable"], false, "{list}");
    assert_eq!(person("zed@imac")["name"], "Zed Ex", "{list}");
    assert!(person("zed@imac")["why_not"].is_string(), "{list}");
    assert_eq!(person("mac@powerbook")["callable"], true, "{list}");
}

#[test]
fn finch_sees_us_come_and_go_and_its_text_reaches_us() {
    requires!("finch", "tmux", "avahi-daemon", "dbus-daemon", "dbus-send");
    requires_network!();
    let network = Network::pair();
    let avahi = Avahi::start(network.host(1), "imac");
    let finch = Finch::start(&avahi, "finn@imac");
    let us = ichat_call::lan_answer(network.host(0), US)
        .flag("--auto")
        .spawn();
    us.wait_for("online", SOON);
    finch.wait_online(US, seconds(20));
    finch.say(US, "Is <this> an iChat & whose?");
    let message = us.wait_for("message", SOON);
    assert_eq!(text(&message, "from"), "finn@imac");
    assert_eq!(text(&message, "body"), "Is <this> an iChat & whose?");
    us.process().interrupt();
    us.finish(SOON).assert_no("incoming").assert_status(0);
    finch.wait_offline(US, seconds(20));
}

#[test]
fn finch_cannot_be_called_and_we_say_so() {
    requires!("finch", "tmux", "avahi-daemon", "dbus-daemon", "dbus-send");
    requires_network!();
    let network = Network::pair();
    let avahi = Avahi::start(network.host(1), "imac");
    let _finch = Finch::start(&avahi, "finn@imac");
    let call = ichat_call::lan_call(network.host(0), US, "finn").spawn();
    call.finish(seconds(30)).assert_reason("not-callable");
}

#[test]
fn finch_and_the_stand_in_exchange_text() {
    requires!("finch", "tmux", "avahi-daemon", "dbus-daemon", "dbus-send");
    requires_network!();
    let network = Network::pair();
    let avahi = Avahi::start(network.host(1), "imac");
    let finch = Finch::start(&avahi, "finn@imac");
    // libpurple hangs up on whoever it has not found yet, as it may happen on a busy machine: what
    // was said then is said again by a Mac that comes back.
    let mut tries = 0;
    let mac = loop {
        let mac = standin::lan_call(network.host(0), "mac@powerbook", "finn")
            .set("--message", "hello finch")
            .flags("--no-ring --timeout 30 --peer-ichat")
            .spawn();
        tries += 1;
        if finch.hears("mac@powerbook", "hello finch", seconds(8)) {
            break mac;
        }
        assert!(tries < 4, "finch heard nothing:\n{}", finch.screen());
    };
    assert_eq!(finch.wait_online("mac@powerbook", seconds(10)), "Stand In");
    finch.say("mac@powerbook", "hello Mac");
    let message = mac.wait_for("message", SOON);
    assert_eq!(message["from"], "finn@imac");
    assert_eq!(message["body"], "hello Mac");
}
