//! WAV files, read as strictly as the strictest player, and written.

use std::path::Path;

/// A WAV file with 16-bit samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// Samples a second, of each channel.
    pub sample_rate_hz: u32,
    /// Channels, interleaved in `samples`.
    pub channels: u16,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Wav {
    /// One channel at 8 kHz: what these µ-law octets sound like.
    pub fn from_ulaw(octets: &[u8]) -> Self {
        let samples = octets
            .iter()
            .map(|&octet| crate::ulaw::decode(octet))
            .collect();
        Self {
            sample_rate_hz: 8000,
            channels: 1,
            samples,
        }
    }

    /// One channel, one tone, at half of full scale.
    pub fn tone(sample_rate_hz: u32, hz: f64, seconds: f64) -> Self {
        let count = (f64::from(sample_rate_hz) * seconds) as usize;
        let step = std::f64::consts::TAU * hz / f64::from(sample_rate_hz);
        let samples = (0..count)
            .map(|at| ((at as f64 * step).sin() * 16384.0) as i16)
            .collect();
        Self {
            sample_rate_hz,
            channels: 1,
            samples,
        }
    }

    /// The samples of one channel.
    pub fn channel(&self, channel: u16) -> Vec<i16> {
        let step = usize::from(self.channels);
        self.samples
            .iter()
            .copied()
            .skip(usize::from(channel))
            .step_by(step)
            .collect()
    }

    /// Its length.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.channels) / f64::from(self.sample_rate_hz)
    }

    /// Writes it.
    pub fn write(&self, path: &Path) {
        let data: Vec<u8> = self
            .samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let length = u32::try_from(data.len()).expect("tests write short files");
        let mut octets = Vec::new();
        octets.extend(b"RIFF");
        octets.extend((36 + length).to_le_bytes());
        octets.extend(b"WAVEfmt ");
        octets.extend(16u32.to_le_bytes());
        octets.extend(1u16.to_le_bytes());
        octets.extend(self.channels.to_le_bytes());
        octets.extend(self.sample_rate_hz.to_le_bytes());
        octets.extend((self.sample_rate_hz * u32::from(self.channels) * 2).to_le_bytes());
        octets.extend((self.channels * 2).to_le_bytes());
        octets.extend(16u16.to_le_bytes());
        octets.extend(b"data");
        octets.extend(length.to_le_bytes());
        octets.extend(data);
        std::fs::write(path, octets).expect("a WAV file can be written");
    }

    /// Reads one, as [`Self::parse`].
    ///
    /// # Panics
    /// If there is none, or if it is not a valid one.
    pub fn read(path: &Path) -> Self {
        let octets = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Self::parse(&octets).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    /// Reads one: 16 bits, the sizes in the header true of the file. A file may be longer than
    /// its header says by what was written after the header, as after `kill -9`, never shorter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(octets: &[u8]) -> Result<Self, String> {
        let word = |at: usize| -> Result<usize, String> {
            let bytes = octets
                .get(at..at + 4)
                .ok_or(format!("it ends at {}", octets.len()))?;
            Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
        };
        if octets.get(..4) != Some(b"RIFF") || octets.get(8..12) != Some(b"WAVE") {
            return Err("no RIFF WAVE header".to_owned());
        }
        let end = 8 + word(4)?;
        if end > octets.len() {
            return Err(format!(
                "the header says {end} octets, the file has {}",
                octets.len()
            ));
        }
        let (mut at, mut format) = (12, None);
        while at + 8 <= end {
            let (name, length) = (&octets[at..at + 4], word(at + 4)?);
            let body = octets.get(at + 8..at + 8 + length).ok_or(format!(
                "the chunk at {at} says {length} octets, the file has {}",
                octets.len() - at - 8
            ))?;
            if name == b"fmt " && length >= 16 {
                let half = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
                if half(14) != 16 || !matches!(half(0), 1 | 0xfffe) {
                    return Err(format!("format {} with {} bits", half(0), half(14)));
                }
                format = Some((half(2), word(at + 12)?));
            }
            if name == b"data" {
                let (channels, rate) = format.ok_or("data before the format")?;
                let samples = body
                    .chunks_exact(2)
                    .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                let sample_rate_hz = u32::try_from(rate).map_err(|error| error.to_string())?;
                return Ok(Self {
                    sample_rate_hz,
                    channels,
                    samples: samples.collect(),
                });
            }
            at += 8 + length + length % 2;
        }
        Err("no data chunk".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_was_written_is_read_and_a_header_that_promises_too_much_is_refused() {
        let scratch = Scratch::new("wav");
        let path = scratch.join("tone.wav");
        let tone = Wav::tone(8000, 400.0, 0.5);
        tone.write(&path);
        assert_eq!(Wav::read(&path), tone);
        let octets = std::fs::read(&path).expect("just written");
        assert!(Wav::parse(&octets[..octets.len() - 2]).is_err());
        assert!(Wav::parse(&octets[..30]).is_err());
    }
}
