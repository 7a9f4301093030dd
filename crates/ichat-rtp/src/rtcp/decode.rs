//! The packets of a compound.

use thiserror::Error;

use super::{
    BLOCK_LEN, GOODBYE, HEADER_LEN, ITEM_CNAME, RECEIVER_REPORT, ReportBlock, RtcpPacket,
    SENDER_REPORT, SOURCE_DESCRIPTION, SenderInfo, SourceName,
};

/// Most packets of one datagram that are read.
const MAX_PACKETS: usize = 64;
const PADDING: u8 = 0x20;
const COUNT: u8 = 0x1f;

/// Reads the packets of one datagram, in order; at most 64.
///
/// Lenient: the first packet need not be a report (RFC 5506), a packet that makes no sense is an
/// [`RtcpPacket::Other`], and a tail that is no packet is left out.
///
/// # Errors
///
/// [`RtcpError`] if the datagram does not begin with a whole packet.
pub fn decode(octets: &[u8]) -> Result<Vec<RtcpPacket>, RtcpError> {
    let (first, mut rest) = split_packet(octets)?;
    let mut packets = vec![decode_packet(first)];
    while packets.len() < MAX_PACKETS
        && let Ok((packet, after)) = split_packet(rest)
    {
        packets.push(decode_packet(packet));
        rest = after;
    }
    Ok(packets)
}

/// A packet's header fields and what follows its header, padding removed.
struct Raw<'a> {
    count: usize,
    packet_type: u8,
    body: &'a [u8],
}

fn split_packet(octets: &[u8]) -> Result<(Raw<'_>, &[u8]), RtcpError> {
    let too_short = |expected| RtcpError::TooShort {
        expected,
        found: octets.len(),
    };
    let (&[first, packet_type, high, low], after) = octets
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(too_short(HEADER_LEN))?;
    if first >> 6 != 2 {
        return Err(RtcpError::Version { found: first >> 6 });
    }
    let length = 4 * usize::from(u16::from_be_bytes([high, low]));
    let (body, rest) = after
        .split_at_checked(length)
        .ok_or(too_short(HEADER_LEN + length))?;
    let padding = match body.last() {
        Some(count) if first & PADDING != 0 => usize::from(*count),
        Some(_) | None => 0,
    };
    let unpadded = body
        .len()
        .checked_sub(padding)
        .and_then(|end| body.get(..end));
    let body = unpadded.unwrap_or_default();
    Ok((
        Raw {
            count: usize::from(first & COUNT),
            packet_type,
            body,
        },
        rest,
    ))
}

fn decode_packet(raw: Raw<'_>) -> RtcpPacket {
    let mut reader = Reader(raw.body);
    let known = match raw.packet_type {
        SENDER_REPORT => sender_report(&mut reader, raw.count),
        RECEIVER_REPORT => receiver_report(&mut reader, raw.count),
        SOURCE_DESCRIPTION => Some(source_description(&mut reader, raw.count)),
        GOODBYE => goodbye(&mut reader, raw.count),
        _ => None,
    };
    known.unwrap_or(RtcpPacket::Other {
        packet_type: raw.packet_type,
    })
}

fn sender_report(reader: &mut Reader<'_>, count: usize) -> Option<RtcpPacket> {
    let ssrc = reader.u32()?;
    let sender = SenderInfo {
        ntp: u64::from_be_bytes(reader.array()?),
        timestamp: reader.u32()?,
        packets: reader.u32()?,
        octets: reader.u32()?,
    };
    Some(RtcpPacket::SenderReport {
        ssrc,
        sender,
        blocks: report_blocks(reader, count),
    })
}

fn receiver_report(reader: &mut Reader<'_>, count: usize) -> Option<RtcpPacket> {
    let ssrc = reader.u32()?;
    Some(RtcpPacket::ReceiverReport {
        ssrc,
        blocks: report_blocks(reader, count),
    })
}

/// As many whole blocks as are counted and there. What follows them is profile-specific.
fn report_blocks(reader: &mut Reader<'_>, count: usize) -> Vec<ReportBlock> {
    let (blocks, _) = reader.0.as_chunks::<BLOCK_LEN>();
    blocks
        .iter()
        .take(count)
        .filter_map(|block| report_block(&mut Reader(block)))
        .collect()
}

fn report_block(reader: &mut Reader<'_>) -> Option<ReportBlock> {
    let ssrc = reader.u32()?;
    let [fraction_lost, lost @ ..] = reader.array::<4>()?;
    let [a, b, c] = lost;
    Some(ReportBlock {
        ssrc,
        fraction_lost,
        // Put to the top and shifted down again, so that the sign of the 24 bits is kept.
        lost: i32::from_be_bytes([a, b, c, 0]) >> 8,
        highest_sequence: reader.u32()?,
        jitter: reader.u32()?,
        last_sender_report: reader.u32()?,
        delay_since: reader.u32()?,
    })
}

fn source_description(reader: &mut Reader<'_>, count: usize) -> RtcpPacket {
    let mut names = Vec::new();
    for _ in 0..count {
        let Some(name) = source_name(reader) else {
            break;
        };
        names.push(name);
    }
    RtcpPacket::SourceDescription { names }
}

/// One chunk: items up to a NUL, then NULs up to a whole word.
fn source_name(reader: &mut Reader<'_>) -> Option<SourceName> {
    let before = reader.0.len();
    let ssrc = reader.u32()?;
    let mut cname = None;
    while let Some([item]) = reader.array::<1>()
        && item != 0
    {
        let Some(text) = reader.text() else { break };
        if item == ITEM_CNAME && cname.is_none() {
            cname = Some(text);
        }
    }
    let used = before - reader.0.len();
    let padding = used.next_multiple_of(4) - used;
    reader.0 = reader.0.get(padding..).unwrap_or_default();
    Some(SourceName { ssrc, cname })
}

fn goodbye(reader: &mut Reader<'_>, count: usize) -> Option<RtcpPacket> {
    let mut ssrcs = Vec::new();
    for _ in 0..count {
        ssrcs.push(reader.u32()?);
    }
    Some(RtcpPacket::Goodbye {
        ssrcs,
        reason: reader.text(),
    })
}

/// Takes fields off the front; nothing of a field that is not whole.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A length of one octet and as much text.
    fn text(&mut self) -> Option<String> {
        let (length, rest) = self.0.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Why an RTCP datagram is refused. It is counted; the call goes on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// Shorter than its header says.
    #[error("rtcp packet too short: expected at least {expected} octets, found {found}")]
    TooShort {
        /// Octets that the header asks for.
        expected: usize,
        /// Octets that came.
        found: usize,
    },
    /// Another version than 2.
    #[error("rtcp packet of another version at offset 0: expected 2, found {found}")]
    Version {
        /// The version in the top two bits.
        found: u8,
    },
}
