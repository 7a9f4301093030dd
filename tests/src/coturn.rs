//! coturn, the TURN server: a relay, and a STUN server beside it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::netns::Host;
use crate::ports::{self, LOOPBACK};
use crate::scratch::Scratch;
use crate::server::Server;
use crate::{SOON, seconds};

/// What it shares with the XMPP server, which makes credentials out of it (XEP-0215).
pub const SECRET: &str = "relay-secret-xyzzy";
/// Who may use the relay that has users instead.
pub const USER: &str = "relayed";
/// That user's password.
pub const PASSWORD: &str = "pass-of-relayed-xyzzy";

/// A running server.
#[derive(Debug)]
pub struct Coturn {
    server: Server,
    address: SocketAddr,
}

/// Whom it lets relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Who has a name and a password that were made out of [`SECRET`].
    Secret,
    /// [`USER`] with [`PASSWORD`].
    User,
}

impl Coturn {
    /// Where it listens in a network of its own.
    pub const PORT: u16 = 3478;
    /// Where a second one does, which has users.
    pub const USERS_PORT: u16 = 3479;

    /// On the loopback interface, with [`USER`].
    pub fn own() -> Self {
        let mut problem = String::new();
        for _ in 0..5 {
            let address = SocketAddr::new(LOOPBACK, ports::free_udp_and_tcp_pair());
            let this = Self::start(address, Credentials::User, &[]);
            match this.answers(seconds(10)) {
                true => return this,
                // Another program may have taken the port in the meantime.
                false => problem = this.log(),
            }
        }
        panic!("turnserver does not start:\n{problem}");
    }

    /// On this host of a network.
    ///
    /// # Panics
    /// If it does not start.
    pub fn on(host: &Host, credentials: Credentials) -> Self {
        let port = match credentials {
            Credentials::Secret => Self::PORT,
            Credentials::User => Self::USERS_PORT,
        };
        let address = SocketAddr::new(host.ipv4(), port);
        let this = Self::start(address, credentials, &host.prefix());
        // It opens this after its UDP port.
        assert!(
            host.listens(port, SOON),
            "turnserver does not start:\n{}",
            this.log()
        );
        this
    }

    fn start(address: SocketAddr, credentials: Credentials, prefix: &[&str]) -> Self {
        let scratch = Scratch::new("coturn");
        let config = config(scratch.path(), address, credentials);
        let config = scratch.write("turnserver.conf", config);
        let config = config.to_string_lossy().into_owned();
        let command = [prefix, &["turnserver", "-c", &config]].concat();
        Self {
            server: Server::start(scratch, &command),
            address,
        }
    }

    /// Whether it answers a Binding request (RFC 8489 §5) before long.
    fn answers(&self, limit: Duration) -> bool {
        let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback has a free UDP port");
        let wait = Duration::from_millis(50);
        socket
            .set_read_timeout(Some(wait))
            .expect("a socket option");
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend(*b"is-it-there?");
        let deadline = Instant::now() + limit;
        let mut answer = [0; 256];
        while Instant::now() < deadline {
            // Until it listens, the system answers at once that nobody does.
            if socket.send_to(&request, self.address).is_ok() && socket.recv(&mut answer).is_ok() {
                return answer[..2] == [1, 1] && answer[8..20] == request[8..20];
            }
            std::thread::sleep(wait);
        }
        false
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it was asked for a relayed address, and gave one.
    pub fn allocations(&self) -> usize {
        let log = self.log();
        let granted = log
            .lines()
            .filter(|line| line.contains("ALLOCATE processed, success"));
        granted.count()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

fn config(folder: &std::path::Path, address: SocketAddr, credentials: Credentials) -> String {
    let (folder, ip, port) = (folder.display(), address.ip(), address.port());
    let who = match credentials {
        Credentials::Secret => format!("use-auth-secret\nstatic-auth-secret={SECRET}"),
        Credentials::User => format!("lt-cred-mech\nuser={USER}:{PASSWORD}"),
    };
    let loopback = match ip {
        IpAddr::V4(ip) if ip.is_loopback() => "allow-loopback-peers",
        IpAddr::V4(_) | IpAddr::V6(_) => "",
    };
    format!(
        "listening-ip={ip}
relay-ip={ip}
listening-port={port}
realm=im.test
{who}
{loopback}
no-tls
no-dtls
no-cli
relay-threads=1
userdb={folder}/turn.db
pidfile={folder}/turnserver.pid
log-file=stdout
simple-log
verbose
"
    )
}
