//! Which addresses an interface gets.

use std::net::IpAddr;

/// The families of addresses that an interface has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Families {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both, as far as the segment has both.
    Both,
}

impl Families {
    pub(super) fn has(self, is_ipv4: bool) -> bool {
        match self {
            Self::V4 => is_ipv4,
            Self::V6 => !is_ipv4,
            Self::Both => true,
        }
    }
}

/// Whether an address may be given to a host: in IPv4 neither the first nor the last of 256.
pub(super) fn is_for_hosts(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [.., last] = address.octets();
            last != 0 && last != u8::MAX
        }
        IpAddr::V6(_) => true,
    }
}
