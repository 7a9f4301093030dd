//! What TURN servers said.

use ichat_ice::RelayFailure;
use serde_json::json;

use super::check::{Check, Topic};
use super::survey::{Findings, Loan, Relayed, Source};

/// One check for each relay; one that says that there is none.
pub(super) fn checks(findings: &Findings) -> Vec<Check> {
    if findings.relayed.is_empty() {
        return vec![Check::skipped(Topic::Turn, "no server was named")];
    }
    findings.relayed.iter().map(check).collect()
}

fn check(asked: &Relayed) -> Check {
    let place = asked.place.to_string();
    let check = match &asked.outcome {
        Err(why) => Check::problem(Topic::Turn, format!("{place} was not asked: {why}"))
            .advise("give it as --turn turn:USER@HOST[:PORT], with --turn-password-file FILE"),
        Ok(loan) => told(&place, asked.source, loan).with("permitted", loan.permitted),
    };
    let loan = asked.outcome.as_ref().ok();
    let relayed = loan.and_then(|loan| loan.relayed);
    check
        .with("server", place)
        .with("relayed", json!(relayed.map(|address| address.to_string())))
        .with("returned", loan.is_some_and(|loan| loan.returned))
}

fn told(place: &str, source: Source, loan: &Loan) -> Check {
    let topic = Topic::Turn;
    let owner = match source {
        Source::Option => "check host, port, user name and password of --turn",
        Source::Server => "tell the owner of your XMPP server, which names it",
    };
    if let Some(failure) = loan.failure {
        let why = match failure {
            RelayFailure::NoAnswer => "does not answer".to_owned(),
            RelayFailure::Unauthorized => "refuses user name or password".to_owned(),
            RelayFailure::Refused(code) => format!("lends no address (error {code})"),
            RelayFailure::Expired => "took the address back at once".to_owned(),
        };
        return Check::problem(topic, format!("{place} {why}")).advise(owner);
    }
    let Some(relayed) = loan.relayed else {
        return Check::problem(topic, format!("{place} does not answer")).advise(owner);
    };
    match loan.permitted {
        Some(true) if loan.returned => Check::ok(
            topic,
            format!("{place} lends {relayed}; what we sent through it came back"),
        ),
        Some(true) => Check::ok(
            topic,
            format!("{place} lends {relayed} and relays to our address"),
        ),
        Some(false) => Check::warning(
            topic,
            format!("{place} lends {relayed}, but refuses to relay to our address"),
        )
        .advise(
            "relays often refuse private addresses; those of Macs elsewhere may be let through",
        ),
        None => Check::warning(
            topic,
            format!("{place} lends {relayed}, but does not say whether it relays"),
        )
        .advise(owner),
    }
}
