//! Scenarios: printed, drawn, disturbed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use netsim::oracle::{Obstacle, Verdict, Way};
use netsim::{Access, Change, Link, Nat, Scenario, punch};

#[test]
fn a_scenario_prints_as_a_tree() {
    let mut scenario = Scenario::of_chains(
        7,
        &[Nat::carrier_grade()],
        &[Nat::port_restricted_cone()],
        &[],
    );
    scenario.caller.attachments[0].access = Access::symmetric(Link {
        duplicated: 0.01,
        ..Link::with_delay(Duration::from_millis(20))
    });
    assert_eq!(
        scenario.to_string(),
        "\
scenario 7: caller's port 16402, callee's port 16402
Direct(OwnAddress)
internet
  host reflector 203.0.113.3 2001:db8:ffff::2
  host relay 203.0.113.4 2001:db8:ffff::3
  router 0 203.0.113.2; NAT EIM/ADF, random ports, hairpins, 120 s
    inside 0 10.1.0.0/16
      host callee 10.1.0.3
      router 1 10.1.0.2; NAT EIM/APDF, port preserving, 120 s
        inside 1 10.2.0.0/16
          host caller 10.2.0.2 (20+0 ms, 1.0 % duplicated)
"
    );
}

#[test]
fn the_same_seed_draws_the_same_scenario_and_others_draw_others() {
    let plans: BTreeSet<String> = (0..200)
        .map(|seed| {
            let scenario = Scenario::random(seed);
            assert_eq!(scenario, Scenario::random(seed));
            format!("{scenario:?}")
        })
        .collect();
    assert_eq!(plans.len(), 200);
}

#[test]
fn random_scenarios_can_all_be_built_and_are_of_every_kind() {
    let mut verdicts = Vec::new();
    for seed in 0..3000 {
        let stage = Scenario::random(seed).build(Instant::now()).unwrap();
        let verdict = stage.verdict();
        if !verdicts.contains(&verdict) {
            verdicts.push(verdict);
        }
    }
    for way in [
        Way::SameSegment,
        Way::Ipv6,
        Way::OwnAddress,
        Way::MappedAddresses,
        Way::PeerReflexive,
        Way::Hairpin,
        Way::Introduction,
    ] {
        assert!(verdicts.contains(&Verdict::Direct(way)), "{way:?}");
    }
    for obstacle in [Obstacle::UnknownPorts, Obstacle::NoHairpinning] {
        let verdict = Verdict::Relayed(obstacle);
        assert!(verdicts.contains(&verdict), "{obstacle:?}");
    }
}

#[test]
fn a_plan_that_cannot_be_built_says_so() {
    let mut scenario = Scenario::new(1);
    scenario.caller.attachments[0].router = Some(3);
    assert!(scenario.build(Instant::now()).is_err());
    assert!(scenario.to_string().contains("cannot be built"));
}

#[test]
fn disturbances_are_of_every_kind_and_repeat_with_their_seed() {
    let mut kinds = BTreeSet::new();
    for seed in 0..200 {
        let scenario = Scenario::of_chains(seed, &[], &[Nat::linux()], &[Nat::linux()]);
        let start = Instant::now();
        let mut stage = scenario.build(start).unwrap();
        let at = start + Duration::from_secs(5);
        let changes = stage.disturb(at, seed);
        assert_eq!(scenario.build(start).unwrap().disturb(at, seed), changes);
        for (when, change) in &changes {
            assert!((at..at + Duration::from_secs(2)).contains(when));
            kinds.insert(match change {
                Change::AddressGone { .. } => "address gone",
                Change::Join { .. } => "join",
                Change::Move { .. } => "move",
                Change::Link { .. } => "link",
                Change::Access { .. } => "access",
                Change::RouterLink { .. } => "router link",
                Change::Reboot { .. } => "reboot",
                Change::Renumber { .. } => "renumber",
            });
        }
        // All of it can really happen.
        stage.network.handle_timeout(at + Duration::from_secs(2));
        while let Some(event) = stage.network.poll_event() {
            assert!(
                !matches!(event, netsim::Event::ChangeRefused(_)),
                "{event:?}"
            );
        }
    }
    let expected = ["address gone", "join", "link", "move", "reboot", "renumber"];
    assert!(kinds.iter().eq(expected.iter()), "{kinds:?}");
}

#[test]
fn after_a_disturbance_the_oracle_looks_at_the_network_as_it_is_then() {
    let scenario = Scenario::of_chains(1, &[], &[Nat::symmetric()], &[Nat::symmetric()]);
    let mut stage = scenario.build(Instant::now()).unwrap();
    assert!(!stage.verdict().is_direct());
    let interface = stage.network.interfaces(stage.caller)[0];
    let change = Change::Move {
        interface,
        to: netsim::Network::INTERNET,
        families: netsim::Families::V4,
    };
    stage.network.apply(change).unwrap();
    assert!(stage.verdict().is_direct());
    let outcome = punch(stage, Duration::from_secs(2)).unwrap();
    assert!(outcome.is_direct);
}

#[test]
fn a_hole_is_punched_in_one_round_trip() {
    let delay = Duration::from_millis(30);
    let mut scenario = Scenario::of_chains(1, &[], &[Nat::linux()], &[Nat::linux()]);
    for router in &mut scenario.routers {
        router.access = Access::symmetric(Link::with_delay(delay));
    }
    let stage = scenario.build(Instant::now()).unwrap();
    let outcome = punch(stage, Duration::from_secs(2)).unwrap();
    // Each check crosses both links, and its answer does.
    assert_eq!(outcome.took, delay * 4);
}
