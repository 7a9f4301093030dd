//! Ours and the stand-in for an iChat, in both roles, each behind a NAT.

use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::requires_internet;

use super::calls::{Between, Call, Dialect, Scene};

/// Between two homes with such NATs, with these flags for the stand-in.
fn call(dialect: Dialect, between: Between, nats: [Nat; 2], flags: &str) -> Call {
    let internet = Internet::shared();
    let homes = nats.map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, dialect, hosts)
        .flags(flags)
        .call(between)
}

/// In both roles, between homes whose NATs keep the port.
fn both_ways(flags: &str) {
    for between in [Between::OursAndMac, Between::MacAndOurs] {
        let nats = [Nat::PortPreserving; 2];
        let call = call(Dialect::Conference, between, nats, flags);
        call.assert_talked();
        let mac = call.ends.iter().find_map(|end| end.mac.as_ref()).unwrap();
        mac.assert_dialect("conference").assert_checked_path();
    }
}

#[test]
fn two_stand_ins_find_each_other() {
    requires_internet!();
    let flags = "--no-wait-for-rtp --peer-ichat";
    for nats in [
        [Nat::PortPreserving, Nat::CarrierGrade],
        [Nat::FullCone, Nat::Symmetric],
    ] {
        call(Dialect::Conference, Between::Macs, nats, flags).assert_talked();
    }
}

#[test]
fn an_intel_mac_at_home_calls_and_is_called() {
    requires_internet!();
    both_ways("");
}

#[test]
fn a_powerpc_mac_whose_checks_have_no_cookie_calls_and_is_called() {
    requires_internet!();
    both_ways("--powerpc --no-cookie");
}

#[test]
fn a_rewritten_address_a_dead_one_and_unknown_attributes_are_overcome() {
    requires_internet!();
    both_ways("--tamper-guard --dead-candidate --extra-attributes");
}

#[test]
fn checks_that_overtake_the_acceptance_do_no_harm() {
    requires_internet!();
    both_ways("--early-checks");
}

#[test]
fn a_third_of_the_checks_may_get_lost() {
    requires_internet!();
    both_ways("--drop-percent 30 --seed 7");
}

#[test]
fn a_mac_behind_a_symmetric_nat_and_one_of_ours_that_is_open_find_each_other() {
    requires_internet!();
    let nats = [Nat::Symmetric, Nat::FullCone];
    call(Dialect::Conference, Between::MacAndOurs, nats, "").assert_talked();
    let nats = [Nat::None, Nat::Symmetric];
    call(Dialect::Conference, Between::OursAndMac, nats, "").assert_talked();
}

#[test]
fn an_older_mac_at_home_calls_and_is_called_through_pinholes() {
    requires_internet!();
    for between in [Between::OursAndMac, Between::MacAndOurs] {
        for nats in [
            [Nat::PortPreserving; 2],
            [Nat::Shifted, Nat::PortPreserving],
        ] {
            let call = call(Dialect::Legacy, between, nats, "");
            call.assert_talked().assert_kind(&["direct"]);
            let mac = call.ends.iter().find_map(|end| end.mac.as_ref()).unwrap();
            mac.assert_dialect("legacy");
        }
    }
}

#[test]
fn the_pinhole_of_an_older_mac_behind_a_symmetric_nat_shows_us_where_it_is() {
    requires_internet!();
    let nats = [Nat::FullCone, Nat::Symmetric];
    call(Dialect::Legacy, Between::OursAndMac, nats, "").assert_talked();
}

#[test]
fn a_mac_that_knows_no_reflector_is_found_by_its_pinholes() {
    requires_internet!();
    let internet = Internet::shared();
    let homes = [Nat::FullCone, Nat::Shifted].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Legacy, hosts)
        .with_an_unreflected_mac()
        .flags("--behind-nat")
        .call(Between::OursAndMac)
        .assert_talked();
}
