//! One SIP call: its state, its clock, and the messages that it writes. What is asked is in
//! [`crate::uac`], what is answered in [`crate::uas`] (`docs/protocol/sip.md`).

use crate::checks::Book;
use crate::client::{Client, Purpose};
use crate::ending::Ending;
use crate::options::{ContentLength, Options, SipOptions};
use crate::random::Random;
use crate::sdp::{self, Sdp, Shape};
use crate::sip::{self, Message, Party, Printing, Start};
use crate::sip_checks::Names;
use crate::sockets::{Local, Outbox, SocketId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What the captured INVITE calls its software.
const USER_AGENT: &str = "Viceroy 1.4.1";
/// How long a 200 is repeated (RFC 3261 §13.3.1.4).
const ACK_TIME: Duration = Duration::from_secs(32);
const T2: Duration = Duration::from_secs(4);

/// Where the call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No INVITE yet.
    Idle,
    /// Ours is out.
    Inviting,
    /// Theirs rings.
    Ringing,
    /// 200 sent, no ACK yet.
    Answered,
    /// Talking.
    Up,
    /// BYE or CANCEL is out.
    Leaving,
    Over,
}

/// What the call tells.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Both sides may send media from now on.
    Begin {
        remote: Option<(SocketAddr, SocketAddr)>,
    },
    Connected,
    /// The peer's BYE came and is ignored.
    ByeDropped,
    Ended(Ending),
}

/// A 200 that waits for its ACK.
#[derive(Debug)]
pub(crate) struct Waiting200 {
    pub(crate) to: SocketAddr,
    pub(crate) octets: Vec<u8>,
    pub(crate) next: Instant,
    pub(crate) interval: Duration,
    pub(crate) until: Instant,
}

/// What is left to drop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    pub(crate) invite: u32,
    pub(crate) ok: u32,
    pub(crate) ack: u32,
    pub(crate) bye: u32,
}

/// Takes one from what is left; says whether there was one.
pub(crate) fn drop_one(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

/// A response to repeat when its request comes again.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) branch: String,
    pub(crate) method: String,
    pub(crate) octets: Vec<u8>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) options: Rc<Options>,
    pub(crate) names: Names,
    pub(crate) local: Local,
    pub(crate) ssrc: u32,
    pub(crate) random: Random,
    /// What we listed, for the request URI.
    pub(crate) listed: Vec<SocketAddr>,
    /// What the peer listed.
    pub(crate) allowed: Vec<SocketAddr>,
    pub(crate) phase: Phase,
    /// The INVITE is ours.
    pub(crate) caller: bool,
    pub(crate) call_id: String,
    pub(crate) us: Party,
    pub(crate) peer: Party,
    pub(crate) cseq: u32,
    pub(crate) peer_cseq: u32,
    /// The INVITE that made the call, ours or theirs, and its octets.
    pub(crate) invite: Option<(Message, Vec<u8>)>,
    /// The last final answer to it was not a 200.
    pub(crate) refused: bool,
    pub(crate) offered: Option<Sdp>,
    pub(crate) pinned: Option<SocketAddr>,
    pub(crate) clients: Vec<Client>,
    pub(crate) done: Vec<String>,
    pub(crate) acks: Vec<(u32, Vec<u8>)>,
    pub(crate) served: Vec<Served>,
    pub(crate) waiting: Option<Waiting200>,
    pub(crate) answer_at: Option<Instant>,
    pub(crate) cancel_wanted: bool,
    pub(crate) drops: Drops,
    pub(crate) events: VecDeque<Event>,
    next_ping: Option<Instant>,
    hold_at: Option<Instant>,
    resume_at: Option<Instant>,
    probe_at: Option<Instant>,
}

impl Dialog {
    /// Nothing is sent yet.
    pub(crate) fn new(
        options: Rc<Options>,
        names: Names,
        local: Local,
        ssrc: u32,
        mut random: Random,
    ) -> Self {
        let host = local.sip.ip().to_string().replace(['.', ':'], "-");
        let (a, b) = (random.u64(), random.u64());
        let call_id = format!(
            "{:08x}-{:04x}-11df-{:04x}-{:012x}@{host}",
            a >> 32,
            a & 0xffff,
            b >> 48,
            b & 0xffff_ffff_ffff
        );
        let SipOptions {
            drop_invite,
            drop_200,
            drop_ack,
            drop_bye,
            ..
        } = options.sip;
        let us = Party {
            display: names.ours.clone(),
            uri: format!("sip:user@{}", local.sip),
            tag: Some(random.u32().to_string()),
        };
        Self {
            drops: Drops {
                invite: drop_invite,
                ok: drop_200,
                ack: drop_ack,
                bye: drop_bye,
            },
            peer: Party {
                display: names.peers.clone(),
                ..Party::default()
            },
            options,
            names,
            local,
            ssrc,
            random,
            listed: Vec::new(),
            allowed: Vec::new(),
            phase: Phase::Idle,
            caller: false,
            call_id,
            us,
            cseq: 0,
            peer_cseq: 0,
            invite: None,
            refused: false,
            offered: None,
            pinned: None,
            clients: Vec::new(),
            done: Vec::new(),
            acks: Vec::new(),
            served: Vec::new(),
            waiting: None,
            answer_at: None,
            cancel_wanted: false,
            events: VecDeque::new(),
            next_ping: None,
            hold_at: None,
            resume_at: None,
            probe_at: None,
        }
    }

    /// What our SDP says.
    pub(crate) fn shape(&self, direction: Option<&'static str>) -> Shape {
        let sip = &self.options.sip;
        Shape {
            address: self.local.rtp.ip(),
            port: self.local.rtp.port(),
            one_port: !sip.separate_media,
            ssrc: self.ssrc,
            name: match self.names.ours.as_str() {
                "" => "standin".into(),
                name => name.into(),
            },
            direction,
            audio: !sip.no_audio,
            video: !sip.no_video,
            aac: !sip.no_aac,
        }
    }

    pub(crate) fn new_branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.random.u64())
    }

    /// A request in the order of Viceroy's headers.
    pub(crate) fn request(&self, method: &str, cseq: u32, branch: &str, to: SocketAddr) -> Message {
        let uri = format!("sip:user@{to}");
        let local = self.local.sip;
        let headers = [
            ("Via", format!("SIP/2.0/UDP {local};branch={branch}")),
            ("Max-Forwards", "70".into()),
            ("To", self.peer.print()),
            ("From", self.us.print()),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{cseq} {method}")),
            ("Contact", format!("<sip:user@{local}>;isfocus")),
            ("User-Agent", USER_AGENT.into()),
        ];
        Message {
            start: Start::Request {
                method: method.into(),
                uri,
            },
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            body: Vec::new(),
        }
    }

    /// A response with what ours have besides.
    pub(crate) fn response(&self, request: &Message, code: u16) -> Message {
        let mut message = sip::response(request, code, self.us.tag.as_deref().unwrap_or("0"));
        let contact = format!("<sip:user@{}>;isfocus", self.local.sip);
        message.headers.push(("Contact".into(), contact));
        message
            .headers
            .push(("User-Agent".into(), USER_AGENT.into()));
        message
    }

    /// Gives a message its SDP.
    pub(crate) fn with_sdp(mut message: Message, sdp: &str) -> Message {
        message
            .headers
            .push(("Content-Type".into(), "application/sdp".into()));
        message.body = sdp.as_bytes().to_vec();
        message
    }

    /// The octets of a message, with the faults of the flags.
    pub(crate) fn print(&self, message: &Message) -> Vec<u8> {
        let sdp = message.header("Content-Type") == Some("application/sdp");
        let length = if sdp {
            self.options.sip.content_length
        } else {
            ContentLength::Right
        };
        let cut = sdp::cut(&String::from_utf8_lossy(&message.body));
        sip::print(
            message,
            Printing {
                style: self.options.sip.style,
                length,
                cut,
            },
        )
    }

    /// Sends a request in the dialog.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        purpose: Purpose,
        method: &str,
        body: Option<(&str, String)>,
        outbox: &mut Outbox,
    ) {
        let Some(to) = self.pinned else { return };
        self.cseq += 1;
        let branch = self.new_branch();
        let mut request = self.request(method, self.cseq, &branch, to);
        if let Some((content_type, body)) = body {
            request
                .headers
                .push(("Content-Type".into(), content_type.into()));
            request.body = body.into_bytes();
        }
        let withhold = if purpose == Purpose::Bye {
            self.drops.bye
        } else {
            0
        };
        let octets = self.print(&request);
        let message = (request, octets);
        self.clients.push(Client::start(
            now,
            purpose,
            message,
            vec![to],
            withhold,
            outbox,
        ));
    }

    /// The call is up: the times of the flags count from here.
    pub(crate) fn up(&mut self, now: Instant) {
        let sip = &self.options.sip;
        self.phase = Phase::Up;
        self.next_ping = sip.pings.map(|every| now + every);
        self.hold_at = sip.hold_after.map(|after| now + after);
        self.probe_at = sip
            .probe_methods
            .then_some(now + Duration::from_millis(500));
        self.events.push_back(Event::Connected);
    }

    /// The call is over.
    pub(crate) fn over(&mut self, ending: Ending) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            self.events.push_back(Event::Ended(ending));
        }
        self.waiting = None;
        self.next_ping = None;
        self.hold_at = None;
        self.resume_at = None;
        self.probe_at = None;
        self.answer_at = None;
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.clients)
            .into_iter()
            .partition(|client| matches!(client.purpose, Purpose::Probe(_)));
        self.clients = kept;
        // Their answers may still come.
        let branches = dropped.iter().filter_map(|client| client.request.branch());
        self.done.extend(branches.map(str::to_owned));
    }

    /// BYE, CANCEL or a refusal, whatever is right now.
    pub(crate) fn hang_up(&mut self, now: Instant, outbox: &mut Outbox) {
        match self.phase {
            Phase::Idle => self.over(Ending::new("hangup")),
            Phase::Inviting => self.cancel(now, outbox),
            Phase::Ringing => self.refuse(486, outbox),
            Phase::Answered | Phase::Up => {
                self.phase = Phase::Leaving;
                self.waiting = None;
                self.next_ping = None;
                self.ask(now, Purpose::Bye, "BYE", None, outbox);
            }
            Phase::Leaving | Phase::Over => {}
        }
    }

    /// Nothing of ours waits for an answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.clients.is_empty()
    }

    /// What is due. `silent`: nothing but answers is sent any more.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        silent: bool,
        book: &mut Book,
        outbox: &mut Outbox,
    ) {
        let mut lost = Vec::new();
        self.clients.retain_mut(|client| {
            let alive = client.handle_timeout(now, outbox);
            if !alive {
                lost.push((
                    client.purpose,
                    client.request.method().unwrap_or("").to_owned(),
                ));
            }
            alive
        });
        for (purpose, method) in lost {
            book.faults.add(format!("{method} was not answered"));
            match purpose {
                Purpose::Invite => self.over(Ending::new("unreachable")),
                Purpose::Bye => self.over(Ending::new("hangup")),
                Purpose::Cancel => self.over(Ending::new("cancelled")),
                Purpose::Reinvite | Purpose::Ping | Purpose::Probe(_) => {}
            }
        }
        self.repeat_200(now, book, outbox);
        if self.answer_at.is_some_and(|at| at <= now) {
            self.answer_at = None;
            self.accept(now, book, outbox);
        }
        if self.next_ping.is_some_and(|at| at <= now) {
            self.next_ping = self.options.sip.pings.map(|every| now + every);
            if !silent {
                book.tally.pings_sent += 1;
                let muted = self.options.sip.ping_muted;
                let body = muted.then(|| ("text/plain", "VCRemoteMuted:ON".to_owned()));
                self.ask(now, Purpose::Ping, "MESSAGE", body, outbox);
            }
        }
        for (direction, resume) in [("sendonly", true), ("sendrecv", false)] {
            let timer = if resume {
                &mut self.hold_at
            } else {
                &mut self.resume_at
            };
            if timer.is_some_and(|at| at <= now) {
                *timer = None;
                if resume {
                    self.resume_at = Some(now + Duration::from_secs(1));
                }
                let offer = sdp::offer(&self.shape(Some(direction)));
                self.offered = Sdp::parse(offer.as_bytes()).ok();
                let body = Some(("application/sdp", offer));
                self.ask(now, Purpose::Reinvite, "INVITE", body, outbox);
            }
        }
        if self.probe_at.is_some_and(|at| at <= now) {
            self.probe_at = None;
            self.probe(now, outbox);
        }
    }

    fn repeat_200(&mut self, now: Instant, book: &mut Book, outbox: &mut Outbox) {
        let Some(waiting) = self.waiting.as_mut() else {
            return;
        };
        if now >= waiting.until {
            self.waiting = None;
            book.faults.add("no ACK in 32 s");
            self.phase = Phase::Up;
            self.hang_up(now, outbox);
        } else if now >= waiting.next {
            waiting.interval = (waiting.interval * 2).min(T2);
            waiting.next = now + waiting.interval;
            if !drop_one(&mut self.drops.ok) {
                outbox.push((SocketId::Main, waiting.to, waiting.octets.clone()));
            }
        }
    }

    /// Starts repeating a 200.
    pub(crate) fn wait_for_ack(&mut self, now: Instant, to: SocketAddr, octets: Vec<u8>) {
        let interval = Duration::from_millis(500);
        let (next, until) = (now + interval, now + ACK_TIME);
        self.waiting = Some(Waiting200 {
            to,
            octets,
            next,
            interval,
            until,
        });
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timers = [
            self.answer_at,
            self.next_ping,
            self.hold_at,
            self.resume_at,
            self.probe_at,
            self.waiting
                .as_ref()
                .map(|waiting| waiting.next.min(waiting.until)),
        ];
        let clients = self.clients.iter().filter_map(Client::poll_timeout);
        timers.into_iter().flatten().chain(clients).min()
    }
}
