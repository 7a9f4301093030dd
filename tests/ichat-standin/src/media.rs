//! What is sent and received while a call is up (`docs/protocol/media.md` `[C, G]`).

use crate::checks::Book;
use crate::options::Options;
use crate::random::Random;
use crate::rtcp::{self, Expected, Report};
use crate::rtp::{self, MAX_GAP, Receiver};
use crate::sockets::{Outbox, SocketId};
use crate::ulaw::Payloads;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

const RTCP_FIRST: Duration = Duration::from_millis(500);
const RTCP_EVERY: Duration = Duration::from_secs(5);
const JUNK_EVERY: Duration = Duration::from_millis(200);
/// By then the peer has sent a report (RFC 3550 §6.2: 5 s, half of it at first, up to 1.5 times).
const RTCP_EXPECTED: Duration = Duration::from_secs(8);

/// The media of one call.
#[derive(Debug)]
pub(crate) struct Media {
    options: Rc<Options>,
    pub(crate) ssrc: u32,
    sequence: u16,
    timestamp: u32,
    payloads: Payloads,
    sent: Vec<u8>,
    packets: u64,
    slots: u64,
    marker: bool,
    swapped: Option<Vec<u8>>,
    remote: Option<(SocketAddr, SocketAddr)>,
    allowed: Vec<SocketAddr>,
    begun: Option<Instant>,
    connected: Option<Instant>,
    ended: Option<Instant>,
    /// From here the peer need not send.
    excused: Option<Instant>,
    next_packet: Option<Instant>,
    next_rtcp: Option<Instant>,
    next_junk: Option<Instant>,
    last_heard: Option<Instant>,
    receiver: Receiver,
    reports: u64,
    random: Random,
}

impl Media {
    /// Nothing is sent yet.
    pub(crate) fn new(options: Rc<Options>, payloads: Payloads, mut random: Random) -> Self {
        Self {
            ssrc: random.u32(),
            sequence: options.media.sequence.unwrap_or_else(|| random.u16()),
            timestamp: options.media.timestamp.unwrap_or_else(|| random.u32()),
            options,
            payloads,
            sent: Vec::new(),
            packets: 0,
            slots: 0,
            marker: true,
            swapped: None,
            remote: None,
            allowed: Vec::new(),
            begun: None,
            connected: None,
            ended: None,
            excused: None,
            next_packet: None,
            next_rtcp: None,
            next_junk: None,
            last_heard: None,
            receiver: Receiver::default(),
            reports: 0,
            random,
        }
    }

    /// The peer may send from now on, and so may we, to these addresses. `allowed` is where its
    /// packets may come from.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        remote: (SocketAddr, SocketAddr),
        allowed: Vec<SocketAddr>,
    ) {
        self.remote = Some(remote);
        self.allowed.extend(allowed);
        self.allowed.extend([remote.0, remote.1]);
        if self.begun.is_none() {
            self.begun = Some(now);
            self.last_heard = Some(now);
            if !self.options.media.wait_for_rtp || self.receiver.received > 0 {
                self.send_from(now);
            }
        }
    }

    /// Packets may come from there too.
    pub(crate) fn allow(&mut self, remote: SocketAddr) {
        // Before it is said who may send, everybody may.
        if self.begun.is_some() && !self.allowed.contains(&remote) {
            self.allowed.push(remote);
        }
    }

    /// Sends there from now on, if packets may come from there. Says whether that is so.
    pub(crate) fn redirect(&mut self, remote: SocketAddr) -> bool {
        let known = self.begun.is_some() && self.allowed.contains(&remote);
        if known {
            self.remote = Some((remote, remote));
        }
        known
    }

    fn send_from(&mut self, now: Instant) {
        self.next_packet = Some(now);
        self.next_rtcp = Some(now + RTCP_FIRST);
        self.next_junk = self.options.media.junk_rtp.then_some(now + JUNK_EVERY);
    }

    /// The times of the flags count from here.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connected.get_or_insert(now);
    }

    /// The call is over: nothing more is sent or awaited.
    pub(crate) fn end(&mut self, now: Instant) {
        self.ended.get_or_insert(now);
        self.stop(now);
    }

    /// A BYE came that is ignored: we go on, but the peer need not.
    pub(crate) fn excuse(&mut self, now: Instant) {
        self.excused.get_or_insert(now);
    }

    /// Our BYE is out: nothing more is sent, and the peer need not send.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.excuse(now);
        self.next_packet = None;
        self.next_rtcp = None;
        self.next_junk = None;
    }

    /// A packet of the RTP kind. Says whether it is the first.
    pub(crate) fn handle_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        book: &mut Book,
    ) -> bool {
        self.check_source("RTP", now, from, book);
        self.last_heard = Some(now);
        // What was on its way when the call ended still counts.
        if self
            .ended
            .is_some_and(|ended| now.saturating_duration_since(ended) > MAX_GAP)
        {
            return false;
        }
        self.receiver.handle(now, octets, &mut book.faults);
        if self.receiver.received != 1 {
            return false;
        }
        if self.begun.is_some() && self.excused.is_none() && self.next_packet.is_none() {
            self.send_from(now);
        }
        true
    }

    /// A packet of the RTCP kind.
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        book: &mut Book,
    ) {
        self.check_source("RTCP", now, from, book);
        self.last_heard = Some(now);
        self.reports += 1;
        let expected = Expected {
            ntp: rtcp::ntp(SystemTime::now()),
            our_ssrc: self.ssrc,
            our_packets: self.slots,
            peer_ssrc: self.receiver.ssrc(),
            peer_timestamp: self.receiver.timestamp().filter(|_| self.ended.is_none()),
            peer_packets: self.receiver.received,
            lossy: self.options.lossy,
        };
        book.faults.absorb("RTCP", rtcp::check(octets, &expected));
    }

    fn check_source(&self, what: &str, now: Instant, from: SocketAddr, book: &mut Book) {
        let known =
            self.allowed.is_empty() || self.options.any_source || self.allowed.contains(&from);
        book.faults.expect(known, || {
            format!("{what} comes from the unknown address {from}")
        });
        if let Some(ended) = self.ended {
            book.faults
                .expect(now.saturating_duration_since(ended) <= MAX_GAP, || {
                    format!("{what} more than 1 s after the end")
                });
        }
    }

    fn since_connected(&self, now: Instant, after: Option<Duration>) -> bool {
        match (self.connected, after) {
            (Some(connected), Some(after)) => now >= connected + after,
            _ => false,
        }
    }

    /// `--silent-after` has come.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.since_connected(now, self.options.media.silent_after)
    }

    /// Nothing has been heard for so long that iChat hangs up.
    pub(crate) fn is_dead(&self, now: Instant) -> bool {
        self.dead_at().is_some_and(|at| now >= at)
    }

    fn dead_at(&self) -> Option<Instant> {
        let limit = self.options.media.dead_air_end;
        match (self.excused, self.last_heard, self.begun) {
            (None, Some(heard), Some(_)) if !limit.is_zero() => Some(heard + limit),
            _ => None,
        }
    }

    /// Sends what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        let Some((rtp, rtcp)) = self.remote else {
            return;
        };
        while let Some(due) = self.next_packet.filter(|due| *due <= now) {
            self.next_packet = Some(due + Duration::from_millis(self.options.media.packet_ms));
            self.slot(due, rtp, outbox);
        }
        if self.next_rtcp.is_some_and(|due| due <= now) {
            self.next_rtcp = Some(now + RTCP_EVERY);
            if !self.is_silent(now) {
                outbox.push((SocketId::Rtcp, rtcp, self.report()));
            }
        }
        if self.next_junk.is_some_and(|due| due <= now) {
            self.next_junk = Some(now + JUNK_EVERY);
            if !self.is_silent(now) {
                self.junk(rtp, outbox);
            }
        }
    }

    fn slot(&mut self, due: Instant, to: SocketAddr, outbox: &mut Outbox) {
        let samples = self.options.media.packet_ms as usize * 8;
        let media = &self.options.media;
        let muted = self.since_connected(due, media.mute_after)
            && !self.since_connected(due, media.unmute_after);
        if muted || self.is_silent(due) {
            self.timestamp = self.timestamp.wrapping_add(samples as u32);
            self.marker = true;
            return;
        }
        let payload = self.payloads.next(samples);
        let octets = rtp::packet(
            self.marker,
            self.sequence,
            self.timestamp,
            self.ssrc,
            &payload,
        );
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.slots += 1;
        let every = |n: u64| n != 0 && self.slots.is_multiple_of(n);
        if every(media.lose_every) {
            return;
        }
        self.packets += 1;
        self.sent.extend_from_slice(&payload);
        if every(media.double_every) {
            outbox.push((SocketId::Rtp, to, octets.clone()));
        }
        if every(media.swap_every) && self.swapped.is_none() {
            self.swapped = Some(octets);
            return;
        }
        outbox.push((SocketId::Rtp, to, octets));
        outbox.extend(self.swapped.take().map(|late| (SocketId::Rtp, to, late)));
    }

    fn report(&self) -> Vec<u8> {
        let about = self.receiver.ssrc();
        let report = Report {
            ssrc: self.ssrc,
            ntp: rtcp::ntp(SystemTime::now()),
            timestamp: self.timestamp,
            packets: self.packets as u32,
            octets: self.sent.len() as u32,
            about: about.map(|ssrc| (ssrc, self.receiver.lost() as u32, self.receiver.highest())),
        };
        rtcp::compound(&report, self.options.our_name())
    }

    /// What must do no harm: too short, not RTP at all, broken RTCP, and a stranger's stream.
    fn junk(&mut self, to: SocketAddr, outbox: &mut Outbox) {
        for octets in [
            &[0x80, 0x00, 0x01][..],
            b"hello\r\n",
            b"\r\n\r\n",
            &[0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x80, 200, 0xff, 0xff, 0, 0, 0, 0],
            &[
                0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            &[0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            &[0xbf, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            outbox.push((SocketId::Rtp, to, octets.to_vec()));
        }
        let loud: Vec<u8> = (0..160)
            .map(|_| (self.random.u32() >> 24) as u8 & 0x8f)
            .collect();
        let ssrc = self.random.u32();
        let foreign = rtp::packet(false, self.sequence, self.timestamp, ssrc, &loud);
        outbox.push((SocketId::Stranger, to, foreign));
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [
            self.next_packet,
            self.next_rtcp,
            self.next_junk,
            self.dead_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The last look, and the counts.
    pub(crate) fn finish(&self, now: Instant, expected: bool, book: &mut Book) {
        let end = self.excused.unwrap_or(now);
        if let (Some(begun), true) = (self.begun, expected) {
            let lasted = end.saturating_duration_since(begun);
            let silent = end.saturating_duration_since(self.receiver.last_at().unwrap_or(begun));
            if let (Some(connected), Some(first)) = (self.connected, self.receiver.first_at()) {
                let late = first.saturating_duration_since(connected);
                book.faults.expect(late <= MAX_GAP, || {
                    "RTP: the first came more than 1 s after connected".into()
                });
            }
            match self.receiver.received {
                0 => book.faults.expect(lasted <= MAX_GAP, || {
                    "RTP: none came in more than 1 s".into()
                }),
                // A BYE may get lost, and comes again when nothing else comes any more.
                _ => book
                    .faults
                    .expect(silent <= MAX_GAP || self.options.lossy, || {
                        "RTP: more than 1 s of nothing before the end".into()
                    }),
            }
            book.faults
                .expect(self.reports > 0 || lasted < RTCP_EXPECTED, || {
                    "RTCP: none came in more than 8 s".into()
                });
        }
        self.receiver.finish(self.options.lossy, &mut book.faults);
        let tally = &mut book.tally;
        tally.sent = self.packets;
        tally.octets_sent = self.sent.len() as u64;
        tally.received = self.receiver.received;
        tally.octets_received = self.receiver.octets().len() as u64;
        tally.lost = self.receiver.lost();
        tally.duplicates = self.receiver.duplicates;
        tally.reordered = self.receiver.reordered;
        tally.ssrcs = self.receiver.ssrcs() as u64;
        tally.timestamps_ok = self.receiver.timestamps_ok();
        tally.max_gap_ms = self.receiver.max_gap.as_millis() as u64;
        tally.reports = self.reports;
    }

    /// Everything that was sent, in the order of the timestamps.
    pub(crate) fn sent_octets(&self) -> &[u8] {
        &self.sent
    }

    /// Everything that came, in the order of the timestamps.
    pub(crate) fn received_octets(&self) -> Vec<u8> {
        self.receiver.octets()
    }
}
