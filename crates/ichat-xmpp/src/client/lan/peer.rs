//! A neighbour.

use std::net::{IpAddr, SocketAddr};

use crate::lan::LanPresence;

/// How many addresses of a neighbour are kept.
pub(super) const ADDRESS_LIMIT: usize = 8;

/// Somebody who is announced on the network. Nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanPeer {
    /// The announced name, `user@machine`, made safe to print.
    pub name: String,
    /// Where it takes streams, IPv4 first, at most 8; none of them loopback, unless that is where
    /// we are.
    pub addresses: Vec<SocketAddr>,
    /// What it says of itself.
    pub presence: LanPresence,
}

impl LanPeer {
    /// Whether somebody who asks for `wanted` can mean this one: by the announced name, its user
    /// part, the first and last name, the nick, or an address, with its port or without; in any
    /// case.
    pub fn matches(&self, wanted: &str) -> bool {
        let wanted = wanted.trim();
        if wanted.is_empty() {
            return false;
        }
        let folded = wanted.to_lowercase();
        let is = |text: &str| text.to_lowercase() == folded;
        let bare = wanted.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return self.addresses.iter().any(|address| address.ip() == ip);
        }
        if let Ok(wanted) = wanted.parse::<SocketAddr>() {
            let same = |address: &&SocketAddr| {
                address.ip() == wanted.ip() && address.port() == wanted.port()
            };
            return self.addresses.iter().any(|address| same(&address));
        }
        is(&self.name)
            || is(self.user())
            || self.presence.display_name().as_deref().is_some_and(is)
            || self.presence.nick.as_deref().is_some_and(is)
    }

    /// The user part of the name; all of it when there is no `@`.
    pub fn user(&self) -> &str {
        self.name
            .rsplit_once('@')
            .map_or(self.name.as_str(), |(user, _)| user)
    }

    /// What to call it: first and last name, else the nick, else the announced name.
    pub fn display_name(&self) -> String {
        self.presence
            .display_name()
            .unwrap_or_else(|| self.name.clone())
    }
}

/// Sorts addresses by how well they serve, and keeps those that can: IPv4 first, then IPv6 that
/// reaches beyond the link, then IPv6 of the link with its scope.
pub(super) fn usable(mut addresses: Vec<SocketAddr>, loopback: bool) -> Vec<SocketAddr> {
    addresses.retain(|address| {
        let ip = address.ip();
        let lost = matches!(address, SocketAddr::V6(v6)
            if v6.ip().is_unicast_link_local() && v6.scope_id() == 0);
        let everybody = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        let nobody = ip.is_unspecified() || ip.is_multicast() || everybody || address.port() == 0;
        !nobody && !lost && (loopback || !ip.is_loopback())
    });
    addresses.sort_by_key(|address| {
        let rank = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => 2,
            SocketAddr::V6(_) => 1,
        };
        (rank, *address)
    });
    addresses.dedup();
    addresses.truncate(ADDRESS_LIMIT);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_peer_is_found_by_each_of_its_names_and_addresses() {
        let peer = LanPeer {
            name: "Ada@PowerBook".to_owned(),
            addresses: addresses(&["10.0.0.7:5298", "[fd77::1]:5298"]),
            presence: LanPresence {
                first: Some("Ada".to_owned()),
                last: Some("Byron".to_owned()),
                nick: Some("Enchantress".to_owned()),
                ..LanPresence::default()
            },
        };
        for wanted in [
            "ada@powerbook",
            " ADA ",
            "ada byron",
            "enchantress",
            "10.0.0.7",
            "10.0.0.7:5298",
            "fd77::1",
            "[fd77::1]",
            "[fd77:0::1]:5298",
        ] {
            assert!(peer.matches(wanted), "{wanted:?}");
        }
        for wanted in ["", "ad", "ada@imac", "byron", "10.0.0.70", "10.0.0.7:1"] {
            assert!(!peer.matches(wanted), "{wanted:?}");
        }
        assert_eq!(peer.display_name(), "Ada Byron");
    }

    #[test]
    fn addresses_that_lead_nowhere_or_home_are_left_out() {
        let all = addresses(&[
            "[fe80::1]:5298",
            "[fe80::1%3]:5298",
            "[fd77::1]:5298",
            "10.0.0.7:5298",
            "127.0.0.1:5298",
            "0.0.0.0:5298",
            "224.0.0.251:5298",
            "10.0.0.8:0",
            "10.0.0.7:5298",
        ]);
        assert_eq!(
            usable(all.clone(), false),
            addresses(&["10.0.0.7:5298", "[fd77::1]:5298", "[fe80::1%3]:5298"])
        );
        assert_eq!(usable(all, true).len(), 4);
        let many = (1..100)
            .map(|host| SocketAddr::from(([10, 0, 0, host], 5298)))
            .collect();
        assert_eq!(usable(many, false).len(), ADDRESS_LIMIT);
    }
}
