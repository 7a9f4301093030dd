//! A relayed address of a real coturn, over real sockets on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ichat_ice::{
    GatherConfig, GatherEvent, GatherOutput, Gathered, Gatherer, Interface, Mapping, RelayFailure,
    Transmit, TurnServer,
};

/// A coturn that ends with the test.
struct Coturn {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Coturn {
    /// `None`, said loudly, where it is not installed; a failure where `CI` is set. It listens and
    /// lends at the one address `ip`.
    fn start(name: &str, ip: IpAddr) -> Option<Self> {
        let free = UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr());
        let address = match free {
            Ok(address) => address,
            Err(error) => {
                eprintln!("NOT TESTED against coturn: this machine has no {ip}: {error}");
                assert!(std::env::var_os("CI").is_none(), "no {ip}");
                return None;
            }
        };
        let folder = std::env::temp_dir().join(format!("ichat-ice-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let configuration = folder.join("turnserver.conf");
        let text = format!(
            "listening-port={}\nlistening-ip={ip}\nrelay-ip={ip}\nallow-loopback-peers\n\
             no-tls\nno-dtls\nno-cli\nlt-cred-mech\nuser=mac:secret\nrealm=example.org\n\
             db={folder}/db\nlog-file={folder}/log\nsimple-log\npidfile={folder}/pid\n",
            address.port(),
            folder = folder.display(),
        );
        std::fs::write(&configuration, text).unwrap();
        let started = Command::new("turnserver")
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(process) => Some(Self {
                process,
                folder,
                address,
            }),
            Err(error) => {
                eprintln!("NOT TESTED against coturn: turnserver does not start: {error}");
                assert!(std::env::var_os("CI").is_none(), "coturn is missing");
                None
            }
        }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A gatherer with its socket.
struct Client {
    socket: UdpSocket,
    gatherer: Gatherer,
    events: Vec<GatherEvent>,
    relayed: Vec<(SocketAddr, Vec<u8>)>,
}

impl Client {
    fn new(server: SocketAddr, password: &str) -> Self {
        let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let config = GatherConfig {
            seed: 3,
            interfaces: vec![Interface {
                name: "lo".to_owned(),
                socket: socket.local_addr().unwrap(),
                point_to_point: false,
            }],
            stun: vec![server],
            turn: vec![TurnServer {
                address: server,
                username: "mac".to_owned(),
                password: password.to_owned(),
            }],
            ..GatherConfig::default()
        };
        Self {
            gatherer: Gatherer::new(Instant::now(), config),
            socket,
            events: Vec::new(),
            relayed: Vec::new(),
        }
    }

    /// Works until `done` says so, at most 10 s.
    fn work(&mut self, done: impl Fn(&Self) -> bool) {
        let local = self.socket.local_addr().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let mut datagram = [0; 2048];
        while !done(self) {
            assert!(Instant::now() < end, "nothing came: {:?}", self.events);
            while let Some(output) = self.gatherer.poll_output() {
                match output {
                    GatherOutput::Transmit(transmit) => {
                        self.socket
                            .send_to(&transmit.octets, transmit.remote)
                            .unwrap();
                    }
                    GatherOutput::Event(event) => self.events.push(event),
                }
            }
            let now = Instant::now();
            if let Ok((length, source)) = self.socket.recv_from(&mut datagram) {
                let octets = datagram.get(..length).unwrap();
                match self.gatherer.handle_datagram(now, local, source, octets) {
                    Gathered::Relayed { remote, octets, .. } => self.relayed.push((remote, octets)),
                    Gathered::Handled => {}
                    other => panic!("{other:?}"),
                }
            } else {
                std::thread::yield_now();
            }
            self.gatherer.handle_timeout(now);
        }
    }

    fn lent(&self) -> Option<SocketAddr> {
        let candidates = self.gatherer.local_candidates();
        candidates
            .iter()
            .find(|local| local.relayed)
            .map(|local| local.base)
    }
}

#[test]
fn coturn_lends_an_address_and_relays_both_ways() {
    relays_both_ways("relay", Ipv4Addr::LOCALHOST.into());
}

#[test]
fn coturn_lends_an_ipv6_address_over_ipv6_and_relays_both_ways() {
    relays_both_ways("relay-ipv6", Ipv6Addr::LOCALHOST.into());
}

fn relays_both_ways(name: &str, ip: IpAddr) {
    let Some(server) = Coturn::start(name, ip) else {
        return;
    };
    let mut client = Client::new(server.address, "secret");
    client.work(|client| client.gatherer.is_complete());
    let lent = client.lent().unwrap();
    assert_eq!(lent.ip(), ip);
    let local = client.socket.local_addr().unwrap();
    assert_eq!(
        client.gatherer.nat(local).mapping,
        Mapping::None,
        "its STUN side answers too"
    );
    let peer = UdpSocket::bind((ip, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let peer_address = peer.local_addr().unwrap();
    let mut datagram = [0; 2048];
    // Enough for a channel and for a while on it.
    for number in 0..40_u8 {
        let transmit = Transmit {
            local: lent,
            remote: peer_address,
            octets: vec![number; 172],
        };
        assert!(client.gatherer.send_relayed(Instant::now(), &transmit));
        let end = Instant::now() + Duration::from_secs(10);
        let (length, source) = loop {
            assert!(Instant::now() < end, "datagram {number} does not arrive");
            let turns = std::cell::Cell::new(0);
            client.work(|_| turns.replace(turns.get() + 1) > 10);
            if let Ok(received) = peer.recv_from(&mut datagram) {
                break received;
            }
        };
        assert_eq!(
            (source, datagram.get(..length)),
            (lent, Some(&[number; 172][..]))
        );
        peer.send_to(&[number; 10], lent).unwrap();
        client.work(|client| client.relayed.len() > usize::from(number));
        assert_eq!(
            client.relayed.last(),
            Some(&(peer_address, vec![number; 10]))
        );
    }
    client.gatherer.release(Instant::now());
}

#[test]
fn coturn_refuses_a_wrong_password_and_we_say_so_at_once() {
    let Some(server) = Coturn::start("password", Ipv4Addr::LOCALHOST.into()) else {
        return;
    };
    let mut client = Client::new(server.address, "wrong");
    let started = Instant::now();
    client.work(|client| client.gatherer.is_complete() && client.events.len() > 2);
    let refused = GatherEvent::RelayFailed {
        server: server.address,
        cause: RelayFailure::Unauthorized,
    };
    assert!(client.events.contains(&refused), "{:?}", client.events);
    assert!(started.elapsed() < Duration::from_secs(5));
}
