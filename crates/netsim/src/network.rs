//! The network: hosts, subnets, routers, and the datagrams between them.

mod address;
mod change;
mod display;
mod segment;
mod topology;
mod transit;
mod vantage;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub use address::Families;
pub use change::Change;
pub use topology::{Ipv6Routing, RouterConfig, TopologyError};

use crate::link::{Access, Lane};
use crate::nat::{FirewallTable, Mapping, NatTable};
use crate::packet::Packet;
use crate::pcap::Captured;
use crate::queue::Queue;
use crate::random::Random;
use crate::statistics::{Dropped, Statistics};
use segment::Segment;
use transit::{Pending, Port};

/// A network in memory.
///
/// A machine without I/O: [`send`](Self::send) and [`handle_timeout`](Self::handle_timeout) go in,
/// [`poll_event`](Self::poll_event) comes out. The time is virtual and never goes back. Two
/// networks with the same topology, seed and input do the same, octet for octet.
#[derive(Clone, Debug)]
pub struct Network {
    start: Instant,
    now: Instant,
    seed: u64,
    /// How many parts have drawn a generator of their own.
    parts: u64,
    segments: Vec<Segment>,
    hosts: Vec<Host>,
    interfaces: Vec<Interface>,
    routers: Vec<Router>,
    queue: Queue<Pending>,
    events: VecDeque<Event>,
    taps: BTreeSet<Tap>,
    captured: VecDeque<Captured>,
    statistics: Statistics,
}

impl Network {
    /// The public internet: the segment that is there from the beginning.
    pub const INTERNET: SegmentId = SegmentId(0);

    /// The internet and nothing else. `start` is the time at which virtual time begins: any will
    /// do, and nothing but the sums with it depends on it.
    pub fn new(start: Instant, seed: u64) -> Self {
        Self {
            start,
            now: start,
            seed,
            parts: 0,
            segments: vec![Segment::internet()],
            hosts: Vec::new(),
            interfaces: Vec::new(),
            routers: Vec::new(),
            queue: Queue::default(),
            events: VecDeque::new(),
            taps: BTreeSet::new(),
            captured: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    /// Sends a datagram from a host. It leaves from the interface that has the local address.
    ///
    /// What happens to it on the way is no error, as with UDP: see [`Statistics`].
    ///
    /// # Errors
    /// What the host itself would tell: the address is not its own, or the families differ.
    pub fn send(
        &mut self,
        now: Instant,
        host: HostId,
        local: SocketAddr,
        remote: SocketAddr,
        octets: Vec<u8>,
    ) -> Result<(), SendError> {
        self.handle_timeout(now);
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(SendError::Families { local, remote });
        }
        let interface = self
            .interface_with(host, local.ip())
            .ok_or(SendError::NotOurAddress { local })?;
        let packet = Packet::new(local, remote, octets);
        self.statistics.sent += 1;
        self.capture(Tap::Host(host), &packet);
        self.transmit(Port::Host(interface), packet);
        Ok(())
    }

    /// The time at which something happens by itself; none if all is quiet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.queue.next_at()
    }

    /// Lets the time pass until `now`, with everything that happens meanwhile.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, pending)) = self.queue.pop_due(now) {
            self.now = self.now.max(at);
            self.proceed(pending);
        }
        self.now = self.now.max(now);
    }

    /// What happened, in order; none when all has been told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Changes the network at a time to come, or now if that time has passed.
    pub fn schedule(&mut self, at: Instant, change: Change) {
        self.queue
            .push(at.max(self.now), Pending::Change(Box::new(change)));
    }

    /// Captures the datagrams that pass a place from now on.
    pub fn tap(&mut self, place: Tap) {
        self.taps.insert(place);
    }

    /// The next captured datagram.
    pub fn poll_captured(&mut self) -> Option<Captured> {
        self.captured.pop_front()
    }

    /// The time until which everything has happened.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When virtual time began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// What became of all datagrams.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The addresses of a host's interfaces, in the order of the interfaces.
    pub fn addresses(&self, host: HostId) -> Vec<IpAddr> {
        self.interfaces_of(host)
            .flat_map(|interface| interface.addresses.iter().copied())
            .collect()
    }

    /// A host's interfaces, in the order in which they were made.
    pub fn interfaces(&self, host: HostId) -> Vec<InterfaceId> {
        self.hosts
            .get(host.0)
            .map(|host| host.interfaces.clone())
            .unwrap_or_default()
    }

    /// The mappings of a router's NAT that are alive now.
    pub fn mappings(&self, router: RouterId) -> Vec<Mapping> {
        self.routers
            .get(router.0)
            .and_then(|router| router.nat.as_ref())
            .map(|nat| nat.mappings(self.now))
            .unwrap_or_default()
    }

    /// The external addresses of a router's NAT.
    pub fn external_addresses(&self, router: RouterId) -> Vec<IpAddr> {
        self.routers
            .get(router.0)
            .and_then(|router| router.nat.as_ref())
            .map(|nat| nat.pool().to_vec())
            .unwrap_or_default()
    }

    fn interfaces_of(&self, host: HostId) -> impl Iterator<Item = &Interface> {
        self.hosts
            .get(host.0)
            .into_iter()
            .flat_map(|host| &host.interfaces)
            .filter_map(|id| self.interfaces.get(id.0))
    }

    fn interface_with(&self, host: HostId, address: IpAddr) -> Option<InterfaceId> {
        let host = self.hosts.get(host.0)?;
        host.interfaces.iter().copied().find(|id| {
            self.interfaces
                .get(id.0)
                .is_some_and(|interface| interface.addresses.contains(&address))
        })
    }

    fn connect(&mut self, access: Access) -> Connection {
        Connection {
            up: Lane::new(access.up, self.random()),
            down: Lane::new(access.down, self.random()),
            is_up: true,
        }
    }

    /// A generator for the next part of the network.
    fn random(&mut self) -> Random {
        self.parts += 1;
        Random::of_part(self.seed, self.parts)
    }

    fn drop_packet(&mut self, reason: Dropped) {
        self.statistics.count(reason);
    }

    fn capture(&mut self, place: Tap, packet: &Packet) {
        if self.taps.contains(&place) {
            self.captured.push_back(Captured {
                since_start: self.now.saturating_duration_since(self.start),
                source: packet.source,
                destination: packet.destination,
                hop_limit: packet.hop_limit,
                octets: packet.octets.clone(),
            });
        }
    }
}

/// What the network tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A datagram reached a host.
    Delivered(Delivery),
    /// A host has other addresses than before.
    AddressesChanged(HostId),
    /// A scheduled change could not be made.
    ChangeRefused(TopologyError),
}

/// A datagram that reached a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whom it reached.
    pub host: HostId,
    /// Which of the host's endpoints was hit.
    pub local: SocketAddr,
    /// Where it comes from, as seen by the host.
    pub remote: SocketAddr,
    /// What it holds.
    pub octets: Vec<u8>,
}

/// A place at which datagrams are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tap {
    /// What a host sends and receives.
    Host(HostId),
    /// What enters a segment; on [`Network::INTERNET`] all that has passed the last NAT.
    Segment(SegmentId),
}

/// A host of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) usize);

/// An interface of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub(crate) usize);

/// A subnet: a LAN, a carrier's network, or the internet. Who is in the same one reaches the
/// others without a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub(crate) usize);

/// A router between two segments: a NAT for IPv4, a firewall for IPv6, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(pub(crate) usize);

/// Why a host could not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No interface of the host has the local address, or has it any more.
    #[error("{local} is no address of this host")]
    NotOurAddress {
        /// The local endpoint.
        local: SocketAddr,
    },
    /// One endpoint is IPv4, the other IPv6.
    #[error("{local} and {remote} are of different families")]
    Families {
        /// The local endpoint.
        local: SocketAddr,
        /// The remote endpoint.
        remote: SocketAddr,
    },
}

#[derive(Clone, Debug)]
struct Host {
    name: String,
    interfaces: Vec<InterfaceId>,
}

#[derive(Clone, Debug)]
struct Interface {
    host: HostId,
    segment: SegmentId,
    addresses: Vec<IpAddr>,
    connection: Connection,
}

#[derive(Clone, Debug)]
struct Router {
    name: String,
    inside: SegmentId,
    outside: SegmentId,
    /// None: no IPv4.
    nat: Option<NatTable>,
    ipv6: Ipv6Router,
    connection: Connection,
}

#[derive(Clone, Debug)]
enum Ipv6Router {
    Off,
    Open,
    Filtered(FirewallTable),
}

/// How an interface, or a router's outside, is connected to its segment.
#[derive(Clone, Debug)]
struct Connection {
    up: Lane,
    down: Lane,
    is_up: bool,
}
