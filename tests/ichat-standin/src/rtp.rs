//! RTP packets, and a strict look at the peer's stream
//! (`docs/protocol/media.md` `[C, G, D]`; RFC 3550).

use crate::checks::Faults;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Octets of a plain header.
pub(crate) const HEADER: usize = 12;
/// Samples, and octets, of the peer's packets.
const SAMPLES: i64 = 160;
/// "No gap above 1 s."
pub(crate) const MAX_GAP: Duration = Duration::from_secs(1);
/// What the pace may be off in the long run: in part of the time, and besides.
const PACE_PART: f64 = 0.05;
const PACE_SLACK: Duration = Duration::from_millis(250);

/// Which datagram is what, on the shared port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Keepalive,
    Sip,
    Rtp,
    Rtcp,
    Snatmap,
    Stun,
    Other,
}

/// Sorts a datagram (`docs/protocol/connectivity.md`, which datagram is what).
pub(crate) fn classify(octets: &[u8]) -> Kind {
    if octets
        .iter()
        .all(|octet| matches!(octet, b'\r' | b'\n' | b' ' | 0))
    {
        return Kind::Keepalive;
    }
    let text = octets
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    let text = octets.get(text.unwrap_or(0)..).unwrap_or_default();
    if text.first().is_some_and(u8::is_ascii_alphabetic) {
        let line = text
            .split(|octet| matches!(octet, b'\r' | b'\n'))
            .next()
            .unwrap_or_default();
        if line.starts_with(b"SIP/2.0 ") || line.ends_with(b" SIP/2.0") {
            return Kind::Sip;
        }
    }
    match octets {
        [first, 192..=223, ..] if first >> 6 == 2 && octets.len() >= 8 => Kind::Rtcp,
        [first, ..] if first >> 6 == 2 && octets.len() >= HEADER => Kind::Rtp,
        [0, 0, 0, 1 | 2, ..] if octets.len() == 16 => Kind::Snatmap,
        [0..=3, _, high, low, ..]
            if octets.len() >= 20
                && usize::from(u16::from_be_bytes([*high, *low])) + 20 == octets.len() =>
        {
            Kind::Stun
        }
        _ => Kind::Other,
    }
}

/// One packet to send.
pub(crate) fn packet(
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut octets = vec![0x80, if marker { 0x80 } else { 0 }];
    octets.extend_from_slice(&sequence.to_be_bytes());
    octets.extend_from_slice(&timestamp.to_be_bytes());
    octets.extend_from_slice(&ssrc.to_be_bytes());
    octets.extend_from_slice(payload);
    octets
}

/// Where the stream stands; sequence and timestamp are continued past their wraps.
#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: i64,
    timestamp: i64,
    raw_sequence: u16,
    raw_timestamp: u32,
}

/// The peer's stream.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    place: Option<Place>,
    ssrcs: BTreeSet<u32>,
    /// By timestamp.
    payloads: BTreeMap<i64, Vec<u8>>,
    sequences: BTreeSet<i64>,
    first_at: Option<Instant>,
    last_at: Option<Instant>,
    last_ssrc: u32,
    timestamps_wrong: bool,
    /// Packets that came, duplicates too.
    pub(crate) received: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) max_gap: Duration,
}

impl Receiver {
    /// Takes one packet.
    pub(crate) fn handle(&mut self, now: Instant, octets: &[u8], faults: &mut Faults) {
        let (Some(head), Some(payload)) = (octets.get(..HEADER), octets.get(HEADER..)) else {
            faults.add("RTP: shorter than its header");
            return;
        };
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let timestamp = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let ssrc = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        faults.expect(head[0] == 0x80, || {
            format!(
                "RTP: first octet {:02x} instead of 80 (padding, extension or CSRC)",
                head[0]
            )
        });
        faults.expect(head[1] & 0x7f == 0, || {
            format!("RTP: payload type {} instead of 0", head[1] & 0x7f)
        });
        faults.expect(payload.len() as i64 == SAMPLES, || {
            format!("RTP: a payload of {} octets instead of 160", payload.len())
        });
        self.received += 1;
        self.ssrcs.insert(ssrc);
        faults.expect(self.ssrcs.len() == 1, || "RTP: the SSRC changed".into());
        self.last_ssrc = ssrc;
        if let Some(last) = self.last_at {
            let gap = now.saturating_duration_since(last);
            self.max_gap = self.max_gap.max(gap);
            faults.expect(gap <= MAX_GAP, || "RTP: a gap above 1 s".into());
        }
        self.first_at.get_or_insert(now);
        self.last_at = Some(now);

        let last = self.place.unwrap_or(Place {
            sequence: 0,
            timestamp: 0,
            raw_sequence: sequence,
            raw_timestamp: timestamp,
        });
        let ahead = i64::from(sequence.wrapping_sub(last.raw_sequence) as i16);
        let later = i64::from(timestamp.wrapping_sub(last.raw_timestamp) as i32);
        if later != ahead * SAMPLES {
            self.timestamps_wrong = true;
            faults.add(format!(
                "RTP: sequence {ahead:+} with timestamp {later:+} instead of {:+}",
                ahead * SAMPLES
            ));
        }
        let place = Place {
            sequence: last.sequence + ahead,
            timestamp: last.timestamp + later,
            raw_sequence: sequence,
            raw_timestamp: timestamp,
        };
        if !self.sequences.insert(place.sequence) {
            self.duplicates += 1;
            faults.add("RTP: a packet came twice");
            return;
        }
        self.payloads.insert(place.timestamp, payload.to_vec());
        match ahead < 0 {
            true => {
                self.reordered += 1;
                faults.add("RTP: a packet came out of order");
            }
            false => self.place = Some(place),
        }
    }

    /// Packets that the sequence numbers miss.
    pub(crate) fn lost(&self) -> u64 {
        match (self.sequences.first(), self.sequences.last()) {
            (Some(first), Some(last)) => {
                (last - first + 1).unsigned_abs() - self.sequences.len() as u64
            }
            _ => 0,
        }
    }

    /// Every timestamp fitted its sequence number.
    pub(crate) fn timestamps_ok(&self) -> bool {
        !self.timestamps_wrong
    }

    /// How many SSRCs came.
    pub(crate) fn ssrcs(&self) -> usize {
        self.ssrcs.len()
    }

    /// The SSRC, once there is one.
    pub(crate) fn ssrc(&self) -> Option<u32> {
        self.first_at.map(|_| self.last_ssrc)
    }

    /// The newest timestamp as it was on the wire.
    pub(crate) fn timestamp(&self) -> Option<u32> {
        self.place.map(|place| place.raw_timestamp)
    }

    /// The extended highest sequence number for a report.
    pub(crate) fn highest(&self) -> u32 {
        self.place.map_or(0, |place| u32::from(place.raw_sequence))
    }

    /// When the first packet came.
    pub(crate) fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    /// When the newest packet came.
    pub(crate) fn last_at(&self) -> Option<Instant> {
        self.last_at
    }

    /// The octets in the order of their timestamps.
    pub(crate) fn octets(&self) -> Vec<u8> {
        self.payloads.values().flatten().copied().collect()
    }

    /// The last look: pace, and loss unless that is nobody's fault.
    pub(crate) fn finish(&self, lossy: bool, faults: &mut Faults) {
        let (Some(first), Some(last)) = (self.first_at, self.last_at) else {
            return;
        };
        let elapsed = last.saturating_duration_since(first);
        let (Some(low), Some(high)) = (self.sequences.first(), self.sequences.last()) else {
            return;
        };
        let due = Duration::from_millis(20).mul_f64((high - low) as f64);
        let slack = elapsed.max(due).mul_f64(PACE_PART) + PACE_SLACK;
        faults.expect(elapsed.abs_diff(due) <= slack, || {
            format!(
                "RTP: {} packets took {elapsed:?} instead of {due:?}",
                high - low
            )
        });
        faults.expect(lossy || self.lost() == 0, || {
            format!("RTP: {} packets are missing", self.lost())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(change: impl Fn(usize, &mut Vec<u8>, &mut Duration)) -> (Receiver, String) {
        stream_over(false, change)
    }

    fn stream_over(
        lossy: bool,
        change: impl Fn(usize, &mut Vec<u8>, &mut Duration),
    ) -> (Receiver, String) {
        let start = Instant::now();
        let mut faults = Faults::default();
        let mut receiver = Receiver::default();
        for index in 0..200 {
            let sequence = 65_500_u16.wrapping_add(index as u16);
            let timestamp = (u32::MAX - 800).wrapping_add(160 * index as u32);
            let mut octets = packet(index == 0, sequence, timestamp, 7, &[index as u8; 160]);
            let mut at = Duration::from_millis(20 * index as u64);
            change(index, &mut octets, &mut at);
            if !octets.is_empty() {
                receiver.handle(start + at, &octets, &mut faults);
            }
        }
        receiver.finish(lossy, &mut faults);
        (receiver, faults.lines().join("\n"))
    }

    #[test]
    fn a_good_stream_passes_through_both_wraps() {
        let (receiver, faults) = stream(|_, _, _| {});
        assert_eq!(faults, "");
        assert_eq!(
            (receiver.received, receiver.lost(), receiver.ssrcs()),
            (200, 0, 1)
        );
        assert!(receiver.timestamps_ok());
        let expected: Vec<u8> = (0..200_u8).flat_map(|index| [index; 160]).collect();
        assert_eq!(receiver.octets(), expected);
    }

    #[test]
    fn each_deviation_of_a_stream_is_found() {
        type Change = fn(usize, &mut Vec<u8>, &mut Duration);
        let cases: [(Change, &str); 10] = [
            (
                |i, o, _| {
                    if i == 50 {
                        o.clear()
                    }
                },
                "1 packets are missing",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o[11] = 8
                    }
                },
                "SSRC changed",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o[7] ^= 1
                    }
                },
                "sequence +1 with timestamp",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o.pop();
                    }
                },
                "159 octets",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o.truncate(12)
                    }
                },
                "0 octets",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o[1] = 8
                    }
                },
                "payload type 8",
            ),
            (
                |i, o, _| {
                    if i == 50 {
                        o[0] = 0x90
                    }
                },
                "first octet 90",
            ),
            (
                |i, _, t| {
                    if i >= 50 {
                        *t += Duration::from_millis(1100)
                    }
                },
                "gap above 1 s",
            ),
            (|_, _, t| *t = t.mul_f64(1.2), "took"),
            (
                |i, o, _| {
                    if i == 50 {
                        o[3] = o[3].wrapping_sub(1);
                        let t = u32::from_be_bytes([o[4], o[5], o[6], o[7]]).wrapping_sub(160);
                        o[4..8].copy_from_slice(&t.to_be_bytes())
                    }
                },
                "came twice",
            ),
        ];
        for (change, word) in cases {
            let (_, faults) = stream(change);
            assert!(faults.contains(word), "{word}: {faults:?}");
        }
    }

    #[test]
    fn where_packets_get_lost_a_missing_one_is_counted_and_no_fault() {
        let lose = |index: usize, octets: &mut Vec<u8>, _: &mut Duration| {
            if index % 3 == 1 {
                octets.clear();
            }
        };
        let (receiver, faults) = stream_over(true, lose);
        assert_eq!((faults.as_str(), receiver.lost()), ("", 66));
        // What came is held to the same as ever.
        let (_, faults) = stream_over(true, |index, octets, at| {
            lose(index, octets, at);
            if index >= 100 {
                *at += Duration::from_millis(1100);
            }
        });
        assert!(faults.contains("gap above 1 s"), "{faults}");
    }

    #[test]
    fn packets_out_of_order_are_put_in_order_and_said() {
        let start = Instant::now();
        let mut faults = Faults::default();
        let mut receiver = Receiver::default();
        for index in [0_u16, 2, 1, 3] {
            let octets = packet(false, index, 160 * u32::from(index), 7, &[index as u8; 160]);
            receiver.handle(start, &octets, &mut faults);
        }
        assert_eq!(receiver.reordered, 1);
        assert_eq!(receiver.lost(), 0);
        assert!(receiver.octets().is_sorted());
        assert!(faults.lines().join("").contains("out of order"));
    }

    #[test]
    fn the_datagrams_of_the_vectors_are_told_apart() {
        let text = include_str!("../tests/vectors/vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        for vector in vectors["datagrams"].as_array().unwrap() {
            let text = vector["hex"].as_str().unwrap();
            let octets = crate::ipport::octets_of(text).unwrap();
            let kind = match classify(&octets) {
                // Sixteen NULs are nothing, but nothing that matters.
                Kind::Keepalive if octets.len() == 16 => "unknown",
                Kind::Keepalive => "keepalive",
                Kind::Sip => "sip",
                Kind::Rtp => "rtp",
                Kind::Rtcp => "rtcp",
                Kind::Snatmap => "snatmap",
                Kind::Stun => "stun",
                Kind::Other if octets.starts_with(&[0xde, 0xad, 0xbe, 0xef]) => "probe",
                Kind::Other => "unknown",
            };
            assert_eq!(kind, vector["kind"].as_str().unwrap(), "{text}");
        }
    }

    #[test]
    fn datagrams_are_told_apart() {
        assert_eq!(classify(b""), Kind::Keepalive);
        assert_eq!(classify(b"\r\n\r\n"), Kind::Keepalive);
        assert_eq!(classify(b"\r\nBYE sip:x SIP/2.0\r\n\r\n"), Kind::Sip);
        assert_eq!(classify(b"SIP/2.0 200 OK"), Kind::Sip);
        assert_eq!(classify(b"hello\r\n"), Kind::Other);
        assert_eq!(classify(&packet(true, 1, 1, 1, &[])), Kind::Rtp);
        assert_eq!(classify(&[0x81, 202, 0, 1, 0, 0, 0, 0]), Kind::Rtcp);
        assert_eq!(classify(&[0x80, 0, 1]), Kind::Other);
        assert_eq!(classify(&[0, 0, 0, 1]), Kind::Other);
    }
}
