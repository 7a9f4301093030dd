//! Who reaches whom, what cannot be built, and what changes during a run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test's helpers may fail the test, and not every test uses all of them"
)]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use netsim::{
    Access, Change, Dropped, Event, Families, Hairpinning, Link, Nat, Network, RouterConfig,
    Scenario, SendError, TopologyError,
};
use support::{Bench, PORT};

#[test]
fn hosts_of_a_lan_reach_each_other_without_the_router() {
    let mut bench = Bench::new(Nat::symmetric());
    let (mac, neighbour) = (bench.v4(bench.mac, 1), bench.v4(bench.neighbour, 2));
    let delivery = bench.send(bench.mac, mac, neighbour).unwrap();
    assert_eq!((delivery.local, delivery.remote), (neighbour, mac));
    let to_itself = bench.send(bench.mac, mac, mac).unwrap();
    assert_eq!((to_itself.local, to_itself.remote), (mac, mac));
    assert_eq!(bench.network.mappings(bench.router), []);
}

#[test]
fn an_address_that_nobody_has_leads_nowhere() {
    let mut bench = Bench::new(Nat::full_cone());
    let mac = bench.v4(bench.mac, 1);
    for (remote, reason) in [
        ("192.168.1.77:1", Dropped::NobodyThere),
        ("203.0.113.200:1", Dropped::NobodyThere),
        ("192.168.7.7:1", Dropped::NoRoute),
        ("192.168.1.1:1", Dropped::ForRouter),
    ] {
        let before = bench.network.statistics().dropped(reason);
        assert_eq!(bench.send(bench.mac, mac, remote.parse().unwrap()), None);
        let after = bench.network.statistics().dropped(reason);
        assert_eq!(after, before + 1, "{remote}");
    }
}

#[test]
fn the_same_private_address_is_another_host_in_another_home() {
    let scenario = {
        let mut scenario = Scenario::of_chains(1, &[], &[Nat::full_cone()], &[Nat::full_cone()]);
        for router in &mut scenario.routers {
            router.prefix = "192.168.1.0/24".parse().unwrap();
        }
        scenario
    };
    let mut stage = scenario.build(Instant::now()).unwrap();
    let (caller, callee) = (stage.caller_endpoints()[0], stage.callee_endpoints()[0]);
    assert_eq!(caller, callee);
    while stage.network.poll_event().is_some() {}
    let now = stage.network.now();
    stage
        .network
        .send(now, stage.caller, caller, callee, Vec::new())
        .unwrap();
    stage.network.handle_timeout(now);
    match stage.network.poll_event() {
        Some(Event::Delivered(delivery)) => assert_eq!(delivery.host, stage.caller),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nat_behind_a_nat_translates_twice() {
    let shared = Nat {
        hairpinning: Hairpinning::ExternalSource,
        ..Nat::full_cone()
    };
    let scenario = Scenario::of_chains(1, &[shared], &[Nat::full_cone()], &[]);
    let mut stage = scenario.build(Instant::now()).unwrap();
    let local = stage.caller_endpoints()[0];
    let remote = stage.snatmap_address();
    let now = stage.network.now();
    stage
        .network
        .send(now, stage.caller, local, remote, Vec::new())
        .unwrap();
    stage.network.handle_timeout(now);
    let [outer, inner] = [0, 1].map(|number| stage.network.mappings(stage.routers[number])[0]);
    assert_eq!(inner.internal, local);
    assert_eq!(outer.internal, inner.external);
    let address = stage.network.external_addresses(stage.routers[0])[0];
    assert_eq!(outer.external.ip(), address);
}

#[test]
fn a_host_sends_from_its_own_addresses_only() {
    let mut bench = Bench::new(Nat::full_cone());
    let (mac, server) = (bench.v4(bench.mac, 1), bench.v4(bench.server, PORT));
    let foreign = bench.v4(bench.neighbour, 1);
    let now = bench.network.now();
    let host = bench.mac;
    let mut send = |local, remote| bench.network.send(now, host, local, remote, Vec::new());
    assert_eq!(
        send(foreign, server),
        Err(SendError::NotOurAddress { local: foreign })
    );
    let v6: SocketAddr = "[2001:db8::1]:1".parse().unwrap();
    assert_eq!(
        send(mac, v6),
        Err(SendError::Families {
            local: mac,
            remote: v6
        })
    );
    assert_eq!(bench.network.statistics().sent, 0);
}

#[test]
fn what_cannot_work_cannot_be_built() {
    let mut network = Network::new(Instant::now(), 1);
    let home = network.add_segment("home", &["10.0.0.0/24".parse().unwrap()]);
    let inner = network.add_segment("inner", &["10.0.0.0/16".parse().unwrap()]);
    let tiny = network.add_segment("tiny", &["10.9.0.0/30".parse().unwrap()]);
    let nat = |inside, outside| RouterConfig::nat(inside, outside, Nat::full_cone());
    network.add_router(nat(home, Network::INTERNET)).unwrap();
    assert_eq!(
        network.add_router(nat(home, Network::INTERNET)),
        Err(TopologyError::SecondRouter(home))
    );
    assert_eq!(
        network.add_router(nat(Network::INTERNET, home)),
        Err(TopologyError::SecondRouter(Network::INTERNET))
    );
    assert_eq!(
        network.add_router(nat(inner, home)),
        Err(TopologyError::Overlap {
            inside: "10.0.0.0/16".parse().unwrap(),
            outside: "10.0.0.0/24".parse().unwrap(),
        })
    );
    let host = network.add_host("host");
    let mut join = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        network
            .join_at(host, home, &[address], Access::default())
            .map(drop)
    };
    assert_eq!(join("10.0.0.7"), Ok(()));
    let taken = "10.0.0.7".parse().unwrap();
    assert_eq!(join("10.0.0.7"), Err(TopologyError::AddressTaken(taken)));
    let elsewhere = "10.0.1.7".parse().unwrap();
    assert_eq!(
        join("10.0.1.7"),
        Err(TopologyError::AddressElsewhere(elsewhere))
    );
    let mut crowd = |families| {
        let host = network.add_host("one more");
        network
            .join(host, tiny, families, Access::default())
            .map(drop)
    };
    assert_eq!(crowd(Families::V6), Err(TopologyError::NoAddressLeft(tiny)));
    assert_eq!(crowd(Families::V4), Ok(()));
    assert_eq!(crowd(Families::Both), Ok(()));
    assert_eq!(crowd(Families::V4), Err(TopologyError::NoAddressLeft(tiny)));
}

#[test]
fn a_host_gets_no_address_twice_on_its_interfaces() {
    let mut network = Network::new(Instant::now(), 1);
    let homes = [0, 1].map(|_| network.add_segment("home", &["10.0.0.0/24".parse().unwrap()]));
    let host = network.add_host("host");
    for home in homes {
        network
            .join(host, home, Families::V4, Access::default())
            .unwrap();
    }
    let expected: [IpAddr; 2] = ["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()];
    assert_eq!(network.addresses(host), expected);
}

#[test]
fn a_reboot_forgets_the_mappings_and_new_ones_differ() {
    let mut bench = Bench::new(Nat {
        ports: netsim::PortAssignment::Random,
        ..Nat::port_restricted_cone()
    });
    let server = bench.v4(bench.server, PORT);
    let before = bench.map(bench.mac, 16402, server);
    let router = bench.router;
    bench.network.apply(Change::Reboot { router }).unwrap();
    assert!(!bench.enters(bench.server, PORT, before, (bench.mac, 16402)));
    let after = bench.map(bench.mac, 16402, server);
    assert_eq!(after.ip(), before.ip());
    assert_ne!(after.port(), before.port());
}

#[test]
fn renumbering_gives_another_external_address() {
    let mut bench = Bench::new(Nat::full_cone());
    let server = bench.v4(bench.server, PORT);
    let before = bench.map(bench.mac, 16402, server);
    let router = bench.router;
    bench.network.apply(Change::Renumber { router }).unwrap();
    assert!(!bench.enters(bench.server, PORT, before, (bench.mac, 16402)));
    let after = bench.map(bench.mac, 16402, server);
    assert_ne!(after.ip(), before.ip());
    assert_eq!(after.ip(), bench.external());
    assert!(bench.enters(bench.server, PORT, after, (bench.mac, 16402)));
}

#[test]
fn a_host_that_moves_gets_another_address_and_leaves_the_old_one_free() {
    let mut bench = Bench::new(Nat::full_cone());
    let old = bench.v4(bench.mac, 1);
    let interface = bench.network.interfaces(bench.mac)[0];
    let at = bench.network.now() + Duration::from_secs(1);
    let change = Change::Move {
        interface,
        to: Network::INTERNET,
        families: Families::V4,
    };
    bench.network.schedule(at, change);
    bench.network.handle_timeout(at);
    assert_eq!(
        bench.network.poll_event(),
        Some(Event::AddressesChanged(bench.mac))
    );
    let new = bench.v4(bench.mac, 1);
    let server = bench.v4(bench.server, PORT);
    assert_ne!(new, old);
    assert_eq!(bench.map(bench.mac, 1, server), new);
    let now = bench.network.now();
    let refused = bench.network.send(now, bench.mac, old, server, Vec::new());
    assert_eq!(refused, Err(SendError::NotOurAddress { local: old }));
    let neighbour = bench.v4(bench.neighbour, 1);
    assert_eq!(bench.send(bench.neighbour, neighbour, old), None);
}

#[test]
fn an_address_that_goes_away_takes_with_it_what_is_on_its_way() {
    let mut bench = Bench::new(Nat::full_cone());
    let interface = bench.network.interfaces(bench.mac)[0];
    let slow = Access::symmetric(Link::with_delay(Duration::from_millis(50)));
    bench
        .network
        .apply(Change::Access {
            interface,
            access: slow,
        })
        .unwrap();
    let (mac, neighbour) = (bench.v4(bench.mac, 1), bench.v4(bench.neighbour, 1));
    assert_eq!(bench.send(bench.neighbour, neighbour, mac), None);
    let change = Change::AddressGone {
        host: bench.mac,
        address: mac.ip(),
    };
    bench.network.apply(change.clone()).unwrap();
    bench.wait(Duration::from_millis(50));
    let statistics = bench.network.statistics();
    assert_eq!(statistics.dropped(Dropped::AddressGone), 1);
    assert_eq!(
        bench.network.apply(change),
        Err(TopologyError::NoSuchAddress(mac.ip()))
    );
}

#[test]
fn a_cable_beside_the_wi_fi_is_one_more_address() {
    let mut bench = Bench::new(Nat::full_cone());
    let before = bench.network.addresses(bench.mac);
    let change = Change::Join {
        host: bench.mac,
        segment: bench.inside,
        families: Families::V4,
        access: Access::default(),
    };
    bench.network.apply(change).unwrap();
    let after = bench.network.addresses(bench.mac);
    assert_eq!(after.len(), before.len() + 1);
    let local = SocketAddr::new(after[after.len() - 1], 5000);
    let server = bench.v4(bench.server, PORT);
    assert_eq!(bench.send(bench.mac, local, server).unwrap().local, server);
}

#[test]
fn an_outage_of_a_router_cuts_the_home_off_and_not_the_lan() {
    let mut bench = Bench::new(Nat::full_cone());
    let router = bench.router;
    let server = bench.v4(bench.server, PORT);
    let (mac, neighbour) = (bench.v4(bench.mac, 1), bench.v4(bench.neighbour, 1));
    let link = |up| Change::RouterLink { router, up };
    bench.network.apply(link(false)).unwrap();
    assert_eq!(bench.send(bench.mac, mac, server), None);
    assert!(bench.send(bench.mac, mac, neighbour).is_some());
    bench.network.apply(link(true)).unwrap();
    assert!(bench.send(bench.mac, mac, server).is_some());
}

#[test]
fn a_scheduled_change_that_is_impossible_is_told() {
    let mut bench = Bench::new(Nat::full_cone());
    let address: IpAddr = "192.168.1.99".parse().unwrap();
    let change = Change::AddressGone {
        host: bench.mac,
        address,
    };
    let now = bench.network.now();
    bench.network.schedule(now, change);
    bench.network.handle_timeout(now);
    assert_eq!(
        bench.network.poll_event(),
        Some(Event::ChangeRefused(TopologyError::NoSuchAddress(address)))
    );
}
