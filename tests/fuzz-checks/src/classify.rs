//! Which datagram is what on the shared port, and what the endpoint then does with it.

use std::time::{Duration, Instant, SystemTime};

use ichat_ice::{snatmap, stun};
use ichat_rtp::rtcp::{self, RtcpPacket};
use ichat_rtp::{
    DatagramKind, PlayoutBuffer, Pulled, RtpPacket, Session, SessionConfig, classify as kind_of,
};

use crate::script::Script;

/// How long sound waits before it is played.
const DELAY: Duration = Duration::from_millis(60);
/// What is kept beyond that (`PlayoutBuffer`), and one packet.
const HEADROOM: Duration = Duration::from_millis(420);
const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: u32 = 160;
const OUR_SSRC: u32 = 0x0102_0304;

/// Datagrams on the shared port: one, and a call's worth of them.
pub fn classify(octets: &[u8]) {
    datagram(octets);
    let mut script = Script::new(octets);
    let mut call = Call::new();
    while let Some(step) = script.octet() {
        match step {
            // A packet as the peer sends it, with an octet or two of its own.
            0..=127 => {
                let octets = call.packet(step, &mut script);
                call.datagram(&octets);
            }
            128..=159 => call.play(step - 127),
            160..=175 => call.wait(script.milliseconds()),
            _ => call.datagram(script.octets(usize::from(step - 176) * 4)),
        }
    }
}

/// One datagram has one kind, and the kind promises something.
fn datagram(octets: &[u8]) {
    match kind_of(octets) {
        DatagramKind::Keepalive => {
            let blank = |octet: &u8| matches!(octet, b'\r' | b'\n' | b' ' | 0);
            assert!(octets.iter().all(blank));
        }
        DatagramKind::Probe => assert!(octets.starts_with(&[0xde, 0xad, 0xbe, 0xef])),
        DatagramKind::Sip => {
            let _ = ichat_sip::peek(octets);
        }
        DatagramKind::Rtp => rtp(octets),
        DatagramKind::Rtcp => rtcp(octets),
        DatagramKind::Snatmap => assert!(snatmap::Message::decode(octets).is_ok()),
        DatagramKind::Stun => {
            let decoded = stun::Message::decode(octets).map(|message| message.kind());
            // The header was looked at already.
            let sound = matches!(decoded, Ok(_) | Err(stun::DecodeError::Attribute { .. }));
            assert!(sound, "{decoded:?}");
        }
        DatagramKind::Unknown => {}
    }
}

fn rtp(octets: &[u8]) {
    assert!(octets.len() >= 12 && octets[0] >> 6 == 2 && !(192..=223).contains(&octets[1]));
    let Ok(packet) = RtpPacket::decode(octets) else {
        return;
    };
    let written = packet.encode();
    assert!(written.len() <= octets.len());
    assert_eq!(RtpPacket::decode(&written), Ok(packet));
    assert_eq!(kind_of(&written), DatagramKind::Rtp);
}

fn rtcp(octets: &[u8]) {
    assert!(octets.len() >= 8 && (192..=223).contains(&octets[1]));
    let Ok(packets) = rtcp::decode(octets) else {
        return;
    };
    assert!((1..=64).contains(&packets.len()));
    // What was unreadable is left out, and what was left out does not come back.
    let written = rtcp::encode(&packets);
    let again = rtcp::decode(&written).expect("what was written can be read");
    assert_eq!(again.len(), packets.len());
    for (packet, again) in packets.iter().zip(&again) {
        assert!(is_same(packet, again), "{packet:?} became {again:?}");
    }
    assert_eq!(rtcp::decode(&rtcp::encode(&again)), Ok(again));
}

/// Whether it came back, but for a text that was longer once unreadable octets had been replaced,
/// and for a goodbye that made no sense.
fn is_same(packet: &RtcpPacket, again: &RtcpPacket) -> bool {
    let is_cut = |text: &Option<String>, again: &Option<String>| match (text, again) {
        (Some(text), Some(again)) => text == again || (text.len() > 255 && text.starts_with(again)),
        (text, again) => text == again,
    };
    match (packet, again) {
        (RtcpPacket::Other { packet_type: 203 }, RtcpPacket::Goodbye { ssrcs, reason }) => {
            ssrcs.is_empty() && reason.is_none()
        }
        (
            RtcpPacket::SourceDescription { names },
            RtcpPacket::SourceDescription { names: again },
        ) => {
            let same = |(name, again): (&rtcp::SourceName, &rtcp::SourceName)| {
                name.ssrc == again.ssrc && is_cut(&name.cname, &again.cname)
            };
            names.len() == again.len() && names.iter().zip(again).all(same)
        }
        (
            RtcpPacket::Goodbye { ssrcs, reason },
            RtcpPacket::Goodbye {
                ssrcs: again,
                reason: reason_again,
            },
        ) => ssrcs == again && is_cut(reason, reason_again),
        (packet, again) => packet == again,
    }
}

/// The receiving half of a call, as the endpoint has it.
struct Call {
    now: Instant,
    session: Session,
    playout: PlayoutBuffer,
    sequence: u16,
    timestamp: u32,
    /// RTP datagrams that came, those that were taken, and RTCP datagrams.
    rtp: u64,
    rtcp: u64,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let config = SessionConfig {
            ssrc: OUR_SSRC,
            sequence: 0xfffe,
            timestamp: 0xffff_ff00,
            clock_rate_hz: 8000,
            samples_per_packet: SAMPLES,
            payload_type: 0,
            cname: "fuzz".to_owned(),
            started: now,
            started_wall: SystemTime::UNIX_EPOCH,
            seed: 9,
        };
        Self {
            now,
            session: Session::new(config),
            playout: PlayoutBuffer::new(DELAY, 8000, SAMPLES),
            sequence: 0xfff0,
            timestamp: 0xffff_f000,
            rtp: 0,
            rtcp: 0,
        }
    }

    /// A packet of sound in its order, or out of it, or a report about us.
    fn packet(&mut self, step: u8, script: &mut Script<'_>) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES);
        match step {
            0..=63 => {}
            64..=79 => self.sequence = self.sequence.wrapping_add(script.number()),
            80..=95 => {
                self.timestamp = self.timestamp.wrapping_add(u32::from(script.number()) << 8);
            }
            96..=111 => {
                let block = rtcp::ReportBlock {
                    ssrc: OUR_SSRC,
                    fraction_lost: script.octet().unwrap_or(0),
                    lost: i32::from(script.number()) << 9,
                    highest_sequence: script.number().into(),
                    jitter: script.number().into(),
                    last_sender_report: u32::from(script.number()) << 8,
                    delay_since: script.number().into(),
                };
                let report = RtcpPacket::ReceiverReport {
                    ssrc: step.into(),
                    blocks: vec![block],
                };
                return rtcp::encode(&[report]);
            }
            _ => {}
        }
        let payload = vec![step; usize::from(step) * 4];
        RtpPacket {
            payload_type: 0,
            marker: step & 1 != 0,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: u32::from(step / 32),
            payload: &payload,
        }
        .encode()
    }

    fn datagram(&mut self, octets: &[u8]) {
        datagram(octets);
        match kind_of(octets) {
            DatagramKind::Rtp => {
                self.rtp += 1;
                if let Ok(packet) = self.session.handle_rtp(self.now, octets) {
                    self.playout
                        .insert(self.now, packet.timestamp, packet.payload);
                }
            }
            DatagramKind::Rtcp => {
                self.rtcp += 1;
                let _ = self.session.handle_rtcp(self.now, octets);
            }
            DatagramKind::Keepalive
            | DatagramKind::Probe
            | DatagramKind::Sip
            | DatagramKind::Snatmap
            | DatagramKind::Stun
            | DatagramKind::Unknown => {}
        }
        self.check();
    }

    fn play(&mut self, frames: u8) {
        for _ in 0..frames {
            self.now += FRAME;
            match self.playout.pull(self.now) {
                Pulled::Frame(frame) => assert_eq!(frame.len(), SAMPLES as usize),
                Pulled::Missing | Pulled::Idle => {}
            }
            let _ = self
                .session
                .send(self.now, &[0xff; SAMPLES as usize], false);
        }
        self.check();
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.session.skip(7);
        if let Some(report) = self.session.poll_rtcp(self.now) {
            assert_eq!(kind_of(&report), DatagramKind::Rtcp);
            rtcp(&report);
        }
        let due = self.session.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "what was due is done");
        self.check();
    }

    fn check(&self) {
        let statistics = self.session.statistics();
        let taken = statistics.received + statistics.duplicates + statistics.refused;
        assert_eq!(taken, self.rtp, "each packet is counted once");
        assert_eq!(
            statistics.rtcp_received + statistics.rtcp_refused,
            self.rtcp
        );
        assert!(
            statistics
                .rtt
                .is_none_or(|rtt| rtt <= Duration::from_secs(30))
        );
        assert!(self.playout.depth() <= DELAY + HEADROOM);
    }
}
