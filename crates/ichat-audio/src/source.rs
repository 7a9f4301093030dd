//! Where a call's sound comes from.

mod file;
mod tone;

use crate::Glitches;
use crate::error::AudioError;
use crate::spec::SourceSpec;

/// Gives the call's sound, frame by frame, at the rate that it was opened with.
pub trait Source: Send {
    /// Fills the whole frame, with silence where there is nothing to give.
    ///
    /// To be called once a frame interval. Never waits for a device.
    fn read(&mut self, frame: &mut [i16]);

    /// The call is connected: a file starts to play here, a microphone to listen. Before, both
    /// give silence.
    fn start(&mut self) {}

    /// Whether all that there was has been read; only a file that is not looped ever ends.
    fn is_finished(&self) -> bool {
        false
    }

    /// What went wrong since the last call of this method. The source gives silence while it
    /// lasts, for most errors for ever.
    fn fault(&mut self) -> Option<AudioError> {
        None
    }

    /// Samples lost and made up since the opening.
    fn glitches(&self) -> Glitches {
        Glitches::default()
    }

    /// What to call this source in messages: a path, a device's name, `tone:440`, `silence`.
    fn name(&self) -> &str;
}

/// How a source is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceOptions {
    /// Rate of the frames that are read, in hertz: the codec's.
    pub sample_rate_hz: u32,
    /// Whether a file starts over at its end.
    pub looped: bool,
}

/// Opens a source; nothing sounds before [`Source::start`].
///
/// # Errors
/// A file that is missing or no WAV file, a device that is missing or refuses, a tone that the
/// rate cannot carry.
pub fn open_source(
    spec: &SourceSpec,
    options: SourceOptions,
) -> Result<Box<dyn Source>, AudioError> {
    match spec {
        SourceSpec::Mic(name) => microphone(name.as_deref(), options.sample_rate_hz),
        SourceSpec::File(path) => Ok(Box::new(file::FileSource::open(path, options)?)),
        SourceSpec::Tone(hz) => Ok(Box::new(tone::Tone::new(*hz, options.sample_rate_hz)?)),
        SourceSpec::Silence => Ok(Box::new(Silence)),
    }
}

#[cfg(feature = "device")]
fn microphone(name: Option<&str>, sample_rate_hz: u32) -> Result<Box<dyn Source>, AudioError> {
    Ok(Box::new(crate::device::Microphone::open(
        name,
        sample_rate_hz,
    )?))
}

#[cfg(not(feature = "device"))]
fn microphone(_: Option<&str>, _: u32) -> Result<Box<dyn Source>, AudioError> {
    Err(crate::error::DeviceError::NotBuilt { kind: "microphone" }.into())
}

/// Nothing at all.
#[derive(Debug)]
struct Silence;

impl Source for Silence {
    fn read(&mut self, frame: &mut [i16]) {
        frame.fill(0);
    }

    fn name(&self) -> &str {
        "silence"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: SourceOptions = SourceOptions {
        sample_rate_hz: 8_000,
        looped: false,
    };

    #[test]
    fn silence_is_zero_for_ever() {
        let mut source = open_source(&SourceSpec::Silence, OPTIONS).unwrap();
        source.start();
        let mut frame = [7; 160];
        source.read(&mut frame);
        assert_eq!(frame, [0; 160]);
        assert!(!source.is_finished());
        assert_eq!(source.name(), "silence");
    }

    #[cfg(not(feature = "device"))]
    #[test]
    fn a_build_without_devices_says_so() {
        let error = open_source(&SourceSpec::Mic(None), OPTIONS).err().unwrap();
        assert_eq!(error.code(), "device");
        assert_eq!(
            error.to_string(),
            "this build has no microphone: build with the feature `device`, or use a file, a tone \
             or silence"
        );
    }
}
