//! A WAV file that plays once, or over and over.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{AudioError, FileError};
use crate::resample::Resampler;
use crate::source::{Source, SourceOptions};
use crate::wav::WavReader;

/// Samples that are taken from the file at once.
const READ_FRAMES: usize = 1_024;

/// A WAV file at the call's rate.
#[derive(Debug)]
pub(super) struct FileSource {
    path: PathBuf,
    name: String,
    reader: WavReader<File>,
    resampler: Resampler,
    looped: bool,
    state: State,
    /// Converted samples that wait for their frame.
    ready: VecDeque<i16>,
    read: Vec<i16>,
    converted: Vec<i16>,
    fault: Option<AudioError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The call is not connected.
    Waiting,
    Playing,
    /// All of the file is in `ready`.
    Draining,
    Finished,
}

impl FileSource {
    pub(super) fn open(path: &Path, options: SourceOptions) -> Result<Self, AudioError> {
        let reader = WavReader::open(path)?;
        let resampler = Resampler::new(reader.format().sample_rate_hz, options.sample_rate_hz)?;
        Ok(Self {
            path: path.to_owned(),
            name: path.display().to_string(),
            reader,
            resampler,
            looped: options.looped,
            state: State::Waiting,
            ready: VecDeque::new(),
            read: Vec::new(),
            converted: Vec::new(),
            fault: None,
        })
    }

    /// Takes the next piece of the file to `ready`; false at its end.
    fn refill(&mut self) -> bool {
        self.read.clear();
        self.converted.clear();
        let count = match self.reader.read_mono(READ_FRAMES, &mut self.read) {
            Ok(count) => count,
            Err(source) => return self.fail(source),
        };
        if count > 0 {
            self.resampler.process(&self.read, &mut self.converted);
        } else if self.looped && self.reader.frames() > 0 {
            if let Err(source) = self.reader.rewind() {
                return self.fail(source);
            }
        } else {
            self.resampler.flush(&mut self.converted);
            self.state = State::Draining;
        }
        self.ready.extend(&self.converted);
        self.state == State::Playing
    }

    fn fail(&mut self, source: std::io::Error) -> bool {
        self.fault = Some(
            FileError::Read {
                path: self.path.clone(),
                source,
            }
            .into(),
        );
        self.state = State::Draining;
        false
    }
}

impl Source for FileSource {
    fn read(&mut self, frame: &mut [i16]) {
        frame.fill(0);
        if self.state == State::Waiting {
            return;
        }
        while self.state == State::Playing && self.ready.len() < frame.len() {
            if !self.refill() {
                break;
            }
        }
        let count = frame.len().min(self.ready.len());
        for (sample, ready) in frame.iter_mut().zip(self.ready.drain(..count)) {
            *sample = ready;
        }
        if self.state == State::Draining && self.ready.is_empty() {
            self.state = State::Finished;
        }
    }

    fn start(&mut self) {
        if self.state == State::Waiting {
            self.state = State::Playing;
        }
    }

    fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    fn fault(&mut self) -> Option<AudioError> {
        self.fault.take()
    }

    fn name(&self) -> &str {
        &self.name
    }
}
