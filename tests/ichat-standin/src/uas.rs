//! The side that is asked: INVITE, ACK, BYE, CANCEL and the rest.

use crate::checks::Book;
use crate::client::Purpose;
use crate::dialog::{Dialog, Event, Phase, Served, drop_one};
use crate::ending::Ending;
use crate::options::PeerKind;
use crate::sdp::{self, Sdp};
use crate::sip::{Message, Parsed, Party, Start};
use crate::sip_checks::{self, DialogIds};
use crate::sockets::{Outbox, SocketId};
use std::net::SocketAddr;
use std::time::Instant;

const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, MESSAGE, OPTIONS, INFO";
/// iChat refuses callers with longer names (`docs/protocol/xmpp.md`, ringing `[G]`).
const LONGEST_NAME: usize = 10;

impl Dialog {
    fn ids(&self) -> DialogIds {
        DialogIds {
            call_id: self.call_id.clone(),
            our_tag: self.us.tag.clone().unwrap_or_default(),
            peer_tag: self.peer.tag.clone().unwrap_or_default(),
        }
    }

    /// Where its packets may come from; none: anywhere.
    fn sources(&self) -> &[SocketAddr] {
        match self.options.any_source {
            true => &[],
            false => &self.allowed,
        }
    }

    /// What the request URI may name; behind a NAT we cannot know it.
    fn known_as(&self, message: &Message) -> Vec<SocketAddr> {
        let mut known = self.listed.clone();
        if let (Start::Request { uri, .. }, true) = (&message.start, self.options.behind_nat) {
            let place = uri.rsplit('@').next().unwrap_or_default();
            known.extend(place.parse::<SocketAddr>());
        }
        known
    }

    /// Where SDP ought to point: a NAT may have changed what is seen.
    pub(crate) fn source(&self, seen: SocketAddr, sdp: &Sdp) -> SocketAddr {
        let told = sdp.audio_addresses().filter(|_| self.options.any_source);
        told.map_or(seen, |(rtp, _)| SocketAddr::new(seen.ip(), rtp.port()))
    }

    fn peer_kind(&self) -> PeerKind {
        self.options.peer_kind
    }

    /// A request came.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        parsed: Parsed,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        let Parsed { message, lint } = parsed;
        let method = message.method().unwrap_or_default().to_owned();
        match method.as_str() {
            "INVITE" => book.tally.invites += 1,
            "ACK" => book.tally.acks += 1,
            "BYE" => book.tally.byes += 1,
            "CANCEL" => book.tally.cancels += 1,
            "MESSAGE" => book.tally.messages += 1,
            _ => {}
        }
        if method == "ACK" {
            self.handle_ack(now, &message, lint, book);
            return;
        }
        let branch = message.branch().unwrap_or_default().to_owned();
        let served = self
            .served
            .iter()
            .find(|s| s.branch == branch && s.method == method);
        if let Some(served) = served {
            if method == "INVITE" {
                self.check_repeated_invite(&branch, octets, book);
                if self.waiting.is_some() && drop_one(&mut self.drops.ok) {
                    return;
                }
            }
            outbox.push((SocketId::Main, from, served.octets.clone()));
            return;
        }
        let known = self.invite.is_some() && message.call_id() == self.call_id;
        match (method.as_str(), known) {
            ("INVITE", false) => self.handle_invite(now, from, octets, message, lint, book, outbox),
            (_, false) => {
                book.faults.add(format!("{method} outside the dialog"));
                self.serve(&message, 481, from, outbox);
            }
            ("CANCEL", true) => self.handle_cancel(from, &message, lint, book, outbox),
            (_, true) => self.handle_in_dialog(now, from, &message, lint, book, outbox),
        }
    }

    /// Answers, and remembers the answer for a repeated request.
    fn serve(&mut self, request: &Message, code: u16, to: SocketAddr, outbox: &mut Outbox) {
        let mut answer = self.response(request, code);
        if code == 405 {
            answer.headers.push(("Allow".into(), ALLOW.into()));
        }
        let octets = self.print(&answer);
        self.remember(request, octets.clone());
        outbox.push((SocketId::Main, to, octets));
    }

    fn remember(&mut self, request: &Message, octets: Vec<u8>) {
        let branch = request.branch().unwrap_or_default().to_owned();
        let method = request.method().unwrap_or_default().to_owned();
        self.served
            .retain(|served| served.branch != branch || served.method != method);
        self.served.push(Served {
            branch,
            method,
            octets,
        });
    }

    fn check_repeated_invite(&self, branch: &str, octets: &[u8], book: &mut Book) {
        if let Some((first, known)) = &self.invite
            && first.branch() == Some(branch)
        {
            book.faults.expect(known == octets, || {
                "a repeated INVITE differs from the first".into()
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a new call brings")]
    fn handle_invite(
        &mut self,
        now: Instant,
        from: SocketAddr,
        octets: &[u8],
        message: Message,
        mut lint: Vec<String>,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        if self.phase != Phase::Idle || self.caller {
            book.faults
                .add("an INVITE while there is a call, or to the caller");
            self.serve(&message, 486, from, outbox);
            return;
        }
        if drop_one(&mut self.drops.invite) {
            return;
        }
        lint.extend(sip_checks::check_invite(
            &message,
            &self.names,
            &self.known_as(&message),
            from,
            self.sources(),
            self.peer_kind(),
        ));
        book.faults.absorb("INVITE", lint);
        self.call_id = message.call_id().to_owned();
        self.peer = Party::parse(message.header("From").unwrap_or_default());
        let to = Party::parse(message.header("To").unwrap_or_default());
        self.us = Party {
            tag: self.us.tag.clone(),
            ..to
        };
        self.peer_cseq = message.cseq().map_or(0, |(number, _)| number);
        book.tally.user_agent = message.header("User-Agent").map(str::to_owned);
        self.pinned = Some(from);
        self.invite = Some((message.clone(), octets.to_vec()));
        self.phase = Phase::Ringing;
        match Sdp::parse(&message.body) {
            Ok(offer) => {
                let from = self.source(from, &offer);
                let found = sdp::check_offer(&message.body, &offer, from, self.peer_kind());
                book.faults.absorb("SDP offer", found);
                self.offered = Some(offer);
            }
            Err(error) => book.faults.add(format!("SDP offer: {error}")),
        }
        let name = self
            .peer
            .display
            .split('@')
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        let options = self.options.clone();
        let declined = options.vc.decline.filter(|_| !options.mode.has_xmpp());
        if let Some(code) = declined {
            self.refuse(if code == 2 { 486 } else { 603 }, outbox);
        } else if let Some(code) = options.sip.reject {
            self.refuse(code, outbox);
        } else if options.sip.reject_long_names && name > LONGEST_NAME {
            self.refuse(603, outbox);
        } else if options.vc.no_answer && !options.mode.has_xmpp() {
            self.ring(outbox);
        } else if let Some(after) = options.sip.ring {
            self.ring(outbox);
            self.answer_at = Some(now + after);
        } else {
            self.accept(now, book, outbox);
        }
    }

    fn ring(&mut self, outbox: &mut Outbox) {
        if let (Some((invite, _)), Some(to)) = (self.invite.clone(), self.pinned) {
            self.serve(&invite, 180, to, outbox);
        }
    }

    /// Refuses the INVITE.
    pub(crate) fn refuse(&mut self, code: u16, outbox: &mut Outbox) {
        if let (Some((invite, _)), Some(to)) = (self.invite.clone(), self.pinned) {
            self.refused = true;
            self.serve(&invite, code, to, outbox);
        }
        self.over(Ending::of_status(code));
    }

    /// Answers the INVITE with 200.
    pub(crate) fn accept(&mut self, now: Instant, book: &mut Book, outbox: &mut Outbox) {
        let (Some((invite, _)), Some(to)) = (self.invite.clone(), self.pinned) else {
            return;
        };
        if self.phase != Phase::Ringing {
            return;
        }
        let offer = self.offered.clone().unwrap_or_default();
        let remote = offer.audio_addresses();
        book.faults.expect(remote.is_some(), || {
            "the offer names no usable audio address".into()
        });
        self.send_200(now, &invite, &offer, to, outbox);
        self.phase = Phase::Answered;
        self.events.push_back(Event::Begin { remote });
    }

    fn send_200(
        &mut self,
        now: Instant,
        invite: &Message,
        offer: &Sdp,
        to: SocketAddr,
        outbox: &mut Outbox,
    ) {
        let answer = sdp::answer(&self.shape(None), offer);
        let response = Self::with_sdp(self.response(invite, 200), &answer);
        let octets = self.print(&response);
        self.remember(invite, octets.clone());
        if !drop_one(&mut self.drops.ok) {
            outbox.push((SocketId::Main, to, octets.clone()));
        }
        self.wait_for_ack(now, to, octets);
    }

    fn handle_ack(&mut self, now: Instant, ack: &Message, mut lint: Vec<String>, book: &mut Book) {
        let Some((invite, _)) = &self.invite else {
            book.faults.add("ACK without an INVITE");
            return;
        };
        if self.caller && self.waiting.is_none() && self.phase != Phase::Over {
            book.faults.add("ACK to the caller");
            return;
        }
        if drop_one(&mut self.drops.ack) {
            return;
        }
        lint.extend(sip_checks::check_in_dialog(
            ack,
            &self.ids(),
            self.peer_kind(),
        ));
        // A re-INVITE has its own number.
        if !self.caller && self.peer_cseq == invite.cseq().map_or(0, |c| c.0) {
            lint.extend(sip_checks::check_follower(ack, invite, self.refused));
        }
        book.faults.absorb("ACK", lint);
        self.waiting = None;
        if self.phase == Phase::Answered {
            self.up(now);
        }
    }

    /// Media came: an ACK that was lost does not hold up the call.
    pub(crate) fn media_came(&mut self, now: Instant) {
        if self.phase == Phase::Answered {
            self.up(now);
        }
    }

    fn handle_cancel(
        &mut self,
        from: SocketAddr,
        cancel: &Message,
        mut lint: Vec<String>,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        if let Some((invite, _)) = &self.invite {
            lint.extend(sip_checks::check_request(cancel, self.peer_kind()));
            lint.extend(sip_checks::check_follower(cancel, invite, true));
        }
        book.faults.absorb("CANCEL", lint);
        self.serve(cancel, 200, from, outbox);
        if self.phase == Phase::Ringing {
            self.refuse(487, outbox);
        }
    }

    fn handle_in_dialog(
        &mut self,
        now: Instant,
        from: SocketAddr,
        message: &Message,
        mut lint: Vec<String>,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        let method = message.method().unwrap_or_default();
        if method == "BYE" && drop_one(&mut self.drops.bye) {
            self.events.push_back(Event::ByeDropped);
            return;
        }
        lint.extend(sip_checks::check_in_dialog(
            message,
            &self.ids(),
            self.peer_kind(),
        ));
        let number = message.cseq().map_or(0, |(number, _)| number);
        if number <= self.peer_cseq {
            lint.push(format!("CSeq {number} after {}", self.peer_cseq));
        }
        self.peer_cseq = number;
        if self.pinned != Some(from) && !self.options.any_source {
            lint.push(format!("it comes from {from}, not from {:?}", self.pinned));
        }
        if self.phase == Phase::Over {
            lint.push("it comes after the end".into());
        }
        book.faults.absorb(method, lint);
        if self.phase == Phase::Over {
            self.serve(message, 481, from, outbox);
            return;
        }
        match method {
            "BYE" => {
                self.serve(message, 200, from, outbox);
                // Both may hang up at once: ours was first if it is out.
                let ours = self
                    .clients
                    .iter()
                    .any(|client| client.purpose == Purpose::Bye);
                self.over(Ending::new(if ours { "hangup" } else { "remote-hangup" }));
            }
            "INVITE" => match Sdp::parse(&message.body) {
                Ok(offer) => {
                    self.events.push_back(Event::Begin {
                        remote: offer.audio_addresses(),
                    });
                    self.send_200(now, message, &offer, from, outbox);
                }
                Err(error) => {
                    book.faults.add(format!("SDP of a re-INVITE: {error}"));
                    self.serve(message, 606, from, outbox);
                }
            },
            "MESSAGE" | "OPTIONS" | "INFO" => self.serve(message, 200, from, outbox),
            _ => self.serve(message, 405, from, outbox),
        }
    }
}
