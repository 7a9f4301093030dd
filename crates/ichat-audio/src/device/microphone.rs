//! A microphone as a source.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cpal::traits::DeviceTrait;
use cpal::{FromSample, SizedSample, StreamConfig};
use rtrb::{Consumer, RingBuffer};

use super::drift::Gate;
use super::faults::Faults;
use super::stream::{StreamThread, build_first, with_sample_type};
use super::{Kind, convert};
use crate::Glitches;
use crate::error::{AudioError, DeviceError};
use crate::resample::Resampler;
use crate::source::Source;

/// Without a sample for so long, a microphone that was started is out of order.
const STALL_SECONDS: u64 = 3;

/// A microphone at the call's rate, silent until it is started.
pub(crate) struct Microphone {
    name: String,
    stream: StreamThread,
    ring: Consumer<i16>,
    lost: Arc<AtomicU64>,
    resampler: Resampler,
    gate: Gate,
    /// Converted samples that wait for their frame.
    ready: Vec<i16>,
    is_started: bool,
    /// Samples of the call without any from the device.
    starved: u64,
    /// Whether that, or an error of the stream, was reported.
    has_failed: bool,
    fault: Option<DeviceError>,
}

impl Microphone {
    /// Opens the default microphone, or the one with this name.
    pub(crate) fn open(name: Option<&str>, sample_rate_hz: u32) -> Result<Self, AudioError> {
        let wanted = name.map(str::to_owned);
        let label = name.unwrap_or("default");
        let (stream, opened) = StreamThread::open(Kind::Microphone, label, move |faults| {
            build_first(
                Kind::Microphone,
                wanted.as_deref(),
                |device, format, config| with_sample_type!(format, build, device, config, faults),
            )
        })?;
        let (ring, lost) = opened.rest;
        Ok(Self {
            resampler: Resampler::adjustable(opened.rate_hz, sample_rate_hz)?,
            name: opened.name,
            stream,
            ring,
            lost,
            gate: Gate::new(opened.rate_hz),
            ready: Vec::new(),
            is_started: false,
            starved: 0,
            has_failed: false,
            fault: None,
        })
    }

    /// Samples of the device that make so many of the call, rounded up to a whole block.
    fn needed(&self, samples: usize) -> usize {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        let of_device = samples.saturating_mul(self.resampler.from_hz().into())
            / u64::from(self.resampler.to_hz());
        usize::try_from(of_device)
            .unwrap_or(usize::MAX)
            .saturating_add(self.resampler.wanted())
    }

    /// Throws away some samples of the device, and converts some more.
    fn advance(&mut self, discard: usize, take: usize) {
        if let Ok(chunk) = self.ring.read_chunk(discard) {
            chunk.commit_all();
        }
        if let Ok(chunk) = self.ring.read_chunk(take) {
            let (first, second) = chunk.as_slices();
            self.resampler.process(first, &mut self.ready);
            self.resampler.process(second, &mut self.ready);
            chunk.commit_all();
        }
    }

    /// Notices a device that gives nothing any more.
    fn watch(&mut self, available: usize, asked: usize) {
        if available > 0 {
            self.starved = 0;
            return;
        }
        self.starved += u64::try_from(asked).unwrap_or(u64::MAX);
        if !self.has_failed && self.starved >= STALL_SECONDS * u64::from(self.resampler.to_hz()) {
            self.has_failed = true;
            self.fault = Some(DeviceError::Stalled {
                kind: Kind::Microphone.word(),
                name: self.name.clone(),
                seconds: STALL_SECONDS,
            });
        }
    }
}

impl Source for Microphone {
    fn read(&mut self, frame: &mut [i16]) {
        frame.fill(0);
        if !self.is_started {
            return;
        }
        let available = self.ring.slots();
        self.watch(available, frame.len());
        let needed = self.needed(frame.len().saturating_sub(self.ready.len()));
        let step = self.gate.step(available, needed);
        self.advance(step.discard, step.take);
        if let Some(relative) = step.correction {
            self.resampler.correct(relative);
        }
        let count = frame.len().min(self.ready.len());
        for (sample, ready) in frame.iter_mut().zip(self.ready.drain(..count)) {
            *sample = ready;
        }
    }

    fn start(&mut self) {
        if !self.is_started {
            self.is_started = true;
            self.stream.play();
        }
    }

    fn fault(&mut self) -> Option<AudioError> {
        let of_stream = self.stream.fault();
        self.has_failed |= of_stream.is_some();
        of_stream
            .or_else(|| self.fault.take())
            .map(AudioError::Device)
    }

    fn glitches(&self) -> Glitches {
        Glitches {
            underruns: self.gate.underruns(),
            dropped_samples: self.gate.discarded() + self.lost.load(Ordering::Relaxed),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Microphone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Microphone")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The stream, the reader's end of its ring, and how many samples found no room in it.
type Built = (cpal::Stream, (Consumer<i16>, Arc<AtomicU64>));

fn build<T>(
    device: &cpal::Device,
    config: StreamConfig,
    faults: &Faults,
) -> Result<Built, cpal::Error>
where
    T: SizedSample,
    i16: FromSample<T>,
{
    // A second of samples: far more than ever waits.
    let capacity = usize::try_from(config.sample_rate).unwrap_or(48_000);
    let (mut producer, consumer) = RingBuffer::new(capacity);
    let lost = Arc::new(AtomicU64::new(0));
    let (channels, counter) = (usize::from(config.channels), Arc::clone(&lost));
    let (mut faults, callbacks) = (faults.clone(), faults.callbacks());
    let stream = device.build_input_stream(
        config,
        move |data: &[T], _| {
            callbacks.fetch_add(1, Ordering::Relaxed);
            let lost = convert::push(data, channels, &mut producer);
            if lost > 0 {
                counter.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        },
        move |error| faults.report(error),
        None,
    )?;
    Ok((stream, (consumer, lost)))
}
