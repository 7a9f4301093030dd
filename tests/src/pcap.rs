//! Captures of the media port: pcap files of raw IP packets.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// One UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Seconds of the epoch, and nanoseconds.
    pub at: (u32, u32),
    /// From.
    pub source: SocketAddr,
    /// To.
    pub destination: SocketAddr,
    /// What it carried.
    pub payload: Vec<u8>,
}

/// One RTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// Its type.
    pub payload_type: u8,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its sender.
    pub ssrc: u32,
    /// What it carried.
    pub payload: Vec<u8>,
}

/// Reads a capture.
///
/// # Panics
/// If it is not a valid one.
pub fn read(path: &Path) -> Vec<Datagram> {
    let octets = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    parse(&octets).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// Reads a capture with LINKTYPE_RAW, in either byte order, with micro- or nanoseconds.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(octets: &[u8]) -> Result<Vec<Datagram>, String> {
    let magic = octets.get(..4).ok_or("no header")?;
    let (is_big, is_nano) = match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
        _ => return Err(format!("magic number {magic:02x?}")),
    };
    let word = |at: usize| -> Result<u32, String> {
        let bytes: [u8; 4] = octets
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(format!("it ends at {}", octets.len()))?;
        Ok(if is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    };
    if word(20)? & 0xffff != 101 {
        return Err(format!("link type {} instead of 101 (RAW)", word(20)?));
    }
    let (mut at, mut datagrams) = (24, Vec::new());
    while at < octets.len() {
        let (captured, original) = (word(at + 8)? as usize, word(at + 12)? as usize);
        if captured != original {
            return Err(format!(
                "the packet at {at} is cut: {captured} of {original} octets"
            ));
        }
        let packet = octets.get(at + 16..at + 16 + captured).ok_or(format!(
            "the packet at {at} says {captured} octets, too many"
        ))?;
        let nanoseconds = word(at + 4)? * if is_nano { 1 } else { 1000 };
        let (source, destination, payload) =
            udp(packet).map_err(|error| format!("the packet at {at}: {error}"))?;
        datagrams.push(Datagram {
            at: (word(at)?, nanoseconds),
            source,
            destination,
            payload,
        });
        at += 16 + captured;
    }
    Ok(datagrams)
}

fn udp(packet: &[u8]) -> Result<(SocketAddr, SocketAddr, Vec<u8>), String> {
    let half = |at: usize| -> Result<u16, String> {
        let bytes = packet
            .get(at..at + 2)
            .ok_or(format!("it ends at {}", packet.len()))?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    let address = |at: usize, length: usize| -> Result<IpAddr, String> {
        let bytes = packet
            .get(at..at + length)
            .ok_or(format!("it ends at {}", packet.len()))?;
        Ok(match <[u8; 4]>::try_from(bytes) {
            Ok(bytes) => IpAddr::from(bytes),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).map_err(|e| e.to_string())?),
        })
    };
    let first = packet.first().copied().ok_or("it is empty")?;
    let (source, destination, start, protocol) = match first >> 4 {
        4 => {
            if usize::from(half(2)?) != packet.len() {
                return Err(format!(
                    "total length {} instead of {}",
                    half(2)?,
                    packet.len()
                ));
            }
            (
                address(12, 4)?,
                address(16, 4)?,
                usize::from(first & 15) * 4,
                packet[9],
            )
        }
        6 => {
            if usize::from(half(4)?) + 40 != packet.len() {
                return Err(format!("payload length {} of {}", half(4)?, packet.len()));
            }
            (address(8, 16)?, address(24, 16)?, 40, packet[6])
        }
        version => return Err(format!("IP version {version}")),
    };
    if protocol != 17 {
        return Err(format!("protocol {protocol} instead of 17 (UDP)"));
    }
    if start + usize::from(half(start + 4)?) != packet.len() {
        return Err(format!(
            "UDP length {} of {}",
            half(start + 4)?,
            packet.len() - start
        ));
    }
    Ok((
        SocketAddr::new(source, half(start)?),
        SocketAddr::new(destination, half(start + 2)?),
        packet.get(start + 8..).ok_or("no UDP header")?.to_vec(),
    ))
}

impl Datagram {
    /// The RTP packet that it is, if it is one: RTCP (RFC 5761 §4) and SIP are none.
    pub fn rtp(&self) -> Option<Rtp> {
        let octets = &self.payload;
        if octets.len() < 12 || octets[0] >> 6 != 2 || (192..=223).contains(&octets[1]) {
            return None;
        }
        let mut start = 12 + usize::from(octets[0] & 15) * 4;
        if octets[0] & 0x10 != 0 {
            let words = octets.get(start + 2..start + 4)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        let padding = if octets[0] & 0x20 != 0 {
            usize::from(*octets.last()?)
        } else {
            0
        };
        Some(Rtp {
            payload_type: octets[1] & 0x7f,
            sequence: u16::from_be_bytes([octets[2], octets[3]]),
            timestamp: u32::from_be_bytes([octets[4], octets[5], octets[6], octets[7]]),
            ssrc: u32::from_be_bytes([octets[8], octets[9], octets[10], octets[11]]),
            payload: octets
                .get(start..octets.len().checked_sub(padding)?)?
                .to_vec(),
        })
    }

    /// Whether it is RTCP (RFC 5761 §4).
    pub fn is_rtcp(&self) -> bool {
        let octets = &self.payload;
        octets.len() >= 8 && octets[0] >> 6 == 2 && (192..=223).contains(&octets[1])
    }

    /// The first line of the SIP message that it is, if it is one.
    pub fn sip(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.payload).ok()?.trim_start();
        let line = text.lines().next()?;
        (line.starts_with("SIP/2.0 ") || line.ends_with(" SIP/2.0")).then(|| line.to_owned())
    }
}

/// The RTP packets of these datagrams, in the order of their timestamps, each once.
pub fn stream<'a>(datagrams: impl IntoIterator<Item = &'a Datagram>) -> Vec<Rtp> {
    let mut packets: Vec<Rtp> = datagrams.into_iter().filter_map(Datagram::rtp).collect();
    if let Some(first) = packets.first().map(|packet| packet.timestamp) {
        // Timestamps wrap; nothing is further than half of their range from the first.
        packets.sort_by_key(|packet| packet.timestamp.wrapping_sub(first) as i32);
    }
    packets.dedup_by_key(|packet| (packet.ssrc, packet.timestamp, packet.sequence));
    packets
}

/// The payloads of these packets, one after the other.
pub fn payload(packets: &[Rtp]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|packet| packet.payload.iter().copied())
        .collect()
}

/// How many sequence numbers are missing between the first and the last packet.
pub fn lost(packets: &[Rtp]) -> usize {
    packets
        .windows(2)
        .map(|pair| usize::from(pair[1].sequence.wrapping_sub(pair[0].sequence)))
        .map(|step| step.saturating_sub(1))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x80, 0];
        octets.extend(sequence.to_be_bytes());
        octets.extend(timestamp.to_be_bytes());
        octets.extend(7u32.to_be_bytes());
        octets.extend(payload);
        octets
    }

    fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = Vec::new();
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65535, 101] {
            octets.extend(word.to_le_bytes());
        }
        for payload in packets {
            let total = u16::try_from(28 + payload.len()).expect("small");
            for word in [1u32, 2, u32::from(total), u32::from(total)] {
                octets.extend(word.to_le_bytes());
            }
            octets.extend([0x45, 0]);
            octets.extend(total.to_be_bytes());
            octets.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2]);
            octets.extend([0x40, 0x12, 0x40, 0x13]);
            octets.extend((total - 20).to_be_bytes());
            octets.extend([0, 0]);
            octets.extend(payload);
        }
        octets
    }

    #[test]
    fn payloads_come_in_the_order_of_timestamps_across_a_wrap_and_once_each() {
        let last = u32::MAX - 159;
        let octets = capture(&[
            packet(65535, last, b"b"),
            packet(65534, last.wrapping_sub(160), b"a"),
            packet(0, 0, b"c"),
            packet(0, 0, b"c"),
            packet(2, 320, b"e"),
            b"INVITE sip:user@h SIP/2.0\r\n\r\n".to_vec(),
            vec![0x80, 200, 0, 1, 0, 0, 0, 7],
        ]);
        let datagrams = parse(&octets).expect("a capture");
        assert_eq!(datagrams[0].source.to_string(), "127.0.0.1:16402");
        assert_eq!(datagrams[0].destination.to_string(), "127.0.0.2:16403");
        let packets = stream(&datagrams);
        assert_eq!(payload(&packets), b"abce");
        assert_eq!(lost(&packets), 1);
        assert_eq!(
            datagrams[5].sip().as_deref(),
            Some("INVITE sip:user@h SIP/2.0")
        );
        assert!(datagrams[6].is_rtcp());
        assert!(parse(&octets[..octets.len() - 1]).is_err());
    }
}
