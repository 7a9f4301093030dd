//! Randomness from a seed that the caller gives, so that a test can repeat a run. Ids of
//! transactions and candidates follow from it: take the seed from a cryptographic source.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The upper half of the next number.
    pub(crate) fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// `N` octets.
    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        for chunk in octets.chunks_mut(8) {
            for (octet, random) in chunk.iter_mut().zip(self.next().to_be_bytes()) {
                *octet = random;
            }
        }
        octets
    }
}

/// SplitMix64's finisher: every bit of the number changes half of the bits that come out.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn octets_fill_any_length() {
        let mut random = Random::new(7);
        assert_ne!(random.octets::<12>(), random.octets::<12>());
        assert_eq!(
            Random::new(1_234_567).octets::<8>(),
            6_457_827_717_110_365_317_u64.to_be_bytes()
        );
    }
}
