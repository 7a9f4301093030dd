//! Wireshark's view of a capture.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use netsim::{Endpoint, Families, Nat, Network, Reflector, Scenario, Tap, World};

/// Whether tshark is installed. Where it is not the test says so and does nothing; where the
/// variable `CI` is set it fails.
fn has_tshark() -> bool {
    let found = Command::new("tshark")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "tshark is needed in CI and is not installed"
        );
        eprintln!("SKIPPED: tshark is not installed (apt-get install tshark)");
    }
    found
}

fn fields(capture: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture);
    for preference in ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE"] {
        command.args(["-o", preference]);
    }
    command.args(["-T", "fields"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.output().expect("tshark runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert!(!complaint.contains("malformed"), "{complaint}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

#[test]
fn tshark_reads_a_capture_and_finds_all_checksums_right() {
    if !has_tshark() {
        return;
    }
    let mut scenario = Scenario::of_chains(1, &[], &[Nat::full_cone()], &[]);
    scenario.callee.attachments[0].families = Families::Both;
    let stage = scenario.build(Instant::now()).unwrap();
    let caller = stage.caller_endpoints()[0];
    let callee = stage.callee_endpoints();
    let stun = [stage.stun_address(true), stage.stun_address(false)];
    let mut world: World<Box<dyn Endpoint>> = World::new(stage.network);
    world.network_mut().tap(Tap::Segment(Network::INTERNET));
    let path = std::env::temp_dir().join(format!("netsim-{}.pcap", std::process::id()));
    world
        .record(Box::new(File::create(&path).unwrap()))
        .unwrap();
    world.set_service(stage.reflector, Box::new(Reflector::new()));

    // A Binding request from inside of the NAT, one over IPv4 and one over IPv6 from outside, and
    // an odd number of octets.
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], b"transaction!"].concat();
    for (host, local, remote, octets) in [
        (stage.caller, caller, stun[0], request.clone()),
        (stage.callee, callee[0], stun[0], request.clone()),
        (stage.callee, callee[1], stun[1], request),
        (stage.callee, callee[0], stun[0], b"odd".to_vec()),
    ] {
        world.run_for(Duration::from_millis(250)).unwrap();
        let now = world.now();
        world
            .network_mut()
            .send(now, host, local, remote, octets)
            .unwrap();
    }
    world.run_for(Duration::from_secs(1)).unwrap();
    drop(world);

    let rows = fields(
        &path,
        &[
            "frame.time_epoch",
            "ip.checksum.status",
            "udp.checksum.status",
            "stun.type",
            "udp.length",
        ],
    );
    fs::remove_file(&path).unwrap();
    let expected = [
        ["946684800.250000000", "1", "1", "0x0001", "28"],
        ["946684800.250000000", "1", "1", "0x0101", "40"],
        ["946684800.500000000", "1", "1", "0x0001", "28"],
        ["946684800.500000000", "1", "1", "0x0101", "40"],
        ["946684800.750000000", "", "1", "0x0001", "28"],
        ["946684800.750000000", "", "1", "0x0101", "52"],
        ["946684801.000000000", "1", "1", "", "11"],
    ];
    assert_eq!(rows, expected);
}
