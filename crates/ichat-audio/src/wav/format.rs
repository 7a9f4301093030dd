//! The `fmt ` chunk: how samples are written.

use audio_codec_algorithms::{decode_alaw, decode_ulaw};

use super::read::WavError;
use crate::resample::{MAX_RATE_HZ, MIN_RATE_HZ};
use crate::sample;

/// Most channels that are mixed down.
const MAX_CHANNELS: u16 = 32;
/// Length of the chunk with the `WAVEFORMATEXTENSIBLE` tail.
const EXTENSIBLE_LEN: usize = 40;

/// What a file's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WavFormat {
    /// Samples per second and channel, in hertz.
    pub sample_rate_hz: u32,
    /// Channels, 1 to 32.
    pub channels: u16,
    /// How one sample is written.
    pub encoding: Encoding,
}

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 8 bit, 128 is silence.
    Unsigned8,
    /// 16 bit.
    Signed16,
    /// 24 bit in three octets.
    Signed24,
    /// 32 bit.
    Signed32,
    /// IEEE 754 single precision, full scale 1.0.
    Float32,
    /// IEEE 754 double precision, full scale 1.0.
    Float64,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
}

impl Encoding {
    /// Octets of one sample.
    #[must_use]
    pub fn octets(self) -> usize {
        match self {
            Self::Unsigned8 | Self::ALaw | Self::MuLaw => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample as 16 bit; silence if octets are missing.
    pub(super) fn decode(self, octets: &[u8]) -> i16 {
        match (self, octets) {
            (Self::Unsigned8, &[a]) => (i16::from(a) - 128) << 8,
            (Self::ALaw, &[a]) => decode_alaw(a),
            (Self::MuLaw, &[a]) => decode_ulaw(a),
            (Self::Signed16, &[a, b]) => i16::from_le_bytes([a, b]),
            (Self::Signed24, &[a, b, c]) => sample::from_i32(i32::from_le_bytes([0, a, b, c])),
            (Self::Signed32, &[a, b, c, d]) => sample::from_i32(i32::from_le_bytes([a, b, c, d])),
            (Self::Float32, &[a, b, c, d]) => {
                sample::from_f64(f64::from(f32::from_le_bytes([a, b, c, d])))
            }
            (Self::Float64, &[a, b, c, d, e, f, g, h]) => {
                sample::from_f64(f64::from_le_bytes([a, b, c, d, e, f, g, h]))
            }
            (_, _) => 0,
        }
    }
}

impl WavFormat {
    /// Octets of one sample of every channel.
    #[must_use]
    pub fn frame_octets(&self) -> usize {
        self.encoding.octets() * usize::from(self.channels)
    }

    /// The `fmt ` chunk's contents, which begin at `offset` in the file.
    ///
    /// The twelve octets that any format has: tag, channels, rate, octets per second, octets per
    /// frame, bits per sample. A tag of `fffe` has the real tag 24 octets on.
    pub(super) fn decode(chunk: &[u8], offset: u64) -> Result<Self, WavError> {
        let &[
            t0,
            t1,
            c0,
            c1,
            r0,
            r1,
            r2,
            r3,
            _,
            _,
            _,
            _,
            a0,
            a1,
            b0,
            b1,
            ref rest @ ..,
        ] = chunk
        else {
            return Err(WavError::ShortFormat {
                offset,
                found: chunk.len(),
            });
        };
        let mut tag = u16::from_le_bytes([t0, t1]);
        if tag == 0xfffe {
            let &[_, _, _, _, _, _, _, _, s0, s1, ..] = rest else {
                return Err(WavError::ShortFormat {
                    offset,
                    found: chunk.len(),
                });
            };
            if chunk.len() < EXTENSIBLE_LEN {
                return Err(WavError::ShortFormat {
                    offset,
                    found: chunk.len(),
                });
            }
            tag = u16::from_le_bytes([s0, s1]);
        }
        let channels = u16::from_le_bytes([c0, c1]);
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(WavError::Channels {
                offset: offset + 2,
                found: channels,
            });
        }
        let sample_rate_hz = u32::from_le_bytes([r0, r1, r2, r3]);
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&sample_rate_hz) {
            return Err(WavError::Rate {
                offset: offset + 4,
                found_hz: sample_rate_hz,
            });
        }
        let align = u16::from_le_bytes([a0, a1]);
        let bits = u32::from(u16::from_le_bytes([b0, b1]));
        // 20 bits in a container of 24: the container counts, its low bits are zero.
        let container = if align % channels == 0 {
            u32::from(align / channels) * 8
        } else {
            bits
        };
        let encoding = match (tag, container.max(bits)) {
            (1, 8) => Encoding::Unsigned8,
            (1, 16) => Encoding::Signed16,
            (1, 24) => Encoding::Signed24,
            (1, 32) => Encoding::Signed32,
            (3, 32) => Encoding::Float32,
            (3, 64) => Encoding::Float64,
            (6, 8) => Encoding::ALaw,
            (7, 8) => Encoding::MuLaw,
            (1 | 3 | 6 | 7, bits) => {
                return Err(WavError::Bits {
                    offset: offset + 14,
                    tag,
                    bits,
                });
            }
            (tag, _) => return Err(WavError::Tag { offset, found: tag }),
        };
        let format = Self {
            sample_rate_hz,
            channels,
            encoding,
        };
        if usize::from(align) != format.frame_octets() {
            return Err(WavError::Align {
                offset: offset + 12,
                expected: format.frame_octets(),
                found: align,
            });
        }
        Ok(format)
    }
}
