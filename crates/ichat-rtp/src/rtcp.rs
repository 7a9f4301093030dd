//! RTCP packets, RFC 3550 §6: reports, CNAME and goodbye; everything else is stepped over.
//!
//! Written here rather than with a crate: what is read is read as far as it makes sense, and what
//! is written cannot fail. `rtcp-types` checks both in the tests.

mod decode;
mod encode;

pub use decode::{RtcpError, decode};
pub use encode::encode;

/// Octets of a packet's common header.
const HEADER_LEN: usize = 4;
/// Octets of a report block.
const BLOCK_LEN: usize = 24;
/// Most report blocks or sources of one packet: its count has five bits.
const MAX_COUNT: usize = 31;
/// Longest text of an item or a reason, in octets: its length is one octet.
const MAX_TEXT_LEN: usize = 255;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// The item of a source description that holds the canonical name (RFC 3550 §6.5.1).
const ITEM_CNAME: u8 = 1;

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtcpPacket {
    /// SR, RFC 3550 §6.4.1.
    SenderReport {
        /// Who reports.
        ssrc: u32,
        /// What it has sent.
        sender: SenderInfo,
        /// What it has received, a block for each source; at most 31.
        blocks: Vec<ReportBlock>,
    },
    /// RR, RFC 3550 §6.4.2.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What it has received, a block for each source; at most 31.
        blocks: Vec<ReportBlock>,
    },
    /// SDES, RFC 3550 §6.5.
    SourceDescription {
        /// The sources that are named, at most 31.
        names: Vec<SourceName>,
    },
    /// BYE, RFC 3550 §6.6.
    Goodbye {
        /// The sources that leave, at most 31.
        ssrcs: Vec<u32>,
        /// Why, at most 255 octets; unreadable octets as U+FFFD.
        reason: Option<String>,
    },
    /// A packet that means nothing to us, or a known one whose octets make no sense.
    Other {
        /// Its packet type.
        packet_type: u8,
    },
}

/// What the sender of an SR has sent, RFC 3550 §6.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock when the report was sent: NTP, 32.32 fixed point.
    pub ntp: u64,
    /// The same time on the clock of its RTP timestamps.
    pub timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Octets of payload sent so far.
    pub octets: u32,
}

/// How one source is received, RFC 3550 §6.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Part of the packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost so far, 24 bits signed: duplicates can make it negative.
    pub lost: i32,
    /// Highest sequence number received, the number of its wraps above it.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR from the source; 0 for none.
    pub last_sender_report: u32,
    /// Time since that SR arrived, in 1/65536 s.
    pub delay_since: u32,
}

/// A source and its canonical name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    /// The source.
    pub ssrc: u32,
    /// Its CNAME, at most 255 octets; unreadable octets as U+FFFD. None if only other items came.
    pub cname: Option<String>,
}
