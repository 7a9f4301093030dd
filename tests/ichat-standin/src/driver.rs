//! Joins sockets, clock, stream and machines; prints the events and the verdict.

use crate::agent::{Agent, AgentEvent};
use crate::checks::Book;
use crate::ending::Ending;
use crate::lan::{self, LanEvent, LanInput};
use crate::leg::{Leg, LegEvent};
use crate::link::{Input, Link, join, sign_in};
use crate::options::{Mode, Options};
use crate::random::Random;
use crate::sip_checks::Names;
use crate::sockets::{Local, Sockets};
use crate::ulaw::Payloads;
use crate::verdict::{self, emit};
use serde_json::json;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `avavail` may take so long to come back.
const RETURN_TIME: Duration = Duration::from_secs(3);
/// The same where it is announced by multicast DNS.
const LAN_RETURN_TIME: Duration = Duration::from_secs(9);
/// After vanishing we stay until the peer has been quiet for so long.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// Our last requests may take so long.
const LAST_WORDS: Duration = Duration::from_secs(9);

struct Driver {
    options: Rc<Options>,
    start: Instant,
    local: Local,
    sockets: Sockets,
    agent: Option<(Agent, Link)>,
    leg: Option<Leg>,
    payloads: Option<Payloads>,
    random: Random,
    book: Book,
    ending: Option<(Ending, Instant)>,
    vanished: bool,
    last_datagram: Instant,
}

/// Runs one call to its verdict.
pub(crate) fn run(options: Options) -> ExitCode {
    let start = Instant::now();
    match prepare(options, start) {
        Ok((mut driver, inputs)) => driver.run(&inputs),
        Err(message) => {
            emit(start, "error", json!({ "message": message }));
            let mut book = Book::default();
            book.faults.add(message);
            emit(
                start,
                "verdict",
                verdict::verdict(&book, &Ending::new("not-started")),
            );
            ExitCode::FAILURE
        }
    }
}

fn prepare(mut options: Options, start: Instant) -> Result<(Driver, Receiver<Input>), String> {
    if options.seed == 0 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        options.seed = since.as_nanos() as u64 ^ u64::from(std::process::id()) << 32;
    }
    if options.mode.is_lan() {
        options.bind = options.bind.or_else(lan::own_address);
        if options.jid.is_empty() {
            options.jid = lan::default_name();
        }
    }
    let options = Rc::new(options);
    let payloads = match &options.send {
        Some(path) => {
            let octets =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Payloads::File { octets, at: 0 }
        }
        None => Payloads::Pattern {
            salt: u32::from(!options.mode.is_caller()),
            counter: 0,
        },
    };
    let place = format!("{}:{}", options.local_address(), options.port);
    let sockets = Sockets::open(&options).map_err(|error| format!("{place}: {error}"))?;
    let local = sockets.local().map_err(|error| error.to_string())?;
    let (sender, inputs) = channel();
    sockets
        .listen(&sender, Input::Datagram)
        .map_err(|error| error.to_string())?;
    let mut ports = json!({ "port": local.sip.port(), "rtp_port": local.rtp.port() });
    let mut random = Random::new(options.seed);
    let agent = if options.mode.is_lan() {
        let jid = options.jid.clone();
        let random = Random::new(random.u64());
        let agent = Agent::new(Instant::now(), options.clone(), jid, local.sip, random);
        let lan = join(&options, agent.first_tokens(), sender)?;
        ports["lan_port"] = lan.port.into();
        Some((agent, Link::Lan(Box::new(lan))))
    } else if options.mode.signs_in() {
        Some(sign_in(&options, local, Random::new(random.u64()), sender)?)
    } else {
        None
    };
    emit(start, "ready", ports);
    let now = Instant::now();
    let driver = Driver {
        options,
        start,
        local,
        sockets,
        agent,
        leg: None,
        payloads: Some(payloads),
        random,
        book: Book::default(),
        ending: None,
        vanished: false,
        last_datagram: now,
    };
    Ok((driver, inputs))
}

impl Driver {
    fn run(&mut self, inputs: &Receiver<Input>) -> ExitCode {
        let now = Instant::now();
        match (self.options.mode, self.options.target.clone()) {
            (Mode::SipCall, Some((user, to))) => {
                let peer = self.options.peer.clone();
                let peer = if peer.is_empty() {
                    format!("{user}@{}", to.ip())
                } else {
                    peer
                };
                self.new_leg(now, peer).call(now, &user, vec![to]);
            }
            (Mode::SipAnswer, _) => {
                self.new_leg(now, String::new())
                    .await_call(now, Vec::new(), Vec::new());
            }
            _ => {}
        }
        let end = self.start + self.options.lifetime;
        loop {
            self.step(Instant::now());
            let now = Instant::now();
            if self.is_done(now) {
                break;
            }
            if now >= end {
                self.book
                    .faults
                    .expect(self.vanished, || "the lifetime is over".into());
                self.end(now, Ending::new("lifetime"));
                break;
            }
            let wait = self
                .poll_timeout(now)
                .min(end)
                .saturating_duration_since(now);
            match inputs.recv_timeout(wait) {
                Ok(input) => self.handle(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finish()
    }

    fn new_leg(&mut self, now: Instant, peer: String) -> &mut Leg {
        // In sip-answer nobody said who we are, so no name is demanded.
        let ours = match (&self.agent, self.options.mode) {
            (_, Mode::SipAnswer) => String::new(),
            // A neighbour may have been given another name.
            (Some((agent, _)), _) if agent.is_lan() => agent.jid.clone(),
            _ => self.options.our_name().to_owned(),
        };
        let names = Names {
            ours,
            peers: crate::options::bare(&peer).to_owned(),
        };
        let payloads = self.payloads.take();
        let payloads = payloads.unwrap_or(Payloads::Pattern {
            salt: 0,
            counter: 0,
        });
        let random = Random::new(self.random.u64());
        let leg = Leg::new(
            now,
            self.options.clone(),
            names,
            self.local,
            payloads,
            random,
        );
        self.leg.insert(leg)
    }

    fn handle(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Datagram(datagram) => {
                self.last_datagram = now;
                if self.vanished {
                    return;
                }
                match &mut self.leg {
                    Some(leg) => leg.handle_datagram(now, &datagram, &mut self.book),
                    None => self.book.faults.add(format!(
                        "a datagram from {} before anything was agreed",
                        datagram.from
                    )),
                }
            }
            Input::Stanza(stanza) if !self.vanished => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.handle_stanza(now, &stanza, &mut self.book);
                }
            }
            Input::StreamLost(error) if !self.vanished => {
                self.agent = None;
                emit(self.start, "error", json!({ "message": error }));
                self.book
                    .faults
                    .add(format!("the XMPP stream ended: {error}"));
                if self.leg.is_none() {
                    self.end(now, Ending::new("stream-lost"));
                }
            }
            Input::Lan(input) if !self.vanished => self.handle_lan(now, input),
            Input::Stanza(_) | Input::StreamLost(_) | Input::Lan(_) => {}
        }
    }

    fn handle_lan(&mut self, now: Instant, input: LanInput) {
        let Some((agent, Link::Lan(lan))) = &mut self.agent else {
            return;
        };
        let Some(event) = lan.handle(now, input, &mut self.book) else {
            return;
        };
        match event {
            LanEvent::Online(name) => {
                if agent.announced(now, name) {
                    let target = agent.target.clone();
                    lan.trouble(&target, &mut self.book);
                }
            }
            LanEvent::Seen(name, caps) => {
                if agent.see(now, name.clone(), caps, &mut self.book) {
                    lan.trouble(&name, &mut self.book);
                }
            }
            LanEvent::Gone(name) => agent.gone(&name),
            LanEvent::Opened(name) => {
                if agent.stream_opened(now, &name) {
                    lan.trouble(&name, &mut self.book);
                }
            }
            LanEvent::Closed(name) => agent.stream_closed(&name),
            LanEvent::Stanza(stanza) => agent.handle_stanza(now, &stanza, &mut self.book),
        }
    }

    /// Lets everything happen that is due, and drains what it gives.
    fn step(&mut self, now: Instant) {
        if self.vanished {
            return;
        }
        if self.leg.as_ref().is_some_and(|leg| leg.has_vanished(now)) {
            self.vanished = true;
            self.last_datagram = now;
            self.end(now, Ending::new("vanished"));
            return;
        }
        if let Some((agent, link)) = &mut self.agent {
            agent.handle_timeout(now, &mut self.book);
            if let Link::Lan(lan) = link {
                lan.handle_timeout(now, &mut self.book);
            }
        }
        if let Some(leg) = &mut self.leg {
            leg.handle_timeout(now, &mut self.book);
        }
        while let Some(event) = self.leg.as_mut().and_then(Leg::poll_event) {
            self.leg_event(now, event);
        }
        while let Some(event) = self
            .agent
            .as_mut()
            .and_then(|(agent, _)| agent.events.pop_front())
        {
            self.agent_event(now, event);
        }
        if let Some(leg) = &mut self.leg {
            if self.options.verbose {
                for (_, to, octets) in &leg.outbox {
                    if octets.first().is_some_and(u8::is_ascii_alphabetic) {
                        eprintln!("-> {to}\n{}", String::from_utf8_lossy(octets));
                    }
                }
            }
            self.sockets.send(&mut leg.outbox);
        }
        self.flush_stanzas();
    }

    fn flush_stanzas(&mut self) {
        if let Some((agent, link)) = &mut self.agent {
            for post in agent.outbox.drain(..) {
                let sent = match link {
                    Link::Server(stream) => stream.send(&post.text),
                    Link::Lan(lan) => lan.send(&post.to, post.text, &mut self.book),
                };
                if let Err(error) = sent {
                    self.book.faults.add(error);
                }
            }
        }
    }

    fn leg_event(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Begun => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.peers.begun();
                }
            }
            LegEvent::Connected { remote, setup } => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.connected(now);
                }
                let setup = setup.as_micros() as f64 / 1000.0;
                let fields = json!({ "remote": remote.to_string(), "setup_ms": setup });
                emit(self.start, "connected", fields);
            }
            LegEvent::Ended(ending) => {
                if let Some((agent, _)) = &mut self.agent {
                    agent.finished();
                }
                self.end(now, ending);
            }
        }
    }

    fn agent_event(&mut self, now: Instant, event: AgentEvent) {
        match event {
            AgentEvent::Told(name, fields) => emit(self.start, name, fields),
            AgentEvent::Agreed { peer, addresses } => {
                let listed = self.agent.as_ref().map(|(agent, _)| {
                    let mut listed = agent.listed();
                    // A counter-proposal, or a pinhole's source, is as good as a listed address.
                    listed.push(self.local.sip);
                    listed
                });
                let caller = self.options.mode.is_caller() && !self.is_glare_callee(&peer);
                let pinholes = self.options.list.pinholes;
                let leg = self.new_leg(now, peer);
                match caller {
                    true => leg.call(now, "user", addresses.clone()),
                    false => leg.await_call(now, listed.unwrap_or_default(), addresses.clone()),
                }
                if pinholes {
                    leg.open_pinholes(now, addresses);
                }
            }
            AgentEvent::Announce(tokens) => {
                if let Some((_, Link::Lan(lan))) = &mut self.agent
                    && let Err(error) = lan.announce(tokens)
                {
                    self.book.faults.add(error);
                }
            }
            AgentEvent::MoreAddresses(addresses) => {
                if let Some(leg) = &mut self.leg {
                    leg.more_addresses(&addresses);
                }
            }
            AgentEvent::Over(ending) => {
                match &mut self.leg {
                    Some(leg) => leg.abandon(now, ending.clone(), &mut self.book),
                    None => self.end(now, ending),
                }
                if let Some((agent, _)) = &mut self.agent {
                    agent.finished();
                }
            }
        }
    }

    fn is_glare_callee(&self, peer: &str) -> bool {
        let agent = self.agent.as_ref();
        agent.is_some_and(|(agent, _)| agent.answered.as_deref() == Some(peer))
    }

    fn end(&mut self, now: Instant, ending: Ending) {
        if self.ending.is_none() {
            let duration = self.book.tally.duration.as_secs_f64();
            emit(
                self.start,
                "ended",
                json!({ "reason": ending.reason, "code": ending.code, "duration_s": duration }),
            );
            self.ending = Some((ending, now));
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        let Some((_, at)) = &self.ending else {
            return false;
        };
        if self.vanished {
            return now >= self.last_datagram + QUIET_TIME;
        }
        let awaited = self
            .agent
            .as_ref()
            .is_some_and(|(agent, _)| agent.peers.is_awaited());
        let talking = self.leg.as_ref().is_some_and(|leg| !leg.is_quiet());
        let return_time = match self.options.mode.is_lan() {
            true => LAN_RETURN_TIME,
            false => RETURN_TIME,
        };
        now >= *at + self.options.linger
            && (!awaited || now >= *at + return_time)
            && (!talking || now >= *at + LAST_WORDS)
    }

    fn poll_timeout(&self, now: Instant) -> Instant {
        let look = now + Duration::from_millis(100);
        if self.vanished {
            return look;
        }
        let agent = self
            .agent
            .as_ref()
            .and_then(|(agent, _)| agent.poll_timeout());
        let lan = match &self.agent {
            Some((_, Link::Lan(lan))) => lan.poll_timeout(),
            Some((_, Link::Server(_))) | None => None,
        };
        let leg = self.leg.as_ref().and_then(Leg::poll_timeout);
        // Once it is over, time alone decides.
        let over = self.ending.as_ref().map(|_| look);
        let far = now + Duration::from_secs(3600);
        [agent, lan, leg, over]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(far)
    }

    fn finish(&mut self) -> ExitCode {
        let now = Instant::now();
        if let (Some((agent, link)), false) = (&mut self.agent, self.vanished) {
            agent.peers.finish(&mut self.book.faults);
            match link {
                Link::Server(stream) => {
                    let _ = stream.send("<presence type='unavailable'/></stream:stream>");
                }
                Link::Lan(lan) => lan.finish(),
            }
        }
        self.book.tally.timestamps_ok = true;
        if let Some(leg) = &self.leg {
            leg.finish(now, self.vanished, &mut self.book);
            let (sent, received) = leg.octets();
            for (path, octets) in [
                (&self.options.sent, sent),
                (&self.options.received, received.as_slice()),
            ] {
                let Some(path) = path else { continue };
                if let Err(error) = std::fs::write(path, octets) {
                    self.book.faults.add(format!("{}: {error}", path.display()));
                }
            }
        }
        let ending = self
            .ending
            .take()
            .map_or_else(|| Ending::new("lifetime"), |(e, _)| e);
        emit(self.start, "verdict", verdict::verdict(&self.book, &ending));
        match self.book.faults.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
