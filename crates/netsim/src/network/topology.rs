//! Building a network: segments, routers, hosts, interfaces.

use std::net::IpAddr;

use super::segment::Segment;
use super::transit::Port;
use super::{
    Event, Families, Host, HostId, Interface, InterfaceId, Ipv6Router, Network, Router, RouterId,
    SegmentId,
};
use crate::link::Access;
use crate::nat::{Firewall, FirewallTable, Nat, NatTable};
use crate::prefix::Prefix;

/// A router to be.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterConfig {
    /// For humans.
    pub name: String,
    /// The segment that it serves. It takes the second address of each of its prefixes.
    pub inside: SegmentId,
    /// The segment that it leads to, where it gets its external addresses.
    pub outside: SegmentId,
    /// What it does with IPv4; none for nothing.
    pub nat: Option<Nat>,
    /// How many external addresses the NAT has. One internal address always gets the same of them
    /// (RFC 4787 §4.1, pooling "paired").
    pub pool: usize,
    /// What it does with IPv6.
    pub ipv6: Ipv6Routing,
    /// How it is connected to the segment outside.
    pub access: Access,
}

impl RouterConfig {
    /// A NAT with one external address, no IPv6 and an ideal link.
    pub fn nat(inside: SegmentId, outside: SegmentId, nat: Nat) -> Self {
        Self {
            name: String::new(),
            inside,
            outside,
            nat: Some(nat),
            pool: 1,
            ipv6: Ipv6Routing::Off,
            access: Access::default(),
        }
    }
}

/// What a router does with IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6Routing {
    /// Nothing: there is no IPv6 beyond it.
    Off,
    /// Lets everything through.
    Open,
    /// Lets in what the firewall lets in.
    Filtered(Firewall),
}

impl Network {
    /// Adds a subnet with prefixes of IPv4, IPv6 or both. Addresses may occur in another subnet
    /// too, as with all the homes that are `192.168.1.0/24`.
    pub fn add_segment(&mut self, name: &str, prefixes: &[Prefix]) -> SegmentId {
        let id = SegmentId(self.segments.len());
        self.segments
            .push(Segment::new(name.to_owned(), prefixes.to_vec()));
        id
    }

    /// Adds a router between two segments. The outer one has to be connected already, so that the
    /// way to the prefixes of IPv6 inside is known everywhere above.
    ///
    /// # Errors
    /// If a segment is unknown, the inner one has a router already, both share IPv4 addresses, or
    /// the outer one has no address left.
    pub fn add_router(&mut self, config: RouterConfig) -> Result<RouterId, TopologyError> {
        let id = RouterId(self.routers.len());
        self.check_router(&config)?;
        let random = self.random();
        let nat = match config.nat {
            None => None,
            Some(nat) => {
                let pool = self.allocate_externals(config.outside, id, config.pool.max(1))?;
                Some(NatTable::new(nat, pool, random))
            }
        };
        let ipv6 = match config.ipv6 {
            Ipv6Routing::Off => Ipv6Router::Off,
            Ipv6Routing::Open => Ipv6Router::Open,
            Ipv6Routing::Filtered(firewall) => Ipv6Router::Filtered(FirewallTable::new(firewall)),
        };
        let connection = self.connect(config.access);
        let inside = self.segment_mut(config.inside)?;
        inside.gateway = Some(id);
        for address in inside.router_addresses() {
            inside.settle(address, Port::Inside(id));
        }
        self.routers.push(Router {
            name: config.name,
            inside: config.inside,
            outside: config.outside,
            nat,
            ipv6,
            connection,
        });
        self.announce(id);
        Ok(id)
    }

    /// Adds a host without interfaces.
    pub fn add_host(&mut self, name: &str) -> HostId {
        let id = HostId(self.hosts.len());
        self.hosts.push(Host {
            name: name.to_owned(),
            interfaces: Vec::new(),
        });
        id
    }

    /// Connects a host to a segment, with the next free address of each family.
    ///
    /// # Errors
    /// If host or segment is unknown, or the segment has no address of these families left.
    pub fn join(
        &mut self,
        host: HostId,
        segment: SegmentId,
        families: Families,
        access: Access,
    ) -> Result<InterfaceId, TopologyError> {
        let addresses = self.allocate(segment, families, &self.addresses(host))?;
        self.join_at(host, segment, &addresses, access)
    }

    /// Connects a host to a segment with addresses of one's own choice.
    ///
    /// # Errors
    /// If host or segment is unknown, or an address is taken or no address of the segment.
    pub fn join_at(
        &mut self,
        host: HostId,
        segment: SegmentId,
        addresses: &[IpAddr],
        access: Access,
    ) -> Result<InterfaceId, TopologyError> {
        let id = InterfaceId(self.interfaces.len());
        let own = self.addresses(host);
        let place = self.segment_mut(segment)?;
        for address in addresses {
            place.check_free(*address)?;
            if own.contains(address) {
                return Err(TopologyError::AddressTaken(*address));
            }
        }
        let connection = self.connect(access);
        self.hosts
            .get_mut(host.0)
            .ok_or(TopologyError::UnknownHost(host))?
            .interfaces
            .push(id);
        self.interfaces.push(Interface {
            host,
            segment,
            addresses: Vec::new(),
            connection,
        });
        self.settle(id, segment, addresses)?;
        Ok(id)
    }

    /// Gives an interface its addresses in a segment.
    pub(super) fn settle(
        &mut self,
        id: InterfaceId,
        segment: SegmentId,
        addresses: &[IpAddr],
    ) -> Result<(), TopologyError> {
        let place = self.segment_mut(segment)?;
        for address in addresses {
            place.settle(*address, Port::Host(id));
        }
        let interface = self.interface_mut(id)?;
        interface.segment = segment;
        interface.addresses = addresses.to_vec();
        let host = interface.host;
        self.events.push_back(Event::AddressesChanged(host));
        Ok(())
    }

    /// The next free address of each family that the segment has, beside a host's own: a host
    /// tells its interfaces apart by their addresses.
    pub(super) fn allocate(
        &mut self,
        segment: SegmentId,
        families: Families,
        own: &[IpAddr],
    ) -> Result<Vec<IpAddr>, TopologyError> {
        let place = self.segment_mut(segment)?;
        let addresses: Vec<IpAddr> = [true, false]
            .into_iter()
            .filter(|ipv4| families.has(*ipv4))
            .filter_map(|ipv4| place.allocate(ipv4, own))
            .collect();
        if addresses.is_empty() {
            return Err(TopologyError::NoAddressLeft(segment));
        }
        Ok(addresses)
    }

    /// External addresses for a NAT.
    pub(super) fn allocate_externals(
        &mut self,
        outside: SegmentId,
        router: RouterId,
        count: usize,
    ) -> Result<Vec<IpAddr>, TopologyError> {
        let place = self.segment_mut(outside)?;
        let mut pool = Vec::new();
        for _ in 0..count {
            let address = place
                .allocate(true, &[])
                .ok_or(TopologyError::NoAddressLeft(outside))?;
            place.settle(address, Port::Outside(router));
            pool.push(address);
        }
        Ok(pool)
    }

    pub(super) fn segment_mut(&mut self, id: SegmentId) -> Result<&mut Segment, TopologyError> {
        self.segments
            .get_mut(id.0)
            .ok_or(TopologyError::UnknownSegment(id))
    }

    pub(super) fn interface_mut(
        &mut self,
        id: InterfaceId,
    ) -> Result<&mut Interface, TopologyError> {
        self.interfaces
            .get_mut(id.0)
            .ok_or(TopologyError::UnknownInterface(id))
    }

    pub(super) fn router_mut(&mut self, id: RouterId) -> Result<&mut Router, TopologyError> {
        self.routers
            .get_mut(id.0)
            .ok_or(TopologyError::UnknownRouter(id))
    }

    fn check_router(&self, config: &RouterConfig) -> Result<(), TopologyError> {
        let find = |id: SegmentId| {
            self.segments
                .get(id.0)
                .ok_or(TopologyError::UnknownSegment(id))
        };
        let (inside, outside) = (find(config.inside)?, find(config.outside)?);
        if inside.gateway.is_some() || config.inside == Self::INTERNET {
            return Err(TopologyError::SecondRouter(config.inside));
        }
        for inner in inside.prefixes.iter().filter(|prefix| prefix.is_ipv4()) {
            if let Some(outer) = outside
                .prefixes
                .iter()
                .find(|outer| inner.overlaps(**outer))
            {
                return Err(TopologyError::Overlap {
                    inside: *inner,
                    outside: *outer,
                });
            }
        }
        Ok(())
    }

    /// Tells all segments above a router which prefixes of IPv6 lie behind it.
    fn announce(&mut self, id: RouterId) {
        let Some(router) = self.routers.get(id.0) else {
            return;
        };
        let prefixes: Vec<Prefix> = self
            .segments
            .get(router.inside.0)
            .into_iter()
            .flat_map(|segment| segment.prefixes.iter().copied())
            .filter(|prefix| !prefix.is_ipv4())
            .collect();
        let mut next = Some(id);
        while let Some(way) = next {
            let Some(outside) = self.routers.get(way.0).map(|router| router.outside) else {
                return;
            };
            let Some(segment) = self.segments.get_mut(outside.0) else {
                return;
            };
            for prefix in &prefixes {
                segment.add_route(*prefix, way);
            }
            next = segment.gateway;
        }
    }
}

/// Why a network cannot be built or changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A segment of another network.
    #[error("unknown segment {0:?}")]
    UnknownSegment(SegmentId),
    /// A router of another network.
    #[error("unknown router {0:?}")]
    UnknownRouter(RouterId),
    /// A host of another network.
    #[error("unknown host {0:?}")]
    UnknownHost(HostId),
    /// An interface of another network.
    #[error("unknown interface {0:?}")]
    UnknownInterface(InterfaceId),
    /// The inner segment has a router, or is the internet.
    #[error("{0:?} is the internet or has a router already")]
    SecondRouter(SegmentId),
    /// Inside and outside of a NAT share addresses (RFC 4787 §4.4).
    #[error("inside {inside} and outside {outside} share addresses")]
    Overlap {
        /// The prefix inside.
        inside: Prefix,
        /// The prefix outside.
        outside: Prefix,
    },
    /// Somebody else in the segment, or another interface of the host, has the address.
    #[error("address {0} is taken")]
    AddressTaken(IpAddr),
    /// No prefix of the segment contains the address.
    #[error("address {0} is of no prefix of the segment")]
    AddressElsewhere(IpAddr),
    /// The host does not have this address.
    #[error("the host has no address {0}")]
    NoSuchAddress(IpAddr),
    /// All addresses are given away, or the segment has none of these families.
    #[error("{0:?} has no address left")]
    NoAddressLeft(SegmentId),
}
