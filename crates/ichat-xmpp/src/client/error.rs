//! Why there is no connection, or no longer one.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::{CaFault, CertificateFault, LocalFault, ProofFault, TlsFault};
use super::stream_error::{Outlook, StreamFault, quoted};

/// Why signing in failed. The message is one line and says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A host name has no address, or DNS cannot be asked.
    #[error(
        "cannot find the address of {host}: {source}; check the name and the network, or name the server with --server"
    )]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The domain's SRV record says that there is no XMPP (RFC 6120 §3.2.1).
    #[error(
        "{domain} says in its DNS that it offers no XMPP; check the JID, or name the server with --server"
    )]
    NoService {
        /// The domain.
        domain: String,
    },
    /// Nothing answers.
    #[error(
        "cannot connect to {host}:{port}: {source}; check that the server runs and that no firewall is in the way"
    )]
    Tcp {
        /// The host.
        host: String,
        /// The TCP port.
        port: u16,
        /// What the system said about the last address tried.
        source: io::Error,
    },
    /// It took too long.
    #[error("the server did not answer within {} s while {stage}; check its address and port, and the network", .limit.as_secs_f32())]
    TimedOut {
        /// What was being done.
        stage: Stage,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke while signing in.
    #[error(
        "the server closed the connection while {stage}; try again, or look into the server's log"
    )]
    Lost {
        /// What was being done.
        stage: Stage,
        /// What the system said, if it was not an orderly end.
        source: Option<io::Error>,
    },
    /// It is no XMPP server, or not a sound one.
    #[error("what answers at {address} is no XMPP server ({source}); check host and port")]
    NotXmpp {
        /// Where.
        address: SocketAddr,
        /// What was found.
        source: io::Error,
    },
    /// The server sent something else than XMPP provides for here.
    #[error("the server sent <{found}/> while {stage}; expected {expected}")]
    Unexpected {
        /// What was being done.
        stage: Stage,
        /// What XMPP provides for.
        expected: &'static str,
        /// The element's name.
        found: String,
    },
    /// The server ended the stream with an error (RFC 6120 §4.9).
    #[error("the server refused the stream: {0}{advice}", advice = .0.advice())]
    Refused(StreamFault),
    /// The server did not give us a JID (RFC 6120 §7).
    #[error(
        "the server gave no resource ({condition}); try another --resource, or sign out elsewhere"
    )]
    Bind {
        /// Its condition, or what was wrong with its answer.
        condition: String,
    },

    /// The server offers no TLS.
    #[error(
        "the server at {address} offers no TLS, so nothing was sent to it; use a server with TLS (for one on this machine: --tls off)"
    )]
    TlsNotOffered {
        /// Where.
        address: SocketAddr,
    },
    /// The server offered TLS and then refused it.
    #[error("the server refused to begin TLS; look into its log")]
    TlsRefused,
    /// The server demands TLS, which was switched off.
    #[error("the server demands TLS; leave out --tls off")]
    TlsDemanded,
    /// TLS was switched off for a server on another machine.
    #[error(
        "refusing to sign in to {address} without TLS: it is not on this machine; leave out --tls off, or add --insecure if you know that nobody listens"
    )]
    TlsOffRefused {
        /// Where.
        address: SocketAddr,
    },
    /// There were octets behind the server's consent to TLS, which somebody could have put there.
    #[error(
        "the server sent data between agreeing to TLS and TLS itself; somebody may be tampering with the connection"
    )]
    TlsInjected,
    /// The domain is no name that a certificate could have.
    #[error("{domain} is no domain name that a certificate could be for; check the JID")]
    Domain {
        /// The domain.
        domain: String,
    },
    /// The file with authorities is of no use.
    #[error("cannot use the authorities in {}: {fault}", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: CaFault,
    },
    /// The system has no list of authorities.
    #[error(
        "this system has no list of certificate authorities; install ca-certificates, or name one with --ca"
    )]
    NoRoots,
    /// The certificate is not believed.
    #[error("the certificate of {domain} is not accepted: {fault}")]
    Certificate {
        /// The domain it should be for.
        domain: String,
        /// Why.
        fault: CertificateFault,
    },
    /// TLS failed for another reason.
    #[error("TLS with {domain} failed: {fault}{}", tls_advice(.fault))]
    Tls {
        /// The domain.
        domain: String,
        /// Why.
        fault: TlsFault,
    },

    /// The JID has no user part.
    #[error("the JID {jid} has no user part; write it as user@{jid}")]
    NoUser {
        /// The JID.
        jid: String,
    },
    /// The server offers no log-in that we have and that is safe here.
    #[error("the server offers no way to log in that is safe here (it offers {}); {}", list(.offered), mechanism_advice(.offered))]
    NoMechanism {
        /// The names of its mechanisms.
        offered: Vec<String>,
    },
    /// The server refused the log-in.
    #[error("the server refused to log in {jid} ({condition}): {}{}", rejection(.condition, .text.as_deref()), quoted(.text.as_ref()))]
    Rejected {
        /// The account.
        jid: String,
        /// The condition (RFC 6120 §6.5).
        condition: String,
        /// What the server says about it.
        text: Option<String>,
    },
    /// The server does not prove that it knows the password.
    #[error(
        "the server could not prove that it knows the password of {jid} ({fault}); it may not be the server it claims to be, so nothing more was sent"
    )]
    Impostor {
        /// The account.
        jid: String,
        /// What was wrong.
        fault: ProofFault,
    },
    /// A failure on our side.
    #[error("cannot log in: {0}")]
    Local(#[from] LocalFault),
}

impl ConnectError {
    /// The code that events have for it: `server-unreachable`, `tls-failed` or `auth-failed`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve { .. }
            | Self::NoService { .. }
            | Self::Tcp { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::NotXmpp { .. }
            | Self::Unexpected { .. }
            | Self::Refused(_) => "server-unreachable",
            Self::TlsNotOffered { .. }
            | Self::TlsRefused
            | Self::TlsDemanded
            | Self::TlsOffRefused { .. }
            | Self::TlsInjected
            | Self::Domain { .. }
            | Self::CaFile { .. }
            | Self::NoRoots
            | Self::Certificate { .. }
            | Self::Tls { .. } => "tls-failed",
            Self::NoUser { .. }
            | Self::NoMechanism { .. }
            | Self::Rejected { .. }
            | Self::Impostor { .. }
            | Self::Bind { .. }
            | Self::Local(_) => "auth-failed",
        }
    }
}

impl ConnectError {
    /// Whether the same may go well later: the network, the server or its certificate are at fault,
    /// and nobody's word about the account. What was refused as wrong is not tried again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::NoService { .. }
            | Self::Tcp { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::NotXmpp { .. }
            | Self::Unexpected { .. }
            | Self::TlsNotOffered { .. }
            | Self::TlsRefused
            | Self::TlsOffRefused { .. }
            | Self::TlsInjected
            | Self::CaFile { .. }
            | Self::NoRoots
            | Self::Certificate { .. }
            | Self::Tls { .. } => true,
            Self::Refused(fault) => fault.outlook() != Outlook::Over,
            Self::Rejected { condition, .. } => condition == "temporary-auth-failure",
            Self::Bind { condition } => !matches!(condition.as_str(), "conflict" | "not-allowed"),
            Self::TlsDemanded
            | Self::Domain { .. }
            | Self::NoUser { .. }
            | Self::NoMechanism { .. }
            | Self::Impostor { .. }
            | Self::Local(_) => false,
        }
    }
}

/// What is being done on the way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// SRV and address queries.
    #[default]
    Resolving,
    /// TCP.
    Connecting,
    /// Stream headers and features.
    Opening,
    /// The TLS handshake.
    Handshake,
    /// SASL.
    LoggingIn,
    /// Resource binding.
    Binding,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolving => "looking up its address",
            Self::Connecting => "connecting",
            Self::Opening => "opening the stream",
            Self::Handshake => "beginning TLS",
            Self::LoggingIn => "logging in",
            Self::Binding => "getting a resource",
        })
    }
}

pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn mechanism_advice(offered: &[String]) -> &'static str {
    if offered.iter().any(|name| name == "PLAIN") {
        "PLAIN would show it the password in the clear: use TLS"
    } else if offered.is_empty() {
        "it may demand TLS first, or not allow this"
    } else {
        "we have SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN"
    }
}

fn tls_advice(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::Alert { .. } | TlsFault::Incompatible => {
            "; it has to be set up for TLS 1.2 or 1.3"
        }
        TlsFault::Io(_)
        | TlsFault::Version
        | TlsFault::Misbehaved
        | TlsFault::NotTls
        | TlsFault::NoCertificate
        | TlsFault::Other { .. } => "",
    }
}

/// What a refusal (RFC 6120 §6.5) means. A log-in that is bound to another channel than the server
/// has is refused with the condition of a wrong password, or as malformed; the text tells them apart
/// (RFC 5802 §7, ejabberd, Prosody).
fn rejection(condition: &str, text: Option<&str>) -> &'static str {
    let channel = text.is_some_and(|text| text.to_lowercase().contains("channel"));
    match condition {
        "not-authorized" | "malformed-request" if channel => {
            "the TLS that it sees is not the TLS that we have; somebody may be in between, or a proxy \
             ends TLS in front of it"
        }
        "not-authorized" => "the password is wrong, or there is no such account",
        "account-disabled" => "the account is disabled; ask the server's owner",
        "credentials-expired" => "the password has expired; set a new one",
        "encryption-required" => "it demands TLS; leave out --tls off",
        "temporary-auth-failure" => "it has a problem of its own; try again later",
        _ => "ask the server's owner",
    }
}

#[cfg(test)]
mod tests;
