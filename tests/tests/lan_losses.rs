//! Neighbours that vanish, move, or mean harm.

use std::time::Instant;

use scenarios::ichat_call::{self, IchatCall, text};
use scenarios::netns::{Family, Host, Network};
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires_network, seconds};

const MAC: &str = "mac@powerbook";
const US: &str = "amy@laptop";
/// What a flood may cost us, in KiB.
const GROWTH_KIB: u64 = 24 * 1024;

fn answering(host: &Host, name: &str) -> IchatCall {
    let us = ichat_call::lan_answer(host, name).flag("--auto").spawn();
    us.wait_for("online", SOON);
    us
}

/// A stand-in on this host gets through to us, and finds nothing wrong.
fn assert_reachable(host: &Host) {
    let mac = standin::lan_call(host, "bob@hall", US)
        .flags("--duration 3")
        .spawn();
    mac.verdict(seconds(40))
        .assert_ok()
        .assert_ended("hangup")
        .assert_heard_all();
}

fn ends_well(us: IchatCall) {
    us.process().interrupt();
    us.finish(SOON).assert_status(0);
}

#[test]
fn a_peer_whose_plug_is_pulled_in_mid_call_ends_it_after_ten_silent_seconds() {
    requires_network!();
    let network = Network::pair();
    let callee = answering(network.host(1), "ben@desk");
    let caller = ichat_call::lan_call(network.host(0), US, "ben").spawn();
    caller.wait_for("connected", SOON);
    network.host(1).unplug();
    let cut = Instant::now();
    caller.finish(seconds(40)).assert_reason("media-timeout");
    let took = cut.elapsed().as_secs_f64();
    assert!((9.0..16.0).contains(&took), "{took} s");
    callee.wait_for("ended", seconds(20));
    ends_well(callee);
}

#[test]
fn a_mac_that_leaves_without_a_word_while_it_rings_is_unreachable() {
    requires_network!();
    let network = Network::pair();
    let mac = standin::lan_answer(network.host(1), MAC)
        .flags("--no-answer --vanish-without-goodbye")
        .spawn();
    mac.wait_online();
    let call = ichat_call::lan_call(network.host(0), US, MAC).spawn();
    mac.wait_for("incoming", SOON);
    mac.process().kill();
    let call = call.finish(seconds(40));
    let reason = text(call.ended(), "reason");
    assert!(
        ["unreachable", "no-answer"].contains(&reason),
        "{}",
        call.transcript
    );
    call.assert_status(4);
}

#[test]
fn a_caller_that_leaves_without_a_word_while_it_rings_has_cancelled() {
    requires_network!();
    let network = Network::pair();
    let us = ichat_call::lan_answer(network.host(0), US)
        .flag("--auto")
        .flag("--once")
        .set("--allow", "somebody@else")
        .spawn();
    us.wait_for("online", SOON);
    let mac = standin::lan_call(network.host(1), MAC, US).spawn();
    us.wait_for("incoming", SOON);
    mac.process().kill();
    let us = us.finish(seconds(40));
    let reason = text(us.ended(), "reason");
    assert!(
        ["cancelled", "no-answer"].contains(&reason),
        "{}",
        us.transcript
    );
}

#[test]
fn a_mac_that_said_goodbye_is_not_rung_and_one_that_comes_back_is() {
    requires_network!();
    let network = Network::pair();
    let gone = standin::lan_answer(network.host(1), MAC)
        .flags("--timeout 1")
        .spawn();
    gone.verdict(seconds(20))
        .assert_ok()
        .assert_ended("no-call");
    let call = ichat_call::lan_call(network.host(0), US, MAC).spawn();
    let mac = standin::lan_answer(network.host(1), MAC).spawn();
    call.wait_for("connected", SOON);
    call.process().interrupt();
    call.finish(SOON).assert_reason("hangup");
    mac.verdict(VERDICT)
        .assert_ok()
        .assert_ended("remote-hangup");
}

#[test]
fn whoever_gets_another_address_is_reached_there() {
    requires_network!();
    let network = Network::pair();
    let us = answering(network.host(0), US);
    network.host(0).move_to(99);
    // Multicast DNS looks for new addresses now and then; then the announcement goes out again.
    std::thread::sleep(seconds(8));
    assert_reachable(network.host(1));
    ends_well(us);
}

#[test]
fn a_second_stream_of_the_same_mac_is_as_good_as_the_first() {
    requires_network!();
    let network = Network::pair();
    let us = answering(network.host(0), US);
    let mac = standin::lan_call(network.host(1), MAC, US)
        .flags("--second-stream --duration 3")
        .spawn();
    let verdict = mac.verdict(seconds(40));
    verdict
        .assert_ok()
        .assert_ended("hangup")
        .assert_heard_all();
    assert!(
        verdict.count("streams_out") >= 2,
        "{}",
        verdict.transcript()
    );
    ends_well(us);
}

#[test]
fn a_stream_that_says_nothing_is_closed_and_disturbs_nobody() {
    requires_network!();
    let network = Network::new(3, Family::Both);
    let us = answering(network.host(0), US);
    let silent = standin::lan_call(network.host(1), MAC, US)
        .flags("--no-ring --silent-stream --timeout 15")
        .spawn();
    silent.wait_online();
    assert_reachable(network.host(2));
    let verdict = silent.verdict(seconds(40));
    verdict.assert_ok();
    let closed = verdict.count("silent_closed_ms");
    assert!(
        (8_000..13_000).contains(&closed),
        "{}",
        verdict.transcript()
    );
    ends_well(us);
}

#[test]
fn an_element_that_never_ends_is_cut_off_and_costs_no_memory() {
    requires_network!();
    let network = Network::new(3, Family::Both);
    let us = answering(network.host(0), US);
    let before = Host::memory_kib(us.process().id());
    let endless = standin::lan_call(network.host(1), MAC, US)
        .flags("--no-ring --endless-xml --timeout 8")
        .spawn();
    endless.wait_online();
    assert_reachable(network.host(2));
    let verdict = endless.verdict(seconds(40));
    let poured = verdict.count("endless_octets");
    // What the two systems hold in their sockets counts too.
    assert!((1..32 << 20).contains(&poured), "{}", verdict.transcript());
    let after = Host::memory_kib(us.process().id());
    assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
    ends_well(us);
}

#[test]
fn a_thousand_ghosts_with_oversized_records_cost_no_memory_and_hide_nobody() {
    requires_network!();
    let network = Network::new(3, Family::Both);
    let us = answering(network.host(0), US);
    standin::lan_flood(network.host(1), 300)
        .spawn()
        .exits(seconds(30));
    std::thread::sleep(seconds(2));
    let before = Host::memory_kib(us.process().id());
    standin::lan_flood(network.host(1), 1300)
        .spawn()
        .exits(seconds(30));
    std::thread::sleep(seconds(2));
    let after = Host::memory_kib(us.process().id());
    assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
    assert_reachable(network.host(2));
    let call = ichat_call::lan_call(network.host(0), "zoe@laptop", "bob@hall");
    let mac = standin::lan_answer(network.host(2), "bob@hall").spawn();
    mac.wait_online();
    call.set("--duration", "1")
        .spawn()
        .finish(seconds(30))
        .assert_reason("hangup");
    mac.verdict(VERDICT).assert_ok();
    ends_well(us);
}

#[test]
fn many_streams_of_one_neighbour_do_not_shut_out_another() {
    requires_network!();
    let network = Network::new(3, Family::Both);
    let us = answering(network.host(0), US);
    let crowd: Vec<_> = (0..12)
        .map(|number| {
            let name = format!("mob{number}@street");
            standin::lan_call(network.host(1), &name, US)
                .flags("--no-ring --silent-stream --timeout 12 --vanish-without-goodbye")
                .spawn()
        })
        .collect();
    for one in &crowd {
        one.wait_for("presence", SOON);
    }
    assert_reachable(network.host(2));
    drop(crowd);
    ends_well(us);
}
