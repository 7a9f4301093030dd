//! A server that tells whoever asks under which address it is seen.

mod snatmap;
mod stun;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use crate::endpoint::{Endpoint, Transmit};
pub(crate) use snatmap::{mapped_address, query};

/// The port of Apple's reflector (docs/protocol/snatmap.md \[P\]).
const SNATMAP_PORT: u16 = 5678;
/// The port of STUN (RFC 8489 §18.6).
const STUN_PORT: u16 = 3478;

/// A service for a host: answers SNATMAP on one port and Binding requests of STUN on another. It
/// answers nothing else, and keeps nothing.
#[derive(Clone, Debug)]
pub struct Reflector {
    snatmap_port: u16,
    stun_port: u16,
    answers: VecDeque<Transmit>,
}

impl Reflector {
    /// On the usual ports: SNATMAP on 5678, STUN on 3478.
    pub fn new() -> Self {
        Self::on_ports(SNATMAP_PORT, STUN_PORT)
    }

    /// On ports of one's own choice.
    pub fn on_ports(snatmap_port: u16, stun_port: u16) -> Self {
        Self {
            snatmap_port,
            stun_port,
            answers: VecDeque::new(),
        }
    }
}

impl Default for Reflector {
    fn default() -> Self {
        Self::new()
    }
}

impl Endpoint for Reflector {
    fn handle_datagram(
        &mut self,
        _now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        let answer = if local.port() == self.snatmap_port {
            snatmap::answer(octets, remote)
        } else if local.port() == self.stun_port {
            stun::answer(octets, remote)
        } else {
            None
        };
        if let Some(octets) = answer {
            self.answers.push_back(Transmit {
                local,
                remote,
                octets,
            });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.answers.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
