//! Codecs: 16-bit samples to a packet's octets and back.

mod g711;

use std::fmt;
use std::str::FromStr;

/// One direction or both of a stream that a codec packs.
///
/// Both methods append to what they are given, so that a caller's buffer is used again and again.
pub trait Codec: Send {
    /// Appends the octets for `pcm`, whole packets of [`samples_per_packet`](Self::samples_per_packet).
    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>);

    /// Appends the samples of one packet's payload, whatever its length.
    fn decode(&mut self, octets: &[u8], out: &mut Vec<i16>);

    /// Samples per second on the uncoded side.
    fn sample_rate_hz(&self) -> u32;

    /// Samples in a packet that we send.
    fn samples_per_packet(&self) -> usize;
}

/// A codec that can be opened.
///
/// As text its name in lower case: `pcmu`, `pcma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecName {
    /// G.711 µ-law, 8 kHz, 64 kbit/s: the one that every iChat of the period offers
    /// (docs/protocol/media.md, codecs [C, G]).
    Pcmu,
    /// G.711 A-law, 8 kHz, 64 kbit/s. No iChat is known to offer it; plain SIP peers do.
    Pcma,
}

impl CodecName {
    /// Those that can be opened, best first.
    pub const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The encoding name of `a=rtpmap` (RFC 3551, section 6, table 4).
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The static payload type (RFC 3551, section 6, table 4).
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
        })
    }
}

/// A text names no codec that can be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecNameError {
    /// A codec that is known, and not built yet.
    #[error("the codec `{name}` is not built yet: expected pcmu or pcma")]
    NotYet {
        /// `gsm`, `aac-eld`, `aac-ld` or `opus`.
        name: &'static str,
    },
    /// No codec at all.
    #[error("expected pcmu, pcma, gsm, aac-eld, aac-ld or opus, found `{found}`")]
    Unknown {
        /// The text.
        found: String,
    },
}

impl CodecNameError {
    /// The word for this error in a program's events: `not-yet` or `usage`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotYet { .. } => "not-yet",
            Self::Unknown { .. } => "usage",
        }
    }
}

impl FromStr for CodecName {
    type Err = CodecNameError;

    fn from_str(text: &str) -> Result<Self, CodecNameError> {
        match text.to_ascii_lowercase().as_str() {
            "pcmu" => Ok(Self::Pcmu),
            "pcma" => Ok(Self::Pcma),
            "gsm" => Err(CodecNameError::NotYet { name: "gsm" }),
            "aac-eld" => Err(CodecNameError::NotYet { name: "aac-eld" }),
            "aac-ld" => Err(CodecNameError::NotYet { name: "aac-ld" }),
            "opus" => Err(CodecNameError::NotYet { name: "opus" }),
            _ => Err(CodecNameError::Unknown {
                found: text.to_owned(),
            }),
        }
    }
}

/// Opens a codec, both directions.
#[must_use]
pub fn codec(name: CodecName) -> Box<dyn Codec> {
    match name {
        CodecName::Pcmu => Box::new(g711::G711::mu_law()),
        CodecName::Pcma => Box::new(g711::G711::a_law()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_shown_in_lower_case() {
        for name in CodecName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
            assert_eq!(name.encoding().parse(), Ok(name));
        }
    }

    #[test]
    fn a_codec_of_later_is_told_from_one_that_nobody_knows() {
        let later = "aac-eld".parse::<CodecName>().unwrap_err();
        assert_eq!(later.code(), "not-yet");
        assert_eq!(
            later.to_string(),
            "the codec `aac-eld` is not built yet: expected pcmu or pcma"
        );
        let unknown = "mp3".parse::<CodecName>().unwrap_err();
        assert_eq!(unknown.code(), "usage");
    }

    #[test]
    fn a_packet_of_g711_is_twenty_milliseconds() {
        for name in CodecName::ALL {
            let codec = codec(name);
            assert_eq!(
                (codec.sample_rate_hz(), codec.samples_per_packet()),
                (8_000, 160)
            );
        }
    }
}
