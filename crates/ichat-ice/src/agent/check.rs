//! One pair under check.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_invitation::CandidateId;

use super::{PairClass, RouteId, Timings};
use crate::scope::Scope;
use crate::stun::TransactionId;

/// Transactions of a pair that are kept: more than a pair has in its 30 s. Only a peer that checks
/// us many times a second could push older ones out.
const MAX_TRANSACTIONS: usize = 64;
/// How often in a row checks of the peer's [hasten](Check::hasten) ours over a pair of the lists.
/// Where each side's NAT maps by port both hear each other's checks and neither hears a response,
/// and would hasten the other for ever.
const MAX_HASTENED: u32 = 4;

/// Which pair it is: ids and addresses both, so that candidates which share one are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CheckKey {
    pub(super) local_id: CandidateId,
    /// The socket that is sent from: a server-reflexive pair is sent from its base, with its own id
    /// (`docs/protocol/connectivity.md`, pairs \[D\]).
    pub(super) base: SocketAddr,
    pub(super) remote_id: CandidateId,
    pub(super) remote: SocketAddr,
}

impl CheckKey {
    /// Whether it leads from a public address to one that is not.
    pub(super) fn is_out_of_reach(&self) -> bool {
        let is_public = |address: SocketAddr| Scope::of(address.ip()) == Scope::Public;
        is_public(self.base) && !is_public(self.remote)
    }
}

/// Where the check of a pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not begun.
    Waiting,
    /// Sent, and repeated until a response comes.
    Running {
        started: Instant,
        sent: Instant,
        interval: Duration,
        /// Repeated then already: a check of the peer's came over the same pair.
        hastened: Option<Instant>,
    },
    /// A response came.
    Proven,
    /// No response within the time for one.
    GivenUp,
}

/// One pair under check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) key: CheckKey,
    pub(super) slot: u32,
    pub(super) class: PairClass,
    /// Whether both lists name its candidates; else only a check of the peer's made it.
    pub(super) is_listed: bool,
    pub(super) progress: Progress,
    /// How often it was hastened since the peer last was silent here.
    hastened: u32,
    /// When the peer last checked over this pair.
    peer_checked: Option<Instant>,
    transactions: VecDeque<(TransactionId, Instant)>,
}

impl Check {
    /// A pair of both lists.
    pub(super) fn listed(key: CheckKey, slot: u32, class: PairClass) -> Self {
        Self {
            is_listed: true,
            class,
            ..Self::made_by_peer(key, slot)
        }
    }

    /// A pair that a check of the peer's made.
    pub(super) fn made_by_peer(key: CheckKey, slot: u32) -> Self {
        Self {
            key,
            slot,
            class: PairClass::Regular,
            is_listed: false,
            progress: Progress::Waiting,
            hastened: 0,
            peer_checked: None,
            transactions: VecDeque::new(),
        }
    }

    /// The same in lists that have grown.
    pub(super) fn relisted(mut self, class: PairClass) -> Self {
        self.class = class;
        self.is_listed = true;
        self
    }

    /// To be begun anew.
    pub(super) fn restart(&mut self) {
        self.progress = Progress::Waiting;
        self.hastened = 0;
    }

    /// The way that it goes.
    pub(super) fn route(&self) -> RouteId {
        RouteId {
            base: self.key.base,
            remote: self.key.remote,
        }
    }

    /// Remembers what was sent. Every transaction stays valid until the pair is given up or the
    /// response to it has come.
    pub(super) fn note_sent(&mut self, now: Instant, transaction: TransactionId) {
        if self.transactions.len() >= MAX_TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back((transaction, now));
    }

    pub(super) fn owns(&self, transaction: &TransactionId) -> bool {
        self.transactions
            .iter()
            .any(|(ours, _)| ours == transaction)
    }

    /// Takes a response: no other will count for the same transaction. When it was sent.
    pub(super) fn take(&mut self, transaction: &TransactionId) -> Option<Instant> {
        let place = self
            .transactions
            .iter()
            .position(|(ours, _)| ours == transaction)?;
        let (_, sent) = self.transactions.remove(place)?;
        self.progress = Progress::Proven;
        Some(sent)
    }

    /// Marks a beginning, or a repetition, that is sent now. One out of turn does not slow down
    /// those that follow. What begins `quick`ly is repeated sooner.
    pub(super) fn advance(&mut self, now: Instant, quick: bool, timings: &Timings) {
        self.progress = match self.progress {
            Progress::Running {
                started,
                sent,
                interval,
                ..
            } => Progress::Running {
                started,
                sent: now,
                interval: if sent + interval <= now {
                    timings.grown(interval)
                } else {
                    interval
                },
                hastened: None,
            },
            Progress::Waiting | Progress::Proven | Progress::GivenUp => Progress::Running {
                started: now,
                sent: now,
                interval: if quick {
                    timings.quick_resend
                } else {
                    timings.first_resend
                },
                hastened: None,
            },
        };
    }

    /// A check of the peer's came over this pair: our NAT lets it in, and its own is open now,
    /// though it may not have been when ours went out. When to send the next one: at once, but a
    /// little after the one before, whose response may be on its way. `None`: not at all.
    pub(super) fn hasten(&mut self, now: Instant, timings: &Timings) -> Option<Instant> {
        let quiet = |at: Instant| now.saturating_duration_since(at) >= timings.give_up;
        if self.peer_checked.replace(now).is_none_or(quiet) {
            self.hastened = 0;
        }
        // What only the peer's checks made went out when its NAT was open already.
        let most = if self.is_listed { MAX_HASTENED } else { 1 };
        if self.hastened >= most {
            return None;
        }
        match &mut self.progress {
            Progress::Waiting | Progress::GivenUp => {
                self.hastened += 1;
                Some(now)
            }
            Progress::Running { sent, hastened, .. } => {
                if hastened.is_none() {
                    self.hastened += 1;
                }
                let at = (*sent + timings.pace).max(now);
                *hastened = Some(at);
                Some(at)
            }
            Progress::Proven => None,
        }
    }

    /// Gives up: late responses count no more.
    pub(super) fn give_up(&mut self) {
        self.progress = Progress::GivenUp;
        self.transactions.clear();
    }

    /// When it was last sent, while it is under way.
    pub(super) fn sent(&self) -> Option<Instant> {
        match self.progress {
            Progress::Running { sent, .. } => Some(sent),
            Progress::Waiting | Progress::Proven | Progress::GivenUp => None,
        }
    }

    /// When it is repeated or given up.
    pub(super) fn due(&self, timings: &Timings) -> Option<Instant> {
        match self.progress {
            Progress::Running {
                started,
                sent,
                interval,
                hastened,
            } => {
                let regular = (sent + interval).min(started + timings.give_up);
                Some(hastened.map_or(regular, |at| at.min(regular)))
            }
            Progress::Waiting | Progress::Proven | Progress::GivenUp => None,
        }
    }

    /// Whether what is sent next begins it, rather than repeats.
    pub(super) fn begins(&self) -> bool {
        match self.progress {
            Progress::Waiting | Progress::Proven | Progress::GivenUp => true,
            Progress::Running { .. } => false,
        }
    }

    /// Whether a check of the peer's has come over it just now.
    pub(super) fn is_asked_for(&self, now: Instant) -> bool {
        self.peer_checked == Some(now)
    }

    /// Whether it may still bring a response.
    pub(super) fn is_open(&self) -> bool {
        match self.progress {
            Progress::Waiting | Progress::Running { .. } => true,
            Progress::Proven | Progress::GivenUp => false,
        }
    }
}
