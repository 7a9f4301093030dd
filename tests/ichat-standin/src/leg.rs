//! One call from the INVITE to the end: the dialog, the media and the times of the flags.

use crate::checks::Book;
use crate::connectivity::GIVE_UP;
use crate::dialog::{Dialog, Event, Phase};
use crate::ending::Ending;
use crate::media::Media;
use crate::options::{Options, PeerKind};
use crate::random::Random;
use crate::rtp::{Kind, classify};
use crate::sip::{self, Start};
use crate::sip_checks::Names;
use crate::sockets::{Datagram, Local, Outbox, SocketId};
use crate::ulaw::Payloads;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a pinhole datagram holds is unknown; this is nothing else that goes over the port.
const PINHOLE: &[u8] = &[0x70, 0x69, 0x6e, 0x00];
const PINHOLE_EVERY: Duration = Duration::from_millis(500);
/// The caller's INVITE comes by then.
const INVITE_TIME: Duration = Duration::from_secs(30);
/// With a list that nobody can read, no INVITE is awaited for long.
const NO_INVITE_TIME: Duration = Duration::from_secs(3);

/// It is what another stand-in opens its NAT with.
pub(crate) fn is_pinhole(options: &Options, octets: &[u8]) -> bool {
    options.peer_kind == PeerKind::IChat && octets == PINHOLE
}

/// What a call tells its owner.
#[derive(Clone, Debug)]
pub(crate) enum LegEvent {
    /// A 200 went over the wire: media may flow.
    Begun,
    Connected {
        remote: SocketAddr,
        setup: Duration,
    },
    Ended(Ending),
}

/// One call.
#[derive(Debug)]
pub(crate) struct Leg {
    options: Rc<Options>,
    dialog: Dialog,
    media: Media,
    started: Instant,
    connected: Option<Instant>,
    hang_up_at: Option<Instant>,
    cancel_at: Option<Instant>,
    /// When waiting ends, the reason, and whether it is a fault.
    patience: Option<(Instant, &'static str, bool)>,
    reason: Option<&'static str>,
    /// Media takes the way of SIP, whatever SDP says.
    by_path: bool,
    /// That way is found by checks.
    checked: bool,
    pinholes: Vec<SocketAddr>,
    next_pinhole: Option<Instant>,
    ended: bool,
    events: VecDeque<LegEvent>,
    /// Datagrams to send.
    pub(crate) outbox: Outbox,
}

impl Leg {
    /// Nothing is sent yet.
    pub(crate) fn new(
        now: Instant,
        options: Rc<Options>,
        names: Names,
        local: Local,
        payloads: Payloads,
        mut random: Random,
    ) -> Self {
        let media = Media::new(options.clone(), payloads, Random::new(random.u64()));
        let dialog = Dialog::new(options.clone(), names, local, media.ssrc, random);
        Self {
            dialog,
            media,
            started: now,
            connected: None,
            hang_up_at: None,
            cancel_at: None,
            patience: None,
            reason: None,
            by_path: options.behind_nat || options.any_source,
            checked: false,
            pinholes: Vec::new(),
            next_pinhole: None,
            ended: false,
            events: VecDeque::new(),
            outbox: Outbox::new(),
            options,
        }
    }

    /// Sends the INVITE.
    pub(crate) fn call(&mut self, now: Instant, user: &str, targets: Vec<SocketAddr>) {
        let vc = &self.options.vc;
        self.dialog.caller = true;
        self.cancel_at = vc
            .cancel_after
            .filter(|_| !self.options.mode.has_xmpp())
            .map(|after| now + after);
        self.patience = Some((now + self.options.timeout, "no-answer", false));
        self.dialog.allowed.clone_from(&targets);
        if vc.no_invite {
            self.patience = Some((now + self.options.timeout, "no-invite", false));
            return;
        }
        self.dialog.call(now, user, targets, &mut self.outbox);
    }

    /// Waits for the INVITE. `listed` is what we listed, `allowed` what the peer did.
    pub(crate) fn await_call(
        &mut self,
        now: Instant,
        listed: Vec<SocketAddr>,
        allowed: Vec<SocketAddr>,
    ) {
        let list = &self.options.list;
        self.patience = Some(match self.options.mode.has_xmpp() {
            false => (now + self.options.timeout, "no-call", false),
            true if list.no_hex || list.no_record => (now + NO_INVITE_TIME, "no-invite", false),
            true => (now + INVITE_TIME, "no-invite", true),
        });
        self.dialog.listed = listed;
        self.dialog.allowed = allowed;
    }

    /// We send the INVITE when a path is found.
    pub(crate) fn wait_for_path(&mut self, now: Instant, allowed: Vec<SocketAddr>) {
        self.by_path = true;
        self.checked = true;
        self.dialog.caller = true;
        self.dialog.allowed = allowed;
        self.patience = Some((now + GIVE_UP, "no-path", false));
    }

    /// The peer sends it when a path is found; if there is none, it does not.
    pub(crate) fn await_path(&mut self, now: Instant) {
        self.by_path = true;
        self.checked = true;
        if let Some((at, _, true)) = self.patience {
            self.patience = Some((at.max(now + GIVE_UP), "no-path", false));
        }
    }

    /// It was found.
    pub(crate) fn path_found(&mut self, now: Instant, remote: SocketAddr) {
        if self.dialog.caller {
            let allowed = self.dialog.allowed.clone();
            self.call(now, "user", vec![remote]);
            self.dialog.allowed.extend(allowed);
        } else if self
            .patience
            .is_some_and(|(_, reason, _)| reason == "no-path")
        {
            self.patience = Some((now + INVITE_TIME, "no-invite", true));
        }
    }

    /// There is none, and the listed addresses have to do.
    pub(crate) fn go_direct(&mut self, now: Instant) {
        if self.dialog.caller && !self.is_begun() {
            let targets = self.dialog.allowed.clone();
            self.call(now, "user", targets);
        }
    }

    /// Its way was, or is to be, found by checks.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// The INVITE is ours.
    pub(crate) fn is_caller(&self) -> bool {
        self.dialog.caller
    }

    /// There was an INVITE, or it is over.
    pub(crate) fn is_begun(&self) -> bool {
        self.dialog.phase != Phase::Idle
    }

    /// Packets may come from there too.
    pub(crate) fn allow(&mut self, remote: SocketAddr) {
        if !self.dialog.allowed.contains(&remote) {
            self.dialog.allowed.push(remote);
        }
        self.media.allow(remote);
    }

    /// The request URI may name these too.
    pub(crate) fn also_listed(&mut self, addresses: impl Iterator<Item = SocketAddr>) {
        self.dialog.listed.extend(addresses);
    }

    /// The peer listed more addresses; the INVITE goes there too if they are `targets`.
    pub(crate) fn more_addresses(&mut self, addresses: &[SocketAddr], targets: bool) {
        self.dialog.allowed.extend(addresses);
        if targets {
            self.dialog.more_targets(addresses);
        }
    }

    /// Makes holes in the NAT that is not there.
    pub(crate) fn open_pinholes(&mut self, now: Instant, addresses: Vec<SocketAddr>) {
        self.pinholes = addresses;
        self.next_pinhole = Some(now);
    }

    /// One datagram of whatever kind.
    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram, book: &mut Book) {
        let Datagram { from, octets, at } = datagram;
        match classify(octets) {
            Kind::Keepalive => book.tally.keepalives += 1,
            Kind::Sip => match sip::parse(octets) {
                Ok(parsed) => self.handle_sip(now, *from, octets, parsed, book),
                Err(error) => book.faults.add(format!("SIP: {error}")),
            },
            Kind::Rtp => {
                self.follow(*from);
                if self.media.handle_rtp(*at, *from, octets, book) {
                    self.dialog.media_came(now);
                }
            }
            Kind::Rtcp => self.media.handle_rtcp(*at, *from, octets, book),
            Kind::Snatmap | Kind::Stun | Kind::Other => {
                book.tally.unknown_datagrams += 1;
                let known = is_pinhole(&self.options, octets);
                book.faults.expect(known, || {
                    format!("a datagram of unknown kind, {} octets", octets.len())
                });
            }
        }
        self.drain(now, book);
    }

    /// The peer has moved to another path that works: so do we.
    fn follow(&mut self, from: SocketAddr) {
        let up = matches!(self.dialog.phase, Phase::Answered | Phase::Up);
        if self.by_path && up && self.dialog.pinned != Some(from) && self.media.redirect(from) {
            self.dialog.pinned = Some(from);
        }
    }

    fn handle_sip(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        parsed: sip::Parsed,
        book: &mut Book,
    ) {
        if self.options.verbose {
            eprintln!("<- {from}\n{}", String::from_utf8_lossy(octets));
        }
        if !self.dialog.caller && self.dialog.phase == Phase::Idle {
            self.started = now;
        }
        let out = &mut self.outbox;
        match parsed.message.start {
            Start::Request { .. } => {
                self.dialog
                    .handle_request(now, from, octets, parsed, book, out);
            }
            Start::Status { .. } => self.dialog.handle_response(now, from, parsed, book, out),
        }
    }

    fn drain(&mut self, now: Instant, book: &mut Book) {
        if self.dialog.phase != Phase::Idle {
            self.next_pinhole = None;
            if self
                .patience
                .is_some_and(|(_, reason, _)| reason != "no-answer")
            {
                self.patience = None;
            }
        }
        while let Some(event) = self.dialog.events.pop_front() {
            match event {
                Event::Begin { remote } => {
                    let pinned = self.dialog.pinned.filter(|_| self.by_path);
                    let remote = pinned.map(|pinned| (pinned, pinned)).or(remote);
                    if let Some(remote) = remote {
                        let mut allowed = self.dialog.allowed.clone();
                        allowed.extend(self.dialog.pinned);
                        self.media.begin(now, remote, allowed);
                    }
                    self.events.push_back(LegEvent::Begun);
                }
                Event::Connected => {
                    self.patience = None;
                    self.cancel_at = None;
                    self.connected = Some(now);
                    self.media.connected(now);
                    self.hang_up_at = self.options.duration.map(|after| now + after);
                    book.tally.connected = true;
                    let setup = now.saturating_duration_since(self.started);
                    if let Some(remote) = self.dialog.pinned {
                        self.events.push_back(LegEvent::Connected { remote, setup });
                    }
                }
                Event::ByeDropped => self.media.excuse(now),
                Event::Ended(ending) => {
                    self.patience = None;
                    self.hang_up_at = None;
                    self.cancel_at = None;
                    self.media.end(now);
                    self.ended = true;
                    if let Some(connected) = self.connected {
                        book.tally.duration = now.saturating_duration_since(connected);
                    }
                    let ending = match self.reason {
                        Some(reason) => Ending { reason, ..ending },
                        None => ending,
                    };
                    self.events.push_back(LegEvent::Ended(ending));
                }
            }
        }
    }

    fn leave(&mut self, now: Instant, reason: &'static str) {
        if self.dialog.phase != Phase::Leaving {
            self.reason = Some(reason);
            // Media stops with the BYE, not with its answer.
            if matches!(self.dialog.phase, Phase::Answered | Phase::Up) {
                self.media.stop(now);
            }
            self.dialog.hang_up(now, &mut self.outbox);
        }
    }

    /// The ring ended before the call began.
    pub(crate) fn abandon(&mut self, now: Instant, ending: Ending, book: &mut Book) {
        self.reason = Some(ending.reason);
        self.dialog.over(ending);
        self.drain(now, book);
    }

    /// What is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, book: &mut Book) {
        if self.next_pinhole.is_some_and(|at| at <= now) {
            self.next_pinhole = Some(now + PINHOLE_EVERY);
            for to in &self.pinholes {
                self.outbox.push((SocketId::Main, *to, PINHOLE.to_vec()));
            }
        }
        if self.hang_up_at.is_some_and(|at| at <= now) {
            self.hang_up_at = None;
            self.leave(now, "hangup");
        }
        if self.cancel_at.is_some_and(|at| at <= now) {
            self.cancel_at = None;
            self.leave(now, "cancelled");
        }
        if let Some((_, reason, fault)) = self.patience.filter(|(at, _, _)| *at <= now) {
            self.patience = None;
            book.faults
                .expect(!fault, || "no INVITE 30 s after our response".into());
            self.leave(now, reason);
        }
        if self.media.is_dead(now) && self.dialog.phase != Phase::Leaving && !self.ended {
            book.faults
                .add("dead air: nothing came for so long that iChat hangs up");
            self.leave(now, "dead-air");
        }
        let silent = self.media.is_silent(now);
        self.dialog
            .handle_timeout(now, silent, book, &mut self.outbox);
        self.drain(now, book);
        self.media.handle_timeout(now, &mut self.outbox);
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timers = [
            self.next_pinhole,
            self.hang_up_at,
            self.cancel_at,
            self.patience.map(|(at, _, _)| at),
            self.connected
                .zip(self.options.media.vanish_after)
                .map(|(at, after)| at + after),
            self.dialog.poll_timeout(),
            self.media
                .poll_timeout()
                .filter(|_| self.dialog.phase != Phase::Leaving),
        ];
        timers.into_iter().flatten().min()
    }

    /// What happened.
    pub(crate) fn poll_event(&mut self) -> Option<LegEvent> {
        self.events.pop_front()
    }

    /// `--vanish-after` has come.
    pub(crate) fn has_vanished(&self, now: Instant) -> bool {
        match (self.connected, self.options.media.vanish_after) {
            (Some(connected), Some(after)) => now >= connected + after,
            _ => false,
        }
    }

    /// No request of ours is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.dialog.is_quiet()
    }

    /// The last look.
    pub(crate) fn finish(&self, now: Instant, vanished: bool, book: &mut Book) {
        let sip = &self.options.sip;
        let media_expected = !sip.no_audio && !vanished;
        self.media.finish(now, media_expected, book);
        let tally = &book.tally;
        let connected = tally.connected && !vanished;
        // As often as our 200 came again, an ACK may have been lost.
        let missed = tally.acks == 0 && !self.options.lossy;
        if connected && !self.dialog.caller && missed {
            book.faults.add("no ACK came");
        }
        if let (Some(_), true) = (sip.pings, connected) {
            // The last may have been on its way.
            let missing = tally.pings_sent.saturating_sub(tally.pings_answered);
            book.faults.expect(missing <= 1, || {
                format!("{missing} pings were not answered")
            });
        }
    }

    /// What went out and what came in.
    pub(crate) fn octets(&self) -> (&[u8], Vec<u8>) {
        (self.media.sent_octets(), self.media.received_octets())
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
