//! IPPORT: one UDP address of one network interface, 40 octets.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 4 | flags, big-endian: bit 0 IPv6, bit 1 point-to-point, bit 2 cellular |
//! | 4 | 16 | interface name, ASCII, NUL padded |
//! | 20 | 16 | IPv4 in the first 4 octets (the rest is garbage on input, zero on output), IPv6 in all 16 |
//! | 36 | 2 | UDP port, big-endian |
//! | 38 | 2 | padding, zero |
//!
//! Source: `docs/protocol/addresses.md`, the address record [C, G, P].

mod list;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use list::{IpPortError, IpPortList, MAX_RECORDS, MAX_TEXT_LEN, encode_hex};

/// Flag bit 0: the address is IPv6.
const FLAG_IPV6: u32 = 1 << 0;
/// Flag bit 1: the interface is a point-to-point one.
const FLAG_POINT_TO_POINT: u32 = 1 << 1;
/// Flag bit 2: the interface is a cellular one.
const FLAG_CELLULAR: u32 = 1 << 2;
/// A flags word of exactly this value means IPv6 too: the 2009 gateway wrote it.
///
/// Source: `docs/protocol/addresses.md`, lists \[G\].
const FLAGS_IPV6_GATEWAY: u32 = 0x0000_0100;

/// Octets of the interface name field.
const NAME_LEN: usize = 16;
/// Octets of a name that we send: one less than the field, so that a NUL always ends it.
const NAME_SENT_LEN: usize = 15;
/// What stands for an octet of a name that cannot be printed.
const UNPRINTABLE: char = '\u{fffd}';

/// One UDP address of one network interface.
///
/// [`decode`](Self::decode) and [`encode`](Self::encode) keep everything but the garbage: the unused
/// octets of an IPv4 address, the padding, the scope inside a link-local IPv6 address.
///
/// Source: `docs/protocol/addresses.md`, the address record [C, G, P].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IpPort {
    /// The flags word as it was on the wire; bits that have no meaning to us are kept.
    ///
    /// Where it contradicts [`address`](Self::address), `address` wins and `encode` mends the word.
    pub flags: u32,
    /// Name of the interface, for example `en1`: at most 16 characters on input, 15 from
    /// [`IpPort::new`]. An octet that is no printable ASCII reads as U+FFFD.
    pub interface: String,
    /// The address and the UDP port. The scope of an IPv6 address is always zero.
    pub address: SocketAddr,
}

impl IpPort {
    /// Octets of one record: 40.
    pub const LEN: usize = 40;

    /// A record to send: flags from the kind of address, the name cut to 15 octets.
    ///
    /// IPv6 is sent as a flags word of `00000001`
    /// (`docs/protocol/addresses.md`, lists).
    pub fn new(interface: &str, address: SocketAddr) -> Self {
        let flags = if address.is_ipv6() { FLAG_IPV6 } else { 0 };
        let interface = interface
            .chars()
            .filter(char::is_ascii_graphic)
            .take(NAME_SENT_LEN)
            .collect();
        Self {
            flags,
            interface,
            address: SocketAddr::new(address.ip(), address.port()),
        }
    }

    /// Reads one record. Every 40 octets are a record; whether it is of any use is another question,
    /// see [`is_guard`](Self::is_guard) and [`IpPortList`].
    pub fn decode(octets: &[u8; Self::LEN]) -> Self {
        let flags = u32::from_be_bytes(field::<0, 4, _>(octets));
        let name = field::<4, NAME_LEN, _>(octets);
        let interface = name
            .iter()
            .take_while(|octet| **octet != 0)
            .map(|octet| match *octet {
                b' '..=b'~' => char::from(*octet),
                _ => UNPRINTABLE,
            })
            .collect();
        Self {
            flags,
            interface,
            address: address_of(octets),
        }
    }

    /// Writes one record: unused octets and padding zero, an unprintable character of the name as `?`.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let name: Vec<u8> = self
            .interface
            .chars()
            .take(NAME_LEN)
            .map(|character| match u8::try_from(character) {
                Ok(octet @ b' '..=b'~') => octet,
                Ok(_) | Err(_) => b'?',
            })
            .collect();
        let address = match self.address.ip() {
            IpAddr::V4(ipv4) => ipv4.octets().to_vec(),
            IpAddr::V6(ipv6) => ipv6.octets().to_vec(),
        };
        let mut octets = [0; Self::LEN];
        put(&mut octets, 0, &self.wire_flags().to_be_bytes());
        put(&mut octets, 4, &name);
        put(&mut octets, 20, &address);
        put(&mut octets, 36, &self.address.port().to_be_bytes());
        octets
    }

    /// Whether this is a guard and no address: its name ends in `~` and its address is another
    /// record's, inverted.
    ///
    /// Source: `docs/protocol/addresses.md`, guards \[C\].
    pub fn is_guard(&self) -> bool {
        self.interface.ends_with('~')
    }

    /// Whether the address is an IPv6 one.
    pub fn is_ipv6(&self) -> bool {
        self.address.is_ipv6()
    }

    /// Whether the sender marked the interface as point-to-point (flag bit 1) \[D\].
    pub fn is_point_to_point(&self) -> bool {
        self.flags & FLAG_POINT_TO_POINT != 0
    }

    /// Whether the sender marked the interface as cellular (flag bit 2) \[D\].
    pub fn is_cellular(&self) -> bool {
        self.flags & FLAG_CELLULAR != 0
    }

    /// Whether the address is of IPv6's link-local range, fe80::/10. Lists leave these out.
    pub fn is_ipv6_link_local(&self) -> bool {
        match self.address.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(ipv6) => ipv6.is_unicast_link_local(),
        }
    }

    /// Whether a datagram can be sent there at all: a port other than 0 and an address that is
    /// neither unspecified nor of a group.
    pub fn is_sendable(&self) -> bool {
        let ip = self.address.ip();
        let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        self.address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
    }

    /// The flags with the IPv6 mark brought into agreement with the address.
    fn wire_flags(&self) -> u32 {
        match (self.address.is_ipv6(), marks_ipv6(self.flags)) {
            (true, true) | (false, false) => self.flags,
            (true, false) => self.flags | FLAG_IPV6,
            (false, true) if self.flags == FLAGS_IPV6_GATEWAY => 0,
            (false, true) => self.flags & !FLAG_IPV6,
        }
    }
}

/// Whether a flags word says that the address is IPv6.
pub(crate) fn marks_ipv6(flags: u32) -> bool {
    flags & FLAG_IPV6 != 0 || flags == FLAGS_IPV6_GATEWAY
}

/// The address and port of a record, without the scope of a link-local one.
pub(crate) fn address_of(octets: &[u8; IpPort::LEN]) -> SocketAddr {
    let ip = if marks_ipv6(u32::from_be_bytes(field::<0, 4, _>(octets))) {
        IpAddr::V6(without_embedded_scope(Ipv6Addr::from(field::<20, 16, _>(
            octets,
        ))))
    } else {
        IpAddr::V4(Ipv4Addr::from(field::<20, 4, _>(octets)))
    };
    SocketAddr::new(ip, u16::from_be_bytes(field::<36, 2, _>(octets)))
}

/// Clears the scope that BSD keeps in octets 2 and 3 of an fe80::/10 address.
fn without_embedded_scope(ipv6: Ipv6Addr) -> Ipv6Addr {
    if !ipv6.is_unicast_link_local() {
        return ipv6;
    }
    let [first, _scope, rest @ ..] = ipv6.segments();
    let [a, b, c, d, e, f] = rest;
    Ipv6Addr::new(first, 0, a, b, c, d, e, f)
}

/// The `N` octets of a fixed form from offset `AT` on.
pub(crate) fn field<const AT: usize, const N: usize, const LEN: usize>(
    octets: &[u8; LEN],
) -> [u8; N] {
    const { assert!(AT + N <= LEN) };
    std::array::from_fn(|index| octets.get(AT + index).copied().unwrap_or_default())
}

/// Copies `field` to `offset`; what would not fit is cut.
pub(crate) fn put(octets: &mut [u8], offset: usize, field: &[u8]) {
    for (octet, value) in octets.iter_mut().skip(offset).zip(field) {
        *octet = *value;
    }
}
