//! tshark's view of a capture.

use std::path::Path;
use std::process::Command;

/// The fields of all packets that a display filter lets pass, a line a packet, tabs between.
///
/// # Panics
/// If tshark cannot read the file.
pub fn fields(capture: &Path, filter: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command
        .args([
            "-o",
            "rtp.heuristic_rtp:TRUE",
            "-T",
            "fields",
            "-Y",
            filter,
            "-r",
        ])
        .arg(capture);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.output().expect("tshark runs");
    assert!(
        output.status.success(),
        "tshark cannot read {capture:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// How many packets a display filter lets pass.
pub fn count(capture: &Path, filter: &str) -> usize {
    fields(capture, filter, &["frame.number"]).len()
}
