//! What is known of the way between one socket of ours and one address of the peer's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Timings;

/// Packets in a row, none later than the silence that raises doubt, that count as steady.
const STEADY: u32 = 10;
/// How long nothing comes before doubt is raised where as many packets came, but not in a row: much
/// is lost.
const LONG_SILENCE: Duration = Duration::from_secs(1);

/// Names a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RouteId {
    pub(super) base: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// One way between the two hosts, whatever pairs run over it.
///
/// A pair is a matter of ids; whether packets pass is a matter of addresses, so that the proof is
/// kept here: candidates that share a base share their routes.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) id: RouteId,
    pub(super) relayed: bool,
    /// When the first response came.
    pub(super) responded: Option<Instant>,
    /// Whether a check of the peer's was answered.
    pub(super) answered: bool,
    /// When both had happened, or the peer had been one-sided for long enough.
    pub(super) validated: Option<Instant>,
    /// When the latest check that was answered had been sent.
    pub(super) proven: Option<Instant>,
    pub(super) round_trip: Duration,
    pub(super) mapped: Option<SocketAddr>,
    /// Found dead since it was validated.
    pub(super) dead: bool,
    pub(super) traffic: Option<Instant>,
    pub(super) streak: u32,
    /// Packets none of which came later than a long silence.
    flow: u32,
    pub(super) keepalive: Keepalive,
}

/// The checks that keep a validated route known and open.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keepalive {
    Idle {
        until: Option<Instant>,
    },
    Asking {
        since: Instant,
        sent: Instant,
        interval: Duration,
    },
}

impl Route {
    pub(super) fn new(id: RouteId, relayed: bool) -> Self {
        Self {
            id,
            relayed,
            responded: None,
            answered: false,
            validated: None,
            proven: None,
            round_trip: Duration::ZERO,
            mapped: None,
            dead: false,
            traffic: None,
            streak: 0,
            flow: 0,
            keepalive: Keepalive::Idle { until: None },
        }
    }

    /// A response came to a check sent at `sent`. Whether the route is validated by it.
    pub(super) fn note_response(
        &mut self,
        now: Instant,
        sent: Instant,
        mapped: Option<SocketAddr>,
        timings: &Timings,
    ) -> bool {
        self.responded.get_or_insert(now);
        self.proven = self.proven.max(Some(sent));
        self.round_trip = now.saturating_duration_since(sent);
        self.mapped = mapped.or(self.mapped);
        self.dead = false;
        self.keepalive = Keepalive::Idle {
            until: Some(now + timings.keepalive),
        };
        self.validate(now)
    }

    /// A check of the peer's was answered. Whether the route is validated by it.
    pub(super) fn note_answer(&mut self, now: Instant) -> bool {
        self.answered = true;
        self.validate(now)
    }

    /// A peer that answers and never asks.
    pub(super) fn is_one_sided_at(&self, timings: &Timings) -> Option<Instant> {
        match (self.validated, self.responded) {
            (None, Some(responded)) => Some(responded + timings.one_sided),
            (Some(_), _) | (None, None) => None,
        }
    }

    /// A packet of the peer's came, media or signalling.
    pub(super) fn note_traffic(&mut self, now: Instant, timings: &Timings) {
        let gap = self
            .traffic
            .map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        let counted = |count: u32, limit| {
            if gap < limit {
                count.saturating_add(1)
            } else {
                1
            }
        };
        self.streak = counted(self.streak, timings.silence);
        self.flow = counted(self.flow, LONG_SILENCE);
        self.traffic = Some(now);
        self.dead = false;
        if let Keepalive::Asking { .. } = self.keepalive {
            self.keepalive = Keepalive::Idle {
                until: Some(now + timings.keepalive),
            };
        }
    }

    /// When it will have been silent for too long, where packets came steadily, or at least often.
    pub(super) fn silent_at(&self, timings: &Timings) -> Option<Instant> {
        let silence = if self.streak >= STEADY {
            timings.silence
        } else if self.flow >= STEADY {
            LONG_SILENCE
        } else {
            return None;
        };
        Some(self.traffic? + silence)
    }

    /// Silence from now on says nothing, until packets come again.
    pub(super) fn expect_nothing(&mut self) {
        self.streak = 0;
        self.flow = 0;
    }

    /// Whether anything showed since `since` that it works.
    pub(super) fn lives_since(&self, since: Instant) -> bool {
        self.proven.is_some_and(|proven| proven >= since)
            || self.traffic.is_some_and(|traffic| traffic >= since)
    }

    /// Whether it may take over.
    pub(super) fn is_ready(&self) -> bool {
        self.validated.is_some() && !self.dead
    }

    fn validate(&mut self, now: Instant) -> bool {
        let valid = self.answered && self.responded.is_some() && self.validated.is_none();
        if valid {
            self.validated = Some(now);
        }
        valid
    }
}
