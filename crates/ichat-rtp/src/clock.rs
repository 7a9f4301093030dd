//! Conversions between durations, samples and NTP time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP begins, to 1970 (RFC 868).
const NTP_TO_UNIX_SECS: u64 = 2_208_988_800;
const NANOS_PER_SEC: u128 = 1_000_000_000;

/// Samples of a clock that pass in `duration`, rounded down.
pub(crate) fn samples(duration: Duration, clock_rate_hz: u32) -> u64 {
    let samples = duration.as_nanos() * u128::from(clock_rate_hz) / NANOS_PER_SEC;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// How long `samples` of a clock last; a clock of 0 Hz counts as one of 1 Hz.
pub(crate) fn duration(samples: u64, clock_rate_hz: u32) -> Duration {
    let rate = u64::from(clock_rate_hz.max(1));
    let rest_nanos = (samples % rate) * 1_000_000_000 / rate;
    Duration::from_secs(samples / rate) + Duration::from_nanos(rest_nanos)
}

/// A wall clock time as an NTP timestamp, 32.32 fixed point (RFC 3550 §4).
pub(crate) fn ntp(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_1970.as_secs().wrapping_add(NTP_TO_UNIX_SECS);
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

/// The middle 32 bits of an NTP timestamp, 16.16 fixed point (RFC 3550 §4).
pub(crate) fn ntp_middle(ntp: u64) -> u32 {
    low_32(ntp >> 16)
}

/// A duration in units of 1/65536 s, the longest that fits when it is longer.
pub(crate) fn fixed_16_16(duration: Duration) -> u32 {
    u32::try_from(samples(duration, 1 << 16)).unwrap_or(u32::MAX)
}

/// The reverse of [`fixed_16_16`].
pub(crate) fn from_fixed_16_16(units: u32) -> Duration {
    self::duration(u64::from(units), 1 << 16)
}

/// The low 32 bits, which is what a clock that wraps shows.
pub(crate) fn low_32(value: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_durations_convert_both_ways() {
        assert_eq!(samples(Duration::from_millis(20), 8000), 160);
        assert_eq!(duration(160, 8000), Duration::from_millis(20));
        assert_eq!(duration(480, 22050), Duration::from_nanos(21_768_707));
        assert_eq!(duration(7, 0), Duration::from_secs(7));
    }

    #[test]
    fn an_ntp_timestamp_counts_from_1900_and_its_middle_is_sixteen_sixteen() {
        let time = UNIX_EPOCH + Duration::from_millis(500);
        assert_eq!(ntp(time), 0x83aa_7e80_8000_0000);
        assert_eq!(ntp_middle(ntp(time)), 0x7e80_8000);
        assert_eq!(
            ntp(UNIX_EPOCH - Duration::from_secs(1)),
            0x83aa_7e80_0000_0000
        );
    }

    #[test]
    fn fixed_point_durations_convert_both_ways() {
        assert_eq!(fixed_16_16(Duration::from_millis(1500)), 0x0001_8000);
        assert_eq!(from_fixed_16_16(0x0001_8000), Duration::from_millis(1500));
        assert_eq!(fixed_16_16(Duration::from_secs(1 << 20)), u32::MAX);
    }
}
