//! A way into a server as a Mac of 2005 takes it: TLS 1.0, an RSA key exchange, AES-128 and SHA-1,
//! spoken by openssl. Whoever connects to its near end talks to the server without knowing of TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::account::{Account, DOMAIN, Security};
use crate::ports::LOOPBACK;

/// The cipher suite: it needs an RSA certificate, and has no forward secrecy.
pub const CIPHER: &str = "AES128-SHA";

/// A tunnel, one TLS connection for each that comes. It ends with the test program.
#[derive(Debug)]
pub struct OldTls {
    address: SocketAddr,
    said: Arc<Said>,
}

/// What openssl told about the connections.
#[derive(Debug, Default)]
struct Said {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl OldTls {
    /// A tunnel to where this account signs in, with the certificate verified by this authority.
    pub fn for_account(account: &Account, authority: &Path) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let said = Arc::new(Said::default());
        let (server, security) = (account.server, account.security);
        let (authority, shared) = (authority.to_owned(), said.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (authority, said) = (authority.clone(), shared.clone());
                std::thread::spawn(move || carry(near, server, security, authority, &said));
            }
        });
        Self { address, said }
    }

    /// The near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a line of openssl with this in it.
    ///
    /// # Panics
    /// With all lines, if there is none by then.
    pub fn wait_for(&self, part: &str, limit: Duration) {
        let lines = lock(&self.said.lines);
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(part));
        let (lines, _) = self
            .said
            .more
            .wait_timeout_while(lines, limit, is_missing)
            .unwrap_or_else(PoisonError::into_inner);
        let is_there = lines.iter().any(|line| line.contains(part));
        assert!(is_there, "no {part:?} in:\n{}", lines.join("\n"));
    }
}

fn carry(near: TcpStream, server: SocketAddr, security: Security, ca: PathBuf, said: &Arc<Said>) {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &server.to_string(), "-brief"])
        .args(["-quiet", "-nocommands", "-verify_return_error", "-CAfile"])
        .arg(ca)
        .args(["-verify_hostname", DOMAIN, "-tls1", "-cipher"])
        .arg(format!("{CIPHER}:@SECLEVEL=0"));
    match security {
        Security::StartTls => command.args(["-starttls", "xmpp", "-xmpphost", DOMAIN]),
        // Macs of then name no server in the handshake.
        Security::DirectTls => command.arg("-noservername"),
        Security::Plain => panic!("there is no TLS at {server}"),
    };
    let mut far = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let (mut up, mut down, errors) = (
        far.stdin.take().expect("it is piped"),
        far.stdout.take().expect("it is piped"),
        far.stderr.take().expect("it is piped"),
    );
    let said = said.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            lock(&said.lines).push(line);
            said.more.notify_all();
        }
    });
    let mut near_too = near.try_clone().expect("a socket can be shared");
    std::thread::spawn(move || {
        copy(&mut down, &mut near_too);
        let _ = near_too.shutdown(Shutdown::Both);
    });
    let mut near = near;
    copy(&mut near, &mut up);
    // It does not end by itself when there is no more to send.
    let _ = far.kill();
    let _ = far.wait();
}

/// Each piece goes on at once.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut chunk = vec![0; 16384];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        if to.write_all(&chunk[..count]).is_err() || to.flush().is_err() {
            break;
        }
    }
}

fn lock(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
