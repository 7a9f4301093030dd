//! A datagram's way: up a link, through a segment, down a link, through a router, and again.

use super::segment::Route;
use super::{
    Change, Connection, Delivery, Event, InterfaceId, Ipv6Router, Network, RouterId, SegmentId, Tap,
};
use crate::nat::Hairpinning;
use crate::packet::Packet;
use crate::statistics::Dropped;

/// Something that is connected to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// A host's interface.
    Host(InterfaceId),
    /// The side of a router that faces the segment which it serves. Its link is ideal.
    Inside(RouterId),
    /// The other side.
    Outside(RouterId),
}

/// What happens at a later time.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// A datagram has left the sender's link.
    Enter { segment: SegmentId, packet: Packet },
    /// A datagram has left the receiver's link.
    Arrive { port: Port, packet: Packet },
    /// The network changes.
    Change(Box<Change>),
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Up,
    Down,
}

impl Network {
    pub(super) fn proceed(&mut self, pending: Pending) {
        match pending {
            Pending::Enter { segment, packet } => self.enter(segment, packet),
            Pending::Arrive { port, packet } => self.arrive(port, packet),
            Pending::Change(change) => {
                if let Err(refusal) = self.apply(*change) {
                    self.events.push_back(Event::ChangeRefused(refusal));
                }
            }
        }
    }

    /// Sends a datagram up the link of a port.
    pub(super) fn transmit(&mut self, port: Port, packet: Packet) {
        let segment = match port {
            Port::Host(id) => self.interfaces.get(id.0).map(|interface| interface.segment),
            Port::Inside(id) => self.routers.get(id.0).map(|router| router.inside),
            Port::Outside(id) => self.routers.get(id.0).map(|router| router.outside),
        };
        match segment {
            None => self.drop_packet(Dropped::NoRoute),
            Some(segment) => self.cross(port, Direction::Up, packet, |packet| Pending::Enter {
                segment,
                packet,
            }),
        }
    }

    /// A datagram is in a segment.
    fn enter(&mut self, segment: SegmentId, packet: Packet) {
        self.capture(Tap::Segment(segment), &packet);
        let route = self.segments.get(segment.0).map_or(Route::None, |segment| {
            segment.route(packet.destination.ip())
        });
        match route {
            Route::None => self.drop_packet(Dropped::NoRoute),
            Route::Nobody => self.drop_packet(Dropped::NobodyThere),
            Route::Port(Port::Inside(router)) => self.arrive(Port::Inside(router), packet),
            Route::Port(port @ (Port::Host(_) | Port::Outside(_))) => {
                self.cross(port, Direction::Down, packet, |packet| Pending::Arrive {
                    port,
                    packet,
                });
            }
        }
    }

    /// A datagram reaches a host or a router.
    fn arrive(&mut self, port: Port, packet: Packet) {
        match port {
            Port::Host(interface) => self.deliver(interface, packet),
            Port::Inside(router) => self.forward(router, Side::Inside, packet),
            Port::Outside(router) => self.forward(router, Side::Outside, packet),
        }
    }

    /// A datagram comes to a router from one side and leaves it on either.
    fn forward(&mut self, router: RouterId, from: Side, mut packet: Packet) {
        let Some(left) = packet.hop_limit.checked_sub(1).filter(|left| *left > 0) else {
            return self.drop_packet(Dropped::Loop);
        };
        packet.hop_limit = left;
        let to = match (from, packet.source.is_ipv4()) {
            (Side::Inside, true) => self.ipv4_from_inside(router, &mut packet),
            (Side::Inside, false) => self.ipv6_from_inside(router, &packet),
            (Side::Outside, true) => self.ipv4_from_outside(router, &mut packet),
            (Side::Outside, false) => self.ipv6_from_outside(router, &packet),
        };
        match to {
            Err(reason) => self.drop_packet(reason),
            Ok(Side::Outside) => self.transmit(Port::Outside(router), packet),
            Ok(Side::Inside) => {
                if let Some(inside) = self.routers.get(router.0).map(|router| router.inside) {
                    self.enter(inside, packet);
                }
            }
        }
    }

    fn deliver(&mut self, id: InterfaceId, packet: Packet) {
        let Some(interface) = self
            .interfaces
            .get(id.0)
            .filter(|interface| interface.addresses.contains(&packet.destination.ip()))
        else {
            return self.drop_packet(Dropped::AddressGone);
        };
        let host = interface.host;
        self.capture(Tap::Host(host), &packet);
        self.statistics.delivered += 1;
        self.events.push_back(Event::Delivered(Delivery {
            host,
            local: packet.destination,
            remote: packet.source,
            octets: packet.octets,
        }));
    }

    fn ipv4_from_inside(&mut self, id: RouterId, packet: &mut Packet) -> Result<Side, Dropped> {
        let now = self.now;
        let is_for_router = self.is_inside_address(id, packet);
        let router = self.routers.get_mut(id.0).ok_or(Dropped::NoRoute)?;
        let nat = router.nat.as_mut().ok_or(Dropped::NoRoute)?;
        if is_for_router {
            return Err(Dropped::ForRouter);
        }
        if !nat.pool().contains(&packet.destination.ip()) {
            packet.source = nat.outbound(now, packet.source, packet.destination)?;
            return Ok(Side::Outside);
        }
        let hairpin = packet.destination;
        match nat.nat().hairpinning {
            Hairpinning::None => return Err(Dropped::NoHairpin),
            Hairpinning::InternalSource => packet.destination = nat.holder(now, hairpin)?,
            Hairpinning::ExternalSource => {
                packet.source = nat.outbound(now, packet.source, hairpin)?;
                packet.destination = nat.inbound(now, hairpin, packet.source)?;
            }
        }
        Ok(Side::Inside)
    }

    fn ipv4_from_outside(&mut self, id: RouterId, packet: &mut Packet) -> Result<Side, Dropped> {
        let now = self.now;
        let router = self.routers.get_mut(id.0).ok_or(Dropped::NoRoute)?;
        let nat = router.nat.as_mut().ok_or(Dropped::NoRoute)?;
        if !nat.pool().contains(&packet.destination.ip()) {
            return Err(Dropped::AddressGone);
        }
        packet.destination = nat.inbound(now, packet.destination, packet.source)?;
        Ok(Side::Inside)
    }

    fn ipv6_from_inside(&mut self, id: RouterId, packet: &Packet) -> Result<Side, Dropped> {
        let now = self.now;
        let is_for_router = self.is_inside_address(id, packet);
        let router = self.routers.get_mut(id.0).ok_or(Dropped::NoRoute)?;
        match &mut router.ipv6 {
            Ipv6Router::Off => return Err(Dropped::NoRoute),
            Ipv6Router::Open | Ipv6Router::Filtered(_) if is_for_router => {
                return Err(Dropped::ForRouter);
            }
            Ipv6Router::Open => {}
            Ipv6Router::Filtered(firewall) => {
                firewall.outbound(now, packet.source, packet.destination);
            }
        }
        Ok(Side::Outside)
    }

    fn ipv6_from_outside(&mut self, id: RouterId, packet: &Packet) -> Result<Side, Dropped> {
        let now = self.now;
        let router = self.routers.get_mut(id.0).ok_or(Dropped::NoRoute)?;
        match &mut router.ipv6 {
            Ipv6Router::Off => return Err(Dropped::NoRoute),
            Ipv6Router::Open => {}
            Ipv6Router::Filtered(firewall) => {
                firewall.inbound(now, packet.destination, packet.source)?;
            }
        }
        Ok(Side::Inside)
    }

    fn is_inside_address(&self, id: RouterId, packet: &Packet) -> bool {
        self.routers
            .get(id.0)
            .and_then(|router| self.segments.get(router.inside.0))
            .is_some_and(|inside| inside.router_addresses().contains(&packet.destination.ip()))
    }

    /// Sends a datagram over one direction of a link; `then` is what follows.
    fn cross(
        &mut self,
        port: Port,
        direction: Direction,
        packet: Packet,
        then: impl Fn(Packet) -> Pending,
    ) {
        let now = self.now;
        let Some(connection) = self.connection_mut(port) else {
            return self.drop_packet(Dropped::NoRoute);
        };
        if !connection.is_up {
            return self.drop_packet(Dropped::LinkDown);
        }
        let lane = match direction {
            Direction::Up => &mut connection.up,
            Direction::Down => &mut connection.down,
        };
        match lane.cross(now, packet.size()) {
            Err(reason) => self.drop_packet(reason),
            Ok(crossing) => {
                if let Some(arrival) = crossing.copy {
                    self.statistics.duplicated += 1;
                    self.queue.push(arrival, then(packet.clone()));
                }
                self.queue.push(crossing.arrival, then(packet));
            }
        }
    }

    fn connection_mut(&mut self, port: Port) -> Option<&mut Connection> {
        match port {
            Port::Host(id) => self
                .interfaces
                .get_mut(id.0)
                .map(|interface| &mut interface.connection),
            Port::Inside(id) | Port::Outside(id) => self
                .routers
                .get_mut(id.0)
                .map(|router| &mut router.connection),
        }
    }
}

/// The two sides of a router.
#[derive(Clone, Copy, Debug)]
enum Side {
    Inside,
    Outside,
}
