//! Numbers from one seed, so that a machine's run can be repeated.

/// A small generator (SplitMix64): good enough for identifiers that must not collide, and seeded
/// from the system's entropy by the driver.
#[derive(Debug, Clone)]
pub struct Seed(u64);

impl Seed {
    /// Begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits from the system's entropy.
    #[must_use]
    pub fn from_system() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The keys of the standard library's hash maps come from the system's entropy.
        Self(RandomState::new().hash_one(std::process::id()))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.next_u64().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// The next 16 bits.
    pub fn next_u16(&mut self) -> u16 {
        let [a, b, ..] = self.next_u64().to_le_bytes();
        u16::from_le_bytes([a, b])
    }
}
