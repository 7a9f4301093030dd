//! A sine.

use crate::error::AudioError;
use crate::sample;
use crate::source::Source;

/// A quarter of full scale: -15 dBov, as loud as speech.
const AMPLITUDE: f64 = 0.25;

/// A sine that never ends. Its phase runs on from frame to frame.
#[derive(Debug)]
pub(super) struct Tone {
    name: String,
    /// Where in its turn the sine is, 0.0 to 1.0, and how far a sample takes it.
    turn: f64,
    step: f64,
}

impl Tone {
    pub(super) fn new(hz: f64, sample_rate_hz: u32) -> Result<Self, AudioError> {
        let limit_hz = f64::from(sample_rate_hz) / 2.0;
        if !(hz > 0.0 && hz < limit_hz) {
            return Err(AudioError::Tone {
                found_hz: hz,
                limit_hz,
                sample_rate_hz,
            });
        }
        Ok(Self {
            name: format!("tone:{hz}"),
            turn: 0.0,
            step: hz / f64::from(sample_rate_hz),
        })
    }
}

impl Source for Tone {
    fn read(&mut self, frame: &mut [i16]) {
        for sample in frame {
            *sample = sample::from_f64(AMPLITUDE * (self.turn * std::f64::consts::TAU).sin());
            self.turn = (self.turn + self.step).fract();
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_frequency_and_its_level_across_frames() {
        let mut tone = Tone::new(1_000.0, 8_000).unwrap();
        let mut samples = vec![0; 8_000];
        for frame in samples.chunks_mut(160) {
            tone.read(frame);
        }
        let rising = samples
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        assert!(
            (999..=1_000).contains(&rising),
            "{rising} turns in a second"
        );
        let level = crate::level_dbov(&samples);
        assert!((level + 15.05).abs() < 0.05, "{level}");
        assert!(!tone.is_finished());
    }

    #[test]
    fn a_tone_above_half_the_rate_is_refused() {
        let error = Tone::new(4_000.0, 8_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a tone between 0 and 4000 Hz at 8000 Hz, found 4000 Hz"
        );
    }
}
