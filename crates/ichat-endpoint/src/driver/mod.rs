//! The driver: the one owner of sockets, clock, files and the XMPP stream. Everything that decides
//! is a machine without I/O; the driver carries octets, stanzas, frames and the time between them.
//!
//! One task, one `select!`. Whatever wakes it is handed to a machine, then every machine is
//! drained, then it sleeps until the next deadline.

mod audio;
mod begin;
mod commands;
mod config;
mod connection;
mod counter;
mod early;
mod incoming;
mod lan;
mod linger;
mod links;
mod losses;
mod moves;
mod offers;
mod outgoing;
mod pace;
mod paths;
mod progress;
mod reflectors;
mod services;
mod stage;
mod stream;
mod survey;
mod told;
mod unsent;
mod wire;

use std::time::{Instant, SystemTime};

use ichat_sip::Route;
use tokio::sync::mpsc;

use crate::addresses::{LocalAddress, usable_addresses};
use crate::call::{Call, CallConfig, Output};
use crate::connectivity::{ConnectivityOutput, Received};
use crate::event::{CallNumber, Command, Event, Service};
use crate::pcap::PcapWriter;
use crate::seed::Seed;
use crate::sockets::Sockets;

use audio::Audio;
use connection::Connection;
use lan::Neighbours;
use linger::Linger;
use links::{LinkId, Links};
use offers::Offers;
use reflectors::{Resolved, Servers};
use stage::Stage;
use stream::Arrival;

pub use lan::lan_presence;
pub use survey::{Person, PersonDevice, Reach, survey};

pub use config::{
    Allowed, AnswerMode, EndpointConfig, LinkLocal, Outcome, RunError, Signalling, Tap, Tapped,
    Target, Task,
};
pub use reflectors::{Credentials, Reflectors, RelayServer, ServerName};

/// The largest datagram that is read whole.
const DATAGRAM_OCTETS: usize = 65_535;

/// Runs an endpoint until its task is done.
///
/// `commands` is what the user wants, `events` gets what happens. When the sender of `commands`
/// is dropped the endpoint goes on without a user.
///
/// # Errors
/// [`RunError`] when it cannot start, or its server does not want it back. A server that is only gone
/// is signed in to again. A call that does not come
/// about is no error: its `Ended` event tells why, and so does the [`Outcome`].
pub async fn run(
    config: EndpointConfig,
    signalling: Signalling,
    task: Task,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Event>,
) -> Result<Outcome, RunError> {
    let mut driver = Driver::open(config, events)?;
    if let Task::Call(_) = task {
        // A missing file or device is better told before anybody's telephone rings.
        driver.audio = Some(Audio::open(&driver.config, 1)?);
    }
    let begun = tokio::select! {
        begun = driver.begin(signalling, &task) => begun,
        () = interrupted(&mut commands) => {
            driver.close(&mut commands).await;
            return Ok(Outcome::interrupted(&task));
        }
    };
    begun?;
    match &task {
        Task::Call(_) => {}
        Task::Answer { sip, .. } => {
            driver.takes_sip = *sip;
            if *sip {
                for address in driver.sockets.addresses() {
                    let service = Service::Sip;
                    driver.tell(Event::Listening { service, address });
                }
            }
        }
    }
    let result = driver.work(&task, &mut commands).await;
    driver.close(&mut commands).await;
    result
}

struct Driver {
    config: EndpointConfig,
    events: mpsc::UnboundedSender<Event>,
    locals: Vec<LocalAddress>,
    sockets: Sockets,
    /// Our streams: to the server, and straight to peers.
    links: Links,
    /// The local network, when calls are taken there.
    neighbours: Option<Neighbours>,
    stage: Stage,
    /// The ways to the peer of the call at hand.
    connection: Option<Connection>,
    /// Servers that know addresses of ours, or lend us some.
    servers: Servers,
    /// Those of which our XMPP server tells, and over which stream.
    offers: Offers,
    offered_by: Option<LinkId>,
    /// The call before, which may still have to answer repeated messages.
    previous: Option<Box<Call>>,
    /// Its peer hung up, and may say so again.
    linger: Option<Linger>,
    audio: Option<Audio>,
    /// Calls for which files were opened.
    takes: u32,
    next_number: CallNumber,
    next_frame: Instant,
    next_stats: Instant,
    takes_sip: bool,
    pcap: Option<PcapWriter>,
    seed: Seed,
    outcome: Outcome,
    finished_calls: u32,
    /// The user goes, once the call is over.
    leaves: bool,
    /// The user does not want to be heard.
    muted: bool,
    /// Why the server does not want us back, when that is to be told after the call.
    lost: Option<RunError>,
}

/// What woke the driver.
enum Woken {
    Datagram(Route, usize),
    Arrival(LinkId, Arrival),
    Neighbour(lan::Happening),
    Command(Option<Command>),
    Resolved(Resolved),
    Deadline,
}

impl Driver {
    fn open(
        config: EndpointConfig,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, RunError> {
        let locals = usable_addresses(&config.bind).map_err(RunError::Interfaces)?;
        let (locals, sockets) = Sockets::bind_usable(locals, config.port, config.bind.is_empty())?;
        let pcap = match &config.pcap {
            Some(path) => Some(PcapWriter::create(path).map_err(|source| RunError::Pcap {
                path: path.clone(),
                source,
            })?),
            None => None,
        };
        let now = Instant::now();
        Ok(Self {
            config,
            events,
            locals,
            sockets,
            links: Links::default(),
            neighbours: None,
            stage: Stage::Idle,
            connection: None,
            servers: Servers::new(),
            offers: Offers::default(),
            offered_by: None,
            previous: None,
            linger: None,
            audio: None,
            takes: 0,
            next_number: 1,
            next_frame: now,
            next_stats: now,
            takes_sip: false,
            pcap,
            seed: Seed::from_system(),
            outcome: Outcome {
                reason: None,
                interrupted: false,
            },
            finished_calls: 0,
            leaves: false,
            muted: false,
            lost: None,
        })
    }

    /// The loop.
    async fn work(
        &mut self,
        task: &Task,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Result<Outcome, RunError> {
        let mut buffer = vec![0; DATAGRAM_OCTETS];
        let mut listening = true;
        loop {
            self.drain();
            if self.is_done(task) {
                return Ok(self.outcome);
            }
            if matches!(self.stage, Stage::Idle)
                && let Some(error) = self.lost.take()
            {
                return Err(error);
            }
            let deadline = tokio::time::Instant::from_std(self.deadline());
            let woken = tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline) => Woken::Deadline,
                (route, len) = self.sockets.recv(&mut buffer) => Woken::Datagram(route, len),
                command = commands.recv(), if listening => Woken::Command(command),
                (link, arrival) = self.links.recv() => Woken::Arrival(link, arrival),
                resolved = self.servers.next() => Woken::Resolved(resolved),
                happening = lan::next(&mut self.neighbours) => Woken::Neighbour(happening),
            };
            let now = Instant::now();
            match woken {
                Woken::Deadline => self.handle_deadline(now),
                Woken::Datagram(route, len) => {
                    let octets = buffer.get(..len).unwrap_or_default();
                    self.handle_datagram(now, route, octets);
                }
                Woken::Arrival(link, arrival) => self.handle_arrival(now, link, arrival)?,
                Woken::Resolved(resolved) => self.handle_resolved(now, resolved),
                Woken::Neighbour(happening) => self.handle_neighbour(happening),
                Woken::Command(Some(command)) => {
                    if self.handle_command(now, command) {
                        return Ok(self.outcome);
                    }
                }
                Woken::Command(None) => listening = false,
            }
        }
    }

    fn is_done(&self, task: &Task) -> bool {
        let finished = self.finished_calls > 0;
        match task {
            Task::Call(_) => finished,
            Task::Answer { once, .. } => {
                matches!(self.stage, Stage::Idle) && (self.leaves || (*once && finished))
            }
        }
    }

    fn handle_datagram(&mut self, now: Instant, route: Route, octets: &[u8]) {
        self.note_datagram(false, route, octets);
        let received = match &mut self.connection {
            Some(connection) => connection.ways.handle_datagram(now, route, octets),
            None => Received::Call { validated: false },
        };
        match received {
            Received::Taken => {}
            Received::Call { validated } => self.deliver(now, route, octets, validated),
            Received::Relayed {
                route,
                octets,
                validated,
            } => self.deliver(now, route, &octets, validated),
        }
    }

    /// Hands over a datagram that is no server's and no check; `validated`: checks went through
    /// both ways between these addresses.
    fn deliver(&mut self, now: Instant, route: Route, octets: &[u8], validated: bool) {
        if let Some(call) = self.stage.call_mut() {
            if validated {
                call.trust(route.remote);
            }
            call.handle_datagram(now, route, octets);
        } else if ichat_rtp::classify(octets) == ichat_rtp::DatagramKind::Sip {
            self.handle_idle_sip(now, route, octets);
        } else {
            self.note_early(route, octets);
        }
    }

    /// Carries out what the machines want, until they want nothing.
    fn drain(&mut self) {
        loop {
            let now = Instant::now();
            if let Some((link, output)) = self.links.poll_output() {
                match output {
                    ichat_xmpp::Output::Stanza(stanza) => self.send_stanza(link, stanza),
                    ichat_xmpp::Output::Event(event) => self.handle_session_event(now, link, event),
                }
                continue;
            }
            if let Some(Output::Transmit { route, octets }) =
                self.previous.as_mut().and_then(|call| call.poll_output())
            {
                self.transmit(now, route, &octets);
                continue;
            }
            let connection = self.connection.as_mut();
            if let Some(output) = connection.and_then(|it| it.ways.poll_output()) {
                match output {
                    ConnectivityOutput::Transmit { route, octets } => {
                        self.transmit_check(now, route, octets);
                    }
                    ConnectivityOutput::Event(event) => self.handle_connectivity_event(now, event),
                }
                continue;
            }
            let Some(call) = self.stage.call_mut() else {
                return;
            };
            match call.poll_output() {
                Some(Output::Transmit { route, octets }) => self.send(now, route, &octets),
                Some(Output::Event(event)) => self.handle_call_event(now, event),
                None => return,
            }
        }
    }

    fn take_number(&mut self) -> CallNumber {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn call_config(
        &mut self,
        number: CallNumber,
        link: Option<LinkId>,
        remote_name: String,
    ) -> CallConfig {
        let local_name = match link.and_then(|link| self.links.name(link)) {
            Some(name) => name,
            None => self.config.software.0.clone(),
        };
        CallConfig {
            number,
            local_name,
            remote_name,
            user_agent: format!("{}/{}", self.config.software.0, self.config.software.1),
            checked: false,
            codecs: self.config.codecs.clone(),
            duration: self.config.duration,
            // Fresh for each call: what a peer sees of one tells nothing of the next.
            seed: Seed::from_system().next_u64(),
            wall: SystemTime::now(),
        }
    }

    /// Follows our addresses between two calls: a laptop may have changed its network.
    fn refresh_addresses(&mut self) {
        if !self.config.bind.is_empty() || !matches!(self.stage, Stage::Idle) {
            return;
        }
        let Ok(found) = usable_addresses(&[]) else {
            return;
        };
        if found.is_empty() || found == self.locals {
            return;
        }
        tracing::info!("the addresses of this machine have changed");
        self.locals = self.sockets.follow(found);
        self.links.note_addresses(false);
    }

    fn tell(&self, event: Event) {
        if self.events.send(event).is_err() {
            tracing::trace!("nobody listens to events any more");
        }
    }

    fn warn(&self, call: Option<CallNumber>, code: &'static str, message: String) {
        self.tell(Event::Warning {
            call,
            code,
            message,
        });
    }

    /// Goes offline. Meanwhile, and a little longer, a peer that has hung up is answered.
    async fn close(mut self, commands: &mut mpsc::UnboundedReceiver<Command>) {
        self.links.go_offline(Instant::now());
        self.drain();
        self.flush_pcap();
        let mut links = std::mem::take(&mut self.links);
        let neighbours = self.neighbours.take();
        let offline = async {
            links.close().await;
            if let Some(neighbours) = neighbours {
                neighbours.stop().await;
            }
        };
        tokio::join!(offline, self.linger(commands));
        self.flush_pcap();
    }
}

/// Waits until the user wants to leave; other wishes are too early.
async fn interrupted(commands: &mut mpsc::UnboundedReceiver<Command>) {
    loop {
        match commands.recv().await {
            Some(Command::HangUp | Command::Leave) => return,
            Some(
                Command::Answer
                | Command::Decline
                | Command::Busy
                | Command::Mute(_)
                | Command::AllowSubscription { .. },
            ) => {}
            None => std::future::pending().await,
        }
    }
}
