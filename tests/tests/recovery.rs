//! What is lost, doubled, late or dead on the way does not end a call.

use scenarios::ports::{free_udp, silent_udp};
use scenarios::requires;

use crate::support::{
    assert_we_talked_and_hung_up, assert_we_talked_until_the_peer_hung_up, we_are_called, we_call,
};

/// We call, and nothing of this may be noticed but the time that it takes.
fn survives_as_caller(flags: &str) {
    let (we, peer) = we_call(flags);
    assert_we_talked_and_hung_up(&we, &peer);
}

/// We are called, and nothing of this may be noticed but the time that it takes.
fn survives_as_callee(flags: &str) {
    let (we, peer) = we_are_called(flags);
    assert_we_talked_until_the_peer_hung_up(&we, &peer);
}

#[test]
fn our_lost_invite_is_sent_again() {
    requires!("prosody");
    let (we, peer) = we_call("--drop-invite 2");
    assert_we_talked_and_hung_up(&we, &peer);
    assert!(peer.count("invites") >= 3, "{}", peer.transcript());
}

#[test]
fn a_lost_invite_to_us_is_waited_for() {
    requires!("prosody");
    survives_as_callee("--drop-invite 2");
}

#[test]
fn a_lost_200_to_our_invite_is_recovered() {
    requires!("prosody");
    survives_as_caller("--drop-200 2");
}

#[test]
fn our_lost_200_is_sent_again() {
    requires!("prosody");
    survives_as_callee("--drop-200 2");
}

#[test]
fn our_lost_ack_is_sent_again_and_media_does_not_wait_for_it() {
    requires!("prosody");
    let (we, peer) = we_call("--drop-ack 1");
    assert_we_talked_and_hung_up(&we, &peer);
    assert!(peer.count("acks") >= 2, "{}", peer.transcript());
}

#[test]
fn a_lost_ack_to_us_does_not_keep_the_call_from_coming_up() {
    requires!("prosody");
    survives_as_callee("--drop-ack 1");
}

#[test]
fn our_lost_bye_is_sent_again() {
    requires!("prosody");
    let (we, peer) = we_call("--drop-bye 1");
    assert_we_talked_and_hung_up(&we, &peer);
    assert!(peer.count("byes") >= 2, "{}", peer.transcript());
}

#[test]
fn a_lost_bye_to_us_is_waited_for() {
    requires!("prosody");
    survives_as_callee("--drop-bye 1");
}

#[test]
fn a_response_that_arrives_twice_is_taken_once() {
    requires!("prosody");
    let (we, peer) = we_call("--duplicate-response");
    assert_we_talked_and_hung_up(&we, &peer);
    assert_eq!(we.all("accepted").len(), 1, "{}", we.transcript);
}

#[test]
fn of_three_addresses_only_the_last_is_alive_and_the_call_connects() {
    requires!("prosody");
    let ((_one, first), (_two, second)) = (silent_udp(), silent_udp());
    let (we, peer) = we_call(&format!("--ipports {first},{second},self"));
    assert_eq!(
        we.last("accepted")["candidates"].as_array().map(Vec::len),
        Some(3)
    );
    assert_we_talked_and_hung_up(&we, &peer);
    let setup = we.last("connected")["setup_ms"].as_f64().unwrap_or(0.0);
    assert!(
        (1900.0..6000.0).contains(&setup),
        "a second for each dead address: {setup} ms"
    );
}

#[test]
fn addresses_that_refuse_our_datagrams_do_not_hurt() {
    requires!("prosody");
    let (first, second) = (free_udp(), free_udp());
    survives_as_caller(&format!(
        "--ipports 127.0.0.1:{first},127.0.0.1:{second},self"
    ));
}

#[test]
fn address_lists_as_real_macs_and_old_gateways_write_them_are_read() {
    requires!("prosody");
    for flags in [
        "--guards --garbage",
        "--upper-hex",
        "--no-line-feed",
        "--new-node --results",
    ] {
        survives_as_caller(flags);
        survives_as_callee(flags);
    }
}

#[test]
fn an_address_in_a_counter_proposal_is_tried() {
    requires!("prosody");
    let (_socket, silent) = silent_udp();
    survives_as_caller(&format!("--ipports {silent} --counter-proposal"));
}

#[test]
fn a_mac_whose_presence_gains_avavail_while_we_wait_is_called() {
    requires!("prosody");
    survives_as_caller("--no-avavail-at-first 1500");
}

#[test]
fn pings_pinholes_and_holds_are_answered_and_change_nothing() {
    requires!("prosody");
    for flags in [
        "--pings 300 --ping-muted",
        "--pinholes",
        "--probe-methods --probe-iqs",
    ] {
        survives_as_caller(flags);
        survives_as_callee(flags);
    }
}

#[test]
fn a_mac_that_holds_us_and_lets_go_again_keeps_the_call() {
    requires!("prosody");
    let (we, peer) = we_call("--hold-after 200");
    we.assert_reason("hangup");
    peer.assert_ok().assert_heard_all();
}

#[test]
fn packets_that_are_lost_are_counted_and_those_that_are_swapped_or_doubled_are_not() {
    requires!("prosody");
    let (we, peer) = we_call("--lose-every 10");
    we.assert_reason("hangup");
    peer.assert_ok().assert_heard_all();
    let (lost, received) = (&we.ended()["lost"], &we.ended()["received"]);
    assert!(
        lost.as_u64() >= Some(5),
        "lost {lost} of {received}\n{}",
        we.transcript
    );
    for flags in ["--swap-every 7", "--double-every 7"] {
        survives_as_caller(flags);
    }
}

#[test]
fn packets_of_other_lengths_and_sequences_that_wrap_are_heard() {
    requires!("prosody");
    for flags in ["--packet-ms 10", "--packet-ms 30", "--packet-ms 40"] {
        survives_as_caller(flags);
    }
    survives_as_callee("--sequence 65520 --timestamp 4294960000");
}

#[test]
fn a_mac_of_10_4_with_three_ports_is_heard() {
    requires!("prosody");
    survives_as_callee("--separate-media");
}
