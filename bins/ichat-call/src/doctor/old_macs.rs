//! Whether Macs of iChat's time can sign in at the account's server (docs/protocol/field.md, 1
//! and 2).

use std::net::SocketAddr;

use super::check::{Check, Topic};
use super::old_tls::{self, Answer, ProbeError};

/// Where it is told how to let them in.
const GUIDE: &str = "old Macs need a server of their own: docs/guides/a-server-for-old-macs.md";

/// The mechanisms that programs of that time have; which an iChat picks is unknown
/// (docs/protocol/field.md, 2).
const OLD_MECHANISMS: [&str; 2] = ["DIGEST-MD5", "PLAIN"];

/// The way that we came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// TLS begins at once.
    pub(super) direct: bool,
}

/// Whether the server takes TLS 1.0 there.
pub(super) async fn tls(door: Option<Door>, domain: String) -> Check {
    let topic = Topic::OldMacTls;
    let Some(door) = door else {
        return Check::skipped(topic, "not reached");
    };
    match old_tls::probe(door.address, &domain, door.direct).await {
        Ok(Answer::Spoken { suite }) => Check::ok(
            topic,
            "old Macs can sign in here: the server speaks TLS 1.0 with an RSA certificate",
        )
        .with("tls_1_0", true)
        .with("suite", format!("{suite:#06x}")),
        Ok(Answer::NoCommonSuite) => Check::warning(
            topic,
            "old Macs cannot sign in here: the server has no cipher suite of their time, or no RSA \
             certificate",
        )
        .advise(GUIDE)
        .with("tls_1_0", false),
        Ok(Answer::TooOld { alert }) => Check::warning(
            topic,
            "old Macs cannot sign in here: the server does not speak TLS 1.0",
        )
        .advise(GUIDE)
        .with("tls_1_0", false)
        .with("alert", alert),
        Err(ProbeError::NotOffered) => {
            Check::skipped(topic, "the server offers no TLS on this connection")
        }
        Err(error) => Check::warning(
            topic,
            format!("it could not be found out whether the server speaks TLS 1.0: {error}"),
        ),
    }
}

/// Whether the server takes passwords as they gave them.
pub(super) fn password(offered: Option<&[String]>, under_tls: bool) -> Check {
    let topic = Topic::OldMacPassword;
    let Some(offered) = offered else {
        return Check::skipped(topic, "not reached");
    };
    let found: Vec<&str> = OLD_MECHANISMS
        .into_iter()
        .filter(|name| offered.iter().any(|offer| offer == name))
        .collect();
    let place = if under_tls {
        "under TLS"
    } else {
        "without TLS"
    };
    let check = if found.is_empty() {
        Check::warning(
            topic,
            format!("neither PLAIN nor DIGEST-MD5 is offered {place}: an iChat may find no way in"),
        )
        .advise(GUIDE)
    } else {
        let list = found.join(" and ");
        let verb = if found.len() > 1 { "are" } else { "is" };
        Check::ok(topic, format!("{list} {verb} offered {place}"))
    };
    check.with("offered", offered.to_vec())
}
