//! The media of one call as a machine without I/O: frames in, packets out, and back.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use ichat_audio::{Codec, CodecName, SILENCE_DBOV, codec, level_dbov};
use ichat_rtp::{CodecImpairment, Inserted, PlayoutBuffer, Pulled, Session, SessionConfig, mos};
use ichat_sip::Route;
use ichat_sip::sdp::Format;

use crate::drops::Drops;
use crate::event::{CallStatistics, Direction};
use crate::sources::Sources;

/// How long a packet waits before it is played (docs/adr/0005-fixed-playout-first.md).
pub const PLAYOUT_DELAY: Duration = Duration::from_millis(60);

/// The time that one packet holds.
pub const PACKET_INTERVAL: Duration = Duration::from_millis(20);

/// What both sides have agreed on.
#[derive(Debug)]
pub struct MediaPlan {
    /// The codec on the wire, and its payload type.
    pub format: Format,
    /// The codec that speaks it.
    pub codec: CodecName,
    /// From where to where RTP goes at first.
    pub rtp: Route,
    /// Where RTCP goes at first.
    pub rtcp: SocketAddr,
    /// From where packets are taken.
    pub sources: Sources,
}

/// Numbers that a session begins with.
#[derive(Debug, Clone)]
pub struct MediaSeeds {
    /// Our synchronisation source, constant for the whole call.
    pub ssrc: u32,
    /// First sequence number.
    pub sequence: u16,
    /// First timestamp.
    pub timestamp: u32,
    /// Seed of RTCP's randomised interval.
    pub seed: u64,
    /// RTCP's canonical name.
    pub cname: String,
    /// The wall clock at the start, for RTCP's sender reports.
    pub wall: SystemTime,
}

/// What an RTP packet of the peer's was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Sound that is played, unless it is too late for that.
    Sound,
    /// Sound that was there already.
    Duplicate,
    /// Sound, of which there is more than is kept.
    Overflow,
    /// Of a payload type that nobody agreed on: it shows that the peer is there, and is not played.
    OtherPayload,
}

/// Why a datagram was not used. For whoever handed it over to count; never the end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It came from an address that has no part in this call.
    UnknownSource,
    /// It is neither RTP nor RTCP that can be read.
    Malformed,
}

/// One call's media.
pub struct Media {
    session: Session,
    playout: PlayoutBuffer,
    codec: Box<dyn Codec>,
    payload_type: u8,
    rtp: Route,
    rtcp: SocketAddr,
    sources: Sources,
    /// Where the peer's description last said that RTP and RTCP go.
    described: (SocketAddr, SocketAddr),
    /// Whether the peer's RTP source is known from a packet of its own.
    latched: bool,
    rtcp_latched: bool,
    muted: bool,
    /// Whether the peer's description lets us send.
    may_send: bool,
    heard: bool,
    spoke: bool,
    level_in_dbov: f64,
    level_out_dbov: f64,
    firsts: Vec<Direction>,
    encoded: Vec<u8>,
    decoded: Vec<i16>,
    silence: Vec<i16>,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media")
            .field("rtp", &self.rtp)
            .field("rtcp", &self.rtcp)
            .finish_non_exhaustive()
    }
}

impl Media {
    /// Sets out with a plan.
    #[must_use]
    pub fn new(now: Instant, plan: MediaPlan, seeds: MediaSeeds) -> Self {
        let codec = codec(plan.codec);
        let samples_per_packet = u32::try_from(codec.samples_per_packet()).unwrap_or(160);
        let clock_rate_hz = plan.format.clock_rate_hz;
        Self {
            session: Session::new(SessionConfig {
                ssrc: seeds.ssrc,
                sequence: seeds.sequence,
                timestamp: seeds.timestamp,
                clock_rate_hz,
                samples_per_packet,
                payload_type: plan.format.payload_type,
                cname: seeds.cname,
                started: now,
                started_wall: seeds.wall,
                seed: seeds.seed,
            }),
            playout: PlayoutBuffer::new(PLAYOUT_DELAY, clock_rate_hz, samples_per_packet)
                .with_silence(silence_octet(plan.codec)),
            payload_type: plan.format.payload_type,
            described: (plan.rtp.remote, plan.rtcp),
            rtp: plan.rtp,
            rtcp: plan.rtcp,
            sources: plan.sources,
            latched: false,
            rtcp_latched: false,
            muted: false,
            may_send: true,
            heard: false,
            spoke: false,
            level_in_dbov: SILENCE_DBOV,
            level_out_dbov: SILENCE_DBOV,
            firsts: Vec::new(),
            encoded: Vec::with_capacity(codec.samples_per_packet()),
            decoded: Vec::with_capacity(codec.samples_per_packet()),
            silence: vec![0; codec.samples_per_packet()],
            codec,
        }
    }

    /// Samples in a frame of one packet interval.
    #[must_use]
    pub fn samples_per_frame(&self) -> usize {
        self.codec.samples_per_packet()
    }

    /// Where RTP goes now.
    #[must_use]
    pub fn route(&self) -> Route {
        self.rtp
    }

    /// Sends silence from now on, or the frames again. Sequence and timestamps run on
    /// (docs/protocol/media.md, never be silent \[G\]).
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether packets may be sent at all: false while the peer holds with `recvonly`'s opposite.
    pub fn permit_sending(&mut self, may_send: bool) {
        self.may_send = may_send;
    }

    /// The peer's description named other addresses: they are taken until packets tell better.
    pub fn redirect(&mut self, rtp: SocketAddr, rtcp: SocketAddr) {
        if self.sources.are_checked() {
            return;
        }
        self.sources.describe(rtp);
        self.sources.describe(rtcp);
        if self.described != (rtp, rtcp) {
            self.described = (rtp, rtcp);
            self.rtp.remote = rtp;
            self.rtcp = rtcp;
            self.latched = false;
            self.rtcp_latched = false;
        }
    }

    /// Checks found another path: everything takes it from now on, on one port
    /// (docs/protocol/media.md, symmetric RTP).
    pub fn move_to(&mut self, route: Route) {
        self.sources.follow_checks(route, true);
        self.sources.settle(route);
        self.rtp = route;
        self.rtcp = route.remote;
        self.latched = true;
        self.rtcp_latched = false;
    }

    /// Whether checks have gone through both ways between these two addresses, as it is now.
    pub fn follow_checks(&mut self, route: Route, valid: bool) {
        self.sources.follow_checks(route, valid);
    }

    /// Takes a frame of ours; gives the packet and its way.
    pub fn send_frame(&mut self, now: Instant, frame: &[i16]) -> Option<(Route, Vec<u8>)> {
        let frame = if self.muted { &self.silence } else { frame };
        if !self.may_send {
            self.session.skip(1);
            return None;
        }
        self.level_out_dbov = smooth(self.level_out_dbov, level_dbov(frame));
        self.encoded.clear();
        self.codec.encode(frame, &mut self.encoded);
        // RFC 3551 §4.1: the marker begins a talkspurt; ours never pauses.
        let marker = !self.spoke;
        let packet = self.session.send(now, &self.encoded, marker);
        if !self.spoke {
            self.spoke = true;
            self.firsts.push(Direction::Out);
        }
        Some((self.rtp, packet))
    }

    /// Takes a datagram that the classifier calls RTP.
    ///
    /// # Errors
    /// [`Dropped`] when it is not of this call.
    pub fn handle_rtp(
        &mut self,
        now: Instant,
        route: Route,
        octets: &[u8],
    ) -> Result<Heard, Dropped> {
        if !self.sources.allows(route) {
            return Err(Dropped::UnknownSource);
        }
        let Ok(packet) = self.session.handle_rtp(now, octets) else {
            return Err(Dropped::Malformed);
        };
        if !self.latched || route != self.rtp {
            tracing::debug!(remote = %route.remote, "RTP comes from here; it is answered there");
            if self.sources.are_checked() {
                self.rtcp = route.remote;
            }
            self.rtp = route;
            self.latched = true;
            self.rtcp_latched = false;
        }
        if !self.heard {
            self.heard = true;
            self.firsts.push(Direction::In);
        }
        if packet.payload_type == self.payload_type {
            let inserted = self.playout.insert(now, packet.timestamp, packet.payload);
            tracing::trace!(?inserted, sequence = packet.sequence, "RTP");
            Ok(match inserted {
                Inserted::Duplicate => Heard::Duplicate,
                Inserted::Overflow => Heard::Overflow,
                Inserted::Queued
                | Inserted::Late
                | Inserted::Empty
                | Inserted::Held
                | Inserted::Restarted => Heard::Sound,
            })
        } else {
            tracing::debug!(
                payload_type = packet.payload_type,
                "a payload type nobody agreed on"
            );
            Ok(Heard::OtherPayload)
        }
    }

    /// Takes a datagram that the classifier calls RTCP.
    ///
    /// # Errors
    /// [`Dropped`] when it is not of this call.
    pub fn handle_rtcp(
        &mut self,
        now: Instant,
        route: Route,
        octets: &[u8],
    ) -> Result<(), Dropped> {
        if !self.sources.allows_rtcp(route) {
            return Err(Dropped::UnknownSource);
        }
        if self.session.handle_rtcp(now, octets).is_err() {
            return Err(Dropped::Malformed);
        }
        // After checks it goes where RTP goes: to another address of the peer's it would leave from
        // one of ours that nobody has tried.
        if !self.rtcp_latched && !self.sources.are_checked() {
            self.rtcp = route.remote;
            self.rtcp_latched = true;
        }
        Ok(())
    }

    /// The next frame to play, always a whole one: silence where nothing is there.
    pub fn play_frame(&mut self, now: Instant) -> &[i16] {
        self.decoded.clear();
        match self.playout.pull(now) {
            Pulled::Frame(payload) => {
                self.codec.decode(&payload, &mut self.decoded);
                self.level_in_dbov = smooth(self.level_in_dbov, level_dbov(&self.decoded));
            }
            Pulled::Missing => {}
            Pulled::Idle => self.level_in_dbov = smooth(self.level_in_dbov, SILENCE_DBOV),
        }
        self.decoded.resize(self.codec.samples_per_packet(), 0);
        &self.decoded
    }

    /// RTCP that is due.
    pub fn poll_rtcp(&mut self, now: Instant) -> Option<(Route, Vec<u8>)> {
        let octets = self.session.poll_rtcp(now)?;
        Some((
            Route {
                local: self.rtp.local,
                remote: self.rtcp,
            },
            octets,
        ))
    }

    /// RTCP's good-bye, for the end of the call.
    pub fn goodbye(&mut self, now: Instant) -> (Route, Vec<u8>) {
        (
            Route {
                local: self.rtp.local,
                remote: self.rtcp,
            },
            self.session.goodbye(now),
        )
    }

    /// When [`Self::poll_rtcp`] wants to be asked.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// Directions whose first packet went since the last question.
    pub fn take_firsts(&mut self) -> Vec<Direction> {
        std::mem::take(&mut self.firsts)
    }

    /// Frames that nobody made, because the machine slept: timestamps go on without them.
    pub fn skip_frames(&mut self, frames: u32) {
        self.session.skip(frames);
    }

    /// The figures now; what was dropped is counted by whoever hands datagrams over.
    #[must_use]
    pub fn statistics(&self) -> CallStatistics {
        let session = self.session.statistics();
        let playout = self.playout.statistics();
        CallStatistics {
            sent: session.sent,
            received: session.received,
            lost: session.lost,
            late: playout.late,
            concealed: playout.concealed,
            jitter: session.jitter,
            buffer: self.playout.depth(),
            round_trip: session.rtt,
            level_in_dbov: self.level_in_dbov,
            level_out_dbov: self.level_out_dbov,
            drops: Drops::default(),
        }
    }

    /// The estimated quality of what was heard, `None` when nothing was (ITU-T G.107).
    #[must_use]
    pub fn quality(&self) -> Option<f64> {
        let figures = self.statistics();
        if figures.received == 0 {
            return None;
        }
        // Counts of packets in a call stay far below 2^52: the conversion is exact.
        let heard = figures.received.saturating_sub(figures.late) as f64;
        let missed = (figures.lost + figures.late) as f64;
        let loss = missed / (heard + missed).max(1.0);
        let network = figures.round_trip.unwrap_or_default() / 2;
        Some(mos(
            CodecImpairment::PCMU,
            loss,
            network + PLAYOUT_DELAY + PACKET_INTERVAL,
        ))
    }
}

/// The octet that stands for silence (ITU-T G.711).
fn silence_octet(codec: CodecName) -> u8 {
    match codec {
        CodecName::Pcmu => 0xff,
        CodecName::Pcma => 0xd5,
    }
}

/// A meter that rises at once and falls slowly.
fn smooth(before: f64, now: f64) -> f64 {
    if now >= before {
        now
    } else {
        before + (now - before) * 0.1
    }
}
