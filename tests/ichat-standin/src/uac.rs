//! The side that asks: INVITE, ACK, CANCEL, and what their answers must be.

use crate::checks::Book;
use crate::client::{Client, Purpose};
use crate::dialog::{Dialog, Event, Phase, drop_one};
use crate::ending::Ending;
use crate::sdp::{self, Sdp};
use crate::sip::{Message, Parsed};
use crate::sip_checks;
use crate::sockets::{Outbox, SocketId};
use std::net::SocketAddr;
use std::time::Instant;

/// What iChat shows sensibly; nothing else may refuse (`docs/protocol/sip.md`, in the dialog `[G]`).
const REFUSALS: [u16; 4] = [486, 487, 603, 606];

impl Dialog {
    /// Sends the INVITE, to one address after the other.
    pub(crate) fn call(
        &mut self,
        now: Instant,
        user: &str,
        targets: Vec<SocketAddr>,
        outbox: &mut Outbox,
    ) {
        let Some(first) = targets.first().copied() else {
            self.over(Ending::new("unreachable"));
            return;
        };
        self.peer.uri = format!("sip:{user}@{first}");
        self.cseq += 1;
        let branch = self.new_branch();
        let offer = sdp::offer(&self.shape(None));
        let cut = match self.options.sip.content_length {
            crate::options::ContentLength::TooShort => sdp::cut(&offer),
            _ => offer.len(),
        };
        // What a length that is too short leaves is all that was offered.
        self.offered = Sdp::parse(offer.as_bytes().get(..cut).unwrap_or_default()).ok();
        let mut request = self.request("INVITE", self.cseq, &branch, first);
        if let crate::sip::Start::Request { uri, .. } = &mut request.start {
            *uri = format!("sip:{user}@{first}");
        }
        let request = Self::with_sdp(request, &offer);
        let octets = self.print(&request);
        self.invite = Some((request.clone(), octets.clone()));
        self.phase = Phase::Inviting;
        let withhold = self.drops.invite;
        let message = (request, octets);
        let client = Client::start(now, Purpose::Invite, message, targets, withhold, outbox);
        self.clients.push(client);
    }

    /// More addresses for an INVITE that nobody has answered.
    pub(crate) fn more_targets(&mut self, addresses: &[SocketAddr]) {
        for client in &mut self.clients {
            if client.purpose == Purpose::Invite {
                client.targets.extend(addresses);
            }
        }
    }

    /// Gives up before the answer: at once after a provisional answer, else when one comes.
    pub(crate) fn cancel(&mut self, now: Instant, outbox: &mut Outbox) {
        self.cancel_wanted = true;
        let ringing = self
            .clients
            .iter()
            .any(|client| client.purpose == Purpose::Invite && client.provisional);
        let asked = self
            .clients
            .iter()
            .any(|client| client.purpose == Purpose::Cancel);
        let (Some((invite, _)), Some(to)) = (&self.invite, self.pinned) else {
            return;
        };
        if !ringing || asked {
            return;
        }
        let number = invite.cseq().map_or(1, |(number, _)| number);
        let branch = invite.branch().unwrap_or_default().to_owned();
        let mut request = self.request("CANCEL", number, &branch, to);
        request.start = match &invite.start {
            crate::sip::Start::Request { uri, .. } => crate::sip::Start::Request {
                method: "CANCEL".into(),
                uri: uri.clone(),
            },
            other => other.clone(),
        };
        for (name, value) in &mut request.headers {
            if name == "To" {
                *value = invite.header("To").unwrap_or_default().to_owned();
            }
        }
        let message = (request.clone(), self.print(&request));
        self.clients.push(Client::start(
            now,
            Purpose::Cancel,
            message,
            vec![to],
            0,
            outbox,
        ));
    }

    /// Asks what an endpoint must answer in known ways.
    pub(crate) fn probe(&mut self, now: Instant, outbox: &mut Outbox) {
        self.ask(now, Purpose::Probe(200), "OPTIONS", None, outbox);
        self.ask(now, Purpose::Probe(200), "INFO", None, outbox);
        self.ask(now, Purpose::Probe(405), "UPDATE", None, outbox);
        let ours = self.call_id.clone();
        self.call_id = format!("stray-{ours}");
        self.ask(now, Purpose::Probe(481), "BYE", None, outbox);
        self.call_id = ours;
    }

    /// A response came.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        parsed: Parsed,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        let Parsed { message, mut lint } = parsed;
        let code = message.status().unwrap_or(0);
        if code >= 200 {
            book.tally.responses += 1;
        }
        let (number, method) = message.cseq().unwrap_or((0, ""));
        let branch = message.branch().unwrap_or_default();
        let place = self.clients.iter().position(|client| {
            client.request.branch() == Some(branch) && client.request.method() == Some(method)
        });
        let Some(place) = place else {
            let success = method == "INVITE" && (200..300).contains(&code);
            match self
                .acks
                .iter()
                .find(|(known, _)| success && *known == number)
            {
                Some((_, ack)) => {
                    if let (Some(to), false) = (self.pinned, drop_one(&mut self.drops.ack)) {
                        outbox.push((SocketId::Main, to, ack.clone()));
                    }
                }
                None => book
                    .faults
                    .expect(self.done.iter().any(|known| known == branch), || {
                        format!("a {code} to a {method} that was never sent")
                    }),
            }
            return;
        };
        let is_invite = method == "INVITE";
        if is_invite && (200..300).contains(&code) && drop_one(&mut self.drops.ok) {
            return;
        }
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        lint.extend(sip_checks::check_response(&message, &client.request));
        if !client.targets.contains(&from) && !self.options.any_source {
            lint.push(format!("it comes from {from}, where nothing was sent"));
        }
        book.faults.absorb(&format!("{code} to {method}"), lint);
        if code < 200 {
            client.heard();
            if client.purpose == Purpose::Invite {
                self.pinned = Some(from);
                if self.cancel_wanted {
                    self.cancel(now, outbox);
                }
            }
            return;
        }
        let client = self.clients.remove(place);
        self.done.push(branch.to_owned());
        match client.purpose {
            Purpose::Invite => {
                book.tally.last_status = Some(code);
                let agent = message.header("User-Agent").or(message.header("Server"));
                book.tally.user_agent = agent.map(str::to_owned);
                self.pinned = Some(from);
                match code {
                    200..=299 => self.accepted(now, from, &message, book, outbox),
                    _ => self.rejected(code, &client.request, &message, book, outbox),
                }
            }
            Purpose::Reinvite => {
                let ok = (200..300).contains(&code);
                book.faults
                    .expect(ok, || format!("a re-INVITE was answered with {code}"));
                match ok {
                    true => {
                        self.check_sdp_answer(from, &message, book);
                        self.acknowledge(number, outbox);
                    }
                    false => self.acknowledge_refusal(&client.request, &message, outbox),
                }
            }
            Purpose::Bye => {
                book.faults
                    .expect(code == 200, || format!("BYE was answered with {code}"));
                self.over(Ending::new("hangup"));
            }
            Purpose::Cancel => {
                book.faults
                    .expect(code == 200, || format!("CANCEL was answered with {code}"));
            }
            Purpose::Ping => {
                book.faults
                    .expect(code == 200, || format!("MESSAGE was answered with {code}"));
                book.tally.pings_answered += u64::from(code == 200);
            }
            Purpose::Probe(expected) => book.faults.expect(code == expected, || {
                format!("{method} was answered with {code} instead of {expected}")
            }),
        }
    }

    fn accepted(
        &mut self,
        now: Instant,
        from: SocketAddr,
        message: &Message,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        self.peer.tag = message.tag("To");
        let number = message.cseq().map_or(1, |(number, _)| number);
        let remote = self.check_sdp_answer(from, message, book);
        self.acknowledge(number, outbox);
        self.events.push_back(Event::Begin { remote });
        if self.cancel_wanted || self.options.sip.no_audio {
            self.phase = Phase::Up;
            self.hang_up(now, outbox);
        } else {
            self.up(now);
        }
    }

    fn check_sdp_answer(
        &self,
        from: SocketAddr,
        message: &Message,
        book: &mut Book,
    ) -> Option<(SocketAddr, SocketAddr)> {
        match Sdp::parse(&message.body) {
            Ok(answer) => {
                let offered = self.offered.clone().unwrap_or_default();
                let from = self.source(from, &answer);
                let found = sdp::check_answer(&message.body, &answer, from, &offered);
                book.faults.absorb("SDP answer", found);
                answer.audio_addresses()
            }
            Err(error) => {
                book.faults.add(format!("SDP answer: {error}"));
                None
            }
        }
    }

    fn rejected(
        &mut self,
        code: u16,
        request: &Message,
        message: &Message,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        book.faults.expect(REFUSALS.contains(&code), || {
            format!("the INVITE was refused with {code}, none of {REFUSALS:?}")
        });
        self.acknowledge_refusal(request, message, outbox);
        self.over(Ending::of_status(code));
    }

    /// ACK of a 200: a transaction of its own, repeated with each repeated 200.
    fn acknowledge(&mut self, number: u32, outbox: &mut Outbox) {
        let Some(to) = self.pinned else { return };
        let branch = self.new_branch();
        let octets = self.print(&self.request("ACK", number, &branch, to));
        self.acks.push((number, octets.clone()));
        if !drop_one(&mut self.drops.ack) {
            outbox.push((SocketId::Main, to, octets));
        }
    }

    /// ACK of a refusal: part of the INVITE's transaction (RFC 3261 §17.1.1.3).
    fn acknowledge_refusal(&mut self, invite: &Message, answer: &Message, outbox: &mut Outbox) {
        let Some(to) = self.pinned else { return };
        let (number, branch) = (invite.cseq().map_or(1, |c| c.0), invite.branch());
        let mut ack = self.request("ACK", number, branch.unwrap_or_default(), to);
        if let (
            crate::sip::Start::Request { uri, .. },
            crate::sip::Start::Request { uri: asked, .. },
        ) = (&mut ack.start, &invite.start)
        {
            uri.clone_from(asked);
        }
        for (name, value) in &mut ack.headers {
            if name == "To" {
                *value = answer.header("To").unwrap_or_default().to_owned();
            }
        }
        // A repeated refusal is answered like a repeated 200.
        let octets = self.print(&ack);
        if !drop_one(&mut self.drops.ack) {
            outbox.push((SocketId::Main, to, octets));
        }
    }
}
