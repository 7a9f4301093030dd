//! RTCP packets: octets, bad input, round trips, and `rtcp-types` as a second reader.

use ichat_rtp::RtcpError;
use ichat_rtp::rtcp::{ReportBlock, RtcpPacket, SenderInfo, SourceName, decode, encode};
use proptest::prelude::*;

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 0x0102_0304,
        fraction_lost: 0x40,
        lost: -2,
        highest_sequence: 0x0001_0005,
        jitter: 7,
        last_sender_report: 0x1122_3344,
        delay_since: 0x0001_8000,
    }
}

/// A report, a name and a goodbye, with the octets they must have.
fn compound() -> (Vec<RtcpPacket>, Vec<u8>) {
    let sender = SenderInfo {
        ntp: 0x83aa_7e80_8000_0000,
        timestamp: 160,
        packets: 2,
        octets: 320,
    };
    let name = SourceName {
        ssrc: 9,
        cname: Some("mac@im".to_owned()),
    };
    let packets = vec![
        RtcpPacket::SenderReport {
            ssrc: 9,
            sender,
            blocks: vec![block()],
        },
        RtcpPacket::SourceDescription { names: vec![name] },
        RtcpPacket::Goodbye {
            ssrcs: vec![9],
            reason: Some("bye".to_owned()),
        },
    ];
    let octets = [
        &[0x81, 200, 0, 12][..], // version 2, one block; SR; 12 words follow
        &[0, 0, 0, 9],           // reporter
        &[0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0], // NTP time
        &[0, 0, 0, 160],         // RTP timestamp
        &[0, 0, 0, 2],           // packets
        &[0, 0, 1, 64],          // octets
        &[1, 2, 3, 4],           // source reported on
        &[0x40, 0xff, 0xff, 0xfe], // a quarter lost; -2 in all
        &[0, 1, 0, 5],           // highest sequence, wrapped once
        &[0, 0, 0, 7],           // jitter
        &[0x11, 0x22, 0x33, 0x44], // last SR
        &[0, 1, 0x80, 0],        // 1.5 s since
        &[0x81, 202, 0, 4],      // one chunk; SDES; 4 words follow
        &[0, 0, 0, 9],           // source
        b"\x01\x06mac@im\0\0\0\0", // CNAME, end of the items, filled to whole words
        &[0x81, 203, 0, 2],      // one source; BYE; 2 words follow
        &[0, 0, 0, 9],           // source
        b"\x03bye",              // reason
    ];
    (packets, octets.concat())
}

#[test]
fn a_compound_encodes_and_decodes_field_by_field() {
    let (packets, octets) = compound();
    assert_eq!(hex::encode(encode(&packets)), hex::encode(&octets));
    assert_eq!(decode(&octets).unwrap(), packets);
}

#[test]
fn what_we_write_another_library_reads_the_same() {
    let (_, octets) = compound();
    let mut packets = rtcp_types::Compound::parse(&octets).unwrap();
    let Some(Ok(rtcp_types::Packet::Sr(report))) = packets.next() else {
        panic!("no SR")
    };
    assert_eq!(
        (report.ssrc(), report.rtp_timestamp(), report.packet_count()),
        (9, 160, 2)
    );
    let blocks: Vec<_> = report.report_blocks().collect();
    assert_eq!(blocks[0].cumulative_lost(), 0x00ff_fffe);
    assert_eq!(
        blocks[0].delay_since_last_sender_report_timestamp(),
        0x0001_8000
    );
    let Some(Ok(rtcp_types::Packet::Sdes(names))) = packets.next() else {
        panic!("no SDES")
    };
    let chunk = names.chunks().next().unwrap();
    assert_eq!(chunk.items().next().unwrap().value(), b"mac@im");
    let Some(Ok(rtcp_types::Packet::Bye(bye))) = packets.next() else {
        panic!("no BYE")
    };
    assert_eq!(bye.reason(), Some(b"bye".as_slice()));
}

#[test]
fn a_datagram_that_does_not_begin_with_a_packet_is_refused() {
    let refusals = [
        (
            vec![],
            RtcpError::TooShort {
                expected: 4,
                found: 0,
            },
        ),
        (
            vec![0x80, 201, 0],
            RtcpError::TooShort {
                expected: 4,
                found: 3,
            },
        ),
        (
            vec![0x80, 201, 0, 1, 0, 0],
            RtcpError::TooShort {
                expected: 8,
                found: 6,
            },
        ),
        (vec![0x40, 201, 0, 0], RtcpError::Version { found: 1 }),
    ];
    for (octets, error) in refusals {
        assert_eq!(decode(&octets), Err(error), "{octets:02x?}");
    }
}

#[test]
fn a_broken_tail_does_not_cost_the_packets_before_it() {
    let (packets, octets) = compound();
    for tail in [&b"\0"[..], b"junk", &[0x81, 203, 0xff, 0xff]] {
        assert_eq!(decode(&[&octets, tail].concat()).unwrap(), packets);
    }
}

#[test]
fn a_packet_may_be_padded_and_may_stand_alone() {
    // BYE of one source, padded by four octets.
    let octets = [0xa1, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4];
    let bye = RtcpPacket::Goodbye {
        ssrcs: vec![9],
        reason: None,
    };
    assert_eq!(decode(&octets).unwrap(), [bye]);
}

#[test]
fn a_second_name_survives_a_first_source_whose_filling_it_could_be_mistaken_for() {
    let name = |ssrc, cname: &str| SourceName {
        ssrc,
        cname: Some(cname.to_owned()),
    };
    let names = vec![name(1, "a"), name(0x0000_0002, ""), name(3, "xyz")];
    let packets = [RtcpPacket::SourceDescription { names }];
    assert_eq!(decode(&encode(&packets)).unwrap(), packets);
}

#[test]
fn packets_that_mean_nothing_to_us_are_stepped_over() {
    let (packets, octets) = compound();
    let strange = [0x85, 206, 0, 1, 1, 2, 3, 4]; // payload feedback
    let short = [0x80, 200, 0, 0]; // SR without a body
    let found = decode(&[strange.as_slice(), &short, &octets].concat()).unwrap();
    let other = |packet_type| RtcpPacket::Other { packet_type };
    assert_eq!(found, [vec![other(206), other(200)], packets].concat());
}

#[test]
fn a_count_above_what_is_there_reads_what_is_there() {
    let (_, mut octets) = compound();
    octets[0] = 0x9f; // 31 blocks
    let RtcpPacket::SenderReport { blocks, .. } = decode(&octets).unwrap().remove(0) else {
        panic!("no SR")
    };
    assert_eq!(blocks, [block()]);
}

#[test]
fn text_above_255_octets_is_cut_between_characters() {
    let reason = Some("ü".repeat(200));
    let packets = [RtcpPacket::Goodbye {
        ssrcs: vec![],
        reason,
    }];
    let cut = RtcpPacket::Goodbye {
        ssrcs: vec![],
        reason: Some("ü".repeat(127)),
    };
    assert_eq!(decode(&encode(&packets)).unwrap(), [cut]);
}

#[test]
fn every_shorter_length_of_a_compound_is_refused_or_read_without_panic() {
    let (_, octets) = compound();
    for length in 0..octets.len() {
        let _ = decode(&octets[..length]);
    }
}

fn any_block() -> impl Strategy<Value = ReportBlock> {
    let lost = -0x80_0000..0x80_0000_i32;
    let fields = (any::<u32>(), any::<u8>(), lost, any::<[u32; 4]>());
    fields.prop_map(|(ssrc, fraction_lost, lost, [a, b, c, d])| ReportBlock {
        ssrc,
        fraction_lost,
        lost,
        highest_sequence: a,
        jitter: b,
        last_sender_report: c,
        delay_since: d,
    })
}

fn any_packet() -> impl Strategy<Value = RtcpPacket> {
    let blocks = || prop::collection::vec(any_block(), 0..32);
    let name = (any::<u32>(), prop::option::of(".{0,40}"));
    let sender = (any::<u64>(), any::<[u32; 3]>()).prop_map(|(ntp, [a, b, c])| SenderInfo {
        ntp,
        timestamp: a,
        packets: b,
        octets: c,
    });
    prop_oneof![
        (any::<u32>(), sender, blocks()).prop_map(|(ssrc, sender, blocks)| {
            RtcpPacket::SenderReport {
                ssrc,
                sender,
                blocks,
            }
        }),
        (any::<u32>(), blocks())
            .prop_map(|(ssrc, blocks)| RtcpPacket::ReceiverReport { ssrc, blocks }),
        prop::collection::vec(
            name.prop_map(|(ssrc, cname)| SourceName { ssrc, cname }),
            0..32
        )
        .prop_map(|names| RtcpPacket::SourceDescription { names }),
        (
            prop::collection::vec(any::<u32>(), 0..32),
            prop::option::of(".{0,60}")
        )
            .prop_map(|(ssrcs, reason)| RtcpPacket::Goodbye { ssrcs, reason }),
        (204_u8..=223).prop_map(|packet_type| RtcpPacket::Other { packet_type }),
    ]
}

proptest! {
    #[test]
    fn a_compound_survives_the_round_trip(
        packets in prop::collection::vec(any_packet(), 1..5),
    ) {
        prop_assert_eq!(decode(&encode(&packets)), Ok(packets));
    }

    #[test]
    fn any_octets_are_read_or_refused_without_panic(
        packet_type in 198_u8..208,
        octets in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = decode(&octets);
        let header = [0xbf, packet_type, 0, 3];
        let _ = decode(&[&header, octets.as_slice()].concat());
    }
}
