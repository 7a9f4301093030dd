//! What the oracle has to know about a host: each address, and what lies between it and the
//! internet.

use std::net::IpAddr;

use super::{HostId, Interface, Ipv6Router, Network, SegmentId};
use crate::oracle::{Layer, Place, Vantage};

impl Network {
    /// The host's addresses as the oracle wants them, read from the topology alone.
    pub fn vantages(&self, host: HostId) -> Vec<Vantage> {
        self.interfaces_of(host)
            .flat_map(|interface| {
                interface
                    .addresses
                    .iter()
                    .map(|address| self.vantage(interface, *address))
            })
            .collect()
    }

    fn vantage(&self, interface: &Interface, address: IpAddr) -> Vantage {
        let mut vantage = Vantage {
            address,
            places: Vec::new(),
            layers: Vec::new(),
        };
        let mut next = Some(interface.segment);
        while let Some(id) = next {
            let Some(segment) = self.segments.get(id.0) else {
                break;
            };
            vantage.places.push(Place {
                segment: id,
                prefixes: segment.prefixes.clone(),
            });
            next = self.climb(id, &mut vantage);
        }
        vantage
    }

    /// The next segment outward, if datagrams of this family get there.
    fn climb(&self, from: SegmentId, vantage: &mut Vantage) -> Option<SegmentId> {
        let id = self.segments.get(from.0)?.gateway?;
        let router = self.routers.get(id.0)?;
        if vantage.address.is_ipv4() {
            let nat = router.nat.as_ref()?;
            vantage.layers.push(Layer {
                router: id,
                nat: *nat.nat(),
                externals: nat.pool().to_vec(),
            });
        } else {
            match router.ipv6 {
                Ipv6Router::Off => return None,
                Ipv6Router::Open | Ipv6Router::Filtered(_) => {}
            }
        }
        Some(router.outside)
    }
}
