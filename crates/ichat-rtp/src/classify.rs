//! Which datagram is what, on the one port that SIP, STUN, SNATMAP, RTP and RTCP share.

/// Octets of a SNATMAP message, either way (`docs/protocol/snatmap.md`).
const SNATMAP_LEN: usize = 16;
/// Octets of a STUN header (RFC 8489 §5), not counted in its length field.
const STUN_HEADER_LEN: usize = 20;
/// Octets of an RTP header without contributing sources (RFC 3550 §5.1).
const RTP_HEADER_LEN: usize = 12;
/// Octets of the shortest RTCP packet that names its sender (RFC 3550 §6.4.2).
const RTCP_MIN_LEN: usize = 8;
/// How Apple's bandwidth test begins.
const PROBE_MAGIC: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];
/// The protocol name that begins a response's first line and ends a request's.
const SIP_VERSION: &[u8] = b"SIP/2.0";

/// What a datagram on the shared port is.
///
/// Source: `docs/protocol/connectivity.md`, which datagram is what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatagramKind {
    /// Nothing, or nothing but CR, LF, space and NUL: keeps a NAT's mapping open.
    /// CRLF CRLF may be answered with CRLF.
    Keepalive,
    /// A bandwidth test of Apple's, to be ignored.
    Probe,
    /// A SIP request or response (RFC 3261).
    Sip,
    /// An RTP packet (RFC 3550 §5).
    Rtp,
    /// An RTCP packet, compound or not (RFC 3550 §6, RFC 5761 §4).
    Rtcp,
    /// A SNATMAP request or response.
    Snatmap,
    /// A STUN message, with or without the magic cookie (RFC 8489 §5, RFC 3489 §11.1).
    Stun,
    /// Anything else: to be counted and dropped, its source remembered. It may be a pinhole
    /// datagram, which hints at the NAT mapping of its sender (same place \[G\]).
    Unknown,
}

/// Tells what a datagram is from its octets alone.
///
/// A datagram from a TURN server of ours is to be unwrapped first: the first octet of ChannelData
/// looks like a letter of SIP.
///
/// Source: `docs/protocol/connectivity.md`, which datagram is what, from step 2 on.
pub fn classify(octets: &[u8]) -> DatagramKind {
    if is_keepalive(octets) {
        DatagramKind::Keepalive
    } else if octets.starts_with(&PROBE_MAGIC) {
        DatagramKind::Probe
    } else if is_sip(octets) {
        DatagramKind::Sip
    } else if octets.first().is_some_and(|first| first >> 6 == 0b10) {
        classify_version_2(octets)
    } else if is_snatmap(octets) {
        DatagramKind::Snatmap
    } else if is_stun(octets) {
        DatagramKind::Stun
    } else {
        DatagramKind::Unknown
    }
}

/// All blank is a keepalive, with one exception: NUL throughout and as long as a SNATMAP message,
/// it is such a message zeroed, and unknown (so the datagrams in `tests/vectors/`).
fn is_keepalive(octets: &[u8]) -> bool {
    let zeroed_snatmap = octets.len() == SNATMAP_LEN && octets.iter().all(|octet| *octet == 0);
    octets
        .iter()
        .all(|octet| matches!(octet, b'\r' | b'\n' | b' ' | 0))
        && !zeroed_snatmap
}

fn is_sip(octets: &[u8]) -> bool {
    let start = octets
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    let message = start
        .and_then(|start| octets.get(start..))
        .unwrap_or_default();
    if !message.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let line = message
        .split(|octet| matches!(octet, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    let line = line.trim_ascii_end();
    let response = line
        .split_first_chunk()
        .is_some_and(|(version, rest): (&[u8; 7], _)| {
            version.eq_ignore_ascii_case(SIP_VERSION) && rest.starts_with(b" ")
        });
    let request = line
        .split_last_chunk()
        .is_some_and(|(rest, version): (_, &[u8; 7])| {
            version.eq_ignore_ascii_case(SIP_VERSION) && rest.ends_with(b" ")
        });
    response || request
}

/// RTP and RTCP have the version 2 in the same place; the packet type tells them apart, since no
/// payload type of RTP is used that would look like one with the marker set (RFC 5761 §4).
fn classify_version_2(octets: &[u8]) -> DatagramKind {
    let is_packet_type = octets
        .get(1)
        .is_some_and(|second| (192..=223).contains(second));
    if is_packet_type && octets.len() >= RTCP_MIN_LEN {
        DatagramKind::Rtcp
    } else if !is_packet_type && octets.len() >= RTP_HEADER_LEN {
        DatagramKind::Rtp
    } else {
        DatagramKind::Unknown
    }
}

fn is_snatmap(octets: &[u8]) -> bool {
    octets.len() == SNATMAP_LEN && matches!(octets.first_chunk(), Some([0, 0, 0, 1 | 2]))
}

fn is_stun(octets: &[u8]) -> bool {
    let Some([0..=3, _, high, low]) = octets.first_chunk() else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    octets.len() >= STUN_HEADER_LEN && octets.len() == STUN_HEADER_LEN + length
}
