//! An XMPP server with one account, which says what a test tells it.

use std::net::Ipv4Addr;

use ichat_endpoint::Signalling;
use ichat_xmpp::BareJid;
use ichat_xmpp::client::{ConnectConfig, TlsMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OPEN: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='im.test' id='1' version='1.0'>\
    <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
    <mechanism>PLAIN</mechanism></mechanisms>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

const BOUND: &str = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <jid>alice@im.test/desk</jid></bind></iq>";

/// It waits for Alice.
pub(crate) struct Server(TcpListener);

/// Its end of her stream.
pub(crate) struct Served {
    stream: TcpStream,
    /// What she said, as far as nobody has asked for it.
    heard: String,
}

impl Server {
    /// A server, and how it is signed in to.
    pub(crate) async fn open() -> (Self, Signalling) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut config = ConnectConfig::new(BareJid::new("alice@im.test").unwrap(), "x");
        config.server = Some(("127.0.0.1".into(), Some(port)));
        config.tls = TlsMode::Off;
        let signalling = Signalling {
            server: Some(Box::new(config)),
            ..Signalling::default()
        };
        (Self(listener), signalling)
    }

    /// Lets her in.
    pub(crate) async fn accept(self) -> Served {
        let (stream, _) = self.0.accept().await.unwrap();
        let mut served = Served {
            stream,
            heard: String::new(),
        };
        let success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
        for (end, answer) in [
            ("version='1.0'>", OPEN),
            ("</auth>", success),
            ("version='1.0'>", OPEN),
            ("</iq>", BOUND),
        ] {
            served.hear(end).await;
            served.say(answer).await;
        }
        served
    }
}

impl Served {
    pub(crate) async fn say(&mut self, xml: &str) {
        self.stream.write_all(xml.as_bytes()).await.unwrap();
    }

    /// Waits until she says this; gives what she said up to there.
    pub(crate) async fn hear(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.heard.find(end) {
                let rest = self.heard.split_off(at + end.len());
                return std::mem::replace(&mut self.heard, rest);
            }
            let mut octets = [0; 4096];
            let length = self.stream.read(&mut octets).await.unwrap();
            assert!(length > 0, "she left, having said {}", self.heard);
            self.heard
                .push_str(&String::from_utf8_lossy(&octets[..length]));
        }
    }
}
