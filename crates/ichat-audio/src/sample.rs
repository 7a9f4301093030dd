//! One sample, in the shapes that files, devices and the resampler have it in.

/// 16-bit to the range -1.0 to just below 1.0.
pub(crate) fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// The range -1.0 to 1.0 to 16 bit: rounded, clipped, and silence for what is not a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float-to-integer cast saturates, and gives 0 for NaN"
)]
pub(crate) fn from_f64(value: f64) -> i16 {
    (value * 32_768.0).round() as i16
}

/// A 32-bit sample to 16 bit: rounded, clipped.
pub(crate) fn from_i32(value: i32) -> i16 {
    let rounded = (i64::from(value) + 0x8000) >> 16;
    saturate(rounded)
}

/// The nearest 16-bit value.
pub(crate) fn saturate(value: i64) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_value_survives_the_way_through_float() {
        for value in i16::MIN..=i16::MAX {
            assert_eq!(from_f64(f64::from(to_f32(value))), value);
        }
    }

    #[test]
    fn what_is_too_loud_is_clipped_and_what_is_no_number_is_silence() {
        assert_eq!(from_f64(1.0), i16::MAX);
        assert_eq!(from_f64(-7.5), i16::MIN);
        assert_eq!(from_f64(f64::NAN), 0);
        assert_eq!(from_i32(i32::MAX), i16::MAX);
        assert_eq!(from_i32(i32::MIN), i16::MIN);
        assert_eq!(from_i32(-1), 0);
        assert_eq!(from_i32(0x0001_8000), 2);
    }
}
