//! Prefixes of addresses, as in `192.168.1.0/24`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// The first of them: all bits after the length are zero.
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of `length` bits that an address lies in.
    ///
    /// # Errors
    /// If the length is greater than 32 for IPv4, 128 for IPv6.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let longest = bits(address);
        if length > longest {
            return Err(PrefixError::Length { length, longest });
        }
        Ok(Self::masked(address, length))
    }

    /// The same where the length is known to be right; a greater one counts as the greatest.
    pub(crate) fn of(address: IpAddr, length: u8) -> Self {
        Self::masked(address, length.min(bits(address)))
    }

    /// How many bits are the same.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether these are IPv4 addresses.
    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether an address begins so.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4() && Self::masked(address, self.length) == self
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// The address that comes `index` places after the first, if it is still in the prefix.
    pub fn nth(self, index: u32) -> Option<IpAddr> {
        let address = match self.address {
            IpAddr::V4(first) => {
                IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().checked_add(index)?))
            }
            IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(
                first.to_bits().checked_add(u128::from(index))?,
            )),
        };
        self.contains(address).then_some(address)
    }

    fn masked(address: IpAddr, length: u8) -> Self {
        let address = match address {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !rest))
            }
            IpAddr::V6(address) => {
                let rest = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !rest))
            }
        };
        Self { address, length }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or(PrefixError::NoSlash)?;
        let address: IpAddr = address.parse().map_err(|_| PrefixError::NoAddress)?;
        let length = length.parse().map_err(|_| PrefixError::NoLength)?;
        Self::new(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why this is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Nothing parts the address from the length.
    #[error("expected a slash between address and length")]
    NoSlash,
    /// What stands before the slash is no address.
    #[error("expected an IPv4 or IPv6 address before the slash")]
    NoAddress,
    /// What stands after the slash is no number.
    #[error("expected a number of bits from 0 to 255 after the slash")]
    NoLength,
    /// More bits than an address has.
    #[error("found a length of {length} bits, expected at most {longest}")]
    Length {
        /// The length that was found.
        length: u8,
        /// The longest for this family.
        longest: u8,
    },
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_bits_after_the_length_do_not_matter() {
        assert_eq!(prefix("192.168.1.77/24").to_string(), "192.168.1.0/24");
        assert_eq!(prefix("2001:db8::7/32").to_string(), "2001:db8::/32");
        assert_eq!(prefix("10.1.2.3/0").to_string(), "0.0.0.0/0");
        assert_eq!(prefix("::1/128").to_string(), "::1/128");
    }

    #[test]
    fn a_prefix_contains_its_family_only() {
        assert!(prefix("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
        assert!(!prefix("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(!prefix("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(prefix("10.0.0.0/8").overlaps(prefix("10.9.0.0/16")));
        assert!(!prefix("10.0.0.0/16").overlaps(prefix("10.9.0.0/16")));
    }

    #[test]
    fn counting_ends_with_the_prefix() {
        assert_eq!(
            prefix("10.0.0.0/30").nth(3),
            Some("10.0.0.3".parse().unwrap())
        );
        assert_eq!(prefix("10.0.0.0/30").nth(4), None);
        assert_eq!(prefix("255.255.255.255/32").nth(1), None);
        assert_eq!(prefix("fd00::/64").nth(2), Some("fd00::2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_prefix_is_told_why() {
        let refusal = |text: &str| text.parse::<Prefix>().unwrap_err();
        assert_eq!(refusal("10.0.0.0"), PrefixError::NoSlash);
        assert_eq!(refusal("ten/8"), PrefixError::NoAddress);
        assert_eq!(refusal("10.0.0.0/x"), PrefixError::NoLength);
        assert_eq!(
            refusal("10.0.0.0/33"),
            PrefixError::Length {
                length: 33,
                longest: 32
            }
        );
    }
}
