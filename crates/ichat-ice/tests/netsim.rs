//! Whole gathering and checks of two peers over networks in memory.
//!
//! What has to come out says the oracle of `netsim`. A failure of a seeded run prints its seed:
//! `ICHAT_ICE_SEED=N cargo test -p ichat-ice --test netsim seeded -- --nocapture` repeats that run
//! alone, tells its story and captures it to `target/tmp/ichat-ice-seed-N.pcap`. Many more:
//! `cargo test --release -p ichat-ice --test netsim -- --ignored --nocapture ten_thousand`, from the
//! seed `ICHAT_ICE_FIRST` on, `ICHAT_ICE_SEEDS` of them.
#![allow(dead_code, reason = "what a report holds is for whoever replays a run")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]
#![allow(unreachable_pub, reason = "shared by files of this test")]

#[path = "netsim/call.rs"]
mod call;
#[path = "netsim/matrix.rs"]
mod matrix;
#[path = "netsim/peer.rs"]
mod peer;
#[path = "netsim/plan.rs"]
mod plan;
#[path = "netsim/pool.rs"]
mod pool;
#[path = "netsim/relay.rs"]
mod relay;
#[path = "netsim/run.rs"]
mod run;
#[path = "netsim/second_path.rs"]
mod second_path;
#[allow(dead_code, reason = "only its answers to Binding requests are used")]
#[path = "support/turn.rs"]
mod turn;

use ichat_ice::PathKind;
use matrix::{ALL_PORTS, SOME_PORTS, behaviours, check, classic, pairs};
use matrix::{with_hairpinning, with_ports};
use netsim::{Dependence, Nat, Scenario};
use plan::Plan;
use second_path::Loss;
use std::time::Duration;

/// Seeds in an ordinary test.
const SEEDS: u64 = 500;

fn from_env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}

#[test]
fn seeded_calls_connect_wherever_that_is_possible() {
    match from_env("ICHAT_ICE_SEED") {
        Some(seed) => match run::random(seed, true) {
            Ok(report) => println!("{report:#?}"),
            Err(story) => panic!("{story}"),
        },
        None => {
            let all = pool::run_all(0..SEEDS, |seed| run::random(seed, false));
            assert!(all.direct() > 0 && all.relayed() > 0 && all.unconnected() > 0);
        }
    }
}

#[test]
#[ignore = "a command of its own"]
fn ten_thousand_seeded_calls() {
    let first = from_env("ICHAT_ICE_FIRST").unwrap_or(0);
    let count = from_env("ICHAT_ICE_SEEDS").unwrap_or(10_000);
    pool::run_all(first..first + count, |seed| run::random(seed, false));
}

#[test]
fn every_kind_of_nat_against_every_other_connects_directly_where_the_oracle_says_so() {
    let all = check(&pairs(&with_ports(&behaviours(), &SOME_PORTS), &[]), false);
    assert_eq!((all.direct() + all.unconnected(), all.relayed()), (666, 0));
    assert!(all.unconnected() > 0);
}

#[test]
fn with_turn_every_kind_connects_to_every_other_and_over_a_relay_only_where_it_must() {
    let all = check(&pairs(&with_ports(&behaviours(), &SOME_PORTS), &[]), true);
    assert_eq!((all.unconnected(), all.needlessly_relayed()), (0, 0));
    assert!(all.relayed() > 0);
}

#[test]
#[ignore = "as the two before, with all assignments of ports"]
fn every_kind_of_nat_with_all_assignments_of_ports() {
    let scenarios = pairs(&with_ports(&behaviours(), &ALL_PORTS), &[]);
    check(&scenarios, false);
    assert_eq!(check(&scenarios, true).unconnected(), 0);
}

#[test]
fn a_public_host_connects_to_everyone_and_so_do_two_of_the_same_lan() {
    let nats = with_ports(&behaviours(), &ALL_PORTS);
    let places = nats.iter().zip(0..).flat_map(|(nat, seed)| {
        [
            Scenario::of_chains(seed, &[], &[], &[*nat]),
            Scenario::of_chains(seed, &[], &[*nat], &[]),
            Scenario::of_chains(seed, &[*nat], &[], &[]),
        ]
    });
    let all = check(&Vec::from_iter(places), false);
    assert_eq!(all.unconnected(), 0);
}

#[test]
fn two_homes_behind_one_carrier_connect_where_it_hairpins_and_over_a_relay_where_not() {
    for has_relay in [false, true] {
        for carrier in with_hairpinning(&classic()) {
            let all = check(&pairs(&classic(), &[carrier]), has_relay);
            assert_eq!(all.unconnected() > 0, !has_relay && all.direct() < 10);
            assert_eq!(all.needlessly_relayed(), 0);
        }
    }
}

#[test]
fn a_nat_behind_a_nat_is_no_worse_than_the_stricter_of_the_two() {
    let nats = classic();
    let chains = |callee: &[Nat]| {
        let each = |outer: &Nat| {
            nats.iter()
                .map(|inner| [*outer, *inner])
                .collect::<Vec<_>>()
        };
        let chains: Vec<[Nat; 2]> = nats.iter().flat_map(each).collect();
        let scenario = |chain: &[Nat; 2]| Scenario::of_chains(7, &[], chain, callee);
        chains.iter().map(scenario).collect::<Vec<_>>()
    };
    for callee in &nats {
        assert_eq!(check(&chains(&[*callee]), false).relayed(), 0);
        assert_eq!(check(&chains(&[*callee]), true).unconnected(), 0);
    }
}

#[test]
fn two_nats_that_map_by_port_are_not_chased_without_end_and_do_not_hold_up_a_relay() {
    // Each check back comes from one more port.
    let nat = Nat {
        filtering: Dependence::EndpointIndependent,
        ..Nat::symmetric()
    };
    let scenario = Scenario::of_chains(1, &[], &[nat], &[nat]);
    let without = run::run(&scenario, &Plan::quiet(1, false), false).unwrap();
    assert_eq!(without.took, None);
    assert!(
        without.virtual_time < Duration::from_secs(40),
        "{without:?}"
    );
    assert!(without.checks < 1000, "{without:?}");
    assert!(without.busiest_second < 150, "{without:?}");
    let with = run::run(&scenario, &Plan::quiet(1, true), false).unwrap();
    assert_eq!(with.kinds, [Some(PathKind::Relay); 2]);
    assert!(with.took < Some(Duration::from_secs(2)), "{with:?}");
}

#[test]
fn where_there_is_a_second_path_no_side_misses_half_a_second_when_the_first_is_lost() {
    for loss in [Loss::Told, Loss::Silent] {
        let runs = 0..300;
        let gaps: Vec<_> = runs
            .filter_map(|seed| second_path::run(seed, loss))
            .collect();
        println!(
            "{loss:?}: longest gap {:?} in {} runs",
            gaps.iter().max(),
            gaps.len()
        );
        assert!(gaps.len() > 100, "second paths in {} runs only", gaps.len());
    }
}
