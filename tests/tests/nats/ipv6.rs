//! Homes with IPv6: no NAT, and a router that lets nothing in that was not asked for.

use std::net::SocketAddr;

use scenarios::home::Home;
use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::netns::Host;
use scenarios::requires_internet;

use super::calls::{Between, Call, Dialect, Scene};

/// Two homes whose NATs let nobody talk directly.
fn symmetric_homes() -> [Home; 2] {
    [0; 2].map(|_| Internet::shared().home_with_ipv6(Nat::Symmetric))
}

/// All ways that it took led to the other's host, by IPv6.
fn assert_over_ipv6(call: &Call, hosts: [&Host; 2]) {
    call.assert_talked();
    let others = [hosts[1], hosts[0]].map(Host::ipv6);
    for (end, other) in call.ends.iter().zip(others) {
        let remote = match (&end.ours, &end.mac) {
            (Some(ours), _) => ours.last("path")["remote"].as_str().unwrap().parse(),
            (None, Some(mac)) => Ok(mac.path()),
            (None, None) => panic!("neither ours nor a stand-in"),
        };
        let remote: SocketAddr = remote.unwrap();
        assert_eq!(remote.ip(), other, "{}", call.transcript());
    }
}

#[test]
fn a_router_for_ipv6_translates_nothing_and_lets_in_only_what_was_asked_for() {
    requires_internet!();
    let internet = Internet::shared();
    for nat in [Nat::Symmetric, Nat::FullCone] {
        let home = internet.home_with_ipv6(nat);
        let seen = internet.look_at_ipv6(home.host(), 16402);
        let own = SocketAddr::new(home.host().ipv6(), 16402);
        assert_eq!(seen.sources, [own; 3], "{nat}");
        assert_eq!(seen.filter, "port", "{nat}: {seen:?}");
        // IPv4 goes through the NAT as ever.
        let seen = internet.look_at(home.host(), 16402);
        assert_eq!(seen.sources[0].ip(), home.public(), "{nat}: {seen:?}");
    }
}

#[test]
fn two_homes_with_ipv6_talk_directly_although_both_their_nats_are_symmetric() {
    requires_internet!();
    let homes = symmetric_homes();
    let hosts = [homes[0].host(), homes[1].host()];
    let scene = Scene::new(Internet::shared(), Dialect::Conference, hosts);
    let call = scene.call(Between::Ours);
    call.assert_kind(&["host"]);
    assert_over_ipv6(&call, hosts);
}

#[test]
fn a_mac_with_nothing_but_ipv6_calls_and_is_called() {
    requires_internet!();
    for between in [Between::OursAndMac, Between::MacAndOurs] {
        let homes = symmetric_homes();
        let hosts = [homes[0].host(), homes[1].host()];
        let scene = Scene::new(Internet::shared(), Dialect::Conference, hosts);
        let call = scene.with_an_ipv6_mac().call(between);
        assert_over_ipv6(&call, hosts);
    }
}

#[test]
fn ipv6_on_one_side_only_is_no_hindrance() {
    requires_internet!();
    let internet = Internet::shared();
    let with = internet.home_with_ipv6(Nat::PortPreserving);
    let without = internet.home(Nat::Shifted);
    for hosts in [[with.host(), without.host()], [without.host(), with.host()]] {
        for dialect in [Dialect::Conference, Dialect::Legacy] {
            let scene = Scene::new(internet, dialect, hosts);
            scene.call(Between::Ours).assert_talked();
        }
    }
}
