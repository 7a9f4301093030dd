//! The doctor behind NATs of the system's own, with a real XMPP server and a real relay outside.

use scenarios::coturn::{PASSWORD, USER};
use scenarios::ichat_call::{Finished, text};
use scenarios::internet::Internet;
use scenarios::nat::{Home, Nat};
use scenarios::prosody::RELAYED;
use scenarios::{requires, requires_internet};
use serde_json::json;

use super::{assert_results, check, doctor, examined};

/// Two STUN servers are asked: the relay that the XMPP server tells of, and one that is named.
fn seen_from(internet: &Internet, home: &Home) -> Finished {
    let account = internet.prosody().account_at(RELAYED, "amy");
    internet.relay();
    let stun = internet.relay_with_users().address();
    let we = doctor().unset("--bind").unset("--port");
    let we = we.account(&account).flag("--insecure").on(home.host());
    examined(we.set("--stun", stun.to_string()))
}

#[test]
fn every_kind_of_nat_is_told_for_what_it_is() {
    requires_internet!();
    requires!("prosody", "turnserver");
    let internet = Internet::shared();
    for nat in Nat::ALL {
        let home = internet.home(nat);
        let we = seen_from(internet, &home);
        assert_results(
            &we,
            &[
                ("sign-in", "ok"),
                ("server-relays", "ok"),
                ("udp-port", "ok"),
                ("turn", "ok"),
            ],
        );
        let found = check(&we, "nat");
        let (result, mapping) = match nat {
            Nat::None => ("ok", "none"),
            Nat::Symmetric => ("warning", "dependent"),
            Nat::PortPreserving | Nat::Shifted | Nat::FullCone | Nat::CarrierGrade => {
                ("ok", "independent")
            }
        };
        assert_eq!(found["result"], result, "{nat}\n{}", we.transcript);
        assert_eq!(
            found["details"]["mapping"], mapping,
            "{nat}\n{}",
            we.transcript
        );
        let kept = found["details"]["port_kept"].as_bool();
        assert_eq!(kept, Some(nat.keeps_port()), "{nat}\n{}", we.transcript);
        for mapped in found["details"]["mapped"].as_array().expect("a list") {
            let mapped = mapped.as_str().expect("an address");
            let prefix = format!("{}:", home.public());
            assert!(mapped.starts_with(&prefix), "{nat}: {mapped}");
        }
        // What is sent through the relay comes back only where strangers are let in.
        let turn = &check(&we, "turn")["details"];
        assert_eq!(turn["permitted"], json!(true), "{nat}: {turn}");
        assert_eq!(
            turn["returned"],
            json!(nat.lets_strangers_in()),
            "{nat}: {turn}"
        );
    }
}

#[test]
fn without_a_relay_a_nat_that_goes_by_destination_is_a_problem() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    let home = internet.home(Nat::Symmetric);
    let (one, two) = (internet.relay(), internet.relay_with_users());
    let we = || {
        let we = doctor().unset("--bind").on(home.host());
        let we = we.set("--stun", one.address().to_string());
        we.add("--stun", two.address().to_string())
    };
    let examined_without = examined(we());
    let nat = check(&examined_without, "nat");
    assert_eq!(nat["result"], "problem", "{nat}");
    assert!(text(nat, "advice").contains("--turn"), "{nat}");
    let relay = format!("turn:{USER}:{PASSWORD}@{}", two.address());
    let with = examined(we().set("--turn", relay));
    assert_results(&with, &[("turn", "ok"), ("nat", "warning")]);
}
