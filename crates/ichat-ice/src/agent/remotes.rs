//! The peer's candidates.

use std::net::{IpAddr, SocketAddr};

use ichat_invitation::{Candidate, CandidateId, CandidateKind, Tampering};

use super::Counters;
use crate::LocalCandidate;

/// Candidates of the peer's lists that are remembered: as many as one list may have.
const MAX_LISTED: usize = ichat_invitation::candidate::MAX_CANDIDATES;
/// Addresses that only checks brought to light.
const MAX_REFLEXIVE: usize = 32;

/// The peer's candidates: listed ones, and those that its checks brought to light.
#[derive(Debug, Default)]
pub(super) struct Remotes {
    listed: Vec<Candidate>,
    reflexive: Vec<(CandidateId, SocketAddr)>,
}

impl Remotes {
    /// Takes a list: guards are applied, what cannot be checked is left out. Whether any candidate
    /// is new.
    pub(super) fn list(
        &mut self,
        candidates: &[Candidate],
        locals: &[LocalCandidate],
        counters: &mut Counters,
    ) -> bool {
        let before = self.listed.len();
        for candidate in candidates {
            let (candidate, tampering) = candidate.restored();
            match tampering {
                Tampering::Base | Tampering::BaseAndAddress => counters.restored += 1,
                Tampering::None | Tampering::NoGuard => {}
            }
            let address = candidate.address.address();
            let known = |listed: &Candidate| {
                listed.id == candidate.id && listed.address.address() == address
            };
            let ours = locals
                .iter()
                .any(|local| local.candidate.id == candidate.id);
            if ours || candidate.address.is_guard() || !is_checkable(address) {
                counters.unusable += 1;
            } else if self.listed.iter().any(known) {
                // A counter-proposal repeats what was listed before.
            } else if self.listed.len() >= MAX_LISTED {
                counters.too_many_candidates += 1;
            } else {
                self.reflexive
                    .retain(|reflexive| *reflexive != (candidate.id, address));
                self.listed.push(candidate);
            }
        }
        self.listed.len() > before
    }

    /// The candidates of the peer's lists.
    pub(super) fn listed(&self) -> &[Candidate] {
        &self.listed
    }

    /// Notes where a check came from. Whether that is new, and nowhere listed.
    pub(super) fn note_source(
        &mut self,
        id: CandidateId,
        address: SocketAddr,
        counters: &mut Counters,
    ) -> bool {
        let listed = |listed: &Candidate| listed.address.address() == address;
        if self.listed.iter().any(listed) || self.reflexive.contains(&(id, address)) {
            return false;
        }
        if self.reflexive.len() >= MAX_REFLEXIVE {
            counters.too_many_candidates += 1;
            return false;
        }
        self.reflexive.push((id, address));
        true
    }

    /// What the peer says that an address is, where it lists it.
    pub(super) fn kind_of(&self, address: SocketAddr) -> Option<CandidateKind> {
        self.listed
            .iter()
            .find(|listed| listed.address.address() == address)
            .map(|listed| listed.kind)
    }
}

/// Whether a check can be sent there at all.
fn is_checkable(address: SocketAddr) -> bool {
    let single = match address.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    single && address.port() != 0
}
