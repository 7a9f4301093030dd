//! How much of a sound is one tone.

/// The part of the power that lies at `hz`, 0 to 1: 1 for the tone alone, near 0 for another
/// tone, for noise and for silence. Blocks of 100 ms are looked at one by one, so that a tone that
/// starts late or jumps in phase still counts where it is; silent blocks are left out.
pub fn share(samples: &[i16], sample_rate_hz: u32, hz: f64) -> f64 {
    let block = (sample_rate_hz / 10) as usize;
    let step = std::f64::consts::TAU * hz / f64::from(sample_rate_hz);
    let (mut shares, mut blocks) = (0.0, 0u32);
    for block in samples.chunks_exact(block.max(1)) {
        let power: f64 = block.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        if power < 100.0 * block.len() as f64 {
            continue;
        }
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, &sample) in block.iter().enumerate() {
            let (sine, cosine) = (at as f64 * step).sin_cos();
            real += f64::from(sample) * cosine;
            imaginary += f64::from(sample) * sine;
        }
        let at_tone = 2.0 * (real * real + imaginary * imaginary) / block.len() as f64;
        shares += at_tone / power;
        blocks += 1;
    }
    if blocks == 0 {
        0.0
    } else {
        shares / f64::from(blocks)
    }
}

/// The seconds of sound that are not silence, in blocks of 100 ms.
pub fn loud_seconds(samples: &[i16], sample_rate_hz: u32) -> f64 {
    let block = (sample_rate_hz / 10) as usize;
    let loud = samples.chunks(block.max(1)).filter(|block| {
        let power: f64 = block.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        power > 10_000.0 * block.len() as f64
    });
    loud.count() as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wav::Wav;

    #[test]
    fn a_tone_is_found_and_another_is_not() {
        let tone = Wav::tone(48_000, 440.0, 1.0).samples;
        assert!(share(&tone, 48_000, 440.0) > 0.99);
        assert!(share(&tone, 48_000, 1000.0) < 0.01);
        assert!(share(&[0; 48_000], 48_000, 440.0) < 0.01);
        assert!((loud_seconds(&tone, 48_000) - 1.0).abs() < 0.05);
    }
}
