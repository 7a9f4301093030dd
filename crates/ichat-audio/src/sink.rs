//! Where a call's sound goes.

mod file;

use crate::Glitches;
use crate::error::AudioError;
use crate::spec::SinkSpec;

/// Takes the call's sound, frame by frame, at the rate that it was opened with.
pub trait Sink: Send {
    /// Takes a frame. Never waits for a device.
    fn write(&mut self, frame: &[i16]);

    /// The call is over: a file gets its last samples, a device stops. Writing afterwards does
    /// nothing.
    ///
    /// # Errors
    /// What went wrong and was not asked for by [`fault`](Self::fault) yet.
    fn finish(&mut self) -> Result<(), AudioError>;

    /// What went wrong since the last call of this method. The sink swallows all while it lasts,
    /// for most errors for ever.
    fn fault(&mut self) -> Option<AudioError> {
        None
    }

    /// Samples lost and made up since the opening.
    fn glitches(&self) -> Glitches {
        Glitches::default()
    }

    /// What to call this sink in messages: a path, a device's name, `null`.
    fn name(&self) -> &str;
}

/// Opens a sink for frames of this rate. A file is truncated.
///
/// # Errors
/// A file that cannot be written, a device that is missing or refuses.
pub fn open_sink(spec: &SinkSpec, sample_rate_hz: u32) -> Result<Box<dyn Sink>, AudioError> {
    match spec {
        SinkSpec::Speaker(name) => loudspeaker(name.as_deref(), sample_rate_hz),
        SinkSpec::File(path) => Ok(Box::new(file::FileSink::create(path, sample_rate_hz)?)),
        SinkSpec::Null => Ok(Box::new(Null)),
    }
}

#[cfg(feature = "device")]
fn loudspeaker(name: Option<&str>, sample_rate_hz: u32) -> Result<Box<dyn Sink>, AudioError> {
    Ok(Box::new(crate::device::Loudspeaker::open(
        name,
        sample_rate_hz,
    )?))
}

#[cfg(not(feature = "device"))]
fn loudspeaker(_: Option<&str>, _: u32) -> Result<Box<dyn Sink>, AudioError> {
    Err(crate::error::DeviceError::NotBuilt {
        kind: "loudspeaker",
    }
    .into())
}

/// Swallows all.
#[derive(Debug)]
struct Null;

impl Sink for Null {
    fn write(&mut self, _: &[i16]) {}

    fn finish(&mut self) -> Result<(), AudioError> {
        Ok(())
    }

    fn name(&self) -> &str {
        "null"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_takes_everything_and_never_complains() {
        let mut sink = open_sink(&SinkSpec::Null, 8_000).unwrap();
        sink.write(&[1; 160]);
        assert!(sink.fault().is_none());
        sink.finish().unwrap();
        assert_eq!(sink.name(), "null");
    }

    #[cfg(not(feature = "device"))]
    #[test]
    fn a_build_without_devices_says_so() {
        let error = open_sink(&SinkSpec::Speaker(None), 8_000).err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("this build has no loudspeaker"),
            "{error}"
        );
    }
}
