//! What `scripts/bench-snatmap` tells the benchmark.

use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be chosen.
#[derive(Debug)]
pub(crate) struct Options {
    /// The program that is measured. From the variable `ICHAT_CALL_BIN`.
    pub(crate) program: PathBuf,
    /// The server in Python.
    pub(crate) script: PathBuf,
    /// The processor that servers run on.
    pub(crate) processor: String,
    /// How often each server is measured.
    pub(crate) rounds: usize,
    /// How long each time.
    pub(crate) window: Duration,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let program = std::env::var_os("ICHAT_CALL_BIN").ok_or("ICHAT_CALL_BIN is not set")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/snatmap_server.py");
        let mut options = Self {
            program: PathBuf::from(program),
            script: PathBuf::from(script),
            processor: "0".to_owned(),
            rounds: 7,
            window: Duration::from_secs(2),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--processor" => options.processor = value,
                "--rounds" => {
                    let rounds = value.parse().ok().filter(|rounds| *rounds > 0);
                    options.rounds =
                        rounds.ok_or(format!("{name} takes a number from 1, not {value}"))?;
                }
                "--window" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds > 0.0);
                    let window = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                    options.window = window.ok_or(format!("{name} takes seconds, not {value}"))?;
                }
                unknown => return Err(format!("{unknown} is no option of this program")),
            }
        }
        for needed in ["turnserver", "python3", "taskset"] {
            if scenarios::program::find(needed).is_none() {
                return Err(format!("{needed} is not installed"));
            }
        }
        if !options.program.is_file() {
            return Err(format!("there is no {}", options.program.display()));
        }
        Ok(options)
    }
}
