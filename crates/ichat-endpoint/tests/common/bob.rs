//! A peer that does and says what a test tells it.

use std::time::Duration;

use ichat_endpoint::introductions::{self, Parties};
use ichat_endpoint::{Command, EndpointConfig, Event, Target, Task, run};
use ichat_invitation::{Candidate, CandidateId, IpPort, Party};
use ichat_rtp::DatagramKind;
use ichat_xmpp::client::Connection;

use super::endpoints::{ALICE, BOB, connections, full, over};

/// Bob's end of a stream, and his UDP socket: a peer that says what a test tells it.
pub(crate) struct Bob {
    pub(crate) stream: Connection,
    pub(crate) socket: tokio::net::UdpSocket,
}

impl Bob {
    /// Waits for a stanza with this in it.
    pub(crate) async fn hear(&mut self, wanted: &str) -> String {
        loop {
            let stanza = String::from(&self.stream.recv().await.unwrap());
            if stanza.contains(wanted) {
                return stanza;
            }
        }
    }

    pub(crate) async fn say(&mut self, id: &str, query: &str) {
        let stanza = format!(
            "<iq xmlns='jabber:client' type='set' from='bob@this-machine' to='alice@this-machine' \
             id='{id}'>{query}</iq>"
        );
        self.stream.send(&stanza.parse().unwrap()).await.unwrap();
    }

    pub(crate) async fn accept(&mut self, child: &str, text: &str) {
        let query = format!(
            "<query xmlns='apple:iq:vc:response'><response>0</response><{child}>{text}</{child}>\
             <VCProtocolVersion>1</VCProtocolVersion></query>"
        );
        self.say("answer", &query).await;
    }

    /// The next datagram that is of that kind.
    pub(crate) async fn receive(&mut self, kind: DatagramKind) -> Vec<u8> {
        let mut octets = [0; 2048];
        loop {
            let (length, _) = self.socket.recv_from(&mut octets).await.unwrap();
            if ichat_rtp::classify(&octets[..length]) == kind {
                return octets[..length].to_vec();
            }
        }
    }

    pub(crate) fn record(&self) -> IpPort {
        IpPort::new("en1", self.socket.local_addr().unwrap())
    }

    /// An invitation with his address for a candidate.
    pub(crate) fn invitation(&self) -> String {
        invitation(self.record())
    }
}

/// An invitation of Bob's with this address for a candidate.
pub(crate) fn invitation(record: IpPort) -> String {
    let candidate = Candidate::host(CandidateId::new(0x1234), 45, &record);
    let parties = Parties {
        caller: Party {
            jid: "alice@this-machine/test",
            name: "",
        },
        callee: Party {
            jid: "bob@this-machine",
            name: "",
        },
    };
    let invitation = introductions::invite(parties, None, 7, vec![candidate]).unwrap();
    introductions::text(&invitation).unwrap()
}

/// Alice calls Bob, or is called by him, and he does as he is told.
pub(crate) async fn with_bob<T>(
    task: Task,
    config: EndpointConfig,
    script: impl AsyncFnOnce(&mut Bob) -> T,
) -> (Vec<Event>, T) {
    let (ours, theirs) = connections().await;
    let (happened, mut events) = tokio::sync::mpsc::unbounded_channel();
    let (commands, wanted) = tokio::sync::mpsc::unbounded_channel();
    let signalling = over(ours, ALICE, BOB);
    let running = tokio::spawn(run(config, signalling, task, wanted, happened));
    let mut bob = Bob {
        stream: theirs,
        socket: tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    };
    let told = tokio::time::timeout(Duration::from_secs(30), script(&mut bob))
        .await
        .unwrap();
    // It may be done already.
    let _ = commands.send(Command::Leave);
    drop(bob);
    running.await.unwrap().unwrap();
    let mut all = Vec::new();
    while let Ok(event) = events.try_recv() {
        all.push(event);
    }
    (all, told)
}

pub(crate) fn to_bob() -> Task {
    Task::Call(Target::Jid(full(BOB).into()))
}

pub(crate) fn warnings(events: &[Event]) -> Vec<&'static str> {
    let warnings = events.iter().filter_map(|event| match event {
        Event::Warning { code, .. } => Some(*code),
        _ => None,
    });
    warnings.collect()
}
