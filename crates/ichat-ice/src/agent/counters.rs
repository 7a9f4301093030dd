//! What an agent saw and dropped.

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
}

impl Counters {
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
