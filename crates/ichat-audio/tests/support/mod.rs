//! What more than one test needs.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("ichat-audio-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A WAV file by hand: the format's tag, channels, rate, bits, and the octets of its sound.
pub(crate) fn wav_file(tag: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let frame = channels * (bits / 8);
    let length = u32::try_from(data.len()).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\x00\x00\x00");
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

/// Strength of a sine of `hz` in `samples`, as its amplitude (Goertzel's algorithm).
pub(crate) fn amplitude_at(samples: &[i16], hz: f64, rate_hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hz / rate_hz;
    let (mut sin, mut cos) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (s, c) = (turn * n as f64).sin_cos();
        sin += f64::from(sample) * s;
        cos += f64::from(sample) * c;
    }
    2.0 * sin.hypot(cos) / samples.len() as f64
}
