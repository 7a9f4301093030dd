//! What an agent saw and dropped.

use std::ops::AddAssign;

use super::Refused;

/// Counts of what an agent sent, took and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counters {
    /// Checks that went out, repetitions and those that keep paths open among them.
    pub checks_sent: u64,
    /// Checks of the peer's that were answered.
    pub answered: u64,
    /// Of these, checks that came before the peer's list was known.
    pub answered_early: u64,
    /// Checks over a relay of ours that came so early that they were left to be repeated.
    pub deferred: u64,
    /// Responses to checks of ours.
    pub responses: u64,
    /// Datagrams that are no STUN message.
    pub malformed: u64,
    /// STUN messages that are neither check nor response.
    pub unsupported: u64,
    /// Checks for a candidate that is not ours.
    pub not_for_us: u64,
    /// Responses to nothing that is open: forged, late or repeated.
    pub unknown_transaction: u64,
    /// Responses that did not come from where the check went.
    pub wrong_source: u64,
    /// Checks of ours that the peer refused.
    pub error_responses: u64,
    /// Candidates of the peer's whose address a middlebox had rewritten, restored from the guard.
    pub restored: u64,
    /// Candidates of the peer's that cannot be checked at all: no port, no single host, our own id.
    pub unusable: u64,
    /// Candidates of the peer's beyond what we remember.
    pub too_many_candidates: u64,
    /// Pairs beyond what we check.
    pub too_many_pairs: u64,
    /// Checks and responses over ways beyond what we remember: they prove nothing.
    pub too_many_routes: u64,
    /// Addresses of the peer's, known from its checks alone, that were forgotten for newer ones.
    pub replaced: u64,
    /// Packets, media or signalling, from where no checks went through.
    pub unproven: u64,
}

impl Counters {
    /// STUN datagrams that were dropped. Checks that were [deferred](Self::deferred) are none of them:
    /// they are repeated and answered.
    pub fn refused(&self) -> u64 {
        [
            self.malformed,
            self.unsupported,
            self.not_for_us,
            self.unknown_transaction,
            self.wrong_source,
            self.error_responses,
        ]
        .into_iter()
        .sum()
    }

    pub(super) fn note(&mut self, refused: &Refused) {
        let counter = match refused {
            Refused::Malformed(_) => &mut self.malformed,
            Refused::Unsupported { .. } | Refused::NoCheck => &mut self.unsupported,
            Refused::NotForUs { .. } => &mut self.not_for_us,
            Refused::UnknownTransaction => &mut self.unknown_transaction,
            Refused::WrongSource { .. } => &mut self.wrong_source,
            Refused::ErrorResponse { .. } => &mut self.error_responses,
        };
        *counter += 1;
    }
}

/// Adds those of another agent, for instance of the one before in the same call.
impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        // By name, so that none is forgotten.
        let Self {
            checks_sent,
            answered,
            answered_early,
            deferred,
            responses,
            malformed,
            unsupported,
            not_for_us,
            unknown_transaction,
            wrong_source,
            error_responses,
            restored,
            unusable,
            too_many_candidates,
            too_many_pairs,
            too_many_routes,
            replaced,
            unproven,
        } = other;
        self.checks_sent += checks_sent;
        self.answered += answered;
        self.answered_early += answered_early;
        self.deferred += deferred;
        self.responses += responses;
        self.malformed += malformed;
        self.unsupported += unsupported;
        self.not_for_us += not_for_us;
        self.unknown_transaction += unknown_transaction;
        self.wrong_source += wrong_source;
        self.error_responses += error_responses;
        self.restored += restored;
        self.unusable += unusable;
        self.too_many_candidates += too_many_candidates;
        self.too_many_pairs += too_many_pairs;
        self.too_many_routes += too_many_routes;
        self.replaced += replaced;
        self.unproven += unproven;
    }
}
