//! Two stand-ins call each other without XMPP, over loopback.

mod common;

use common::{Standin, assert_octets_agree};

fn call(caller: &str, callee: &str) -> (Standin, Standin) {
    let mut answering = Standin::start(&format!("sip-answer {callee}"));
    let port = answering.port();
    let target = format!("sip:user@127.0.0.1:{port}");
    let calling = Standin::start(&format!("sip-call {target} --no-wait-for-rtp {caller}"));
    (calling, answering)
}

#[test]
fn two_stand_ins_talk_for_three_seconds_and_every_octet_arrives() {
    let (mut caller, mut callee) = call("--duration 3", "");
    let verdict = caller.good_verdict();
    assert_eq!(verdict["ended"], "hangup");
    assert_eq!(verdict["lost"], 0);
    assert_eq!(verdict["ssrcs"], 1);
    let verdict = callee.good_verdict();
    assert_eq!(verdict["ended"], "remote-hangup");
    assert_eq!(
        (&verdict["invites"], &verdict["acks"], &verdict["byes"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_octets_agree(&caller, &callee, 3);
}

#[test]
fn three_ports_serve_as_well_as_one() {
    let (mut caller, mut callee) = call("--duration 1", "--separate-media");
    // That the answer is not on one port is a deviation only for an endpoint of ours.
    let faults = caller.verdict()["faults"].to_string();
    assert!(
        faults.contains("one port") && faults.contains("no a=rtcp"),
        "{faults}"
    );
    callee.good_verdict();
    assert_octets_agree(&caller, &callee, 1);
}

#[test]
fn a_file_is_sent_and_written_as_it_was() {
    let folder = common::folder("file");
    let speech: Vec<u8> = (0..8000_u32).map(|at| (at * 7 % 251) as u8).collect();
    let path = folder.join("speech.ul");
    std::fs::write(&path, &speech).unwrap();
    let send = format!("--duration 1.5 --send {}", path.display());
    let (mut caller, mut callee) = call(&send, "");
    caller.good_verdict();
    callee.good_verdict();
    let (_, received) = callee.octets();
    assert_eq!(received[..8000], speech);
    assert!(received[8000..].iter().all(|octet| *octet == 0xff));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_peer_that_vanishes_is_noticed_by_the_dead_air() {
    let (mut caller, mut callee) = call("--vanish-after 500", "--dead-air-end 2");
    let verdict = callee.verdict();
    assert_eq!(verdict["ended"], "dead-air");
    assert!(
        verdict["faults"]
            .to_string()
            .contains("BYE was not answered"),
        "{verdict:#}"
    );
    assert_eq!(caller.good_verdict()["ended"], "vanished");
}

#[test]
fn the_lifetime_is_a_hard_stop() {
    let mut alone = Standin::start("sip-answer --lifetime 0.3");
    let verdict = alone.verdict();
    assert_eq!(verdict["ended"], "lifetime");
    assert_eq!(verdict["ok"], false);
    let mut patient = Standin::start("sip-answer --timeout 0.2 --linger 0");
    assert_eq!(patient.good_verdict()["ended"], "no-call");
}
