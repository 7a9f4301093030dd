//! One subnet: who is in it, and the ways out of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::is_for_hosts;
use super::transit::Port;
use super::{RouterId, TopologyError};
use crate::prefix::Prefix;

/// Where hosts of the internet get their addresses: what is reserved for documentation (RFC 5737,
/// RFC 3849), and for very many hosts what is reserved for benchmarks (RFC 2544).
const PUBLIC_IPV4: [([u8; 4], u8); 4] = [
    ([203, 0, 113, 0], 24),
    ([198, 51, 100, 0], 24),
    ([192, 0, 2, 0], 24),
    ([198, 18, 0, 0], 15),
];
const PUBLIC_IPV6: ([u16; 8], u8) = ([0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0], 64);
/// The place of a router's inside in its prefix, and of the first host.
const ROUTER_PLACE: u32 = 1;

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) prefixes: Vec<Prefix>,
    /// The router to everywhere else.
    pub(super) gateway: Option<RouterId>,
    neighbours: BTreeMap<IpAddr, Port>,
    /// Prefixes behind routers whose outside is here; IPv6 only, as NATs hide theirs.
    routes: Vec<(Prefix, RouterId)>,
    /// The next place to try in each prefix.
    next_places: Vec<u32>,
}

/// What a segment does with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Hands the datagram to somebody in the segment.
    Port(Port),
    /// The address is of this segment, and nobody has it.
    Nobody,
    /// Nothing leads there.
    None,
}

impl Segment {
    pub(super) fn new(name: String, prefixes: Vec<Prefix>) -> Self {
        let next_places = vec![ROUTER_PLACE + 1; prefixes.len()];
        Self {
            name,
            prefixes,
            gateway: None,
            neighbours: BTreeMap::new(),
            routes: Vec::new(),
            next_places,
        }
    }

    pub(super) fn internet() -> Self {
        let ipv4 = PUBLIC_IPV4
            .map(|(octets, length)| Prefix::of(IpAddr::V4(Ipv4Addr::from(octets)), length));
        let (words, length) = PUBLIC_IPV6;
        let ipv6 = Prefix::of(IpAddr::V6(Ipv6Addr::from(words)), length);
        let all = ipv4.into_iter().chain([ipv6]).collect();
        Self::new("internet".to_owned(), all)
    }

    /// Longest prefix first: a neighbour, then a route, then the gateway.
    pub(super) fn route(&self, destination: IpAddr) -> Route {
        if let Some(port) = self.neighbours.get(&destination) {
            return Route::Port(*port);
        }
        let behind = self
            .routes
            .iter()
            .filter(|(prefix, _)| prefix.contains(destination))
            .max_by_key(|(prefix, _)| prefix.length());
        let here = self
            .prefixes
            .iter()
            .filter(|prefix| prefix.contains(destination))
            .map(|prefix| prefix.length())
            .max();
        match (behind, here) {
            (Some((prefix, router)), here) if here.is_none_or(|here| prefix.length() > here) => {
                Route::Port(Port::Outside(*router))
            }
            (_, Some(_)) => Route::Nobody,
            (_, None) => self
                .gateway
                .map_or(Route::None, |router| Route::Port(Port::Inside(router))),
        }
    }

    /// The place of a router in each prefix.
    pub(super) fn router_addresses(&self) -> Vec<IpAddr> {
        self.prefixes
            .iter()
            .filter_map(|prefix| prefix.nth(ROUTER_PLACE))
            .collect()
    }

    /// Whether somebody here may have this address and nobody has.
    pub(super) fn check_free(&self, address: IpAddr) -> Result<(), TopologyError> {
        if !self.prefixes.iter().any(|prefix| prefix.contains(address)) {
            return Err(TopologyError::AddressElsewhere(address));
        }
        if self.neighbours.contains_key(&address) {
            return Err(TopologyError::AddressTaken(address));
        }
        Ok(())
    }

    /// An address that nobody has had, and that is none of those.
    pub(super) fn allocate(&mut self, ipv4: bool, but: &[IpAddr]) -> Option<IpAddr> {
        for (prefix, place) in self.prefixes.iter().zip(&mut self.next_places) {
            if prefix.is_ipv4() != ipv4 {
                continue;
            }
            while let Some(address) = prefix.nth(*place) {
                *place += 1;
                let is_free = !self.neighbours.contains_key(&address) && !but.contains(&address);
                if is_for_hosts(address) && is_free {
                    return Some(address);
                }
            }
        }
        None
    }

    pub(super) fn settle(&mut self, address: IpAddr, port: Port) {
        self.neighbours.insert(address, port);
    }

    pub(super) fn leave(&mut self, address: IpAddr) {
        self.neighbours.remove(&address);
    }

    pub(super) fn add_route(&mut self, prefix: Prefix, router: RouterId) {
        self.routes.push((prefix, router));
    }
}
