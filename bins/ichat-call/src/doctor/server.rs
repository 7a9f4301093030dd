//! The account's server: how far we come, and what it offers.

mod trail;

use std::time::Duration;

use ichat_xmpp::client::{Timing, connect_watched, reach};
use ichat_xmpp::extdisco::ExternalService;

use super::account::Account;
use super::check::{Check, Topic};
use super::features;
use super::old_macs;
use super::report::Report;
use trail::Trail;

/// How long the way to the server's features may take, and the log-in after it.
const CONNECT: Duration = Duration::from_secs(6);
const SIGN_IN: Duration = Duration::from_millis(3500);
const CLOSE: Duration = Duration::from_millis(300);

/// What is looked at on the way in, in this order.
const WAY: [Topic; 4] = [
    Topic::ServerAddress,
    Topic::Connection,
    Topic::Tls,
    Topic::SignIn,
];

/// What else needs a server.
const REST: [Topic; 6] = [
    Topic::ContactList,
    Topic::StreamManagement,
    Topic::Loop,
    Topic::ServerRelays,
    Topic::OldMacTls,
    Topic::OldMacPassword,
];

/// Looks at the server; returns the services that it tells of.
pub(super) async fn look(
    account: Option<Account>,
    report: &mut Report<'_>,
) -> Vec<ExternalService> {
    let Some(account) = account else {
        let topics = WAY.into_iter().chain(REST);
        report.extend(topics.map(|topic| Check::skipped(topic, "without an account")));
        return Vec::new();
    };
    let timing = Timing {
        connect: CONNECT,
        sign_in: SIGN_IN,
        close: CLOSE,
        ..Timing::default()
    };
    let mut trail = Trail::new(&account);
    let config = (*account.config).clone();
    let outcome = if account.has_password {
        let watch = &mut |step| trail.note(step);
        connect_watched(config, timing, watch).await.map(Some)
    } else {
        let watch = &mut |step| trail.note(step);
        reach(&config, timing, watch).await.map(|()| None)
    };
    trail.end();
    report.extend(trail.checks(&outcome));
    let old_tls = tokio::spawn(old_macs::tls(
        trail.door(),
        account.config.jid.domain().as_str().to_owned(),
    ));
    let services = match outcome {
        Ok(Some(connection)) => {
            let (checks, services) = features::look(connection).await;
            report.extend(checks);
            services
        }
        Ok(None) | Err(_) => {
            let topics = REST.into_iter().take(4);
            report.extend(topics.map(|topic| Check::skipped(topic, "without a sign-in")));
            Vec::new()
        }
    };
    report.extend(old_tls.await.ok());
    report.add(old_macs::password(
        trail.mechanisms.as_deref(),
        trail.wants_tls,
    ));
    services
}

/// Milliseconds with one digit behind the point.
pub(super) fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// `0.4 ms`, `38 ms`.
pub(super) fn milliseconds(duration: Duration) -> String {
    let number = duration.as_secs_f64() * 1000.0;
    if number < 10.0 {
        format!("{number:.1} ms")
    } else {
        format!("{number:.0} ms")
    }
}
