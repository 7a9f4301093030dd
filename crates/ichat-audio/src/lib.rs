#![doc = include_str!("../README.md")]

mod codec;
#[cfg(feature = "device")]
mod device;
mod devices;
mod error;
mod level;
mod paths;
mod recorder;
mod resample;
mod sample;
mod sink;
mod source;
mod spec;
pub mod wav;

pub use codec::{Codec, CodecName, CodecNameError, codec};
pub use devices::{DeviceInfo, Devices, devices};
pub use error::{AudioError, DeviceError, FileError};
pub use level::{SILENCE_DBOV, level_dbov};
pub use paths::distinct_files;
pub use recorder::Recorder;
pub use resample::{MAX_RATE_HZ, MIN_RATE_HZ, ResampleError, Resampler};
pub use sink::{Sink, open_sink};
pub use source::{Source, SourceOptions, open_source};
pub use spec::{SinkSpec, SourceSpec, SpecError};
pub use wav::{WavReader, WavWriter};

/// Sampling rate of every file that is written: 48 kHz.
pub const FILE_RATE_HZ: u32 = 48_000;

/// What a device had to bend because its clock and the call's clock are two.
///
/// All zero for files, tones and silence. Counted from the opening on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Glitches {
    /// Times that a reader found too few samples and was given silence.
    pub underruns: u64,
    /// Samples (at the device's rate) thrown away because too many were waiting.
    pub dropped_samples: u64,
}
