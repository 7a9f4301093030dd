//! Where and when the figures were measured.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::options::Options;

/// The average number of running programs over the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Lines to stand below the table.
pub(crate) fn report(load_before: &str, took: Duration, options: &Options) -> String {
    let cores = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cores
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (count, model) = models.fold((0, "unknown"), |(count, _), (_, model)| (count + 1, model));
    let lines = [
        ("Date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("Processor", format!("{count} × {model}")),
        ("System", format!("Linux {}", said("uname", &["-r"]))),
        ("Compiler", said("rustc", &["--version"])),
        (
            "coturn",
            said("dpkg-query", &["-W", "-f=${Version}", "coturn"]),
        ),
        ("Python", said("python3", &["--version"])),
        ("Load", format!("{load_before} before, {} after", load())),
        (
            "Runs",
            format!(
                "{} of {} s for each server, in turns; the server on processor {}, the questions on another",
                options.rounds,
                options.window.as_secs_f64(),
                options.processor
            ),
        ),
        ("Took", format!("{:.0} s", took.as_secs_f64())),
    ];
    lines
        .iter()
        .map(|(what, value)| format!("- {what}: {value}\n"))
        .collect()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
