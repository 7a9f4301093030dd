//! What kind of NAT a socket is behind, from what servers saw of it.

use std::net::{IpAddr, SocketAddr};

/// What one server saw of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The server.
    pub server: SocketAddr,
    /// Where it saw the socket.
    pub mapped: SocketAddr,
}

/// How addresses are translated (RFC 4787 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mapping {
    /// No server answered.
    Unknown,
    /// Not at all: servers see the socket's own address.
    None,
    /// Translated; only one server answered, so that nothing more can be told.
    Translated,
    /// All servers see the same: what a direct path needs.
    Independent,
    /// Servers see different addresses ("symmetric"): a direct path needs a peer whose NAT lets
    /// anybody in.
    Dependent,
}

/// What can be told about the NAT in front of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatReport {
    /// How addresses are translated.
    pub mapping: Mapping,
    /// Whether the port outside is the socket's own, everywhere. iChat needs it, for it sends from
    /// and listens to 16402 and knows no relay (`docs/protocol/snatmap.md`, today \[P\]). `None`
    /// where no server answered.
    pub keeps_port: Option<bool>,
    /// Whether an address is of 100.64.0.0/10, which carriers use between their NAT and the
    /// customer's (RFC 6598).
    pub carrier_grade: bool,
    /// The addresses that were seen, each once.
    pub mapped: Vec<SocketAddr>,
}

/// Tells what kind of NAT the socket at `local` is behind.
pub fn assess(local: SocketAddr, sightings: &[Sighting]) -> NatReport {
    let mut mapped: Vec<SocketAddr> = Vec::new();
    let mut servers: Vec<SocketAddr> = Vec::new();
    for sighting in sightings {
        if !mapped.contains(&sighting.mapped) {
            mapped.push(sighting.mapped);
        }
        if !servers.contains(&sighting.server) {
            servers.push(sighting.server);
        }
    }
    let mapping = match mapped.as_slice() {
        [] => Mapping::Unknown,
        [seen] if *seen == local => Mapping::None,
        [_] if servers.len() > 1 => Mapping::Independent,
        [_] => Mapping::Translated,
        [_, _, ..] => Mapping::Dependent,
    };
    let keeps_port = mapped.iter().all(|seen| seen.port() == local.port());
    let shared = mapped.iter().any(|seen| is_shared(seen.ip()));
    NatReport {
        mapping,
        keeps_port: (!mapped.is_empty()).then_some(keeps_port),
        carrier_grade: shared || is_shared(local.ip()),
        mapped,
    }
}

/// Whether an address is of 100.64.0.0/10 (RFC 6598).
fn is_shared(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            first == 100 && second & 0xc0 == 64
        }
        IpAddr::V6(_) => false,
    }
}
