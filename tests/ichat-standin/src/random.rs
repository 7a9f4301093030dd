//! Numbers that need not be secret: ids, tags, branches, sequence starts.

/// A xorshift64* generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub(crate) fn u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next 32 bits.
    pub(crate) fn u32(&mut self) -> u32 {
        (self.u64() >> 32) as u32
    }

    /// The next 16 bits.
    pub(crate) fn u16(&mut self) -> u16 {
        (self.u64() >> 48) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_give_different_numbers() {
        assert_ne!(Random::new(1).u64(), Random::new(2).u64());
        assert_eq!(Random::new(7).u32(), Random::new(7).u32());
    }
}
