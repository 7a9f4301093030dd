//! What a hostile neighbour does: streams that say nothing, and streams that never end.

use crate::lan::LanInput;
use crate::xml::escape;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

/// An element that never ends, cut here at the latest.
const MOST: u64 = 256 << 20;

/// How it went.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The stream that says nothing was closed after so long.
    SilentClosed(Duration),
    /// The stream that never ends was closed after so many octets.
    EndlessClosed(u64),
}

/// Says nothing until the other side closes.
pub(crate) fn silent(mut tcp: TcpStream, inputs: Sender<LanInput>) {
    let start = Instant::now();
    thread::spawn(move || {
        let mut octets = [0; 1024];
        while matches!(tcp.read(&mut octets), Ok(count) if count > 0) {}
        let _ = inputs.send(LanInput::Troubled(Trouble::SilentClosed(start.elapsed())));
    });
}

/// The header and the first octets of a message that never ends.
pub(crate) fn endless(header: &str, ours: &str, theirs: &str) -> String {
    let (ours, theirs) = (escape(ours), escape(theirs));
    format!("{header}<message type='chat' to='{theirs}' from='{ours}'><body>")
}

/// Pours text after `text` until the other side closes.
pub(crate) fn pour(mut tcp: TcpStream, text: String, inputs: Sender<LanInput>) {
    thread::spawn(move || {
        let chunk = [b'x'; 16 << 10];
        let mut poured = 0;
        let mut write = |octets: &[u8]| match tcp.write(octets) {
            Ok(count) => Some(count as u64),
            Err(error) if error.kind() == ErrorKind::Interrupted => Some(0),
            Err(_) => None,
        };
        let mut next = write(text.as_bytes());
        while let Some(count) = next.filter(|_| poured < MOST) {
            poured += count;
            next = write(&chunk);
        }
        let _ = inputs.send(LanInput::Troubled(Trouble::EndlessClosed(poured)));
    });
}
