//! PulseAudio: real devices on a machine without a sound card. What is played to `out` can be
//! recorded from `out.monitor`; what is played to `mic` is what the microphone hears.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use crate::server::Server;

/// A running sound server with two sinks, `out` and `mic`, and `mic.monitor` as the microphone.
#[derive(Debug)]
pub struct Pulse {
    server: Server,
}

/// A program that plays or records, stopped when dropped.
#[derive(Debug)]
pub struct Sound {
    child: Child,
}

impl Pulse {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn start() -> Self {
        let scratch = Scratch::new("pulse");
        private(scratch.path());
        scratch.write(
            ".asoundrc",
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n",
        );
        let folder = scratch.path().display().to_string();
        let socket = format!("module-native-protocol-unix socket={folder}/sock auth-anonymous=1");
        let server = Server::start(
            scratch,
            &[
                "env",
                &format!("HOME={folder}"),
                &format!("XDG_RUNTIME_DIR={folder}"),
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--realtime=no",
                "--high-priority=no",
                "--disable-shm=yes",
                "-L",
                &socket,
                "-L",
                "module-null-sink sink_name=out rate=48000",
                "-L",
                "module-null-sink sink_name=mic rate=48000",
            ],
        );
        let this = Self { server };
        this.wait_ready(Duration::from_secs(15));
        for words in [
            ["set-default-sink", "out"],
            ["set-default-source", "mic.monitor"],
        ] {
            assert!(
                this.command("pactl")
                    .args(words)
                    .status()
                    .is_ok_and(|status| status.success())
            );
        }
        this
    }

    fn wait_ready(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let mut ask = self.command("pactl");
            ask.args(["list", "short", "sources"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            if let Ok(answer) = ask.output()
                && String::from_utf8_lossy(&answer.stdout).contains("mic.monitor")
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "pulseaudio: {}",
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// What a program needs in its environment to play and record here.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let folder = self.folder().to_owned();
        let socket = PathBuf::from(format!("unix:{}/sock", folder.display()));
        vec![
            ("HOME", folder.clone()),
            ("XDG_RUNTIME_DIR", folder),
            ("PULSE_SERVER", socket),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Plays a file to a sink.
    pub fn play(&self, sink: &str, file: &Path) -> Sound {
        let mut command = self.command("paplay");
        command.arg(format!("--device={sink}")).arg(file);
        Sound {
            child: command.spawn().expect("paplay runs"),
        }
    }

    /// Records a source: 48 kHz, one channel, raw 16-bit samples.
    pub fn record(&self, source: &str, file: &Path) -> Sound {
        let mut command = self.command("parecord");
        command.args([
            "--latency-msec=50",
            "--raw",
            "--rate=48000",
            "--channels=1",
            "--format=s16le",
        ]);
        command.arg(format!("--device={source}")).arg(file);
        Sound {
            child: command.spawn().expect("parecord runs"),
        }
    }

    /// The samples that [`Self::record`] wrote.
    pub fn recorded(&self, file: &Path) -> Vec<i16> {
        let octets = std::fs::read(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        octets
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }
}

impl Sound {
    /// Waits until it is through.
    pub fn wait(mut self) {
        let _ = self.child.wait();
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        // Asked politely, it writes what it still holds.
        let id = self.child.id().to_string();
        let asked = Command::new("sh")
            .args(["-c", "kill -INT \"$1\" 2>/dev/null", "sh", &id])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// PulseAudio wants a folder that is its owner's alone.
fn private(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .expect("our own folder");
    }
    #[cfg(not(unix))]
    let _ = folder;
}
