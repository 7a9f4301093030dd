//! As many questions as a server can answer.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use scenarios::ports::LOOPBACK;

use crate::rival::Running;

/// Sockets that ask, each from a port of its own.
const SOCKETS: usize = 16;

/// Questions that a socket has open.
const WINDOW: usize = 16;

/// After this long without an answer, what is open has been lost.
const LOST: Duration = Duration::from_millis(50);

/// How long the server runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    replies: u64,
    octets_in: u64,
    octets_out: u64,
    took: Duration,
    processor: Duration,
}

impl Figures {
    pub(crate) fn thousands_a_second(&self) -> f64 {
        self.replies as f64 / self.took.as_secs_f64() / 1000.0
    }

    pub(crate) fn thousands_a_processor_second(&self) -> f64 {
        self.replies as f64 / self.processor.as_secs_f64() / 1000.0
    }

    pub(crate) fn busy_percent(&self) -> f64 {
        100.0 * self.processor.as_secs_f64() / self.took.as_secs_f64()
    }

    pub(crate) fn reflection(&self) -> f64 {
        self.octets_out as f64 / self.octets_in as f64
    }
}

/// Asks for so long, and counts.
///
/// # Panics
/// If the server does not answer at all.
pub(crate) fn measure(server: &Running, question: &[u8], window: Duration) -> Figures {
    let mut askers: Vec<Asker> = (0..SOCKETS).map(|_| Asker::new(server)).collect();
    let mut run = |until: Instant| {
        let before = Counts::of(&askers);
        let mut now = Instant::now();
        while now < until {
            for asker in &mut askers {
                asker.turn(now, question);
            }
            now = Instant::now();
        }
        Counts::of(&askers).since(before)
    };
    run(Instant::now() + WARM_UP);
    let (started, used) = (Instant::now(), server.processor_time());
    let counts = run(started + window);
    let (took, processor) = (started.elapsed(), server.processor_time() - used);
    assert!(counts.replies > 0, "no answer at all");
    Figures {
        replies: counts.replies,
        // Those that were answered: what is open or lost is no reflection.
        octets_in: counts.replies * question.len() as u64,
        octets_out: counts.octets,
        took,
        processor,
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    replies: u64,
    octets: u64,
}

impl Counts {
    fn of(askers: &[Asker]) -> Self {
        Self {
            replies: askers.iter().map(|asker| asker.counts.replies).sum(),
            octets: askers.iter().map(|asker| asker.counts.octets).sum(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            replies: self.replies - before.replies,
            octets: self.octets - before.octets,
        }
    }
}

struct Asker {
    socket: UdpSocket,
    open: usize,
    heard: Instant,
    counts: Counts,
}

impl Asker {
    fn new(server: &Running) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback has a free UDP port");
        socket
            .connect(server.address)
            .expect("a socket can be connected");
        socket.set_nonblocking(true).expect("a socket option");
        Self {
            socket,
            open: 0,
            heard: Instant::now(),
            counts: Counts::default(),
        }
    }

    /// Reads all answers that are there, and asks as often.
    fn turn(&mut self, now: Instant, question: &[u8]) {
        let mut octets = [0; 2048];
        // Without the call that finds nothing: what is open bounds what can come.
        while self.open > 0 {
            match self.socket.recv(&mut octets) {
                Ok(len) => {
                    self.counts.replies += 1;
                    self.counts.octets += len as u64;
                    self.open -= 1;
                    self.heard = now;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server is gone: {error}"),
            }
        }
        if now.duration_since(self.heard) > LOST {
            self.open = 0;
            self.heard = now;
        }
        while self.open < WINDOW && self.socket.send(question).is_ok() {
            self.open += 1;
        }
    }
}
