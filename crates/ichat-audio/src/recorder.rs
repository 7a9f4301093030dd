//! Both sides of a call in one file.

use std::path::Path;

use crate::FILE_RATE_HZ;
use crate::error::AudioError;
use crate::resample::Resampler;
use crate::wav::WavWriter;

/// Records a call: 48 kHz stereo 16 bit, left the local side, right the remote one.
///
/// The file is valid at every moment (see [`WavWriter`]).
#[derive(Debug)]
pub struct Recorder {
    /// Absent after the end or a failure.
    writer: Option<WavWriter>,
    local: Side,
    remote: Side,
    interleaved: Vec<i16>,
    fault: Option<AudioError>,
}

/// One side, on its way to 48 kHz.
#[derive(Debug)]
struct Side {
    resampler: Resampler,
    frame: Vec<i16>,
    converted: Vec<i16>,
}

impl Recorder {
    /// Makes the file, or truncates it, for frames of this rate.
    ///
    /// # Errors
    /// A file that cannot be written, a rate that nothing has.
    pub fn create(path: &Path, sample_rate_hz: u32) -> Result<Self, AudioError> {
        let (local, remote) = (Side::new(sample_rate_hz)?, Side::new(sample_rate_hz)?);
        Ok(Self {
            writer: Some(WavWriter::create(path, FILE_RATE_HZ, 2)?),
            local,
            remote,
            interleaved: Vec::new(),
            fault: None,
        })
    }

    /// Takes what was said and what was heard in the same interval. If one is shorter, silence
    /// follows it.
    pub fn write(&mut self, local: &[i16], remote: &[i16]) {
        if self.writer.is_none() {
            return;
        }
        let length = local.len().max(remote.len());
        self.local.process(local, length);
        self.remote.process(remote, length);
        if let Err(error) = self.interleave() {
            self.fault = Some(error);
            self.writer = None;
        }
    }

    /// Writes what is left. Writing afterwards does nothing.
    ///
    /// # Errors
    /// What went wrong and was not asked for by [`fault`](Self::fault) yet.
    pub fn finish(&mut self) -> Result<(), AudioError> {
        if self.writer.is_some() {
            self.local.flush();
            self.remote.flush();
            self.interleave()?;
        }
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    /// What went wrong since the last call of this method. Nothing is recorded from then on.
    pub fn fault(&mut self) -> Option<AudioError> {
        self.fault.take()
    }

    fn interleave(&mut self) -> Result<(), AudioError> {
        let pairs = self.local.converted.len().min(self.remote.converted.len());
        let (left, right) = (
            self.local.converted.drain(..pairs),
            self.remote.converted.drain(..pairs),
        );
        self.interleaved.clear();
        self.interleaved
            .extend(left.zip(right).flat_map(|(left, right)| [left, right]));
        if let Some(writer) = &mut self.writer {
            writer.write(&self.interleaved)?;
        }
        Ok(())
    }
}

impl Side {
    fn new(sample_rate_hz: u32) -> Result<Self, AudioError> {
        let resampler = Resampler::new(sample_rate_hz, FILE_RATE_HZ)?;
        Ok(Self {
            resampler,
            frame: Vec::new(),
            converted: Vec::new(),
        })
    }

    fn process(&mut self, frame: &[i16], length: usize) {
        self.frame.clear();
        self.frame.extend_from_slice(frame);
        self.frame.resize(length, 0);
        self.resampler.process(&self.frame, &mut self.converted);
    }

    fn flush(&mut self) {
        self.resampler.flush(&mut self.converted);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the end of a recording is lost");
        }
    }
}
