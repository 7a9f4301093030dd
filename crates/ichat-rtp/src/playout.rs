//! The play-out buffer: packets in, in any order and at any pace; one frame out an interval.

mod line;
mod margin;
mod stream;

use std::time::{Duration, Instant};

use crate::clock;
use stream::{Limits, Next, Stream};

/// Longest delay that is taken.
const MAX_DELAY: Duration = Duration::from_secs(10);
/// Fastest clock that is taken.
const MAX_CLOCK_RATE_HZ: u32 = 192_000;
/// Longest interval that is taken, in samples.
const MAX_INTERVAL: u32 = MAX_CLOCK_RATE_HZ;
/// How far ahead of play-out, beyond the delay, sound is kept.
const HEADROOM: Duration = Duration::from_millis(400);
/// What a gap inside a frame is filled with: silence in PCMU, the largest code (ITU-T G.711).
const PCMU_SILENCE: u8 = 0xff;

/// A buffer with a fixed delay, for codecs with one octet a sample: PCMU and PCMA.
///
/// Packets are laid on a line of samples by their timestamps, so their size does not matter: what
/// comes as 10, 30 or 40 ms leaves as one packet interval a [`pull`](Self::pull). The first packet
/// plays `delay` after it came, all others at their distance from it. When the two clocks drift
/// apart the line is shifted by one interval at a time; when the stream pauses, jumps or comes
/// late for good, it starts over.
///
/// Does no I/O and reads no clock. Holds at most the delay and 400 ms.
#[derive(Debug)]
pub struct PlayoutBuffer {
    limits: Limits,
    silence: u8,
    /// None before the first packet and while the stream pauses.
    stream: Option<Stream>,
    /// A packet far from the stream; the next one tells whether it goes on there.
    stray: Option<Stray>,
    statistics: PlayoutStatistics,
    /// Samples for which sound was missing.
    concealed: u64,
}

#[derive(Debug)]
struct Stray {
    at: Instant,
    timestamp: u32,
    payload: Vec<u8>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It will be played; of one that is partly late, the rest.
    Queued,
    /// Its time has passed: dropped.
    Late,
    /// All of it was there already: dropped.
    Duplicate,
    /// It has no payload: nothing to play.
    Empty,
    /// It is far from the rest: kept, and played if the next packet follows on it.
    Held,
    /// More came than is kept: the oldest made room. (A single payload above the limit is dropped.)
    Overflow,
    /// The stream goes on elsewhere: what was queued is dropped and the delay begins anew.
    Restarted,
}

/// What to play for one packet interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// One interval of sound, one octet a sample.
    Frame(Vec<u8>),
    /// The interval was lost or is late: conceal it.
    Missing,
    /// Nothing has come yet, or the stream has paused: silence.
    Idle,
}

/// What a play-out buffer has counted. Counts start at 0 and only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlayoutStatistics {
    /// Packets queued, those included that others had to make room for or that started over.
    pub queued: u64,
    /// Frames played, the partly filled ones included.
    pub played: u64,
    /// Packets dropped because their time had passed.
    pub late: u64,
    /// Packets dropped because they were there already.
    pub duplicates: u64,
    /// Packets without a payload.
    pub empty: u64,
    /// Intervals without sound while the stream ran.
    pub missing: u64,
    /// Frames with a gap inside, filled with silence.
    pub partial: u64,
    /// How often more came than is kept.
    pub overflow: u64,
    /// How often the stream went on elsewhere.
    pub restarts: u64,
    /// Intervals put in because the stream had become slow; also counted as missing.
    pub stretched: u64,
    /// Intervals left out because the stream had become fast.
    pub skipped: u64,
    /// How long sound was missing: missing intervals and filled gaps.
    pub concealed: Duration,
}

impl PlayoutBuffer {
    /// An empty buffer. `delay` is 60 ms for a call, and 10 s at most; `samples_per_packet` is what
    /// one pull yields, 160 for 20 ms at 8000 Hz. Both numbers are brought within 1 to 192000.
    ///
    /// Gaps inside a frame are filled with PCMU's silence; see [`with_silence`](Self::with_silence).
    pub fn new(delay: Duration, clock_rate_hz: u32, samples_per_packet: u32) -> Self {
        let clock_rate_hz = clock_rate_hz.clamp(1, MAX_CLOCK_RATE_HZ);
        let delay = delay.min(MAX_DELAY);
        let samples = |duration| saturating(clock::samples(duration, clock_rate_hz));
        let interval = saturating(u64::from(samples_per_packet.clamp(1, MAX_INTERVAL)));
        let limits = Limits {
            clock_rate_hz,
            delay: samples(delay),
            capacity: samples(delay + HEADROOM).max(interval),
            interval,
        };
        Self {
            limits,
            silence: PCMU_SILENCE,
            stream: None,
            stray: None,
            statistics: PlayoutStatistics::default(),
            concealed: 0,
        }
    }

    /// The octet that is silence in another codec: `0xd5` in PCMA (ITU-T G.711).
    #[must_use]
    pub fn with_silence(mut self, octet: u8) -> Self {
        self.silence = octet;
        self
    }

    /// Takes the payload of a packet that has just come. `timestamp` may wrap.
    pub fn insert(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Inserted {
        if payload.is_empty() {
            self.statistics.empty += 1;
            return Inserted::Empty;
        }
        if payload.len() > self.limits.capacity {
            self.statistics.overflow += 1;
            return Inserted::Overflow;
        }
        let inserted = self.place(now, timestamp, payload);
        self.count(inserted);
        inserted
    }

    /// The next interval, to be called once each.
    ///
    /// A caller that fell behind may pull for each interval it missed, or leave them out; the
    /// buffer finds its delay again either way.
    pub fn pull(&mut self, now: Instant) -> Pulled {
        let Some(stream) = &mut self.stream else {
            return Pulled::Idle;
        };
        let interval = self.limits.interval as u64;
        match stream.pull(now, &self.limits, self.silence) {
            Next::NotYet => Pulled::Idle,
            Next::Paused => {
                self.stream = None;
                Pulled::Idle
            }
            Next::Stretch => {
                self.statistics.stretched += 1;
                self.statistics.missing += 1;
                self.concealed += interval;
                Pulled::Missing
            }
            Next::Frame {
                octets,
                gap,
                skipped,
            } => {
                self.statistics.skipped += skipped as u64;
                self.concealed += gap as u64;
                if gap == octets.len() {
                    self.statistics.missing += 1;
                    return Pulled::Missing;
                }
                self.statistics.played += 1;
                self.statistics.partial += u64::from(gap > 0);
                Pulled::Frame(octets)
            }
        }
    }

    /// How much lies between what plays next and the newest sound.
    pub fn depth(&self) -> Duration {
        let samples = self.stream.as_ref().map_or(0, Stream::len);
        self.limits.duration(samples)
    }

    /// Everything counted so far.
    pub fn statistics(&self) -> PlayoutStatistics {
        let concealed = clock::duration(self.concealed, self.limits.clock_rate_hz);
        PlayoutStatistics {
            concealed,
            ..self.statistics
        }
    }

    fn place(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Inserted {
        let Some(stream) = &mut self.stream else {
            self.start_over(now, timestamp, payload);
            return Inserted::Queued;
        };
        if !stream.is_near(timestamp, &self.limits) {
            return self.place_stray(now, timestamp, payload);
        }
        self.stray = None;
        stream.insert(now, timestamp, payload, &self.limits)
    }

    /// One packet far away may be anything; two close to each other are the stream.
    fn place_stray(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Inserted {
        if let Some(stray) = self.stray.take() {
            let apart = timestamp
                .wrapping_sub(stray.timestamp)
                .cast_signed()
                .unsigned_abs();
            if apart != 0 && saturating(u64::from(apart)) <= self.limits.capacity {
                tracing::debug!(from = stray.timestamp, "stream goes on elsewhere");
                self.start_over(stray.at, stray.timestamp, &stray.payload);
                self.statistics.queued += 1;
                if let Some(stream) = &mut self.stream {
                    stream.insert(now, timestamp, payload, &self.limits);
                }
                return Inserted::Restarted;
            }
        }
        self.stray = Some(Stray {
            at: now,
            timestamp,
            payload: payload.to_vec(),
        });
        Inserted::Held
    }

    /// This packet plays a delay after it came, and the others at their distance from it.
    fn start_over(&mut self, at: Instant, timestamp: u32, payload: &[u8]) {
        self.stray = None;
        self.stream = Some(Stream::new(at, timestamp, payload, &self.limits));
    }

    fn count(&mut self, inserted: Inserted) {
        let statistics = &mut self.statistics;
        match inserted {
            Inserted::Queued => statistics.queued += 1,
            Inserted::Late => statistics.late += 1,
            Inserted::Duplicate => statistics.duplicates += 1,
            Inserted::Empty | Inserted::Held => {}
            Inserted::Overflow => {
                statistics.overflow += 1;
                statistics.queued += 1;
            }
            Inserted::Restarted => {
                statistics.restarts += 1;
                statistics.queued += 1;
            }
        }
    }
}

/// A number of samples as a length.
fn saturating(samples: u64) -> usize {
    usize::try_from(samples).unwrap_or(usize::MAX)
}
