//! Reading a WAV file as mono.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::format::WavFormat;
use crate::error::FileError;
use crate::resample::{MAX_RATE_HZ, MIN_RATE_HZ};
use crate::sample;

/// Most chunks that are looked at before the sound.
const MAX_CHUNKS: usize = 1_024;
/// Longest `fmt ` chunk that is read, in octets.
const MAX_FORMAT_LEN: u64 = 1_024;
/// Most frames that one read takes from the file.
const MAX_FRAMES_A_READ: usize = 8_192;

/// A file is no WAV file that can be played.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// It begins otherwise than a WAV file.
    #[error("expected `{expected}` at offset {offset}, found {}", shown(found))]
    Signature {
        /// Where.
        offset: u64,
        /// `RIFF` or `WAVE`.
        expected: &'static str,
        /// The octets there.
        found: Vec<u8>,
    },
    /// The sound comes before its format, or there is none at all.
    #[error("expected a `fmt ` chunk before offset {offset}, found none")]
    NoFormat {
        /// Where the sound begins or the file ends.
        offset: u64,
    },
    /// There is a format and no sound.
    #[error("expected a `data` chunk before offset {offset}, found none")]
    NoData {
        /// Where the search ended.
        offset: u64,
    },
    /// The `fmt ` chunk is cut off.
    #[error(
        "expected at least 16 octets of format at offset {offset} (40 if extensible), found {found}"
    )]
    ShortFormat {
        /// Where it begins.
        offset: u64,
        /// Its length.
        found: usize,
    },
    /// A format that is not known here.
    #[error(
        "expected PCM (1), float (3), A-law (6) or \u{b5}-law (7) at offset {offset}, found format {found}"
    )]
    Tag {
        /// Where.
        offset: u64,
        /// The format tag.
        found: u16,
    },
    /// A width that the format does not have.
    #[error(
        "expected 8, 16, 24 or 32 bits (float 32 or 64, A-law and \u{b5}-law 8) at offset {offset}, found {bits} in format {tag}"
    )]
    Bits {
        /// Where.
        offset: u64,
        /// The format tag.
        tag: u16,
        /// The width.
        bits: u32,
    },
    /// No channels, or too many.
    #[error("expected 1 to 32 channels at offset {offset}, found {found}")]
    Channels {
        /// Where.
        offset: u64,
        /// How many.
        found: u16,
    },
    /// A sampling rate that nothing has.
    #[error(
        "expected a rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz at offset {offset}, found {found_hz} Hz"
    )]
    Rate {
        /// Where.
        offset: u64,
        /// The rate.
        found_hz: u32,
    },
    /// Channels and width do not make the frame.
    #[error("expected {expected} octets a frame at offset {offset}, found {found}")]
    Align {
        /// Where.
        offset: u64,
        /// Channels by width.
        expected: usize,
        /// What the file says.
        found: u16,
    },
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Octets as text, or in hex if they are none.
fn shown(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "the end of the file".to_owned();
    }
    if octets
        .iter()
        .all(|octet| octet.is_ascii_graphic() || *octet == b' ')
    {
        return format!("`{}`", String::from_utf8_lossy(octets));
    }
    octets
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A WAV file, read as mono 16 bit at its own rate.
///
/// Takes 8-, 16-, 24- and 32-bit integers, floats, A-law and µ-law, with up to 32 channels, which
/// are mixed to one. A file whose sizes were never finished (a killed recorder, a pipe) is read to
/// its end.
#[derive(Debug)]
pub struct WavReader<R> {
    reader: BufReader<R>,
    format: WavFormat,
    data_start: u64,
    frames: u64,
    next_frame: u64,
    octets: Vec<u8>,
}

impl WavReader<File> {
    /// Opens a regular file.
    ///
    /// # Errors
    /// [`FileError::NotRegular`], [`FileError::Open`], or [`FileError::Wav`] with what was expected.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        FileError::check_regular(path)?;
        let file = File::open(path).map_err(|source| FileError::Open {
            path: path.to_owned(),
            source,
        })?;
        Self::new(file).map_err(|source| FileError::Wav {
            path: path.to_owned(),
            source,
        })
    }
}

impl<R: Read + Seek> WavReader<R> {
    /// Reads the chunks before the sound.
    ///
    /// # Errors
    /// [`WavError`] with the offset at which the file ceases to be a WAV file.
    pub fn new(reader: R) -> Result<Self, WavError> {
        let mut reader = BufReader::new(reader);
        let file_len = reader.seek(SeekFrom::End(0))?;
        reader.rewind()?;
        expect(&mut reader, 0, "RIFF")?;
        let riff_len = u64::from(read_size(&mut reader)?);
        expect(&mut reader, 8, "WAVE")?;
        // Never finished, or longer than the file: the sizes inside mean little.
        let unfinished = riff_len < 36 || riff_len == u64::from(u32::MAX);

        let mut format = None;
        let mut offset = 12;
        for _ in 0..MAX_CHUNKS {
            let mut id = [0; 4];
            if offset + 8 > file_len {
                break;
            }
            reader.read_exact(&mut id)?;
            let len = u64::from(read_size(&mut reader)?);
            offset += 8;
            match &id {
                b"fmt " => {
                    let mut chunk = Vec::new();
                    (&mut reader)
                        .take(len.min(MAX_FORMAT_LEN))
                        .read_to_end(&mut chunk)?;
                    format = Some(WavFormat::decode(&chunk, offset)?);
                }
                b"data" => {
                    let Some(format) = format else {
                        return Err(WavError::NoFormat { offset });
                    };
                    let rest = file_len - offset;
                    let len = if len == 0 && unfinished {
                        rest
                    } else {
                        len.min(rest)
                    };
                    let frame = u64::try_from(format.frame_octets()).unwrap_or(u64::MAX);
                    return Ok(Self {
                        reader,
                        format,
                        data_start: offset,
                        frames: len / frame,
                        next_frame: 0,
                        octets: Vec::new(),
                    });
                }
                _ => {}
            }
            // Chunks begin at even offsets.
            offset = offset.saturating_add(len).saturating_add(len % 2);
            if offset > file_len {
                break;
            }
            reader.seek(SeekFrom::Start(offset))?;
        }
        let offset = offset.min(file_len);
        Err(if format.is_some() {
            WavError::NoData { offset }
        } else {
            WavError::NoFormat { offset }
        })
    }

    /// What the samples are in the file.
    #[must_use]
    pub fn format(&self) -> WavFormat {
        self.format
    }

    /// Length of the sound in frames (samples of every channel).
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends up to `frames` samples, all channels mixed to one; how many there were, 0 at the end.
    ///
    /// # Errors
    /// Whatever reading the file gives. A file that has shrunk ends early, without an error.
    pub fn read_mono(&mut self, frames: usize, samples: &mut Vec<i16>) -> io::Result<usize> {
        let left = usize::try_from(self.frames - self.next_frame).unwrap_or(usize::MAX);
        let frames = frames.min(left).min(MAX_FRAMES_A_READ);
        let frame_octets = self.format.frame_octets();
        self.octets.resize(frames * frame_octets, 0);
        let filled = read_fully(&mut self.reader, &mut self.octets)?;
        let whole = filled / frame_octets;
        let encoding = self.format.encoding;
        let channels = i32::from(self.format.channels);
        let octets = self.octets.get(..whole * frame_octets).unwrap_or_default();
        samples.extend(octets.chunks_exact(frame_octets).map(|frame| {
            let channel = frame.chunks_exact(encoding.octets());
            let sum: i32 = channel
                .map(|octets| i32::from(encoding.decode(octets)))
                .sum();
            sample::saturate(i64::from(sum / channels))
        }));
        self.next_frame = if whole < frames {
            self.frames
        } else {
            self.next_frame + u64::try_from(whole).unwrap_or(u64::MAX)
        };
        Ok(whole)
    }

    /// Back to the first sample.
    ///
    /// # Errors
    /// Whatever seeking in the file gives.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(self.data_start))?;
        self.next_frame = 0;
        Ok(())
    }
}

fn expect(reader: &mut impl Read, offset: u64, expected: &'static str) -> Result<(), WavError> {
    let mut found = vec![0; 4];
    let length = read_fully(reader, &mut found)?;
    found.truncate(length);
    if found == expected.as_bytes() {
        return Ok(());
    }
    Err(WavError::Signature {
        offset,
        expected,
        found,
    })
}

/// The four octets of a chunk's length; 0 if the file ends before.
fn read_size(reader: &mut impl Read) -> io::Result<u32> {
    let mut octets = [0; 4];
    read_fully(reader, &mut octets)?;
    Ok(u32::from_le_bytes(octets))
}

/// As many octets as there are.
fn read_fully(reader: &mut impl Read, mut octets: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    while !octets.is_empty() {
        match reader.read(octets) {
            Ok(0) => break,
            Ok(length) => {
                total += length;
                octets = octets.get_mut(length..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
