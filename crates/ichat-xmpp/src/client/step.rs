//! The steps on the way to a connection, for whoever wants to know how far it came.

use std::net::SocketAddr;

use super::tls::TlsInfo;

/// A step that was taken. Where a server will not do and the next one is tried, those from
/// [`Step::Connected`] on come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is known which hosts to try.
    Found {
        /// They, the best first; at least one.
        hosts: Vec<ServerHost>,
        /// Who named them.
        origin: Origin,
    },
    /// One of them takes TCP connections.
    Connected {
        /// Its address.
        address: SocketAddr,
        /// Whether TLS begins at once, not by STARTTLS.
        direct: bool,
    },
    /// TLS is up, and the certificate is believed.
    Secured(TlsInfo),
    /// The server says how one can log in.
    Offered {
        /// The names of its SASL mechanisms, the first 32.
        mechanisms: Vec<String>,
    },
    /// We are logged in; the server has proven itself too, unless the mechanism is `PLAIN`.
    LoggedIn {
        /// The SASL mechanism, such as `SCRAM-SHA-256`.
        mechanism: &'static str,
    },
}

/// A host that may be the account's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHost {
    /// Its name or address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
}

/// Who says which hosts serve an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Configured,
    /// SRV records of the JID's domain (RFC 6120 §3.2.1).
    Records,
    /// Nobody: it is the domain itself (RFC 6120 §3.2.2).
    Domain,
}

/// Who is told of each step.
pub(super) type Watch<'a> = &'a mut (dyn FnMut(Step) + Send);
