//! Two calls joined in virtual time: what each hears, tells and ends with.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::time::{Duration, Instant};

use ichat_endpoint::Reason;
use ichat_endpoint::call::{Call, Output};
use ichat_sip::Route;

use common::{Loss, Pair, alice, at, bob, config, is_sip, names, summary};

/// Loses the first `count` datagrams that begin with `start`.
fn lose_first(start: &'static str, mut count: u32) -> Loss {
    Box::new(move |_, octets| {
        let lost = count > 0 && is_sip(octets, start);
        if lost {
            count -= 1;
        }
        lost
    })
}

#[test]
fn a_call_connects_talks_and_hangs_up() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(3));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
    pair.alice.hang_up(pair.now);
    pair.run(Duration::from_millis(100));
    assert_eq!(
        names(&pair.alice_events),
        ["path", "connected", "media", "media", "hangup"]
    );
    assert_eq!(
        names(&pair.bob_events),
        ["path", "connected", "media", "media", "remote-hangup"]
    );
    for events in [&pair.alice_events, &pair.bob_events] {
        let summary = summary(events);
        assert_eq!(summary.lost, 0);
        assert!(summary.received > 140, "{summary:?}");
        assert!(summary.duration > Duration::from_millis(2900));
        assert!(summary.mos.unwrap() > 4.0, "{summary:?}");
    }
}

#[test]
fn what_is_said_is_heard_after_the_play_out_delay() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(2));
    for (said, heard) in [(0, 1), (1, 0)] {
        let said = &pair.said[said];
        let heard = &pair.heard[heard];
        let start = heard.iter().position(|sample| *sample != 0).unwrap();
        // µ-law keeps 14 bits' worth of logarithm: close, and in step.
        let first = said.iter().position(|sample| *sample != 0).unwrap();
        assert!(
            start >= first && start - first <= 8 * 100,
            "{start} {first}"
        );
        let offset = (first..said.len()).map(|i| said[i]);
        for (said, heard) in offset.zip(&heard[start..]) {
            assert!(
                (i32::from(said) - i32::from(*heard)).abs() <= 64,
                "{said} {heard}"
            );
        }
    }
}

#[test]
fn a_lost_invite_is_sent_again() {
    let mut pair = Pair::direct();
    pair.lose = lose_first("INVITE", 2);
    pair.run(Duration::from_secs(3));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
}

#[test]
fn a_lost_200_is_sent_again() {
    let mut pair = Pair::direct();
    pair.lose = lose_first("SIP/2.0 200", 1);
    pair.run(Duration::from_secs(3));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
}

#[test]
fn a_lost_ack_does_not_stop_the_media() {
    let mut pair = Pair::direct();
    pair.lose = lose_first("ACK", u32::MAX);
    pair.run(Duration::from_secs(40));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
    assert!(pair.bob.statistics().unwrap().received > 1900);
}

#[test]
fn a_lost_bye_is_sent_again() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(1));
    pair.lose = lose_first("BYE", 1);
    pair.alice.hang_up(pair.now);
    pair.run(Duration::from_secs(2));
    assert_eq!(summary(&pair.alice_events).reason, Reason::Hangup);
    assert_eq!(summary(&pair.bob_events).reason, Reason::RemoteHangup);
}

#[test]
fn of_three_addresses_only_the_last_is_alive_and_the_call_connects() {
    let dead = |text| Route {
        local: alice(),
        remote: at(text),
    };
    let routes = [
        dead("192.0.2.77:1"),
        dead("192.0.2.78:1"),
        Route {
            local: alice(),
            remote: bob(),
        },
    ];
    let mut pair = Pair::new(&routes);
    pair.run(Duration::from_secs(3));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
}

#[test]
fn an_address_that_never_answers_is_unreachable_after_20_s() {
    let mut pair = Pair::direct();
    pair.lose = Box::new(|_, _| true);
    pair.run(Duration::from_secs(19));
    assert!(pair.alice_events.is_empty());
    pair.run(Duration::from_secs(2));
    assert_eq!(names(&pair.alice_events), ["no-sip-answer", "unreachable"]);
    pair.run(Duration::from_secs(10));
    assert_eq!(names(&pair.bob_events), ["no-invite", "failed"]);
}

#[test]
fn a_peer_that_falls_silent_ends_the_call_after_10_s() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(2));
    pair.lose = Box::new(|from_alice, _| !from_alice);
    pair.run(Duration::from_secs(9));
    assert!(pair.alice.is_connected());
    pair.run(Duration::from_secs(4));
    assert_eq!(summary(&pair.alice_events).reason, Reason::MediaTimeout);
    assert_eq!(summary(&pair.bob_events).reason, Reason::RemoteHangup);
}

#[test]
fn a_stranger_is_neither_heard_nor_answered() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(1));
    let received = pair.bob.statistics().unwrap();
    let stranger = Route {
        local: bob(),
        remote: at("198.51.100.9:4000"),
    };
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9];
    packet.extend([0x55; 160]);
    for _ in 0..50 {
        pair.bob.handle_datagram(pair.now, stranger, &packet);
        pair.bob.handle_datagram(pair.now, stranger, &packet[..3]);
    }
    let after = pair.bob.statistics().unwrap();
    assert_eq!(after.received, received.received);
    assert_eq!(after.drops.total(), received.drops.total() + 100);
    assert_eq!(after.drops.unknown_source, 50);
    assert_eq!(after.drops.unknown_kind, 50);
    pair.run(Duration::from_secs(1));
    assert!(pair.bob.is_connected());
    assert_eq!(pair.bob.statistics().unwrap().lost, 0);
}

#[test]
fn an_invite_from_an_address_nobody_listed_is_refused() {
    let now = Instant::now();
    let mut bob_call =
        Call::await_invite(now, config("bob@im.test", "alice@im.test", 2), &[alice()]);
    let stranger = at("198.51.100.9:16402");
    let routes = [Route {
        local: stranger,
        remote: bob(),
    }];
    let mut eve = Call::dial(
        now,
        config("eve@im.test", "bob@im.test", 3),
        &routes,
        "user",
        now,
        None,
    );
    while let Some(output) = eve.poll_output() {
        if let Output::Transmit { octets, .. } = output {
            bob_call.handle_datagram(
                now,
                Route {
                    local: bob(),
                    remote: stranger,
                },
                &octets,
            );
        }
    }
    let Some(Output::Transmit { octets, .. }) = bob_call.poll_output() else {
        panic!("no answer")
    };
    assert!(
        is_sip(&octets, "SIP/2.0 603"),
        "{}",
        String::from_utf8_lossy(&octets)
    );
    assert!(!bob_call.is_ended(), "the right caller can still come");
}

#[test]
fn a_pinhole_datagram_shows_the_way() {
    let dead = Route {
        local: alice(),
        remote: at("192.168.1.5:16402"),
    };
    let mut pair = Pair::new(&[dead]);
    pair.run(Duration::from_secs(1));
    pair.alice.handle_datagram(
        pair.now,
        Route {
            local: alice(),
            remote: bob(),
        },
        b"\x99pin",
    );
    pair.run(Duration::from_secs(1));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
}

#[test]
fn the_duration_ends_the_call() {
    let now = Instant::now();
    let mut pair = Pair::direct();
    let mut config = config("alice@im.test", "bob@im.test", 1);
    config.duration = Some(Duration::from_secs(2));
    pair.alice = Call::dial(
        now,
        config,
        &[Route {
            local: alice(),
            remote: bob(),
        }],
        "user",
        now,
        None,
    );
    pair.run(Duration::from_millis(1900));
    assert!(pair.alice.is_connected());
    pair.run(Duration::from_millis(300));
    let summary = summary(&pair.alice_events);
    assert_eq!(summary.reason, Reason::Hangup);
    assert_eq!(summary.duration.as_millis(), 2000);
}

#[test]
fn every_truncation_of_every_datagram_is_survived() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_millis(500));
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let routes = [Route {
        local: alice(),
        remote: bob(),
    }];
    let mut other = Call::dial(
        pair.now,
        config("a@b", "c@d", 9),
        &routes,
        "user",
        pair.now,
        None,
    );
    while let Some(output) = other.poll_output() {
        if let Output::Transmit { octets, .. } = output {
            seen.push(octets);
        }
    }
    seen.push([&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9][..], &[0; 160]].concat());
    seen.push([0x81, 0xc9, 0, 7].into_iter().chain([0; 28]).collect());
    for datagram in &seen {
        for len in 0..=datagram.len() {
            let route = Route {
                local: bob(),
                remote: alice(),
            };
            pair.bob.handle_datagram(pair.now, route, &datagram[..len]);
            pair.drain();
        }
    }
    pair.run(Duration::from_secs(1));
    assert!(pair.alice.is_connected() && pair.bob.is_connected());
}
