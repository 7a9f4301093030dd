//! Real devices without a sound card: a PulseAudio server of our own with two null sinks, one to
//! be our loudspeaker, the other's monitor to be our microphone.
//!
//! Needs `pulseaudio`, `pulseaudio-utils` and `libasound2-plugins`. Without them the tests are
//! skipped, loudly, and fail where `CI` is set. What uses the devices runs in a process of its own
//! (this same file's ignored tests), since ALSA reads its configuration from the environment.
//! These are the only tests that live in real time: a device's clock is no other.
#![cfg(all(feature = "device", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ichat_audio::{
    SinkSpec, SourceOptions, SourceSpec, devices, level_dbov, open_sink, open_source,
};
use support::{Folder, amplitude_at};

const OPTIONS: SourceOptions = SourceOptions {
    sample_rate_hz: 8_000,
    looped: false,
};

/// A server with its folder; ends when it is dropped.
struct Pulse {
    folder: Folder,
    server: Child,
}

impl Pulse {
    /// Starts a server; nothing where it is not installed.
    fn start(name: &str) -> Option<Self> {
        let tools = ["pulseaudio", "pactl", "parec", "pacat"];
        let missing = tools.iter().find(|tool| {
            let probe = Command::new(tool).arg("--version").output();
            !probe.is_ok_and(|output| output.status.success())
        });
        if let Some(tool) = missing {
            let advice = "apt-get install pulseaudio pulseaudio-utils libasound2-plugins";
            assert!(
                std::env::var_os("CI").is_none(),
                "{tool} is not installed: {advice}"
            );
            // Not `eprintln!`, which the test harness keeps to itself.
            let mut stderr = std::io::stderr().lock();
            let told = writeln!(stderr, "SKIPPED, no device was tested: {advice}");
            told.unwrap();
            return None;
        }
        let folder = Folder::new(name);
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.root(), private).unwrap();
        let configuration = "pcm.!default { type pulse }\nctl.!default { type pulse }\n";
        std::fs::write(folder.path(".asoundrc"), configuration).unwrap();
        let socket = folder.path("socket");
        let native = format!(
            "module-native-protocol-unix socket={} auth-anonymous=1",
            socket.display()
        );
        let server = command("pulseaudio", folder.root())
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1"])
            .args(["--realtime=no", "--high-priority=no", "--disable-shm=yes"])
            .args(["-L", &native])
            .args(["-L", "module-null-sink sink_name=out rate=48000"])
            .args(["-L", "module-null-sink sink_name=mic rate=48000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pulse = Self { folder, server };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !pulse.control(&["set-default-sink", "out"]) {
            assert!(
                Instant::now() < deadline,
                "the sound server does not answer"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(pulse.control(&["set-default-source", "mic.monitor"]));
        Some(pulse)
    }

    fn control(&self, arguments: &[&str]) -> bool {
        let mut pactl = command("pactl", self.folder.root());
        pactl.args(arguments).output().unwrap().status.success()
    }

    /// Starts a tool of PulseAudio on raw 48 kHz mono.
    fn stream(&self, tool: &str, device: &str, stdin: Stdio, stdout: Stdio) -> Child {
        command(tool, self.folder.root())
            .args(["--device", device, "--raw", "--format=s16le"])
            .args(["--rate=48000", "--channels=1", "--latency-msec=50"])
            .stdin(stdin)
            .stdout(stdout)
            .spawn()
            .unwrap()
    }

    /// A process that runs one of the ignored tests below with this server.
    fn inside(&self, test: &str) -> Command {
        let mut inside = command(std::env::current_exe().unwrap(), self.folder.root());
        inside.args(["--exact", test, "--ignored", "--nocapture"]);
        inside
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env(
            "PULSE_SERVER",
            format!("unix:{}", folder.join("socket").display()),
        );
    command
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What an inner test said, if it succeeded.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// Calls `tick` every 20 ms, `count` times.
fn every_20_ms(count: u32, mut tick: impl FnMut()) {
    let started = Instant::now();
    for n in 1..=count {
        tick();
        let next = started + n * Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Of the pieces of 20 ms, the part that is a sine of `hz` with about the amplitude 8192.
fn part_that_sounds(samples: &[i16], hz: f64) -> f64 {
    let pieces: Vec<bool> = samples
        .chunks_exact(960)
        .map(|piece| (6_000.0..10_500.0).contains(&amplitude_at(piece, hz, 48_000.0)))
        .collect();
    pieces.iter().filter(|sounds| **sounds).count() as f64 / pieces.len() as f64
}

fn samples_of(octets: &[u8]) -> Vec<i16> {
    octets
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[test]
fn sound_comes_out_of_the_loudspeaker_and_into_the_microphone() {
    let Some(pulse) = Pulse::start("both-ways") else {
        return;
    };
    // A quarter of full scale, 8 seconds of 1 kHz, in front of the microphone.
    let tone = SourceSpec::Tone(1_000.0);
    let options = SourceOptions {
        sample_rate_hz: 48_000,
        looped: false,
    };
    let mut samples = vec![0; 8 * 48_000];
    open_source(&tone, options).unwrap().read(&mut samples);
    let octets: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let (before, after) = (
        pulse.folder.path("before.raw"),
        pulse.folder.path("after.raw"),
    );
    std::fs::write(&before, octets).unwrap();
    let played = std::fs::File::open(&before).unwrap();
    let heard = std::fs::File::create(&after).unwrap();
    let mut player = pulse.stream("pacat", "mic", played.into(), Stdio::null());
    let mut ear = pulse.stream("parec", "out.monitor", Stdio::null(), heard.into());

    let output = pulse.inside("talks_for_six_seconds").output().unwrap();
    end(&mut player);
    end(&mut ear);
    let report = said(&output);

    // What was heard: after the first tone there is no gap.
    let heard = samples_of(&std::fs::read(&after).unwrap());
    let first = heard
        .chunks(960)
        .position(|piece| level_dbov(piece) > -20.0)
        .unwrap();
    let heard = &heard[first * 960 + 4_800..][..3 * 48_000];
    let part = part_that_sounds(heard, 440.0);
    assert!(part > 0.9, "{part} of what came out is the tone; {report}");

    let said: Vec<i16> = hound::WavReader::open(pulse.folder.path("said.wav"))
        .unwrap()
        .into_samples()
        .map(Result::unwrap)
        .collect();
    assert_eq!(said.len(), 6 * 48_000);
    let part = part_that_sounds(&said[3 * 48_000..], 1_000.0);
    assert!(part > 0.9, "{part} of what went in is the tone; {report}");
}

#[test]
#[ignore = "run by another test, with a sound server"]
fn talks_for_six_seconds() {
    let mut microphone = open_source(&SourceSpec::Mic(None), OPTIONS).unwrap();
    let mut loudspeaker = open_sink(&SinkSpec::Speaker(None), 8_000).unwrap();
    let mut tone = open_source(&SourceSpec::Tone(440.0), OPTIONS).unwrap();
    let mut said = open_sink(&SinkSpec::File("said.wav".into()), 8_000).unwrap();
    microphone.start();
    let mut frame = [0; 160];
    every_20_ms(300, || {
        tone.read(&mut frame);
        loudspeaker.write(&frame);
        microphone.read(&mut frame);
        said.write(&frame);
    });
    println!("{:?} {:?}", microphone.glitches(), loudspeaker.glitches());
    assert!(microphone.fault().is_none());
    said.finish().unwrap();
    loudspeaker.finish().unwrap();
}

#[test]
fn devices_are_listed_and_found_by_their_names() {
    let Some(pulse) = Pulse::start("listed") else {
        return;
    };
    said(&pulse.inside("lists_and_finds").output().unwrap());
}

#[test]
#[ignore = "run by another test, with a sound server"]
fn lists_and_finds() {
    let devices = devices().unwrap();
    for infos in [&devices.inputs, &devices.outputs] {
        let default = infos.first().unwrap();
        assert!(default.is_default);
        assert_eq!(default.id, "default");
        assert!(default.rates_hz.contains(&48_000), "{default:?}");
        assert!(default.default_rate_hz.is_some());
        assert!(
            infos
                .iter()
                .any(|info| info.id == "pulse" && !info.is_default)
        );
    }
    assert!(open_source(&SourceSpec::Mic(Some("pulse".to_owned())), OPTIONS).is_ok());
    let unknown = SourceSpec::Mic(Some("Rode NT".to_owned()));
    let error = open_source(&unknown, OPTIONS).err().unwrap();
    assert_eq!(error.code(), "device");
    let message = error.to_string();
    assert!(
        message.starts_with("no microphone named `Rode NT`: expected "),
        "{message}"
    );
    assert!(
        message.contains("`default`") && message.contains("`pulse`"),
        "{message}"
    );
    let error = open_sink(&SinkSpec::Speaker(Some("Rode NT".to_owned())), 8_000)
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("no loudspeaker named"),
        "{error}"
    );
}

#[test]
fn without_a_sound_server_opening_is_an_error_and_no_wait() {
    let Some(mut pulse) = Pulse::start("none") else {
        return;
    };
    end(&mut pulse.server);
    said(&pulse.inside("opens_nothing").output().unwrap());
}

#[test]
#[ignore = "run by another test, without a sound server"]
fn opens_nothing() {
    let started = Instant::now();
    let error = open_source(&SourceSpec::Mic(None), OPTIONS).err().unwrap();
    assert_eq!(error.code(), "device");
    let message = error.to_string();
    assert!(
        message.starts_with("microphone ") && !message.contains('\n'),
        "{message}"
    );
    assert!(open_sink(&SinkSpec::Speaker(None), 8_000).is_err());
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_sound_server_that_dies_is_a_fault_on_both_sides() {
    let Some(mut pulse) = Pulse::start("dies") else {
        return;
    };
    let mut inside = pulse
        .inside("talks_until_the_server_dies")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It talks once this file is there.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !pulse.folder.path("talking").exists() {
        assert!(Instant::now() < deadline, "it does not talk");
        std::thread::sleep(Duration::from_millis(20));
    }
    end(&mut pulse.server);
    let output = inside.wait().map(|status| Output {
        status,
        stdout: Vec::new(),
        stderr: Vec::new(),
    });
    said(&output.unwrap());
}

#[test]
#[ignore = "run by another test, which ends the sound server"]
fn talks_until_the_server_dies() {
    let mut microphone = open_source(&SourceSpec::Mic(None), OPTIONS).unwrap();
    let mut loudspeaker = open_sink(&SinkSpec::Speaker(None), 8_000).unwrap();
    microphone.start();
    let mut frame = [0; 160];
    let (mut of_microphone, mut of_loudspeaker) = (None, None);
    let mut ticks = 0;
    every_20_ms(400, || {
        microphone.read(&mut frame);
        loudspeaker.write(&frame);
        if ticks == 25 {
            std::fs::write("talking", "").unwrap();
        }
        ticks += 1;
        of_microphone = of_microphone.take().or_else(|| microphone.fault());
        of_loudspeaker = of_loudspeaker.take().or_else(|| loudspeaker.fault());
    });
    println!("{of_microphone:?}\n{of_loudspeaker:?}");
    assert_eq!(of_microphone.unwrap().code(), "device");
    assert_eq!(of_loudspeaker.unwrap().code(), "device");
    microphone.read(&mut frame);
    assert_eq!(frame, [0; 160], "silence from then on");
    let started = Instant::now();
    drop((microphone, loudspeaker));
    assert!(started.elapsed() < Duration::from_secs(3));
}
