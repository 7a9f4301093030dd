//! Candidate records from addresses.

use std::net::{IpAddr, SocketAddr};

use ichat_invitation::{Candidate, CandidateId, CandidateKind, IpPort};

use super::Interface;
use crate::LocalCandidate;
use crate::scope::Scope;

/// Priorities of the candidates that we send: larger is better.
///
/// An iChat 5 gives a host 45 \[C\], half of what later software gives; the others are half of
/// theirs \[I\]. Source: `docs/protocol/addresses.md`, candidates [C, D].
pub mod priority {
    /// An address of an interface \[C\].
    pub const HOST: u16 = ichat_invitation::candidate::ICHAT_HOST_PRIORITY;
    /// An address of a point-to-point interface: a tunnel is the longer way \[I\].
    pub const HOST_POINT_TO_POINT: u16 = 40;
    /// An interface as a server sees it \[I\].
    pub const SERVER_REFLEXIVE: u16 = 35;
    /// An address that a relay lends \[I\].
    pub const RELAY: u16 = 20;
    /// Any IPv6 address \[I\].
    pub const IPV6: u16 = 5;
}

/// As what a relayed address is listed.
///
/// Candidates of relays pair with nothing but candidates of relays
/// (`docs/protocol/connectivity.md`, pairs \[D\]), and an iChat never has a relay \[P\]: toward one
/// a relayed address is of use only as a server-reflexive candidate \[I\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RelayListing {
    /// As what it is, type 5.
    #[default]
    Relay,
    /// As a server-reflexive candidate, type 3, with a relay's priority.
    ServerReflexive,
}

/// The host candidate of an interface, where others could reach it at all.
///
/// No fe80::/10: neither side knows the other's scope.
pub(super) fn host(id: CandidateId, interface: &Interface) -> Option<LocalCandidate> {
    let record = IpPort::new(&interface.name, interface.socket);
    if !record.is_sendable() || record.is_ipv6_link_local() {
        return None;
    }
    let (kind, priority) = if interface.point_to_point {
        (
            CandidateKind::HostPointToPoint,
            priority::HOST_POINT_TO_POINT,
        )
    } else {
        (CandidateKind::Host, priority::HOST)
    };
    let priority = of_family(interface.socket, priority);
    let candidate = Candidate::with_base(kind, id, priority, &record, &record);
    Some(LocalCandidate::new(candidate))
}

/// A server-reflexive candidate: `mapped` is the interface as a server sees it.
pub(super) fn reflexive(
    id: CandidateId,
    interface: &Interface,
    mapped: SocketAddr,
) -> LocalCandidate {
    LocalCandidate::new(Candidate::with_base(
        CandidateKind::ServerReflexive,
        id,
        of_family(mapped, priority::SERVER_REFLEXIVE),
        &IpPort::new(&interface.name, mapped),
        &IpPort::new(&interface.name, interface.socket),
    ))
}

/// A relayed candidate. Its base, to the peer, is the relayed address itself (RFC 8445 §5.1.1.2):
/// the peer has no use for the socket behind it.
pub(super) fn relayed(
    id: CandidateId,
    interface: &Interface,
    relayed: SocketAddr,
    listing: RelayListing,
) -> LocalCandidate {
    let kind = match listing {
        RelayListing::Relay => CandidateKind::Relay,
        RelayListing::ServerReflexive => CandidateKind::ServerReflexive,
    };
    let record = IpPort::new(&interface.name, relayed);
    LocalCandidate::relayed(Candidate::with_base(
        kind,
        id,
        of_family(relayed, priority::RELAY),
        &record,
        &record,
    ))
}

fn of_family(address: SocketAddr, priority: u16) -> u16 {
    match address.ip() {
        IpAddr::V4(_) => priority,
        IpAddr::V6(_) => priority::IPV6,
    }
}

/// Whether a server can be asked from a socket: the same family, and loopback asks only loopback.
/// A link-local address is not routed at all.
pub(super) fn may_ask(local: SocketAddr, server: SocketAddr) -> bool {
    let to_loopback = Scope::of(server.ip()) == Scope::Loopback;
    let reaches = match Scope::of(local.ip()) {
        Scope::Loopback => to_loopback,
        Scope::LinkLocal => false,
        Scope::Private | Scope::Public => true,
    };
    local.is_ipv4() == server.is_ipv4() && reaches
}
