//! Servers for the client to sign in to: one in this process that does what a test tells it, and a
//! real Prosody.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

pub mod certificates;
pub mod prosody;
pub mod scram;
pub mod scripted;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ichat_xmpp::BareJid;
use ichat_xmpp::client::{ConnectConfig, Timing, TlsMode, Trace};
use minidom::Element;

pub const PASSWORD: &str = "correct horse, battery=staple";

/// `me@im.test` at a server on this machine, without TLS.
pub fn plain_config(port: u16) -> ConnectConfig {
    let mut config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), PASSWORD);
    config.server = Some(("127.0.0.1".into(), Some(port)));
    config.tls = TlsMode::Off;
    config.resource = Some("ichat-call-0a1b".into());
    config
}

/// Limits that only a broken test reaches.
pub fn timing() -> Timing {
    Timing {
        connect: Duration::from_secs(30),
        sign_in: Duration::from_secs(30),
        ..Timing::default()
    }
}

pub fn element(xml: &str) -> Element {
    xml.parse().unwrap()
}

/// What a trace wrote.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub fn trace(&self) -> Trace {
        Trace::to_writer(self.clone())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
