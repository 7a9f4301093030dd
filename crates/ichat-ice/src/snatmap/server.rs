//! The server: one answer for one well-formed request, never a longer one, nothing remembered.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::Instant;

use super::{DecodeError, MESSAGE_LEN, Message, RateTable, Request, Response};

/// The answer to a datagram, where it deserves one.
///
/// A well-formed request of exactly 16 octets from an IPv4 host gets a response of 16; anything
/// else nothing, so that no octet is amplified, and a response nothing, so that two servers cannot
/// be set upon each other. An IPv4 source inside of IPv6 (`::ffff:0:0/96`) counts as IPv4.
///
/// Source: `docs/protocol/snatmap.md`, messages \[P, D\].
pub fn respond(source: SocketAddr, octets: &[u8]) -> Option<[u8; MESSAGE_LEN]> {
    let external = answerable(source)?;
    match Message::decode(octets).ok()? {
        Message::Request(request) => Some(response(&request, external)),
        Message::Response(_) => None,
    }
}

fn response(request: &Request, external: SocketAddrV4) -> [u8; MESSAGE_LEN] {
    Response {
        nonce: request.nonce,
        external,
    }
    .encode()
}

/// The source as an IPv4 address that an answer can be sent to.
fn answerable(source: SocketAddr) -> Option<SocketAddrV4> {
    let ip = match source.ip().to_canonical() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => return None,
    };
    let one_host = !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast();
    (one_host && source.port() != 0).then(|| SocketAddrV4::new(ip, source.port()))
}

/// What a [`Server`] is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where sources lie in the rate table follows from it: take it from a cryptographic source.
    pub seed: u64,
    /// Requests a second and source; 0: no limit.
    pub rate: u32,
    /// Sources that the rate table remembers: 16 octets each, all of them taken at the start.
    pub sources: usize,
}

/// What became of the datagrams that came to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests of sources that sent too many.
    pub limited: u64,
    /// Datagrams that have not exactly 16 octets.
    pub wrong_length: u64,
    /// Datagrams whose first word is neither 1 nor 2.
    pub wrong_kind: u64,
    /// Responses. Nobody has any business to send one here.
    pub responses: u64,
    /// Requests whose source cannot be answered: IPv6, port 0, no single host.
    pub unanswerable: u64,
    /// Octets that came.
    pub octets_in: u64,
    /// Octets of answers; never more than came.
    pub octets_out: u64,
}

/// A server with its rate table and counters. It remembers nothing of a request.
#[derive(Debug, Clone)]
pub struct Server {
    rates: RateTable,
    counters: Counters,
}

impl Server {
    /// A server that has seen nobody. All memory that it will ever use is taken now.
    pub fn new(now: Instant, config: &ServerConfig) -> Self {
        Self {
            rates: RateTable::new(now, config.seed, config.rate, config.sources),
            counters: Counters::default(),
        }
    }

    /// The answer to a datagram that came from `source`, to be sent back there; see [`respond`].
    pub fn respond(
        &mut self,
        now: Instant,
        source: SocketAddr,
        octets: &[u8],
    ) -> Option<[u8; MESSAGE_LEN]> {
        let counters = &mut self.counters;
        counters.octets_in += u64::try_from(octets.len()).unwrap_or(0);
        let request = match Message::decode(octets) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(_)) => {
                counters.responses += 1;
                return None;
            }
            Err(DecodeError::Length { .. }) => {
                counters.wrong_length += 1;
                return None;
            }
            Err(DecodeError::Kind { .. }) => {
                counters.wrong_kind += 1;
                return None;
            }
        };
        let Some(external) = answerable(source) else {
            counters.unanswerable += 1;
            return None;
        };
        if !self.rates.allow(now, *external.ip()) {
            counters.limited += 1;
            return None;
        }
        let answer = response(&request, external);
        counters.answered += 1;
        counters.octets_out += u64::try_from(answer.len()).unwrap_or(0);
        Some(answer)
    }

    /// What became of all datagrams so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
