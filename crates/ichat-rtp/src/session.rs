//! One RTP session with one peer: what we send, what we hear, and the reports about both.

mod config;
mod receiver;
mod schedule;
mod source;

use std::time::{Duration, Instant};

use crate::clock;
use crate::packet::{RtpError, RtpPacket};
use crate::random::Random;
use crate::rtcp::{self, ReportBlock, RtcpError, SenderInfo, SourceName};

pub use config::{RtcpReport, SessionConfig, Statistics};
use receiver::Receiver;
use schedule::Schedule;

/// Longest round trip that is believed; above it a report is about something else.
const MAX_RTT: Duration = Duration::from_secs(30);
/// How far below zero a round trip may come out, in 1/65536 s: 31 ms.
const RTT_SLACK: i32 = 2048;

/// A sender, a receiver and their RTCP, for one payload type and one peer (RFC 3550).
///
/// Does no I/O and reads no clock: octets and the time go in, octets come out. Our SSRC never
/// changes (`docs/protocol/media.md`, packets \[G\]), not even when the peer uses the same.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    sequence: u16,
    timestamp: u32,
    /// When a packet was last sent, and its timestamp.
    last_sent: Option<(Instant, u32)>,
    receiver: Receiver,
    schedule: Schedule,
    sent: u64,
    sent_octets: u64,
    /// Packets sent when the last report went, and when the one before it went.
    sent_at_reports: [u64; 2],
    about_us: Option<ReportBlock>,
    rtt: Option<Duration>,
    peer_cname: Option<String>,
    rtcp_sent: u64,
    rtcp_received: u64,
    rtcp_refused: u64,
}

impl Session {
    /// A session that has sent and heard nothing; its first RTCP is due 1 to 3.1 s after
    /// `config.started`.
    pub fn new(config: SessionConfig) -> Self {
        let schedule = Schedule::new(config.started, Random::new(config.seed));
        let receiver = Receiver::new(config.started, config.clock_rate_hz, config.payload_type);
        Self {
            sequence: config.sequence,
            timestamp: config.timestamp,
            config,
            last_sent: None,
            receiver,
            schedule,
            sent: 0,
            sent_octets: 0,
            sent_at_reports: [0; 2],
            about_us: None,
            rtt: None,
            peer_cname: None,
            rtcp_sent: 0,
            rtcp_received: 0,
            rtcp_refused: 0,
        }
    }

    /// The next packet. Sequence and timestamp go on by one packet.
    ///
    /// `marker` is set on the first packet after a silence without packets (RFC 3551 §4.1).
    pub fn send(&mut self, now: Instant, payload: &[u8], marker: bool) -> Vec<u8> {
        let packet = RtpPacket {
            payload_type: self.config.payload_type,
            marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.config.ssrc,
            payload,
        };
        let octets = packet.encode();
        self.last_sent = Some((now, self.timestamp));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.config.samples_per_packet);
        self.sent += 1;
        self.sent_octets += payload.len() as u64;
        octets
    }

    /// Time passes without packets: the timestamp goes on by as many, the sequence does not.
    pub fn skip(&mut self, packets: u32) {
        let samples = packets.wrapping_mul(self.config.samples_per_packet);
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Reads a packet of the peer's and counts it.
    ///
    /// Packets of one source are heard. The first packet is taken as it is; another source takes
    /// over at once if the one heard has fallen silent, else from its second packet in sequence
    /// on, so that a stray datagram cannot interrupt a call. Duplicates are counted and returned:
    /// the play-out buffer knows them by their timestamp.
    ///
    /// # Errors
    ///
    /// [`RtpError`] if it is no RTP, or of a source that is not (yet) heard. Counted in
    /// [`Statistics::refused`]; nothing else changes.
    pub fn handle_rtp<'a>(
        &mut self,
        now: Instant,
        octets: &'a [u8],
    ) -> Result<RtpPacket<'a>, RtpError> {
        self.receiver.handle(now, octets)
    }

    /// Reads a compound of the peer's: its reports about us, its clock, its name, its goodbye.
    ///
    /// # Errors
    ///
    /// [`RtcpError`] if it does not begin with an RTCP packet; counted in
    /// [`Statistics::rtcp_refused`].
    pub fn handle_rtcp(&mut self, now: Instant, octets: &[u8]) -> Result<RtcpReport, RtcpError> {
        let packets = rtcp::decode(octets).inspect_err(|error| {
            self.rtcp_refused += 1;
            tracing::debug!(%error, "rtcp refused");
        })?;
        self.rtcp_received += 1;
        let mut report = RtcpReport::default();
        for packet in packets {
            self.take_packet(now, packet, &mut report);
        }
        if let Some(about_us) = report.about_us {
            self.take_block(now, about_us);
        }
        if report.cname.is_some() {
            self.peer_cname.clone_from(&report.cname);
        }
        Ok(report)
    }

    /// The report that is due at `now`, if one is: SR, or RR when nothing was sent lately, and our
    /// CNAME. None before its time and after [`goodbye`](Self::goodbye).
    ///
    /// Every 2.1 to 6.2 s: 5 s, randomised (RFC 3550 §6.3.1). The bandwidth of a call between two
    /// never asks for more.
    pub fn poll_rtcp(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.schedule.take(now).then(|| {
            let packets = self.report(now);
            self.rtcp_sent += 1;
            rtcp::encode(&packets)
        })
    }

    /// When [`poll_rtcp`](Self::poll_rtcp) will have something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.due()
    }

    /// The last report, with BYE (RFC 3550 §6.6). No further report falls due.
    pub fn goodbye(&mut self, now: Instant) -> Vec<u8> {
        self.schedule.stop();
        let mut packets = self.report(now);
        packets.push(rtcp::RtcpPacket::Goodbye {
            ssrcs: vec![self.config.ssrc],
            reason: None,
        });
        self.rtcp_sent += 1;
        rtcp::encode(&packets)
    }

    /// Everything counted so far.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            sent: self.sent,
            sent_octets: self.sent_octets,
            rtt: self.rtt,
            rtcp_sent: self.rtcp_sent,
            rtcp_received: self.rtcp_received,
            rtcp_refused: self.rtcp_refused,
            ..self.receiver.statistics()
        };
        if let Some(block) = self.about_us {
            let jitter = clock::duration(u64::from(block.jitter), self.config.clock_rate_hz);
            statistics.peer_lost_fraction = Some(f32::from(block.fraction_lost) / 256.0);
            statistics.peer_lost = Some(u32::try_from(block.lost).unwrap_or(0));
            statistics.peer_jitter = Some(jitter);
        }
        statistics
    }

    /// The canonical name that the peer last gave in RTCP.
    pub fn peer_cname(&self) -> Option<&str> {
        self.peer_cname.as_deref()
    }

    fn take_packet(&mut self, now: Instant, packet: rtcp::RtcpPacket, report: &mut RtcpReport) {
        match packet {
            rtcp::RtcpPacket::SenderReport {
                ssrc,
                sender,
                blocks,
            } => {
                self.receiver
                    .handle_sender_report(now, ssrc, clock::ntp_middle(sender.ntp));
                report.ssrc = Some(ssrc);
                report.sender = Some(sender);
                self.find_block(&blocks, report);
            }
            rtcp::RtcpPacket::ReceiverReport { ssrc, blocks } => {
                report.ssrc = Some(ssrc);
                self.find_block(&blocks, report);
            }
            rtcp::RtcpPacket::SourceDescription { names } => {
                report.cname = names.into_iter().find_map(|name| name.cname);
            }
            rtcp::RtcpPacket::Goodbye { ssrcs, reason } => {
                let heard = self.receiver.ssrc();
                report.bye |= match heard {
                    Some(heard) => ssrcs.is_empty() || ssrcs.contains(&heard),
                    None => true,
                };
                report.bye_reason = reason;
            }
            rtcp::RtcpPacket::Other { .. } => report.other += 1,
        }
    }

    fn find_block(&self, blocks: &[ReportBlock], report: &mut RtcpReport) {
        let about_us = blocks.iter().find(|block| block.ssrc == self.config.ssrc);
        report.about_us = about_us.copied().or(report.about_us);
    }

    /// Round trip after RFC 3550 §6.4.1: now, less when our report went, less how long it lay there.
    fn take_block(&mut self, now: Instant, block: ReportBlock) {
        self.about_us = Some(block);
        if block.last_sender_report == 0 {
            return;
        }
        let units = clock::ntp_middle(self.ntp(now))
            .wrapping_sub(block.last_sender_report)
            .wrapping_sub(block.delay_since)
            .cast_signed();
        // The two clocks tick in different steps, so a short round trip can come out below zero.
        let rtt = clock::from_fixed_16_16(units.max(0).cast_unsigned());
        if units >= -RTT_SLACK && rtt <= MAX_RTT {
            self.rtt = Some(rtt);
        }
    }

    fn report(&mut self, now: Instant) -> Vec<rtcp::RtcpPacket> {
        let ssrc = self.config.ssrc;
        let blocks: Vec<_> = self.receiver.report_block(now).into_iter().collect();
        let [last, before_last] = self.sent_at_reports;
        self.sent_at_reports = [self.sent, last];
        let report = match self.last_sent {
            // A sender is who has sent since the second last report (RFC 3550 §6.4).
            Some((at, timestamp)) if self.sent > before_last => {
                let since = now.saturating_duration_since(at);
                let samples = clock::low_32(clock::samples(since, self.config.clock_rate_hz));
                let sender = SenderInfo {
                    ntp: self.ntp(now),
                    timestamp: timestamp.wrapping_add(samples),
                    packets: clock::low_32(self.sent),
                    octets: clock::low_32(self.sent_octets),
                };
                rtcp::RtcpPacket::SenderReport {
                    ssrc,
                    sender,
                    blocks,
                }
            }
            Some(_) | None => rtcp::RtcpPacket::ReceiverReport { ssrc, blocks },
        };
        let name = SourceName {
            ssrc,
            cname: Some(self.config.cname.clone()),
        };
        vec![
            report,
            rtcp::RtcpPacket::SourceDescription { names: vec![name] },
        ]
    }

    fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.config.started);
        let wall = self.config.started_wall.checked_add(since);
        clock::ntp(wall.unwrap_or(self.config.started_wall))
    }
}
