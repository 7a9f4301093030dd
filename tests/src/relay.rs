//! A relay between a client and its server: it counts the connections, remembers what the clients
//! say and hear, can be told to lie to them about what the server says, and can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ports::LOOPBACK;

/// Turns what the server says, whole elements of it, into what the client is told.
type Lie = fn(String) -> String;

/// A running relay. It ends with the test program; its connections end with their ends.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    said: Vec<u8>,
    heard: Vec<u8>,
    is_cut: bool,
    /// Our ends of all connections, to both sides.
    ends: Vec<TcpStream>,
}

impl Relay {
    /// Passes everything on as it is.
    pub fn to(server: SocketAddr) -> Self {
        Self::start(server, None)
    }

    /// Passes on something else than the server says. Not for servers that speak TLS.
    pub fn lying(server: SocketAddr, lie: Lie) -> Self {
        Self::start(server, Some(lie))
    }

    fn start(server: SocketAddr, lie: Option<Lie>) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if lock(&shared).is_cut {
                    continue;
                }
                lock(&shared).connections += 1;
                let Ok(upstream) = TcpStream::connect(server) else {
                    continue;
                };
                let (Ok(client_too), Ok(upstream_too)) = (client.try_clone(), upstream.try_clone())
                else {
                    continue;
                };
                let ends = [client.try_clone(), upstream.try_clone()];
                keep(&shared, ends.into_iter().flatten());
                let seen = shared.clone();
                std::thread::spawn(move || {
                    pump(client, upstream, |octets| {
                        lock(&seen).said.extend_from_slice(&octets);
                        Some(octets)
                    });
                });
                let seen = shared.clone();
                std::thread::spawn(move || {
                    let mut waiting = Vec::new();
                    pump(upstream_too, client_too, |octets| {
                        let octets = match lie {
                            None => octets,
                            Some(lie) => {
                                waiting.extend(octets);
                                told(&mut waiting, lie)?
                            }
                        };
                        lock(&seen).heard.extend_from_slice(&octets);
                        Some(octets)
                    });
                });
            }
        });
        Self { address, seen }
    }

    /// Ends all connections, on both sides and without a word, and lets nobody in until
    /// [`Self::mend`].
    pub fn cut(&self) {
        lock(&self.seen).is_cut = true;
        keep(&self.seen, []);
    }

    /// Lets clients in again.
    pub fn mend(&self) {
        lock(&self.seen).is_cut = false;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        lock(&self.seen).connections
    }

    /// All that the clients were told.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&lock(&self.seen).heard).into_owned()
    }

    /// All that the clients said.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&lock(&self.seen).said).into_owned()
    }
}

/// Remembers our ends of connections; ends them all where the relay is cut.
fn keep(seen: &Mutex<Seen>, ends: impl IntoIterator<Item = TcpStream>) {
    let mut seen = lock(seen);
    seen.ends.extend(ends);
    if seen.is_cut {
        for end in seen.ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// A lie about what waits, once it ends with a whole tag.
fn told(waiting: &mut Vec<u8>, lie: Lie) -> Option<Vec<u8>> {
    if waiting.last() != Some(&b'>') {
        return None;
    }
    let said = String::from_utf8_lossy(&std::mem::take(waiting)).into_owned();
    Some(lie(said).into_bytes())
}

/// Carries octets until one end closes, then closes the other.
fn pump(mut from: TcpStream, mut to: TcpStream, mut pass: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) {
    let mut chunk = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        let Some(octets) = pass(chunk[..count].to_vec()) else {
            continue;
        };
        if to.write_all(&octets).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
