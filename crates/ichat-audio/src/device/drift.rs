//! Two clocks and a ring between them.
//!
//! The reader of the ring waits until there is more in it than it needs at once, and then takes
//! what it needs each time. What is left in the ring at the worst moment of a second tells how
//! much too early or too late the writer is: a little is answered by a slightly other resampling
//! ratio, which nobody hears, much by throwing samples away. So the ring finds the lowest latency
//! that the habits of the two sides allow, whatever the sizes of their pieces.

/// Smallest and largest reserve, and the step from one to the other, in milliseconds.
const MIN_MARGIN_MS: usize = 10;
const MAX_MARGIN_MS: usize = 80;
const MARGIN_STEP_MS: usize = 10;
/// Without an underrun for so long the reserve shrinks by a step.
const CALM_MS: usize = 30_000;
/// The time whose worst moment counts.
const WINDOW_MS: usize = 1_000;
/// A fill that was so much too high for all of the window is not mended by resampling.
const MAX_EXCESS_MS: usize = 80;
/// A fill that is so much too high once is not waited for: the other side was held up.
const MAX_BURST_MS: usize = 250;
/// Correction for each second of error. At 10 ms too many: 0.1 %, less than two cents of pitch.
const GAIN: f64 = 0.1;
/// Largest correction: 0.5 %, more than any two clocks differ by.
const MAX_CORRECTION: f64 = 0.005;

/// Lets samples out of a ring, or silence until there are enough.
#[derive(Debug)]
pub(super) struct Gate {
    rate_hz: usize,
    margin_ms: usize,
    is_open: bool,
    /// Samples taken since the last underrun, and since the window began.
    calm: usize,
    in_window: usize,
    /// The lowest fill in the window.
    worst_fill: usize,
    underruns: u64,
    discarded: u64,
}

/// What a reader does next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Samples to throw away, the oldest.
    pub(super) discard: usize,
    /// Samples to take after these; silence for what the reader needs beyond.
    pub(super) take: usize,
    /// Once a second: the resampling ratio from here on, in relation to the nominal one.
    pub(super) correction: Option<f64>,
}

impl Gate {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: usize::try_from(rate_hz).unwrap_or(usize::MAX),
            margin_ms: MIN_MARGIN_MS,
            is_open: false,
            calm: 0,
            in_window: 0,
            worst_fill: usize::MAX,
            underruns: 0,
            discarded: 0,
        }
    }

    /// What a reader does that needs `needed` samples and finds `available`.
    pub(super) fn step(&mut self, available: usize, needed: usize) -> Step {
        let wanted = needed.saturating_add(self.margin());
        let mut discard = 0;
        if available > wanted.saturating_add(self.samples(MAX_BURST_MS)) {
            discard = available - wanted;
            self.begin_window();
        }
        let left = available - discard;
        let (take, correction) = if !self.is_open {
            self.is_open = left >= wanted;
            self.begin_window();
            (if self.is_open { needed } else { 0 }, None)
        } else if left < needed {
            self.run_dry();
            (left, None)
        } else {
            let (excess, correction) = self.flow(left - needed, needed);
            discard += excess;
            (needed, correction)
        };
        self.discarded += u64::try_from(discard).unwrap_or(u64::MAX);
        Step {
            discard,
            take,
            correction,
        }
    }

    /// Times that samples ran out.
    pub(super) fn underruns(&self) -> u64 {
        self.underruns
    }

    /// Samples that were thrown away.
    pub(super) fn discarded(&self) -> u64 {
        self.discarded
    }

    fn run_dry(&mut self) {
        self.is_open = false;
        self.underruns += 1;
        self.calm = 0;
        self.margin_ms = (self.margin_ms + MARGIN_STEP_MS).min(MAX_MARGIN_MS);
    }

    /// All is well, and `fill` samples are left after `taken`: how many of them are too many, and
    /// how to resample.
    fn flow(&mut self, fill: usize, taken: usize) -> (usize, Option<f64>) {
        self.calm += taken;
        if self.calm > self.samples(CALM_MS) {
            self.calm = 0;
            self.margin_ms = self
                .margin_ms
                .saturating_sub(MARGIN_STEP_MS)
                .max(MIN_MARGIN_MS);
        }
        self.worst_fill = self.worst_fill.min(fill);
        self.in_window += taken;
        if self.in_window < self.samples(WINDOW_MS) {
            return (0, None);
        }
        let worst_fill = self.worst_fill;
        self.begin_window();
        let excess = worst_fill.saturating_sub(self.margin());
        if excess > self.samples(MAX_EXCESS_MS) {
            return (excess, None);
        }
        let error_s = (as_f64(worst_fill) - as_f64(self.margin())) / as_f64(self.rate_hz);
        (
            0,
            Some(1.0 - (error_s * GAIN).clamp(-MAX_CORRECTION, MAX_CORRECTION)),
        )
    }

    fn begin_window(&mut self) {
        self.in_window = 0;
        self.worst_fill = usize::MAX;
    }

    /// Samples that should be left in the ring at the worst moment.
    fn margin(&self) -> usize {
        self.samples(self.margin_ms)
    }

    fn samples(&self, ms: usize) -> usize {
        self.rate_hz.saturating_mul(ms) / 1_000
    }
}

fn as_f64(samples: usize) -> f64 {
    u32::try_from(samples).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "simulated fills are small")]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 48_000;

    fn taken(gate: &mut Gate, available: usize) -> usize {
        gate.step(available, 960).take
    }

    #[test]
    fn the_gate_opens_at_need_and_reserve_and_closes_when_samples_run_out() {
        let mut gate = Gate::new(RATE_HZ);
        assert_eq!(taken(&mut gate, 960), 0, "no reserve yet");
        assert_eq!(taken(&mut gate, 1_440), 960);
        assert_eq!(
            taken(&mut gate, 960),
            960,
            "the reserve is there to be used"
        );
        assert_eq!(taken(&mut gate, 100), 100);
        assert_eq!(gate.underruns(), 1);
        assert_eq!(taken(&mut gate, 1_440), 0, "the reserve has grown");
        assert_eq!(taken(&mut gate, 1_920), 960);
    }

    #[test]
    fn the_reserve_is_bounded_and_shrinks_when_all_is_calm() {
        let mut gate = Gate::new(RATE_HZ);
        for _ in 0..100 {
            taken(&mut gate, 10_000);
            taken(&mut gate, 0);
        }
        assert_eq!(gate.margin(), 80 * 48);
        taken(&mut gate, 10_000);
        for _ in 0..50 * 300 {
            taken(&mut gate, 2_000);
        }
        assert_eq!(gate.margin(), 10 * 48);
    }

    #[test]
    fn what_piled_up_while_a_side_was_held_up_is_thrown_away_at_once() {
        let mut gate = Gate::new(RATE_HZ);
        let step = gate.step(48_000, 960);
        assert_eq!((step.discard, step.take), (48_000 - 1_440, 960));
        assert_eq!(gate.discarded(), 46_560);
    }

    #[test]
    fn what_is_too_much_for_a_second_is_thrown_away_and_a_little_is_resampled() {
        let mut gate = Gate::new(RATE_HZ);
        gate.step(6_000, 960);
        let steps: Vec<Step> = (0..50).map(|_| gate.step(6_000, 960)).collect();
        assert!(steps[..49].iter().all(|step| step.discard == 0));
        assert_eq!(steps[49].discard, 6_000 - 960 - 480);
        let steps: Vec<Step> = (0..50).map(|_| gate.step(1_920, 960)).collect();
        assert_eq!(steps[49].correction, Some(0.999), "10 ms too many");
        let steps: Vec<Step> = (0..50).map(|_| gate.step(960, 960)).collect();
        assert_eq!(steps[49].correction, Some(1.001), "10 ms too few");
    }

    /// A writer whose clock is `ppm` fast, in pieces of 512, and a reader in pieces of 20 ms, for
    /// ten minutes: the fills after each read from the second minute on, and the underruns.
    fn simulate(ppm: f64) -> (Vec<usize>, u64) {
        let mut gate = Gate::new(RATE_HZ);
        let (mut ring, mut written, mut owed, mut ratio) = (0usize, 0.0f64, 0.0f64, 1.0f64);
        let mut fills = Vec::new();
        for tick in 0..30_000u32 {
            written += 960.0 * (1.0 + ppm / 1e6);
            while written >= 512.0 {
                written -= 512.0;
                ring += 512;
            }
            // A ratio below 1 takes more input for the same output.
            owed += 960.0 / ratio;
            let step = gate.step(ring, owed as usize);
            owed = owed.fract();
            ring -= step.discard + step.take;
            ratio = step.correction.unwrap_or(ratio);
            if tick > 3_000 {
                fills.push(ring);
            }
        }
        (fills, gate.underruns())
    }

    #[test]
    fn ten_minutes_of_clocks_that_differ_neither_starve_nor_pile_up() {
        for ppm in [-500.0, -100.0, 0.0, 100.0, 500.0] {
            let (fills, underruns) = simulate(ppm);
            assert!(underruns <= 1, "{ppm} ppm: {underruns} underruns");
            let most = fills.iter().max().unwrap();
            assert!(*most < 48 * 50, "{ppm} ppm: up to {most} samples wait");
        }
    }
}
