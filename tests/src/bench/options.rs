//! What `scripts/bench` tells the benchmark.

use std::path::PathBuf;
use std::time::Duration;

use scenarios::program;

/// Everything that can be chosen.
#[derive(Debug)]
pub(crate) struct Options {
    /// The program that is measured, built without devices. From the variable `ICHAT_CALL_BIN`,
    /// where the harness finds it too.
    pub(crate) program: PathBuf,
    /// The same program with devices, for its size.
    pub(crate) with_devices: Option<PathBuf>,
    /// The Python that has `pesq`.
    pub(crate) python: Option<PathBuf>,
    /// The script that it runs.
    pub(crate) script: PathBuf,
    /// How long a clean build took.
    pub(crate) build: Option<Duration>,
    /// Calls in a set-up figure.
    pub(crate) calls: usize,
    /// Calls between us and baresip in the figure of processor time; half as many between our own.
    pub(crate) runs: usize,
    /// How long each of them is watched.
    pub(crate) window: Duration,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let program = std::env::var_os("ICHAT_CALL_BIN").ok_or("ICHAT_CALL_BIN is not set")?;
        let mut options = Self {
            program: PathBuf::from(program),
            with_devices: None,
            python: None,
            script: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python/pesq.py")),
            build: None,
            calls: 20,
            runs: 4,
            window: Duration::from_secs(30),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            let seconds = || {
                let seconds = value.parse().ok();
                seconds
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .ok_or(format!("{name} takes seconds, not {value}"))
            };
            let count = || {
                let count = value.parse().ok().filter(|count| *count > 0);
                count.ok_or(format!("{name} takes a number from 1, not {value}"))
            };
            match name.as_str() {
                "--with-devices" => options.with_devices = Some(PathBuf::from(value)),
                "--python" => options.python = Some(PathBuf::from(value)),
                "--build-seconds" => options.build = Some(seconds()?),
                "--window" => options.window = seconds()?,
                "--calls" => options.calls = count()?,
                "--runs" => options.runs = count()?,
                unknown => return Err(format!("{unknown} is no option of this program")),
            }
        }
        for needed in ["baresip", "prosody"] {
            if program::find(needed).is_none() {
                return Err(format!("{needed} is not installed"));
            }
        }
        if !options.program.is_file() {
            return Err(format!("there is no {}", options.program.display()));
        }
        Ok(options)
    }
}
