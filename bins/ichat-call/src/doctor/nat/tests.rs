use std::time::Duration;

use ichat_ice::gather::ReflectorProtocol;

use super::super::check::Verdict;
use super::super::survey::{Loan, Reflected, Relayed, Sight, Source};
use super::*;
use crate::servers::HostPort;

const HOME: &str = "192.168.1.5:16402";

fn place() -> HostPort {
    HostPort {
        host: "stun.example.org".to_owned(),
        port: 3478,
    }
}

/// Servers and what each saw of a socket.
fn found(local: &str, seen: &[(&str, &str)]) -> Findings {
    let sights = seen
        .iter()
        .map(|(server, mapped)| Sight {
            local: local.parse().unwrap(),
            server: server.parse().unwrap(),
            mapped: mapped
                .parse()
                .ok()
                .map(|mapped| (mapped, Duration::from_millis(20))),
        })
        .collect();
    let mut findings = Findings::default();
    findings.reflected.push(Reflected {
        place: place(),
        protocol: ReflectorProtocol::Stun,
        source: Source::Option,
        of_relay: false,
        sights: Ok(sights),
    });
    findings
}

fn verdict(findings: &Findings) -> (Verdict, String) {
    let check = check(findings);
    let mapping = check
        .details
        .get("mapping")
        .and_then(|value| value.as_str());
    (check.verdict, mapping.unwrap_or_default().to_owned())
}

#[test]
fn each_kind_of_nat_is_told_for_what_it_is() {
    for (local, seen, expected, mapping) in [
        (
            HOME,
            &[
                ("198.51.100.1:5678", "203.0.113.9:16402"),
                ("198.51.100.2:3478", "203.0.113.9:16402"),
            ][..],
            Verdict::Ok,
            "independent",
        ),
        (
            HOME,
            &[
                ("198.51.100.1:5678", "203.0.113.9:4711"),
                ("198.51.100.2:3478", "203.0.113.9:4711"),
            ],
            Verdict::Ok,
            "independent",
        ),
        (
            HOME,
            &[
                ("198.51.100.1:5678", "203.0.113.9:4711"),
                ("198.51.100.2:3478", "203.0.113.9:4712"),
            ],
            Verdict::Problem,
            "dependent",
        ),
        (
            HOME,
            &[("198.51.100.1:5678", "203.0.113.9:16402")],
            Verdict::Warning,
            "translated",
        ),
        (
            HOME,
            &[("192.168.1.1:5678", HOME)],
            Verdict::Warning,
            "none",
        ),
        (
            "203.0.113.9:16402",
            &[("198.51.100.1:5678", "203.0.113.9:16402")],
            Verdict::Ok,
            "none",
        ),
        // The one at home knows nothing of the router.
        (
            HOME,
            &[
                ("192.168.1.1:5678", HOME),
                ("198.51.100.2:3478", "203.0.113.9:16402"),
            ],
            Verdict::Warning,
            "translated",
        ),
        (HOME, &[("198.51.100.1:5678", "")], Verdict::Skipped, ""),
    ] {
        assert_eq!(
            verdict(&found(local, seen)),
            (expected, mapping.to_owned()),
            "{seen:?}"
        );
    }
    assert_eq!(verdict(&Findings::default()).0, Verdict::Skipped);
}

#[test]
fn a_relay_makes_the_worst_nat_bearable() {
    let seen = [
        ("198.51.100.1:1", "203.0.113.9:4711"),
        ("198.51.100.2:1", "203.0.113.9:4712"),
    ];
    let mut findings = found(HOME, &seen);
    findings.relayed.push(Relayed {
        place: place(),
        source: Source::Option,
        outcome: Ok(Loan {
            relayed: "198.51.100.2:50000".parse().ok(),
            failure: None,
            permitted: Some(true),
            returned: true,
        }),
    });
    assert_eq!(
        verdict(&findings),
        (Verdict::Warning, "dependent".to_owned())
    );
}

#[test]
fn a_carriers_nat_and_servers_at_one_address_are_told() {
    let shared = found(
        "100.70.1.2:16402",
        &[
            ("198.51.100.1:1", "203.0.113.9:16402"),
            ("198.51.100.1:2", "203.0.113.9:16402"),
        ],
    );
    let check = check(&shared);
    assert!(
        check
            .advice
            .is_some_and(|advice| advice.contains("100.64.0.0/10"))
    );
    assert!(
        check.message.contains("share an address"),
        "{}",
        check.message
    );
}
