//! ejabberd, the other XMPP server: one for all scenarios of a test program.
//!
//! It is started as a single Erlang process that is no node of a network: there is no port mapper
//! (`epmd`), no cookie and no other user's rights, and nothing is left when the process is gone.
//! Accounts and rosters are made over its HTTP interface.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::account::{Account, DOMAIN, MISNAMED, Security, own_address};
use crate::program;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::tls::Authority;
use crate::xmpp;
use crate::{SOON, seconds};

/// A domain whose passwords are stored as SCRAM-SHA-256 wants them. Those of the others are stored
/// as they are.
pub const HASHED: &str = "hashed.test";

/// The HTTP interface.
const HTTP_PORT: u16 = 5280;

/// A file that it writes when all of its parts are there.
const READY: &str = "ready";

/// A running server: without TLS, with STARTTLS and with direct TLS, at three ports.
#[derive(Debug)]
pub struct Ejabberd {
    server: Server,
    ip: IpAddr,
    /// All commands that it was given, and their arguments.
    orders: Mutex<Vec<(&'static str, Value)>>,
}

impl Ejabberd {
    /// The server that all scenarios of a test program share. It ends with the program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Ejabberd> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A server of one's own, to be ended in mid-scenario.
    pub fn own() -> Self {
        Self::start(&config, &[])
    }

    /// A server with a configuration of one's own, made for its folder and its address, and with
    /// these accounts (JIDs and passwords). Its ports are 5222 and 5223; it has no HTTP interface.
    pub fn configured(
        configure: &dyn Fn(&Path, IpAddr) -> String,
        accounts: &[(&str, &str)],
    ) -> Self {
        let make = |(jid, password): &(&str, &str)| {
            let (user, domain) = jid.split_once('@').expect("a bare JID");
            // They are there already when it is started again.
            format!(
                "ejabberd_auth:try_register(<<\"{user}\">>, <<\"{domain}\">>, <<\"{password}\">>)."
            )
        };
        let made: Vec<String> = accounts.iter().map(make).collect();
        Self::start(configure, &made)
    }

    fn start(configure: &dyn Fn(&Path, IpAddr) -> String, commands: &[String]) -> Self {
        let libraries = format!("ERL_LIBS={}", libraries());
        let mut problem = String::new();
        for _ in 0..5 {
            let ip = own_address(&[5221, 5222, 5223, HTTP_PORT]);
            let scratch = Scratch::new("ejabberd");
            std::fs::create_dir_all(scratch.join("spool")).expect("scratch");
            let config = configure(scratch.path(), ip);
            scratch.write("ejabberd.yml", config);
            let folder = scratch.path().display();
            let variables = [
                libraries.clone(),
                format!("EJABBERD_CONFIG_PATH={folder}/ejabberd.yml"),
                format!("EJABBERD_LOG_PATH={folder}/ejabberd.log"),
                format!("ERL_CRASH_DUMP={folder}/crash.dump"),
                format!("HOME={folder}"),
            ];
            let spool = format!("\"{folder}/spool\"");
            let mut words = vec!["env"];
            words.extend(variables.iter().map(String::as_str));
            // One scheduler thread is enough for a few clients.
            words.extend(["erl", "-noinput", "+S", "1:1", "-mnesia", "dir", &spool]);
            words.extend(["-s", "ejabberd"]);
            // In this order, each when the one before is done.
            let ready = format!("ok = file:write_file(\"{folder}/{READY}\", <<>>).");
            words.extend(commands.iter().flat_map(|command| ["-eval", command]));
            words.extend(["-eval", &ready]);
            // SIGTERM would have it wait for three seconds.
            let server = Server::start_ended_by("QUIT", scratch, &words);
            let this = Self {
                server,
                ip,
                orders: Mutex::default(),
            };
            match this.wait_ready(seconds(40)) {
                Ok(()) => return this,
                Err(error) => problem = format!("{error}\n{}{}", this.server.log(), this.log()),
            }
        }
        panic!("ejabberd does not start: {problem}");
    }

    fn wait_ready(&self, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        loop {
            let answer = std::fs::metadata(self.folder().join(READY))
                .and_then(|_| xmpp::answers(self.address(Security::StartTls)))
                .and_then(|()| TcpStream::connect(self.address(Security::DirectTls)).map(drop));
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Ends it without warning; who is signed in notices only that the connection is gone.
    pub fn kill(&mut self) {
        self.server.kill();
        let _ = std::fs::remove_file(self.folder().join(READY));
    }

    /// Starts it again where it was, with the same accounts, after [`Self::kill`].
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start_again(&mut self) {
        self.server.start_again();
        if let Err(problem) = self.wait_ready(seconds(40)) {
            panic!("ejabberd does not start again: {problem}\n{}", self.log());
        }
        // What it was told in the last seconds it may not have written down.
        for (command, arguments) in self.orders.lock().expect("no order panicked").iter() {
            let _ = post(self.http(), command, &arguments.to_string());
        }
    }

    /// Where it lets clients in like this.
    pub fn address(&self, security: Security) -> SocketAddr {
        SocketAddr::new(self.ip, security.port())
    }

    /// Who signed its certificate for [`DOMAIN`].
    pub fn authority(&self) -> Authority {
        Authority::within(self.folder())
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("ejabberd.log")).unwrap_or_default()
    }

    /// Its log, once it tells this: it is written a little later.
    ///
    /// # Panics
    /// With the log, if that does not come.
    pub fn log_with(&self, part: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let log = self.log();
            if log.contains(part) {
                return log;
            }
            assert!(Instant::now() < deadline, "no {part:?} in:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A new account at [`DOMAIN`].
    pub fn account(&self, security: Security, prefix: &str) -> Account {
        self.account_at(DOMAIN, security, prefix)
    }

    /// A new account at another domain of the server: [`HASHED`] or [`MISNAMED`].
    pub fn account_at(&self, domain: &str, security: Security, prefix: &str) -> Account {
        let account = Account::new(prefix, domain, self.address(security), security);
        self.ask(
            "register",
            json!({"user": account.user(), "host": domain, "password": account.password}),
        );
        account
    }

    /// Two new accounts that see each other's presence: ours, and a Mac's.
    pub fn pair(&self, security: Security) -> (Account, Account) {
        let (ours, mac) = (self.account(security, "amy"), self.account(security, "mac"));
        self.befriend(&[&ours, &mac]);
        (ours, mac)
    }

    /// Makes all of these contacts of each other.
    pub fn befriend(&self, accounts: &[&Account]) {
        for one in accounts {
            for other in accounts.iter().filter(|other| other.jid != one.jid) {
                self.ask(
                    "add_rosteritem",
                    json!({
                        "localuser": one.user(), "localhost": one.domain(),
                        "user": other.user(), "host": other.domain(),
                        "nick": "", "group": "", "subs": "both",
                    }),
                );
            }
        }
    }

    fn http(&self) -> SocketAddr {
        SocketAddr::new(self.ip, HTTP_PORT)
    }

    /// Gives it a command of `ejabberdctl`.
    fn ask(&self, command: &'static str, arguments: Value) {
        let answer = post(self.http(), command, &arguments.to_string());
        let answer = answer.unwrap_or_else(|error| panic!("{command}: {error}\n{}", self.log()));
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{command} {arguments}: {answer}\n{}",
            self.log()
        );
        let mut orders = self.orders.lock().expect("no order panicked");
        orders.push((command, arguments));
    }
}

/// The folder of ejabberd's parts, as its own script names it.
fn libraries() -> String {
    let script = program::find("ejabberdctl").expect("requires!(\"ejabberdctl\") comes first");
    let script = std::fs::read_to_string(script).expect("ejabberdctl is a script");
    let value = script
        .lines()
        .find_map(|line| line.trim().strip_prefix("ERL_LIBS="))
        .expect("ejabberdctl sets ERL_LIBS");
    value.trim_matches(['\'', '"']).to_owned()
}

/// One HTTP request to ejabberd's interface; the whole answer.
fn post(address: SocketAddr, command: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(seconds(20)))?;
    write!(
        stream,
        "POST /api/{command} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn config(folder: &Path, ip: IpAddr) -> String {
    let (key, certificate) = Authority::within(folder).issue(DOMAIN);
    let (key, certificate) = (key.display(), certificate.display());
    let authority = Authority::within(folder).certificate();
    let (plain, starttls, direct) = (
        Security::Plain.port(),
        Security::StartTls.port(),
        Security::DirectTls.port(),
    );
    format!(
        r#"hosts: ["{DOMAIN}", "{HASHED}", "{MISNAMED}"]
loglevel: info
certfiles: ["{key}", "{certificate}"]
ca_file: "{authority}"
acme: {{auto: false}}
listen:
  - {{port: {plain}, ip: "{ip}", module: ejabberd_c2s, starttls: false}}
  - {{port: {starttls}, ip: "{ip}", module: ejabberd_c2s, starttls_required: true}}
  - {{port: {direct}, ip: "{ip}", module: ejabberd_c2s, tls: true}}
  - {{port: {HTTP_PORT}, ip: "{ip}", module: ejabberd_http, request_handlers: {{/api: mod_http_api}}}}
api_permissions: {{scenarios: {{who: {{ip: 127.0.0.0/8}}, what: "*"}}}}
auth_method: internal
auth_password_format: plain
host_config: {{"{HASHED}": {{auth_password_format: scram, auth_scram_hash: sha256}}}}
modules:
  mod_admin_extra: {{}}
  mod_caps: {{}}
  mod_disco: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_private: {{}}
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
"#,
        authority = authority.display(),
    )
}
