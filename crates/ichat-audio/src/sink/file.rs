//! A WAV file, 48 kHz mono.

use std::path::Path;

use crate::FILE_RATE_HZ;
use crate::error::AudioError;
use crate::resample::Resampler;
use crate::sink::Sink;
use crate::wav::WavWriter;

/// A WAV file that takes frames of any rate.
#[derive(Debug)]
pub(super) struct FileSink {
    name: String,
    resampler: Resampler,
    /// Absent after the end or a failure.
    writer: Option<WavWriter>,
    converted: Vec<i16>,
    fault: Option<AudioError>,
}

impl FileSink {
    pub(super) fn create(path: &Path, sample_rate_hz: u32) -> Result<Self, AudioError> {
        // The resampler first: what is refused must not have cost the file its contents.
        let resampler = Resampler::new(sample_rate_hz, FILE_RATE_HZ)?;
        Ok(Self {
            name: path.display().to_string(),
            resampler,
            writer: Some(WavWriter::create(path, FILE_RATE_HZ, 1)?),
            converted: Vec::new(),
            fault: None,
        })
    }
}

impl Sink for FileSink {
    fn write(&mut self, frame: &[i16]) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        self.converted.clear();
        self.resampler.process(frame, &mut self.converted);
        if let Err(error) = writer.write(&self.converted) {
            self.fault = Some(error.into());
            self.writer = None;
        }
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        if let Some(mut writer) = self.writer.take() {
            self.converted.clear();
            self.resampler.flush(&mut self.converted);
            writer.write(&self.converted)?;
            writer.finish()?;
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    fn fault(&mut self) -> Option<AudioError> {
        self.fault.take()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the end of an output is lost");
        }
    }
}
