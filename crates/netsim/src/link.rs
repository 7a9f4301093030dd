//! How a host or a router is connected: loss, delay, jitter, reordering, duplicates, rate, MTU.

use std::time::{Duration, Instant};

use crate::random::Random;
use crate::statistics::Dropped;

/// Longest queue before a link of limited rate, unless told otherwise.
const DEFAULT_QUEUE: Duration = Duration::from_millis(200);
const MICROSECONDS: u64 = 1_000_000;

/// Both directions of a connection to a subnet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// From the host or router into the subnet.
    pub up: Link,
    /// From the subnet to the host or router.
    pub down: Link,
}

impl Access {
    /// The same in both directions.
    pub fn symmetric(link: Link) -> Self {
        Self {
            up: link.clone(),
            down: link,
        }
    }
}

/// One direction of a connection. The default is ideal: nothing is lost, nothing takes time.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The least time that a datagram takes.
    pub delay: Duration,
    /// What is added to it at most, evenly distributed. Jitter alone does not reorder: whoever
    /// would overtake arrives at the same time as the one before.
    pub jitter: Duration,
    /// What is lost.
    pub loss: Loss,
    /// The share of datagrams, 0 to 1, that others may overtake.
    pub reordered: f64,
    /// By how much those come later.
    pub reordered_by: Duration,
    /// The share of datagrams, 0 to 1, that arrive twice.
    pub duplicated: f64,
    /// Bits a second, headers of IP and UDP included; none for no limit.
    pub rate: Option<u64>,
    /// How long a datagram waits at most where the rate is limited; what would wait longer is
    /// dropped. 200 ms by default.
    pub queue: Duration,
    /// Largest size in octets, headers of IP and UDP included; none for no limit. Nothing is
    /// fragmented.
    pub mtu: Option<usize>,
}

impl Link {
    /// A link that takes its time and is perfect otherwise.
    pub fn with_delay(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// A link that loses a share of all datagrams and is perfect otherwise.
    pub fn with_loss(share: f64) -> Self {
        Self {
            loss: Loss::Independent(share),
            ..Self::default()
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            reordered: 0.0,
            reordered_by: Duration::ZERO,
            duplicated: 0.0,
            rate: None,
            queue: DEFAULT_QUEUE,
            mtu: None,
        }
    }
}

/// What a link loses. All numbers are shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// Nothing.
    #[default]
    None,
    /// Each datagram with the same chance, whatever became of the others.
    Independent(f64),
    /// Bursts, after Gilbert (1960) and Elliott (1963): the link is good or bad, and may change
    /// before each datagram.
    GilbertElliott {
        /// The chance that a good link turns bad.
        to_bad: f64,
        /// The chance that a bad link turns good; a burst lasts 1 ÷ this many datagrams.
        to_good: f64,
        /// What is lost while good, often 0.
        loss_in_good: f64,
        /// What is lost while bad, often 1.
        loss_in_bad: f64,
    },
}

impl Loss {
    /// The share that is lost in the long run.
    pub fn average(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Independent(share) => share,
            Self::GilbertElliott {
                to_bad,
                to_good,
                loss_in_good,
                loss_in_bad,
            } => {
                let turns = to_bad + to_good;
                let bad = if turns > 0.0 { to_bad / turns } else { 0.0 };
                (1.0 - bad) * loss_in_good + bad * loss_in_bad
            }
        }
    }
}

/// One direction of a connection in use.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) link: Link,
    random: Random,
    /// Whether a link with bursts is in one.
    bad: bool,
    /// When the last datagram will have left, where the rate is limited.
    free_at: Option<Instant>,
    /// When the last datagram that keeps its place arrives.
    last_arrival: Option<Instant>,
}

/// When a datagram arrives, and its copy if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) arrival: Instant,
    pub(crate) copy: Option<Instant>,
}

impl Lane {
    pub(crate) fn new(link: Link, random: Random) -> Self {
        Self {
            link,
            random,
            bad: false,
            free_at: None,
            last_arrival: None,
        }
    }

    /// Sends `size` octets across, or tells why they do not arrive.
    pub(crate) fn cross(&mut self, now: Instant, size: usize) -> Result<Crossing, Dropped> {
        if self.link.mtu.is_some_and(|mtu| size > mtu) {
            return Err(Dropped::TooBig);
        }
        let departure = self.depart(now, size)?;
        if self.loses() {
            return Err(Dropped::Lost);
        }
        let arrival = self.arrive(departure);
        let copy = self
            .random
            .chance(self.link.duplicated)
            .then(|| self.arrive(departure));
        Ok(Crossing { arrival, copy })
    }

    /// When the last bit leaves.
    fn depart(&mut self, now: Instant, size: usize) -> Result<Instant, Dropped> {
        let Some(rate) = self.link.rate else {
            return Ok(now);
        };
        let begin = self.free_at.map_or(now, |free_at| free_at.max(now));
        if begin.duration_since(now) > self.link.queue {
            return Err(Dropped::QueueFull);
        }
        let bits = u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(8);
        let departure =
            begin + Duration::from_micros(bits.saturating_mul(MICROSECONDS) / rate.max(1));
        self.free_at = Some(departure);
        Ok(departure)
    }

    fn loses(&mut self) -> bool {
        match self.link.loss {
            Loss::None => false,
            Loss::Independent(share) => self.random.chance(share),
            Loss::GilbertElliott {
                to_bad,
                to_good,
                loss_in_good,
                loss_in_bad,
            } => {
                let turns = self.random.chance(if self.bad { to_good } else { to_bad });
                self.bad ^= turns;
                self.random
                    .chance(if self.bad { loss_in_bad } else { loss_in_good })
            }
        }
    }

    fn arrive(&mut self, departure: Instant) -> Instant {
        let mut arrival = departure + self.link.delay;
        if !self.link.jitter.is_zero() {
            arrival += self.link.jitter.mul_f64(self.random.unit());
        }
        if self.random.chance(self.link.reordered) {
            return arrival + self.link.reordered_by;
        }
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        arrival
    }
}
