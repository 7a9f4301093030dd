//! Accounts on the servers that the harness starts, and how one gets in.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The domain of every server that the harness starts.
pub const DOMAIN: &str = "im.test";

/// A domain of the servers with TLS for which they have no certificate: they show that of
/// [`DOMAIN`].
pub const MISNAMED: &str = "misnamed.test";

/// A domain of the server of [`crate::internet`], where it tells of a relay.
pub const RELAYED: &str = "relayed.test";

/// How a server lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Without TLS; it is not even offered.
    Plain,
    /// STARTTLS, and nothing without it.
    StartTls,
    /// TLS from the first octet, on port 5223, where clients expect it.
    DirectTls,
}

impl Security {
    /// The port at which servers with an address of their own let clients in like this.
    pub fn port(self) -> u16 {
        match self {
            Self::Plain => 5221,
            Self::StartTls => 5222,
            Self::DirectTls => 5223,
        }
    }
}

/// An account on a server.
#[derive(Clone, Debug)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    /// Its password.
    pub password: String,
    /// Where the server listens.
    pub server: SocketAddr,
    /// How it lets clients in.
    pub security: Security,
}

impl Account {
    /// A name that no other account has, at this domain. It starts with `prefix` and is at most 10
    /// characters long, since an iChat refuses callers with longer ones.
    pub(crate) fn new(prefix: &str, domain: &str, server: SocketAddr, security: Security) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{prefix}{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self {
            jid: format!("{name}@{domain}"),
            password: format!("pass-of-{name}-xyzzy"),
            server,
            security,
        }
    }

    /// The part before the `@`.
    pub fn user(&self) -> &str {
        self.jid.split('@').next().unwrap_or_default()
    }

    /// The part behind it.
    pub fn domain(&self) -> &str {
        self.jid.split('@').nth(1).unwrap_or_default()
    }

    /// The same account, signing in at another port of a server with an address of its own.
    #[must_use]
    pub fn by(&self, security: Security) -> Self {
        Self {
            server: SocketAddr::new(self.server.ip(), security.port()),
            security,
            ..self.clone()
        }
    }

    /// The same account, signing in there in the same way: through a [`crate::relay`].
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self {
            server: address,
            ..self.clone()
        }
    }

    /// The same account, signing in there, without TLS: through a [`crate::relay`] or a
    /// [`crate::old_tls`].
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        Self {
            server: address,
            security: Security::Plain,
            ..self.clone()
        }
    }
}

/// An address of the loopback network that is ours alone, with these ports free.
pub(crate) fn own_address(ports: &[u16]) -> IpAddr {
    static TURN: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    for _ in 0..250 {
        // Two servers that start at the same time take different ones.
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let address = IpAddr::from([127, high | 1, low, turn]);
        let is_free = |port: &u16| TcpListener::bind((address, *port)).is_ok();
        if (1..=250).contains(&turn) && ports.iter().all(is_free) {
            return address;
        }
    }
    panic!("ports {ports:?} are taken on every loopback address");
}
