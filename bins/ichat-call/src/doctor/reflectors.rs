//! What SNATMAP and STUN servers said.

use ichat_ice::gather::ReflectorProtocol;
use serde_json::{Value, json};

use super::check::{Check, Topic};
use super::server::{milliseconds, rounded};
use super::survey::{Findings, Reflected, Sight, Source};

/// One check for each server of this kind; one that says that there is none.
pub(super) fn checks(findings: &Findings, protocol: ReflectorProtocol) -> Vec<Check> {
    let topic = match protocol {
        ReflectorProtocol::Snatmap => Topic::Snatmap,
        ReflectorProtocol::Stun => Topic::Stun,
    };
    let asked = findings.reflected.iter();
    let checks: Vec<Check> = asked
        .filter(|asked| asked.protocol == protocol && !asked.of_relay)
        .map(|asked| check(topic, asked))
        .collect();
    if checks.is_empty() {
        vec![Check::skipped(topic, "no server was named")]
    } else {
        checks
    }
}

fn check(topic: Topic, asked: &Reflected) -> Check {
    let place = asked.place.to_string();
    let sights = match &asked.sights {
        Ok(sights) => sights,
        Err(why) => {
            let check = Check::problem(topic, format!("{place} was not asked: {why}"));
            return check
                .advise("check its name, and the network")
                .with("server", place);
        }
    };
    let seen: Vec<String> = sights
        .iter()
        .filter_map(|sight| Some((sight, sight.mapped?)))
        .map(|(sight, (mapped, took))| {
            let took = milliseconds(took);
            format!("{} as {mapped} ({took})", sight.local)
        })
        .collect();
    let check = if seen.is_empty() {
        Check::problem(topic, format!("{place} does not answer")).advise(match asked.source {
            Source::Option => {
                "check host and port, and whether a firewall lets UDP through to it and back"
            }
            Source::Server => "tell the owner of your XMPP server, which names it",
        })
    } else {
        Check::ok(topic, format!("{place} sees {}", seen.join(", ")))
    };
    check
        .with("server", place)
        .with("answers", sights.iter().map(answer).collect::<Vec<Value>>())
}

fn answer(sight: &Sight) -> Value {
    json!({
        "local": sight.local.to_string(),
        "address": sight.server.to_string(),
        "mapped": sight.mapped.map(|(mapped, _)| mapped.to_string()),
        "ms": sight.mapped.map(|(_, took)| rounded(took)),
    })
}
