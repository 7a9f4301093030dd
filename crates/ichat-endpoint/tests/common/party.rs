//! One side of a conference call as the machines alone make it, on a network in memory.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_endpoint::call::{Call, Output};
use ichat_endpoint::connectivity::{
    Connectivity, ConnectivityEvent, ConnectivityOutput, Received, route_of,
};
use ichat_endpoint::event::Event;
use ichat_ice::{GatherConfig, Interface, Path};
use ichat_invitation::Candidate;
use ichat_rtp::DatagramKind;
use ichat_sip::Route;
use netsim::{Endpoint, Transmit};

use super::config;

const FRAME: Duration = Duration::from_millis(20);
const PORT: u16 = 16402;

pub(crate) struct Party {
    pub(crate) ways: Connectivity,
    pub(crate) call: Option<Call>,
    /// Whether it sends the INVITE.
    is_caller: bool,
    /// Whether it does checks at all.
    pub(crate) checks: bool,
    pub(crate) gathered: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) path: Option<Path>,
    pub(crate) moves: Vec<(Path, Path)>,
    /// Our candidates have changed since the peer was told.
    pub(crate) news: bool,
    pub(crate) renumbered: bool,
    /// When something new was heard, and the longest time between two such times.
    last_heard: Option<Instant>,
    pub(crate) longest_gap: Duration,
    received: u64,
    next_frame: Option<Instant>,
    sent: Vec<Transmit>,
    /// What it sent to whom, by kind.
    pub(crate) log: Vec<(DatagramKind, SocketAddr)>,
}

impl Party {
    pub(crate) fn new(
        now: Instant,
        is_caller: bool,
        seed: u64,
        addresses: &[IpAddr],
        servers: GatherConfig,
    ) -> Self {
        let config = GatherConfig {
            interfaces: interfaces(addresses),
            ..servers
        };
        let mut party = Self {
            ways: Connectivity::new(now, seed, config),
            call: None,
            is_caller,
            checks: true,
            gathered: false,
            events: Vec::new(),
            path: None,
            moves: Vec::new(),
            news: false,
            renumbered: false,
            last_heard: None,
            longest_gap: Duration::ZERO,
            received: 0,
            next_frame: None,
            sent: Vec::new(),
            log: Vec::new(),
        };
        party.drain(now);
        party
    }

    /// What the peer is told; from now on checks are answered.
    pub(crate) fn introduce(&mut self, now: Instant) -> Vec<Candidate> {
        self.ways.open(now);
        self.ways.candidates()
    }

    /// The call is accepted: the peer's candidates are known.
    pub(crate) fn meet(&mut self, now: Instant, theirs: &[Candidate]) {
        if !self.is_caller {
            let listed: Vec<SocketAddr> = addresses(theirs);
            self.call = Some(Call::await_invite(now, self.config(), &listed));
        }
        self.ways.check(now, theirs);
        self.drain(now);
    }

    /// No path yet: the INVITE goes to the listed addresses.
    pub(crate) fn dial(&mut self, now: Instant, routes: &[Route]) {
        let call = Call::dial(now, self.config(), routes, "user", now, None);
        self.call = Some(call);
        self.drain(now);
    }

    pub(crate) fn hang_up(&mut self, now: Instant) {
        if let Some(call) = &mut self.call {
            call.hang_up(now);
        }
        self.drain(now);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.call.as_ref().is_some_and(Call::is_connected)
    }

    fn config(&self) -> ichat_endpoint::call::CallConfig {
        let (ours, theirs) = if self.is_caller {
            ("alice@im.test", "bob@im.test")
        } else {
            ("bob@im.test", "alice@im.test")
        };
        ichat_endpoint::call::CallConfig {
            checked: true,
            ..config(ours, theirs, u64::from(self.is_caller) + 1)
        }
    }

    /// What the driver does with a datagram.
    fn deliver(&mut self, now: Instant, route: Route, octets: &[u8], validated: bool) {
        if let Some(call) = &mut self.call {
            call.follow_checks(route, validated);
            call.handle_datagram(now, route, octets);
        }
    }

    fn handle(&mut self, now: Instant, event: ConnectivityEvent) {
        match event {
            ConnectivityEvent::Gathered => self.gathered = true,
            ConnectivityEvent::PathFound { path, .. } => {
                self.path = Some(path);
                let route = route_of(&path);
                match &mut self.call {
                    Some(call) if call.route().is_none_or(|taken| taken == route) => {
                        call.move_to(now, route);
                    }
                    Some(_) => {}
                    None => {
                        let config = self.config();
                        let mut call = Call::dial(now, config, &[route], "user", now, None);
                        call.follow_checks(route, true);
                        self.call = Some(call);
                    }
                }
            }
            ConnectivityEvent::PathMoved { from, to, .. } => {
                self.moves.push((from, to));
                self.path = Some(to);
                if let Some(call) = &mut self.call {
                    call.move_to(now, route_of(&to));
                }
            }
            ConnectivityEvent::OursChanged { renumbered } => {
                self.news = true;
                self.renumbered |= renumbered;
            }
            _ => {}
        }
    }

    /// More candidates of the peer's.
    pub(crate) fn hear_more(&mut self, now: Instant, theirs: &[Candidate]) {
        self.ways.check(now, theirs);
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.ways.poll_output() {
                match output {
                    ConnectivityOutput::Transmit { route, octets } => self.send(route, octets),
                    ConnectivityOutput::Event(event) => self.handle(now, event),
                }
                continue;
            }
            match self.call.as_mut().and_then(Call::poll_output) {
                Some(Output::Transmit { route, octets }) => {
                    if self.ways.is_relayed(route.local) {
                        self.ways.send_relayed(now, route, &octets);
                    } else {
                        self.send(route, octets);
                    }
                }
                Some(Output::Event(event)) => {
                    if let Event::Path { local, remote, .. } = &event {
                        let route = Route {
                            local: *local,
                            remote: *remote,
                        };
                        self.ways.pin(now, route);
                        self.next_frame = Some(now);
                    }
                    if let Event::Connected { .. } = &event {
                        self.ways.connected();
                    }
                    self.events.push(event);
                }
                None => return,
            }
        }
    }

    fn send(&mut self, route: Route, octets: Vec<u8>) {
        let kind = ichat_rtp::classify(&octets);
        if kind == DatagramKind::Stun && !self.checks {
            return;
        }
        self.log.push((kind, route.remote));
        self.sent.push(Transmit {
            local: route.local,
            remote: route.remote,
            octets,
        });
    }

    /// A frame each way.
    fn exchange(&mut self, now: Instant) {
        let Some(call) = self.call.as_mut().filter(|call| call.has_media()) else {
            self.next_frame = None;
            return;
        };
        call.send_frame(now, &[1000; 160]);
        call.play_frame(now);
        let received = call.statistics().map_or(0, |figures| figures.received);
        if received > self.received {
            if let Some(last) = self.last_heard {
                self.longest_gap = self.longest_gap.max(now - last);
            }
            self.received = received;
            self.last_heard = Some(now);
        }
        self.next_frame = Some(now + FRAME);
    }
}

impl Endpoint for Party {
    fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        if !self.checks && ichat_rtp::classify(octets) == DatagramKind::Stun {
            return;
        }
        let route = Route { local, remote };
        match self.ways.handle_datagram(now, route, octets) {
            Received::Taken => {}
            Received::Call { validated } => self.deliver(now, route, octets, validated),
            Received::Relayed {
                route,
                octets,
                validated,
            } => self.deliver(now, route, &octets, validated),
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.ways.poll_timeout().is_some_and(|due| due <= now) {
            self.ways.handle_timeout(now);
        }
        if self.next_frame.is_some_and(|due| due <= now) {
            self.exchange(now);
        }
        if let Some(call) = &mut self.call
            && call.poll_timeout().is_some_and(|due| due <= now)
        {
            call.handle_timeout(now);
        }
        self.drain(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        (!self.sent.is_empty()).then(|| self.sent.remove(0))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let call = self.call.as_ref().and_then(Call::poll_timeout);
        [self.ways.poll_timeout(), call, self.next_frame]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        self.ways.set_interfaces(now, interfaces(addresses));
        self.drain(now);
    }
}

pub(crate) fn addresses(candidates: &[Candidate]) -> Vec<SocketAddr> {
    let addresses = candidates.iter();
    addresses
        .map(|candidate| candidate.address.address())
        .collect()
}

fn interfaces(addresses: &[IpAddr]) -> Vec<Interface> {
    let addresses = addresses.iter();
    addresses
        .map(|address| Interface {
            name: "en0".into(),
            socket: SocketAddr::new(*address, PORT),
            point_to_point: false,
        })
        .collect()
}
