//! Whether the path in use still works, and what takes over when it does not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::route::Keepalive;
use super::{Agent, ChangeCause, Check, Event, RouteId};

/// How long the path in use is silent before steady traffic on another raises doubt: three packets.
const OVERTAKEN: Duration = Duration::from_millis(60);
/// How long ago the path in use must have shown that it works for a new one to raise doubt.
const STALE: Duration = Duration::from_secs(2);

/// How soon a check is repeated where media comes that may not be heard without its response.
const HASTE: Duration = Duration::from_millis(100);

/// What an answer may be late, besides one and a half round trips.
const MARGIN: Duration = Duration::from_millis(50);

/// What is thought of the path in use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Health {
    /// Nothing speaks against it.
    Fine,
    /// It is asked whether it still works, and so are those in reserve.
    Doubted {
        since: Instant,
        patience: Duration,
        sent: Instant,
        probes: u32,
        /// No other path answered either: all pairs are checked again.
        rechecked: bool,
        /// And that has been told.
        lost: bool,
    },
}

impl Health {
    /// Whether neither the path nor any in reserve answers.
    pub(super) fn is_hopeless(&self) -> bool {
        match self {
            Self::Fine => false,
            Self::Doubted { rechecked, .. } => *rechecked,
        }
    }
}

impl Agent {
    /// Takes note of a packet of the peer's that is no check: media or signalling. Whether it may be
    /// heard, as [`is_validated_source`](Self::is_validated_source).
    ///
    /// Steady media is the quickest sign that a path works, and its silence that it does not. An
    /// iChat that is muted sends nothing at all (`docs/protocol/field.md`, 4 \[G\]): silence makes
    /// the agent ask, never leave.
    pub fn note_traffic(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) -> bool {
        let id = RouteId {
            base: local,
            remote,
        };
        let timings = self.timings;
        let Some(route) = self.route_mut(id).filter(|route| route.validated.is_some()) else {
            self.counters.unproven += 1;
            self.hasten_proof(now, id);
            return false;
        };
        route.note_traffic(now, &timings);
        let steady = route.streak > 1;
        match &self.selected {
            Some(selected) if selected.id == id => self.watch(now),
            Some(selected) if steady && selected.calm_until <= now => {
                let last = self.route(selected.id).and_then(|route| route.traffic);
                let overtaken =
                    last.is_none_or(|last| now.saturating_duration_since(last) > OVERTAKEN);
                if overtaken {
                    self.doubt(now, timings.verdict);
                }
            }
            Some(_) | None => {}
        }
        true
    }

    /// The peer sends media where we answered its check, and the response to ours was lost: asks
    /// again soon, for until it comes nothing is heard.
    fn hasten_proof(&mut self, now: Instant, id: RouteId) {
        if !self.route(id).is_some_and(|route| route.answered) {
            return;
        }
        let due = |check: &Check| {
            let sent = check.sent();
            sent.is_none_or(|sent| now.saturating_duration_since(sent) >= HASTE)
        };
        let mut there = self.checks.iter().filter(|check| check.route() == id);
        if there.any(|check| !due(check)) {
            return;
        }
        let place = self.checks.iter().position(|check| check.route() == id);
        if let Some(place) = place {
            self.advance(now, place);
        }
    }

    /// A path was found while another is in use: the peer may have moved. Asks the one in use.
    pub(super) fn compare(&mut self, now: Instant, found: RouteId) {
        if self.leave_relay(now, found) {
            return;
        }
        let Some(selected) = self.selected.as_ref().map(|selected| selected.id) else {
            return;
        };
        let recent = now.checked_sub(STALE);
        let lives = self
            .route(selected)
            .zip(recent)
            .is_none_or(|(route, recent)| route.lives_since(recent));
        if selected != found && !lives {
            self.doubt(now, self.timings.verdict * 2);
        }
    }

    /// Asks the path in use: it was in reserve until now, and last asked a while ago, or something
    /// has changed at the peer.
    pub(super) fn ask_path(&mut self, now: Instant) {
        self.doubt(now, self.timings.verdict * 2);
    }

    /// Judges the path in use.
    pub(super) fn watch(&mut self, now: Instant) {
        let Some(selected) = &self.selected else {
            return;
        };
        let (id, path, health) = (selected.id, selected.path, selected.health);
        let timings = self.timings;
        let Some(route) = self.route(id) else {
            return;
        };
        match health {
            Health::Fine => {
                let silent = route.silent_at(&timings).is_some_and(|at| at <= now);
                let unanswered = match route.keepalive {
                    Keepalive::Asking { since, .. } => since + timings.consent <= now,
                    Keepalive::Idle { .. } => false,
                };
                if silent {
                    self.doubt(now, timings.verdict);
                } else if unanswered {
                    self.doubt(now, timings.verdict * 2);
                }
            }
            Health::Doubted { since, lost, .. } if route.lives_since(since) => {
                let is_mute = route.traffic.is_none_or(|traffic| traffic < since);
                if lost {
                    self.event(Event::PathRestored { path });
                }
                if let Some(route) = self.route_mut(id).filter(|_| is_mute) {
                    route.expect_nothing();
                }
                if let Some(selected) = &mut self.selected {
                    selected.health = Health::Fine;
                    selected.calm_until = now + timings.consent;
                }
            }
            Health::Doubted {
                since, patience, ..
            } if since + patience <= now => self.judge(now, since),
            Health::Doubted { .. } => self.probe_when_due(now),
        }
    }

    /// When [`watch`](Self::watch) has something to do.
    pub(super) fn watch_due(&self) -> Option<Instant> {
        let selected = self.selected.as_ref()?;
        let route = self.route(selected.id)?;
        match selected.health {
            Health::Fine => {
                let consent = match route.keepalive {
                    Keepalive::Asking { since, .. } => Some(since + self.timings.consent),
                    Keepalive::Idle { .. } => None,
                };
                let silent = route.silent_at(&self.timings);
                silent.into_iter().chain(consent).min()
            }
            Health::Doubted {
                since,
                patience,
                sent,
                probes,
                rechecked,
                lost,
            } => {
                let judgement = (!rechecked).then(|| since + patience);
                let loss = (!lost).then(|| since + self.timings.lost);
                let probe = sent + probe_interval(probes);
                judgement.into_iter().chain(loss).chain([probe]).min()
            }
        }
    }

    /// Begins to ask whether the path in use works.
    fn doubt(&mut self, now: Instant, patience: Duration) {
        let Some(id) = self.selected.as_ref().map(|selected| selected.id) else {
            return;
        };
        let mut patience = patience;
        if let Some(route) = self.route_mut(id) {
            route.streak = 0;
            patience = patience.max(route.round_trip * 3 / 2 + MARGIN);
        }
        // An answer counts for as long as its pair is tried, and makes a round trip of half a minute.
        // The verdict is no later than the loss, which it tells.
        let patience = patience.min(self.timings.lost);
        let Some(selected) = &mut self.selected else {
            return;
        };
        match selected.health {
            Health::Fine => {}
            Health::Doubted { .. } => return,
        }
        selected.health = Health::Doubted {
            since: now,
            patience,
            sent: now,
            probes: 0,
            rechecked: false,
            lost: false,
        };
        tracing::debug!(?id, "path in doubt");
        self.send_probes(now);
    }

    /// The path has had its time to answer: another that did takes over, or all pairs are checked
    /// again.
    fn judge(&mut self, now: Instant, since: Instant) {
        let Some(id) = self.selected.as_ref().map(|selected| selected.id) else {
            return;
        };
        let heir = self
            .routes
            .iter()
            .filter(|route| route.id != id && route.is_ready() && route.lives_since(since))
            .min_by_key(|route| (route.relayed, route.validated))
            .map(|route| route.id);
        if let Some(heir) = heir {
            if let Some(route) = self.route_mut(id) {
                route.dead = true;
            }
            self.move_to(now, heir, ChangeCause::Silent);
            return;
        }
        let Some(selected) = &mut self.selected else {
            return;
        };
        let path = selected.path;
        let (mut recheck, mut tell) = (false, false);
        if let Health::Doubted {
            since,
            rechecked,
            lost,
            ..
        } = &mut selected.health
        {
            recheck = !std::mem::replace(rechecked, true);
            tell = !*lost && *since + self.timings.lost <= now;
            *lost |= tell;
        }
        if recheck {
            self.check_again(now);
        }
        if tell {
            self.event(Event::PathLost { path });
        }
        self.probe_when_due(now);
    }

    fn probe_when_due(&mut self, now: Instant) {
        let due = self
            .selected
            .as_ref()
            .is_some_and(|selected| match selected.health {
                Health::Fine => false,
                Health::Doubted { sent, probes, .. } => sent + probe_interval(probes) <= now,
            });
        if due {
            self.send_probes(now);
        }
    }

    /// Asks the path in use, and those in reserve.
    fn send_probes(&mut self, now: Instant) {
        let Some(selected) = &mut self.selected else {
            return;
        };
        if let Health::Doubted { sent, probes, .. } = &mut selected.health {
            *sent = now;
            *probes = probes.saturating_add(1);
        }
        let id = selected.id;
        self.send_on(now, id);
        for reserve in self.reserves() {
            self.send_on(now, reserve);
        }
    }
}

/// Between probe number `probes` and the next \[I\]: quick until the verdict, then slower.
fn probe_interval(probes: u32) -> Duration {
    Duration::from_millis(match probes {
        0..=8 => 50,
        9..=30 => 250,
        31.. => 2000,
    })
}
