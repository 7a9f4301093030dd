//! A thread that reads datagrams from a socket and answers them.

use std::io::{self, IoSliceMut};
use std::net::UdpSocket as StdUdpSocket;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::desk::Desk;

/// Octets that are read of a datagram. A request has 16; what is longer than this is seen to be
/// wrong all the same. Datagrams of one source that the system hands over together (`UDP_GRO`, 64
/// at most) fit, if they are requests.
const BUFFER: usize = 2048;

/// Datagrams that are read by one call of the system.
const BATCH: usize = BATCH_SIZE;

/// So many errors of a socket in a row are passed over at once.
const MAX_ERRORS: u32 = 16;

/// How long a socket is left alone that reports nothing but errors.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Starts a thread for a socket. It ends when `stop` changes or is dropped.
///
/// # Errors
/// Where the system refuses what it needs.
pub(super) fn start(
    socket: StdUdpSocket,
    desk: Arc<Desk>,
    mut stop: watch::Receiver<()>,
) -> io::Result<JoinHandle<()>> {
    // Without timers, which would be looked after each time that the thread waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let state = UdpSocketState::new((&socket).into())?;
    let is_wildcard = socket.local_addr()?.ip().is_unspecified();
    let socket = {
        let _context = runtime.enter();
        UdpSocket::from_std(socket)?
    };
    let counter = Counter {
        socket,
        state,
        is_wildcard,
    };
    let seat = desk.sit_down();
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = counter.serve(&seat) => {}
            }
        });
    };
    std::thread::Builder::new()
        .name("snatmap".into())
        .spawn(run)
}

/// A socket with what the system tells of each of its datagrams.
struct Counter {
    socket: UdpSocket,
    state: UdpSocketState,
    /// It is bound to all addresses: each answer must say which one it comes from.
    is_wildcard: bool,
}

impl Counter {
    /// Answers for ever.
    async fn serve(&self, desk: &Desk) {
        let mut batch = Batch::new();
        let mut errors = 0;
        loop {
            let read = || batch.read(&self.socket, &self.state);
            match self.socket.async_io(Interest::READABLE, read).await {
                Ok(count) => {
                    errors = 0;
                    self.answer(&batch, count, desk);
                }
                Err(error) => {
                    // What became of an earlier answer, perhaps; never a reason to stop.
                    tracing::debug!(%error, "a socket reported an error; passed over");
                    errors += 1;
                    if errors >= MAX_ERRORS {
                        errors = 0;
                        std::thread::sleep(ERROR_PAUSE);
                    }
                }
            }
        }
    }

    /// Answers the first `count` of a batch.
    fn answer(&self, batch: &Batch, count: usize, desk: &Desk) {
        let now = Instant::now();
        for (octets, about) in batch.octets.iter().zip(&batch.about).take(count) {
            for datagram in datagrams(octets, about.len, about.stride) {
                let Some(answer) = desk.respond(now, about.addr, datagram) else {
                    continue;
                };
                if let Err(error) = self.send(&answer, about) {
                    tracing::debug!(%error, "an answer could not be sent");
                    desk.note_send_failure();
                }
            }
        }
    }

    /// Sends an answer from the address that the request was sent to: a NAT lets no other one in.
    fn send(&self, answer: &[u8], about: &RecvMeta) -> io::Result<()> {
        if !self.is_wildcard {
            // Straight to the system: tokio would ask its reactor first.
            let sent = SockRef::from(&self.socket).send_to(answer, &about.addr.into());
            return sent.map(|_| ());
        }
        let transmit = Transmit {
            destination: about.addr,
            ecn: None,
            contents: answer,
            segment_size: None,
            src_ip: about.dst_ip,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }
}

/// Datagrams that are read and answered together.
struct Batch {
    octets: Box<[[u8; BUFFER]; BATCH]>,
    about: [RecvMeta; BATCH],
}

impl Batch {
    fn new() -> Self {
        Self {
            octets: Box::new([[0; BUFFER]; BATCH]),
            about: [RecvMeta::default(); BATCH],
        }
    }

    /// Reads as many as there are, one at least.
    fn read(&mut self, socket: &UdpSocket, state: &UdpSocketState) -> io::Result<usize> {
        let mut slices = self.octets.each_mut().map(|octets| IoSliceMut::new(octets));
        state.recv(socket.into(), &mut slices, &mut self.about)
    }
}

/// The datagrams in `len` octets of a buffer: one every `stride`, of which the last may be shorter.
/// An empty datagram is one, too.
fn datagrams(octets: &[u8], len: usize, stride: usize) -> impl Iterator<Item = &[u8]> {
    let octets = octets.get(..len).unwrap_or(octets);
    let empty = octets.is_empty().then_some(octets);
    empty.into_iter().chain(octets.chunks(stride.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(len: usize, stride: usize) -> Vec<usize> {
        let found = datagrams(&[0; 64], len, stride);
        found.map(<[u8]>::len).collect()
    }

    #[test]
    fn datagrams_that_came_together_are_taken_apart() {
        assert_eq!(lengths(16, 16), [16]);
        assert_eq!(lengths(48, 16), [16, 16, 16]);
        assert_eq!(lengths(40, 16), [16, 16, 8]);
        assert_eq!(lengths(15, 15), [15]);
    }

    #[test]
    fn an_empty_datagram_and_a_cut_one_are_one_each() {
        assert_eq!(lengths(0, 0), [0]);
        assert_eq!(lengths(1000, 1472), [64]);
    }
}
