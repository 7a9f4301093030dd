//! The unit for systemd.

use std::process::Command;

use scenarios::scratch::Scratch;
use scenarios::{binary, requires};

const UNIT: &str = include_str!("../../../contrib/ichat-call-snatmap.service");
const INSTALLED: &str = "/usr/local/bin/ichat-call";

#[test]
fn systemd_takes_the_unit_and_finds_it_well_locked_up() {
    requires!("systemd-analyze");
    let program = binary::ichat_call();
    let program = program.to_str().expect("a path of text");
    assert!(UNIT.contains(INSTALLED));
    let scratch = Scratch::new("unit");
    let unit = scratch.write(
        "ichat-call-snatmap.service",
        UNIT.replace(INSTALLED, program),
    );
    for words in [
        &["verify"][..],
        // 10 is no exposure, 100 all that there is.
        &["security", "--no-pager", "--offline=true", "--threshold=20"],
    ] {
        let output = Command::new("systemd-analyze")
            .args(words)
            .arg(&unit)
            .output()
            .expect("systemd-analyze runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

#[test]
fn the_units_command_line_is_one_that_we_know() {
    let line = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a unit starts something");
    let mut words: Vec<&str> = line
        .split(' ')
        .filter(|word| !word.starts_with('$'))
        .collect();
    assert_eq!(words.remove(0), INSTALLED);
    // Where it may listen here, in place of the ports that only root has.
    let words = words.iter().map(|word| match *word {
        "0.0.0.0:5678" | "0.0.0.0:80" => "127.0.0.1:0",
        other => other,
    });
    let words: Vec<&str> = words.chain(["--json"]).collect();
    let server = scenarios::ichat_call::run(&words).spawn();
    server
        .process()
        .wait_for_where("http", scenarios::SOON, |event| event["service"] == "http");
    server.process().interrupt();
    server.finish(scenarios::seconds(5)).assert_status(0);
}
