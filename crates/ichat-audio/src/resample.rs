//! From one sampling rate to another, as a stream.

use std::fmt;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use crate::sample;

/// Lowest sampling rate that is converted, in hertz.
pub const MIN_RATE_HZ: u32 = 1_000;
/// Highest sampling rate that is converted, in hertz.
pub const MAX_RATE_HZ: u32 = 768_000;

/// Largest correction of an adjustable resampler, as a part of the rate: 1 %.
const MAX_CORRECTION: f64 = 0.01;
/// Above this part of a second the blocks of the fixed converter are too long.
const LONGEST_BLOCK_PER_SECOND: u32 = 10;
/// Filter length of the adjustable converter, in samples of the lower rate.
const SINC_LEN: u32 = 64;
/// The same in samples of the higher rate, at most.
const MAX_SINC_LEN: u32 = 1_024;
/// Points that the filter is known at between two samples; the rest is interpolated.
const OVERSAMPLING: usize = 256;

/// Two sampling rates cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum ResampleError {
    /// A rate is beyond what is converted.
    #[error("expected a sampling rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, found {found_hz} Hz")]
    Rate {
        /// The rate.
        found_hz: u32,
    },
    /// The converter refused the pair.
    #[error("cannot convert {from_hz} Hz to {to_hz} Hz: {source}")]
    Pair {
        /// Rate of the input.
        from_hz: u32,
        /// Rate of the output.
        to_hz: u32,
        /// The converter's words.
        source: rubato::ResamplerConstructionError,
    },
}

/// Converts a stream of mono samples from one rate to another.
///
/// Takes pieces of any length. What comes out begins with the first sample that went in: the
/// filter's delay is cut off at the start, and [`flush`](Self::flush) gives what it still holds at
/// the end, so a file of n samples becomes one of n · to ÷ from. Equal rates pass through bit by
/// bit.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    converter: Option<Converter>,
}

struct Converter {
    inner: Box<dyn rubato::Resampler<f32>>,
    /// Input that is less than a block.
    pending: Vec<f32>,
    /// Output of one block.
    block: Vec<f32>,
    /// Samples of the filter's delay that are still to be cut off.
    to_skip: usize,
    /// Samples that went in and came out since the start, or the last flush.
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A converter whose ratio stays as it is.
    ///
    /// # Errors
    /// [`ResampleError::Rate`] if a rate is not between [`MIN_RATE_HZ`] and [`MAX_RATE_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        check_rates(from_hz, to_hz)?;
        if from_hz == to_hz {
            return Ok(Self {
                from_hz,
                to_hz,
                converter: None,
            });
        }
        let block = from_hz / greatest_common_divisor(from_hz, to_hz);
        if block > from_hz / LONGEST_BLOCK_PER_SECOND {
            return Self::adjustable(from_hz, to_hz);
        }
        let inner = Fft::<f32>::new_custom(
            size(from_hz),
            size(to_hz),
            size(from_hz / 50),
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|source| ResampleError::Pair {
            from_hz,
            to_hz,
            source,
        })?;
        Ok(Self {
            from_hz,
            to_hz,
            converter: Some(Converter::new(Box::new(inner))),
        })
    }

    /// A converter whose ratio can be [corrected](Self::correct) while it runs, for two clocks
    /// that never agree. It converts equal rates too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn adjustable(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        check_rates(from_hz, to_hz)?;
        let sinc_len = (SINC_LEN * from_hz.div_ceil(to_hz)).min(MAX_SINC_LEN);
        let parameters = SincInterpolationParameters::new(size(sinc_len), WindowFunction::Hann2)
            .oversampling_factor(OVERSAMPLING)
            .interpolation(SincInterpolationType::Linear);
        let inner = Async::<f32>::new_sinc(
            f64::from(to_hz) / f64::from(from_hz),
            1.0 + MAX_CORRECTION,
            &parameters,
            size(from_hz / 400).max(1),
            1,
            FixedAsync::Input,
        )
        .map_err(|source| ResampleError::Pair {
            from_hz,
            to_hz,
            source,
        })?;
        Ok(Self {
            from_hz,
            to_hz,
            converter: Some(Converter::new(Box::new(inner))),
        })
    }

    /// Rate of what goes in, in hertz.
    #[must_use]
    pub fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// Rate of what comes out, in hertz.
    #[must_use]
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }

    /// Samples that the next call of [`process`](Self::process) needs at least to give any.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match &self.converter {
            None => 1,
            Some(converter) => converter
                .inner
                .input_frames_next()
                .saturating_sub(converter.pending.len()),
        }
    }

    /// Makes the output longer (`relative` above 1.0) or shorter from here on, by 1 % at most.
    ///
    /// Without effect on a converter that was made by [`new`](Self::new).
    pub fn correct(&mut self, relative: f64) {
        let Some(converter) = &mut self.converter else {
            return;
        };
        let Some(adjustable) = converter.inner.as_adjustable() else {
            return;
        };
        let bounded = relative.clamp(1.0 / (1.0 + MAX_CORRECTION), 1.0 + MAX_CORRECTION);
        if let Err(error) = adjustable.set_resample_ratio_relative(bounded, true) {
            tracing::error!(%error, relative, "the resampler refused a correction");
        }
    }

    /// Takes samples, and appends those that are ready.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        match &mut self.converter {
            None => output.extend_from_slice(input),
            Some(converter) => converter.process(input, output),
        }
    }

    /// Appends all that the converter still holds, and starts anew.
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        if let Some(converter) = &mut self.converter {
            let expected =
                (converter.taken * u64::from(self.to_hz)).div_ceil(u64::from(self.from_hz));
            converter.flush(expected, output);
        }
    }
}

impl Converter {
    fn new(inner: Box<dyn rubato::Resampler<f32>>) -> Self {
        Self {
            pending: Vec::with_capacity(2 * inner.input_frames_max()),
            block: vec![0.0; inner.output_frames_max()],
            to_skip: inner.output_delay(),
            inner,
            taken: 0,
            given: 0,
        }
    }

    fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        self.taken += count(input.len());
        self.pending
            .extend(input.iter().map(|&sample| sample::to_f32(sample)));
        let mut start = 0;
        while let Some(block) = self
            .pending
            .get(start..)
            .filter(|rest| rest.len() >= self.inner.input_frames_next())
        {
            let used = self.inner.input_frames_next();
            let made = convert(self.inner.as_mut(), block, &mut self.block);
            start += used;
            let skipped = self.to_skip.min(made);
            self.to_skip -= skipped;
            let ready = self.block.get(skipped..made).unwrap_or_default();
            output.extend(
                ready
                    .iter()
                    .map(|&value| sample::from_f64(f64::from(value))),
            );
            self.given += count(ready.len());
        }
        self.pending.drain(..start.min(self.pending.len()));
    }

    fn flush(&mut self, expected: u64, output: &mut Vec<i16>) {
        let silence = vec![0; self.inner.input_frames_max()];
        let length_before = output.len();
        let given_before = self.given;
        // One block more than the delay is enough; the bound is for a converter gone mad.
        for _ in 0..64 {
            if self.given >= expected {
                break;
            }
            self.process(&silence, output);
        }
        let wanted = expected.saturating_sub(given_before);
        output.truncate(length_before + usize::try_from(wanted).unwrap_or(usize::MAX));
        self.inner.reset();
        self.pending.clear();
        self.to_skip = self.inner.output_delay();
        self.taken = 0;
        self.given = 0;
    }
}

/// One block; how many samples of `output` are now valid.
fn convert(inner: &mut dyn rubato::Resampler<f32>, input: &[f32], output: &mut [f32]) -> usize {
    let (wanted, made) = (inner.input_frames_next(), inner.output_frames_next());
    let room = output.len();
    let adapters = (
        InterleavedSlice::new(input, 1, wanted),
        InterleavedSlice::new_mut(output, 1, room),
    );
    if let (Ok(from), Ok(mut to)) = adapters {
        match inner.process_into_buffer(&from, &mut to, None) {
            Ok((_, made)) => return made,
            Err(error) => tracing::error!(%error, "the resampler refused a block"),
        }
    }
    output.fill(0.0);
    made.min(room)
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

fn check_rates(from_hz: u32, to_hz: u32) -> Result<(), ResampleError> {
    for found_hz in [from_hz, to_hz] {
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&found_hz) {
            return Err(ResampleError::Rate { found_hz });
        }
    }
    Ok(())
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "test signals are far below the limits"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A sine of 12000 at `hz`, a second of it.
    fn sine(hz: f64, rate_hz: u32) -> Vec<i16> {
        (0..rate_hz)
            .map(|n| {
                let turn = f64::from(n) * hz / f64::from(rate_hz);
                (12_000.0 * (turn * std::f64::consts::TAU).sin()).round() as i16
            })
            .collect()
    }

    fn whole(mut resampler: Resampler, input: &[i16]) -> Vec<i16> {
        let mut output = Vec::new();
        for piece in input.chunks(160) {
            resampler.process(piece, &mut output);
        }
        resampler.flush(&mut output);
        output
    }

    /// The sine of `hz` in the middle of `samples`: its gain against [`sine`] in decibels, its
    /// delay in seconds, and what else is there in decibels below it.
    fn fit(samples: &[i16], hz: f64, rate_hz: u32) -> (f64, f64, f64) {
        let span = samples.len() / 10..samples.len() / 10 * 9;
        let turn = |n: usize| std::f64::consts::TAU * hz * n as f64 / f64::from(rate_hz);
        let (mut sin, mut cos) = (0.0, 0.0);
        for n in span.clone() {
            sin += f64::from(samples[n]) * turn(n).sin() * 2.0 / span.len() as f64;
            cos += f64::from(samples[n]) * turn(n).cos() * 2.0 / span.len() as f64;
        }
        let amplitude = sin.hypot(cos);
        let rest: f64 = span
            .clone()
            .map(|n| (f64::from(samples[n]) - sin * turn(n).sin() - cos * turn(n).cos()).powi(2))
            .sum();
        let rest = (rest / span.len() as f64 * 2.0).sqrt();
        (
            20.0 * (amplitude / 12_000.0).log10(),
            -cos.atan2(sin) / (std::f64::consts::TAU * hz),
            20.0 * (amplitude / rest.max(1e-9)).log10(),
        )
    }

    fn assert_faithful(samples: &[i16], hz: f64, rate_hz: u32, what: &str) {
        let (gain, delay, purity) = fit(samples, hz, rate_hz);
        assert!(gain.abs() < 0.5, "{what}, {hz} Hz: gain {gain} dB");
        assert!(
            delay.abs() < 1.5 / 8_000.0,
            "{what}, {hz} Hz: {delay} s late"
        );
        assert!(
            purity > 55.0,
            "{what}, {hz} Hz: the rest is only {purity} dB below"
        );
    }

    #[test]
    fn equal_rates_pass_through_bit_by_bit() {
        let input: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        assert_eq!(whole(Resampler::new(8_000, 8_000).unwrap(), &input), input);
    }

    #[test]
    fn the_telephone_band_survives_every_usual_rate_and_stays_in_place() {
        for rate_hz in [
            11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 44_056,
        ] {
            for hz in [300.0, 1_000.0, 3_400.0] {
                for adjustable in [false, true] {
                    let make = if adjustable {
                        Resampler::adjustable
                    } else {
                        Resampler::new
                    };
                    let up = whole(make(8_000, rate_hz).unwrap(), &sine(hz, 8_000));
                    assert_eq!(up.len(), size(rate_hz));
                    assert_faithful(
                        &up,
                        hz,
                        rate_hz,
                        &format!("8000 to {rate_hz}, {adjustable}"),
                    );
                    let down = whole(make(rate_hz, 8_000).unwrap(), &sine(hz, rate_hz));
                    assert_eq!(down.len(), 8_000);
                    assert_faithful(
                        &down,
                        hz,
                        8_000,
                        &format!("{rate_hz} to 8000, {adjustable}"),
                    );
                }
            }
        }
    }

    #[test]
    fn what_eight_kilohertz_cannot_carry_is_filtered_out() {
        for make in [Resampler::new, Resampler::adjustable] {
            let output = whole(make(48_000, 8_000).unwrap(), &sine(5_000.0, 48_000));
            let level = crate::level_dbov(&output[800..7_200]);
            assert!(level < -60.0, "{level} dBov of an alias");
        }
    }

    #[test]
    fn a_correction_makes_the_output_longer_or_shorter_by_its_part() {
        for (relative, expected) in [(1.005, 48_240), (0.995, 47_760), (7.0, 48_480)] {
            let mut resampler = Resampler::adjustable(8_000, 48_000).unwrap();
            resampler.correct(relative);
            let mut output = Vec::new();
            resampler.process(&sine(500.0, 8_000), &mut output);
            let difference = output.len().abs_diff(expected);
            assert!(difference < 300, "{relative}: {} samples", output.len());
        }
    }

    #[test]
    fn rates_that_nothing_has_are_refused() {
        assert!(matches!(
            Resampler::new(0, 8_000),
            Err(ResampleError::Rate { found_hz: 0 })
        ));
        assert!(Resampler::adjustable(8_000, 4_000_000).is_err());
    }

    #[test]
    fn after_a_flush_the_stream_starts_anew() {
        let mut resampler = Resampler::new(8_000, 48_000).unwrap();
        let input = sine(700.0, 8_000);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        resampler.process(&input, &mut first);
        resampler.flush(&mut first);
        resampler.process(&input, &mut second);
        resampler.flush(&mut second);
        assert_eq!(first, second);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_length_is_right_however_the_input_is_cut(
            pieces in proptest::collection::vec(0usize..700, 0..12),
            rate in proptest::sample::select(vec![11_025u32, 16_000, 44_100, 48_000, 12_345]),
        ) {
            let total: usize = pieces.iter().sum();
            let mut resampler = Resampler::new(rate, 8_000).unwrap();
            let mut output = Vec::new();
            for piece in &pieces {
                resampler.process(&vec![100; *piece], &mut output);
            }
            resampler.flush(&mut output);
            prop_assert_eq!(output.len(), (total * 8_000).div_ceil(size(rate)));
        }
    }
}
