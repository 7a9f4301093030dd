//! Sessions: what is sent, what is heard and counted, and what a bad peer cannot do.

mod common;

use std::time::{Duration, Instant};

use common::{OURS, PEERS, config, hear, ms, ours, packet};
use ichat_rtp::{DatagramKind, RtpError, RtpPacket, Session, SessionConfig, classify};
use proptest::prelude::*;

#[test]
fn packets_go_on_by_one_in_sequence_and_by_their_samples_in_time() {
    let start = Instant::now();
    let mut session = Session::new(SessionConfig {
        sequence: u16::MAX,
        timestamp: u32::MAX - 159,
        ..config(start, OURS, 1)
    });
    let first = session.send(start, &[1; 160], true);
    session.skip(2);
    let second = session.send(start, &[2; 160], false);
    assert_eq!(classify(&first), DatagramKind::Rtp);
    let first = RtpPacket::decode(&first).unwrap();
    let second = RtpPacket::decode(&second).unwrap();
    assert_eq!(
        (first.marker, first.sequence, first.timestamp),
        (true, u16::MAX, u32::MAX - 159)
    );
    assert_eq!(
        (second.marker, second.sequence, second.timestamp),
        (false, 0, 320)
    );
    assert_eq!(
        (first.ssrc, second.ssrc, first.payload_type),
        (OURS, OURS, 0)
    );
    assert_eq!(
        (session.statistics().sent, session.statistics().sent_octets),
        (2, 320)
    );
}

#[test]
fn a_whole_stream_over_a_wrap_of_the_sequence_loses_nothing() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, (65_000..=u16::MAX).chain(0..500));
    let statistics = session.statistics();
    assert_eq!((statistics.received, statistics.lost), (1036, 0));
    assert_eq!((statistics.duplicates, statistics.reordered), (0, 0));
}

#[test]
fn gaps_are_lost_until_a_late_packet_fills_them() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [10, 11, 14]);
    assert_eq!(session.statistics().lost, 2);
    hear(&mut session, start, [12]);
    assert_eq!(
        (session.statistics().lost, session.statistics().reordered),
        (1, 1)
    );
    hear(&mut session, start, [13, 15]);
    assert_eq!(
        (session.statistics().lost, session.statistics().received),
        (0, 6)
    );
}

#[test]
fn duplicates_are_counted_apart_and_hide_no_loss() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [10, 10, 10, 12, 12, 10]);
    let statistics = session.statistics();
    assert_eq!(
        (statistics.received, statistics.duplicates, statistics.lost),
        (2, 4, 1)
    );
}

#[test]
fn packets_that_overtook_the_first_one_hide_no_loss() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [2, 0, 1, 65_535, 4]);
    assert_eq!(
        (session.statistics().received, session.statistics().lost),
        (5, 1)
    );
}

#[test]
fn a_jump_of_the_sequence_is_a_restart_and_no_loss() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [10, 11, 13, 10_013, 10_014, 10_016]);
    let statistics = session.statistics();
    assert_eq!(
        (
            statistics.received,
            statistics.lost,
            statistics.sequence_restarts
        ),
        (6, 2, 1)
    );
    hear(&mut session, start, [3, 4]); // far back is a jump too
    assert_eq!(
        (
            session.statistics().lost,
            session.statistics().sequence_restarts
        ),
        (2, 2)
    );
}

#[test]
fn one_packet_far_off_changes_nothing_about_the_loss() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [10, 11, 20_000, 12, 13, 40_000, 14]);
    let statistics = session.statistics();
    assert_eq!((statistics.lost, statistics.sequence_restarts), (0, 0));
}

#[test]
fn a_stray_source_cannot_interrupt_the_one_that_is_heard() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [1, 2]);
    let octets = packet(3, 500);
    let stray = session.handle_rtp(start + ms(30), &octets);
    assert_eq!(
        stray,
        Err(RtpError::UnprovenSource {
            expected: PEERS,
            found: 3
        })
    );
    hear(&mut session, start + ms(40), [3, 4]);
    let octets = packet(3, 501);
    let stray = session.handle_rtp(start + ms(70), &octets);
    assert!(stray.is_err(), "what came in between ended its probation");
    let statistics = session.statistics();
    assert_eq!(
        (statistics.received, statistics.lost, statistics.refused),
        (4, 0, 2)
    );
    assert_eq!(
        (statistics.ssrc_changes, statistics.peer_ssrc),
        (0, Some(PEERS))
    );
}

#[test]
fn a_new_source_takes_over_with_its_second_packet_in_sequence() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [1, 2, 4]);
    assert!(
        session
            .handle_rtp(start + ms(60), &packet(3, 65_535))
            .is_err()
    );
    session.handle_rtp(start + ms(80), &packet(3, 0)).unwrap();
    session.handle_rtp(start + ms(100), &packet(3, 2)).unwrap();
    let statistics = session.statistics();
    assert_eq!(
        (statistics.ssrc_changes, statistics.peer_ssrc),
        (1, Some(3))
    );
    assert_eq!((statistics.received, statistics.lost), (5, 2));
}

#[test]
fn a_new_source_takes_over_at_once_from_one_that_has_fallen_silent() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [1, 2, 3]);
    session.handle_rtp(start + ms(400), &packet(3, 9)).unwrap();
    assert_eq!(session.statistics().peer_ssrc, Some(3));
}

#[test]
fn a_stray_datagram_before_the_stream_costs_the_stream_nothing() {
    let start = Instant::now();
    let mut session = ours(start);
    session.handle_rtp(start, &packet(3, 500)).unwrap();
    hear(&mut session, start + ms(5), [1, 2, 3]);
    let statistics = session.statistics();
    assert_eq!(
        (
            statistics.received,
            statistics.lost,
            statistics.ssrc_changes
        ),
        (4, 0, 1)
    );
}

#[test]
fn a_payload_type_that_nobody_agreed_on_makes_no_new_source() {
    let start = Instant::now();
    let mut session = ours(start);
    let mut octets = packet(PEERS, 1);
    octets[1] = 13; // comfort noise
    let refused = session.handle_rtp(start, &octets);
    assert_eq!(
        refused,
        Err(RtpError::PayloadType {
            expected: 0,
            found: 13
        })
    );
    hear(&mut session, start, [1]);
    octets[3] = 2;
    assert_eq!(session.handle_rtp(start, &octets).unwrap().payload_type, 13);
    assert_eq!(session.statistics().received, 2);
}

#[test]
fn a_peer_with_our_own_ssrc_is_heard() {
    let start = Instant::now();
    let mut session = ours(start);
    let echo = session.send(start, &[7; 160], false);
    assert_eq!(session.handle_rtp(start, &echo).unwrap().payload, [7; 160]);
}

#[test]
fn packets_without_payload_are_counted_and_tell_nothing_about_jitter() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, 0..10);
    let octets = packet(PEERS, 10);
    let empty = RtpPacket::decode(&octets).unwrap();
    let empty = RtpPacket {
        payload: &[],
        timestamp: 0,
        ..empty
    }
    .encode();
    assert_eq!(empty.len(), 12);
    session.handle_rtp(start + ms(200), &empty).unwrap();
    hear(&mut session, start + ms(220), 11..20);
    let statistics = session.statistics();
    assert_eq!(
        (statistics.received, statistics.empty, statistics.lost),
        (20, 1, 0)
    );
    assert_eq!(statistics.jitter, Duration::ZERO);
}

#[test]
fn refused_datagrams_are_counted_and_nothing_else() {
    let start = Instant::now();
    let mut session = ours(start);
    for octets in [
        &[][..],
        &[0x80, 0, 1],
        &[0x40; 20],
        b"junk that is long enough",
    ] {
        assert!(session.handle_rtp(start, octets).is_err());
        assert!(session.handle_rtcp(start, octets).is_err());
    }
    let statistics = session.statistics();
    assert_eq!((statistics.refused, statistics.rtcp_refused), (4, 4));
    assert_eq!(
        (statistics.received, statistics.lost, statistics.peer_ssrc),
        (0, 0, None)
    );
}

#[test]
fn jitter_follows_rfc_3550_appendix_a8() {
    let start = Instant::now();
    let mut session = ours(start);
    let mut expected = 0.0_f64;
    for sequence in 0..100_u16 {
        // Every other packet is 10 ms late: each transit differs from the last by 80 samples.
        let late = if sequence % 2 == 1 { ms(10) } else { ms(0) };
        let at = start + ms(20) * u32::from(sequence) + late;
        session.handle_rtp(at, &packet(PEERS, sequence)).unwrap();
        if sequence > 0 {
            expected += (80.0 - expected) / 16.0;
        }
    }
    let found = session.statistics().jitter.as_secs_f64() * 8000.0;
    assert!((found - expected).abs() < 0.01, "{found} is not {expected}");
}

#[test]
fn a_clock_that_jumps_is_no_jitter() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, 0..10);
    let octets = packet(PEERS, 10);
    let moved = RtpPacket::decode(&octets).unwrap();
    let moved = RtpPacket {
        timestamp: 0x8000_0000,
        ..moved
    }
    .encode();
    session.handle_rtp(start + ms(200), &moved).unwrap();
    assert_eq!(session.statistics().jitter, Duration::ZERO);
}

proptest! {
    #[test]
    fn loss_is_what_was_left_out_whatever_the_order(
        first: u16,
        fates in prop::collection::vec((0_u8..10, 0_usize..50), 2..400),
    ) {
        // Fate 0: lost. 1: twice. Arrival is put off by up to 50 packets.
        let last = fates.len() - 1;
        let mut arrivals = Vec::new();
        for (index, (fate, delay)) in fates.iter().enumerate() {
            let ends = index == 0 || index == last;
            for _ in 0..if ends { 1 } else { [0, 2].get(usize::from(*fate)).copied().unwrap_or(1) } {
                arrivals.push((index + delay, index));
            }
        }
        let unique = {
            let mut indices: Vec<_> = arrivals.iter().map(|(_, index)| *index).collect();
            indices.dedup();
            indices.len()
        };
        let duplicates = arrivals.len() - unique;
        arrivals.sort();
        let start = Instant::now();
        let mut session = ours(start);
        for (_, index) in &arrivals {
            let sequence = first.wrapping_add(u16::try_from(*index).unwrap());
            session.handle_rtp(start, &packet(PEERS, sequence)).unwrap();
        }
        let statistics = session.statistics();
        prop_assert_eq!(statistics.received, unique as u64);
        prop_assert_eq!(statistics.duplicates, duplicates as u64);
        prop_assert_eq!(statistics.lost, (fates.len() - unique) as u64);
    }

    #[test]
    fn any_datagrams_are_survived(
        datagrams in prop::collection::vec(
            (any::<bool>(), 0_u64..5000, prop::collection::vec(any::<u8>(), 0..60)),
            0..40,
        ),
    ) {
        let start = Instant::now();
        let mut session = ours(start);
        for (like_ours, at, mut octets) in datagrams {
            if like_ours && let Some([first, second, ..]) = octets.first_chunk_mut::<12>() {
                (*first, *second) = (0x80, 0);
            }
            let _ = session.handle_rtp(start + ms(at), &octets);
            let _ = session.handle_rtcp(start + ms(at), &octets);
            let _ = session.poll_rtcp(start + ms(at));
            let _ = session.statistics();
        }
    }
}
