//! Prosody, the XMPP server: started, with accounts and rosters as a scenario wants them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::account::own_address;
pub use crate::account::{Account, DOMAIN, MISNAMED, RELAYED, Security};
use crate::netns::Host;
use crate::ports::{self, LOOPBACK};
use crate::scratch::Scratch;
use crate::seconds;
use crate::server::Server;
use crate::tls::Authority;
use crate::xmpp;

/// A running server.
#[derive(Debug)]
pub struct Prosody {
    server: Server,
    address: SocketAddr,
    security: Security,
    host: Option<Host>,
}

impl Prosody {
    /// The server that all scenarios of a test program share, without TLS. It ends with the program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Prosody> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// The same with TLS: STARTTLS, and direct TLS.
    pub fn shared_with_tls() -> &'static Self {
        static SHARED: OnceLock<Prosody> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::configured(Security::StartTls, &|folder, address| {
                with_certificate(folder, address, &Authority::within(folder).issue(DOMAIN))
            })
        })
    }

    /// A server of one's own, without TLS, to be ended in mid-scenario.
    pub fn own() -> Self {
        Self::start(Security::Plain, None, &without_tls)
    }

    /// A server of one's own on the loopback interface of this host of a network, without TLS.
    pub fn on(host: &Host) -> Self {
        Self::start(Security::Plain, Some((host, LOOPBACK)), &without_tls)
    }

    /// A server of one's own at the address of this host of a network, without TLS. At
    /// [`RELAYED`] it tells whoever asks of this relay, with credentials that it makes out of the
    /// secret that they share (XEP-0215).
    pub fn in_public(host: &Host, relay: SocketAddr, secret: &str) -> Self {
        let configure = |folder: &Path, address| {
            let (ip, port) = (relay.ip(), relay.port());
            without_tls(folder, address)
                + &format!(
                    r#"VirtualHost "{RELAYED}"
modules_enabled = {{ "turn_external" }}
turn_external_host = "{ip}"; turn_external_port = {port}; turn_external_secret = "{secret}"
"#
                )
        };
        Self::start(Security::Plain, Some((host, host.ipv4())), &configure)
    }

    /// A server with a certificate for [`DOMAIN`] from this authority: STARTTLS, and direct TLS.
    /// Accounts sign in in this way.
    pub fn with_tls(security: Security, authority: &Authority) -> Self {
        let certificate = authority.issue(DOMAIN);
        Self::configured(security, &|folder, address| {
            with_certificate(folder, address, &certificate)
        })
    }

    /// A server with a configuration of one's own, made for its folder and its address. The log is
    /// `prosody.log` in the folder, the data are in `data`. With TLS the ports are 5222 and 5223.
    pub fn configured(security: Security, configure: &dyn Fn(&Path, SocketAddr) -> String) -> Self {
        Self::start(security, None, configure)
    }

    fn start(
        security: Security,
        host: Option<(&Host, IpAddr)>,
        configure: &dyn Fn(&Path, SocketAddr) -> String,
    ) -> Self {
        let mut problem = String::new();
        for _ in 0..5 {
            let address = match (security, host) {
                (Security::Plain, Some((_, ip))) => SocketAddr::new(ip, 5222),
                (Security::Plain, None) => SocketAddr::new(LOOPBACK, ports::free_tcp()),
                (Security::StartTls | Security::DirectTls, _) => {
                    SocketAddr::new(own_address(&[5222, 5223]), security.port())
                }
            };
            let scratch = Scratch::new("prosody");
            for domain in [DOMAIN, MISNAMED, RELAYED] {
                for kind in ["accounts", "roster"] {
                    let folder = scratch.path().join(store(domain, kind));
                    std::fs::create_dir_all(folder).expect("scratch");
                }
            }
            let config = configure(scratch.path(), address);
            let config = scratch.write("prosody.cfg.lua", config);
            let config = config.to_string_lossy().into_owned();
            let mut command: Vec<&str> = host.iter().flat_map(|(host, _)| host.prefix()).collect();
            command.extend(["prosody", "--config", &config, "-F"]);
            let server = Server::start(scratch, &command);
            let this = Self {
                server,
                address,
                security,
                host: host.map(|(host, _)| host.clone()),
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
        let at = |security: Security| SocketAddr::new(self.address.ip(), security.port());
        let deadline = Instant::now() + limit;
        loop {
            let answer = match self.security {
                Security::Plain => xmpp::answers(self.address),
                Security::StartTls | Security::DirectTls => xmpp::answers(at(Security::StartTls))
                    .and_then(|()| TcpStream::connect(at(Security::DirectTls)).map(drop)),
            };
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Ends it without warning; who is signed in notices only that the connection is gone.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again where it was, with the same accounts, after [`Self::kill`].
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        self.server.start_again();
        if let Err(problem) = self.wait_ready(seconds(15)) {
            panic!(
                "prosody does not start again: {problem}\n{}",
                self.server.log()
            );
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who signed the certificate of [`Self::shared_with_tls`].
    pub fn authority(&self) -> Authority {
        Authority::within(self.folder())
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.server.folder().join("prosody.log")).unwrap_or_default()
    }

    /// A new account at [`DOMAIN`].
    pub fn account(&self, prefix: &str) -> Account {
        self.account_at(DOMAIN, prefix)
    }

    /// A new account at another domain of the server: [`MISNAMED`] or [`RELAYED`].
    pub fn account_at(&self, domain: &str, prefix: &str) -> Account {
        let account = Account::new(prefix, domain, self.address, self.security);
        let text = format!("return {{ [\"password\"] = \"{}\"; }};\n", account.password);
        self.store("accounts", &account, &text);
        account
    }

    /// Two new accounts that see each other's presence: ours, and a Mac's.
    pub fn pair(&self) -> (Account, Account) {
        self.pair_at(DOMAIN)
    }

    /// The same at another domain of the server.
    pub fn pair_at(&self, domain: &str) -> (Account, Account) {
        let (ours, mac) = (
            self.account_at(domain, "amy"),
            self.account_at(domain, "mac"),
        );
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
        self.store("roster", account, &text);
    }

    fn store(&self, kind: &str, account: &Account, text: &str) {
        let folder = self.folder().join(store(account.domain(), kind));
        let path = folder.join(format!("{}.dat", account.user()));
        std::fs::write(path, text).expect("prosody's data folder can be written");
    }
}

/// Where Prosody keeps such data, in its folder.
fn store(domain: &str, kind: &str) -> String {
    format!("data/{}/{kind}", domain.replace('.', "%2e"))
}

fn without_tls(folder: &Path, address: SocketAddr) -> String {
    let port = address.port();
    common(folder, address.ip())
        + &format!(
            r#"c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{}}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false; allow_unencrypted_plain_auth = true
VirtualHost "{DOMAIN}"
"#
        )
}

fn with_certificate(
    folder: &Path,
    address: SocketAddr,
    (key, certificate): &(PathBuf, PathBuf),
) -> String {
    let (key, certificate) = (key.display(), certificate.display());
    common(folder, address.ip())
        + &format!(
            r#"c2s_ports = {{ 5222 }}; c2s_direct_tls_ports = {{ 5223 }}
modules_disabled = {{ "s2s" }}
ssl = {{ key = "{key}"; certificate = "{certificate}" }}
c2s_require_encryption = true; allow_unencrypted_plain_auth = false
VirtualHost "{DOMAIN}"
VirtualHost "{MISNAMED}"
"#
        )
}

fn common(folder: &Path, ip: IpAddr) -> String {
    let folder = folder.display();
    format!(
        r#"pidfile = "{folder}/prosody.pid"; data_path = "{folder}/data"; run_as_root = true
interfaces = {{ "{ip}" }}; local_interfaces = {{ "{ip}" }}
s2s_ports = {{}}; s2s_direct_tls_ports = {{}}; legacy_ssl_ports = {{}}
component_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "register", "private", "vcard4", "pep", "time", "version", "carbons", "offline", "smacks" }}
allow_registration = true; authentication = "internal_plain"
log = {{ info = "{folder}/prosody.log" }}
"#
    )
}
