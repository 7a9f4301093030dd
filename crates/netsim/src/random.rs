//! Randomness from a seed: the same seed gives the same run, on every machine.

/// What a share is cut into: as many parts as the mantissa of an `f64` tells apart.
const PARTS: u64 = 1 << 53;

/// A small generator, xoshiro256++ seeded by SplitMix64 (Blackman and Vigna, 2019). No secret is
/// safe with it; every test can be repeated with it.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator of a seed. Any seed will do, zero too.
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        Self {
            state: std::array::from_fn(|_| split_mix(&mut mixer)),
        }
    }

    /// A generator of its own for one part of a run, so that a part more does not change what the
    /// others draw.
    pub fn of_part(seed: u64, part: u64) -> Self {
        let mut mixer = part;
        Self::new(seed ^ split_mix(&mut mixer))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let drawn = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        drawn
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / PARTS as f64
    }

    /// True in `share` of all cases, 0 for never and 1 for always.
    ///
    /// Draws nothing for never, so that what is switched off does not change the rest of a run.
    pub fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.unit() < share
    }

    /// A number from 0 up to but not including `limit`; 0 if the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(limit);
        // The upper half of a product of two 64-bit numbers fits.
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A port from `low` to `high`, both included.
    pub fn port(&mut self, low: u16, high: u16) -> u16 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        u16::try_from(self.below(span)).map_or(low, |above| low.saturating_add(above))
    }

    /// One of several; none of none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let limit = u64::try_from(choices.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.below(limit)).unwrap_or_default();
        choices.get(index).copied()
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeding_is_the_published_split_mix() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn drawing_is_the_published_xoshiro() {
        let mut random = Random {
            state: [1, 2, 3, 4],
        };
        assert_eq!(random.next_u64(), 41_943_041);
        assert_eq!(random.next_u64(), 58_720_359);
        assert_eq!(random.next_u64(), 3_588_806_011_781_223);
    }

    #[test]
    fn numbers_stay_in_their_limits_and_reach_them() {
        let mut random = Random::new(0);
        let drawn: Vec<u16> = (0..1000).map(|_| random.port(10, 13)).collect();
        for port in 10..=13 {
            assert!(drawn.contains(&port), "{port}");
        }
        assert!(drawn.iter().all(|port| (10..=13).contains(port)));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn parts_of_a_run_draw_apart() {
        let mut first = Random::of_part(7, 1);
        let mut second = Random::of_part(7, 2);
        assert_ne!(first.next_u64(), second.next_u64());
        assert_eq!(
            Random::of_part(7, 1).next_u64(),
            Random::of_part(7, 1).next_u64()
        );
    }
}
