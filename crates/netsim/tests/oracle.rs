//! The oracle against the outcome: two hosts that punch holes, behind every combination of NATs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers may fail the test"
)]

use std::time::{Duration, Instant};

use netsim::oracle::{Obstacle, Verdict, Way};
use netsim::{Dependence, FilterScope, Hairpinning, Nat, PortAssignment, Scenario, punch};

/// Every assignment of external ports.
const PORTS: [(PortAssignment, bool); 6] = [
    (PortAssignment::Preserving, false),
    (PortAssignment::Preserving, true),
    (PortAssignment::Shifted(1111), false),
    (PortAssignment::Shifted(1111), true),
    (PortAssignment::Sequential, false),
    (PortAssignment::Random, false),
];

/// Mapping × filtering.
fn kinds() -> Vec<Nat> {
    Dependence::ALL
        .into_iter()
        .flat_map(|mapping| Dependence::ALL.map(|filtering| Nat::new(mapping, filtering)))
        .collect()
}

/// With random ports.
fn unpredictable(nats: Vec<Nat>) -> Vec<Nat> {
    nats.into_iter()
        .map(|nat| Nat {
            ports: PortAssignment::Random,
            ..nat
        })
        .collect()
}

fn with_ports(nats: Vec<Nat>) -> Vec<Nat> {
    nats.into_iter()
        .flat_map(|nat| {
            PORTS.map(|(ports, overloading)| Nat {
                ports,
                overloading,
                ..nat
            })
        })
        .collect()
}

fn with_hairpinning(nats: Vec<Nat>) -> Vec<Nat> {
    nats.into_iter()
        .flat_map(|nat| Hairpinning::ALL.map(|hairpinning| Nat { hairpinning, ..nat }))
        .collect()
}

fn with_scopes(nats: Vec<Nat>) -> Vec<Nat> {
    nats.into_iter()
        .flat_map(|nat| {
            [FilterScope::Mapping, FilterScope::InternalEndpoint].map(|filter_scope| Nat {
                filter_scope,
                ..nat
            })
        })
        .collect()
}

/// How long both check where nothing is lost, and where much is.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// Lets both try on ideal links, and holds what happened against what the oracle says.
fn check(scenario: &Scenario) -> Verdict {
    let (ideal, _) = PATIENCE;
    check_for(scenario, ideal)
}

fn check_for(scenario: &Scenario, patience: Duration) -> Verdict {
    let stage = scenario.build(Instant::now()).unwrap();
    let outcome = punch(stage, patience).unwrap();
    assert_eq!(
        outcome.is_direct,
        outcome.verdict.is_direct(),
        "direct, and what the oracle says of\n{scenario}\n{}",
        outcome.statistics
    );
    outcome.verdict
}

/// Each with each, without regard to who calls.
fn check_pairs(nats: &[Nat], shared: &[Nat]) -> (u32, u32) {
    let (mut direct, mut relayed) = (0, 0);
    let mut seed = 0;
    for (place, caller) in nats.iter().enumerate() {
        for callee in nats.get(place..).unwrap_or_default() {
            seed += 1;
            if check(&Scenario::of_chains(seed, shared, &[*caller], &[*callee])).is_direct() {
                direct += 1;
            } else {
                relayed += 1;
            }
        }
    }
    (direct, relayed)
}

#[test]
fn every_kind_of_nat_against_every_other_with_all_ports_and_hairpinnings() {
    let nats = with_hairpinning(with_ports(kinds()));
    assert_eq!(nats.len(), 162);
    let (direct, relayed) = check_pairs(&nats, &[]);
    assert_eq!(direct + relayed, 162 * 163 / 2);
    println!("{direct} direct, {relayed} relayed");
}

#[test]
fn whose_contacts_a_filter_goes_by_matters_only_where_the_mapping_depends_on_the_destination() {
    let nats = with_scopes(with_ports(kinds()));
    let (direct, relayed) = check_pairs(&nats, &[]);
    println!("{direct} direct, {relayed} relayed");
}

#[test]
fn a_public_host_connects_to_everyone_and_so_do_two_of_the_same_lan() {
    for nat in with_scopes(with_hairpinning(with_ports(kinds()))) {
        let public = check(&Scenario::of_chains(1, &[], &[], &[nat]));
        assert!(public.is_direct());
        let same_lan = check(&Scenario::of_chains(2, &[nat], &[], &[]));
        assert_eq!(same_lan, Verdict::Direct(Way::SameSegment));
    }
}

#[test]
fn two_homes_behind_one_carrier_depend_on_its_hairpinning() {
    let homes = unpredictable(kinds());
    for carrier in with_hairpinning(unpredictable(kinds())) {
        let (direct, _) = check_pairs(&homes, &[carrier]);
        match carrier.hairpinning {
            Hairpinning::None => assert_eq!(direct, 0, "{carrier}"),
            Hairpinning::InternalSource => assert!(direct > 0, "{carrier}"),
            Hairpinning::ExternalSource => {}
        }
    }
}

#[test]
fn behind_two_shared_nats_the_inner_has_to_hairpin_what_the_outer_only_introduces() {
    let homes = with_scopes(vec![
        Nat::full_cone(),
        Nat::restricted_cone(),
        Nat::port_restricted_cone(),
        Nat {
            filtering: Dependence::EndpointIndependent,
            ..Nat::symmetric()
        },
        Nat::new(
            Dependence::AddressDependent,
            Dependence::EndpointIndependent,
        ),
        Nat::new(Dependence::AddressDependent, Dependence::AddressDependent),
    ]);
    for outer in Hairpinning::ALL {
        for inner in Hairpinning::ALL {
            for kind in kinds() {
                let shared = [
                    Nat {
                        hairpinning: outer,
                        ..Nat::full_cone()
                    },
                    Nat {
                        hairpinning: inner,
                        ..kind
                    },
                ];
                check_pairs(&homes, &shared);
            }
        }
    }
}

#[test]
fn a_nat_behind_a_nat_is_as_strict_as_the_stricter() {
    let kinds = unpredictable(kinds());
    for outer in &kinds {
        for inner in with_scopes(kinds.clone()) {
            for callee in &kinds {
                check(&Scenario::of_chains(3, &[], &[*outer, inner], &[*callee]));
            }
        }
    }
}

#[test]
fn a_host_behind_a_router_within_the_home_of_the_other_always_connects() {
    for home in with_hairpinning(kinds()) {
        for router in unpredictable(kinds()) {
            let verdict = check(&Scenario::of_chains(4, &[home], &[], &[router]));
            assert_eq!(verdict, Verdict::Direct(Way::OwnAddress));
        }
    }
}

#[test]
fn a_home_with_the_prefix_of_the_home_further_out_hides_the_other_host() {
    // RFC 4787 §4.4: callee – router – 10.0.0.0/16 – router – 192.168.1.0/24, where the caller is
    // too, and the callee's own segment is 192.168.1.0/24 again.
    for home in with_hairpinning(kinds()) {
        for router in kinds() {
            let mut scenario = Scenario::of_chains(5, &[home], &[], &[router, Nat::full_cone()]);
            let prefix = "192.168.1.0/24".parse().unwrap();
            scenario.routers[0].prefix = prefix;
            scenario.routers[2].prefix = prefix;
            let verdict = check(&scenario);
            assert_ne!(verdict, Verdict::Direct(Way::OwnAddress));
        }
    }
}

#[test]
fn an_introduction_is_in_vain_where_a_home_further_in_hides_the_address() {
    let shared = Nat {
        hairpinning: Hairpinning::InternalSource,
        ..Nat::full_cone()
    };
    let open = Nat::full_cone();
    let mut scenario = Scenario::of_chains(7, &[shared], &[open], &[open, open]);
    let prefix = "192.168.1.0/24".parse().unwrap();
    scenario.routers[0].prefix = prefix;
    assert_eq!(check(&scenario), Verdict::Direct(Way::Introduction));
    scenario.routers[3].prefix = prefix;
    assert_eq!(check(&scenario), Verdict::Relayed(Obstacle::NoHairpinning));
}

#[test]
fn well_known_pairs_come_out_as_the_literature_says() {
    let verdict =
        |caller: Nat, callee: Nat| check(&Scenario::of_chains(6, &[], &[caller], &[callee]));
    let ports = Verdict::Relayed(Obstacle::UnknownPorts);
    assert_eq!(
        verdict(Nat::port_restricted_cone(), Nat::port_restricted_cone()),
        Verdict::Direct(Way::MappedAddresses)
    );
    assert_eq!(
        verdict(Nat::symmetric(), Nat::restricted_cone()),
        Verdict::Direct(Way::PeerReflexive)
    );
    assert_eq!(
        verdict(Nat::symmetric(), Nat::port_restricted_cone()),
        ports
    );
    assert_eq!(verdict(Nat::symmetric(), Nat::symmetric()), ports);
    assert_eq!(
        verdict(Nat::linux(), Nat::linux()),
        Verdict::Direct(Way::MappedAddresses)
    );
    assert_eq!(
        verdict(Nat::symmetric(), Nat::full_cone()),
        Verdict::Direct(Way::PeerReflexive)
    );
}

#[test]
fn random_scenarios_end_as_the_oracle_says() {
    let seeds: u64 = std::env::var("NETSIM_SEEDS")
        .map(|text| text.parse().unwrap())
        .unwrap_or(500);
    let (mut direct, mut relayed) = (0, 0);
    for seed in 0..seeds {
        let (_, lossy) = PATIENCE;
        if check_for(&Scenario::random(seed), lossy).is_direct() {
            direct += 1;
        } else {
            relayed += 1;
        }
    }
    println!("{direct} direct, {relayed} relayed");
    assert!(direct > seeds / 4, "{direct} of {seeds}");
    assert!(relayed > seeds / 10, "{relayed} of {seeds}");
}
