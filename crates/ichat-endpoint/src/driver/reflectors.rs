//! Servers that tell how others see us, or lend us an address: their names, and where they are.

use std::net::SocketAddr;
use std::time::Duration;

use ichat_ice::TurnServer;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

/// How long a server's name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(3);

/// At most this many addresses of one name: one of each family.
const ADDRESSES_OF_ONE: usize = 2;

/// Servers that tell how others see us, or lend us an address. None unless they are named.
#[derive(Debug, Clone, Default)]
pub struct Reflectors {
    /// SNATMAP servers.
    pub snatmap: Vec<ServerName>,
    /// STUN servers.
    pub stun: Vec<ServerName>,
    /// TURN servers.
    pub relays: Vec<RelayServer>,
    /// Take what our XMPP server offers as well (XEP-0215).
    pub offered: bool,
}

/// A server by name or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerName {
    /// Host name, or address without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
}

/// A TURN server, and who we are there.
#[derive(Debug, Clone)]
pub struct RelayServer {
    /// Where it is.
    pub server: ServerName,
    /// Who we are there; without it, what our XMPP server says for this relay (XEP-0215).
    pub credentials: Option<Credentials>,
}

/// A user name and its password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password: printed nowhere.
    pub password: SecretString,
}

/// The same by address.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolved {
    pub(super) snatmap: Vec<SocketAddr>,
    pub(super) stun: Vec<SocketAddr>,
    pub(super) turn: Vec<TurnServer>,
    /// What is wrong, a line each.
    pub(super) faults: Vec<String>,
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Reflectors {
    /// Whether anything waits for what our XMPP server says.
    pub(super) fn want_offers(&self) -> bool {
        self.offered || self.relays.iter().any(|relay| relay.credentials.is_none())
    }

    /// Looks the servers up, all at the same time.
    pub(super) async fn resolve(&self) -> Resolved {
        let mut resolved = Resolved::default();
        let snatmap = start(self.snatmap.iter());
        let stun = start(self.stun.iter());
        let with_credentials = self
            .relays
            .iter()
            .filter_map(|relay| Some((relay, relay.credentials.as_ref()?)));
        let relays: Vec<_> = with_credentials
            .map(|(relay, credentials)| (credentials, start([&relay.server])))
            .collect();
        resolved.snatmap = finish(snatmap, &mut resolved.faults).await;
        resolved.stun = finish(stun, &mut resolved.faults).await;
        for (credentials, lookup) in relays {
            let addresses = finish(lookup, &mut resolved.faults).await;
            // One allocation of each server is enough: the first address, IPv4 if there is one.
            resolved
                .turn
                .extend(addresses.into_iter().take(1).map(|address| TurnServer {
                    address,
                    username: credentials.username.clone(),
                    password: credentials.password.expose_secret().to_owned(),
                }));
        }
        resolved
    }
}

type Lookup = (ServerName, tokio::task::JoinHandle<Vec<SocketAddr>>);

fn start<'a>(names: impl IntoIterator<Item = &'a ServerName>) -> Vec<Lookup> {
    let begin = |name: &ServerName| {
        let ServerName { host, port } = name.clone();
        let lookup = async move {
            match timeout(LOOKUP, tokio::net::lookup_host((host, port))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a server's name is not known");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        };
        (name.clone(), tokio::spawn(lookup))
    };
    names.into_iter().map(begin).collect()
}

async fn finish(lookups: Vec<Lookup>, faults: &mut Vec<String>) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for (name, lookup) in lookups {
        let mut found = lookup.await.unwrap_or_default();
        found.sort_by_key(SocketAddr::is_ipv6);
        found.dedup_by_key(|address| address.is_ipv6());
        found.truncate(ADDRESSES_OF_ONE);
        if found.is_empty() {
            faults.push(format!("no address for the server {name}"));
        }
        all.extend(found);
    }
    all
}
