//! Payload types and what they mean: RFC 3551 §6, RFC 8866 §6.6.

use std::fmt;

/// A codec under its payload type.
///
/// Formats compare in every field; [`is_same_codec`](Self::is_same_codec) leaves the number out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// The codec's name, as written: `PCMU`, `X-AAC_ELD`.
    pub encoding: String,
    /// RTP ticks a second.
    pub clock_rate_hz: u32,
    /// 1 where none is written.
    pub channels: u8,
}

/// Payload types of RFC 3551 §6, tables 4 and 5, that need no `a=rtpmap`.
const STATIC: [(u8, &str, u32); 13] = [
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (5, "DVI4", 8000),
    (6, "DVI4", 16_000),
    (7, "LPC", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (12, "QCELP", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (16, "DVI4", 11_025),
    (18, "G729", 8000),
];

impl Format {
    /// G.711 µ-law, payload type 0: what every iChat takes (docs/protocol/media.md, codecs \[C, G\]).
    pub fn pcmu() -> Self {
        Self::mono(0, "PCMU", 8000)
    }

    /// G.711 A-law, payload type 8.
    pub fn pcma() -> Self {
        Self::mono(8, "PCMA", 8000)
    }

    /// A codec with one channel.
    pub fn mono(payload_type: u8, encoding: &str, clock_rate_hz: u32) -> Self {
        Self {
            payload_type,
            encoding: encoding.to_owned(),
            clock_rate_hz,
            channels: 1,
        }
    }

    /// The meaning of a payload type that needs no `a=rtpmap`; `None` where it has none.
    pub fn of_static(payload_type: u8) -> Option<Self> {
        let found = STATIC.iter().find(|(number, ..)| *number == payload_type)?;
        Some(Self::mono(found.0, found.1, found.2))
    }

    /// Reads an `a=rtpmap` value: `105 X-AAC_ELD/22050`.
    pub fn parse_rtpmap(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let payload_type = words.next()?.parse().ok().filter(|number| *number < 128)?;
        let mut parts = words.next()?.split('/');
        Some(Self {
            payload_type,
            encoding: parts.next().filter(|name| !name.is_empty())?.to_owned(),
            clock_rate_hz: parts.next()?.parse().ok().filter(|rate| *rate > 0)?,
            channels: parts
                .next()
                .and_then(|n| n.parse().ok())
                .filter(|n| *n > 0)
                .unwrap_or(1),
        })
    }

    /// Whether both are the same codec; names compare without regard to case (RFC 8866 §6.6).
    pub fn is_same_codec(&self, other: &Self) -> bool {
        self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate_hz == other.clock_rate_hz
            && self.channels == other.channels
    }
}

/// The value of an `a=rtpmap`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}/{}",
            self.payload_type, self.encoding, self.clock_rate_hz
        )?;
        if self.channels > 1 {
            write!(f, "/{}", self.channels)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtpmap_reads_and_prints_alike() {
        for text in ["105 X-AAC_ELD/22050", "96 opus/48000/2", "0 PCMU/8000"] {
            assert_eq!(Format::parse_rtpmap(text).unwrap().to_string(), text);
        }
        assert_eq!(Format::parse_rtpmap("0 pcmu/8000/1").unwrap().channels, 1);
    }

    #[test]
    fn what_is_no_rtpmap_is_refused() {
        for text in [
            "",
            "105",
            "105 X",
            "300 X/8000",
            "1 X/0",
            "1 /8000",
            "x X/8000",
        ] {
            assert_eq!(Format::parse_rtpmap(text), None, "{text}");
        }
    }

    #[test]
    fn static_types_are_known() {
        assert_eq!(Format::of_static(0), Some(Format::pcmu()));
        assert_eq!(Format::of_static(8), Some(Format::pcma()));
        assert_eq!(Format::of_static(3).unwrap().encoding, "GSM");
        assert_eq!(Format::of_static(105), None);
    }
}
