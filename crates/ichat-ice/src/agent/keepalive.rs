//! Checks that keep paths known and open while a call is up.

use std::time::Instant;

use super::check::Progress;
use super::route::Keepalive;
use super::watch::Health;
use super::{Agent, RouteId};

/// Paths in reserve that are kept known and open.
const MAX_RESERVES: usize = 2;

impl Agent {
    /// The best paths besides the one in use.
    pub(super) fn reserves(&self) -> Vec<RouteId> {
        let selected = self.selected.as_ref().map(|selected| selected.id);
        let mut ready: Vec<_> = self
            .routes
            .iter()
            .filter(|route| route.is_ready() && Some(route.id) != selected)
            .map(|route| (route.relayed, route.validated, route.id))
            .collect();
        ready.sort_by_key(|(relayed, validated, _)| (*relayed, *validated));
        let best = ready.into_iter().take(MAX_RESERVES);
        best.map(|(_, _, id)| id).collect()
    }

    /// The paths that are kept open by themselves: those in reserve, and the one in use while
    /// nothing speaks against it.
    fn tended(&self) -> Vec<RouteId> {
        let Some(selected) = &self.selected else {
            return Vec::new();
        };
        let mut tended = self.reserves();
        match selected.health {
            Health::Fine => tended.push(selected.id),
            Health::Doubted { .. } => {}
        }
        tended
    }

    /// Asks on each path that is kept open, and repeats what stays unanswered. One in reserve that
    /// does not answer is none any more; the one in use is [doubted](Self::watch).
    pub(super) fn keep_alive(&mut self, now: Instant) {
        // For each that is given up the next best comes into reserve, and may be overdue itself.
        while self.keep_tended_alive(now) {}
    }

    /// True if one in reserve was given up.
    fn keep_tended_alive(&mut self, now: Instant) -> bool {
        let timings = self.timings;
        let mut given_up = false;
        let selected = self.selected.as_ref().map(|selected| selected.id);
        for id in self.tended() {
            let Some(route) = self.route_mut(id) else {
                continue;
            };
            let ask = match &mut route.keepalive {
                idle @ Keepalive::Idle { until: None } => {
                    *idle = Keepalive::Idle {
                        until: Some(now + timings.keepalive),
                    };
                    false
                }
                Keepalive::Idle { until: Some(until) } if *until > now => false,
                asking @ Keepalive::Idle { until: Some(_) } => {
                    *asking = Keepalive::Asking {
                        since: now,
                        sent: now,
                        interval: timings.first_resend,
                    };
                    true
                }
                Keepalive::Asking { since, .. }
                    if selected != Some(id) && *since + timings.consent <= now =>
                {
                    route.dead = true;
                    route.keepalive = Keepalive::Idle { until: None };
                    given_up = true;
                    false
                }
                Keepalive::Asking { sent, interval, .. } if *sent + *interval <= now => {
                    *sent = now;
                    *interval = timings.grown(*interval);
                    true
                }
                Keepalive::Asking { .. } => false,
            };
            if ask {
                self.send_on(now, id);
            }
        }
        given_up
    }

    /// When [`keep_alive`](Self::keep_alive) has something to do.
    pub(super) fn keepalive_due(&self) -> Option<Instant> {
        let selected = self.selected.as_ref().map(|selected| selected.id);
        let due = |id: RouteId| {
            let route = self.route(id)?;
            match route.keepalive {
                Keepalive::Idle { until } => until,
                Keepalive::Asking {
                    since,
                    sent,
                    interval,
                } => {
                    let consent = (selected != Some(id)).then(|| since + self.timings.consent);
                    consent.into_iter().chain([sent + interval]).min()
                }
            }
        };
        self.tended().into_iter().filter_map(due).min()
    }

    /// Sends a check on a path that has been proven, with ids that the peer knows.
    pub(super) fn send_on(&mut self, now: Instant, id: RouteId) {
        let proven = |check: &&super::Check| check.progress == Progress::Proven;
        let on_path = || {
            let checks = self.checks.iter();
            checks.filter(|check| check.route() == id)
        };
        let key = on_path()
            .find(proven)
            .or_else(|| on_path().next())
            .map(|check| check.key);
        let place = key.and_then(|key| self.checks.iter().position(|check| check.key == key));
        if let Some(place) = place {
            self.send_check(now, place);
        }
    }

    /// Checks all pairs again but those of the path in use; first those toward the address where the
    /// peer was last.
    pub(super) fn check_again(&mut self, now: Instant) {
        let selected = self.selected.as_ref().map(|selected| selected.id);
        for check in &mut self.checks {
            if Some(check.route()) != selected {
                check.restart();
            }
        }
        self.put_sought_first();
        self.next_start = now;
        self.try_anew(now);
    }
}
