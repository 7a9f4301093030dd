//! RTP packets, RFC 3550 §5.1.

use thiserror::Error;

/// Octets of a header without contributing sources.
const HEADER_LEN: usize = 12;
/// The first octet of what we send: version 2, no padding, no extension, no contributing source.
const FIRST_OCTET: u8 = 2 << 6;
const MARKER: u8 = 0x80;

/// A packet as it arrived, its payload still where it was received.
///
/// Padding, contributing sources and a header extension are read over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Payload type, 0 to 127: 0 is PCMU (RFC 3551 §6).
    pub payload_type: u8,
    /// Marker: for audio, the first packet after a silence (RFC 3551 §4.1).
    pub marker: bool,
    /// Sequence number, one up a packet, wrapping.
    pub sequence: u16,
    /// Time of the first sample in units of the codec's clock, wrapping.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// What the codec made; may be empty.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`RtpError`] if the octets are no packet of RTP version 2.
    pub fn decode(octets: &'a [u8]) -> Result<Self, RtpError> {
        let packet = rtp_types::RtpPacket::parse(octets)?;
        let start = packet.payload_offset();
        let payload = octets
            .get(start..start + packet.payload_len())
            .unwrap_or_default();
        Ok(Self {
            payload_type: packet.payload_type(),
            marker: packet.marker_bit(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            payload,
        })
    }

    /// Writes the packet: a header of 12 octets, then the payload.
    pub fn encode(&self) -> Vec<u8> {
        let marker = if self.marker { MARKER } else { 0 };
        let mut octets = Vec::with_capacity(HEADER_LEN + self.payload.len());
        octets.push(FIRST_OCTET);
        octets.push(marker | (self.payload_type & !MARKER));
        octets.extend(self.sequence.to_be_bytes());
        octets.extend(self.timestamp.to_be_bytes());
        octets.extend(self.ssrc.to_be_bytes());
        octets.extend(self.payload);
        octets
    }
}

/// Why an RTP datagram is refused. It is counted; the call goes on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than its header says.
    #[error("rtp packet too short: expected at least {expected} octets, found {found}")]
    TooShort {
        /// Octets that the header asks for.
        expected: usize,
        /// Octets that came.
        found: usize,
    },
    /// Another version than 2.
    #[error("rtp packet of another version at offset 0: expected 2, found {found}")]
    Version {
        /// The version in the top two bits.
        found: u8,
    },
    /// Padding is announced, but its count (the last octet) is impossible.
    #[error("rtp padding impossible in the last octet: expected 1 or more, found {found}")]
    Padding {
        /// The count.
        found: u8,
    },
    /// Another source than the one that we hear, with a payload type that was not agreed on.
    #[error(
        "rtp payload type of an unknown source at offset 1: expected {expected}, found {found}"
    )]
    PayloadType {
        /// The payload type of the session.
        expected: u8,
        /// The payload type that came.
        found: u8,
    },
    /// Another source than the one that we hear; taken from its second packet in sequence on.
    #[error("rtp source not proven at offset 8: expected ssrc {expected:08x}, found {found:08x}")]
    UnprovenSource {
        /// The source that we hear.
        expected: u32,
        /// The source that came.
        found: u32,
    },
}

impl From<rtp_types::RtpParseError> for RtpError {
    fn from(error: rtp_types::RtpParseError) -> Self {
        use rtp_types::RtpParseError as Parse;
        match error {
            Parse::UnsupportedVersion(found) => Self::Version { found },
            Parse::Truncated { expected, actual } => Self::TooShort {
                expected,
                found: actual,
            },
            Parse::PaddingInvalid(found) => Self::Padding { found },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_encodes_field_by_field() {
        let packet = RtpPacket {
            payload_type: 0,
            marker: true,
            sequence: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0x0708_090a,
            payload: &[0xff, 0x7f],
        };
        let octets = [
            0x80, // version 2, no padding, no extension, no contributing source
            0x80, // marker, payload type 0
            1, 2, // sequence
            3, 4, 5, 6, // timestamp
            7, 8, 9, 10, // ssrc
            0xff, 0x7f, // payload
        ];
        assert_eq!(packet.encode(), octets);
        assert_eq!(RtpPacket::decode(&octets), Ok(packet));
    }

    #[test]
    fn padding_contributing_sources_and_an_extension_are_read_over() {
        let octets = [
            0xb2, 0x00, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, // padding, extension, two sources
            0, 0, 0, 3, 0, 0, 0, 4, // the two sources
            0xbe, 0xde, 0, 1, 1, 2, 3, 4, // extension of one word
            0xaa, 0xbb, // payload
            0, 0, 3, // padding of three octets
        ];
        assert_eq!(RtpPacket::decode(&octets).unwrap().payload, [0xaa, 0xbb]);
    }

    #[test]
    fn refusals_say_what_was_expected_and_found() {
        let header = |first: u8| [[first, 0].as_slice(), &[0; 10]].concat();
        let refusals = [
            (
                vec![0x80, 0, 1],
                RtpError::TooShort {
                    expected: 12,
                    found: 3,
                },
            ),
            (header(0x40), RtpError::Version { found: 1 }),
            (
                header(0x83),
                RtpError::TooShort {
                    expected: 24,
                    found: 12,
                },
            ),
            (
                header(0x90),
                RtpError::TooShort {
                    expected: 16,
                    found: 12,
                },
            ),
            (
                header(0xa0),
                RtpError::TooShort {
                    expected: 13,
                    found: 12,
                },
            ),
            (
                [header(0xa0), vec![0]].concat(),
                RtpError::Padding { found: 0 },
            ),
            (
                [header(0xa0), vec![9]].concat(),
                RtpError::TooShort {
                    expected: 21,
                    found: 13,
                },
            ),
        ];
        for (octets, error) in refusals {
            assert_eq!(RtpPacket::decode(&octets), Err(error), "{octets:02x?}");
        }
    }

    #[test]
    fn every_shorter_length_of_a_packet_is_refused_or_read_without_panic() {
        let octets = [&[0xbf, 0xff][..], &[0; 10], &[1; 80], &[4; 200]].concat();
        for length in 0..octets.len() {
            let _ = RtpPacket::decode(&octets[..length]);
        }
    }

    proptest! {
        #[test]
        fn a_packet_survives_the_round_trip(
            payload_type in 0_u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32,
            payload in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let packet =
                RtpPacket { payload_type, marker, sequence, timestamp, ssrc, payload: &payload };
            let octets = packet.encode();
            prop_assert_eq!(RtpPacket::decode(&octets), Ok(packet));
        }

        #[test]
        fn any_octets_are_read_or_refused_without_panic(
            octets in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = RtpPacket::decode(&octets);
        }
    }
}
