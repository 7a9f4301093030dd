//! Pinholes of the legacy dialect.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use ichat_ice::{PINHOLE, PinholeOutput, PinholeTimings, Pinholes};
use support::{addr, ms};

const OURS: &str = "192.168.1.2:16402";

fn sent(pinholes: &mut Pinholes) -> Vec<(String, String)> {
    std::iter::from_fn(|| pinholes.poll_output())
        .map(|output| match output {
            PinholeOutput::Transmit(transmit) => {
                assert_eq!(transmit.octets, PINHOLE);
                (transmit.local.to_string(), transmit.remote.to_string())
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn each_listed_address_gets_one_at_once_and_more_for_a_minute() {
    let start = Instant::now();
    let locals = vec![
        addr(OURS),
        addr("127.0.0.1:16402"),
        addr("[2001:db8::2]:16402"),
    ];
    let mut pinholes = Pinholes::new(locals, PinholeTimings::default());
    assert_eq!(pinholes.poll_timeout(), None);
    let peers = [
        "203.0.113.7:16402",
        "10.0.0.7:16402",
        "[2001:db8::7]:16402",
        "127.0.0.1:16403",
    ];
    pinholes.add_peers(start, &peers.map(addr));
    // From each socket to what can be reached from there.
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(
        sent(&mut pinholes),
        [
            pair(OURS, peers[0]),
            pair(OURS, peers[1]),
            pair("[2001:db8::2]:16402", peers[2]),
            pair("127.0.0.1:16402", peers[3]),
        ]
    );
    let mut times = Vec::new();
    while let Some(due) = pinholes.poll_timeout() {
        pinholes.handle_timeout(due);
        assert_eq!(sent(&mut pinholes).len(), 4);
        times.push((due - start).as_millis());
    }
    assert_eq!(times[..6], [500, 1500, 3500, 7500, 12_500, 17_500]);
    assert!(*times.last().unwrap() > 55_000 && *times.last().unwrap() < 60_000);
}

#[test]
fn the_source_of_a_macs_pinhole_is_told_once() {
    let start = Instant::now();
    let mut pinholes = Pinholes::new(vec![addr(OURS)], PinholeTimings::default());
    pinholes.add_peers(start, &[addr("10.0.0.7:16402")]);
    sent(&mut pinholes);
    let nat = addr("203.0.113.7:61000");
    for _ in 0..3 {
        pinholes.handle_datagram(addr(OURS), nat);
        pinholes.handle_datagram(addr(OURS), addr("10.0.0.7:16402"));
    }
    let heard = |remote, listed| PinholeOutput::Heard {
        local: addr(OURS),
        remote,
        listed,
    };
    assert_eq!(pinholes.poll_output(), Some(heard(nat, false)));
    assert_eq!(
        pinholes.poll_output(),
        Some(heard(addr("10.0.0.7:16402"), true))
    );
    assert_eq!(pinholes.poll_output(), None);
    // Nobody can make us remember more than a few.
    for port in 1..1000 {
        pinholes.handle_datagram(addr(OURS), addr(&format!("192.0.2.1:{port}")));
    }
    assert_eq!(std::iter::from_fn(|| pinholes.poll_output()).count(), 6);
}

#[test]
fn they_end_when_the_invite_has_come_and_begin_again_with_new_addresses() {
    let start = Instant::now();
    let mut pinholes = Pinholes::new(vec![addr(OURS)], PinholeTimings::default());
    pinholes.add_peers(start, &[addr("10.0.0.7:16402")]);
    pinholes.stop();
    assert_eq!(pinholes.poll_timeout(), None);
    sent(&mut pinholes);
    let later = start + Duration::from_secs(2);
    pinholes.add_peers(later, &[addr("10.0.0.8:16402")]);
    assert_eq!(sent(&mut pinholes).len(), 2);
    assert_eq!(pinholes.poll_timeout(), Some(later + ms(500)));
    let many: Vec<_> = (1..200)
        .map(|last| addr(&format!("10.0.1.{last}:1")))
        .collect();
    pinholes.add_peers(later, &many);
    assert_eq!(sent(&mut pinholes).len(), 16);
}

#[test]
fn new_sockets_open_the_way_at_once_as_long_as_it_is_needed() {
    let start = Instant::now();
    let peer = "10.0.0.7:16402";
    let new = "192.168.7.2:16402";
    let mut pinholes = Pinholes::new(vec![addr(OURS)], PinholeTimings::default());
    pinholes.add_peers(start, &[addr(peer)]);
    sent(&mut pinholes);
    let later = start + Duration::from_secs(2);
    pinholes.set_locals(later, vec![addr(OURS)]);
    assert_eq!(sent(&mut pinholes), [], "nothing has changed");
    pinholes.set_locals(later, vec![addr(new)]);
    assert_eq!(sent(&mut pinholes), [(new.to_owned(), peer.to_owned())]);
    assert_eq!(pinholes.poll_timeout(), Some(later + ms(500)));
    pinholes.stop();
    pinholes.set_locals(later, vec![addr(OURS)]);
    assert_eq!(sent(&mut pinholes), []);
    assert_eq!(pinholes.poll_timeout(), None);
}
