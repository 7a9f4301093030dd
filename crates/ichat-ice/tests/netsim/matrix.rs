//! Every kind of NAT against every other, on ideal links.

use netsim::{Dependence, FilterScope, Hairpinning, Nat, PortAssignment, Scenario};

use super::plan::Plan;
use super::pool::{Summary, run_all};
use super::run;

/// How external ports are assigned, and whether they are overloaded.
pub const ALL_PORTS: [(PortAssignment, bool); 6] = [
    (PortAssignment::Preserving, false),
    (PortAssignment::Preserving, true),
    (PortAssignment::Shifted(1111), false),
    (PortAssignment::Shifted(1111), true),
    (PortAssignment::Sequential, false),
    (PortAssignment::Random, false),
];

/// The most different ones.
pub const SOME_PORTS: [(PortAssignment, bool); 3] = [
    (PortAssignment::Preserving, false),
    (PortAssignment::Shifted(1111), true),
    (PortAssignment::Random, false),
];

/// Mapping × filtering × whose contacts a filter goes by, where that matters.
pub fn behaviours() -> Vec<Nat> {
    let mut nats = Vec::new();
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            let nat = Nat::new(mapping, filtering);
            nats.push(Nat {
                filter_scope: FilterScope::Mapping,
                ..nat
            });
            if filtering == Dependence::AddressDependent {
                nats.push(Nat {
                    filter_scope: FilterScope::InternalEndpoint,
                    ..nat
                });
            }
        }
    }
    nats
}

pub fn with_ports(nats: &[Nat], ports: &[(PortAssignment, bool)]) -> Vec<Nat> {
    let assigned = |nat: &Nat| {
        let nat = *nat;
        ports.iter().map(move |(ports, overloading)| Nat {
            ports: *ports,
            overloading: *overloading,
            ..nat
        })
    };
    nats.iter().flat_map(assigned).collect()
}

pub fn with_hairpinning(nats: &[Nat]) -> Vec<Nat> {
    let hairpinning = |nat: &Nat| {
        let nat = *nat;
        Hairpinning::ALL.map(|hairpinning| Nat { hairpinning, ..nat })
    };
    nats.iter().flat_map(hairpinning).collect()
}

/// The four names of RFC 3489 §5.
pub fn classic() -> Vec<Nat> {
    vec![
        Nat::full_cone(),
        Nat::restricted_cone(),
        Nat::port_restricted_cone(),
        Nat::symmetric(),
    ]
}

/// Each with each, without regard to who calls.
pub fn pairs(nats: &[Nat], shared: &[Nat]) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (place, caller) in nats.iter().enumerate() {
        for callee in &nats[place..] {
            let seed = scenarios.len() as u64;
            scenarios.push(Scenario::of_chains(seed, shared, &[*caller], &[*callee]));
        }
    }
    scenarios
}

/// Runs all of them.
pub fn check(scenarios: &[Scenario], has_relay: bool) -> Summary {
    run_all(0..scenarios.len() as u64, |number| {
        let scenario = &scenarios[usize::try_from(number).unwrap()];
        run::run(scenario, &Plan::quiet(number, has_relay), false)
    })
}
