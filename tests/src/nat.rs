//! What stands between a home and the internet. The NATs are the kernel's own, set up by nftables.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

pub use crate::home::Home;

/// What stands between a host and the internet. All but the first let nothing in that was not
/// asked for, unless they say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Nat {
    /// Nothing: the host has a public address.
    None,
    /// One external address and port for all destinations, the port being the host's own: what
    /// old Macs need.
    PortPreserving,
    /// The same with another port, one of a few.
    Shifted,
    /// Another random port for each destination.
    Symmetric,
    /// The host's own port, and whoever sends to it comes through.
    FullCone,
    /// A port-preserving NAT behind that of a carrier.
    CarrierGrade,
}

impl Nat {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::PortPreserving,
        Self::Shifted,
        Self::Symmetric,
        Self::FullCone,
        Self::CarrierGrade,
    ];

    /// Whether the external port is the same whomever the host sends to.
    pub fn is_endpoint_independent(self) -> bool {
        self != Self::Symmetric
    }

    /// Whether the external port is the host's own.
    pub fn keeps_port(self) -> bool {
        !matches!(self, Self::Shifted | Self::Symmetric)
    }

    /// Whether strangers come through.
    pub fn lets_strangers_in(self) -> bool {
        matches!(self, Self::None | Self::FullCone)
    }

    /// Whether two hosts behind such NATs can reach each other once they know the addresses that
    /// a reflector sees: a port that nobody can foretell is a hindrance only to who lets nothing
    /// in but from where it has sent.
    pub fn reaches(self, other: Self) -> bool {
        let one_way =
            |from: Self, to: Self| from.is_endpoint_independent() || to.lets_strangers_in();
        one_way(self, other) && one_way(other, self)
    }

    /// The rules of its router, whose host behind it is `host`.
    pub(crate) fn rules(self, host: Ipv4Addr) -> String {
        let source = match self {
            Self::None => "",
            Self::PortPreserving | Self::FullCone | Self::CarrierGrade => "masquerade",
            Self::Shifted => "meta l4proto udp masquerade to :30000-30010",
            Self::Symmetric => "masquerade fully-random",
        };
        let destination = match self {
            Self::FullCone => format!("iifname wan udp dport 1024-65535 dnat to {host}"),
            _ => String::new(),
        };
        // What is not for a host is dropped, as home routers do, and leaves no trace: else a
        // datagram that comes too early would take the port that the host's own is to have.
        format!(
            "table ip nat {{
                chain in {{ type nat hook prerouting priority dstnat; {destination}; }}
                chain out {{ type nat hook postrouting priority srcnat; oifname wan {source}; oifname wan masquerade; }}
            }}
            table ip gate {{
                chain router {{
                    type filter hook input priority filter; policy drop;
                    iifname != wan accept; ct state established,related accept;
                }}
                chain home {{
                    type filter hook forward priority filter; policy drop;
                    iifname != wan accept; ct state established,related accept; ct status dnat accept;
                }}
            }}"
        )
    }
}

/// The rules of a router for IPv6: what was asked for comes in, and neighbours may find it.
pub(crate) const FIREWALL6: &str = "table ip6 gate {
    chain router {
        type filter hook input priority filter; policy drop;
        iifname != wan accept; ct state established,related accept;
        icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept;
    }
    chain home {
        type filter hook forward priority filter; policy drop;
        iifname != wan accept; ct state established,related accept;
    }
}";

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::PortPreserving => "port-preserving",
            Self::Shifted => "shifted",
            Self::Symmetric => "symmetric",
            Self::FullCone => "full cone",
            Self::CarrierGrade => "carrier-grade",
        })
    }
}

/// Which addresses and ports a NAT shows, and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The source that a server sees at one address, at another port of it, at another address.
    pub sources: [SocketAddr; 3],
    /// Whose unasked datagrams come through: `any`, `address` or `port`.
    pub filter: String,
}

impl Seen {
    /// From the line that the probe prints.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [one, two, three, filter] = words.as_slice() else {
            return None;
        };
        Some(Self {
            sources: [one.parse().ok()?, two.parse().ok()?, three.parse().ok()?],
            filter: (*filter).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reaches_whom_is_known_beforehand() {
        use Nat::{CarrierGrade, FullCone, None, PortPreserving, Shifted, Symmetric};
        for nat in Nat::ALL {
            assert!(nat.reaches(None) && nat.reaches(FullCone), "{nat}");
            assert_eq!(nat.reaches(PortPreserving), nat != Symmetric, "{nat}");
            assert_eq!(nat.reaches(Shifted), nat != Symmetric, "{nat}");
            assert_eq!(nat.reaches(CarrierGrade), nat != Symmetric, "{nat}");
            for other in Nat::ALL {
                assert_eq!(nat.reaches(other), other.reaches(nat), "{nat} and {other}");
            }
        }
        assert!(!Symmetric.reaches(Symmetric));
    }
}
