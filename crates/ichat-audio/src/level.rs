//! How loud a frame is.

/// Level of digital silence, and the lowest that is ever reported, in dBov (RFC 6464, section 3).
pub const SILENCE_DBOV: f64 = -127.0;

/// Amplitude of the loudest square wave that 16-bit samples hold.
const OVERLOAD: f64 = 32_767.0;

/// Level of one frame in dBov, from 0.0 (overload) down to [`SILENCE_DBOV`].
///
/// The root mean square of the samples in relation to the loudest square wave that the format can
/// carry: a full-scale sine is at -3.01 dBov (RFC 6464, section 3, and RFC 6465, section 5).
/// An empty frame is silent.
#[must_use]
pub fn level_dbov(frame: &[i16]) -> f64 {
    let count = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if count == 0 {
        return SILENCE_DBOV;
    }
    let energy: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let rms = (energy / f64::from(count)).sqrt();
    if rms <= 0.0 {
        return SILENCE_DBOV;
    }
    (20.0 * (rms / OVERLOAD).log10()).clamp(SILENCE_DBOV, 0.0)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a test signal is within the limits"
)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_nothing_at_all_are_at_the_floor() {
        assert_eq!(level_dbov(&[0; 160]), SILENCE_DBOV);
        assert_eq!(level_dbov(&[]), SILENCE_DBOV);
    }

    #[test]
    fn a_full_scale_square_wave_is_the_overload_point() {
        assert_eq!(level_dbov(&[32_767, -32_767, 32_767, -32_767]), 0.0);
        assert_eq!(level_dbov(&[i16::MIN; 8]), 0.0, "clipped, not above zero");
    }

    #[test]
    fn half_the_amplitude_is_six_decibels_less() {
        let level = level_dbov(&[16_384, -16_384]);
        assert!((level + 6.02).abs() < 0.01, "{level}");
    }

    #[test]
    fn a_full_scale_sine_is_three_decibels_below_the_square_wave() {
        let sine: Vec<i16> = (0..800)
            .map(|n| (32_767.0 * (f64::from(n) * std::f64::consts::TAU / 80.0).sin()) as i16)
            .collect();
        let level = level_dbov(&sine);
        assert!((level + 3.01).abs() < 0.01, "{level}");
    }
}
