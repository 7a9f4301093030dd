//! The way to the server, step by step.

use std::time::{Duration, Instant};

use ichat_xmpp::client::{
    ConnectError, Connection, Origin, ServerHost, Stage, Step, TlsInfo, TlsMode, Trust,
};

use super::{milliseconds, rounded};
use crate::doctor::account::{Account, trust_name};
use crate::doctor::check::{Check, Topic};
use crate::doctor::old_macs::Door;

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
pub(super) struct Trail {
    last: Instant,
    pub(super) wants_tls: bool,
    trust: Trust,
    found: Option<(Vec<ServerHost>, Origin)>,
    connected: Option<Reached<Door>>,
    secured: Option<Reached<TlsInfo>>,
    pub(super) mechanisms: Option<Vec<String>>,
    mechanism: Option<&'static str>,
    /// From the last step to the end.
    over: Duration,
}

impl Trail {
    pub(super) fn new(account: &Account) -> Self {
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

    pub(super) fn note(&mut self, step: Step) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        match step {
            Step::Found { hosts, origin } => self.found = Some((hosts, origin)),
            Step::Connected { address, direct } => {
                let what = Door { address, direct };
                self.connected = Some(Reached { what, took });
                self.secured = None;
            }
            Step::Secured(what) => self.secured = Some(Reached { what, took }),
            Step::Offered { mechanisms } => self.mechanisms = Some(mechanisms),
            Step::LoggedIn { mechanism } => self.mechanism = Some(mechanism),
        }
    }

    /// There is nothing beyond the last step.
    pub(super) fn end(&mut self) {
        self.over = self.last.elapsed();
    }

    /// Where the server was reached.
    pub(super) fn door(&self) -> Option<Door> {
        self.connected.as_ref().map(|connected| connected.what)
    }

    /// One check for each part of the way: those behind us, the one that failed, and the rest.
    pub(super) fn checks(&self, outcome: &Result<Option<Connection>, ConnectError>) -> Vec<Check> {
        let stuck = outcome
            .as_ref()
            .err()
            .map(|error| (self.place(error), error));
        let connection = outcome.as_ref().ok().and_then(Option::as_ref);
        let way = [
            (Topic::ServerAddress, self.address()),
            (Topic::Connection, self.connection()),
            (Topic::Tls, self.tls()),
            (Topic::SignIn, Some(self.sign_in(connection))),
        ];
        let mut beyond = false;
        let mut checks = Vec::new();
        for (topic, reached) in way {
            checks.push(match (stuck, reached) {
                (Some((place, error)), _) if place == topic => {
                    beyond = true;
                    failed(topic, error)
                }
                (_, Some(check)) if !beyond => check,
                _ => Check::skipped(topic, "not reached"),
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
        let stage = if let ConnectError::TimedOut { stage, .. }
        | ConnectError::Lost { stage, .. }
        | ConnectError::Unexpected { stage, .. } = error
        {
            Some(*stage)
        } else {
            None
        };
        if stage == Some(Stage::Handshake) {
            Topic::Tls
        } else {
            Topic::Connection
        }
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
        let Door { address, direct } = connected.what;
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
                .with("trust", trust_name(&self.trust))
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
