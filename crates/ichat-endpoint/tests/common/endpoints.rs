//! Two whole endpoints in one process, with a real stream between them and real sockets on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_endpoint::{
    Allowed, AnswerMode, Command, EndpointConfig, Event, LinkLocal, Outcome, PortChoice,
    Reflectors, RunError, ServerName, Signalling, Tapped, Target, Task, run,
};
use ichat_xmpp::client::link_local;
use ichat_xmpp::{CallDialect, FullJid, Jid};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) const ALICE: &str = "alice@this-machine/test";
pub(crate) const BOB: &str = "bob@this-machine/test";

/// What one endpoint saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Result<Outcome, RunError>,
    pub(crate) events: Vec<Event>,
    pub(crate) wire: Vec<(Instant, Tapped)>,
}

impl Seen {
    /// What it said on the stream.
    pub(crate) fn said(&self) -> Vec<&str> {
        self.wire
            .iter()
            .filter_map(|(_, tapped)| match tapped {
                Tapped::Stanza { sent: true, xml } => Some(xml.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The text of a child of the first stanza of ours that has it.
    pub(crate) fn text(&self, child: &str) -> Option<&str> {
        let (begin, end) = (format!("<{child}>"), format!("</{child}>"));
        self.said().into_iter().find_map(|xml| {
            let rest = xml.split_once(&begin)?.1;
            Some(rest.split_once(&end)?.0)
        })
    }

    /// The payloads of the sound that it sent, or received.
    pub(crate) fn sound(&self, wanted: bool) -> Vec<Vec<u8>> {
        let mut packets: Vec<(u32, Vec<u8>)> = self
            .wire
            .iter()
            .filter_map(|(_, tapped)| match tapped {
                Tapped::Datagram { sent, octets, .. }
                    if *sent == wanted
                        && ichat_rtp::classify(octets) == ichat_rtp::DatagramKind::Rtp =>
                {
                    let timestamp = u32::from_be_bytes(octets[4..8].try_into().unwrap());
                    Some((timestamp, octets[12..].to_vec()))
                }
                _ => None,
            })
            .collect();
        packets.sort_by_key(|(timestamp, _)| *timestamp);
        packets.into_iter().map(|(_, payload)| payload).collect()
    }

    /// The datagrams of a kind that it sent.
    pub(crate) fn sent(&self, kind: ichat_rtp::DatagramKind) -> Vec<&[u8]> {
        self.wire
            .iter()
            .filter_map(|(_, tapped)| match tapped {
                Tapped::Datagram {
                    sent: true, octets, ..
                } if ichat_rtp::classify(octets) == kind => Some(octets.as_slice()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn paths(&self) -> Vec<(&'static str, SocketAddr)> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Path { kind, remote, .. } => Some((*kind, *remote)),
                _ => None,
            })
            .collect()
    }
}

/// On loopback, with a tone, until one hangs up.
pub(crate) fn config(dialect: CallDialect) -> EndpointConfig {
    EndpointConfig {
        bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        port: PortChoice::Any,
        input: "tone:440".parse().unwrap(),
        timeout: Duration::from_secs(10),
        answer: AnswerMode::Auto,
        allow: vec![Allowed::Anyone],
        dialect,
        ..EndpointConfig::default()
    }
}

/// A peer that is no endpoint: our end of a stream to one.
pub(crate) async fn streams() -> (Signalling, Signalling) {
    let (caller, callee) = connections().await;
    (over(caller, ALICE, BOB), over(callee, BOB, ALICE))
}

/// The two ends of a stream: Alice's, Bob's.
pub(crate) async fn connections() -> (
    ichat_xmpp::client::Connection,
    ichat_xmpp::client::Connection,
) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = (bare(ALICE), bare(BOB));
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        link_local::accept(stream, &theirs, None).await.unwrap()
    };
    let connect = async {
        link_local::connect(address, &ours, &theirs, None)
            .await
            .unwrap()
    };
    let (callee, caller) = tokio::join!(accept, connect);
    (caller, callee)
}

fn bare(jid: &str) -> String {
    full(jid).to_bare().to_string()
}

pub(crate) fn full(jid: &str) -> FullJid {
    FullJid::new(jid).unwrap()
}

pub(crate) fn over(
    connection: ichat_xmpp::client::Connection,
    ours: &str,
    theirs: &str,
) -> Signalling {
    Signalling {
        link: Some(LinkLocal {
            connection: Box::new(connection),
            jid: full(ours),
            peer: Jid::from(full(theirs).to_bare()),
        }),
        ..Signalling::default()
    }
}

pub(crate) async fn caller(signalling: Signalling, config: EndpointConfig) -> Seen {
    let peer = Jid::from(full(BOB));
    endpoint(signalling, Task::Call(Target::Jid(peer)), config).await
}

pub(crate) async fn callee(signalling: Signalling, config: EndpointConfig) -> Seen {
    let task = Task::Answer {
        once: true,
        sip: false,
    };
    endpoint(signalling, task, config).await
}

async fn endpoint(signalling: Signalling, task: Task, mut config: EndpointConfig) -> Seen {
    let (tap, mut tapped) = mpsc::unbounded_channel();
    config.tap = Some(tap);
    let (happened, mut events) = mpsc::unbounded_channel();
    let (_, wanted) = mpsc::unbounded_channel::<Command>();
    let outcome = run(config, signalling, task, wanted, happened).await;
    let mut seen = Seen {
        outcome,
        events: Vec::new(),
        wire: Vec::new(),
    };
    while let Ok(event) = events.try_recv() {
        seen.events.push(event);
    }
    while let Ok(one) = tapped.try_recv() {
        seen.wire.push(one);
    }
    seen
}

/// A whole call of a second.
pub(crate) async fn call(
    caller_config: EndpointConfig,
    callee_config: EndpointConfig,
) -> [Seen; 2] {
    let (alice, bob) = streams().await;
    let caller_config = EndpointConfig {
        duration: Some(Duration::from_secs(1)),
        ..caller_config
    };
    let both = async { tokio::join!(caller(alice, caller_config), callee(bob, callee_config)) };
    let (alice, bob) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    [alice, bob]
}

/// Asks this SNATMAP server.
pub(crate) fn asking(snatmap: SocketAddr) -> Reflectors {
    Reflectors {
        snatmap: vec![ServerName {
            host: snatmap.ip().to_string(),
            port: snatmap.port(),
        }],
        ..Reflectors::default()
    }
}

/// Answers SNATMAP questions with an address that none of us has, until it is dropped.
pub(crate) struct Mirror {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Mirror {
    pub(crate) async fn open(mapped: SocketAddr) -> Self {
        Self::open_until(mapped, std::future::ready(())).await
    }

    /// Says nothing before that.
    pub(crate) async fn open_until(
        mapped: SocketAddr,
        awaited: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut octets = [0; 64];
            awaited.await;
            while let Ok((length, source)) = socket.recv_from(&mut octets).await {
                if let Some(answer) = ichat_ice::snatmap::respond(mapped, &octets[..length]) {
                    socket.send_to(&answer, source).await.unwrap();
                }
            }
        });
        Self { address, task }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}
