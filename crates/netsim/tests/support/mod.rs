//! A NAT on a bench: two hosts inside, two servers outside, ideal links.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use netsim::{
    Access, Delivery, Event, Families, HostId, Ipv6Routing, Nat, Network, RouterConfig, RouterId,
    SegmentId,
};

/// The port of both servers, and another.
pub(crate) const PORT: u16 = 3478;
pub(crate) const OTHER_PORT: u16 = 3479;

pub(crate) struct Bench {
    pub(crate) network: Network,
    pub(crate) router: RouterId,
    pub(crate) inside: SegmentId,
    /// Two hosts behind the NAT.
    pub(crate) mac: HostId,
    pub(crate) neighbour: HostId,
    /// Two hosts on the internet.
    pub(crate) server: HostId,
    pub(crate) other_server: HostId,
}

impl Bench {
    pub(crate) fn new(nat: Nat) -> Self {
        Self::with_pool(nat, 1, 1)
    }

    pub(crate) fn with_pool(nat: Nat, pool: usize, seed: u64) -> Self {
        Self::with_router(seed, |config| RouterConfig {
            pool,
            nat: Some(nat),
            ..config
        })
    }

    pub(crate) fn with_router(seed: u64, configure: impl Fn(RouterConfig) -> RouterConfig) -> Self {
        let mut network = Network::new(Instant::now(), seed);
        let inside = network.add_segment(
            "home",
            &[
                "192.168.1.0/24".parse().unwrap(),
                "2001:db8:1::/64".parse().unwrap(),
            ],
        );
        let config = RouterConfig {
            ipv6: Ipv6Routing::Open,
            ..RouterConfig::nat(inside, Network::INTERNET, Nat::full_cone())
        };
        let router = network.add_router(configure(config)).unwrap();
        let mut host = |name, segment| {
            let host = network.add_host(name);
            let access = Access::default();
            network.join(host, segment, Families::Both, access).unwrap();
            host
        };
        let mac = host("mac", inside);
        let neighbour = host("neighbour", inside);
        let server = host("server", Network::INTERNET);
        let other_server = host("other server", Network::INTERNET);
        let mut bench = Self {
            network,
            router,
            inside,
            mac,
            neighbour,
            server,
            other_server,
        };
        bench.deliveries();
        bench
    }

    /// The endpoint of a host's first IPv4 address.
    pub(crate) fn v4(&self, host: HostId, port: u16) -> SocketAddr {
        self.endpoint(host, port, true)
    }

    /// The endpoint of a host's first IPv6 address.
    pub(crate) fn v6(&self, host: HostId, port: u16) -> SocketAddr {
        self.endpoint(host, port, false)
    }

    /// The NAT's first external address.
    pub(crate) fn external(&self) -> IpAddr {
        self.network.external_addresses(self.router)[0]
    }

    /// Sends one datagram; where it arrives, if it does.
    pub(crate) fn send(
        &mut self,
        host: HostId,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Delivery> {
        let now = self.network.now();
        self.network
            .send(now, host, local, remote, b"octets".to_vec())
            .unwrap();
        let mut deliveries = self.deliveries();
        assert!(deliveries.len() <= 1, "{deliveries:?}");
        deliveries.pop()
    }

    /// Sends from inside to a server; the external endpoint that the server sees.
    pub(crate) fn map(&mut self, host: HostId, port: u16, remote: SocketAddr) -> SocketAddr {
        let local = self.endpoint(host, port, remote.is_ipv4());
        let delivery = self.send(host, local, remote).unwrap();
        assert_eq!(delivery.local, remote);
        delivery.remote
    }

    /// Sends from a server to an external endpoint; whether it gets in to the port of the host.
    pub(crate) fn enters(
        &mut self,
        server: HostId,
        port: u16,
        external: SocketAddr,
        to: (HostId, u16),
    ) -> bool {
        let from = self.endpoint(server, port, external.is_ipv4());
        let (host, port) = to;
        let expected = self.endpoint(host, port, external.is_ipv4());
        match self.send(server, from, external) {
            None => false,
            Some(delivery) => {
                assert_eq!(delivery.host, host);
                assert_eq!(delivery.local, expected);
                assert_eq!(delivery.remote, from);
                true
            }
        }
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        let now = self.network.now();
        self.network.handle_timeout(now + duration);
    }

    fn endpoint(&self, host: HostId, port: u16, ipv4: bool) -> SocketAddr {
        let address = self
            .network
            .addresses(host)
            .into_iter()
            .find(|address| address.is_ipv4() == ipv4)
            .unwrap();
        SocketAddr::new(address, port)
    }

    fn deliveries(&mut self) -> Vec<Delivery> {
        let now = self.network.now();
        self.network.handle_timeout(now);
        let mut deliveries = Vec::new();
        while let Some(event) = self.network.poll_event() {
            match event {
                Event::Delivered(delivery) => deliveries.push(delivery),
                Event::AddressesChanged(_) => {}
                Event::ChangeRefused(refusal) => panic!("{refusal}"),
            }
        }
        deliveries
    }
}
