//! The peer's candidates.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_invitation::{Candidate, CandidateId, CandidateKind, Tampering};

use super::{Counters, RouteId};
use crate::LocalCandidate;

/// Candidates of the peer's lists that are remembered: as many as one list may have.
const MAX_LISTED: usize = ichat_invitation::candidate::MAX_CANDIDATES;
/// Addresses that only checks brought to light, and what bounds them. Where each side's NAT maps by
/// port, each check back comes from one more port, for ever; what is better must still find room.
const MAX_REFLEXIVE: usize = 96;
/// Candidates of the peer's that check from one address: those of one of its sockets.
const MAX_IDS: usize = 8;
/// Ports of one host, as seen by one socket of ours, that did not bring a path.
const MAX_PORTS: usize = 8;
/// How often one more of these takes the place of another.
const REPLACEMENT: Duration = Duration::from_secs(10);

/// The peer's candidates: listed ones, and those that its checks brought to light.
#[derive(Debug, Default)]
pub(super) struct Remotes {
    listed: Vec<Candidate>,
    /// The oldest first.
    reflexive: Vec<Reflexive>,
}

/// An address of the peer's that a check brought to light.
#[derive(Debug, Clone, Copy)]
struct Reflexive {
    /// The peer's candidate.
    id: CandidateId,
    route: RouteId,
    since: Instant,
}

/// What the source of a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Listed, or known from earlier checks.
    Known,
    /// New, and remembered; maybe in place of another, which is forgotten.
    New { instead_of: Option<RouteId> },
    /// New, and one too many.
    TooMany,
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
                    .retain(|known| (known.id, known.route.remote) != (candidate.id, address));
                self.listed.push(candidate);
            }
        }
        self.listed.len() > before
    }

    /// The candidates of the peer's lists.
    pub(super) fn listed(&self) -> &[Candidate] {
        &self.listed
    }

    /// Notes where a check came from. Where there is no room, the oldest that is not `in_use` makes
    /// some.
    pub(super) fn note_source(
        &mut self,
        now: Instant,
        id: CandidateId,
        route: RouteId,
        in_use: impl Fn(RouteId) -> bool,
    ) -> Source {
        let listed = |listed: &Candidate| listed.address.address() == route.remote;
        let known = |known: &Reflexive| known.id == id && known.route == route;
        if self.listed.iter().any(listed) || self.reflexive.iter().any(known) {
            return Source::Known;
        }
        let Ok(instead_of) = self.make_room(now, route, in_use) else {
            return Source::TooMany;
        };
        self.reflexive.push(Reflexive {
            id,
            route,
            since: now,
        });
        Source::New { instead_of }
    }

    /// Makes room; the route that is forgotten for it.
    fn make_room(
        &mut self,
        now: Instant,
        route: RouteId,
        in_use: impl Fn(RouteId) -> bool,
    ) -> Result<Option<RouteId>, NoRoom> {
        let there = self.reflexive.iter().filter(|known| known.route == route);
        match there.count() {
            0 => {}
            1..MAX_IDS => return Ok(None),
            MAX_IDS.. => return Err(NoRoom),
        }
        let unused = |known: &&Reflexive| !in_use(known.route);
        let same_host = |known: &&Reflexive| {
            let ip = known.route.remote.ip();
            (known.route.base, ip) == (route.base, route.remote.ip())
        };
        let of_host = || self.reflexive.iter().filter(same_host).filter(unused);
        let mut ports: Vec<SocketAddr> = of_host().map(|known| known.route.remote).collect();
        ports.sort_unstable();
        ports.dedup();
        let (oldest, newest) = if ports.len() >= MAX_PORTS {
            (of_host().next(), of_host().next_back())
        } else if self.reflexive.len() >= MAX_REFLEXIVE {
            let all = || self.reflexive.iter().filter(unused);
            (all().next(), all().next_back())
        } else {
            return Ok(None);
        };
        let (Some(oldest), Some(newest)) = (oldest, newest) else {
            return Err(NoRoom);
        };
        if now.saturating_duration_since(newest.since) < REPLACEMENT {
            return Err(NoRoom);
        }
        let forgotten = oldest.route;
        self.reflexive.retain(|known| known.route != forgotten);
        Ok(Some(forgotten))
    }

    /// What the peer says that an address is, where it lists it.
    pub(super) fn kind_of(&self, address: SocketAddr) -> Option<CandidateKind> {
        self.listed
            .iter()
            .find(|listed| listed.address.address() == address)
            .map(|listed| listed.kind)
    }
}

/// There is no room for one more address.
#[derive(Debug)]
struct NoRoom;

/// Whether a check can be sent there at all.
fn is_checkable(address: SocketAddr) -> bool {
    let single = match address.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    single && address.port() != 0
}
