//! Networks that lose datagrams, and routers that forget.

use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::requires_internet;

use super::calls::{Between, Dialect, Network, Scene};

/// A call in which a third of everything that one router passes on is lost, each way.
fn lossy(dialect: Dialect) {
    let internet = Internet::shared();
    for between in [Between::Ours, Between::OursAndMac, Between::MacAndOurs] {
        let homes = [Nat::PortPreserving, Nat::Shifted].map(|nat| internet.home(nat));
        homes[0].lose(30);
        let hosts = [homes[0].host(), homes[1].host()];
        let scene = Scene::new(internet, dialect, hosts)
            .lasting("3")
            .flags("--lossy");
        let call = scene.call(between);
        call.assert_talked_over(Network::Lossy);
        for end in &call.ends {
            assert!(end.lost > 0, "nothing was lost\n{}", call.transcript());
        }
    }
}

#[test]
fn a_third_of_all_datagrams_may_get_lost_in_the_conference_dialect() {
    requires_internet!();
    lossy(Dialect::Conference);
}

#[test]
fn a_third_of_all_datagrams_may_get_lost_in_the_legacy_dialect() {
    requires_internet!();
    lossy(Dialect::Legacy);
}

#[test]
fn a_telephone_that_rings_for_long_is_not_forgotten_by_the_routers() {
    requires_internet!();
    let internet = Internet::shared();
    std::thread::scope(|scope| {
        for dialect in [Dialect::Conference, Dialect::Legacy] {
            scope.spawn(move || {
                // A mapping that was forgotten would come back with another port.
                let homes = [Nat::Shifted; 2].map(|nat| internet.home(nat));
                for home in &homes {
                    home.forget_after(20);
                }
                let hosts = [homes[0].host(), homes[1].host()];
                Scene::new(internet, dialect, hosts)
                    .with("--timeout", "60")
                    .flags("--answer-after 25s --timeout 60")
                    .call(Between::OursAndMac)
                    .assert_talked();
            });
        }
    });
}
