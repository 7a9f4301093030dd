//! A NAT small enough for these tests: one outside address for each inside one.

use std::collections::HashSet;
use std::net::SocketAddr;

/// Who may send to an outside address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Anybody.
    None,
    /// Addresses and ports that were sent to.
    AddressAndPort,
}

pub struct Nat {
    mappings: Vec<(SocketAddr, SocketAddr)>,
    filter: Filter,
    opened: HashSet<(SocketAddr, SocketAddr)>,
}

impl Nat {
    /// Of pairs of inside and outside addresses.
    pub fn new(filter: Filter, mappings: &[(SocketAddr, SocketAddr)]) -> Self {
        Self {
            mappings: mappings.to_vec(),
            filter,
            opened: HashSet::new(),
        }
    }

    /// The source that the world sees.
    pub fn out(&mut self, inside: SocketAddr, to: SocketAddr) -> SocketAddr {
        let mapping = self.mappings.iter().find(|(from, _)| *from == inside);
        let outside = mapping.map_or(inside, |(_, outside)| *outside);
        self.opened.insert((outside, to));
        outside
    }

    /// Who gets what comes from `from` to `outside`.
    pub fn inside(&self, from: SocketAddr, outside: SocketAddr) -> Option<SocketAddr> {
        let (inside, _) = self
            .mappings
            .iter()
            .find(|(_, mapped)| *mapped == outside)?;
        let open = self.filter == Filter::None || self.opened.contains(&(outside, from));
        open.then_some(*inside)
    }
}
