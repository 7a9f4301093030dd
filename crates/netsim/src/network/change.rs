//! What happens to a network while it is used.

use std::net::IpAddr;

use super::{
    Connection, Event, Families, HostId, InterfaceId, Ipv6Router, Network, RouterId, SegmentId,
    TopologyError,
};
use crate::link::Access;

/// A change of the network during a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An interface loses an address, as when a lease ends. Datagrams on their way there are
    /// dropped, and the host can no longer send from it.
    AddressGone {
        /// Whose interface.
        host: HostId,
        /// Which address.
        address: IpAddr,
    },
    /// A host gets an interface more, with the next free addresses: a cable is plugged in.
    Join {
        /// Which host.
        host: HostId,
        /// Into which segment.
        segment: SegmentId,
        /// With which addresses.
        families: Families,
        /// Over which link.
        access: Access,
    },
    /// An interface moves to another segment and gets new addresses there: from one Wi-Fi to
    /// another. The link stays as it is.
    Move {
        /// Which interface.
        interface: InterfaceId,
        /// Into which segment.
        to: SegmentId,
        /// With which addresses.
        families: Families,
    },
    /// The link of an interface goes down or up; its addresses stay.
    Link {
        /// Which interface.
        interface: InterfaceId,
        /// Whether it carries anything from now on.
        up: bool,
    },
    /// The link of an interface becomes better or worse.
    Access {
        /// Which interface.
        interface: InterfaceId,
        /// Its link from now on.
        access: Access,
    },
    /// The link between a router and what is outside goes down or up.
    RouterLink {
        /// Which router.
        router: RouterId,
        /// Whether it carries anything from now on.
        up: bool,
    },
    /// A router forgets all mappings and permissions and keeps its addresses: a power cut.
    Reboot {
        /// Which router.
        router: RouterId,
    },
    /// A router forgets all mappings and permissions and gets other external addresses: the
    /// provider's nightly reconnection.
    Renumber {
        /// Which router.
        router: RouterId,
    },
}

impl Network {
    /// Changes the network now.
    ///
    /// # Errors
    /// If a part is unknown, or the segment has no address left.
    pub fn apply(&mut self, change: Change) -> Result<(), TopologyError> {
        match change {
            Change::AddressGone { host, address } => self.take_address(host, address),
            Change::Join {
                host,
                segment,
                families,
                access,
            } => self.join(host, segment, families, access).map(drop),
            Change::Move {
                interface,
                to,
                families,
            } => self.move_interface(interface, to, families),
            Change::Link { interface, up } => {
                self.interface_mut(interface)?.connection.is_up = up;
                Ok(())
            }
            Change::Access { interface, access } => {
                replace(&mut self.interface_mut(interface)?.connection, access);
                Ok(())
            }
            Change::RouterLink { router, up } => {
                self.router_mut(router)?.connection.is_up = up;
                Ok(())
            }
            Change::Reboot { router } => self.reboot(router, false),
            Change::Renumber { router } => self.reboot(router, true),
        }
    }

    fn take_address(&mut self, host: HostId, address: IpAddr) -> Result<(), TopologyError> {
        let id = self
            .interface_with(host, address)
            .ok_or(TopologyError::NoSuchAddress(address))?;
        let interface = self.interface_mut(id)?;
        interface.addresses.retain(|other| *other != address);
        let segment = interface.segment;
        self.segment_mut(segment)?.leave(address);
        self.events.push_back(Event::AddressesChanged(host));
        Ok(())
    }

    fn move_interface(
        &mut self,
        id: InterfaceId,
        to: SegmentId,
        families: Families,
    ) -> Result<(), TopologyError> {
        let host = self.interface_mut(id)?.host;
        let own = self.addresses(host);
        let addresses = self.allocate(to, families, &own)?;
        let interface = self.interface_mut(id)?;
        let (from, old) = (interface.segment, std::mem::take(&mut interface.addresses));
        let segment = self.segment_mut(from)?;
        for address in old {
            segment.leave(address);
        }
        self.settle(id, to, &addresses)
    }

    fn reboot(&mut self, id: RouterId, renumber: bool) -> Result<(), TopologyError> {
        let router = self.router_mut(id)?;
        let outside = router.outside;
        match &mut router.ipv6 {
            Ipv6Router::Off | Ipv6Router::Open => {}
            Ipv6Router::Filtered(firewall) => firewall.reboot(),
        }
        let Some(old) = router.nat.as_ref().map(|nat| nat.pool().to_vec()) else {
            return Ok(());
        };
        let pool = if renumber {
            let new = self.allocate_externals(outside, id, old.len())?;
            let segment = self.segment_mut(outside)?;
            for address in old {
                segment.leave(address);
            }
            new
        } else {
            old
        };
        if let Some(nat) = &mut self.router_mut(id)?.nat {
            nat.reboot(pool);
        }
        Ok(())
    }
}

fn replace(connection: &mut Connection, access: Access) {
    connection.up.link = access.up;
    connection.down.link = access.down;
}
