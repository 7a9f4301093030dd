//! A network with endpoints on its hosts, driven through virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::network::{Event, HostId, Network, SendError, TopologyError};
use crate::pcap::Pcap;

/// How much may happen at one instant before it counts as standing still.
const MOST_STEPS_AT_ONCE: u32 = 100_000;
/// How many datagrams an endpoint may send at once.
const MOST_TRANSMITS_AT_ONCE: u32 = 10_000;

/// A network and the endpoints on its hosts.
///
/// `E` is what is tested and stays accessible by [`endpoint`](Self::endpoint); everything else,
/// servers for instance, is a service.
pub struct World<E> {
    network: Network,
    parties: BTreeMap<HostId, Party<E>>,
    /// When each party wants to be called, as they said last.
    timers: BTreeSet<(Instant, HostId)>,
    /// Parties that were touched from outside and have to be drained.
    touched: BTreeSet<HostId>,
    refusals: Vec<(HostId, SendError)>,
    pcap: Option<Pcap<Box<dyn Write>>>,
    /// How many steps have happened without time going on.
    steps_at_once: u32,
}

struct Party<E> {
    role: Role<E>,
    timer: Option<Instant>,
    /// The addresses that it was told last.
    addresses: Vec<IpAddr>,
}

enum Role<E> {
    Endpoint(E),
    Service(Box<dyn Endpoint>),
}

impl<E: Endpoint> World<E> {
    /// A network on whose hosts nothing runs yet.
    pub fn new(network: Network) -> Self {
        Self {
            network,
            parties: BTreeMap::new(),
            timers: BTreeSet::new(),
            touched: BTreeSet::new(),
            refusals: Vec::new(),
            pcap: None,
            steps_at_once: 0,
        }
    }

    /// Sets an endpoint on a host, in place of what ran there before.
    pub fn set_endpoint(&mut self, host: HostId, endpoint: E) {
        self.set(host, Role::Endpoint(endpoint));
    }

    /// Sets a service on a host, in place of what ran there before.
    pub fn set_service(&mut self, host: HostId, service: Box<dyn Endpoint>) {
        self.set(host, Role::Service(service));
    }

    /// The endpoint of a host.
    pub fn endpoint(&self, host: HostId) -> Option<&E> {
        match &self.parties.get(&host)?.role {
            Role::Endpoint(endpoint) => Some(endpoint),
            Role::Service(_) => None,
        }
    }

    /// The endpoint of a host, to give it commands. What it then wants to send is fetched at the
    /// next step.
    pub fn endpoint_mut(&mut self, host: HostId) -> Option<&mut E> {
        self.touched.insert(host);
        match &mut self.parties.get_mut(&host)?.role {
            Role::Endpoint(endpoint) => Some(endpoint),
            Role::Service(_) => None,
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// The network, to look at.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to change.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// What endpoints wanted to send and their host refused, since the last call: each is a fault
    /// of the endpoint, or follows the loss of an address.
    pub fn take_refusals(&mut self) -> Vec<(HostId, SendError)> {
        std::mem::take(&mut self.refusals)
    }

    /// Writes what passes the network's taps to a capture.
    ///
    /// # Errors
    /// What the writer says.
    pub fn record(&mut self, to: Box<dyn Write>) -> io::Result<()> {
        self.pcap = Some(Pcap::new(to)?);
        Ok(())
    }

    /// Runs until a condition holds, and tells whether it held before the deadline. At the
    /// deadline, or when all is quiet for ever, time stands at the deadline.
    ///
    /// # Errors
    /// If something stands still, a scheduled change is impossible, or the capture cannot be
    /// written.
    pub fn run_until(
        &mut self,
        deadline: Instant,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<bool, RunError> {
        loop {
            self.settle()?;
            if condition(self) {
                return Ok(true);
            }
            if !self.step(deadline)? {
                return Ok(false);
            }
        }
    }

    /// Runs for a while.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn run_for(&mut self, duration: Duration) -> Result<(), RunError> {
        let deadline = self.now() + duration;
        self.run_until(deadline, |_| false).map(drop)
    }

    /// Lets the next thing happen, if it does by the deadline; else time stands at the deadline
    /// and the answer is false.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub fn step(&mut self, deadline: Instant) -> Result<bool, RunError> {
        self.settle()?;
        let timer = self.timers.first().map(|(at, _)| *at);
        let next = match (self.network.poll_timeout(), timer) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let Some(next) = next.filter(|next| *next <= deadline) else {
            self.network.handle_timeout(deadline);
            return Ok(false);
        };
        if next > self.now() {
            self.steps_at_once = 0;
        }
        self.steps_at_once += 1;
        if self.steps_at_once > MOST_STEPS_AT_ONCE {
            let host = self.timers.first().map(|(_, host)| *host);
            return Err(RunError::StandsStill { host });
        }
        self.network.handle_timeout(next.max(self.now()));
        self.call_timers()?;
        self.settle()?;
        Ok(true)
    }

    /// Hands over what has arrived, and fetches what is to be sent.
    fn settle(&mut self) -> Result<(), RunError> {
        while let Some(host) = self.touched.pop_first() {
            self.drain(host)?;
        }
        while let Some(event) = self.network.poll_event() {
            let now = self.now();
            let host = match event {
                Event::Delivered(delivery) => {
                    if let Some(party) = self.parties.get_mut(&delivery.host) {
                        let (local, remote) = (delivery.local, delivery.remote);
                        party
                            .role
                            .as_dyn()
                            .handle_datagram(now, local, remote, &delivery.octets);
                    }
                    delivery.host
                }
                Event::AddressesChanged(host) => {
                    self.tell_addresses(host);
                    host
                }
                Event::ChangeRefused(refusal) => return Err(RunError::Change(refusal)),
            };
            self.drain(host)?;
        }
        while let Some(captured) = self.network.poll_captured() {
            if let Some(pcap) = &mut self.pcap {
                pcap.write(&captured).map_err(RunError::Capture)?;
            }
        }
        Ok(())
    }

    /// Tells a party its addresses, unless it knows them.
    fn tell_addresses(&mut self, host: HostId) {
        let addresses = self.network.addresses(host);
        if let Some(party) = self.parties.get_mut(&host)
            && party.addresses != addresses
        {
            party
                .role
                .as_dyn()
                .handle_addresses(self.network.now(), &addresses);
            party.addresses = addresses;
        }
    }

    fn call_timers(&mut self) -> Result<(), RunError> {
        let now = self.now();
        while let Some((at, host)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, host));
            if let Some(party) = self.parties.get_mut(&host) {
                party.timer = None;
                party.role.as_dyn().handle_timeout(now);
            }
            self.drain(host)?;
            // Whoever wants to be called again at once has to wait for the next step.
            if self.timers.first() == Some(&(at, host)) {
                break;
            }
        }
        Ok(())
    }

    /// Sends what a party has to send, and asks when it wants to be called.
    fn drain(&mut self, host: HostId) -> Result<(), RunError> {
        let now = self.now();
        let Some(party) = self.parties.get_mut(&host) else {
            return Ok(());
        };
        let mut sent = 0;
        while let Some(transmit) = party.role.as_dyn().poll_transmit() {
            sent += 1;
            if sent > MOST_TRANSMITS_AT_ONCE {
                return Err(RunError::StandsStill { host: Some(host) });
            }
            let (local, remote) = (transmit.local, transmit.remote);
            if let Err(refusal) = self.network.send(now, host, local, remote, transmit.octets) {
                self.refusals.push((host, refusal));
            }
        }
        let timer = party.role.as_dyn().poll_timeout();
        if timer != party.timer {
            if let Some(old) = party.timer {
                self.timers.remove(&(old, host));
            }
            party.timer = timer;
        }
        if let Some(at) = timer {
            self.timers.insert((at, host));
        }
        Ok(())
    }

    fn set(&mut self, host: HostId, role: Role<E>) {
        if let Some(timer) = self.parties.remove(&host).and_then(|party| party.timer) {
            self.timers.remove(&(timer, host));
        }
        let mut party = Party {
            role,
            timer: None,
            addresses: self.network.addresses(host),
        };
        party
            .role
            .as_dyn()
            .handle_addresses(self.network.now(), &party.addresses);
        self.parties.insert(host, party);
        self.touched.insert(host);
    }
}

impl<E> fmt::Debug for World<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("network", &self.network)
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}

/// Both roles alike.
impl<E: Endpoint> Role<E> {
    fn as_dyn(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Endpoint(endpoint) => endpoint,
            Self::Service(service) => service,
        }
    }
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Very much happened and time did not go on: an endpoint wants to be called at once for
    /// ever, or sends without end.
    #[error("time stands still, at the wish of {host:?}")]
    StandsStill {
        /// Who wants to be called first.
        host: Option<HostId>,
    },
    /// A scheduled change could not be made.
    #[error("a scheduled change could not be made")]
    Change(#[source] TopologyError),
    /// The capture could not be written.
    #[error("the capture could not be written")]
    Capture(#[source] io::Error),
}
