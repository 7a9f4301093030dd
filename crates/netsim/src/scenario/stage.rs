//! A scenario that has been built.

use std::net::{IpAddr, SocketAddr};

use crate::network::{HostId, Network, RouterId, SegmentId};
use crate::oracle::{self, Verdict};

const SNATMAP_PORT: u16 = 5678;
const STUN_PORT: u16 = 3478;

/// A network with a caller and a callee, and two servers on the internet: one for a
/// [`Reflector`](crate::Reflector), one for a relay. Nothing runs on any of them yet.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The network.
    pub network: Network,
    /// Who sends the invitation.
    pub caller: HostId,
    /// Who gets it.
    pub callee: HostId,
    /// The caller's port.
    pub caller_port: u16,
    /// The callee's port.
    pub callee_port: u16,
    /// A host with IPv4 and IPv6 for a reflector.
    pub reflector: HostId,
    /// A host with IPv4 and IPv6 for a relay.
    pub relay: HostId,
    /// The routers in the order of the plan.
    pub routers: Vec<RouterId>,
    /// The segments inside of them.
    pub segments: Vec<SegmentId>,
}

impl Stage {
    /// What the oracle says about caller and callee as the network is now.
    pub fn verdict(&self) -> Verdict {
        oracle::verdict(
            &self.network.vantages(self.caller),
            &self.network.vantages(self.callee),
        )
    }

    /// Where the reflector answers SNATMAP.
    pub fn snatmap_address(&self) -> SocketAddr {
        SocketAddr::new(self.server_address(self.reflector, true), SNATMAP_PORT)
    }

    /// Where the reflector answers STUN, over IPv4 or IPv6.
    pub fn stun_address(&self, ipv4: bool) -> SocketAddr {
        SocketAddr::new(self.server_address(self.reflector, ipv4), STUN_PORT)
    }

    /// The IPv4 or IPv6 address of the relay's host.
    pub fn relay_address(&self, ipv4: bool) -> IpAddr {
        self.server_address(self.relay, ipv4)
    }

    /// The caller's endpoints.
    pub fn caller_endpoints(&self) -> Vec<SocketAddr> {
        self.endpoints(self.caller, self.caller_port)
    }

    /// The callee's endpoints.
    pub fn callee_endpoints(&self) -> Vec<SocketAddr> {
        self.endpoints(self.callee, self.callee_port)
    }

    fn endpoints(&self, host: HostId, port: u16) -> Vec<SocketAddr> {
        self.network
            .addresses(host)
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect()
    }

    /// Servers have both families from the beginning; an address that is gone is unspecified.
    fn server_address(&self, host: HostId, ipv4: bool) -> IpAddr {
        self.network
            .addresses(host)
            .into_iter()
            .find(|address| address.is_ipv4() == ipv4)
            .unwrap_or(IpAddr::from([0; 4]))
    }
}
