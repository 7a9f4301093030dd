//! What an agent is told.

use std::time::Duration;

use crate::LocalCandidate;

/// What an [`Agent`](super::Agent) is made from.
#[derive(Debug, Clone, Default)]
pub struct AgentConfig {
    /// Transaction ids follow from it: take it from a cryptographic source.
    pub seed: u64,
    /// Our candidates, as the peer gets them.
    pub local: Vec<LocalCandidate>,
    /// How fast everything goes.
    pub timings: Timings,
    /// Checks go out with a header of RFC 3489, without the cookie, from the first on. Otherwise
    /// they have it until a check of the peer's comes without, and are answered in kind from then on:
    /// what a peer sends, its own kind understands \[I\]. Whether an iChat's checks have the cookie is
    /// unknown (`docs/protocol/unknown.md` \[?\]); either form is always understood.
    pub legacy_stun_header: bool,
}

/// How fast an agent goes.
///
/// `pace`, `first_resend`, `longest_resend` and `give_up` are those of
/// `docs/protocol/connectivity.md`; the others are ours, and all of them \[I\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Between the starts of two pairs: 50 ms \[D\]. The very first does not wait.
    pub pace: Duration,
    /// From a check to its first repetition: 500 ms \[I\]. Each interval is 1.5 times the one before.
    pub first_resend: Duration,
    /// The same for pairs that begin while a call is up and its path is gone or silent, and for those
    /// that the peer begins to check in a call, eight a second (or two that no list names): 50 ms, doubled twice (50, 100, 200),
    /// and from then on as usual. That makes three checks a pair more, 24 a second.
    pub quick_resend: Duration,
    /// The longest interval between repetitions: 2 s \[I\].
    pub longest_resend: Duration,
    /// From a pair's start to giving it up: 30 s \[I\].
    pub give_up: Duration,
    /// From the start of the last regular pair to the first [last
    /// resort](super::PairClass::LastResort): 1 s.
    pub last_resort: Duration,
    /// The same to the first private address through a relay of ours that has a public one: 3 s. Few
    /// relays know a way there, and coturn ends the whole allocation where its machine has none, so
    /// that the other paths over it have to have had their time \[I\].
    pub relay_to_private: Duration,
    /// From both lists known to taking a path over a relay, or answering checks over a relay of
    /// ours, while a direct one might still come:
    /// 1 s, time for one repetition. One that comes later still takes over.
    pub relay_patience: Duration,
    /// From the first response to taking a path whose peer answers and never asks: 5 s.
    pub one_sided: Duration,
    /// Between the checks that keep a path in use, and those in reserve, known and open: 15 s, half
    /// of the shortest time-out of NATs that is met.
    pub keepalive: Duration,
    /// How long such a check stays unanswered, with nothing else heard, before the path is doubted:
    /// 5 s.
    pub consent: Duration,
    /// How long nothing comes, after packets came steadily, before the path is doubted: 160 ms, eight
    /// packets of 20 ms.
    pub silence: Duration,
    /// How long a doubted path has to answer before another that does answer takes over: 150 ms, or
    /// one and a half round trips and 50 ms where that is more, at most [`lost`](Self::lost). With
    /// [`silence`](Self::silence) and a round trip of up to 60 ms neither side misses half a second.
    pub verdict: Duration,
    /// How long a path is doubted before it counts as lost: 30 s.
    pub lost: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(50),
            first_resend: Duration::from_millis(500),
            quick_resend: Duration::from_millis(50),
            longest_resend: Duration::from_secs(2),
            give_up: Duration::from_secs(30),
            last_resort: Duration::from_secs(1),
            relay_to_private: Duration::from_secs(3),
            relay_patience: Duration::from_secs(1),
            one_sided: Duration::from_secs(5),
            keepalive: Duration::from_secs(15),
            consent: Duration::from_secs(5),
            silence: Duration::from_millis(160),
            verdict: Duration::from_millis(150),
            lost: Duration::from_secs(30),
        }
    }
}

impl Timings {
    /// The interval after this one.
    pub(super) fn grown(&self, interval: Duration) -> Duration {
        if interval >= self.first_resend {
            (interval * 3 / 2).min(self.longest_resend)
        } else if interval * 4 < self.first_resend {
            interval * 2
        } else {
            self.first_resend
        }
    }
}
