//! A loudspeaker as a sink.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cpal::traits::DeviceTrait;
use cpal::{FromSample, SizedSample, StreamConfig};
use rtrb::{Consumer, Producer, RingBuffer};

use super::drift::Gate;
use super::faults::Faults;
use super::stream::{StreamThread, build_first, with_sample_type};
use super::{Kind, convert};
use crate::Glitches;
use crate::error::{AudioError, DeviceError};
use crate::resample::Resampler;
use crate::sink::Sink;

/// Without a callback for so many seconds of frames, a loudspeaker is out of order.
const STALL_SECONDS: u64 = 3;

/// A loudspeaker that takes frames of the call's rate. It runs from the opening on, with silence:
/// some take more than a second to begin, and that second is better spent ringing.
pub(crate) struct Loudspeaker {
    name: String,
    /// Absent once the call is over.
    stream: Option<StreamThread>,
    ring: Producer<i16>,
    shared: Arc<Shared>,
    resampler: Resampler,
    converted: Vec<i16>,
    /// Samples of the call since the last look at the ring.
    since_look: u64,
    /// Samples that found no room in the ring.
    dropped: u64,
    callbacks_seen: u64,
    silent_seconds: u64,
    /// Whether a stop, or an error of the stream, was reported.
    has_failed: bool,
    fault: Option<DeviceError>,
}

/// What the callback tells us, without waiting.
#[derive(Debug)]
struct Shared {
    /// The resampling ratio that it wants, in relation to the nominal one: the bits of an `f64`.
    correction: AtomicU64,
    underruns: AtomicU64,
    discarded: AtomicU64,
    callbacks: Arc<AtomicU64>,
}

impl Loudspeaker {
    /// Opens the default loudspeaker, or the one with this name.
    pub(crate) fn open(name: Option<&str>, sample_rate_hz: u32) -> Result<Self, AudioError> {
        let wanted = name.map(str::to_owned);
        let label = name.unwrap_or("default");
        let (stream, opened) = StreamThread::open(Kind::Loudspeaker, label, move |faults| {
            build_first(
                Kind::Loudspeaker,
                wanted.as_deref(),
                |device, format, config| with_sample_type!(format, build, device, config, faults),
            )
        })?;
        let (ring, shared) = opened.rest;
        stream.play();
        Ok(Self {
            resampler: Resampler::adjustable(sample_rate_hz, opened.rate_hz)?,
            name: opened.name,
            stream: Some(stream),
            ring,
            shared,
            converted: Vec::new(),
            since_look: 0,
            dropped: 0,
            callbacks_seen: 0,
            silent_seconds: 0,
            has_failed: false,
            fault: None,
        })
    }

    /// Once a second: holds the two clocks together, and notices a device that has stopped.
    fn look(&mut self) {
        let callbacks = self.shared.callbacks.load(Ordering::Relaxed);
        if callbacks == self.callbacks_seen {
            self.silent_seconds += 1;
            if !self.has_failed && self.silent_seconds >= STALL_SECONDS {
                self.has_failed = true;
                self.fault = Some(DeviceError::Stalled {
                    kind: Kind::Loudspeaker.word(),
                    name: self.name.clone(),
                    seconds: STALL_SECONDS,
                });
            }
            return;
        }
        self.callbacks_seen = callbacks;
        self.silent_seconds = 0;
        self.resampler.correct(f64::from_bits(
            self.shared.correction.load(Ordering::Relaxed),
        ));
    }
}

impl Sink for Loudspeaker {
    fn write(&mut self, frame: &[i16]) {
        if self.stream.is_none() {
            return;
        }
        self.since_look += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        if self.since_look >= u64::from(self.resampler.from_hz()) {
            self.since_look = 0;
            self.look();
        }
        self.converted.clear();
        self.resampler.process(frame, &mut self.converted);
        let (_, left_over) = self.ring.push_partial_slice(&self.converted);
        self.dropped += u64::try_from(left_over.len()).unwrap_or(u64::MAX);
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        let late = self.fault();
        self.stream = None;
        late.map_or(Ok(()), Err)
    }

    fn fault(&mut self) -> Option<AudioError> {
        let of_stream = self.stream.as_ref().and_then(StreamThread::fault);
        self.has_failed |= of_stream.is_some();
        of_stream
            .or_else(|| self.fault.take())
            .map(AudioError::Device)
    }

    fn glitches(&self) -> Glitches {
        Glitches {
            underruns: self.shared.underruns.load(Ordering::Relaxed),
            dropped_samples: self.dropped + self.shared.discarded.load(Ordering::Relaxed),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Loudspeaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loudspeaker")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The stream, the writer's end of its ring, and what the callback tells.
type Built = (cpal::Stream, (Producer<i16>, Arc<Shared>));

fn build<T>(
    device: &cpal::Device,
    config: StreamConfig,
    faults: &Faults,
) -> Result<Built, cpal::Error>
where
    T: SizedSample + FromSample<i16>,
{
    // A second of samples: far more than ever waits.
    let capacity = usize::try_from(config.sample_rate).unwrap_or(48_000);
    let (producer, mut consumer): (_, Consumer<i16>) = RingBuffer::new(capacity);
    let mut gate = Gate::new(config.sample_rate);
    let shared = Arc::new(Shared {
        correction: AtomicU64::new(1f64.to_bits()),
        underruns: AtomicU64::new(0),
        discarded: AtomicU64::new(0),
        callbacks: faults.callbacks(),
    });
    let (channels, told) = (usize::from(config.channels), Arc::clone(&shared));
    let (mut faults, callbacks) = (faults.clone(), faults.callbacks());
    let stream = device.build_output_stream(
        config,
        move |data: &mut [T], _| {
            let needed = data.len() / channels.max(1);
            let step = gate.step(consumer.slots(), needed);
            if let Ok(chunk) = consumer.read_chunk(step.discard) {
                chunk.commit_all();
            }
            convert::pull(data, channels, &mut consumer, step.take);
            if let Some(correction) = step.correction {
                told.correction
                    .store(correction.to_bits(), Ordering::Relaxed);
            }
            told.underruns.store(gate.underruns(), Ordering::Relaxed);
            told.discarded.store(gate.discarded(), Ordering::Relaxed);
            callbacks.fetch_add(1, Ordering::Relaxed);
        },
        move |error| faults.report(error),
        None,
    )?;
    Ok((stream, (producer, shared)))
}
