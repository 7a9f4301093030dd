//! RTCP: our reports, and a strict look at the peer's (RFC 3550 §6.4, §6.5).

use crate::checks::Findings;
use std::time::{SystemTime, UNIX_EPOCH};

/// From 1900 to 1970 in seconds.
const NTP_OFFSET: u64 = 2_208_988_800;

/// NTP time, 32 bits of seconds and 32 of their fraction.
pub(crate) fn ntp(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    ((since.as_secs() + NTP_OFFSET) << 32)
        | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
}

/// What a report says of us.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) ssrc: u32,
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// The peer's SSRC, lost and highest sequence number.
    pub(crate) about: Option<(u32, u32, u32)>,
}

/// SR or RR, and SDES with CNAME.
pub(crate) fn compound(report: &Report, cname: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let blocks = u8::from(report.about.is_some());
    let mut body = report.ssrc.to_be_bytes().to_vec();
    let kind = match report.packets {
        0 => 201,
        _ => {
            body.extend_from_slice(&report.ntp.to_be_bytes());
            body.extend_from_slice(&report.timestamp.to_be_bytes());
            body.extend_from_slice(&report.packets.to_be_bytes());
            body.extend_from_slice(&report.octets.to_be_bytes());
            200
        }
    };
    if let Some((ssrc, lost, highest)) = report.about {
        body.extend_from_slice(&ssrc.to_be_bytes());
        body.extend_from_slice(&(lost & 0x7f_ffff).to_be_bytes());
        body.extend_from_slice(&highest.to_be_bytes());
        body.extend_from_slice(&[0; 12]);
    }
    section(&mut octets, blocks, kind, &body);

    let mut body = report.ssrc.to_be_bytes().to_vec();
    body.push(1);
    body.push(u8::try_from(cname.len()).unwrap_or(u8::MAX));
    body.extend_from_slice(cname.as_bytes().get(..255).unwrap_or(cname.as_bytes()));
    body.push(0);
    body.resize(body.len().next_multiple_of(4), 0);
    section(&mut octets, 1, 202, &body);
    octets
}

fn section(octets: &mut Vec<u8>, count: u8, kind: u8, body: &[u8]) {
    octets.extend_from_slice(&[0x80 | count, kind]);
    octets.extend_from_slice(&u16::try_from(body.len() / 4).unwrap_or(0).to_be_bytes());
    octets.extend_from_slice(body);
}

/// What the peer's reports are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) ntp: u64,
    pub(crate) our_ssrc: u32,
    pub(crate) our_packets: u64,
    pub(crate) peer_ssrc: Option<u32>,
    pub(crate) peer_timestamp: Option<u32>,
    pub(crate) peer_packets: u64,
    /// More may have been sent than came.
    pub(crate) lossy: bool,
}

fn word(body: &[u8], at: usize) -> u32 {
    let word = body
        .get(at..at + 4)
        .and_then(|octets| octets.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

/// What is wrong with a compound packet of the peer's.
pub(crate) fn check(octets: &[u8], expected: &Expected) -> Vec<String> {
    let mut found = Findings::default();
    let mut rest = octets;
    let mut kinds = Vec::new();
    let mut cname = false;
    while !rest.is_empty() {
        let Some((head, after)) = rest.split_at_checked(4) else {
            found.add(format!("{} octets after the last section", rest.len()));
            break;
        };
        let length = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((body, after)) = after.split_at_checked(length) else {
            found.add(format!(
                "a section of {length} octets where {} are left",
                after.len()
            ));
            break;
        };
        rest = after;
        found.expect(head[0] >> 6 == 2, || "a version other than 2".into());
        found.expect(head[0] & 0x20 == 0, || "padding".into());
        let count = usize::from(head[0] & 0x1f);
        kinds.push(head[1]);
        match head[1] {
            200 => check_report(body, 24, count, true, expected, &mut found),
            201 => check_report(body, 4, count, false, expected, &mut found),
            202 => cname |= check_sdes(body, expected, &mut found),
            203 => found.expect(length >= 4 * count && count > 0, || {
                "a BYE without SSRC".into()
            }),
            204..=207 => {}
            other => found.add(format!("packet type {other}")),
        }
    }
    found.expect(matches!(kinds.first(), Some(200 | 201)), || {
        format!(
            "the first section is {:?}, neither SR nor RR",
            kinds.first()
        )
    });
    found.expect(cname, || "no SDES with CNAME".into());
    found.0
}

fn check_report(
    body: &[u8],
    head: usize,
    count: usize,
    sender: bool,
    expected: &Expected,
    found: &mut Findings,
) {
    if body.len() < head + 24 * count {
        found.add(format!("{count} report blocks in {} octets", body.len()));
        return;
    }
    let ssrc = word(body, 0);
    found.expect(expected.peer_ssrc.is_none_or(|known| known == ssrc), || {
        "the report's SSRC is not that of RTP".into()
    });
    if sender {
        let theirs = (u64::from(word(body, 4)) << 32) | u64::from(word(body, 8));
        found.expect(theirs.abs_diff(expected.ntp) >> 32 < 60, || {
            "the NTP time is more than a minute off".into()
        });
        if let Some(newest) = expected.peer_timestamp {
            let ahead = word(body, 12).wrapping_sub(newest) as i32;
            found.expect(ahead.abs() <= 16_000, || {
                format!("the SR's RTP timestamp is {ahead:+} from the stream")
            });
        }
        let packets = u64::from(word(body, 16));
        let lost = expected.lossy && packets > expected.peer_packets;
        let fits = lost || packets.abs_diff(expected.peer_packets) <= 25;
        found.expect(fits, || {
            "the SR's packet count is more than 25 from what came".into()
        });
        found.expect(u64::from(word(body, 20)) == packets * 160, || {
            "the SR's octet count is not 160 a packet".into()
        });
    }
    for index in 0..count {
        let at = head + 24 * index;
        found.expect(word(body, at) == expected.our_ssrc, || {
            "a report block about an SSRC that is not ours".into()
        });
        let lost = u64::from(word(body, at + 4) & 0xff_ffff);
        found.expect(lost <= expected.our_packets, || {
            "a report block with more lost than was sent".into()
        });
    }
}

fn check_sdes(body: &[u8], expected: &Expected, found: &mut Findings) -> bool {
    let ssrc = word(body, 0);
    found.expect(expected.peer_ssrc.is_none_or(|known| known == ssrc), || {
        "the SDES's SSRC is not that of RTP".into()
    });
    let mut items = body.get(4..).unwrap_or_default();
    let mut cname = false;
    while let [kind, length, rest @ ..] = items {
        if *kind == 0 {
            break;
        }
        let Some((text, rest)) = rest.split_at_checked(usize::from(*length)) else {
            found.add("an SDES item longer than its section");
            return false;
        };
        cname |= *kind == 1 && !text.is_empty();
        found.expect(std::str::from_utf8(text).is_ok(), || {
            "an SDES item that is no UTF-8".into()
        });
        items = rest;
    }
    found.expect(items.first() == Some(&0), || {
        "the SDES chunk has no end".into()
    });
    cname
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            ssrc: 7,
            ntp: ntp(UNIX_EPOCH),
            timestamp: 1600,
            packets: 10,
            octets: 1600,
            about: Some((9, 0, 4)),
        }
    }

    fn expected() -> Expected {
        Expected {
            ntp: ntp(UNIX_EPOCH),
            our_ssrc: 9,
            our_packets: 5,
            peer_ssrc: Some(7),
            peer_timestamp: Some(1600),
            peer_packets: 10,
            lossy: false,
        }
    }

    #[test]
    fn our_own_reports_pass() {
        let mut octets = compound(&report(), "mac@im.test");
        assert_eq!(check(&octets, &expected()), [""; 0]);
        section(&mut octets, 1, 203, &7_u32.to_be_bytes());
        assert_eq!(check(&octets, &expected()), [""; 0]);
        let empty = compound(
            &Report {
                packets: 0,
                about: None,
                ..report()
            },
            "m",
        );
        assert_eq!(check(&empty, &expected()), [""; 0]);
        assert_eq!(ntp(UNIX_EPOCH), 2_208_988_800 << 32);
    }

    #[test]
    fn each_deviation_of_a_report_is_found() {
        let other = |change: fn(&mut Report)| {
            let mut report = report();
            change(&mut report);
            check(&compound(&report, "mac"), &expected()).join("\n")
        };
        type Change = fn(&mut Report);
        let cases: [(Change, &str); 7] = [
            (|r| r.ssrc = 8, "SSRC is not that of RTP"),
            (|r| r.ntp = 0, "NTP"),
            (|r| r.timestamp = 99_999, "RTP timestamp"),
            (
                |r| {
                    r.packets = 100;
                    r.octets = 16_000
                },
                "packet count",
            ),
            (|r| r.octets = 1720, "octet count"),
            (|r| r.about = Some((8, 0, 0)), "not ours"),
            (|r| r.about = Some((9, 6, 0)), "more lost"),
        ];
        for (change, word) in cases {
            let found = other(change);
            assert!(found.contains(word), "{word}: {found:?}");
        }
    }

    #[test]
    fn where_packets_get_lost_more_may_have_been_sent_than_came() {
        let look = |packets: u32| {
            let report = Report {
                packets,
                octets: 160 * packets,
                ..report()
            };
            let expected = Expected {
                peer_packets: 50,
                lossy: true,
                ..expected()
            };
            check(&compound(&report, "mac"), &expected).join("\n")
        };
        assert_eq!(look(50), "");
        assert_eq!(look(1000), "");
        assert!(look(24).contains("packet count"));
    }

    #[test]
    fn a_broken_compound_is_found() {
        let good = compound(&report(), "mac@im.test");
        let look = |octets: &[u8]| check(octets, &expected()).join("\n");
        assert!(look(&good[..good.len() - 1]).contains("are left"));
        assert!(look(&good[..52]).contains("no SDES"));
        assert!(look(&good[52..]).contains("neither SR nor RR"));
        assert!(look(&[&good[..], &[1, 2]].concat()).contains("after the last"));
        let mut version = good.clone();
        version[0] = 0x41;
        assert!(look(&version).contains("version"));
        let mut blocks = good.clone();
        blocks[0] = 0x83;
        assert!(look(&blocks).contains("report blocks"));
        let mut item = good.clone();
        item[52 + 9] = 200;
        assert!(look(&item).contains("longer than"));
        assert!(!look(&compound(&report(), "")).is_empty());
    }
}
