//! A server in memory for tests, in virtual time: what each try to sign in meets is told beforehand.

use super::attempt::{Begun, Online, SignIn, Wish};
use super::*;
use crate::client::carrier::{Arrival, Carrier};
use crate::client::server::{Probe, Server};
use crate::client::sm::Management;
use crate::client::wire::guarded;
use futures::{SinkExt, StreamExt};
use std::sync::{Arc, Mutex};
use tokio::io::{BufReader, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, accept_stream};
use xmpp_parsers::ns::JABBER_CLIENT;
use xmpp_parsers::stream_features::StreamFeatures;

pub(super) fn element(xml: &str) -> Element {
    xml.parse().unwrap()
}

pub(super) fn message(id: &str) -> Element {
    element(&format!("<message xmlns='jabber:client' id='{id}'/>"))
}

/// What a try meets.
pub(super) enum Meets {
    /// This error.
    Error(ConnectError),
    /// The same after some time.
    Slow(Duration, Box<Self>),
    /// A new session, counted or not.
    New { jid: &'static str, counted: bool },
    /// The answer `<failed/>` to resumption, and a new session.
    Failed(&'static str),
    /// The session of before, of which the server has so many stanzas.
    Resumed(u32),
}

pub(super) const JID: &str = "me@im.test/desk";

pub(super) fn new() -> Meets {
    Meets::New {
        jid: JID,
        counted: true,
    }
}

pub(super) fn uncounted() -> Meets {
    Meets::New {
        jid: JID,
        counted: false,
    }
}

pub(super) fn unreachable() -> Meets {
    Meets::Error(ConnectError::Lost {
        stage: Stage::Connecting,
        source: None,
    })
}

/// The server's end of one stream.
pub(super) struct Peer(XmlStream<BufReader<DuplexStream>, Element>);

impl Peer {
    pub(super) async fn say(&mut self, xml: &str) {
        self.0.send(&element(xml)).await.unwrap();
    }

    /// The next element from us, as name and id, or name and count.
    pub(super) async fn hear(&mut self) -> String {
        match self.0.next().await {
            Some(Ok(element)) => {
                let number = element.attr("id").or(element.attr("h"));
                format!("{} {}", element.name(), number.unwrap_or_default())
                    .trim_end()
                    .to_owned()
            }
            Some(Err(ReadError::StreamFooterReceived)) => "footer".into(),
            other => format!("{other:?}"),
        }
    }

    pub(super) async fn hear_all(&mut self, count: usize) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.len() < count {
            heard.push(self.hear().await);
        }
        heard
    }

    /// Ends the stream with an error, and is gone.
    pub(super) async fn fail(mut self, condition: &str) {
        self.say(&format!(
            "<error xmlns='http://etherx.jabber.org/streams'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>"
        ))
        .await;
    }
}

/// What was asked for, and when.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) at: Instant,
    pub(super) wish: Wish,
}

pub(super) struct World {
    pub(super) tries: Arc<Mutex<Vec<Tried>>>,
    peers: mpsc::UnboundedReceiver<Peer>,
}

impl World {
    /// Signs in to a server of which each further try meets the next of these. After the last one
    /// there is nobody any more.
    pub(super) async fn begin(meets: Vec<Meets>) -> (Persistent, Peer, Self) {
        Self::begin_with(meets, 1 << 16).await
    }

    pub(super) async fn begin_with(meets: Vec<Meets>, capacity: usize) -> (Persistent, Peer, Self) {
        let tries = Arc::new(Mutex::new(Vec::new()));
        let noted = tries.clone();
        let (arrived, peers) = mpsc::unbounded_channel();
        let meets = Arc::new(Mutex::new(VecDeque::from(meets)));
        let sign_in: SignIn = Box::new(move |wish: Wish| {
            let at = Instant::now();
            noted.lock().unwrap().push(Tried { at, wish });
            let next = meets.lock().unwrap().pop_front().unwrap_or(unreachable());
            let arrived = arrived.clone();
            Box::pin(meet(next, arrived, capacity))
        });
        let resource = Some("desk".to_owned());
        let mut world = Self { tries, peers };
        let started = Persistent::start(sign_in, resource, Timing::default(), Lot::new(5)).await;
        let peer = world.peer().await;
        (started.unwrap(), peer, world)
    }

    /// The server's end of the next stream.
    pub(super) async fn peer(&mut self) -> Peer {
        self.peers.recv().await.unwrap()
    }

    /// Seconds between the tries.
    pub(super) fn waits(&self) -> Vec<f64> {
        let tries = self.tries.lock().unwrap();
        let pairs = tries.windows(2);
        pairs
            .map(|pair| (pair[1].at - pair[0].at).as_secs_f64())
            .collect()
    }
}

async fn meet(
    meets: Meets,
    arrived: mpsc::UnboundedSender<Peer>,
    capacity: usize,
) -> Result<Online, ConnectError> {
    let counted = || {
        let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='t1' resume='true'/>";
        Some(Management::new(&element(enabled)))
    };
    let session = match meets {
        Meets::Error(error) => return Err(error),
        Meets::Slow(time, meets) => {
            sleep(time).await;
            return Box::pin(meet(*meets, arrived, capacity)).await;
        }
        Meets::New { jid, counted: yes } => Begun::New {
            jid: FullJid::new(jid).unwrap(),
            management: yes.then(counted).flatten(),
            failed: None,
        },
        Meets::Failed(xml) => Begun::New {
            jid: FullJid::new("me@im.test/other").unwrap(),
            management: counted(),
            failed: Some(element(xml)),
        },
        Meets::Resumed(h) => {
            let xml = format!("<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='{h}'/>");
            Begun::Resumed(element(&xml))
        }
    };
    let (ours, theirs) = duplex(capacity);
    let header = || StreamHeader {
        from: None,
        to: None,
        id: Some("1".into()),
    };
    let serving = async {
        let never = Duration::from_secs(1_000_000);
        let timeouts = Timeouts {
            read_timeout: never,
            response_timeout: never,
        };
        let io = BufReader::new(theirs);
        let accepted = accept_stream(io, JABBER_CLIENT, timeouts).await.unwrap();
        let pending = accepted.send_header(header()).await.unwrap();
        let features = StreamFeatures::default();
        Peer(pending.send_features(&features).await.unwrap())
    };
    let io = guarded(Box::new(ours));
    let timing = Timing::default();
    let opening = Server::open(io, "im.test", &timing, None);
    let (server, peer) = tokio::join!(opening, serving);
    let mut server = server.unwrap();
    let features = poll_fn(|cx| server.poll_arrival(cx)).await;
    assert!(matches!(features, Ok(Arrival::Stanza(_))));
    let counted = match &session {
        Begun::Resumed(_) => true,
        Begun::New { management, .. } => management.is_some(),
    };
    if counted {
        server.set_probe(Probe::Count);
    }
    arrived.send(peer).map_err(|_| ()).unwrap();
    let login = Login {
        address: "127.0.0.1:5222".parse().unwrap(),
        tls: None,
        mechanism: "SCRAM-SHA-256",
        features: Element::bare("features", JABBER_CLIENT),
    };
    Ok(Online {
        server,
        login,
        waiting: VecDeque::new(),
        session,
    })
}
