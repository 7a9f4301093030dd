//! What kind of NAT is in the way, and what that means for calls with a Mac.

use std::net::{IpAddr, SocketAddr};

use ichat_ice::gather::{Mapping, NatReport, Sighting, assess};
use serde_json::json;

use super::check::{Check, Topic};
use super::survey::Findings;

/// What all reflectors together say.
pub(super) fn check(findings: &Findings) -> Check {
    let seen: Vec<(SocketAddr, Sighting)> = findings
        .reflected
        .iter()
        .filter_map(|asked| asked.sights.as_ref().ok())
        .flatten()
        .filter_map(|sight| {
            let (mapped, _) = sight.mapped?;
            let server = sight.server;
            Some((sight.local, Sighting { server, mapped }))
        })
        .collect();
    let Some(local) = most_seen(&seen) else {
        return if findings.reflected.is_empty() {
            Check::skipped(Topic::Nat, "unknown: no server was named that could tell").advise(
                "name one outside this network: --stun HOST, or --snatmap HOST; two tell more than \
                 one",
            )
        } else {
            Check::skipped(Topic::Nat, "unknown: no server answered")
        };
    };
    let sightings = beyond(local, &seen);
    let report = assess(local, &sightings);
    let has_relay = findings
        .relayed
        .iter()
        .filter_map(|asked| asked.outcome.as_ref().ok())
        .any(|loan| loan.relayed.is_some());
    words(local, &sightings, &report, has_relay)
        .with("local", local.to_string())
        .with("mapping", name(report.mapping))
        .with("port_kept", json!(report.keeps_port))
        .with("carrier_grade", report.carrier_grade)
        .with(
            "mapped",
            report
                .mapped
                .iter()
                .map(SocketAddr::to_string)
                .collect::<Vec<String>>(),
        )
}

/// The socket that most servers saw; of equals one of IPv4, which Macs have.
fn most_seen(seen: &[(SocketAddr, Sighting)]) -> Option<SocketAddr> {
    let count = |socket: SocketAddr| seen.iter().filter(|(local, _)| *local == socket).count();
    seen.iter()
        .map(|(local, _)| *local)
        .max_by_key(|local| (local.is_ipv4(), count(*local)))
}

/// What was seen of a socket from outside. A server on our own network sees the private address,
/// and knows nothing of the router: it counts only if there is no other.
fn beyond(local: SocketAddr, seen: &[(SocketAddr, Sighting)]) -> Vec<Sighting> {
    let all = seen.iter().filter(|(socket, _)| *socket == local);
    let all: Vec<Sighting> = all.map(|(_, sighting)| *sighting).collect();
    let outside: Vec<Sighting> = all
        .iter()
        .copied()
        .filter(|sighting| sighting.mapped != local || !is_private(local.ip()))
        .collect();
    if outside.is_empty() { all } else { outside }
}

fn words(local: SocketAddr, sightings: &[Sighting], report: &NatReport, has_relay: bool) -> Check {
    let topic = Topic::Nat;
    let shown: Vec<String> = report.mapped.iter().map(SocketAddr::to_string).collect();
    let shown = shown.join(" and ");
    let kept = report.keeps_port == Some(true);
    let check = match report.mapping {
        Mapping::Unknown => Check::skipped(topic, "unknown: no server answered"),
        Mapping::None if is_private(local.ip()) => Check::warning(
            topic,
            "unknown: the servers that were asked are on our own network, and see no router",
        )
        .advise(
            "for calls beyond this network, ask a server outside: --stun HOST or --snatmap HOST",
        ),
        Mapping::None => Check::ok(
            topic,
            format!(
                "none: everybody sees {shown}. Calls work both ways; a Mac behind a NAT of its own \
                 that has no SNATMAP has to be the one who calls"
            ),
        ),
        Mapping::Translated => Check::warning(
            topic,
            format!(
                "one, which shows {shown}{}. One server cannot tell whether others see the same",
                port_words(kept)
            ),
        )
        .advise("name a second server: --stun HOST"),
        Mapping::Independent => Check::ok(
            topic,
            format!(
                "one that shows everybody {shown}{}. Calls work with Macs that use SNATMAP behind \
                 such a NAT too, or have none{}{}",
                port_words(kept),
                if kept {
                    ""
                } else {
                    "; an iChat in our place would not be reached"
                },
                if at_one_address(sightings) {
                    ". (The servers that were asked share an address: a NAT that goes by address \
                     looks the same)"
                } else {
                    ""
                }
            ),
        ),
        Mapping::Dependent if has_relay => Check::warning(
            topic,
            format!(
                "one that shows each server another address ({shown}): direct calls work only with \
                 Macs that everybody can reach, all others go through the relay"
            ),
        ),
        Mapping::Dependent => Check::problem(
            topic,
            format!(
                "one that shows each server another address ({shown}): calls work only with Macs \
                 that everybody can reach"
            ),
        )
        .advise(
            "use a relay (--turn), or another network; some routers have a setting for it (full \
             cone, or no \"symmetric\" NAT)",
        ),
    };
    if !report.carrier_grade || check.advice.is_some() {
        return check;
    }
    check.advise(
        "the provider has a NAT too (100.64.0.0/10): forwarding a port in your router will not \
         help; have a relay (--turn) for calls that find no way",
    )
}

fn port_words(kept: bool) -> &'static str {
    if kept {
        ", with our own port, as iChat needs it"
    } else {
        ", with another port than ours"
    }
}

fn at_one_address(sightings: &[Sighting]) -> bool {
    let mut hosts = sightings.iter().map(|sighting| sighting.server.ip());
    let first = hosts.next();
    hosts.all(|host| Some(host) == first)
}

fn name(mapping: Mapping) -> &'static str {
    match mapping {
        Mapping::Unknown => "unknown",
        Mapping::None => "none",
        Mapping::Translated => "translated",
        Mapping::Independent => "independent",
        Mapping::Dependent => "dependent",
    }
}

/// Whether an address means something on one network, or at one provider, only.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
