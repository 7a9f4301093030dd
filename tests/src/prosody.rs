//! Prosody, the XMPP server: started, with accounts and rosters as a scenario wants them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::netns::Host;
use crate::ports::{self, LOOPBACK};
use crate::scratch::Scratch;
use crate::seconds;
use crate::server::Server;
use crate::tls::Authority;
use crate::xmpp;

/// The domain of every server that the harness starts.
pub const DOMAIN: &str = "im.test";

/// A running server.
#[derive(Debug)]
pub struct Prosody {
    server: Server,
    address: SocketAddr,
    security: Security,
    host: Option<Host>,
}

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
    /// The part before the `@`.
    pub fn user(&self) -> &str {
        self.jid.split('@').next().unwrap_or_default()
    }
}

impl Prosody {
    /// The server that all scenarios of a test program share, without TLS. It ends with the program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Prosody> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Security::Plain, None, None))
    }

    /// A server of one's own, without TLS, to be ended in mid-scenario.
    pub fn own() -> Self {
        Self::start(Security::Plain, None, None)
    }

    /// A server of one's own on the loopback interface of this host of a network, without TLS.
    pub fn on(host: &Host) -> Self {
        Self::start(Security::Plain, None, Some(host))
    }

    /// A server with a certificate for [`DOMAIN`] from this authority.
    pub fn with_tls(security: Security, authority: &Authority) -> Self {
        Self::start(security, Some(authority), None)
    }

    fn start(security: Security, authority: Option<&Authority>, host: Option<&Host>) -> Self {
        let mut problem = String::new();
        for _ in 0..5 {
            let address = match security {
                Security::DirectTls => own_address(5223),
                _ if host.is_some() => SocketAddr::new(LOOPBACK, 5222),
                Security::Plain | Security::StartTls => {
                    SocketAddr::new(LOOPBACK, ports::free_tcp())
                }
            };
            let scratch = Scratch::new("prosody");
            let config = config(scratch.path(), address, security, authority);
            let config = scratch.write("prosody.cfg.lua", config);
            std::fs::create_dir_all(scratch.join("data/im%2etest/accounts")).expect("scratch");
            std::fs::create_dir_all(scratch.join("data/im%2etest/roster")).expect("scratch");
            let config = config.to_string_lossy().into_owned();
            let mut command: Vec<&str> = host.iter().flat_map(|host| host.prefix()).collect();
            command.extend(["prosody", "--config", &config, "-F"]);
            let server = Server::start(scratch, &command);
            let this = Self {
                server,
                address,
                security,
                host: host.cloned(),
            };
            // Another program may have taken the port in the meantime: then try again.
            match this.wait_ready(seconds(15)) {
                Ok(()) => return this,
                Err(error) => problem = format!("{error}\n{}", this.server.log()),
            }
        }
        panic!("prosody does not start: {problem}");
    }

    fn wait_ready(&self, limit: Duration) -> Result<(), String> {
        if let Some(host) = &self.host {
            let there = host.listens(self.address.port(), limit);
            return there.then_some(()).ok_or_else(|| "nobody listens".into());
        }
        let deadline = Instant::now() + limit;
        loop {
            let answer = match self.security {
                Security::Plain | Security::StartTls => xmpp::answers(self.address),
                Security::DirectTls => std::net::TcpStream::connect(self.address).map(drop),
            };
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.server.folder().join("prosody.log")).unwrap_or_default()
    }

    /// A new account; its name starts with `prefix` and is at most 10 characters long, since an
    /// iChat refuses callers with longer ones.
    pub fn account(&self, prefix: &str) -> Account {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{prefix}{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let password = format!("pass-of-{name}-xyzzy");
        self.store(
            "accounts",
            &name,
            &format!("return {{ [\"password\"] = \"{password}\"; }};\n"),
        );
        Account {
            jid: format!("{name}@{DOMAIN}"),
            password,
            server: self.address,
            security: self.security,
        }
    }

    /// Two new accounts that see each other's presence: ours, and a Mac's.
    pub fn pair(&self) -> (Account, Account) {
        let (ours, mac) = (self.account("amy"), self.account("mac"));
        self.befriend(&[&ours, &mac]);
        (ours, mac)
    }

    /// Makes all of these contacts of each other. Before they sign in.
    pub fn befriend(&self, accounts: &[&Account]) {
        for account in accounts {
            let others: Vec<(&str, &str)> = accounts
                .iter()
                .filter(|other| other.jid != account.jid)
                .map(|other| (other.jid.as_str(), "both"))
                .collect();
            self.set_roster(account, &others);
        }
    }

    /// Replaces a roster: JIDs with `both`, `to`, `from` or `none`. Before its owner signs in.
    pub fn set_roster(&self, account: &Account, items: &[(&str, &str)]) {
        let mut text =
            String::from("return {\n[false] = { [\"version\"] = 1; [\"pending\"] = {}; };\n");
        for (jid, subscription) in items {
            let _ = writeln!(
                text,
                "[\"{jid}\"] = {{ [\"subscription\"] = \"{subscription}\"; [\"groups\"] = {{}}; }};"
            );
        }
        text.push_str("};\n");
        self.store("roster", account.user(), &text);
    }

    fn store(&self, kind: &str, user: &str, text: &str) {
        let path = self
            .server
            .folder()
            .join(format!("data/im%2etest/{kind}/{user}.dat"));
        std::fs::write(path, text).expect("prosody's data folder can be written");
    }
}

/// An address of the loopback network on which this port is free: ours alone.
fn own_address(port: u16) -> SocketAddr {
    let id = std::process::id();
    for turn in 1..250u8 {
        let [_, _, high, low] = id.to_be_bytes();
        let address = SocketAddr::new(IpAddr::from([127, high | 1, low, turn]), port);
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("port {port} is taken on every loopback address");
}

fn config(
    folder: &Path,
    address: SocketAddr,
    security: Security,
    authority: Option<&Authority>,
) -> String {
    let folder = folder.display();
    let (ip, port) = (address.ip(), address.port());
    let (starttls, direct) = match security {
        Security::Plain => ("\"tls\"", String::new()),
        Security::StartTls => ("", String::new()),
        Security::DirectTls => ("", port.to_string()),
    };
    let plain = if security == Security::DirectTls {
        String::new()
    } else {
        port.to_string()
    };
    let requires = security != Security::Plain;
    let certificate = authority.map_or(String::new(), |authority| {
        let (key, certificate) = authority.issue(DOMAIN);
        format!(
            "ssl = {{ key = \"{}\"; certificate = \"{}\" }}",
            key.display(),
            certificate.display()
        )
    });
    format!(
        r#"pidfile = "{folder}/prosody.pid"; data_path = "{folder}/data"; run_as_root = true
interfaces = {{ "{ip}" }}; local_interfaces = {{ "{ip}" }}
c2s_ports = {{ {plain} }}; c2s_direct_tls_ports = {{ {direct} }}; legacy_ssl_ports = {{}}
s2s_ports = {{}}; s2s_direct_tls_ports = {{}}; component_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "register", "private", "vcard4", "pep", "time", "version", "carbons", "offline" }}
modules_disabled = {{ "s2s", {starttls} }}
{certificate}
allow_registration = true; c2s_require_encryption = {requires}; authentication = "internal_plain"
allow_unencrypted_plain_auth = {plain_allowed}
log = {{ info = "{folder}/prosody.log" }}
VirtualHost "{DOMAIN}"
"#,
        plain_allowed = !requires,
    )
}
