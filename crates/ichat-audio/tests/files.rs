//! Files as the two ends of a call, and its recording.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use hound::{SampleFormat, WavSpec};
use ichat_audio::{
    CodecName, Recorder, SinkSpec, SourceOptions, SourceSpec, codec, open_sink, open_source,
};
use support::{Folder, amplitude_at};

const OPTIONS: SourceOptions = SourceOptions {
    sample_rate_hz: 8_000,
    looped: false,
};

fn write_wav(path: &Path, sample_rate: u32, samples: &[i16]) {
    let spec = WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

fn read_wav(path: &Path) -> (WavSpec, Vec<i16>) {
    let reader = hound::WavReader::open(path).unwrap();
    (
        reader.spec(),
        reader.into_samples().map(Result::unwrap).collect(),
    )
}

#[expect(clippy::cast_possible_truncation, reason = "the sine is within 16 bit")]
fn sine(hz: f64, rate_hz: u32, count: u32) -> Vec<i16> {
    (0..count)
        .map(|n| {
            let turn = hz * f64::from(n) / f64::from(rate_hz);
            (10_000.0 * (turn * std::f64::consts::TAU).sin()) as i16
        })
        .collect()
}

fn noise(count: u32) -> Vec<i16> {
    (0..count)
        .scan(1u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(i16::from_le_bytes([
                state.to_le_bytes()[2],
                state.to_le_bytes()[3],
            ]))
        })
        .collect()
}

#[test]
fn a_file_of_the_codecs_rate_reaches_the_codec_bit_by_bit() {
    let folder = Folder::new("exact");
    let path = folder.path("speech.wav");
    let samples = noise(8_050);
    write_wav(&path, 8_000, &samples);
    let mut source = open_source(&SourceSpec::File(path), OPTIONS).unwrap();

    let mut frame = [9i16; 160];
    source.read(&mut frame);
    assert_eq!(
        frame, [0; 160],
        "nothing sounds before the call is connected"
    );
    source.start();
    let mut read = Vec::new();
    while !source.is_finished() {
        source.read(&mut frame);
        read.extend_from_slice(&frame);
    }
    assert_eq!(read.len(), 51 * 160);
    assert_eq!(read[..8_050], samples);
    assert!(
        read[8_050..].iter().all(|&sample| sample == 0),
        "then silence"
    );
    source.read(&mut frame);
    assert_eq!(frame, [0; 160]);
    assert!(source.fault().is_none());

    let mut pcmu = codec(CodecName::Pcmu);
    let (mut from_file, mut direct) = (Vec::new(), Vec::new());
    pcmu.encode(&read[..8_050], &mut from_file);
    pcmu.encode(&samples, &mut direct);
    assert_eq!(from_file, direct);
}

#[test]
fn a_looped_file_goes_on_without_a_seam() {
    let folder = Folder::new("looped");
    let path = folder.path("loop.wav");
    let samples = noise(250);
    write_wav(&path, 8_000, &samples);
    let options = SourceOptions {
        looped: true,
        ..OPTIONS
    };
    let mut source = open_source(&SourceSpec::File(path), options).unwrap();
    source.start();
    let mut read = vec![0; 1_000];
    for frame in read.chunks_mut(160) {
        source.read(frame);
    }
    assert_eq!(read, samples.repeat(4));
    assert!(!source.is_finished());
}

#[test]
fn an_empty_file_is_silence_even_when_looped() {
    let folder = Folder::new("empty");
    let path = folder.path("empty.wav");
    write_wav(&path, 44_100, &[]);
    for looped in [false, true] {
        let options = SourceOptions { looped, ..OPTIONS };
        let mut source = open_source(&SourceSpec::File(path.clone()), options).unwrap();
        source.start();
        let mut frame = [1; 160];
        source.read(&mut frame);
        assert_eq!(frame, [0; 160]);
        assert!(source.is_finished());
    }
}

#[test]
fn a_file_of_another_rate_keeps_its_length_and_its_pitch() {
    let folder = Folder::new("rates");
    for rate_hz in [11_025, 22_050, 44_100, 48_000] {
        let path = folder.path("tone.wav");
        write_wav(&path, rate_hz, &sine(800.0, rate_hz, rate_hz));
        let mut source = open_source(&SourceSpec::File(path), OPTIONS).unwrap();
        source.start();
        let mut read = Vec::new();
        while !source.is_finished() {
            let mut frame = [0; 160];
            source.read(&mut frame);
            read.extend_from_slice(&frame);
        }
        assert_eq!(read.len(), 8_000, "{rate_hz} Hz");
        let amplitude = amplitude_at(&read, 800.0, 8_000.0);
        assert!(
            (9_800.0..10_200.0).contains(&amplitude),
            "{rate_hz} Hz: {amplitude}"
        );
    }
}

#[test]
fn an_output_file_is_48_khz_mono_and_as_long_as_the_call() {
    let folder = Folder::new("output");
    let path = folder.path("out.wav");
    std::fs::write(&path, vec![0xaa; 200_000]).unwrap();
    let mut sink = open_sink(&SinkSpec::File(path.clone()), 8_000).unwrap();
    for frame in sine(1_000.0, 8_000, 8_000).chunks(160) {
        sink.write(frame);
    }
    sink.finish().unwrap();
    sink.write(&[1; 160]);
    sink.finish().unwrap();
    let (spec, samples) = read_wav(&path);
    assert_eq!(
        (spec.sample_rate, spec.channels, spec.bits_per_sample),
        (48_000, 1, 16)
    );
    assert_eq!(
        samples.len(),
        48_000,
        "truncated first, and nothing after the end"
    );
    let amplitude = amplitude_at(&samples, 1_000.0, 48_000.0);
    assert!((9_800.0..10_200.0).contains(&amplitude), "{amplitude}");
}

#[test]
fn a_recording_has_the_local_side_left_and_the_remote_side_right() {
    let folder = Folder::new("recording");
    let path = folder.path("call.wav");
    let mut recorder = Recorder::create(&path, 8_000).unwrap();
    let (local, remote) = (sine(500.0, 8_000, 8_000), sine(1_500.0, 8_000, 8_000));
    for (local, remote) in local.chunks(160).zip(remote.chunks(160)) {
        recorder.write(local, remote);
    }
    recorder.write(&[], &[0; 160]);
    recorder.finish().unwrap();
    assert!(recorder.fault().is_none());
    let (spec, samples) = read_wav(&path);
    assert_eq!((spec.sample_rate, spec.channels), (48_000, 2));
    assert_eq!(samples.len(), 2 * (48_000 + 960));
    let side = |side: usize| -> Vec<i16> {
        samples
            .chunks(2)
            .map(|pair| pair[side])
            .take(48_000)
            .collect()
    };
    for (side, own, other) in [(side(0), 500.0, 1_500.0), (side(1), 1_500.0, 500.0)] {
        assert!(amplitude_at(&side, own, 48_000.0) > 9_500.0);
        assert!(amplitude_at(&side, other, 48_000.0) < 50.0);
    }
}

#[test]
fn a_dropped_output_keeps_every_sample() {
    let folder = Folder::new("dropped-output");
    let path = folder.path("out.wav");
    let mut sink = open_sink(&SinkSpec::File(path.clone()), 48_000).unwrap();
    sink.write(&[5; 100]);
    drop(sink);
    assert_eq!(read_wav(&path).1, [5; 100]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_fault_once_and_no_panic() {
    let folder = Folder::new("full");
    let link = folder.path("full.wav");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    // A device is refused at the door; the limit of the file's size is reached the honest way.
    let error = open_sink(&SinkSpec::File(link), 8_000).err().unwrap();
    assert_eq!(error.code(), "file");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 64; trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fills_the_disk", "--ignored", "--nocapture"])
        .env("ICHAT_AUDIO_FILE", folder.path("limited.wav"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("faults: 1"), "{said}");
    let (_, samples) = read_wav(&folder.path("limited.wav"));
    assert!(!samples.is_empty());
}

#[test]
#[ignore = "run by another test, under a limit"]
fn fills_the_disk() {
    let path = std::env::var_os("ICHAT_AUDIO_FILE").unwrap();
    let mut sink = open_sink(&SinkSpec::File(path.into()), 48_000).unwrap();
    let mut faults = 0;
    for _ in 0..200 {
        sink.write(&[1; 960]);
        faults += u32::from(sink.fault().is_some());
    }
    sink.finish().unwrap();
    println!("faults: {faults}");
}

#[test]
fn a_recording_is_valid_after_its_program_was_killed() {
    let folder = Folder::new("killed");
    let path = folder.path("killed.wav");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "records_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("ICHAT_AUDIO_FILE", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Long enough a file to be in the middle of its writing.
    while std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) < 1_000_000 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (spec, samples) = read_wav(&path);
    assert_eq!((spec.sample_rate, spec.channels), (48_000, 2));
    assert!(samples.len() > 100_000);
    assert_eq!(samples.len() % 2, 0);
}

#[test]
#[ignore = "run by another test, which kills it"]
fn records_until_killed() {
    let path = std::env::var_os("ICHAT_AUDIO_FILE").unwrap();
    let mut recorder = Recorder::create(Path::new(&path), 48_000).unwrap();
    // Ten minutes at most, should nobody kill it.
    for _ in 0..30_000 {
        recorder.write(&[100; 960], &[-100; 960]);
    }
}
