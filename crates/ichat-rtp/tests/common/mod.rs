//! A session of ours and the packets of a peer.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::time::{Duration, Instant, UNIX_EPOCH};

use ichat_rtp::{RtpPacket, Session, SessionConfig};

pub(crate) const OURS: u32 = 0x1111_1111;
pub(crate) const PEERS: u32 = 0x2222_2222;

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn config(started: Instant, ssrc: u32, seed: u64) -> SessionConfig {
    SessionConfig {
        ssrc,
        sequence: 1000,
        timestamp: 5000,
        clock_rate_hz: 8000,
        samples_per_packet: 160,
        payload_type: 0,
        cname: format!("user@{ssrc:x}"),
        started,
        started_wall: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        seed,
    }
}

pub(crate) fn ours(started: Instant) -> Session {
    Session::new(config(started, OURS, 7))
}

/// A packet of 20 ms whose timestamp fits its place in the sequence.
pub(crate) fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    RtpPacket {
        payload_type: 0,
        marker: false,
        sequence,
        timestamp,
        ssrc,
        payload: &[0x55; 160],
    }
    .encode()
}

/// Hands the packets with these sequence numbers over, 20 ms apart.
pub(crate) fn hear(
    session: &mut Session,
    start: Instant,
    sequences: impl IntoIterator<Item = u16>,
) {
    for (tick, sequence) in (0_u32..).zip(sequences) {
        session
            .handle_rtp(start + ms(20) * tick, &packet(PEERS, sequence))
            .unwrap();
    }
}
