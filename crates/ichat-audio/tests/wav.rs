//! WAV files: what other programs write is read, and what is written other programs read.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::path::Path;

use hound::{SampleFormat, WavSpec};
use ichat_audio::wav::{Encoding, WavError};
use ichat_audio::{WavReader, WavWriter};
use proptest::prelude::*;
use support::{Folder, wav_file};

fn read_all(path: &Path) -> Vec<i16> {
    let mut reader = WavReader::open(path).unwrap();
    let mut samples = Vec::new();
    while reader.read_mono(100, &mut samples).unwrap() > 0 {}
    samples
}

fn read_octets(octets: &[u8]) -> Result<Vec<i16>, WavError> {
    let mut reader = WavReader::new(std::io::Cursor::new(octets))?;
    let mut samples = Vec::new();
    while reader.read_mono(usize::MAX, &mut samples)? > 0 {}
    Ok(samples)
}

fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: 8_000,
        bits_per_sample,
        sample_format,
    }
}

#[test]
fn every_width_that_another_writer_writes_is_read() {
    let folder = Folder::new("widths");
    let samples = [0i32, 1, -1, 100, -100, 127, -128];
    for (bits, shift) in [(8, 8), (16, 0), (24, -8), (32, -16)] {
        let path = folder.path(&format!("{bits}.wav"));
        let mut writer = hound::WavWriter::create(&path, spec(1, bits, SampleFormat::Int)).unwrap();
        for sample in samples {
            let wide = if shift < 0 { sample << -shift } else { sample };
            writer.write_sample(wide).unwrap();
        }
        writer.finalize().unwrap();
        let expected: Vec<i16> = samples
            .iter()
            .map(|&sample| i16::try_from(sample << shift.max(0)).unwrap())
            .collect();
        assert_eq!(read_all(&path), expected, "{bits} bits");
    }
}

#[test]
fn floats_are_read_and_clipped() {
    let folder = Folder::new("floats");
    let path = folder.path("float.wav");
    let mut writer = hound::WavWriter::create(&path, spec(1, 32, SampleFormat::Float)).unwrap();
    for sample in [0.0f32, 0.5, -0.5, 3.0, -3.0, f32::NAN] {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    assert_eq!(read_all(&path), [0, 16_384, -16_384, i16::MAX, i16::MIN, 0]);
}

#[test]
fn stereo_is_mixed_down() {
    let folder = Folder::new("stereo");
    let path = folder.path("stereo.wav");
    let mut writer = hound::WavWriter::create(&path, spec(2, 16, SampleFormat::Int)).unwrap();
    for sample in [
        1_000i16,
        3_000,
        i16::MAX,
        i16::MAX,
        i16::MIN,
        i16::MIN,
        5,
        -5,
    ] {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    assert_eq!(read_all(&path), [2_000, i16::MAX, i16::MIN, 0]);
}

#[test]
fn both_laws_of_g711_are_read() {
    let mu_law = wav_file(7, 1, 8_000, 8, &[0xff, 0x00, 0x80]);
    assert_eq!(read_octets(&mu_law).unwrap(), [0, -32_124, 32_124]);
    let a_law = wav_file(6, 1, 8_000, 8, &[0xd5, 0x55]);
    assert_eq!(read_octets(&a_law).unwrap(), [8, -8]);
}

#[test]
fn doubles_and_the_extensible_form_are_read() {
    let doubles: Vec<u8> = [0.25f64, -0.25]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let file = wav_file(3, 1, 8_000, 64, &doubles);
    assert_eq!(read_octets(&file).unwrap(), [8_192, -8_192]);

    let mut file = b"RIFF\x40\x00\x00\x00WAVEfmt \x28\x00\x00\x00".to_vec();
    file.extend([0xfe, 0xff, 1, 0]); // extensible, mono
    file.extend(8_000u32.to_le_bytes());
    file.extend(24_000u32.to_le_bytes());
    file.extend([3, 0, 24, 0]); // octets a frame, bits of the container
    file.extend([22, 0, 20, 0, 0, 0, 0, 0]); // rest, bits that count, loudspeakers
    file.extend([1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]); // PCM
    file.extend(b"data\x06\x00\x00\x00\x00\x00\x40\x00\x00\xc0");
    let reader = WavReader::new(std::io::Cursor::new(&file)).unwrap();
    assert_eq!(reader.format().encoding, Encoding::Signed24);
    assert_eq!(read_octets(&file).unwrap(), [16_384, -16_384]);
}

#[test]
fn unknown_chunks_are_skipped_and_their_padding_too() {
    let mut file = b"RIFF\x00\x01\x00\x00WAVELIST\x03\x00\x00\x00abc\x00".to_vec();
    file.extend_from_slice(&wav_file(1, 1, 8_000, 16, &[1, 0, 2, 0])[12..]);
    file.extend_from_slice(b"junk\x02\x00\x00\x00hi");
    assert_eq!(read_octets(&file).unwrap(), [1, 2]);
}

#[test]
fn a_file_that_was_never_finished_is_read_to_its_end() {
    for size in [0u32, u32::MAX, 0x7fff_f000] {
        let mut file = wav_file(1, 1, 8_000, 16, &[1, 0, 2, 0, 3]);
        file[4..8].copy_from_slice(&size.to_le_bytes());
        file[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(read_octets(&file).unwrap(), [1, 2], "size {size:#x}");
    }
}

#[test]
fn an_empty_file_in_good_order_is_just_empty() {
    let mut file = wav_file(1, 1, 8_000, 16, &[]);
    file.extend_from_slice(b"LIST\x04\x00\x00\x00abcd");
    let length = u32::try_from(file.len() - 8).unwrap();
    file[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(read_octets(&file).unwrap(), Vec::<i16>::new());
}

#[test]
fn what_is_no_wav_file_is_refused_with_offset_expected_and_found() {
    let message = |octets: &[u8]| read_octets(octets).unwrap_err().to_string();
    assert_eq!(
        message(b"ID3\x04 and so on"),
        "expected `RIFF` at offset 0, found 49 44 33 04"
    );
    assert_eq!(
        message(b"OggS"),
        "expected `RIFF` at offset 0, found `OggS`"
    );
    assert_eq!(
        message(b""),
        "expected `RIFF` at offset 0, found the end of the file"
    );
    assert_eq!(
        message(b"RIFF\0\0\0\0AVI "),
        "expected `WAVE` at offset 8, found `AVI `"
    );
    assert_eq!(
        message(&wav_file(1, 1, 8_000, 16, &[])[..36]),
        "expected a `data` chunk before offset 36, found none"
    );
    assert_eq!(
        message(b"RIFF\x10\0\0\0WAVEdata\x04\0\0\0abcd"),
        "expected a `fmt ` chunk before offset 20, found none"
    );
    assert_eq!(
        message(&wav_file(85, 1, 8_000, 16, &[])),
        "expected PCM (1), float (3), A-law (6) or \u{b5}-law (7) at offset 20, found format 85"
    );
    assert_eq!(
        message(&wav_file(1, 0, 8_000, 16, &[])),
        "expected 1 to 32 channels at offset 22, found 0"
    );
    assert_eq!(
        message(&wav_file(1, 1, 0, 16, &[])),
        "expected a rate from 1000 to 768000 Hz at offset 24, found 0 Hz"
    );
    assert!(message(&wav_file(1, 1, 8_000, 12, &[])).contains("found 12 in format 1"));
    let mut wide = wav_file(1, 1, 8_000, 16, &[]);
    wide[32..34].copy_from_slice(&[0xff, 0xff]);
    assert!(message(&wide).contains("found 524280 in format 1"));
}

#[test]
fn what_is_no_file_is_refused_by_its_path() {
    let folder = Folder::new("paths");
    let missing = folder.path("missing.wav");
    let error = WavReader::open(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot read {}: ", missing.display())),
        "{error}"
    );
    let error = WavReader::open(folder.root()).unwrap_err().to_string();
    assert!(
        error.ends_with("expected a regular file, found a folder"),
        "{error}"
    );
    let error = WavWriter::create(folder.root(), 48_000, 1)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("expected a regular file, found a folder"),
        "{error}"
    );
    let error = WavWriter::create(&folder.path("no/such/folder.wav"), 48_000, 1).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_refused_and_nothing_waits_for_it() {
    let error = WavReader::open(Path::new("/dev/zero"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "cannot use /dev/zero: expected a regular file, found a pipe or device"
    );
    assert!(WavWriter::create(Path::new("/dev/null"), 48_000, 1).is_err());
}

#[test]
fn a_written_file_is_valid_before_it_is_finished() {
    let folder = Folder::new("unfinished");
    let path = folder.path("unfinished.wav");
    let mut writer = WavWriter::create(&path, 48_000, 2).unwrap();
    assert_eq!(hound::WavReader::open(&path).unwrap().len(), 0);
    let a_second = vec![7i16; 96_000];
    for frame in a_second.chunks(1_920) {
        writer.write(frame).unwrap();
    }
    let seen = hound::WavReader::open(&path).unwrap().len();
    assert!(seen >= 96_000 - 24_000, "{seen} samples after a second");
    // As killed: nothing of the writer runs any more.
    std::mem::forget(writer);
    let left: Vec<i16> = hound::WavReader::open(&path)
        .unwrap()
        .into_samples()
        .map(Result::unwrap)
        .collect();
    assert!(left.iter().all(|&sample| sample == 7));
}

#[test]
fn dropping_a_writer_keeps_every_sample() {
    let folder = Folder::new("dropped");
    let path = folder.path("dropped.wav");
    let mut writer = WavWriter::create(&path, 8_000, 1).unwrap();
    writer.write(&[1, 2, 3]).unwrap();
    drop(writer);
    assert_eq!(read_all(&path), [1, 2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(
        samples in proptest::collection::vec(any::<i16>(), 0..3_000),
        piece in 1usize..700,
    ) {
        let folder = Folder::new("round-trip");
        let path = folder.path("file.wav");
        let mut writer = WavWriter::create(&path, 8_000, 1).unwrap();
        for piece in samples.chunks(piece) {
            writer.write(piece).unwrap();
        }
        writer.finish().unwrap();
        prop_assert_eq!(read_all(&path), samples.clone());
        let theirs: Vec<i16> =
            hound::WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
        prop_assert_eq!(theirs, samples);
    }

    #[test]
    fn no_octets_make_the_reader_panic(
        mut octets in proptest::collection::vec(any::<u8>(), 0..200),
        changes in proptest::collection::vec((0usize..64, any::<u8>()), 0..6),
        real in any::<bool>(),
    ) {
        if real {
            let mut file = wav_file(1, 2, 44_100, 16, &octets);
            for (offset, value) in changes {
                if let Some(octet) = file.get_mut(offset) {
                    *octet = value;
                }
            }
            octets = file;
        }
        for length in 0..=octets.len() {
            let _ = read_octets(&octets[..length]);
        }
    }
}
