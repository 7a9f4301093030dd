//! Joins sockets, clock, stream and machines; prints the events and the verdict. How it begins is
//! in [`crate::start`], what happens in [`crate::happenings`].

use crate::agent::Agent;
use crate::checks::Book;
use crate::connectivity::Connectivity;
use crate::ending::Ending;
use crate::lan::{LanEvent, LanInput};
use crate::leg::{Leg, is_pinhole};
use crate::link::{Input, Link};
use crate::losses::Losses;
use crate::options::{Dialect, Mode, Options};
use crate::random::Random;
use crate::rtp::{Kind, classify};
use crate::sip_checks::Names;
use crate::snatmap::Reflector;
use crate::sockets::{Datagram, Local, Outbox, Sockets};
use crate::ulaw::Payloads;
use crate::verdict::{self, emit};
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// `avavail` may take so long to come back.
const RETURN_TIME: Duration = Duration::from_secs(3);
/// The same where it is announced by multicast DNS.
const LAN_RETURN_TIME: Duration = Duration::from_secs(9);
/// After vanishing we stay until the peer has been quiet for so long.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// Our last requests may take so long.
const LAST_WORDS: Duration = Duration::from_secs(9);

pub(crate) struct Driver {
    pub(crate) options: Rc<Options>,
    pub(crate) start: Instant,
    pub(crate) local: Local,
    pub(crate) sockets: Sockets,
    pub(crate) losses: Losses,
    pub(crate) reflector: Option<Reflector>,
    pub(crate) agent: Option<(Agent, Link)>,
    pub(crate) connectivity: Option<Connectivity>,
    /// The path that was found.
    pub(crate) path: Option<SocketAddr>,
    /// When the listed addresses will do.
    pub(crate) direct_at: Option<Instant>,
    pub(crate) leg: Option<Leg>,
    pub(crate) payloads: Option<Payloads>,
    pub(crate) random: Random,
    pub(crate) book: Book,
    pub(crate) ending: Option<(Ending, Instant)>,
    pub(crate) vanished: bool,
    pub(crate) last_datagram: Instant,
}

impl Driver {
    /// Runs to the end.
    pub(crate) fn run(&mut self, inputs: &Receiver<Input>) -> ExitCode {
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

    /// The call itself.
    pub(crate) fn new_leg(&mut self, now: Instant, peer: String) -> &mut Leg {
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
                if !self.vanished {
                    self.handle_datagram(now, &datagram);
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

    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let faults = &mut self.book.faults;
        let reflector = self.reflector.as_mut();
        if reflector.is_some_and(|reflector| reflector.handle(datagram, faults)) {
            return;
        }
        if self.losses.is_lost() {
            return;
        }
        if let (Some(connectivity), Kind::Stun) =
            (&mut self.connectivity, classify(&datagram.octets))
        {
            let Datagram { from, octets, .. } = datagram;
            connectivity.handle(now, *from, octets, &mut self.book);
            return;
        }
        if !self.admits(datagram) {
            return;
        }
        let octets = &datagram.octets;
        let rings = self
            .agent
            .as_ref()
            .is_some_and(|(agent, _)| agent.dialect.is_some());
        match &mut self.leg {
            Some(leg) => leg.handle_datagram(now, datagram, &mut self.book),
            // What opens the peer's NAT overtakes its acceptance.
            None if rings && classify(octets) == Kind::Keepalive => {
                self.book.tally.keepalives += 1;
            }
            None if rings && is_pinhole(&self.options, octets) => {
                self.book.tally.unknown_datagrams += 1;
            }
            None => self.book.faults.add(format!(
                "a datagram from {} before anything was agreed",
                datagram.from
            )),
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
        if let Some(connectivity) = &mut self.connectivity {
            connectivity.handle_timeout(now, &mut self.book);
        }
        self.path_timeout(now);
        if let Some(leg) = &mut self.leg {
            leg.handle_timeout(now, &mut self.book);
        }
        self.drain(now);
        if let Some(reflector) = &mut self.reflector {
            let over = self.book.tally.connected || self.ending.is_some();
            let mut outbox = Outbox::new();
            reflector.handle_timeout(now, over, &mut outbox);
            self.sockets.send(&mut outbox);
        }
        if let Some(connectivity) = &mut self.connectivity {
            self.losses.thin(&mut connectivity.outbox);
            self.sockets.send(&mut connectivity.outbox);
        }
        if let Some(leg) = &mut self.leg {
            if self.options.verbose {
                for (_, to, octets) in &leg.outbox {
                    if octets.first().is_some_and(u8::is_ascii_alphabetic) {
                        eprintln!("-> {to}\n{}", String::from_utf8_lossy(octets));
                    }
                }
            }
            self.losses.thin(&mut leg.outbox);
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

    /// The call is over.
    pub(crate) fn end(&mut self, now: Instant, ending: Ending) {
        if self.ending.is_none() {
            let duration = self.book.tally.duration.as_secs_f64();
            if let Some(connectivity) = &mut self.connectivity {
                connectivity.stop();
            }
            self.direct_at = None;
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
        let checks = self.connectivity.as_ref();
        let checks = checks.and_then(Connectivity::poll_timeout);
        let reflector = self.reflector.as_ref().and_then(Reflector::poll_timeout);
        // Once it is over, time alone decides.
        let over = self.ending.as_ref().map(|_| look);
        let far = now + Duration::from_secs(3600);
        [agent, lan, leg, checks, reflector, self.direct_at, over]
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
        let tally = &mut self.book.tally;
        let agent = self.agent.as_ref();
        let dialect = agent.and_then(|(agent, _)| agent.dialect);
        tally.dialect = dialect.map(Dialect::word);
        tally.mapped = self.reflector.as_ref().and_then(|r| r.mapped);
        tally.timestamps_ok = true;
        if let Some(connectivity) = &self.connectivity {
            connectivity.finish(&mut self.book);
        }
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
