//! Sessions: when reports go, what they say, and what those of the peer tell.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod common;

use std::time::{Duration, Instant};

use common::{OURS, PEERS, config, hear, ms, ours};
use ichat_rtp::rtcp::{ReportBlock, RtcpPacket, SenderInfo, decode, encode};
use ichat_rtp::{DatagramKind, Session, classify};

/// The report block about us in a report that names the given one of our SRs.
fn report_about_us(last_sender_report: u32, delay_since: u32) -> Vec<u8> {
    let block = ReportBlock {
        ssrc: OURS,
        fraction_lost: 64,
        lost: 5,
        highest_sequence: 1010,
        jitter: 80,
        last_sender_report,
        delay_since,
    };
    encode(&[RtcpPacket::ReceiverReport {
        ssrc: PEERS,
        blocks: vec![block],
    }])
}

fn sender_info(report: &[u8]) -> SenderInfo {
    let packets = decode(report).unwrap();
    let sender = match packets.first() {
        Some(RtcpPacket::SenderReport { sender, .. }) => Some(*sender),
        Some(_) | None => None,
    };
    sender.unwrap()
}

fn middle(ntp: u64) -> u32 {
    u32::try_from((ntp >> 16) & 0xffff_ffff).unwrap()
}

#[test]
fn the_first_report_goes_soon_and_the_others_every_few_seconds() {
    let start = Instant::now();
    for seed in 0..50 {
        let mut session = Session::new(config(start, OURS, seed));
        let first = session.poll_timeout().unwrap();
        assert!((ms(1000)..=ms(3100)).contains(&(first - start)));
        assert_eq!(session.poll_rtcp(first - ms(1)), None);
        assert!(session.poll_rtcp(first).is_some());
        let second = session.poll_timeout().unwrap();
        assert!((ms(2000)..=ms(6200)).contains(&(second - first)));
        assert_eq!(session.poll_rtcp(second - ms(1)), None);
    }
}

#[test]
fn reports_average_five_seconds_apart_before_compensation() {
    let start = Instant::now();
    let mut session = ours(start);
    for _ in 0..1000 {
        let due = session.poll_timeout().unwrap();
        session.poll_rtcp(due).unwrap();
    }
    let average = (session.poll_timeout().unwrap() - start).as_secs_f64() / 1000.0;
    assert!((average - 5.0 / 1.218_28).abs() < 0.15, "{average}");
}

#[test]
fn who_sends_reports_as_a_sender_and_who_stops_as_a_receiver() {
    let start = Instant::now();
    let mut session = ours(start);
    let mut kinds = Vec::new();
    for tick in 0..5 {
        let due = session.poll_timeout().unwrap();
        if tick == 1 {
            session.send(due, &[0; 160], false);
        }
        let report = session.poll_rtcp(due).unwrap();
        assert_eq!(classify(&report), DatagramKind::Rtcp);
        kinds.push(report[1]);
    }
    assert_eq!(kinds, [201, 200, 200, 201, 201]);
}

#[test]
fn a_sender_report_tells_counts_and_both_clocks() {
    let start = Instant::now();
    let mut session = ours(start);
    session.send(start, &[0; 160], true);
    session.send(start + ms(20), &[0; 160], false);
    let due = session.poll_timeout().unwrap();
    let report = session.poll_rtcp(due).unwrap();
    let sender = sender_info(&report);
    assert_eq!((sender.packets, sender.octets), (2, 320));
    // 5160 was the timestamp at 20 ms; 8 samples a millisecond later.
    let since = u32::try_from((due - start - ms(20)).as_micros() * 8 / 1000).unwrap();
    assert!(sender.timestamp.abs_diff(5160 + since) <= 1);
    let seconds = sender.ntp >> 32;
    assert_eq!(
        seconds,
        2_208_988_800 + 1_000_000_000 + (due - start).as_secs()
    );
    let packets = decode(&report).unwrap();
    let RtcpPacket::SourceDescription { names } = &packets[1] else {
        panic!("no SDES")
    };
    assert_eq!(names[0].cname.as_deref(), Some("user@11111111"));
}

#[test]
fn a_report_tells_the_peer_what_of_it_was_lost() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [65_530, 65_531, 65_533, 65_534, 2]);
    let due = session.poll_timeout().unwrap();
    let report = |octets: Vec<u8>| {
        let packets = decode(&octets).unwrap();
        let RtcpPacket::ReceiverReport { blocks, .. } = &packets[0] else {
            panic!("no RR")
        };
        blocks[0]
    };
    let block = report(session.poll_rtcp(due).unwrap());
    assert_eq!((block.ssrc, block.lost), (PEERS, 4)); // 65532, 65535, 0, 1
    assert_eq!(block.fraction_lost, u8::try_from(4 * 256 / 9).unwrap());
    assert_eq!(block.highest_sequence, 0x0001_0002); // wrapped once
    assert_eq!((block.last_sender_report, block.delay_since), (0, 0));
    hear(&mut session, due, [3, 4]);
    let due = session.poll_timeout().unwrap();
    let block = report(session.poll_rtcp(due).unwrap());
    assert_eq!((block.lost, block.fraction_lost), (4, 0));
}

#[test]
fn a_report_answers_the_peers_sender_report() {
    let start = Instant::now();
    let mut session = ours(start);
    hear(&mut session, start, [1]);
    let sender = SenderInfo {
        ntp: 0x1122_3344_5566_7788,
        timestamp: 0,
        packets: 0,
        octets: 0,
    };
    let from = |ssrc| {
        encode(&[RtcpPacket::SenderReport {
            ssrc,
            sender,
            blocks: vec![],
        }])
    };
    session.handle_rtcp(start, &from(3)).unwrap(); // not the source that is heard
    let due = session.poll_timeout().unwrap();
    session.handle_rtcp(due - ms(500), &from(PEERS)).unwrap();
    let report = session.poll_rtcp(due).unwrap();
    let RtcpPacket::ReceiverReport { blocks, .. } = &decode(&report).unwrap()[0] else {
        panic!("no RR")
    };
    assert_eq!(blocks[0].last_sender_report, 0x3344_5566);
    assert_eq!(blocks[0].delay_since, 0x8000); // half a second
}

#[test]
fn two_sessions_measure_the_round_trip_between_them() {
    let start = Instant::now();
    let mut ours = ours(start);
    let mut peers = Session::new(config(start + ms(333), PEERS, 2));
    for tick in 0..500 {
        let now = start + ms(20) * tick;
        let packet = ours.send(now, &[0; 160], false);
        peers.handle_rtp(now + ms(30), &packet).unwrap();
        if let Some(report) = ours.poll_rtcp(now) {
            peers.handle_rtcp(now + ms(30), &report).unwrap();
        }
        if let Some(report) = peers.poll_rtcp(now) {
            ours.handle_rtcp(now + ms(50), &report).unwrap();
        }
    }
    let rtt = ours.statistics().rtt.unwrap();
    assert!(rtt.abs_diff(ms(80)) < ms(1), "{rtt:?}");
    assert_eq!(ours.statistics().peer_lost_fraction, Some(0.0));
    assert_eq!(
        (peers.statistics().rtt, peers.peer_cname()),
        (None, Some("user@11111111"))
    );
}

#[test]
fn the_peers_report_about_us_is_kept() {
    let start = Instant::now();
    let mut session = ours(start);
    let report = session.handle_rtcp(start, &report_about_us(0, 0)).unwrap();
    assert_eq!((report.ssrc, report.bye), (Some(PEERS), false));
    let statistics = session.statistics();
    assert_eq!(statistics.peer_lost_fraction, Some(0.25));
    assert_eq!(statistics.peer_lost, Some(5));
    assert_eq!(statistics.peer_jitter, Some(ms(10)));
    assert_eq!(statistics.rtt, None);
}

#[test]
fn a_round_trip_that_cannot_be_is_not_believed() {
    let start = Instant::now();
    let mut session = ours(start);
    session.send(start, &[0; 160], false);
    let due = session.poll_timeout().unwrap();
    let sent = middle(sender_info(&session.poll_rtcp(due).unwrap()).ntp);
    // Longer with the peer than it took in all, and a report that we never sent.
    for (last, delay) in [(sent, 0x0001_0000), (sent.wrapping_sub(1 << 30), 0)] {
        session
            .handle_rtcp(due + ms(100), &report_about_us(last, delay))
            .unwrap();
        assert_eq!(session.statistics().rtt, None);
    }
    // A step of the clock below zero is a round trip of nothing.
    session.handle_rtcp(due, &report_about_us(sent, 1)).unwrap();
    assert_eq!(session.statistics().rtt, Some(Duration::ZERO));
}

#[test]
fn goodbye_is_a_compound_with_a_bye_and_ends_the_reports() {
    let start = Instant::now();
    let mut session = ours(start);
    let octets = session.goodbye(start);
    let packets = decode(&octets).unwrap();
    assert!(matches!(
        packets[0],
        RtcpPacket::ReceiverReport { ssrc: OURS, .. }
    ));
    assert!(matches!(packets[1], RtcpPacket::SourceDescription { .. }));
    assert_eq!(
        packets[2],
        RtcpPacket::Goodbye {
            ssrcs: vec![OURS],
            reason: None
        }
    );
    assert_eq!(session.poll_timeout(), None);
    assert_eq!(session.poll_rtcp(start + Duration::from_secs(60)), None);
}

#[test]
fn only_the_source_that_is_heard_can_say_goodbye() {
    let start = Instant::now();
    let mut session = ours(start);
    let bye = |ssrcs: &[u32]| {
        encode(&[RtcpPacket::Goodbye {
            ssrcs: ssrcs.to_vec(),
            reason: Some("off".to_owned()),
        }])
    };
    assert!(
        session.handle_rtcp(start, &bye(&[3])).unwrap().bye,
        "nobody is heard yet"
    );
    hear(&mut session, start, [1]);
    assert!(!session.handle_rtcp(start, &bye(&[3])).unwrap().bye);
    let report = session.handle_rtcp(start, &bye(&[3, PEERS])).unwrap();
    assert_eq!(
        (report.bye, report.bye_reason.as_deref()),
        (true, Some("off"))
    );
}
