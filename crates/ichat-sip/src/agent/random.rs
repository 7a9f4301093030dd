//! Identities out of a seed: tags, branches and call ids as iChat writes them
//! (docs/protocol/sip.md, INVITE of a real Mac \[C\]).

use std::net::IpAddr;

/// SplitMix64: small, and good enough for names; secrets are not made of it.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// 32 bits in decimal.
    pub(crate) fn tag(&mut self) -> String {
        (self.next() >> 32).to_string()
    }

    /// `z9hG4bK` and 16 hex digits.
    pub(crate) fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.next())
    }

    /// A UUID, `@`, the address with dashes.
    pub(crate) fn call_id(&mut self, local: IpAddr) -> String {
        let (high, low) = (self.next(), self.next());
        let host = local.to_string().replace(['.', ':'], "-");
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}@{host}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            (low >> 48) & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_apples_shape_and_follow_from_the_seed() {
        let mut random = Random::new(1);
        insta::assert_snapshot!(random.call_id("192.168.20.198".parse().unwrap()), @"910a2dec-8902-4cc1-beeb-8da1658eec67@192-168-20-198");
        insta::assert_snapshot!(random.branch(), @"z9hG4bKf893a2eefb32555e");
        insta::assert_snapshot!(random.tag(), @"1908508304");
        let mut again = Random::new(1);
        assert!(again.call_id("::1".parse().unwrap()).ends_with("@--1"));
    }
}
