//! Writing a WAV file that is valid at every moment.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::FileError;

/// Octets before the first sample: `RIFF`, `fmt ` and the head of `data`.
const HEADER_LEN: u32 = 44;
/// Times a second of sound that samples and sizes reach the file.
const FLUSHES_PER_SECOND: u32 = 4;

/// Writes 16-bit samples to a WAV file whose header is right at every moment.
///
/// Samples reach the file four times for each second of sound, and the sizes in the header right
/// after them: a program that is killed leaves a file that any player opens, at most a quarter of
/// a second short. Dropping the writer writes what is left and forgets about errors;
/// [`finish`](Self::finish) reports them.
#[derive(Debug)]
pub struct WavWriter {
    file: File,
    path: PathBuf,
    /// Octets of sound that the header speaks of.
    data_len: u32,
    /// Octets that have not reached the file.
    pending: Vec<u8>,
    flush_len: usize,
    frame_len: u32,
}

impl WavWriter {
    /// Makes the file, or truncates it.
    ///
    /// # Errors
    /// [`FileError::NotRegular`] for a folder, pipe or device, else [`FileError::Create`].
    pub fn create(path: &Path, sample_rate_hz: u32, channels: u16) -> Result<Self, FileError> {
        FileError::check_regular(path)?;
        let failed = |source| FileError::Create {
            path: path.to_owned(),
            source,
        };
        let mut file = File::create(path).map_err(failed)?;
        let frame_len = u32::from(channels.max(1)) * 2;
        file.write_all(&header(sample_rate_hz, channels.max(1)))
            .map_err(failed)?;
        let a_second = sample_rate_hz.saturating_mul(frame_len);
        let flush_len = usize::try_from(a_second / FLUSHES_PER_SECOND).unwrap_or(usize::MAX);
        Ok(Self {
            file,
            path: path.to_owned(),
            data_len: 0,
            pending: Vec::with_capacity(flush_len.saturating_add(4_096)),
            flush_len,
            frame_len,
        })
    }

    /// The file's path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends samples, those of one moment side by side.
    ///
    /// # Errors
    /// [`FileError::Write`], or [`FileError::Full`] at 4 GiB. The file is valid all the same, and
    /// nothing more can be written.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), FileError> {
        self.pending
            .extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        if self.pending.len() >= self.flush_len {
            self.flush()?;
        }
        Ok(())
    }

    /// Brings every sample into the file, and then its header up to date.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), FileError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let limit = self.limit();
        let room = usize::try_from(limit - self.data_len).unwrap_or(usize::MAX);
        let written = self.pending.len().min(room);
        let result = append(
            &mut self.file,
            self.data_len,
            self.pending.get(..written).unwrap_or_default(),
        );
        let full = written < self.pending.len();
        self.pending.clear();
        match result {
            Ok(data_len) => self.data_len = data_len,
            Err(source) => {
                return Err(FileError::Write {
                    path: self.path.clone(),
                    source,
                });
            }
        }
        if full {
            return Err(FileError::Full {
                path: self.path.clone(),
                limit,
            });
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<(), FileError> {
        self.flush()
    }

    /// Most octets of sound that the header's 32 bits can speak of, in whole frames.
    fn limit(&self) -> u32 {
        let limit = u32::MAX - HEADER_LEN;
        limit - limit % self.frame_len
    }
}

impl Drop for WavWriter {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "the end of a recording is lost");
        }
    }
}

/// Samples first, the sizes after them: at no moment do the sizes promise what is not there.
fn append(file: &mut File, data_len: u32, octets: &[u8]) -> io::Result<u32> {
    let added = u32::try_from(octets.len()).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(u64::from(HEADER_LEN) + u64::from(data_len)))?;
    file.write_all(octets)?;
    let data_len = data_len.saturating_add(added);
    file.seek(SeekFrom::Start(40))?;
    file.write_all(&data_len.to_le_bytes())?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(&(data_len + HEADER_LEN - 8).to_le_bytes())?;
    Ok(data_len)
}

/// The header of a file without any sound.
fn header(sample_rate_hz: u32, channels: u16) -> Vec<u8> {
    let frame_len = channels.saturating_mul(2);
    let mut octets = Vec::with_capacity(44);
    octets.extend_from_slice(b"RIFF");
    octets.extend_from_slice(&(HEADER_LEN - 8).to_le_bytes());
    octets.extend_from_slice(b"WAVEfmt ");
    octets.extend_from_slice(&16u32.to_le_bytes());
    octets.extend_from_slice(&1u16.to_le_bytes()); // PCM
    octets.extend_from_slice(&channels.to_le_bytes());
    octets.extend_from_slice(&sample_rate_hz.to_le_bytes());
    octets.extend_from_slice(
        &sample_rate_hz
            .saturating_mul(frame_len.into())
            .to_le_bytes(),
    );
    octets.extend_from_slice(&frame_len.to_le_bytes());
    octets.extend_from_slice(&16u16.to_le_bytes()); // bits
    octets.extend_from_slice(b"data");
    octets.extend_from_slice(&0u32.to_le_bytes());
    octets
}
