//! Numbers drawn from a seed: which server of several, how long to wait. Nothing secret comes from
//! here.

use std::hash::{BuildHasher, RandomState};

/// A small generator (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Lot(u64);

impl Lot {
    #[cfg(test)]
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the system: the keys of the standard library's hash maps come from its entropy.
    pub(super) fn from_system() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of 0 to `last`, each as likely as the others (but for a bias that nobody could measure
    /// with so small numbers).
    pub(super) fn up_to(&mut self, last: u32) -> u32 {
        let scaled = (u128::from(self.next()) * (u128::from(last) + 1)) >> 64;
        u32::try_from(scaled).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_of_a_range_are_drawn_and_no_others() {
        let mut lot = Lot::new(7);
        let mut seen = [0_u32; 4];
        for _ in 0..4000 {
            seen[lot.up_to(3) as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (900..1100).contains(count)),
            "{seen:?}"
        );
        assert_eq!(lot.up_to(0), 0);
        assert!(lot.up_to(u32::MAX) > 0);
    }

    #[test]
    fn a_seed_repeats_itself_and_the_system_does_not() {
        assert_eq!(Lot::new(1).next(), Lot::new(1).next());
        assert_ne!(Lot::from_system().next(), Lot::from_system().next());
    }
}
