//! Asking one server from one socket: where do you see me?

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::random::Random;
use crate::stun::{self, MessageKind, TransactionId};
use crate::{Transmit, snatmap};

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReflectorProtocol {
    /// Apple's reflector (`docs/protocol/snatmap.md`); IPv4 only.
    Snatmap,
    /// STUN Binding (RFC 8489 §3, RFC 3489).
    Stun,
}

/// How often a reflector is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectorTimings {
    /// Between a request and its repetition: 500 ms (`docs/protocol/snatmap.md`, messages \[D\]).
    pub resend: Duration,
    /// From the first request to giving up: 5 s (same place \[D\]).
    pub give_up: Duration,
    /// From an answer, or from giving up, to asking again: 15 s (`docs/protocol/field.md`, 14 \[I\]),
    /// which keeps the NAT's mapping open as well. `None`: once is enough.
    pub refresh: Option<Duration>,
}

impl Default for ReflectorTimings {
    fn default() -> Self {
        Self {
            resend: Duration::from_millis(500),
            give_up: Duration::from_secs(5),
            refresh: Some(Duration::from_secs(15)),
        }
    }
}

/// What a reflector gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReflectorOutput {
    /// A datagram to send.
    Transmit(Transmit),
    /// News.
    Event(ReflectorEvent),
}

/// News of a reflector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReflectorEvent {
    /// The server answered. Comes with every answer, the same address or not.
    Mapped {
        /// Where it sees us.
        address: SocketAddr,
        /// From the last request to the answer.
        round_trip: Duration,
    },
    /// No answer within [`ReflectorTimings::give_up`].
    NoAnswer,
}

/// One server, asked from one socket.
///
/// A machine without I/O: drain [`poll_output`](Self::poll_output) to `None` after every call that
/// changes it, and call [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout). The first request goes out at once. Ask from the socket
/// that media will use: a mapping belongs to its socket.
#[derive(Debug)]
pub struct Reflector {
    protocol: ReflectorProtocol,
    local: SocketAddr,
    server: SocketAddr,
    timings: ReflectorTimings,
    random: Random,
    state: State,
    outputs: VecDeque<ReflectorOutput>,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy)]
enum State {
    Asking {
        question: Question,
        started: Instant,
        sent: Instant,
    },
    Resting {
        until: Option<Instant>,
    },
}

/// What tells the answer.
#[derive(Debug, Clone, Copy)]
enum Question {
    Snatmap { nonce: u32 },
    Stun { transaction: TransactionId },
}

impl Reflector {
    /// A reflector that is asked now. SNATMAP from or to an IPv6 address is never answered, since
    /// nothing can be sent.
    pub fn new(
        now: Instant,
        seed: u64,
        protocol: ReflectorProtocol,
        local: SocketAddr,
        server: SocketAddr,
        timings: ReflectorTimings,
    ) -> Self {
        let mut reflector = Self {
            protocol,
            local,
            server,
            timings,
            random: Random::new(seed),
            state: State::Resting { until: None },
            outputs: VecDeque::new(),
        };
        reflector.ask(now);
        reflector
    }

    /// How the server is spoken to.
    pub fn protocol(&self) -> ReflectorProtocol {
        self.protocol
    }

    /// The socket that it is asked from.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The server.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Asks no more after the question that is open.
    pub fn stop_refreshing(&mut self) {
        self.timings.refresh = None;
        if let State::Resting { until } = &mut self.state {
            *until = None;
        }
    }

    /// Asks now, unless a question is open: something has changed.
    pub fn ask_again(&mut self, now: Instant) {
        match self.state {
            State::Resting { .. } => self.ask(now),
            State::Asking { .. } => {}
        }
    }

    /// Takes a datagram.
    ///
    /// # Errors
    /// Where it does not answer the question that is open. Nothing changes then.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) -> Result<(), ReflectError> {
        if (local, remote) != (self.local, self.server) {
            return Err(ReflectError::Elsewhere);
        }
        let State::Asking { question, sent, .. } = self.state else {
            return Err(ReflectError::NotAsked);
        };
        let address = match question {
            Question::Snatmap { nonce } => read_snatmap(octets, nonce)?,
            Question::Stun { transaction } => read_stun(octets, &transaction)?,
        };
        self.rest(now);
        self.event(ReflectorEvent::Mapped {
            address,
            round_trip: now.saturating_duration_since(sent),
        });
        Ok(())
    }

    /// Repeats a request, gives up or asks anew, whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Asking { started, .. } if started + self.timings.give_up <= now => {
                self.rest(now);
                self.event(ReflectorEvent::NoAnswer);
            }
            State::Asking {
                question,
                started,
                sent,
            } if sent + self.timings.resend <= now => {
                self.state = State::Asking {
                    question,
                    started,
                    sent: now,
                };
                self.send(question);
            }
            State::Resting { until: Some(until) } if until <= now => self.ask(now),
            State::Asking { .. } | State::Resting { .. } => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Asking { started, sent, .. } => {
                Some((sent + self.timings.resend).min(started + self.timings.give_up))
            }
            State::Resting { until } => until,
        }
    }

    /// The next datagram or event; drain to `None`.
    pub fn poll_output(&mut self) -> Option<ReflectorOutput> {
        self.outputs.pop_front()
    }

    fn ask(&mut self, now: Instant) {
        let question = match self.protocol {
            ReflectorProtocol::Snatmap => Question::Snatmap {
                nonce: self.random.next_u32() & 0x7fff_ffff,
            },
            ReflectorProtocol::Stun => Question::Stun {
                transaction: TransactionId::with_cookie(self.random.octets()),
            },
        };
        self.state = State::Asking {
            question,
            started: now,
            sent: now,
        };
        self.send(question);
    }

    fn send(&mut self, question: Question) {
        let octets = match question {
            Question::Snatmap { nonce } => {
                let (SocketAddr::V4(local), SocketAddr::V4(_)) = (self.local, self.server) else {
                    return;
                };
                snatmap::Request { nonce, local }.encode().to_vec()
            }
            Question::Stun { transaction } => stun::binding_request(&transaction).to_vec(),
        };
        self.outputs.push_back(ReflectorOutput::Transmit(Transmit {
            local: self.local,
            remote: self.server,
            octets,
        }));
    }

    fn rest(&mut self, now: Instant) {
        let until = self.timings.refresh.map(|refresh| now + refresh);
        self.state = State::Resting { until };
    }

    fn event(&mut self, event: ReflectorEvent) {
        tracing::debug!(server = %self.server, ?event, "reflector");
        self.outputs.push_back(ReflectorOutput::Event(event));
    }
}

fn read_snatmap(octets: &[u8], asked: u32) -> Result<SocketAddr, ReflectError> {
    match snatmap::Message::decode(octets)? {
        snatmap::Message::Response(response) if response.nonce == asked => {
            usable(SocketAddr::V4(response.external))
        }
        snatmap::Message::Response(_) => Err(ReflectError::OtherQuestion),
        snatmap::Message::Request(_) => Err(ReflectError::NoAnswer),
    }
}

fn read_stun(octets: &[u8], asked: &TransactionId) -> Result<SocketAddr, ReflectError> {
    let message = stun::Message::decode(octets)?;
    match message.kind() {
        MessageKind::BindingSuccess | MessageKind::BindingError
            if message.transaction() != *asked =>
        {
            Err(ReflectError::OtherQuestion)
        }
        MessageKind::BindingSuccess => {
            usable(stun::reflexive_address(&message).ok_or(ReflectError::NoAddress)?)
        }
        MessageKind::BindingError => Err(ReflectError::Refused {
            code: stun::error_code(&message),
        }),
        MessageKind::BindingRequest | MessageKind::BindingIndication | MessageKind::Unknown(_) => {
            Err(ReflectError::NoAnswer)
        }
    }
}

/// An answer must name one host and a port.
fn usable(address: SocketAddr) -> Result<SocketAddr, ReflectError> {
    let ip = address.ip();
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.port() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast {
        return Err(ReflectError::NoAddress);
    }
    Ok(match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, address.port())),
        IpAddr::V6(_) => address,
    })
}

/// Why a datagram does not answer a reflector's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReflectError {
    /// It came to another socket, or from another host than the server.
    #[error("not from the server")]
    Elsewhere,
    /// No question is open.
    #[error("no question is open")]
    NotAsked,
    /// A request, or anything else that answers nothing.
    #[error("no answer")]
    NoAnswer,
    /// Another nonce or transaction.
    #[error("answers another question")]
    OtherQuestion,
    /// It names no address that a host could have.
    #[error("answers without a usable address")]
    NoAddress,
    /// The server refused.
    #[error("refused by the server: code {code:?}")]
    Refused {
        /// Why (RFC 8489 §14.8).
        code: Option<u16>,
    },
    /// No STUN message.
    #[error(transparent)]
    Stun(#[from] stun::DecodeError),
    /// No SNATMAP message.
    #[error(transparent)]
    Snatmap(#[from] snatmap::DecodeError),
}
