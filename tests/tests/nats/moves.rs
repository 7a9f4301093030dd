//! The network changes under a call.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use scenarios::home::Home;
use scenarios::ichat_call;
use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::prosody::DOMAIN;
use scenarios::stalls::Stalls;
use scenarios::{SOON, requires, requires_internet, seconds};

use super::calls::{Between, Call, Dialect, End, Network, Scene};

/// No longer may either side be unheard, beside what the change itself takes, and what the machine
/// is late by.
const LONGEST_GAP_MS: u64 = 500;

/// Where neither side reaches the other before the server has told it where to: a new connection
/// to it, a new sign-in, and what is said there.
const LONGEST_GAP_WITH_SERVER_MS: u64 = 3000;

/// A call between two homes with such NATs, during which something happens to one of them. If the
/// other's lets strangers in, nobody has to be told.
fn during(
    between: Between,
    nats: [Nat; 2],
    moved: usize,
    happens: impl Fn(&Internet, &Home) -> IpAddr,
) -> Call {
    let internet = Internet::shared();
    let homes = nats.map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    let mut addresses: Vec<IpAddr> = hosts.iter().map(|host| host.ipv4()).collect();
    let stalls = Stalls::watch();
    let mut took = Duration::ZERO;
    let scene = Scene::new(internet, Dialect::Conference, hosts).lasting("8");
    let call = scene.flags("--peer-moves").call_and(between, |caller| {
        caller.wait_for("connected");
        // Both have heard each other for a while.
        caller.wait_a_second();
        let begun = Instant::now();
        addresses.push(happens(internet, &homes[moved]));
        // Until then there is no network: a busy kernel makes one command wait for another.
        took = begun.elapsed();
    });
    let excused = took + stalls.longest();
    drop(stalls);
    let open = nats[1 - moved].lets_strangers_in();
    let ours = if open {
        LONGEST_GAP_MS
    } else {
        LONGEST_GAP_WITH_SERVER_MS
    };
    let excused = u64::try_from(excused.as_millis()).unwrap();
    let limit = ours + excused;
    for (end, name) in call.ends.iter().zip(["the caller", "the callee"]) {
        let gap = end.longest_gap_ms(&addresses);
        let heard =
            format!("{name} heard nothing for {gap} ms, the machine's part is {excused} ms");
        eprintln!("{heard}");
        assert!(gap <= limit, "{heard}\n{}", call.transcript());
    }
    call.assert_talked_over(Network::Interrupted);
    call
}

#[test]
fn the_caller_gets_another_address() {
    requires_internet!();
    let nats = [Nat::PortPreserving, Nat::FullCone];
    during(Between::Ours, nats, 0, |_, home| home.change_address());
}

#[test]
fn the_callee_gets_another_address() {
    requires_internet!();
    let nats = [Nat::None, Nat::PortPreserving];
    during(Between::Ours, nats, 1, |_, home| home.change_address());
}

#[test]
fn a_cable_takes_over_from_the_wi_fi() {
    requires_internet!();
    let nats = [Nat::PortPreserving, Nat::FullCone];
    during(Between::Ours, nats, 0, |_, home| {
        let new = home.plug_second();
        home.unplug_first();
        new
    });
}

#[test]
fn the_provider_gives_the_router_another_address() {
    requires_internet!();
    let nats = [Nat::PortPreserving, Nat::FullCone];
    during(Between::Ours, nats, 0, |internet, home| {
        internet.renumber(home)
    });
}

#[test]
fn a_mac_follows_us_to_another_address() {
    requires_internet!();
    for (between, moved) in [(Between::OursAndMac, 0), (Between::MacAndOurs, 1)] {
        let mut nats = [Nat::FullCone; 2];
        nats[moved] = Nat::PortPreserving;
        let call = during(between, nats, moved, |_, home| home.change_address());
        // The server has told the stand-in where we are now, too.
        let mac = call.ends.iter().find_map(|end| end.mac.as_ref()).unwrap();
        assert!(mac.count("counter_proposals") > 0, "{}", call.transcript());
    }
}

#[test]
fn two_homes_that_let_nobody_in_follow_each_other_to_another_address() {
    requires_internet!();
    for moved in [0, 1] {
        let nats = [Nat::PortPreserving; 2];
        during(Between::Ours, nats, moved, |_, home| home.change_address());
    }
}

#[test]
fn two_homes_that_let_nobody_in_follow_each_other_to_another_provider_s_address() {
    requires_internet!();
    for moved in [0, 1] {
        let nats = [Nat::PortPreserving; 2];
        during(Between::Ours, nats, moved, |internet, home| {
            internet.renumber(home)
        });
    }
}

/// What ours sing to a stand-in.
const TONE: f64 = 800.0;

#[test]
fn a_mac_that_rings_in_the_legacy_dialect_is_called_from_where_we_are_by_then() {
    requires_internet!();
    let internet = Internet::shared();
    let homes = [Nat::PortPreserving, Nat::FullCone].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Legacy, hosts)
        .flags("--answer-after 5s")
        .call_and(Between::OursAndMac, |caller| {
            caller.wait_for("ringing");
            homes[0].change_address();
        })
        .assert_talked();
}

#[test]
fn whoever_answers_in_the_legacy_dialect_tells_where_it_is_by_then() {
    requires_internet!();
    requires!("script");
    let internet = Internet::shared();
    let homes = [Nat::FullCone, Nat::PortPreserving].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    let (ours, mac) = internet.prosody().pair_at(DOMAIN);
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--insecure")
        .flag("--once")
        .unset("--bind")
        .unset("--port")
        .set("--dialect", "legacy")
        .set("--snatmap", internet.snatmap().to_string())
        .set("--input", format!("tone:{TONE}"))
        .for_people()
        .on(homes[1].host())
        .at_a_terminal()
        .spawn();
    we.wait_for_text("Online as", SOON);
    let scene = Scene::new(internet, Dialect::Legacy, hosts);
    let caller = scene.mac_that_calls([&mac, &ours]);
    we.wait_for_text("Answer?", SOON);
    homes[1].change_address();
    // It has noticed: its old connection is of no use any more.
    we.wait_for_text("the connection to the server is lost", SOON);
    we.press("y");
    we.wait_for_text("Connected with", SOON);
    let mac = End::of_mac(caller.verdict(seconds(60)), TONE);
    assert_eq!(mac.reason, "hangup", "{}", mac.transcript);
    assert!(mac.heard_seconds() > 1.0, "{}", mac.transcript);
    we.finish(seconds(10)).assert_status(0);
}
