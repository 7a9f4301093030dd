//! Which addresses of this machine a call can use, and in which order a peer's are tried.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// At most this many of our addresses go into a list (docs/protocol/sip.md, which address \[I\]).
pub const MAX_LISTED: usize = 8;

/// One usable address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    /// The interface's name, as the system calls it: `en0`, `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Bits of the subnet's prefix, 0 to 32 or 128.
    pub prefix: u8,
    /// Whether the interface leads to one peer only (a tunnel, say).
    pub point_to_point: bool,
}

impl LocalAddress {
    /// Whether `other` lies on this address's subnet.
    #[must_use]
    pub fn is_neighbour(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => same_prefix(
                u128::from(u32::from(ours)),
                u128::from(u32::from(theirs)),
                32,
                self.prefix,
            ),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                same_prefix(u128::from(ours), u128::from(theirs), 128, self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let host_bits = width.saturating_sub(u32::from(prefix));
    match host_bits {
        0 => a == b,
        128.. => true,
        bits => a >> bits == b >> bits,
    }
}

/// The addresses to bind, IPv4 first and at most [`MAX_LISTED`].
///
/// With `bind` empty, or naming only the unspecified address: those of all interfaces that are
/// up, without loopback, link-local and multicast ones. Otherwise exactly the named ones, loopback
/// included (docs/protocol/sip.md, which address \[I\]).
///
/// # Errors
/// When the system does not tell its interfaces.
pub fn usable_addresses(bind: &[IpAddr]) -> io::Result<Vec<LocalAddress>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let named: Vec<IpAddr> = bind
        .iter()
        .copied()
        .filter(|a| !a.is_unspecified())
        .collect();
    let known = interfaces.into_iter().map(|interface| LocalAddress {
        point_to_point: interface.is_p2p(),
        address: interface.ip(),
        prefix: match &interface.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        },
        interface: interface.name,
    });
    let mut found: Vec<LocalAddress> = if named.is_empty() {
        known.filter(|local| is_usable(local.address)).collect()
    } else {
        let known: Vec<LocalAddress> = known.collect();
        named
            .into_iter()
            .map(|address| {
                // An address that no interface lists (127.0.0.2, say) may still be bound.
                known
                    .iter()
                    .find(|local| local.address == address)
                    .cloned()
                    .unwrap_or(LocalAddress {
                        interface: if address.is_loopback() {
                            "lo".into()
                        } else {
                            String::new()
                        },
                        address,
                        prefix: if address.is_ipv4() { 32 } else { 128 },
                        point_to_point: false,
                    })
            })
            .collect()
    };
    if named_family(bind, IpAddr::is_ipv4) {
        found.retain(|local| local.address.is_ipv4());
    } else if named_family(bind, IpAddr::is_ipv6) {
        found.retain(|local| local.address.is_ipv6());
    }
    found.sort_by_key(|local| local.address.is_ipv6());
    found.dedup_by_key(|local| local.address);
    found.truncate(MAX_LISTED);
    Ok(found)
}

/// Whether an interface of this machine has this address now; true also when the system does not
/// tell.
pub(crate) fn is_ours(address: IpAddr) -> bool {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().any(|interface| interface.ip() == address),
        Err(_) => true,
    }
}

/// Whether `bind` consists of unspecified addresses of one family only.
fn named_family(bind: &[IpAddr], is_family: fn(&IpAddr) -> bool) -> bool {
    !bind.is_empty() && bind.iter().all(|a| a.is_unspecified() && is_family(a))
}

fn is_usable(address: IpAddr) -> bool {
    let link_local_v6 = match address {
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || link_local_v6)
}

fn is_broadcast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(_) => false,
    }
}

/// A peer's addresses in the order to try them: those on a subnet of ours first, then as listed;
/// families that we have no address of are left out (docs/protocol/sip.md, which address \[I\]).
#[must_use]
pub fn order_targets(ours: &[LocalAddress], theirs: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut targets: Vec<SocketAddr> = Vec::new();
    for address in theirs {
        let reachable = ours
            .iter()
            .any(|local| local.address.is_ipv4() == address.is_ipv4());
        let loopback = ours.iter().any(|local| local.address.is_loopback());
        if reachable
            && address.port() != 0
            && !address.ip().is_unspecified()
            && !address.ip().is_multicast()
            && !is_broadcast(address.ip())
            && (loopback || !address.ip().is_loopback())
            && !targets.contains(address)
        {
            targets.push(*address);
        }
    }
    targets.sort_by_key(|target| !ours.iter().any(|local| local.is_neighbour(target.ip())));
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(address: &str, prefix: u8) -> LocalAddress {
        LocalAddress {
            interface: "en0".into(),
            address: address.parse().unwrap(),
            prefix,
            point_to_point: false,
        }
    }

    #[test]
    fn addresses_on_our_subnet_are_tried_first() {
        let ours = [local("192.168.1.20", 24)];
        let theirs: Vec<SocketAddr> = [
            "203.0.113.7:50123",
            "192.168.1.132:16402",
            "[2001:db8::1]:16402",
            "203.0.113.7:50123",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        let order = order_targets(&ours, &theirs);
        assert_eq!(
            order,
            [theirs[1], theirs[0]],
            "IPv6 has no address of ours, doubles are dropped"
        );
    }

    #[test]
    fn a_subnet_ends_where_its_prefix_says() {
        assert!(local("10.0.0.1", 8).is_neighbour("10.255.0.1".parse().unwrap()));
        assert!(!local("10.0.0.1", 24).is_neighbour("10.0.1.1".parse().unwrap()));
        assert!(local("10.0.0.1", 0).is_neighbour("203.0.113.1".parse().unwrap()));
        assert!(local("2001:db8::1", 64).is_neighbour("2001:db8::2".parse().unwrap()));
        assert!(local("::1", 128).is_neighbour("::1".parse().unwrap()));
    }

    #[test]
    fn loopback_is_used_only_when_named() {
        assert!(
            usable_addresses(&[])
                .unwrap()
                .iter()
                .all(|local| !local.address.is_loopback())
        );
        let named = usable_addresses(&["127.0.0.1".parse().unwrap()]).unwrap();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].address, "127.0.0.1".parse::<IpAddr>().unwrap());
    }
}
