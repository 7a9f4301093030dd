//! Ours call ours without a relay.

use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::{requires, requires_internet};

use super::calls::{Between, Call, Dialect, Scene};

/// A call in the conference dialect between two homes with such NATs.
fn between(caller: Nat, callee: Nat) -> Call {
    let internet = Internet::shared();
    let homes = [caller, callee].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Conference, hosts).call(Between::Ours)
}

const REFLEXIVE: &[&str] = &["srflx", "prflx"];

#[test]
fn homes_whose_nats_keep_the_port_talk_directly() {
    requires_internet!();
    between(Nat::PortPreserving, Nat::PortPreserving)
        .assert_talked()
        .assert_kind(REFLEXIVE);
}

#[test]
fn a_nat_that_shifts_ports_is_no_hindrance_to_the_conference_dialect() {
    requires_internet!();
    between(Nat::Shifted, Nat::PortPreserving)
        .assert_talked()
        .assert_kind(REFLEXIVE);
}

#[test]
fn behind_a_symmetric_nat_one_reaches_whoever_is_open_and_is_reached_from_there() {
    requires_internet!();
    for (caller, callee) in [(Nat::Symmetric, Nat::FullCone), (Nat::None, Nat::Symmetric)] {
        between(caller, callee)
            .assert_talked()
            .assert_kind(REFLEXIVE);
    }
}

#[test]
fn behind_a_carrier_s_nat_one_still_talks_to_a_home() {
    requires_internet!();
    between(Nat::CarrierGrade, Nat::PortPreserving)
        .assert_talked()
        .assert_kind(REFLEXIVE);
}

#[test]
fn hosts_of_one_home_do_not_leave_it() {
    requires_internet!();
    let internet = Internet::shared();
    let home = internet.home_on(Nat::Symmetric, 2, 1);
    let [one, two] = home.hosts() else { panic!() };
    for dialect in [Dialect::Conference, Dialect::Legacy] {
        let call = Scene::new(internet, dialect, [one, two]).call(Between::Ours);
        let kind = if dialect == Dialect::Legacy {
            "direct"
        } else {
            "host"
        };
        call.assert_talked().assert_kind(&[kind]);
        for (end, host) in call.ends.iter().zip([two, one]) {
            let ours = end.ours.as_ref().unwrap();
            let remote = ours.last("path")["remote"].as_str().unwrap().to_owned();
            let address = format!("{}:", host.ipv4());
            assert!(
                remote.starts_with(&address),
                "{remote}\n{}",
                call.transcript()
            );
        }
    }
}

#[test]
fn two_homes_with_the_same_addresses_inside_talk_in_either_dialect() {
    requires_internet!();
    let internet = Internet::shared();
    for dialect in [Dialect::Conference, Dialect::Legacy] {
        let homes = [0; 2].map(|_| internet.home_on(Nat::PortPreserving, 1, 1));
        let hosts = [homes[0].host(), homes[1].host()];
        assert_eq!(hosts[0].ipv4(), hosts[1].ipv4());
        Scene::new(internet, dialect, hosts)
            .call(Between::Ours)
            .assert_talked();
    }
}

#[test]
fn a_standard_stun_server_serves_as_well() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    let homes = [Nat::PortPreserving, Nat::Shifted].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Conference, hosts)
        .unreflected()
        .with("--stun", internet.relay().address().to_string())
        .call(Between::Ours)
        .assert_talked()
        .assert_kind(REFLEXIVE);
}

#[test]
fn where_no_direct_way_is_possible_the_caller_is_told_so_and_what_helps() {
    requires_internet!();
    let call = between(Nat::Symmetric, Nat::PortPreserving);
    assert!(call.came_to_nothing(), "{}", call.transcript());
    let [caller, callee] = &call.ends;
    let caller = caller.ours.as_ref().unwrap();
    caller.assert_reason("unreachable");
    let warning = caller.last("warning");
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains("--turn"), "{}", call.transcript());
    let callee = callee.ours.as_ref().unwrap();
    assert_ne!(callee.status, 0, "{}", call.transcript());
}

#[test]
fn a_relay_that_is_offered_is_not_used_where_a_direct_way_is() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    internet.relay();
    let homes = [Nat::PortPreserving, Nat::Shifted].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Conference, hosts)
        .relayed()
        .call(Between::Ours)
        .assert_talked()
        .assert_kind(REFLEXIVE);
}

#[test]
fn hosts_with_two_interfaces_talk_in_either_dialect() {
    requires_internet!();
    let internet = Internet::shared();
    for dialect in [Dialect::Conference, Dialect::Legacy] {
        let homes = [Nat::PortPreserving, Nat::Shifted].map(|nat| internet.home(nat));
        for home in &homes {
            home.plug_second();
        }
        let hosts = [homes[0].host(), homes[1].host()];
        Scene::new(internet, dialect, hosts)
            .call(Between::Ours)
            .assert_talked();
    }
}
