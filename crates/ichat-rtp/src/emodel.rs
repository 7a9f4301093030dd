//! How good a call sounds, estimated from loss and delay: the E-model of ITU-T G.107.

use std::time::Duration;

/// Rating of a call without loss and delay: G.107's default for everything else.
const R_DEFAULT: f64 = 93.2;
/// Delay in milliseconds from which on a conversation suffers noticeably.
const DELAY_KNEE_MS: f64 = 177.3;

/// What a codec takes from quality, with how its receiver conceals loss.
///
/// Values: ITU-T G.113, appendix I.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodecImpairment {
    /// Equipment impairment factor without loss, *Ie*: 0 to 95.
    pub ie: f64,
    /// Robustness against random loss, *Bpl*: greater is more robust.
    pub bpl: f64,
}

impl CodecImpairment {
    /// G.711 (PCMU, PCMA), silence in place of what is lost.
    pub const PCMU: Self = Self { ie: 0.0, bpl: 4.3 };
    /// G.711 with concealment after its appendix I.
    pub const PCMU_CONCEALED: Self = Self { ie: 0.0, bpl: 25.1 };
}

/// Estimated mean opinion score, from 1.0 (bad) to 4.5: what listeners would say of the call.
///
/// `loss` is the part of the packets that is not played, 0 to 1, lost at random; packets that came
/// too late belong to it. `one_way_delay` is from mouth to ear.
///
/// Source: ITU-T G.107 with all inputs but these at their defaults; of delay only its effect on
/// conversation, in the straight-line form of Cole and Rosenbluth (2001).
pub fn mos(codec: CodecImpairment, loss: f64, one_way_delay: Duration) -> f64 {
    let loss_percent = if loss.is_nan() {
        0.0
    } else {
        loss.clamp(0.0, 1.0) * 100.0
    };
    let by_loss = if loss_percent > 0.0 {
        (95.0 - codec.ie) * loss_percent / (loss_percent + codec.bpl.max(0.0))
    } else {
        0.0
    };
    let delay_ms = one_way_delay.as_secs_f64() * 1000.0;
    let by_delay = 0.024 * delay_ms + 0.11 * (delay_ms - DELAY_KNEE_MS).max(0.0);
    opinion(R_DEFAULT - codec.ie - by_loss - by_delay)
}

/// The score that belongs to a rating (G.107, annex B).
fn opinion(rating: f64) -> f64 {
    let rating = rating.clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6;
    // Just above a rating of 0 the polynomial falls below the scale.
    score.clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: Duration = Duration::ZERO;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 0.005
    }

    #[test]
    fn a_perfect_g711_call_scores_what_g107_says() {
        assert!(close(mos(CodecImpairment::PCMU, 0.0, PROMPT), 4.41));
    }

    #[test]
    fn loss_and_delay_score_as_computed_by_hand() {
        // 1 % loss: R = 93.2 - 95 * 1 / 5.3 = 75.275
        assert!(close(mos(CodecImpairment::PCMU, 0.01, PROMPT), 3.834));
        // The same, concealed: R = 93.2 - 95 / 26.1 = 89.560
        assert!(close(
            mos(CodecImpairment::PCMU_CONCEALED, 0.01, PROMPT),
            4.328
        ));
        // 400 ms: R = 93.2 - 9.6 - 24.497 = 59.103
        assert!(close(
            mos(CodecImpairment::PCMU, 0.0, Duration::from_millis(400)),
            3.053
        ));
    }

    #[test]
    fn more_loss_and_more_delay_never_sound_better_and_stay_on_the_scale() {
        let mut last = 5.0;
        for step in 0..=100_u32 {
            let score = mos(
                CodecImpairment::PCMU,
                f64::from(step) / 100.0,
                Duration::from_millis(50),
            );
            assert!((1.0..=4.5).contains(&score) && score <= last);
            last = score;
        }
        let mut last = 5.0;
        for step in 0..100 {
            let score = mos(CodecImpairment::PCMU, 0.0, Duration::from_millis(20 * step));
            assert!((1.0..=4.5).contains(&score) && score <= last);
            last = score;
        }
    }

    #[test]
    fn nonsense_scores_on_the_scale_too() {
        let broken = CodecImpairment {
            ie: 500.0,
            bpl: -3.0,
        };
        for loss in [f64::NAN, -1.0, 2.0, f64::INFINITY] {
            for codec in [CodecImpairment::PCMU, broken] {
                let score = mos(codec, loss, Duration::MAX);
                assert!((1.0..=4.5).contains(&score), "{score}");
            }
        }
    }
}
