//! A relay between two SIP programs, which notes when each message passes. Both ends of a call are
//! seen by the same clock, whichever programs they are, and nobody needs to be root.
//!
//! Each end takes the relay for the other end: its addresses stand in for theirs in the headers, so
//! that ACK and BYE, which go to a Contact, come this way too. Media goes directly.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scenarios::SOON;
use scenarios::ports::LOOPBACK;

/// How often an idle relay looks whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// A running relay in front of one callee.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    passed: Receiver<Passed>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// When the messages of one set-up passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetUp {
    /// From INVITE to its 200: what the callee needed.
    pub(crate) callee: Duration,
    /// From the 200 to its ACK: what the caller needed.
    pub(crate) caller: Duration,
}

/// A message that passed.
#[derive(Debug)]
struct Passed {
    at: Instant,
    /// Its method, or its status and the method that it answers.
    what: String,
}

/// Passes one message on; `None` if there was none, or no one to pass it to.
type Pass = fn(&Ways, &Sender<Passed>) -> Option<()>;

/// The two sockets, and who is behind them.
#[derive(Debug)]
struct Ways {
    to_caller: UdpSocket,
    to_callee: UdpSocket,
    callee: SocketAddr,
    caller: Mutex<Option<SocketAddr>>,
}

impl Relay {
    /// A relay to this callee.
    pub(crate) fn to(callee: SocketAddr) -> Self {
        let bind = || {
            let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback has a free UDP port");
            socket
                .set_read_timeout(Some(LOOK))
                .expect("a socket option");
            socket
        };
        let ways = Arc::new(Ways {
            to_caller: bind(),
            to_callee: bind(),
            callee,
            caller: Mutex::new(None),
        });
        let address = ways.to_caller.local_addr().expect("it is bound");
        let over = Arc::new(AtomicBool::new(false));
        let (tell, passed) = mpsc::channel();
        let directions: [Pass; 2] = [Ways::pass_to_callee, Ways::pass_to_caller];
        let threads = directions
            .into_iter()
            .map(|pass| {
                let (ways, over, tell) = (Arc::clone(&ways), Arc::clone(&over), tell.clone());
                std::thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let _ = pass(&ways, &tell);
                    }
                })
            })
            .collect();
        Self {
            address,
            passed,
            over,
            threads,
        }
    }

    /// What a caller calls.
    pub(crate) fn uri(&self) -> String {
        format!("sip:bare@{}", self.address)
    }

    /// Waits for a call to come up.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn set_up(&self) -> SetUp {
        let invite = self.wait("INVITE");
        let answer = self.wait("200 INVITE");
        let ack = self.wait("ACK");
        SetUp {
            callee: answer - invite,
            caller: ack - answer,
        }
    }

    /// Waits until a call is over.
    ///
    /// # Panics
    /// If it does not end.
    pub(crate) fn hang_up(&self) {
        self.wait("BYE");
        self.wait("200 BYE");
    }

    fn wait(&self, what: &str) -> Instant {
        let mut others = Vec::new();
        loop {
            match self.passed.recv_timeout(SOON) {
                Ok(passed) if passed.what == what => return passed.at,
                Ok(passed) => others.push(passed.what),
                Err(_) => panic!("no {what} passed within {SOON:?}, but {others:?}"),
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Ways {
    fn pass_to_callee(&self, tell: &Sender<Passed>) -> Option<()> {
        let (text, at, source) = receive(&self.to_caller)?;
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
        // Before it goes on: what answers it is told after it.
        tell.send(Passed::new(at, &text)).ok()?;
        self.pass(
            &text,
            source,
            (&self.to_caller, &self.to_callee),
            self.callee,
        )
    }

    fn pass_to_caller(&self, tell: &Sender<Passed>) -> Option<()> {
        let (text, at, source) = receive(&self.to_callee)?;
        tell.send(Passed::new(at, &text)).ok()?;
        let caller = *self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        self.pass(&text, source, (&self.to_callee, &self.to_caller), caller?)
    }

    /// Sends a message on, with our addresses in place of the ends': the sender's becomes the one
    /// that the receiver knows, and the one that the sender knows becomes the receiver's.
    fn pass(
        &self,
        text: &str,
        from: SocketAddr,
        (inward, outward): (&UdpSocket, &UdpSocket),
        to: SocketAddr,
    ) -> Option<()> {
        let (inward, ours) = (inward.local_addr().ok()?, outward.local_addr().ok()?);
        let text = text.replace(&from.to_string(), &ours.to_string());
        let text = text.replace(&inward.to_string(), &to.to_string());
        outward.send_to(text.as_bytes(), to).ok().map(drop)
    }
}

fn receive(socket: &UdpSocket) -> Option<(String, Instant, SocketAddr)> {
    let mut octets = [0; 65536];
    let (length, source) = socket.recv_from(&mut octets).ok()?;
    let at = Instant::now();
    let text = String::from_utf8_lossy(octets.get(..length)?).into_owned();
    Some((text, at, source))
}

impl Passed {
    fn new(at: Instant, text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default();
        let what = if method == "SIP/2.0" {
            let sequence = text
                .lines()
                .find(|line| line.to_lowercase().starts_with("cseq:"));
            let asked = sequence.and_then(|line| line.split_whitespace().last());
            format!(
                "{} {}",
                words.next().unwrap_or_default(),
                asked.unwrap_or_default()
            )
        } else {
            method.to_owned()
        };
        Self { at, what }
    }
}
