//! The network changes under a call.

use std::net::IpAddr;

use scenarios::internet::Internet;
use scenarios::nat::{Home, Nat};
use scenarios::requires_internet;

use super::calls::{Between, Call, Dialect, Scene};

/// No longer may either side be unheard.
const LONGEST_GAP_MS: u64 = 500;

/// A call between two homes with such NATs, during which something happens to one of them.
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
    let scene = Scene::new(internet, Dialect::Conference, hosts).lasting("6");
    let call = scene.call_and(between, |caller| {
        caller.wait_for("connected");
        // Both have heard each other for a while.
        caller.wait_a_second();
        addresses.push(happens(internet, &homes[moved]));
    });
    for (end, name) in call.ends.iter().zip(["the caller", "the callee"]) {
        let gap = end.longest_gap_ms(&addresses);
        assert!(
            gap <= LONGEST_GAP_MS,
            "{name} heard nothing for {gap} ms\n{}",
            call.transcript()
        );
    }
    call.assert_talked_with_losses();
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
#[ignore = "not reliable yet: what it asks for is in work"]
fn a_mac_follows_us_to_another_address() {
    requires_internet!();
    for (between, moved) in [(Between::OursAndMac, 0), (Between::MacAndOurs, 1)] {
        let mut nats = [Nat::FullCone; 2];
        nats[moved] = Nat::PortPreserving;
        during(between, nats, moved, |_, home| home.change_address());
    }
}
