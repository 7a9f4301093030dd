//! Every datagram of the media port, written as a capture that Wireshark reads.
//!
//! Classic pcap, link type 101 (LINKTYPE_RAW): each record begins with an IP header, which is made
//! here from the addresses, since a UDP socket hands over only the payload. Nanosecond file magic.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::SystemTime;

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;
const TTL: u8 = 64;

/// A capture file that grows datagram by datagram.
#[derive(Debug)]
pub struct PcapWriter {
    file: BufWriter<File>,
}

impl PcapWriter {
    /// Creates the file, or empties it, and writes its head.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&MAGIC_NANOSECONDS.to_le_bytes())?;
        file.write_all(&2u16.to_le_bytes())?; // version 2.4
        file.write_all(&4u16.to_le_bytes())?;
        file.write_all(&[0; 8])?; // time zone, accuracy
        file.write_all(&65_535u32.to_le_bytes())?; // longest record
        file.write_all(&LINKTYPE_RAW.to_le_bytes())?;
        file.flush()?;
        Ok(Self { file })
    }

    /// Adds one datagram. A file that cannot grow any more is reported once by the caller.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(
        &mut self,
        wall: SystemTime,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> io::Result<()> {
        let since = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let udp_len = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
        let head = ip_header(source.ip(), destination.ip(), udp_len);
        let mut udp = Vec::with_capacity(8);
        udp.extend(source.port().to_be_bytes());
        udp.extend(destination.port().to_be_bytes());
        udp.extend(udp_len.to_be_bytes());
        let sum = udp_checksum(source.ip(), destination.ip(), &udp, payload);
        udp.extend(sum.to_be_bytes());
        let len = u32::try_from(head.len() + 8 + payload.len()).unwrap_or(u32::MAX);
        // 32 bits of seconds: pcap's own limit, reached in 2106.
        let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        self.file.write_all(&seconds.to_le_bytes())?;
        self.file.write_all(&since.subsec_nanos().to_le_bytes())?;
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(&head)?;
        self.file.write_all(&udp)?;
        self.file.write_all(payload)
    }

    /// Hands what is buffered to the system, so that a killed program leaves it behind.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The IP header of a UDP datagram of `udp_len` octets, UDP header included. Mixed families are
/// written as IPv6 with mapped addresses.
fn ip_header(source: IpAddr, destination: IpAddr, udp_len: u16) -> Vec<u8> {
    let mut head = Vec::with_capacity(40);
    if let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) {
        head.extend([0x45, 0]);
        head.extend(udp_len.saturating_add(20).to_be_bytes());
        head.extend([0, 0, 0x40, 0, TTL, UDP, 0, 0]);
        head.extend(source.octets());
        head.extend(destination.octets());
        let sum = !fold(words(&head));
        if let Some(place) = head.get_mut(10..12) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
    } else {
        head.extend([0x60, 0, 0, 0]);
        head.extend(udp_len.to_be_bytes());
        head.extend([UDP, TTL]);
        head.extend(as_v6(source));
        head.extend(as_v6(destination));
    }
    head
}

fn as_v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// RFC 768's checksum over the pseudo header, the header so far and the payload.
fn udp_checksum(source: IpAddr, destination: IpAddr, udp: &[u8], payload: &[u8]) -> u16 {
    let addresses = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            words(&source.octets()) + words(&destination.octets())
        }
        (source, destination) => words(&as_v6(source)) + words(&as_v6(destination)),
    };
    let len = u64::try_from(payload.len() + 8).unwrap_or(u64::MAX);
    match !fold(addresses + u64::from(UDP) + len + words(udp) + words(payload)) {
        0 => 0xffff,
        sum => sum,
    }
}

/// The sum of the big-endian 16-bit words, an odd octet at the end padded with zero.
fn words(octets: &[u8]) -> u64 {
    octets
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
            [high] => u64::from(*high) << 8,
            _ => 0,
        })
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_header_that_carries_it_is_zero() {
        let head = ip_header(
            "192.0.2.1".parse().unwrap(),
            "192.0.2.2".parse().unwrap(),
            28,
        );
        assert_eq!(!fold(words(&head)), 0);
        assert_eq!(head.len(), 20);
        assert_eq!(
            ip_header("::1".parse().unwrap(), "::1".parse().unwrap(), 8).len(),
            40
        );
    }

    #[test]
    fn an_odd_octet_is_padded() {
        assert_eq!(words(&[1, 2, 3]), 0x0102 + 0x0300);
    }
}
