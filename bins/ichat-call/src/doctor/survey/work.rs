//! The questions themselves: machines, their datagrams and their limits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_ice::gather::{
    ReflectorEvent, ReflectorOutput, ReflectorProtocol, ReflectorTimings, Relay, RelayEvent,
    RelayOutput,
};
use ichat_ice::{Reflector, Transmit, TurnServer};
use secrecy::ExposeSecret;

use super::{Loan, NotAsked, Sight};
use crate::doctor::network::Network;
use crate::doctor::questions::RelayQuestion;

/// How long answers may take, and the test of a relay that lends an address.
const ANSWER: Duration = Duration::from_secs(3);
const TEST: Duration = Duration::from_secs(1);

/// How long what was sent through a relay to ourselves may take once the relay may send it.
const RETURN: Duration = Duration::from_millis(300);

/// How long giving addresses back may take.
const GIVE_BACK: Duration = Duration::from_millis(300);

/// How often that is looked at, and the limits of relays.
const BREATH: Duration = Duration::from_millis(20);

/// Addresses of one name that are asked, of each family: two of them can tell a NAT that goes by
/// address.
const ADDRESSES: usize = 2;

/// What goes through a relay to ourselves.
const ECHO: &[u8] = b"\r\n\r\n ichat-call doctor";

/// Questions that are open.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Each with the place of its answer.
    reflectors: Vec<Reflector>,
    pub(super) sights: Vec<Sight>,
    settled: Vec<bool>,
    pub(super) relays: Vec<Borrowing>,
}

/// A relay in use.
#[derive(Debug)]
pub(super) struct Borrowing {
    relay: Relay,
    local: SocketAddr,
    pub(super) loan: Loan,
    /// Since when the relay is tested, and since when it may send.
    tested: Option<Instant>,
    permitted: Option<Instant>,
}

impl Borrowing {
    fn is_settled(&self, now: Instant) -> bool {
        let over = |since: Option<Instant>, limit| since.is_some_and(|since| since + limit <= now);
        self.loan.failure.is_some()
            || self.loan.returned
            || self.loan.permitted == Some(false)
            || over(self.permitted, RETURN)
            || over(self.tested, TEST)
    }
}

/// Places of answers.
pub(super) type Range = std::ops::Range<usize>;

impl Work {
    /// Asks these addresses of a reflector, each from the socket that leads there.
    pub(super) fn reflect(
        &mut self,
        network: &mut Network,
        now: Instant,
        protocol: ReflectorProtocol,
        addresses: Result<Vec<SocketAddr>, NotAsked>,
    ) -> Result<Range, NotAsked> {
        let (four, six): (Vec<_>, Vec<_>) = addresses?.into_iter().partition(SocketAddr::is_ipv4);
        let six = six
            .into_iter()
            .filter(|_| protocol == ReflectorProtocol::Stun);
        let all = four.into_iter().take(ADDRESSES).chain(six.take(1));
        let first = self.sights.len();
        let timings = ReflectorTimings {
            give_up: ANSWER,
            refresh: None,
            ..ReflectorTimings::default()
        };
        for server in all {
            let Some(local) = network.toward(server) else {
                continue;
            };
            let seed = network.seed();
            self.reflectors
                .push(Reflector::new(now, seed, protocol, local, server, timings));
            self.settled.push(false);
            self.sights.push(Sight {
                local,
                server,
                mapped: None,
            });
        }
        if self.sights.len() == first {
            return Err("it has no address of a kind that we have".to_owned());
        }
        Ok(first..self.sights.len())
    }

    /// Asks a relay for an address.
    pub(super) fn borrow_from(
        &mut self,
        network: &Network,
        now: Instant,
        relay: &RelayQuestion,
        addresses: &Result<Vec<SocketAddr>, NotAsked>,
    ) -> Result<usize, NotAsked> {
        let credentials = relay.credentials.as_ref().map_err(Clone::clone)?;
        let addresses = addresses.as_ref().map_err(Clone::clone)?;
        let (four, six): (Vec<_>, Vec<_>) = addresses.iter().partition(|found| found.is_ipv4());
        let way = four
            .into_iter()
            .chain(six)
            .find_map(|server| Some((network.toward(server)?, server)));
        let Some((local, address)) = way else {
            return Err("it has no address of a kind that we have".to_owned());
        };
        let server = TurnServer {
            address,
            username: credentials.username.clone(),
            password: credentials.password.expose_secret().to_owned(),
        };
        self.relays.push(Borrowing {
            relay: Relay::allocate(now, local, &server),
            local,
            loan: Loan {
                relayed: None,
                failure: None,
                permitted: None,
                returned: false,
            },
            tested: None,
            permitted: None,
        });
        Ok(self.relays.len() - 1)
    }

    /// Until all is known or the time is over; then relays get their addresses back.
    pub(super) async fn run(&mut self, network: &mut Network) {
        let started = Instant::now();
        let end = started + ANSWER + TEST;
        loop {
            let now = Instant::now();
            self.turn(network, now);
            let waits_for_loan = started + ANSWER > now
                || self
                    .relays
                    .iter()
                    .any(|borrowing| borrowing.tested.is_some());
            let open = self.settled.iter().any(|settled| !settled)
                || waits_for_loan
                    && self
                        .relays
                        .iter()
                        .any(|borrowing| !borrowing.is_settled(now));
            if !open || now >= end {
                break;
            }
            let due = self.due(now).min(end);
            if let Some(datagram) = network.receive(due.into()).await {
                self.take(Instant::now(), &datagram);
            }
            self.handle_timeout(Instant::now());
        }
        self.give_back(network).await;
    }

    /// Gives borrowed addresses back. A relay's client spaces its requests: it takes a moment until
    /// this one is on its way.
    async fn give_back(&mut self, network: &mut Network) {
        let now = Instant::now();
        let mut lent: Vec<&mut Relay> = self
            .relays
            .iter_mut()
            .filter(|borrowing| borrowing.loan.relayed.is_some())
            .map(|borrowing| &mut borrowing.relay)
            .collect();
        for relay in &mut lent {
            relay.release(now);
        }
        while !lent.is_empty() && now.elapsed() < GIVE_BACK {
            lent.retain_mut(|relay| {
                relay.handle_timeout(Instant::now());
                let mut sent = false;
                while let Some(output) = relay.poll_output() {
                    if let RelayOutput::Transmit(transmit) = output {
                        network.send(&transmit);
                        sent = true;
                    }
                }
                !sent
            });
            tokio::time::sleep(BREATH).await;
        }
    }

    /// When something has to be done, soon in any case: for the limits of relays.
    fn due(&self, now: Instant) -> Instant {
        let reflectors = self.reflectors.iter().filter_map(Reflector::poll_timeout);
        let relays = self.relays.iter();
        let relays = relays.filter_map(|borrowing| borrowing.relay.poll_timeout());
        let latest = now + BREATH;
        reflectors.chain(relays).min().unwrap_or(latest).min(latest)
    }

    fn handle_timeout(&mut self, now: Instant) {
        for reflector in &mut self.reflectors {
            reflector.handle_timeout(now);
        }
        for borrowing in &mut self.relays {
            borrowing.relay.handle_timeout(now);
        }
    }

    /// Takes what the machines give out.
    fn turn(&mut self, network: &Network, now: Instant) {
        let places = self.sights.iter_mut().zip(&mut self.settled);
        for (reflector, (sight, settled)) in self.reflectors.iter_mut().zip(places) {
            while let Some(output) = reflector.poll_output() {
                match output {
                    ReflectorOutput::Transmit(transmit) => network.send(&transmit),
                    ReflectorOutput::Event(ReflectorEvent::Mapped {
                        address,
                        round_trip,
                    }) => {
                        sight.mapped = Some((address, round_trip));
                        *settled = true;
                    }
                    ReflectorOutput::Event(ReflectorEvent::NoAnswer) => *settled = true,
                }
            }
        }
        for borrowing in &mut self.relays {
            let seen = self
                .sights
                .iter()
                .find_map(|sight| sight.mapped.filter(|_| sight.local == borrowing.local));
            let ourselves = seen.map_or(borrowing.local, |(mapped, _)| mapped);
            borrowing.turn(network, now, ourselves);
        }
    }

    fn take(&mut self, now: Instant, datagram: &Transmit) {
        let Transmit {
            local,
            remote,
            octets,
        } = datagram;
        for reflector in &mut self.reflectors {
            if reflector
                .handle_datagram(now, *local, *remote, octets)
                .is_ok()
            {
                return;
            }
        }
        for borrowing in &mut self.relays {
            if borrowing.loan.relayed == Some(*remote) && octets == ECHO {
                borrowing.loan.returned = true;
                return;
            }
            let taken = borrowing
                .relay
                .handle_datagram(now, *local, *remote, octets);
            if taken != ichat_ice::gather::Relayed::NotOurs {
                return;
            }
        }
    }
}

impl Borrowing {
    fn turn(&mut self, network: &Network, now: Instant, ourselves: SocketAddr) {
        while let Some(output) = self.relay.poll_output() {
            match output {
                RelayOutput::Transmit(transmit) => network.send(&transmit),
                RelayOutput::Event(RelayEvent::Allocated { relayed }) => {
                    self.loan.relayed = Some(relayed);
                    self.tested = Some(now);
                    self.relay.send(now, ourselves, ECHO);
                }
                RelayOutput::Event(RelayEvent::Failed { cause }) => {
                    self.loan.failure = Some(cause);
                }
                RelayOutput::Event(RelayEvent::PeerRefused { .. }) => {
                    self.loan.permitted = Some(false);
                }
            }
        }
        if self.permitted.is_none() && self.relay.counters().sent > 0 {
            self.permitted = Some(now);
            self.loan.permitted = Some(true);
        }
    }
}
