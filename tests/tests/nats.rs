//! Calls between homes behind NATs, on an internet of our own.

mod calls;
mod direct;
mod ends;
mod ipv6;
mod losses;
mod macs;
mod matrix;
mod moves;
mod relays;
mod sip;

use std::collections::BTreeSet;
use std::process::Command;

use scenarios::coturn::{Coturn, PASSWORD, USER};
use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::{requires, requires_internet};

#[test]
fn the_nats_do_what_their_names_say() {
    requires_internet!();
    let internet = Internet::shared();
    for nat in Nat::ALL {
        let home = internet.home(nat);
        let seen = internet.look_at(home.host(), 16402);
        let ports = seen.sources.map(|source| source.port());
        for source in seen.sources {
            assert_eq!(source.ip(), home.public(), "{nat}: {seen:?}");
        }
        let different: BTreeSet<u16> = ports.into_iter().collect();
        match nat {
            // Random ports may be equal, though hardly ever.
            Nat::Symmetric => assert!(different.len() > 1, "{nat}: {seen:?}"),
            Nat::Shifted => {
                assert_eq!(different.len(), 1, "{nat}: {seen:?}");
                assert!((30000..=30010).contains(&ports[0]), "{nat}: {seen:?}");
            }
            Nat::None | Nat::PortPreserving | Nat::FullCone | Nat::CarrierGrade => {
                assert_eq!(ports, [16402; 3], "{nat}: {seen:?}");
            }
        }
        let filter = if nat.lets_strangers_in() {
            "any"
        } else {
            "port"
        };
        assert_eq!(seen.filter, filter, "{nat}: {seen:?}");
    }
}

#[test]
fn hosts_of_one_home_share_its_address_and_homes_may_have_the_same_addresses_inside() {
    requires_internet!();
    let internet = Internet::shared();
    let home = internet.home_on(Nat::PortPreserving, 2, 1);
    let other = internet.home_on(Nat::PortPreserving, 1, 1);
    let [one, two] = home.hosts() else { panic!() };
    assert_eq!(one.ipv4(), other.host().ipv4());
    let [one, two, three] = [one, two, other.host()].map(|host| {
        let seen = internet.look_at(host, 16402);
        seen.sources[0]
    });
    assert_eq!([one.ip(), two.ip()], [home.public(); 2]);
    assert_eq!(three.ip(), other.public());
    // Whoever comes second does not get the port.
    assert_eq!([one.port(), three.port()], [16402; 2]);
    assert_ne!(two.port(), 16402);
}

#[test]
fn a_home_leaves_nothing_and_its_renumbered_router_shows_another_address() {
    requires_internet!();
    let internet = Internet::shared();
    let home = internet.home(Nat::PortPreserving);
    let before = internet.look_at(home.host(), 16402);
    let public = internet.renumber(&home);
    let after = internet.look_at(home.host(), 16402);
    assert_eq!(before.sources[0].ip(), home.public());
    assert_eq!(after.sources[0].ip(), public);
    let namespaces = || {
        let output = Command::new("ip").args(["netns", "list"]).output();
        String::from_utf8_lossy(&output.expect("ip runs").stdout).into_owned()
    };
    let name = home.host().prefix()[3].to_owned();
    assert!(namespaces().contains(&name));
    drop(home);
    assert!(!namespaces().contains(&name));
}

#[test]
fn the_relay_relays_for_whom_it_knows() {
    requires!("turnserver", "turnutils_uclient");
    let relay = Coturn::own();
    let client = |password: &str| {
        let address = relay.address();
        let port = address.port().to_string();
        Command::new("turnutils_uclient")
            .args(["-y", "-c", "-n", "5", "-m", "1", "-u", USER, "-w", password])
            .args(["-p", &port, &address.ip().to_string()])
            .output()
            .expect("it is installed")
    };
    let output = client(PASSWORD);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", relay.log());
    assert!(
        said.contains("Total lost packets 0"),
        "{said}\n{}",
        relay.log()
    );
    let allocations = relay.allocations();
    assert!(allocations > 0, "{}", relay.log());
    assert!(!client("wrong").status.success(), "{}", relay.log());
    assert_eq!(relay.allocations(), allocations, "{}", relay.log());
}
