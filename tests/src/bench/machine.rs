//! Where and when the figures were measured.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::procfs::Busy;

/// The machine, observed from before the first figure on.
#[derive(Debug)]
pub(crate) struct Machine {
    load_before: String,
    busy: Busy,
}

impl Machine {
    /// Starts to observe.
    pub(crate) fn observe() -> Self {
        Self {
            load_before: load(),
            busy: Busy::start(),
        }
    }

    /// Lines to stand below the table.
    pub(crate) fn report(&self, took: Duration) -> String {
        let busy = self.busy.cores();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut text = String::new();
        for (what, value) in [
            ("Date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
            ("Processor", format!("{cores} × {}", processor())),
            (
                "System",
                format!("{}, Linux {}", system(), said("uname", &["-r"])),
            ),
            ("Compiler", said("rustc", &["--version"])),
            ("baresip", package("baresip")),
            ("Prosody", package("prosody")),
            (
                "Load",
                format!(
                    "{} before, {} after; {busy:.2} of {cores} cores busy on average, all programs",
                    self.load_before,
                    load(),
                ),
            ),
            ("Took", format!("{:.0} s", took.as_secs_f64())),
        ] {
            let _ = writeln!(text, "- {what}: {value}");
        }
        text
    }
}

/// The average number of running programs over the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("unknown", |(_, name)| name).to_owned()
}

fn system() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.unwrap_or("unknown").trim_matches('"').to_owned()
}

fn package(name: &str) -> String {
    said("dpkg-query", &["-W", "-f=${Version}", name])
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
