//! What a session is told, and what it tells.

use std::time::{Duration, Instant, SystemTime};

use crate::rtcp::{ReportBlock, SenderInfo};

/// What a [`Session`](super::Session) needs to know. Random numbers are the caller's to choose.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Our synchronization source: random, the same for the whole call.
    pub ssrc: u32,
    /// Sequence number of the first packet: random (RFC 3550 §5.1).
    pub sequence: u16,
    /// Timestamp of the first packet: random (RFC 3550 §5.1).
    pub timestamp: u32,
    /// Clock of the RTP timestamps in Hz: 8000 for PCMU.
    pub clock_rate_hz: u32,
    /// How far the timestamp goes on a packet: 160 for PCMU at 20 ms.
    pub samples_per_packet: u32,
    /// Payload type, 0 to 127, of what we send and expect: 0 for PCMU.
    pub payload_type: u8,
    /// Canonical name in RTCP, at most 255 octets are sent (RFC 3550 §6.5.1).
    pub cname: String,
    /// When the session starts.
    pub started: Instant,
    /// The wall clock at that time.
    pub started_wall: SystemTime,
    /// Randomises when RTCP goes.
    pub seed: u64,
}

/// What a session has counted and measured. Counts start at 0; all but `lost` only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// Packets sent.
    pub sent: u64,
    /// Octets of payload sent.
    pub sent_octets: u64,
    /// Packets received and taken, duplicates not counted.
    pub received: u64,
    /// Octets of payload received in them.
    pub received_octets: u64,
    /// Packets missing from the sequence, added up over changes of source and jumps. Falls back by
    /// one when a packet arrives after all; never below 0.
    pub lost: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Packets without a payload, also counted as received.
    pub empty: u64,
    /// Datagrams that were refused with an [`RtpError`](crate::RtpError).
    pub refused: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Round trip as the peer's last report gave it; None before one did.
    pub rtt: Option<Duration>,
    /// Part of our packets that the peer lost between its last two reports, 0 to 1.
    pub peer_lost_fraction: Option<f32>,
    /// Packets of ours that the peer has lost so far, by its last report.
    pub peer_lost: Option<u32>,
    /// Interarrival jitter at the peer, by its last report.
    pub peer_jitter: Option<Duration>,
    /// The source that is heard; None before the first packet.
    pub peer_ssrc: Option<u32>,
    /// How often another source took over.
    pub ssrc_changes: u64,
    /// How often the sequence of a source went on somewhere else.
    pub sequence_restarts: u64,
    /// RTCP datagrams sent.
    pub rtcp_sent: u64,
    /// RTCP datagrams received and read.
    pub rtcp_received: u64,
    /// RTCP datagrams refused with an [`RtcpError`](crate::RtcpError).
    pub rtcp_refused: u64,
}

/// What one RTCP datagram of the peer's said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RtcpReport {
    /// The peer says goodbye: a BYE for the source that we hear, or before we heard any.
    /// It ends no call: SIP's BYE does.
    pub bye: bool,
    /// Why, in its words.
    pub bye_reason: Option<String>,
    /// Who reports.
    pub ssrc: Option<u32>,
    /// What the peer has sent, from an SR.
    pub sender: Option<SenderInfo>,
    /// How the peer hears us.
    pub about_us: Option<ReportBlock>,
    /// The canonical name that it gives.
    pub cname: Option<String>,
    /// Packets of kinds that mean nothing to us.
    pub other: usize,
}
