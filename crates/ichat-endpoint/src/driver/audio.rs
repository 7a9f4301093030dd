//! The sound of one call: where frames come from and go to.

use std::path::{Path, PathBuf};

use ichat_audio::{
    AudioError, Recorder, Sink, SinkSpec, Source, SourceOptions, open_sink, open_source,
};

use super::config::EndpointConfig;
use crate::call::Call;

/// The sample rate at which frames are made and played: that of G.711.
pub(super) const SAMPLE_RATE_HZ: u32 = 8000;

/// Samples in a frame of 20 ms at [`SAMPLE_RATE_HZ`].
const FRAME_SAMPLES: usize = 160;

/// Open files and devices.
pub(super) struct Audio {
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    recorder: Option<Recorder>,
    frame: Vec<i16>,
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audio").finish_non_exhaustive()
    }
}

impl Audio {
    /// Opens what the configuration names. `take` is 1 for the first call of a run; later ones
    /// get files of their own, so that no recording is overwritten.
    pub(super) fn open(config: &EndpointConfig, take: u32) -> Result<Self, AudioError> {
        let options = SourceOptions {
            sample_rate_hz: SAMPLE_RATE_HZ,
            looped: config.looped,
        };
        let source = open_source(&config.input, options)?;
        let output = match &config.output {
            SinkSpec::File(path) => SinkSpec::File(numbered(path, take)),
            other @ (SinkSpec::Speaker(_) | SinkSpec::Null) => other.clone(),
        };
        let sink = open_sink(&output, SAMPLE_RATE_HZ)?;
        let recorder = match &config.record {
            Some(path) => Some(Recorder::create(&numbered(path, take), SAMPLE_RATE_HZ)?),
            None => None,
        };
        Ok(Self {
            source,
            sink,
            recorder,
            frame: vec![0; FRAME_SAMPLES],
        })
    }

    /// The call is connected: files begin.
    pub(super) fn start(&mut self) {
        self.source.start();
    }

    /// One packet interval: a frame to the peer (silence when `muted`), a frame from it.
    pub(super) fn exchange(&mut self, now: std::time::Instant, call: &mut Call, muted: bool) {
        self.source.read(&mut self.frame);
        if muted {
            self.frame.fill(0);
        }
        call.send_frame(now, &self.frame);
        let Some(played) = call.play_frame(now) else {
            return;
        };
        self.sink.write(played);
        if let Some(recorder) = &mut self.recorder {
            recorder.write(&self.frame, played);
        }
    }

    /// What gave out since the last question: a device that is gone, a full disk.
    pub(super) fn faults(&mut self) -> Vec<AudioError> {
        let recorder = self.recorder.as_mut().and_then(Recorder::fault);
        [self.source.fault(), self.sink.fault(), recorder]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Completes the files.
    pub(super) fn finish(mut self) -> Result<(), AudioError> {
        let sink = self.sink.finish();
        if let Some(mut recorder) = self.recorder {
            recorder.finish()?;
        }
        sink
    }
}

/// `call.wav` for the first take, `call-2.wav` for the second.
fn numbered(path: &Path, take: u32) -> PathBuf {
    if take <= 1 {
        return path.to_path_buf();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{take}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{take}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_calls_get_files_of_their_own() {
        let path = Path::new("/tmp/a/call.wav");
        assert_eq!(numbered(path, 1), path);
        assert_eq!(numbered(path, 2), Path::new("/tmp/a/call-2.wav"));
        assert_eq!(numbered(Path::new("call"), 3), Path::new("call-3"));
    }
}
