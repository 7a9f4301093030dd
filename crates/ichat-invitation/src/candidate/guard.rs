//! The guard at work: an address that a middlebox rewrote is put right.

use super::Candidate;

/// What the guard of a candidate told about its base.
///
/// Source: `docs/protocol/addresses.md`, guards \[C, D\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tampering {
    /// Base and guard agree.
    None,
    /// The base had been rewritten, and is restored.
    Base,
    /// Base and address had been rewritten alike, and both are restored.
    BaseAndAddress,
    /// There is no guard; nothing can be said.
    NoGuard,
}

impl Candidate {
    /// The candidate as its sender made it, and what a middlebox had done to it.
    ///
    /// The guard is compared with the base in the octets that mean something, 4 of IPv4 and 16 of
    /// IPv6, as the base's flags say. If they differ, the base becomes the inverted guard, and so
    /// does the address if it equalled the rewritten base. Ports are never restored. A guard that is
    /// zero in those octets is none.
    ///
    /// Source: `docs/protocol/addresses.md`, guards. Later software tests whether base AND guard is
    /// not zero, which misses rewrites that only clear bits \[D\].
    pub fn restored(&self) -> (Self, Tampering) {
        let true_base = self.guard.inverted();
        let significant = self.base.significant();
        let guard = self.guard.address_octets();
        if guard.iter().take(significant).all(|octet| *octet == 0) {
            return (*self, Tampering::NoGuard);
        }
        if self.base.begins_as(&true_base) {
            return (*self, Tampering::None);
        }
        let mut restored = *self;
        restored.base = self.base.with_address_octets(true_base);
        if !self.address.same_ip(&self.base) {
            return (restored, Tampering::Base);
        }
        restored.address = self.address.with_address_octets(true_base);
        (restored, Tampering::BaseAndAddress)
    }
}
