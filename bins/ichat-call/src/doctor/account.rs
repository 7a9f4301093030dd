//! The account: which one, and whether its password can be had.

use ichat_xmpp::client::{ConnectConfig, TlsMode, Trust};

use super::check::{Check, Topic};
use crate::cli::AccountArgs;
use crate::failure::Failure;
use crate::settings::{PASSWORD_VARIABLE, password, server_without_password, trace};

/// The longest user part with which a real iChat took our calls: from a longer one it answered 603
/// (docs/protocol/xmpp.md, ringing \[G\]).
const LONGEST_USER: usize = 10;

/// An account to look at.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) config: Box<ConnectConfig>,
    /// Whether there is a password to sign in with.
    pub(super) has_password: bool,
}

/// Looks at what is given; an account that cannot sign in still shows its server.
pub(super) fn look(args: &AccountArgs) -> (Vec<Check>, Option<Account>) {
    let Some(jid) = &args.jid else {
        let check = Check::skipped(Topic::Account, "none is given").advise(
            "give --jid me@example.org, set ICHAT_CALL_JID, or put jid = \"…\" into the \
             configuration file; calls on the local network (--lan) and plain SIP calls need none",
        );
        return (vec![check], None);
    };
    let mut checks = Vec::new();
    let trace = trace(args).unwrap_or_else(|failure| {
        checks.push(Check::failed(Topic::Account, &failure.message));
        None
    });
    let mut config = match server_without_password(args, trace) {
        Ok(config) => config,
        Err(failure) => {
            checks.push(Check::failed(Topic::Account, &failure.message));
            return (checks, None);
        }
    };
    let given = password(args, jid);
    checks.push(with_password(args, &config, given.as_ref().err()));
    let has_password = given.is_ok();
    config.password = given.unwrap_or_default();
    let account = Account {
        config,
        has_password,
    };
    (checks, Some(account))
}

fn with_password(args: &AccountArgs, config: &ConnectConfig, failure: Option<&Failure>) -> Check {
    let source = match (&args.password_file, std::env::var_os(PASSWORD_VARIABLE)) {
        (Some(path), _) => format!("from {}", path.display()),
        (None, Some(_)) => format!("from {PASSWORD_VARIABLE}"),
        (None, None) => "as you typed it".to_owned(),
    };
    let jid = &config.jid;
    let user = jid.node().map_or(0, |node| node.as_str().chars().count());
    let check = match failure {
        Some(failure) => match failure.message.split_once(": give ") {
            Some((what, advice)) => Check::problem(Topic::Account, format!("{jid}: {what}"))
                .advise(format!("give {advice}")),
            None => Check::problem(Topic::Account, format!("{jid}: {}", failure.message)),
        },
        None if user > LONGEST_USER => Check::warning(
            Topic::Account,
            format!("{jid}, with a password {source}; its user part has {user} characters"),
        )
        .advise(format!(
            "a real iChat refused callers whose user part was longer than {LONGEST_USER} \
             characters: take a shorter name if Macs decline at once"
        )),
        None => Check::ok(Topic::Account, format!("{jid}, with a password {source}")),
    };
    check
        .with("jid", jid.to_string())
        .with("password", failure.is_none().then_some(source))
        .with("resource", config.resource.clone())
        .with("tls", config.tls == TlsMode::Required)
        .with("trust", trust_name(&config.trust))
}

/// Whose certificates are believed.
pub(super) fn trust_name(trust: &Trust) -> &'static str {
    match trust {
        Trust::System => "system",
        Trust::CaFile(_) => "ca",
        Trust::Pin(_) => "pin",
    }
}
