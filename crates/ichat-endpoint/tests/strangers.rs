//! Whoever is not the peer is not heard, and what came of strangers is counted: machines alone, in
//! virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::meeting::{Meeting, rtp};
use common::{alice, at, bob, config, is_sip, names, summary};
use ichat_endpoint::call::{Call, CallConfig, Output, STRANGER_WAITS};
use ichat_endpoint::{Drops, Event};
use ichat_sip::Route;
use netsim::{Change, Endpoint, Nat, Scenario};

const MILLISECOND: Duration = Duration::from_millis(1);

fn from(remote: SocketAddr) -> Route {
    Route {
        local: bob(),
        remote,
    }
}

fn stranger() -> Route {
    from(at("198.51.100.9:16402"))
}

fn is_checked(name: &str, peer: &str, seed: u64) -> CallConfig {
    CallConfig {
        checked: true,
        ..config(name, peer, seed)
    }
}

/// Bob awaits Alice, who lists one address.
fn awaiting(now: Instant, checked: bool) -> Call {
    let config = CallConfig {
        checked,
        ..config("bob@im.test", "alice@im.test", 2)
    };
    Call::await_invite(now, config, &[alice()])
}

/// An INVITE that somebody sends under that name from `source`; each seed gives another call.
fn invite(now: Instant, name: &str, source: SocketAddr, seed: u64) -> Vec<u8> {
    let routes = [Route {
        local: source,
        remote: bob(),
    }];
    let config = config(name, "bob@im.test", seed);
    let mut caller = Call::dial(now, config, &routes, "user", now, None);
    loop {
        match caller.poll_output().expect("it sends an INVITE") {
            Output::Transmit { octets, .. } => return octets,
            Output::Event(_) => {}
        }
    }
}

/// What comes out: datagrams with where to, and events.
fn drain(call: &mut Call) -> (Vec<(SocketAddr, Vec<u8>)>, Vec<Event>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = call.poll_output() {
        match output {
            Output::Transmit { route, octets } => sent.push((route.remote, octets)),
            Output::Event(event) => events.push(event),
        }
    }
    (sent, events)
}

/// The answers: where to, and the status.
fn answers(call: &mut Call) -> Vec<(SocketAddr, String)> {
    let (sent, _) = drain(call);
    sent.into_iter()
        .filter(|(_, octets)| is_sip(octets, "SIP/2.0 "))
        .map(|(to, octets)| (to, String::from_utf8_lossy(&octets[8..11]).into_owned()))
        .collect()
}

fn ok(to: SocketAddr) -> Vec<(SocketAddr, String)> {
    vec![(to, "200".to_owned())]
}

/// Hangs up, and reads what was dropped.
fn dropped(mut call: Call, now: Instant) -> Drops {
    call.hang_up(now);
    call.handle_timeout(now + Duration::from_secs(60));
    summary(&drain(&mut call).1).drops
}

fn received(call: &Call) -> u64 {
    call.statistics().map_or(0, |figures| figures.received)
}

#[test]
fn with_checks_the_peers_address_is_a_stranger_at_another_address_of_ours() {
    let mut meeting = Meeting::new(&Scenario::of_chains(12, &[], &[], &[Nat::linux()]));
    meeting.agree();
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(1));
    let path = meeting.caller().path.unwrap();
    let way = meeting.caller().call.as_ref().unwrap().route();
    let before = meeting.heard()[0];
    let now = meeting.world.now();
    // The cable beside the radio: nobody has checked there.
    let cable = at("192.168.77.1:16402");
    for sequence in 0..50 {
        meeting
            .caller()
            .handle_datagram(now, cable, path.remote, &rtp(sequence));
        let report = [0x80, 201, 0, 1, 1, 2, 3, 4];
        meeting
            .caller()
            .handle_datagram(now, cable, path.remote, &report);
    }
    assert_eq!(meeting.heard()[0], before);
    let call = meeting.caller().call.as_ref().unwrap();
    assert_eq!(call.statistics().unwrap().drops.unknown_source, 100);
    assert_eq!(call.route(), way, "nothing of ours goes there");
}

#[test]
fn what_comes_to_an_address_that_we_no_longer_have_is_not_heard() {
    let mut meeting = Meeting::new(&Scenario::new(13));
    meeting.agree();
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(1));
    let path = meeting.caller().path.unwrap();
    let now = meeting.world.now();
    let before = meeting.heard()[0];
    meeting
        .caller()
        .handle_datagram(now, path.local, path.remote, &foreign(1));
    let reached = |meeting: &mut Meeting| {
        let call = meeting.caller().call.as_ref().unwrap();
        call.statistics().unwrap().drops.malformed
    };
    assert_eq!(reached(&mut meeting), 1, "it gets as far as the media");
    assert_eq!(meeting.heard()[0], before);

    let caller = meeting.caller;
    let network = meeting.world.network_mut();
    let address = path.local.ip();
    network
        .apply(Change::AddressGone {
            host: caller,
            address,
        })
        .unwrap();
    meeting.run(10 * MILLISECOND);
    let unknown = |meeting: &mut Meeting| {
        let call = meeting.caller().call.as_ref().unwrap();
        call.statistics().unwrap().drops.unknown_source
    };
    let before = unknown(&mut meeting);
    let now = meeting.world.now();
    for sequence in 0..50 {
        meeting
            .caller()
            .handle_datagram(now, path.local, path.remote, &foreign(sequence));
    }
    assert_eq!(unknown(&mut meeting), before + 50);
    assert_eq!(reached(&mut meeting), 1, "and now no further than the door");
}

/// A packet of another sender, so that nothing else than this is counted by what becomes of it.
fn foreign(sequence: u8) -> Vec<u8> {
    let mut packet = rtp(sequence);
    packet[8..12].copy_from_slice(&[sequence, 0xfe, 0xed, 0x55]);
    packet
}

#[test]
fn with_checks_the_right_name_alone_begins_no_call() {
    let now = Instant::now();
    let mut call = awaiting(now, true);
    let octets = invite(now, "alice@im.test", stranger().remote, 3);
    for _ in 0..5 {
        call.follow_checks(stranger(), false);
        call.handle_datagram(now, stranger(), &octets);
    }
    call.handle_timeout(now + 2 * STRANGER_WAITS);
    assert_eq!(drain(&mut call), (Vec::new(), Vec::new()), "not a word");
    assert!(!call.has_media());
    // If it was the peer, whose check was only late, its repetition is taken.
    call.follow_checks(stranger(), true);
    call.handle_datagram(now, stranger(), &octets);
    assert_eq!(answers(&mut call), ok(stranger().remote));
    assert_eq!(call.statistics().unwrap().drops.unknown_source, 5);
}

#[test]
fn with_checks_a_listed_address_may_invite_before_any_went_through_and_is_heard_there_alone() {
    let now = Instant::now();
    let mut call = awaiting(now, true);
    call.follow_checks(from(alice()), false);
    let octets = invite(now, "somebody else", alice(), 3);
    call.handle_datagram(now, from(alice()), &octets);
    assert_eq!(answers(&mut call), ok(alice()));
    call.handle_datagram(now, from(alice()), &rtp(1));
    assert_eq!(received(&call), 1);
    let elsewhere = Route {
        local: at("192.0.2.200:16402"),
        remote: alice(),
    };
    for route in [elsewhere, stranger(), from(at("192.0.2.1:16403"))] {
        call.follow_checks(route, false);
        call.handle_datagram(now, route, &rtp(2));
    }
    assert_eq!(received(&call), 1);
    assert_eq!(call.statistics().unwrap().drops.unknown_source, 3);
}

#[test]
fn a_way_is_heard_for_as_long_as_checks_say_so_the_invites_own_included() {
    let now = Instant::now();
    let way = from(alice());
    let mut call = awaiting(now, true);
    call.follow_checks(way, true);
    call.handle_datagram(now, way, &invite(now, "alice@im.test", alice(), 3));
    assert_eq!(answers(&mut call), ok(alice()));
    for (sequence, valid) in [(1, true), (2, false), (3, false), (4, true)] {
        call.follow_checks(way, valid);
        call.handle_datagram(now, way, &rtp(sequence));
    }
    assert_eq!(received(&call), 2);
    assert_eq!(call.statistics().unwrap().drops.unknown_source, 2);
}

#[test]
fn without_checks_a_stranger_with_the_right_name_waits_and_is_taken_when_nobody_better_comes() {
    let now = Instant::now();
    let mut call = awaiting(now, false);
    let octets = invite(now, "Alice@IM.test", stranger().remote, 3);
    call.handle_datagram(now, stranger(), &octets);
    let just_before = now + STRANGER_WAITS - MILLISECOND;
    call.handle_timeout(just_before);
    assert_eq!(drain(&mut call).0, []);
    assert_eq!(call.poll_timeout(), Some(now + STRANGER_WAITS));
    call.handle_timeout(now + STRANGER_WAITS);
    assert_eq!(answers(&mut call), ok(stranger().remote));
    assert_eq!(call.statistics().unwrap().drops, Drops::default());
}

#[test]
fn without_checks_the_invite_of_a_listed_address_wins_over_a_strangers_that_came_first() {
    let now = Instant::now();
    let mut call = awaiting(now, false);
    let wrong = invite(now, "alice@im.test", stranger().remote, 3);
    call.handle_datagram(now, stranger(), &wrong);
    let later = now + STRANGER_WAITS / 2;
    call.handle_datagram(
        later,
        from(alice()),
        &invite(now, "alice@im.test", alice(), 4),
    );
    let refused = (stranger().remote, "486".to_owned());
    let [first, second] = &answers(&mut call)[..] else {
        panic!("two answers")
    };
    assert_eq!([first, second], [&refused, &ok(alice())[0]]);
    call.handle_timeout(later + STRANGER_WAITS);
    // Sent again, it finds a call that is up.
    call.handle_datagram(later, stranger(), &wrong);
    assert_eq!(answers(&mut call), [refused]);
    call.handle_datagram(later, stranger(), &rtp(1));
    assert_eq!(received(&call), 0);
    assert_eq!(call.route().unwrap().remote, alice());
}

#[test]
fn the_callers_own_invite_by_two_ways_is_answered_once() {
    let now = Instant::now();
    let mut call = awaiting(now, false);
    let octets = invite(now, "alice@im.test", alice(), 3);
    // Through a NAT that nobody listed, and straight.
    call.handle_datagram(now, stranger(), &octets);
    call.handle_datagram(now, stranger(), &octets);
    call.handle_datagram(now, from(alice()), &octets);
    assert_eq!(answers(&mut call), ok(alice()));
    call.handle_timeout(now + STRANGER_WAITS);
    assert_eq!(answers(&mut call), []);
    assert_eq!(call.statistics().unwrap().drops, Drops::default());
}

#[test]
fn of_two_strangers_the_first_waits_and_another_port_of_a_listed_host_need_not() {
    let now = Instant::now();
    let mut call = awaiting(now, false);
    let other = from(at("198.51.100.10:16402"));
    for (seed, route) in [(3, stranger()), (4, other)] {
        let octets = invite(now, "alice@im.test", route.remote, seed);
        call.handle_datagram(now, route, &octets);
    }
    call.handle_timeout(now + STRANGER_WAITS);
    assert_eq!(answers(&mut call), ok(stranger().remote));
    assert_eq!(call.statistics().unwrap().drops.unknown_source, 1);

    let mut call = awaiting(now, false);
    let mapped = from(at("192.0.2.1:61000"));
    let nameless = invite(now, "carol@im.test", mapped.remote, 5);
    call.handle_datagram(now, mapped, &nameless);
    assert_eq!(answers(&mut call), [(mapped.remote, "603".to_owned())]);
    let octets = invite(now, "alice@im.test", mapped.remote, 6);
    call.handle_datagram(now, mapped, &octets);
    assert_eq!(answers(&mut call), ok(mapped.remote));
}

#[test]
fn with_checks_a_hint_leads_our_invite_to_no_stranger() {
    let now = Instant::now();
    let routes = [from(alice())];
    let config = || is_checked("bob@im.test", "alice@im.test", 2);
    for (hint, follows) in [(stranger(), false), (from(at("192.0.2.1:61000")), true)] {
        let mut call = Call::dial(now, config(), &routes, "user", now, None);
        drain(&mut call);
        call.handle_datagram(now, hint, b"\x99pin");
        let (sent, _) = drain(&mut call);
        let invited = sent.iter().any(|(to, _)| *to == hint.remote);
        assert_eq!(invited, follows, "{hint}");
        let drops = dropped(call, now);
        assert_eq!(drops.unknown_kind, u64::from(!follows), "{hint}");
    }
}

/// One datagram of each reason that the classifier can tell, and keepalives, which are none.
fn one_of_each() -> [Vec<u8>; 8] {
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend([7; 12]);
    let mut snatmap = vec![0; 16];
    snatmap[3] = 2;
    [
        rtp(1),
        vec![0x80, 201, 0, 1, 1, 2, 3, 4],
        b"BYE sip:user@192.0.2.2 SIP/2.0\r\n\r\n".to_vec(),
        vec![0xde, 0xad, 0xbe, 0xef, 1],
        stun,
        snatmap,
        b"\x99?".to_vec(),
        b"\r\n\r\n".to_vec(),
    ]
}

#[test]
fn whatever_comes_before_there_is_media_is_counted_by_its_reason() {
    let now = Instant::now();
    for checked in [false, true] {
        let mut call = awaiting(now, checked);
        for datagram in one_of_each() {
            call.handle_datagram(now, stranger(), &datagram);
        }
        let expected = Drops {
            no_media: 2,
            sip: 1,
            probe: 1,
            stun: 1,
            snatmap: 1,
            unknown_kind: 1,
            ..Drops::default()
        };
        assert_eq!(dropped(call, now), expected);
    }
}

#[test]
fn whatever_comes_in_a_call_and_after_its_good_bye_is_counted_by_its_reason() {
    let now = Instant::now();
    let mut call = awaiting(now, false);
    let octets = invite(now, "alice@im.test", alice(), 3);
    call.handle_datagram(now, from(alice()), &octets);
    for datagram in one_of_each() {
        call.handle_datagram(now, stranger(), &datagram);
    }
    let in_call = Drops {
        unknown_source: 2,
        sip: 1,
        probe: 1,
        stun: 1,
        snatmap: 1,
        unknown_kind: 1,
        ..Drops::default()
    };
    assert_eq!(call.statistics().unwrap().drops, in_call);
    // The peer's own: its sound, twice; sound that nobody agreed on; and what cannot be read.
    let mut other_payload = rtp(2);
    other_payload[1] = 18;
    let padded = [&[0xa0, 0, 0, 3, 0, 0, 0, 0, 1, 2, 3, 4][..], &[0xff; 8]].concat();
    for datagram in [rtp(1), rtp(1), other_payload, padded] {
        call.handle_datagram(now, from(alice()), &datagram);
    }
    let figures = call.statistics().unwrap();
    let drops = figures.drops;
    assert_eq!(drops.duplicate, 1, "{drops}");
    assert_eq!((drops.payload_type, drops.malformed), (1, 1), "{drops}");
    call.hang_up(now);
    call.handle_datagram(now, from(alice()), &rtp(4));
    call.handle_timeout(now + Duration::from_secs(60));
    let (_, events) = drain(&mut call);
    let expected = Drops {
        payload_type: 1,
        duplicate: 1,
        malformed: 1,
        no_media: 1,
        ..in_call
    };
    assert_eq!(summary(&events).drops, expected);
    assert_eq!(names(&events).last(), Some(&"hangup"));
}
