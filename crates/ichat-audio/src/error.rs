//! What can go wrong, by the thing that it goes wrong with.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::resample::ResampleError;
use crate::wav::WavError;

/// Opening or using a source, a sink or a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A microphone or a loudspeaker could not be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Two sampling rates that cannot be joined.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// A tone that the call's sampling rate cannot carry.
    #[error(
        "expected a tone between 0 and {limit_hz} Hz at {sample_rate_hz} Hz, found {found_hz} Hz"
    )]
    Tone {
        /// What was asked for.
        found_hz: f64,
        /// Half the sampling rate.
        limit_hz: f64,
        /// The call's sampling rate.
        sample_rate_hz: u32,
    },
}

impl AudioError {
    /// The word for this error in a program's events: `device`, `file` or `audio`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Device(_) => "device",
            Self::File(_) => "file",
            Self::Resample(_) | Self::Tone { .. } => "audio",
        }
    }
}

/// A file could not be read or written. Every message names the path.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be opened for reading.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be made or truncated.
    #[error("cannot write {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("cannot use {}: expected a regular file, found {found}", path.display())]
    NotRegular {
        /// What the path leads to.
        path: PathBuf,
        /// `a folder` or `a pipe or device`.
        found: &'static str,
    },
    /// It is no WAV file that can be played.
    #[error("cannot play {}: {source}", path.display())]
    Wav {
        /// The file.
        path: PathBuf,
        /// What was expected and found, with the offset.
        source: WavError,
    },
    /// Reading stopped in its middle.
    #[error("cannot read on in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing stopped; what was written before is a valid file.
    #[error("cannot write on in {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The 4 GiB that a WAV file can hold are full; what was written is a valid file.
    #[error("{} is full: a WAV file holds at most {limit} octets of sound", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Octets that it holds at most.
        limit: u32,
    },
    /// Two of a call's files are one and the same.
    #[error("{} is used twice: as {first} and as {second}", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
        /// Its first use.
        first: &'static str,
        /// Its second use.
        second: &'static str,
    },
}

impl FileError {
    /// Refuses everything but regular files and paths that lead nowhere yet.
    pub(crate) fn check_regular(path: &Path) -> Result<(), Self> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(Self::NotRegular {
                path: path.to_owned(),
                found: "a folder",
            }),
            Ok(metadata) if !metadata.is_file() => Err(Self::NotRegular {
                path: path.to_owned(),
                found: "a pipe or device",
            }),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// A microphone or a loudspeaker could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The program was built without devices.
    #[error(
        "this build has no {kind}: build with the feature `device`, or use a file, a tone or silence"
    )]
    NotBuilt {
        /// `microphone` or `loudspeaker`, or `audio devices`.
        kind: &'static str,
    },
    /// There is no default device.
    #[error("no default {kind} found: connect one, or use a file instead")]
    NoDefault {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
    },
    /// No device has that name.
    #[error("no {kind} named `{name}`: expected {}", listed(available))]
    NotFound {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        available: Vec<String>,
    },
    /// More than one device has that name.
    #[error("more than one {kind} matches `{name}`: {}", listed(matching))]
    Ambiguous {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Those that match.
        matching: Vec<String>,
    },
    /// Its samples have a format that is not known here.
    #[error("cannot use the {kind} {name}: sample format {format} is not supported")]
    Format {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// The device.
        name: String,
        /// The format's name.
        format: String,
    },
    /// It did not open in time.
    #[error("the {kind} did not open within {seconds} s")]
    Stuck {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// It opened, and no longer moves any sound.
    #[error("the {kind} {name} has stopped: no sound moved for {seconds} s")]
    Stalled {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// The device.
        name: String,
        /// For how long.
        seconds: u64,
    },
    /// The platform's audio system refused something.
    #[error("{kind} {name}: {source}")]
    Backend {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// The device, empty where it has none yet.
        name: String,
        /// The platform's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The thread that owns the device could not be started.
    #[error("cannot start the thread of the {kind}: {source}")]
    Thread {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Names in back quotes, or a word for none.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none, there is no such device".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_one_line_that_names_its_subject() {
        let missing = FileError::Open {
            path: "speech.wav".into(),
            source: io::Error::from(io::ErrorKind::NotFound),
        };
        assert_eq!(
            missing.to_string(),
            "cannot read speech.wav: entity not found"
        );
        let unknown = DeviceError::NotFound {
            kind: "microphone",
            name: "Rode".to_owned(),
            available: vec!["default".to_owned(), "pulse".to_owned()],
        };
        assert_eq!(
            unknown.to_string(),
            "no microphone named `Rode`: expected `default`, `pulse`"
        );
    }

    #[test]
    fn a_device_error_has_the_code_device() {
        let error = AudioError::from(DeviceError::NoDefault { kind: "microphone" });
        assert_eq!(error.code(), "device");
    }
}
