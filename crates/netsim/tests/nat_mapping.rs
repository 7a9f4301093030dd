//! How a NAT maps: RFC 4787 §4.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test's helpers may fail the test, and not every test uses all of them"
)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use netsim::{Dependence, Dropped, Nat, PortAssignment};
use support::{Bench, OTHER_PORT, PORT};

/// The external ports of one internal endpoint toward a server, another port of it, and another
/// server.
fn three_mappings(nat: Nat) -> [u16; 3] {
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let port = bench.v4(bench.server, OTHER_PORT);
    let other = bench.v4(bench.other_server, PORT);
    [server, port, other].map(|remote| {
        let mapped = bench.map(bench.mac, 16402, remote);
        assert_eq!(mapped.ip(), bench.external());
        mapped.port()
    })
}

fn mapping(mapping: Dependence, ports: PortAssignment) -> Nat {
    Nat {
        ports,
        ..Nat::new(mapping, Dependence::AddressAndPortDependent)
    }
}

#[test]
fn endpoint_independent_mapping_reuses_the_mapping_for_any_destination() {
    let [server, port, other] = three_mappings(mapping(
        Dependence::EndpointIndependent,
        PortAssignment::Random,
    ));
    assert_eq!([port, other], [server; 2]);
}

#[test]
fn address_dependent_mapping_reuses_the_mapping_for_any_port_of_one_address() {
    let [server, port, other] = three_mappings(mapping(
        Dependence::AddressDependent,
        PortAssignment::Random,
    ));
    assert_eq!(port, server);
    assert_ne!(other, server);
}

#[test]
fn address_and_port_dependent_mapping_reuses_the_mapping_for_one_endpoint_only() {
    let nat = mapping(Dependence::AddressAndPortDependent, PortAssignment::Random);
    let ports: BTreeSet<u16> = three_mappings(nat).into_iter().collect();
    assert_eq!(ports.len(), 3);
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let first = bench.map(bench.mac, 16402, server);
    assert_eq!(bench.map(bench.mac, 16402, server), first);
}

#[test]
fn port_preservation_keeps_the_port_until_another_host_has_it() {
    let mut bench = Bench::new(Nat::port_restricted_cone());
    let server = bench.v4(bench.server, PORT);
    assert_eq!(bench.map(bench.mac, 16402, server).port(), 16402);
    let second = bench.map(bench.neighbour, 16402, server);
    assert_ne!(second.port(), 16402);
    assert!(second.port() >= 1024);
    assert_eq!(second.ip(), bench.external());
    assert_eq!(bench.map(bench.neighbour, 16403, server).port(), 16403);
}

#[test]
fn a_preserved_port_is_free_again_when_its_mapping_has_expired() {
    let mut bench = Bench::new(Nat::port_restricted_cone());
    let server = bench.v4(bench.server, PORT);
    bench.map(bench.mac, 16402, server);
    bench.wait(Duration::from_secs(120));
    assert_eq!(bench.map(bench.neighbour, 16402, server).port(), 16402);
}

#[test]
fn without_overloading_a_mapping_by_destination_keeps_the_port_for_the_first_only() {
    let [server, port, other] = three_mappings(mapping(
        Dependence::AddressAndPortDependent,
        PortAssignment::Preserving,
    ));
    assert_eq!(server, 16402);
    assert!(port != 16402 && other != 16402 && port != other);
}

#[test]
fn with_overloading_it_keeps_the_port_for_all_destinations() {
    assert_eq!(three_mappings(Nat::linux()), [16402; 3]);
}

#[test]
fn overloading_gives_two_hosts_the_same_port_toward_different_destinations_only() {
    let mut bench = Bench::new(Nat::linux());
    let server = bench.v4(bench.server, PORT);
    let other = bench.v4(bench.other_server, PORT);
    let macs = bench.map(bench.mac, 16402, server);
    let neighbours = bench.map(bench.neighbour, 16402, other);
    assert_eq!(macs, neighbours);
    // What comes back finds its way by its source.
    let (mac, neighbour) = ((bench.mac, 16402), (bench.neighbour, 16402));
    assert!(bench.enters(bench.server, PORT, macs, mac));
    assert!(bench.enters(bench.other_server, PORT, macs, neighbour));
    // Toward the same destination there is no sharing.
    assert_ne!(bench.map(bench.neighbour, 16402, server), macs);
}

#[test]
fn on_a_shared_port_a_datagram_belongs_to_the_mapping_made_for_its_source_even_without_a_filter() {
    let mut bench = Bench::new(Nat {
        filtering: Dependence::EndpointIndependent,
        ..Nat::linux()
    });
    let (server, other) = (
        bench.v4(bench.server, PORT),
        bench.v4(bench.other_server, PORT),
    );
    let shared = bench.map(bench.mac, 16402, server);
    assert_eq!(bench.map(bench.neighbour, 16402, other), shared);
    let (mac, neighbour) = ((bench.mac, 16402), (bench.neighbour, 16402));
    assert!(bench.enters(bench.server, PORT, shared, mac));
    assert!(bench.enters(bench.other_server, PORT, shared, neighbour));
}

#[test]
fn shifted_ports_keep_their_distance() {
    let nat = mapping(
        Dependence::EndpointIndependent,
        PortAssignment::Shifted(1000),
    );
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    assert_eq!(bench.map(bench.mac, 16402, server).port(), 17402);
    assert_eq!(bench.map(bench.mac, 16393, server).port(), 17393);
}

#[test]
fn sequential_ports_follow_each_other() {
    let [server, port, other] = three_mappings(mapping(
        Dependence::AddressAndPortDependent,
        PortAssignment::Sequential,
    ));
    assert_eq!([port, other], [server + 1, server + 2]);
}

#[test]
fn random_ports_have_no_order() {
    let nat = mapping(Dependence::EndpointIndependent, PortAssignment::Random);
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let ports: Vec<u16> = (2000..2200)
        .map(|port| bench.map(bench.mac, port, server).port())
        .collect();
    let distinct: BTreeSet<&u16> = ports.iter().collect();
    assert_eq!(distinct.len(), 200);
    assert!(ports.iter().all(|port| *port >= 1024));
    let rises = ports.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((60..140).contains(&rises), "{rises}");
}

#[test]
fn parity_makes_even_ports_even_and_odd_ports_odd() {
    let nat = Nat {
        parity: true,
        ..mapping(Dependence::EndpointIndependent, PortAssignment::Random)
    };
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    for port in 2000..2100 {
        let mapped = bench.map(bench.mac, port, server).port();
        assert_eq!(mapped % 2, port % 2);
    }
}

#[test]
fn a_host_keeps_its_external_address_where_there_are_several() {
    // §4.1, REQ-2: pooling "paired".
    let mut bench = Bench::with_pool(Nat::port_restricted_cone(), 2, 1);
    let server = bench.v4(bench.server, PORT);
    let pool = bench.network.external_addresses(bench.router);
    for port in 2000..2010 {
        assert_eq!(bench.map(bench.mac, port, server).ip(), pool[0]);
        assert_eq!(bench.map(bench.neighbour, port, server).ip(), pool[1]);
    }
    // Each address has ports of its own.
    assert_eq!(bench.map(bench.neighbour, 2000, server).port(), 2000);
}

#[test]
fn a_mapping_lives_for_its_timeout_after_the_last_datagram_out() {
    // §4.3: outbound refresh.
    let nat = mapping(Dependence::EndpointIndependent, PortAssignment::Random);
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let mac = (bench.mac, 16402);
    let mapped = bench.map(bench.mac, 16402, server);
    for _ in 0..5 {
        bench.wait(Duration::from_secs(119));
        assert_eq!(bench.map(bench.mac, 16402, server), mapped);
    }
    bench.wait(Duration::from_millis(119_999));
    assert!(bench.enters(bench.server, PORT, mapped, mac));
    bench.wait(Duration::from_millis(1));
    assert!(!bench.enters(bench.server, PORT, mapped, mac));
    let statistics = bench.network.statistics();
    assert_eq!(statistics.dropped(Dropped::NotMapped), 1);
    assert_ne!(bench.map(bench.mac, 16402, server), mapped);
}

#[test]
fn datagrams_from_outside_keep_a_mapping_alive_only_where_they_count() {
    // §4.3, REQ-6.
    for inbound_refresh in [false, true] {
        let mut bench = Bench::new(Nat {
            inbound_refresh,
            ..Nat::port_restricted_cone()
        });
        let server = bench.v4(bench.server, PORT);
        let mac = (bench.mac, 16402);
        let mapped = bench.map(bench.mac, 16402, server);
        bench.wait(Duration::from_secs(100));
        assert!(bench.enters(bench.server, PORT, mapped, mac));
        bench.wait(Duration::from_secs(100));
        let still = bench.enters(bench.server, PORT, mapped, mac);
        assert_eq!(still, inbound_refresh);
    }
}

#[test]
fn a_mapping_tells_when_it_expires() {
    let mut bench = Bench::new(Nat::full_cone());
    let server = bench.v4(bench.server, PORT);
    let external = bench.map(bench.mac, 16402, server);
    let mappings = bench.network.mappings(bench.router);
    assert_eq!(mappings.len(), 1);
    assert_eq!(mappings[0].internal, bench.v4(bench.mac, 16402));
    assert_eq!(mappings[0].external, external);
    let expires = bench.network.now() + Duration::from_secs(120);
    assert_eq!(mappings[0].expires, expires);
    bench.wait(Duration::from_secs(120));
    assert_eq!(bench.network.mappings(bench.router), []);
}

#[test]
fn when_all_ports_are_taken_datagrams_are_dropped() {
    let mut bench = Bench::new(Nat {
        ports: PortAssignment::Sequential,
        ..Nat::symmetric()
    });
    // The NAT has 64512 ports for mappings: 1024 flows to each of 63 destinations take them all.
    let other = bench.v4(bench.other_server, PORT);
    for port in 0..64512_u32 {
        let mut server = bench.v4(bench.server, PORT);
        server.set_port(u16::try_from(port / 1024 + 1).unwrap());
        let local = u16::try_from(2000 + port % 1024).unwrap();
        bench.map(bench.mac, local, server);
    }
    let local = bench.v4(bench.neighbour, 2000);
    assert_eq!(bench.send(bench.neighbour, local, other), None);
    assert_eq!(bench.network.statistics().dropped(Dropped::NoPort), 1);
    bench.wait(Duration::from_secs(120));
    assert!(bench.send(bench.neighbour, local, other).is_some());
}
