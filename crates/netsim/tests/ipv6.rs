//! IPv6: no translation, but firewalls (RFC 6092).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test's helpers may fail the test, and not every test uses all of them"
)]

mod support;

use std::time::{Duration, Instant};

use netsim::oracle::{Verdict, Way};
use netsim::{
    Access, Dependence, Dropped, Families, Firewall, Ipv6Routing, Nat, Network, RouterConfig,
    Scenario, punch,
};
use support::{Bench, OTHER_PORT, PORT};

fn bench(ipv6: Ipv6Routing) -> Bench {
    Bench::with_router(1, |config| RouterConfig { ipv6, ..config })
}

#[test]
fn addresses_are_not_translated() {
    let mut bench = bench(Ipv6Routing::Open);
    let server = bench.v6(bench.server, PORT);
    let mapped = bench.map(bench.mac, 16402, server);
    assert_eq!(mapped, bench.v6(bench.mac, 16402));
}

#[test]
fn without_a_firewall_everybody_gets_in_unasked() {
    let mut bench = bench(Ipv6Routing::Open);
    let mac = bench.v6(bench.mac, 16402);
    assert!(bench.enters(bench.server, PORT, mac, (bench.mac, 16402)));
}

#[test]
fn without_ipv6_on_the_router_nothing_passes() {
    let mut bench = bench(Ipv6Routing::Off);
    let (mac, server) = (bench.v6(bench.mac, 16402), bench.v6(bench.server, PORT));
    assert_eq!(bench.send(bench.mac, mac, server), None);
    assert_eq!(bench.send(bench.server, server, mac), None);
    assert_eq!(bench.network.statistics().dropped(Dropped::NoRoute), 2);
}

#[test]
fn a_firewall_lets_in_whom_its_filter_names() {
    for (filtering, expected) in [
        (Dependence::EndpointIndependent, [true, true, true]),
        (Dependence::AddressDependent, [true, true, false]),
        (Dependence::AddressAndPortDependent, [true, false, false]),
    ] {
        let mut bench = bench(Ipv6Routing::Filtered(Firewall::new(filtering)));
        let mac = bench.v6(bench.mac, 16402);
        let to = (bench.mac, 16402);
        assert!(!bench.enters(bench.server, PORT, mac, to));
        let server = bench.v6(bench.server, PORT);
        bench.map(bench.mac, 16402, server);
        let entered = [
            (bench.server, PORT),
            (bench.server, OTHER_PORT),
            (bench.other_server, PORT),
        ]
        .map(|(host, port)| bench.enters(host, port, mac, to));
        assert_eq!(entered, expected);
    }
}

#[test]
fn a_firewall_forgets_after_its_timeout() {
    for inbound_refresh in [false, true] {
        let mut bench = bench(Ipv6Routing::Filtered(Firewall {
            inbound_refresh,
            ..Firewall::new(Dependence::AddressAndPortDependent)
        }));
        let (mac, server) = (bench.v6(bench.mac, 16402), bench.v6(bench.server, PORT));
        let to = (bench.mac, 16402);
        bench.map(bench.mac, 16402, server);
        bench.wait(Duration::from_secs(119));
        assert!(bench.enters(bench.server, PORT, mac, to));
        bench.wait(Duration::from_secs(119));
        let still = bench.enters(bench.server, PORT, mac, to);
        assert_eq!(still, inbound_refresh);
    }
}

#[test]
fn the_way_to_a_prefix_leads_through_all_routers_above_it() {
    let mut network = Network::new(Instant::now(), 1);
    let prefixes = |v4: &str, v6: &str| [v4.parse().unwrap(), v6.parse().unwrap()];
    let outer = network.add_segment("outer", &prefixes("10.0.0.0/8", "2001:db8:a::/48"));
    let inner = network.add_segment("inner", &prefixes("192.168.1.0/24", "2001:db8:a:1::/64"));
    for (inside, outside) in [(outer, Network::INTERNET), (inner, outer)] {
        network
            .add_router(RouterConfig {
                ipv6: Ipv6Routing::Open,
                ..RouterConfig::nat(inside, outside, Nat::full_cone())
            })
            .unwrap();
    }
    let hosts = [outer, inner, Network::INTERNET].map(|segment| {
        let host = network.add_host("host");
        network
            .join(host, segment, Families::V6, Access::default())
            .unwrap();
        (host, network.addresses(host)[0])
    });
    let now = network.now();
    for (from, source) in hosts {
        for (_, destination) in hosts {
            let (source, destination) = ((source, 1).into(), (destination, 2).into());
            network
                .send(now, from, source, destination, Vec::new())
                .unwrap();
        }
    }
    network.handle_timeout(now);
    assert_eq!(
        network.statistics().delivered,
        9,
        "{}",
        network.statistics()
    );
}

#[test]
fn two_firewalls_are_no_obstacle_whatever_they_filter() {
    for caller in Dependence::ALL {
        for callee in Dependence::ALL {
            let mut scenario =
                Scenario::of_chains(1, &[], &[Nat::symmetric()], &[Nat::symmetric()]);
            scenario.routers[0].ipv6 = Ipv6Routing::Filtered(Firewall::new(caller));
            scenario.routers[1].ipv6 = Ipv6Routing::Filtered(Firewall::new(callee));
            scenario.caller.attachments[0].families = Families::Both;
            scenario.callee.attachments[0].families = Families::Both;
            let stage = scenario.build(Instant::now()).unwrap();
            let outcome = punch(stage, Duration::from_secs(2)).unwrap();
            assert_eq!(outcome.verdict, Verdict::Direct(Way::Ipv6));
            assert!(outcome.is_direct);
        }
    }
}
