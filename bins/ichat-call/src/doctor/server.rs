//! The account's server: how far we come, and what it offers.

use std::time::{Duration, Instant};

use ichat_xmpp::client::{
    ConnectError, Connection, Origin, ServerHost, Stage, Step, Timing, TlsInfo, TlsMode, Trust,
    connect_watched, reach,
};
use ichat_xmpp::extdisco::ExternalService;

use super::account::Account;
use super::check::{Check, Topic};
use super::features;
use super::old_macs;
use super::report::Report;

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
    trail.over = trail.last.elapsed();
    report.extend(trail.checks(&outcome));
    let old_tls = tokio::spawn(old_macs::tls(
        trail.connected.map(|connected| connected.what),
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

/// Something that was reached, and how long that took.
#[derive(Debug, Clone, Copy)]
struct Reached<T> {
    what: T,
    took: Duration,
}

impl<T> Reached<T> {
    fn milliseconds(&self) -> f64 {
        rounded(self.took)
    }
}

/// How far we came.
#[derive(Debug)]
struct Trail {
    last: Instant,
    wants_tls: bool,
    trust: Trust,
    found: Option<(Vec<ServerHost>, Origin)>,
    connected: Option<Reached<old_macs::Door>>,
    secured: Option<Reached<TlsInfo>>,
    mechanisms: Option<Vec<String>>,
    mechanism: Option<&'static str>,
    /// From the last step to the end.
    over: Duration,
}

impl Trail {
    fn new(account: &Account) -> Self {
        Self {
            last: Instant::now(),
            wants_tls: account.config.tls == TlsMode::Required,
            trust: account.config.trust.clone(),
            found: None,
            connected: None,
            secured: None,
            mechanisms: None,
            mechanism: None,
            over: Duration::ZERO,
        }
    }

    fn note(&mut self, step: Step) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        match step {
            Step::Found { hosts, origin } => self.found = Some((hosts, origin)),
            Step::Connected { address, direct } => {
                let what = old_macs::Door { address, direct };
                self.connected = Some(Reached { what, took });
                self.secured = None;
            }
            Step::Secured(what) => self.secured = Some(Reached { what, took }),
            Step::Offered { mechanisms } => self.mechanisms = Some(mechanisms),
            Step::LoggedIn { mechanism } => self.mechanism = Some(mechanism),
        }
    }

    /// One check for each part of the way: those behind us, the one that failed, and the rest.
    fn checks(&self, outcome: &Result<Option<Connection>, ConnectError>) -> Vec<Check> {
        let stuck = outcome
            .as_ref()
            .err()
            .map(|error| (self.place(error), error));
        let mut beyond = false;
        let mut checks = Vec::new();
        for topic in WAY {
            checks.push(match stuck {
                Some((place, error)) if place == topic => {
                    beyond = true;
                    failed(topic, error)
                }
                _ if beyond => Check::skipped(topic, "not reached"),
                _ => self.reached(topic, outcome),
            });
        }
        checks
    }

    /// At which part of the way an error happened.
    fn place(&self, error: &ConnectError) -> Topic {
        if error.code() == "auth-failed" {
            return Topic::SignIn;
        }
        if error.code() == "tls-failed" {
            return Topic::Tls;
        }
        if matches!(
            error,
            ConnectError::Resolve { .. } | ConnectError::NoService { .. }
        ) || self.found.is_none()
        {
            return Topic::ServerAddress;
        }
        if self.mechanisms.is_some() {
            return Topic::SignIn;
        }
        let stage = match error {
            ConnectError::TimedOut { stage, .. }
            | ConnectError::Lost { stage, .. }
            | ConnectError::Unexpected { stage, .. } => Some(*stage),
            _ => None,
        };
        if stage == Some(Stage::Handshake) {
            Topic::Tls
        } else {
            Topic::Connection
        }
    }

    fn reached(&self, topic: Topic, outcome: &Result<Option<Connection>, ConnectError>) -> Check {
        let check = match topic {
            Topic::ServerAddress => self.address(),
            Topic::Connection => self.connection(),
            Topic::Tls => self.tls(),
            _ => Some(self.sign_in(outcome.as_ref().ok().and_then(Option::as_ref))),
        };
        check.unwrap_or_else(|| Check::skipped(topic, "not reached"))
    }

    fn address(&self) -> Option<Check> {
        let (hosts, origin) = self.found.as_ref()?;
        let names: Vec<String> = hosts
            .iter()
            .map(|server| format!("{}:{}", server.host, server.port))
            .collect();
        let list = names.join(", ");
        let (message, origin) = match origin {
            Origin::Configured => (format!("{list}, as --server says"), "server"),
            Origin::Records => (format!("{list}, as the domain's SRV records say"), "srv"),
            Origin::Domain => (
                format!("{list}: the domain itself, since it has no SRV record"),
                "domain",
            ),
        };
        Some(
            Check::ok(Topic::ServerAddress, message)
                .with("hosts", names)
                .with("origin", origin),
        )
    }

    fn connection(&self) -> Option<Check> {
        let connected = self.connected.as_ref()?;
        let old_macs::Door { address, direct } = connected.what;
        let how = if direct { ", with TLS at once" } else { "" };
        let took = milliseconds(connected.took);
        Some(
            Check::ok(
                Topic::Connection,
                format!("{address} answers in {took}{how}"),
            )
            .with("address", address.to_string())
            .with("direct_tls", direct)
            .with("ms", connected.milliseconds()),
        )
    }

    fn tls(&self) -> Option<Check> {
        if !self.wants_tls {
            let check = Check::warning(
                Topic::Tls,
                "switched off: everybody on the way can read along",
            );
            return Some(check.advise("leave out --tls off, unless the server is on this machine"));
        }
        let secured = self.secured.as_ref()?;
        let TlsInfo {
            version,
            cipher,
            pin,
        } = &secured.what;
        let belief = match &self.trust {
            Trust::System => "the certificate is one that this system trusts",
            Trust::CaFile(_) => "the certificate is one of the authority of --ca",
            Trust::Pin(_) => "the key is that of --pin",
        };
        let took = milliseconds(secured.took);
        Some(
            Check::ok(Topic::Tls, format!("{version} in {took}; {belief}"))
                .with("version", version.as_str())
                .with("cipher", cipher.as_str())
                .with("pin", hex::encode(pin))
                .with("trust", super::account::trust_name(&self.trust))
                .with("ms", secured.milliseconds()),
        )
    }

    fn sign_in(&self, connection: Option<&Connection>) -> Check {
        let (Some(connection), Some(mechanism)) = (connection, self.mechanism) else {
            return Check::skipped(Topic::SignIn, "without a password");
        };
        let bound = mechanism.ends_with("-PLUS");
        let jid = connection.jid().to_string();
        let check = if mechanism == "PLAIN" {
            let message = format!("as {jid}, with PLAIN: the server was shown the password");
            Check::warning(Topic::SignIn, message)
                .advise("it offers nothing better; take a server with SCRAM if you can")
        } else {
            let channel = match (bound, self.wants_tls) {
                (true, _) => ", bound to the TLS channel",
                (false, true) => ", not bound to the TLS channel",
                (false, false) => "",
            };
            Check::ok(
                Topic::SignIn,
                format!("as {jid}, with {mechanism}{channel}"),
            )
        };
        check
            .with("jid", jid)
            .with("mechanism", mechanism)
            .with("channel_bound", bound)
            .with("offered", self.mechanisms.clone())
            .with("bind_ms", rounded(self.over))
    }
}

fn failed(topic: Topic, error: &ConnectError) -> Check {
    let check = Check::failed(topic, &error.to_string()).with("code", error.code());
    let is_rejected =
        matches!(error, ConnectError::Rejected { condition, .. } if condition == "not-authorized");
    if is_rejected {
        check.advise(
            "type the password again (--password-file, ICHAT_CALL_PASSWORD), and look at --jid",
        )
    } else {
        check
    }
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
