//! Which path is taken.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::CandidateKind;

use super::check::Check;
use super::watch::Health;
use super::{Agent, ChangeCause, Event, Path, PathKind, Route, RouteId};

/// The path in use.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) id: RouteId,
    pub(super) path: Path,
    pub(super) health: Health,
    /// The signalling chose it.
    pinned: bool,
    /// Until then traffic on another path raises no doubt in this one.
    pub(super) calm_until: Instant,
}

impl Agent {
    /// Says that signalling uses the path between `local` and `remote`: the path that the INVITE
    /// takes wins (`docs/protocol/connectivity.md`, when a pair is usable \[D\]). `false`, and
    /// nothing changes, where no checks went through both ways there.
    pub fn pin(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) -> bool {
        let id = RouteId {
            base: local,
            remote,
        };
        if !self.is_validated_source(local, remote) {
            return false;
        }
        match &self.selected {
            Some(selected) if selected.id == id => {}
            Some(_) => self.move_to(now, id, ChangeCause::Pinned),
            None => self.take(now, id),
        }
        if let Some(selected) = &mut self.selected {
            selected.pinned = true;
        }
        true
    }

    /// Leaves a relay for a direct path that has just been found, unless the signalling uses the
    /// relay. Whether it did.
    pub(super) fn leave_relay(&mut self, now: Instant, found: RouteId) -> bool {
        let relayed = |selected: &Selected| !selected.pinned && self.is_relayed(selected.id);
        let better = self.selected.as_ref().is_some_and(relayed) && !self.is_relayed(found);
        if better {
            self.move_to(now, found, ChangeCause::Found);
        }
        better
    }

    /// Takes the first path that is valid, where none is in use.
    pub(super) fn reconsider(&mut self, now: Instant) {
        let timings = self.timings;
        for route in &mut self.routes {
            if route.is_one_sided_at(&timings).is_some_and(|at| at <= now) {
                route.validated = Some(now);
            }
        }
        if self.selected.is_some() {
            return;
        }
        let best = self
            .routes
            .iter()
            .filter(|route| self.takable_at(route).is_some_and(|at| at <= now))
            .min_by_key(|route| (route.relayed, route.validated))
            .map(|route| route.id);
        if let Some(id) = best {
            self.take(now, id);
        }
    }

    /// When paths that wait for it may be taken, where none is in use.
    pub(super) fn takable(&self) -> impl Iterator<Item = Instant> + '_ {
        let none_taken = self.selected.is_none() && self.lists_known.is_some();
        let waiting = self.routes.iter().filter(move |_| none_taken);
        waiting.filter_map(|route| {
            let one_sided = route.is_one_sided_at(&self.timings);
            self.takable_at(route).or(one_sided)
        })
    }

    fn takable_at(&self, route: &Route) -> Option<Instant> {
        let known = self.lists_known?;
        let validated = route.validated.filter(|_| route.is_ready())?;
        if route.relayed && self.hopes_for_direct() {
            return Some(validated.max(known + self.timings.relay_patience));
        }
        Some(validated)
    }

    /// Whether a path without a relay might still be found.
    pub(super) fn hopes_for_direct(&self) -> bool {
        self.checks
            .iter()
            .any(|check: &Check| check.is_open() && !self.is_relayed(check.route()))
    }

    fn take(&mut self, now: Instant, id: RouteId) {
        let path = self.use_path(now, id);
        match self.previous.take() {
            Some(from) => self.event(Event::PathChanged {
                from,
                to: path,
                cause: ChangeCause::Found,
            }),
            None => {
                let known = self.lists_known.unwrap_or(now);
                self.event(Event::PathFound {
                    path,
                    checks: now.saturating_duration_since(known),
                });
            }
        }
    }

    pub(super) fn move_to(&mut self, now: Instant, id: RouteId, cause: ChangeCause) {
        let before = self.selected.as_ref().map(|selected| selected.path);
        let to = self.use_path(now, id);
        if let Some(from) = before {
            self.event(Event::PathChanged { from, to, cause });
        }
    }

    fn use_path(&mut self, now: Instant, id: RouteId) -> Path {
        let path = self.path_of(id);
        if let Some(route) = self.route_mut(id) {
            // What was silent on it while another was in use says nothing.
            route.expect_nothing();
        }
        self.failed = false;
        self.selected = Some(Selected {
            id,
            path,
            health: Health::Fine,
            pinned: false,
            calm_until: now + self.timings.consent,
        });
        path
    }

    pub(super) fn path_of(&self, id: RouteId) -> Path {
        let mapped = self.route(id).and_then(|route| route.mapped);
        Path {
            local: id.base,
            remote: id.remote,
            kind: self.kind_of(id, mapped),
            mapped,
        }
    }

    /// Whether a relay lends either end.
    pub(super) fn is_relayed(&self, id: RouteId) -> bool {
        let ours = self
            .locals
            .iter()
            .any(|local| local.relayed && local.base == id.base);
        ours || self.remotes.kind_of(id.remote) == Some(CandidateKind::Relay)
    }

    fn kind_of(&self, id: RouteId, mapped: Option<SocketAddr>) -> PathKind {
        if self.is_relayed(id) {
            return PathKind::Relay;
        }
        let theirs = match self.remotes.kind_of(id.remote) {
            None | Some(CandidateKind::PeerReflexive) => PathKind::PeerReflexive,
            Some(CandidateKind::ServerReflexive) => PathKind::ServerReflexive,
            Some(CandidateKind::Relay) => PathKind::Relay,
            Some(
                CandidateKind::Host | CandidateKind::HostPointToPoint | CandidateKind::Unknown(_),
            ) => PathKind::Host,
        };
        let listed = |mapped| {
            self.locals
                .iter()
                .any(|local| local.candidate.address.address() == mapped)
        };
        let ours = match mapped {
            Some(mapped) if mapped == id.base => PathKind::Host,
            Some(mapped) if listed(mapped) => PathKind::ServerReflexive,
            Some(_) => PathKind::PeerReflexive,
            None => PathKind::Host,
        };
        match (theirs, ours) {
            (PathKind::PeerReflexive, _) | (_, PathKind::PeerReflexive) => PathKind::PeerReflexive,
            (PathKind::ServerReflexive, _) | (_, PathKind::ServerReflexive) => {
                PathKind::ServerReflexive
            }
            (PathKind::Host | PathKind::Relay, PathKind::Host | PathKind::Relay) => PathKind::Host,
        }
    }
}
