//! What a NAT lets in, and what becomes of datagrams to its own address: RFC 4787 §5, §6.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test's helpers may fail the test, and not every test uses all of them"
)]

mod support;

use std::time::Duration;

use netsim::{Dependence, Dropped, FilterScope, Hairpinning, Nat, PortAssignment};
use support::{Bench, OTHER_PORT, PORT};

/// Whether the server that was sent to, another port of it, and another server get in.
fn who_enters(nat: Nat) -> [bool; 3] {
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let mapped = bench.map(bench.mac, 16402, server);
    let mac = (bench.mac, 16402);
    [
        (bench.server, PORT),
        (bench.server, OTHER_PORT),
        (bench.other_server, PORT),
    ]
    .map(|(host, port)| bench.enters(host, port, mapped, mac))
}

#[test]
fn endpoint_independent_filtering_lets_everybody_in() {
    assert_eq!(who_enters(Nat::full_cone()), [true, true, true]);
}

#[test]
fn address_dependent_filtering_lets_any_port_of_a_contact_in() {
    assert_eq!(who_enters(Nat::restricted_cone()), [true, true, false]);
}

#[test]
fn address_and_port_dependent_filtering_lets_only_contacts_in() {
    let nat = Nat::port_restricted_cone();
    assert_eq!(who_enters(nat), [true, false, false]);
}

#[test]
fn without_a_mapping_nobody_gets_in() {
    let mut bench = Bench::new(Nat::full_cone());
    let mut nowhere = bench.v4(bench.server, 16402);
    nowhere.set_ip(bench.external());
    assert!(!bench.enters(bench.server, PORT, nowhere, (bench.mac, 16402)));
    assert_eq!(bench.network.statistics().dropped(Dropped::NotMapped), 1);
}

#[test]
fn a_permission_lives_for_the_timeout_even_if_the_mapping_lives_longer() {
    let mut bench = Bench::new(Nat::port_restricted_cone());
    let (server, other) = (
        bench.v4(bench.server, PORT),
        bench.v4(bench.other_server, PORT),
    );
    let mac = (bench.mac, 16402);
    let mapped = bench.map(bench.mac, 16402, server);
    bench.wait(Duration::from_secs(100));
    assert_eq!(bench.map(bench.mac, 16402, other), mapped);
    bench.wait(Duration::from_secs(100));
    assert!(!bench.enters(bench.server, PORT, mapped, mac));
    assert!(bench.enters(bench.other_server, PORT, mapped, mac));
    assert_eq!(bench.network.statistics().dropped(Dropped::Filtered), 1);
}

#[test]
fn the_letter_of_the_rfc_counts_contacts_of_the_internal_endpoint() {
    // Mapping by address, filtering by address: the other server was sent to from another mapping.
    for (filter_scope, enters) in [
        (FilterScope::Mapping, false),
        (FilterScope::InternalEndpoint, true),
    ] {
        let mut bench = Bench::new(Nat {
            filter_scope,
            ports: PortAssignment::Random,
            ..Nat::new(Dependence::AddressDependent, Dependence::AddressDependent)
        });
        let (server, other) = (
            bench.v4(bench.server, PORT),
            bench.v4(bench.other_server, PORT),
        );
        let mapped = bench.map(bench.mac, 16402, server);
        assert_ne!(bench.map(bench.mac, 16402, other), mapped);
        let mac = (bench.mac, 16402);
        assert_eq!(bench.enters(bench.other_server, PORT, mapped, mac), enters);
        assert!(bench.enters(bench.server, PORT, mapped, mac));
    }
}

#[test]
fn contacts_of_another_internal_endpoint_do_not_count() {
    let mut bench = Bench::new(Nat {
        filter_scope: FilterScope::InternalEndpoint,
        ..Nat::restricted_cone()
    });
    let (server, other) = (
        bench.v4(bench.server, PORT),
        bench.v4(bench.other_server, PORT),
    );
    let mapped = bench.map(bench.mac, 16402, server);
    bench.map(bench.mac, 16403, other);
    bench.map(bench.neighbour, 16402, other);
    let mac = (bench.mac, 16402);
    assert!(!bench.enters(bench.other_server, PORT, mapped, mac));
}

/// A datagram of the neighbour's to the mac's mapping; which source the mac sees.
fn hairpin(nat: Nat, permit: bool) -> (Bench, Option<std::net::SocketAddr>) {
    let mut bench = Bench::new(nat);
    let server = bench.v4(bench.server, PORT);
    let macs = bench.map(bench.mac, 16402, server);
    let neighbours = bench.map(bench.neighbour, 16403, server);
    if permit {
        let local = bench.v4(bench.mac, 16402);
        bench.send(bench.mac, local, neighbours);
    }
    let local = bench.v4(bench.neighbour, 16403);
    let seen = bench.send(bench.neighbour, local, macs).map(|delivery| {
        assert_eq!(delivery.host, bench.mac);
        assert_eq!(delivery.local, bench.v4(bench.mac, 16402));
        delivery.remote
    });
    (bench, seen)
}

#[test]
fn without_hairpinning_nothing_comes_back() {
    let (bench, seen) = hairpin(Nat::full_cone(), false);
    assert_eq!(seen, None);
    assert_eq!(bench.network.statistics().dropped(Dropped::NoHairpin), 1);
}

#[test]
fn hairpinning_with_external_source_shows_the_mapped_address() {
    // §6, REQ-9
    let nat = Nat {
        hairpinning: Hairpinning::ExternalSource,
        ..Nat::full_cone()
    };
    let (bench, seen) = hairpin(nat, false);
    let seen = seen.unwrap();
    assert_eq!(seen.ip(), bench.external());
    assert_eq!(seen.port(), 16403);
}

#[test]
fn hairpinning_with_external_source_goes_through_the_filter() {
    let nat = Nat {
        hairpinning: Hairpinning::ExternalSource,
        ..Nat::port_restricted_cone()
    };
    let (_, seen) = hairpin(nat, false);
    assert_eq!(seen, None);
    let (bench, seen) = hairpin(nat, true);
    assert_eq!(seen.unwrap().ip(), bench.external());
}

#[test]
fn hairpinning_with_internal_source_shows_the_internal_address() {
    let nat = Nat {
        hairpinning: Hairpinning::InternalSource,
        ..Nat::port_restricted_cone()
    };
    let (bench, seen) = hairpin(nat, false);
    assert_eq!(seen, Some(bench.v4(bench.neighbour, 16403)));
}

#[test]
fn a_hairpin_to_a_port_without_mapping_leads_nowhere() {
    for hairpinning in [Hairpinning::InternalSource, Hairpinning::ExternalSource] {
        let mut bench = Bench::new(Nat {
            hairpinning,
            ..Nat::full_cone()
        });
        let local = bench.v4(bench.mac, 16402);
        let mut nowhere = local;
        nowhere.set_ip(bench.external());
        nowhere.set_port(9);
        assert_eq!(bench.send(bench.mac, local, nowhere), None);
        assert_eq!(bench.network.statistics().dropped(Dropped::NotMapped), 1);
    }
}
