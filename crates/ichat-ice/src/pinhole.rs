//! Pinholes for the legacy dialect, which has no checks: small datagrams that open our NAT for the
//! peer, and those of the peer's that show where it is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Transmit;
use crate::scope::Scope;

/// What a pinhole of ours is: two empty lines.
///
/// It goes to the port where the peer listens for SIP, and SIP passes over empty lines before a
/// message (RFC 3261 §7.5); a peer that knows RFC 5626 §3.5.1 answers with one. The form of an
/// iChat's own is unknown (`docs/protocol/connectivity.md`, which datagram is what [G, ?]).
pub const PINHOLE: &[u8] = b"\r\n\r\n";
/// Addresses of the peer's that get pinholes; more than a list holds.
const MAX_PEERS: usize = 16;
/// Sources that are told, listed ones and others. More would only be somebody's mischief.
const MAX_HEARD: usize = 8;

/// How often pinholes are sent \[I\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinholeTimings {
    /// From the first to the second: 500 ms. Each interval is twice the one before.
    pub first: Duration,
    /// The longest interval: 5 s, shorter than any NAT's memory.
    pub longest: Duration,
    /// From the first to the last: 60 s, twice the time that an INVITE is waited for.
    pub total: Duration,
}

impl Default for PinholeTimings {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(5),
            total: Duration::from_secs(60),
        }
    }
}

/// What [`Pinholes`] give out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinholeOutput {
    /// A datagram to send.
    Transmit(Transmit),
    /// Something of the peer's came through: the way there is open.
    Heard {
        /// The socket that it came to.
        local: SocketAddr,
        /// Its source: where to send the INVITE.
        remote: SocketAddr,
        /// Whether the peer's list names it. If not, it is the outside of a NAT that nobody told us
        /// of, and the only address that works (`docs/protocol/field.md`, 3 \[G\]).
        listed: bool,
    },
}

/// Opens our NAT for the peer's addresses, and tells where the peer's own pinholes come from.
///
/// A machine without I/O: drain [`poll_output`](Self::poll_output) to `None` after every call that
/// changes it, and call [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Pinholes {
    locals: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
    heard: Vec<(SocketAddr, SocketAddr)>,
    timings: PinholeTimings,
    schedule: Option<Schedule>,
    outputs: VecDeque<PinholeOutput>,
}

#[derive(Debug, Clone, Copy)]
struct Schedule {
    next: Instant,
    interval: Duration,
    end: Instant,
}

impl Pinholes {
    /// Pinholes from our sockets; none are sent before [`add_peers`](Self::add_peers).
    pub fn new(locals: Vec<SocketAddr>, timings: PinholeTimings) -> Self {
        Self {
            locals,
            peers: Vec::new(),
            heard: Vec::new(),
            timings,
            schedule: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes the peer's list, or more of it: each address that is new gets a pinhole now, and all
    /// get them for another while. At most 16 addresses.
    pub fn add_peers(&mut self, now: Instant, peers: &[SocketAddr]) {
        for peer in peers {
            if !self.peers.contains(peer) && self.peers.len() < MAX_PEERS {
                self.peers.push(*peer);
            }
        }
        self.schedule = Some(Schedule {
            next: now,
            interval: self.timings.first,
            end: now + self.timings.total,
        });
        self.handle_timeout(now);
    }

    /// Follows a change of our sockets. As long as pinholes are sent at all, each address gets one
    /// from the new ones now.
    pub fn set_locals(&mut self, now: Instant, locals: Vec<SocketAddr>) {
        if locals == self.locals {
            return;
        }
        self.locals = locals;
        if let Some(schedule) = &mut self.schedule {
            schedule.next = now;
            schedule.interval = self.timings.first;
            self.handle_timeout(now);
        }
    }

    /// Takes the source of a datagram that is nothing else, a keepalive or an unknown one. Each is
    /// told once, at most 8.
    pub fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr) {
        if self.heard.contains(&(local, remote)) || self.heard.len() >= MAX_HEARD {
            return;
        }
        self.heard.push((local, remote));
        self.outputs.push_back(PinholeOutput::Heard {
            local,
            remote,
            listed: self.peers.contains(&remote),
        });
    }

    /// Sends no more: the INVITE has come, or was answered.
    pub fn stop(&mut self) {
        self.schedule = None;
    }

    /// Sends what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(schedule) = self.schedule.filter(|schedule| schedule.next <= now) else {
            return;
        };
        for peer in &self.peers {
            for local in &self.locals {
                if reaches(*local, *peer) {
                    self.outputs.push_back(PinholeOutput::Transmit(Transmit {
                        local: *local,
                        remote: *peer,
                        octets: PINHOLE.to_vec(),
                    }));
                }
            }
        }
        let next = now + schedule.interval;
        self.schedule = (next < schedule.end).then(|| Schedule {
            next,
            interval: (schedule.interval * 2).min(self.timings.longest),
            end: schedule.end,
        });
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.map(|schedule| schedule.next)
    }

    /// The next datagram or event; drain to `None`.
    pub fn poll_output(&mut self) -> Option<PinholeOutput> {
        self.outputs.pop_front()
    }
}

/// Whether a datagram from one address could get to the other at all.
fn reaches(local: SocketAddr, peer: SocketAddr) -> bool {
    let (from, to) = (Scope::of(local.ip()), Scope::of(peer.ip()));
    let narrow = |scope| match scope {
        Scope::Loopback | Scope::LinkLocal => true,
        Scope::Private | Scope::Public => false,
    };
    local.is_ipv4() == peer.is_ipv4() && ((!narrow(from) && !narrow(to)) || from == to)
}
