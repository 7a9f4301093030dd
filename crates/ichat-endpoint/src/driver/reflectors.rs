//! Servers that tell how others see us, or lend us an address: their names, and where they are.

use std::net::SocketAddr;
use std::time::Duration;

use ichat_ice::TurnServer;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a server's name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(3);

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

    /// Whether there are any.
    fn is_empty(&self) -> bool {
        self.snatmap.is_empty() && self.stun.is_empty() && self.relays.is_empty()
    }

    /// Looks the servers up, all at the same time.
    async fn resolve(self) -> Resolved {
        let mut resolved = Resolved::default();
        let snatmap: Vec<Lookup> = self.snatmap.into_iter().map(Lookup::start).collect();
        let stun: Vec<Lookup> = self.stun.into_iter().map(Lookup::start).collect();
        let relays: Vec<(Credentials, Lookup)> = self
            .relays
            .into_iter()
            .filter_map(|relay| Some((relay.credentials?, Lookup::start(relay.server))))
            .collect();
        for lookup in snatmap {
            resolved
                .snatmap
                .extend(lookup.finish(&mut resolved.faults).await);
        }
        for lookup in stun {
            resolved
                .stun
                .extend(lookup.finish(&mut resolved.faults).await);
        }
        for (credentials, lookup) in relays {
            // One address is borrowed of each server: at its first, an IPv4 one if there is any.
            let found = lookup.finish(&mut resolved.faults).await.into_iter().next();
            resolved.turn.extend(found.map(|address| TurnServer {
                address,
                username: credentials.username,
                password: credentials.password.expose_secret().to_owned(),
            }));
        }
        resolved
    }
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

/// Servers on their way from name to address.
#[derive(Debug)]
pub(super) struct Servers {
    /// Those that were looked up last.
    pub(super) known: Resolved,
    /// Look-ups under way; the answer to the last one counts.
    pending: u32,
    done: mpsc::UnboundedSender<Resolved>,
    results: mpsc::UnboundedReceiver<Resolved>,
}

impl Servers {
    pub(super) fn new() -> Self {
        let (done, results) = mpsc::unbounded_channel();
        Self {
            known: Resolved::default(),
            pending: 0,
            done,
            results,
        }
    }

    /// Looks these up; what was known stays until that is done.
    pub(super) fn look_up(&mut self, reflectors: Reflectors) {
        if reflectors.is_empty() {
            return;
        }
        self.pending += 1;
        let done = self.done.clone();
        tokio::spawn(async move {
            if done.send(reflectors.resolve().await).is_err() {
                tracing::trace!("nobody wants to know any more where servers are");
            }
        });
    }

    /// Whether a look-up is under way.
    pub(super) fn are_awaited(&self) -> bool {
        self.pending > 0
    }

    /// The next result, to be handed to [`Self::take`]. Cancel-safe.
    pub(super) async fn next(&mut self) -> Resolved {
        match self.results.recv().await {
            Some(resolved) => resolved,
            // Not while we hold a sender.
            None => std::future::pending().await,
        }
    }

    /// Takes a result; gives what was wrong.
    pub(super) fn take(&mut self, mut resolved: Resolved) -> Vec<String> {
        self.pending = self.pending.saturating_sub(1);
        let faults = std::mem::take(&mut resolved.faults);
        if self.pending == 0 {
            self.known = resolved;
        }
        faults
    }
}

/// One name that is looked up.
struct Lookup {
    name: ServerName,
    task: tokio::task::JoinHandle<Vec<SocketAddr>>,
}

impl Lookup {
    fn start(name: ServerName) -> Self {
        let ServerName { host, port } = name.clone();
        let task = tokio::spawn(async move {
            match timeout(LOOKUP, tokio::net::lookup_host((host, port))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a server's name is not known");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        });
        Self { name, task }
    }

    /// One address of each family, IPv4 first.
    async fn finish(self, faults: &mut Vec<String>) -> Vec<SocketAddr> {
        let mut found = self.task.await.unwrap_or_default();
        found.sort_by_key(SocketAddr::is_ipv6);
        found.dedup_by_key(|address| address.is_ipv6());
        if found.is_empty() {
            faults.push(format!("no address for the server {}", self.name));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str, port: u16) -> ServerName {
        ServerName {
            host: host.into(),
            port,
        }
    }

    #[tokio::test]
    async fn servers_are_looked_up_and_what_is_unknown_is_told() {
        let mut servers = Servers::new();
        servers.look_up(Reflectors::default());
        assert!(!servers.are_awaited(), "nothing to look up");
        let relay = |credentials| RelayServer {
            server: name("127.0.0.3", 3478),
            credentials,
        };
        let credentials = Credentials {
            username: "me".into(),
            password: "p".into(),
        };
        servers.look_up(Reflectors {
            snatmap: vec![name("127.0.0.1", 5678), name("no.such.host.invalid", 1)],
            stun: vec![name("::1", 3478)],
            relays: vec![relay(Some(credentials)), relay(None)],
            offered: false,
        });
        assert!(servers.are_awaited());
        let resolved = servers.next().await;
        let faults = servers.take(resolved);
        assert_eq!(faults, ["no address for the server no.such.host.invalid:1"]);
        assert!(!servers.are_awaited());
        let text = |address: &SocketAddr| address.to_string();
        assert_eq!(text(&servers.known.snatmap[0]), "127.0.0.1:5678");
        assert_eq!(text(&servers.known.stun[0]), "[::1]:3478");
        let [turn] = &servers.known.turn[..] else {
            panic!("one without credentials is not used")
        };
        assert_eq!(text(&turn.address), "127.0.0.3:3478");
    }
}
