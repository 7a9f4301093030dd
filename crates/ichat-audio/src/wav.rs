//! WAV files: a reader that takes what other programs write, and a writer whose file is valid at
//! every moment.

mod format;
mod read;
mod write;

pub use format::{Encoding, WavFormat};
pub use read::{WavError, WavReader};
pub use write::WavWriter;
