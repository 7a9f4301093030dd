//! A real Prosody on loopback.

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PASSWORD;
use super::certificates::{Certificates, are_installed, output};

/// How a Prosody is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// STARTTLS and direct TLS; without TLS everything works as well.
    Lenient,
    /// STARTTLS, and nothing before it.
    Strict,
    /// No TLS at all.
    NoTls,
}

/// A running server. The accounts `me@im.test` and `mac@im.test` exist. It ends with this value.
pub struct Prosody {
    child: Child,
    certificates: Certificates,
    pub port: u16,
    /// Where direct TLS waits, on port 5223.
    pub direct: SocketAddr,
}

impl Prosody {
    /// Starts one; `None` where it is not installed, which is an error on CI.
    pub fn start(setup: Setup) -> Option<Self> {
        if !are_installed(&["prosody", "prosodyctl", "openssl"]) {
            return None;
        }
        // Somebody else may take a port between our finding it free and Prosody's taking it.
        (0..5)
            .find_map(|_| Self::try_start(setup))
            .or_else(|| panic!("prosody finds no free port"))
    }

    fn try_start(setup: Setup) -> Option<Self> {
        let certificates = Certificates::make();
        let dir = &certificates.dir;
        fs::create_dir_all(dir.join("data")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // The port of direct TLS cannot be chosen, so its address is one of our own.
        let [high, low] = port.to_be_bytes();
        let direct = Ipv4Addr::new(127, 77, high, low.clamp(1, 254));
        let config = dir.join("prosody.cfg.lua");
        fs::write(&config, configuration(dir, setup, port, direct)).unwrap();
        for user in ["me", "mac"] {
            register(dir, user, PASSWORD);
        }
        let child = spawn(dir);
        let direct = (IpAddr::V4(direct), 5223).into();
        let mut server = Self {
            child,
            certificates,
            port,
            direct,
        };
        let ready = server.listens("'c2s'")
            && (setup != Setup::Lenient || server.listens("'c2s_direct_tls'"));
        ready.then_some(server)
    }

    /// The private authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.certificates.file("ca.pem")
    }

    /// That of another of the same name, which signed nothing here.
    pub fn other_ca(&self) -> PathBuf {
        self.certificates.file("other-ca.pem")
    }

    /// The key of a host's certificate, as openssl sees it.
    pub fn pin(&self, host: &str) -> String {
        self.certificates.pin(host)
    }

    /// Ends it without a word to anybody.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        fs::remove_file(self.certificates.file("prosody.log")).unwrap();
        self.child = spawn(&self.certificates.dir);
        assert!(self.listens("'c2s'"), "somebody else has taken the port");
    }

    /// Gives `me@im.test` another password, while the server is down.
    pub fn change_password(&self, password: &str) {
        register(&self.certificates.dir, "me", password);
    }

    /// Waits until a service is up; false if its port was taken.
    fn listens(&mut self, service: &str) -> bool {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let log = fs::read_to_string(self.certificates.file("prosody.log")).unwrap_or_default();
            let line = log
                .lines()
                .find(|line| line.contains("service") && line.contains(service));
            if let Some(line) = line {
                return line.contains(" on [");
            }
            if log.contains("Failed to open server port") {
                return false;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > patience {
                let output = fs::read_to_string(self.certificates.file("output.log"));
                panic!(
                    "prosody did not start ({ended:?}):\n{log}\n{}",
                    output.unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn register(dir: &Path, user: &str, password: &str) {
    output(
        Command::new("prosodyctl")
            .args(["--root", "--config"])
            .arg(dir.join("prosody.cfg.lua"))
            .args(["register", user, "im.test", password]),
    );
}

fn spawn(dir: &Path) -> Child {
    let log = fs::File::create(dir.join("output.log")).unwrap();
    Command::new("prosody")
        .arg("--config")
        .arg(dir.join("prosody.cfg.lua"))
        .arg("-F")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn configuration(dir: &Path, setup: Setup, port: u16, direct: Ipv4Addr) -> String {
    let dir = dir.display();
    let (off, strict) = match setup {
        Setup::Lenient => ("", false),
        Setup::Strict => ("", true),
        Setup::NoTls => (r#", "tls""#, false),
    };
    let direct_ports = if setup == Setup::Lenient { "5223" } else { "" };
    let mut text = format!(
        r#"
pidfile = "{dir}/prosody.pid"; data_path = "{dir}/data"; run_as_root = true
certificates = "{dir}"
interfaces = {{ "127.0.0.1" }}; local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}; s2s_ports = {{}}; http_ports = {{}}; https_ports = {{}}
c2s_direct_tls_ports = {{ {direct_ports} }}; c2s_direct_tls_interfaces = {{ "{direct}" }}
c2s_direct_tls_ssl = {{ key = "{dir}/im.test.key"; certificate = "{dir}/im.test.pem" }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "smacks", "offline" }}
modules_disabled = {{ "s2s"{off} }}
c2s_require_encryption = {strict}; allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = {{ info = "{dir}/prosody.log" }}
"#
    );
    for host in ["im.test", "wrong.test", "old.test"] {
        write!(
            text,
            r#"VirtualHost "{host}"
  ssl = {{ key = "{dir}/{host}.key"; certificate = "{dir}/{host}.pem" }}
"#
        )
        .unwrap();
    }
    text
}
