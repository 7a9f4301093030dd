//! Ours call ours through a real relay.

use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::{requires, requires_internet};

use super::calls::{Between, Dialect, Network, Scene};

#[test]
fn two_symmetric_nats_are_overcome_by_the_relay_that_the_server_offers() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    let before = internet.relay().allocations();
    let homes = [0; 2].map(|_| internet.home(Nat::Symmetric));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Conference, hosts)
        .relayed()
        .call(Between::Ours)
        .assert_talked()
        .assert_kind(&["relay"]);
    assert!(
        internet.relay().allocations() > before,
        "{}",
        internet.relay().log()
    );
}

#[test]
fn a_relay_of_one_side_is_enough() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    let homes = [Nat::Symmetric, Nat::PortPreserving].map(|nat| internet.home(nat));
    let hosts = [homes[0].host(), homes[1].host()];
    Scene::new(internet, Dialect::Conference, hosts)
        .relayed_by(internet.relay_with_users())
        .call(Between::Ours)
        .assert_talked()
        .assert_kind(&["relay"]);
}

#[test]
fn our_relay_serves_a_mac_that_knows_of_none() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    for between in [Between::OursAndMac, Between::MacAndOurs] {
        let homes = [0; 2].map(|_| internet.home(Nat::Symmetric));
        let hosts = [homes[0].host(), homes[1].host()];
        Scene::new(internet, Dialect::Conference, hosts)
            .relayed_by(internet.relay_with_users())
            .call(between)
            .assert_talked()
            .assert_kind(&["relay"]);
    }
}

#[test]
fn who_gets_another_address_in_a_relayed_call_is_relayed_anew() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    let relay = internet.relay_with_users();
    for moved in [0, 1] {
        let homes = [0; 2].map(|_| internet.home(Nat::Symmetric));
        let hosts = [homes[0].host(), homes[1].host()];
        let scene = Scene::new(internet, Dialect::Conference, hosts).lasting("8");
        let call = scene.relayed_by(relay).call_and(Between::Ours, |caller| {
            caller.wait_for("connected");
            caller.wait_a_second();
            homes[moved].change_address();
        });
        call.assert_talked_over(Network::Interrupted)
            .assert_kind(&["relay"]);
        for end in &call.ends {
            assert!(end.heard_seconds() > 4.0, "{}", call.transcript());
        }
    }
}
