//! Captures that Wireshark and tcpdump read.
//!
//! Classic pcap with nanoseconds, link type 101 (LINKTYPE_RAW): each record begins with an IP
//! header, which is made here, with right checksums.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const VERSION: (u16, u16) = (2, 4);
const LONGEST_RECORD: u32 = 65_575;
const LINKTYPE_RAW: u32 = 101;
/// Virtual time begins at 2000-01-01 00:00:00 UTC.
const EPOCH_SECONDS: u64 = 946_684_800;
const UDP: u8 = 17;
const UDP_HEADER: u16 = 8;
const IPV4_HEADER: u16 = 20;

/// A datagram that passed a place which is tapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When, counted from the beginning of virtual time.
    pub since_start: Duration,
    /// The source as it was there.
    pub source: SocketAddr,
    /// The destination as it was there.
    pub destination: SocketAddr,
    /// Hops that were left.
    pub hop_limit: u8,
    /// The payload.
    pub octets: Vec<u8>,
}

/// A capture that grows datagram by datagram.
#[derive(Clone, Debug)]
pub struct Pcap<W> {
    to: W,
    /// IPv4's identification of the next datagram.
    identification: u16,
}

impl<W: Write> Pcap<W> {
    /// Writes the head of the file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut to: W) -> io::Result<Self> {
        let (major, minor) = VERSION;
        let mut head = Vec::new();
        head.extend(MAGIC_NANOSECONDS.to_le_bytes());
        head.extend(major.to_le_bytes());
        head.extend(minor.to_le_bytes());
        head.extend([0; 8]); // time zone, accuracy
        head.extend(LONGEST_RECORD.to_le_bytes());
        head.extend(LINKTYPE_RAW.to_le_bytes());
        to.write_all(&head)?;
        Ok(Self {
            to,
            identification: 0,
        })
    }

    /// Adds a datagram. One that is too long for UDP is refused.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&mut self, captured: &Captured) -> io::Result<()> {
        let packet = self.packet(captured).ok_or(io::ErrorKind::InvalidInput)?;
        let length = u32::try_from(packet.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let seconds = EPOCH_SECONDS + captured.since_start.as_secs();
        let seconds = u32::try_from(seconds).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut record = Vec::with_capacity(packet.len() + 16);
        record.extend(seconds.to_le_bytes());
        record.extend(captured.since_start.subsec_nanos().to_le_bytes());
        record.extend(length.to_le_bytes()); // captured
        record.extend(length.to_le_bytes()); // on the wire
        record.extend(packet);
        self.to.write_all(&record)
    }

    /// Writes what a writer with a buffer holds back.
    ///
    /// # Errors
    /// What the writer says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// The datagram with its headers; none if it is too long.
    fn packet(&mut self, captured: &Captured) -> Option<Vec<u8>> {
        let length = u16::try_from(captured.octets.len()).ok()?;
        let length = length.checked_add(UDP_HEADER)?;
        let (source, destination) = (captured.source, captured.destination);
        let mut packet = match (source.ip(), destination.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                self.identification = self.identification.wrapping_add(1);
                let mut head = vec![0x45, 0]; // version 4, five words
                head.extend(length.checked_add(IPV4_HEADER)?.to_be_bytes());
                head.extend(self.identification.to_be_bytes());
                head.extend([0x40, 0, captured.hop_limit, UDP, 0, 0]); // do not fragment
                head.extend(from.octets());
                head.extend(to.octets());
                let sum = checksum(&[&head]).to_be_bytes();
                head.splice(10..12, sum);
                head
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut head = vec![0x60, 0, 0, 0]; // version 6
                head.extend(length.to_be_bytes());
                head.extend([UDP, captured.hop_limit]);
                head.extend(from.octets());
                head.extend(to.octets());
                head
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        let mut udp = Vec::with_capacity(captured.octets.len() + 8);
        udp.extend(source.port().to_be_bytes());
        udp.extend(destination.port().to_be_bytes());
        udp.extend(length.to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(&captured.octets);
        let pseudo = pseudo_header(source.ip(), destination.ip(), length);
        // Zero would mean that there is none (RFC 768).
        let sum = match checksum(&[&pseudo, &udp]) {
            0 => u16::MAX,
            sum => sum,
        };
        udp.splice(6..8, sum.to_be_bytes());
        packet.extend(udp);
        Some(packet)
    }
}

/// What the checksum of UDP covers beside the datagram (RFC 768, RFC 8200 §8.1).
fn pseudo_header(source: IpAddr, destination: IpAddr, length: u16) -> Vec<u8> {
    let mut pseudo = Vec::with_capacity(40);
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => pseudo.extend(address.octets()),
            IpAddr::V6(address) => pseudo.extend(address.octets()),
        }
    }
    // The sum of 16-bit words is the same for the shorter form of IPv4.
    pseudo.extend([0, UDP]);
    pseudo.extend(length.to_be_bytes());
    pseudo
}

/// The Internet checksum (RFC 1071) of parts, of which all but the last have an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            let high = pair.first().copied().unwrap_or_default();
            let low = pair.get(1).copied().unwrap_or_default();
            sum += u32::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum > u32::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_holds_headers_with_right_checksums() {
        let mut pcap = Pcap::new(Vec::new()).unwrap();
        pcap.write(&Captured {
            since_start: Duration::new(1, 5),
            source: "192.0.2.1:16402".parse().unwrap(),
            destination: "203.0.113.2:5678".parse().unwrap(),
            hop_limit: 64,
            octets: b"abc".to_vec(),
        })
        .unwrap();
        let octets = pcap.into_inner();
        let (head, record) = octets.split_at(24);
        assert_eq!(head[..4], [0x4d, 0x3c, 0xb2, 0xa1]); // magic
        assert_eq!(head[20..], [101, 0, 0, 0]); // link type
        assert_eq!(record[..4], 946_684_801_u32.to_le_bytes()); // seconds
        assert_eq!(record[4..8], [5, 0, 0, 0]); // nanoseconds
        assert_eq!(record[8..12], [31, 0, 0, 0]); // captured
        assert_eq!(record[12..16], [31, 0, 0, 0]); // on the wire
        let (ip, udp) = record[16..].split_at(20);
        assert_eq!(ip[..4], [0x45, 0, 0, 31]); // version and length, service, total length
        assert_eq!(checksum(&[ip]), 0);
        assert_eq!(udp[..4], [0x40, 0x12, 0x16, 0x2e]); // ports
        assert_eq!(udp[4..6], [0, 11]); // length
        let pseudo = pseudo_header(
            "192.0.2.1".parse().unwrap(),
            "203.0.113.2".parse().unwrap(),
            11,
        );
        assert_eq!(checksum(&[&pseudo, udp]), 0);
    }

    #[test]
    fn a_payload_that_udp_cannot_carry_is_refused() {
        let mut pcap = Pcap::new(Vec::new()).unwrap();
        let refused = pcap.write(&Captured {
            since_start: Duration::ZERO,
            source: "192.0.2.1:1".parse().unwrap(),
            destination: "203.0.113.2:1".parse().unwrap(),
            hop_limit: 64,
            octets: vec![0; 65_530],
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
