//! A relayed address: TURN (RFC 8656), spoken by [`turn_client_proto`].
//!
//! The one place of this crate whose octets do not follow from a seed: transaction ids of TURN come
//! from the system's generator.

mod channels;
mod event;
mod peers;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_client_proto::api::{
    CreatePermissionError, SendError, Transmit as TurnTransmit, TurnClientApi, TurnConfig,
    TurnEvent, TurnPollRet, TurnRecvRet,
};
use turn_client_proto::prelude::DelayedTransmitBuild;
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::types::TransportType;
use turn_client_proto::types::{AddressFamily, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use self::channels::Channels;
pub use self::event::{RelayCounters, RelayEvent, RelayFailure, RelayOutput, Relayed};
use self::peers::Peers;
use super::TurnServer;
use crate::Transmit;
use crate::stun::{self, Message, MessageKind, TransactionId};

/// How a request is repeated: 500 ms, doubled up to 2 s, 6 times; about 10 s in all \[I\]. A call
/// does not wait for the 40 s of RFC 8489 §6.2.1.
const RESEND: (Duration, Duration, u32, Duration) = (
    Duration::from_millis(500),
    Duration::from_secs(2),
    6,
    Duration::from_secs(1),
);
/// What the client keeps between two requests of its own.
const CADENCE: Duration = Duration::from_millis(50);
/// Datagrams that wait for a permission.
const MAX_WAITING: usize = 32;
/// Allocations, repetitions among them, whose answers are looked for.
const MAX_QUESTIONS: usize = 32;
/// Turns of the loop around the client before it must have come to rest.
const MAX_TURNS: usize = 64;
/// How soon the client is asked again if it has not.
const UNRESTED: Duration = Duration::from_millis(10);

/// ERROR-CODE of a challenge, and of wrong credentials (RFC 8489 §14.8).
const UNAUTHORIZED: u16 = 401;
/// ERROR-CODE of a nonce that has grown old (same place).
const STALE_NONCE: u16 = 438;
/// An answer to CreatePermission: the server does not relay to that host (RFC 8656 §17).
const CREATE_PERMISSION_ERROR: MessageKind = MessageKind::Unknown(0x0118);

/// One relayed address, from its allocation to its end, with permissions and channels.
///
/// A machine without I/O: drain [`poll_output`](Self::poll_output) to `None` after every call that
/// changes it, and call [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Relay {
    client: TurnClientUdp,
    started: Instant,
    local: SocketAddr,
    server: SocketAddr,
    relayed: Option<SocketAddr>,
    /// Where the server saw us when it lent the address.
    mapped: Option<SocketAddr>,
    failed: bool,
    /// Allocations that we sent, and those of them that were answered with a challenge.
    asked: Vec<TransactionId>,
    challenged: Vec<TransactionId>,
    last_code: Option<u16>,
    /// The datagram at hand refuses a permission.
    denies: bool,
    peers: Peers,
    channels: Channels,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    due: Option<Instant>,
    outputs: VecDeque<RelayOutput>,
    counters: RelayCounters,
}

impl Relay {
    /// Asks `server` for an address of the family of the socket at `local`.
    pub fn allocate(now: Instant, local: SocketAddr, server: &TurnServer) -> Self {
        let credentials = TurnCredentials::new(&server.username, &server.password);
        let mut config = TurnConfig::new(credentials);
        if local.is_ipv6() {
            config.set_address_family(AddressFamily::IPV6);
        }
        let (first, longest, repeats, last) = RESEND;
        config.set_request_retransmits(first, longest, repeats, last);
        let mut relay = Self {
            client: TurnClientUdp::allocate(local, server.address, config),
            started: now,
            local,
            server: server.address,
            relayed: None,
            mapped: None,
            failed: false,
            asked: Vec::new(),
            challenged: Vec::new(),
            last_code: None,
            denies: false,
            peers: Peers::default(),
            channels: Channels::default(),
            waiting: VecDeque::new(),
            due: None,
            outputs: VecDeque::new(),
            counters: RelayCounters::default(),
        };
        relay.turn(now);
        relay
    }

    /// The socket that speaks to the server.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The server.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// The address that the server lends, while it does.
    pub fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// Where the server saw us when it lent the address. It knows us by that: from anywhere else
    /// the address is out of our reach (RFC 8656 §3.2).
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// Whether there is no address and never will be.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// What became of datagrams so far.
    pub fn counters(&self) -> RelayCounters {
        self.counters
    }

    /// The same when nothing more will come of it: what waits for a permission waits in vain.
    pub fn final_counters(&self) -> RelayCounters {
        let mut counters = self.counters;
        counters.unsent += u64::try_from(self.waiting.len()).unwrap_or(0);
        counters
    }

    /// Sends `octets` to a peer through the server. The first datagram to a host waits for the
    /// server's permission, no longer than a round trip.
    pub fn send(&mut self, now: Instant, peer: SocketAddr, octets: &[u8]) {
        if self.relayed.is_none() {
            self.counters.unsent += 1;
            return;
        }
        match self.wrap(now, peer, octets) {
            Ok(datagram) => {
                self.transmit(datagram);
                if self.peers.note_sent(peer) {
                    // Without a channel datagrams are larger, and nothing else.
                    let at = self.turn_time(now);
                    let _ = self.client.bind_channel(TransportType::Udp, peer, at);
                }
            }
            Err(SendError::NoPermission) => self.ask_permission(now, peer, octets),
            Err(_) => self.counters.unsent += 1,
        }
        self.turn(now);
    }

    /// Takes a datagram that came to `local` from `remote`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        octets: &[u8],
    ) -> Relayed {
        if (local, remote) != (self.local, self.server) {
            return Relayed::NotOurs;
        }
        let refused = self.note_answer(octets);
        let transmit = TurnTransmit::new(octets, TransportType::Udp, remote, local);
        let relayed = match self.client.recv(transmit, self.turn_time(now)) {
            TurnRecvRet::Handled => Relayed::Handled,
            TurnRecvRet::PeerData(data) => Relayed::Data {
                peer: data.peer,
                octets: data.data().to_vec(),
            },
            TurnRecvRet::Ignored(_) if refused => Relayed::Handled,
            TurnRecvRet::Ignored(_) => match self.channels.unwrap(octets) {
                Some((peer, octets)) => Relayed::Data {
                    peer,
                    octets: octets.to_vec(),
                },
                None => Relayed::Dropped,
            },
            TurnRecvRet::PeerIcmp { .. } => Relayed::Handled,
        };
        match &relayed {
            Relayed::Data { .. } => self.counters.received += 1,
            Relayed::Dropped => self.counters.dropped += 1,
            Relayed::NotOurs | Relayed::Handled => {}
        }
        self.turn(now);
        self.denies = false;
        relayed
    }

    /// Gives the address back: the server forgets it at once.
    pub fn release(&mut self, now: Instant) {
        self.failed = true;
        self.relayed = None;
        self.drop_waiting(|_| true);
        // Without an address there is nothing to give back.
        let _ = self.client.delete(self.turn_time(now));
        // Nobody asks for what is left to send after that.
        self.turn(now + CADENCE);
    }

    /// Repeats, refreshes or gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.turn(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The next datagram or event; drain to `None`.
    pub fn poll_output(&mut self) -> Option<RelayOutput> {
        self.outputs.pop_front()
    }

    /// A datagram to the server that holds `octets` for `peer`.
    fn wrap(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        octets: &[u8],
    ) -> Result<Vec<u8>, SendError> {
        let now = self.turn_time(now);
        let wrapped = self
            .client
            .send_to(TransportType::Udp, peer, octets, now)?
            .map(|transmit| transmit.data.build());
        Ok(wrapped.unwrap_or_default())
    }

    fn transmit(&mut self, octets: Vec<u8>) {
        self.counters.sent += 1;
        self.outputs.push_back(RelayOutput::Transmit(Transmit {
            local: self.local,
            remote: self.server,
            octets,
        }));
    }

    /// The client does not tell why it failed, the server does. Nor does it believe a refusal that is
    /// not signed, and goes on asking; but the second challenge to an allocation means that the
    /// password is wrong (RFC 8489 §9.2.5). Whether it is a refusal of what we asked.
    fn note_answer(&mut self, octets: &[u8]) -> bool {
        let Ok(message) = Message::decode(octets) else {
            return false;
        };
        let transaction = message.transaction();
        let asked = self.asked.contains(&transaction);
        if asked && self.relayed.is_none() {
            self.mapped = stun::reflexive_address(&message).or(self.mapped);
        }
        match stun::error_code(&message) {
            Some(UNAUTHORIZED) if self.relayed.is_none() && asked => {
                if !self.challenged.contains(&transaction) {
                    self.challenged.push(transaction);
                }
                if self.challenged.len() > 1 {
                    self.client.protocol_error();
                    self.fail();
                }
            }
            Some(UNAUTHORIZED | STALE_NONCE) | None => {}
            code @ Some(_) if asked => self.last_code = code,
            Some(_) => self.denies = message.kind() == CREATE_PERMISSION_ERROR,
        }
        asked
    }

    /// Asks the server to relay between us and a host, and keeps the datagram until it does.
    fn ask_permission(&mut self, now: Instant, peer: SocketAddr, octets: &[u8]) {
        if self.peers.is_refused(peer) || self.waiting.len() >= MAX_WAITING {
            self.counters.unsent += 1;
            return;
        }
        let now = self.turn_time(now);
        let asked = self
            .client
            .create_permission(TransportType::Udp, peer.ip(), now);
        match asked {
            // A permission that is asked for already is not asked for twice.
            Ok(()) | Err(CreatePermissionError::AlreadyExists) => {
                self.waiting.push_back((peer, octets.to_vec()));
            }
            // No address of the peer's family is lent, so that none will come.
            Err(_) => self.counters.unsent += 1,
        }
    }

    /// Lets the client work until it waits, and takes what it gives. It has to say twice that it
    /// waits: a time-out that it noticed takes effect only when it is asked again.
    fn turn(&mut self, now: Instant) {
        let turn_now = self.turn_time(now);
        let mut waited = false;
        for _ in 0..MAX_TURNS {
            let polled = self.client.poll(turn_now);
            let mut busy = false;
            while let Some(transmit) = self.client.poll_transmit(turn_now) {
                busy = true;
                self.note_question(&transmit.data);
                self.outputs.push_back(RelayOutput::Transmit(Transmit {
                    local: self.local,
                    remote: transmit.to,
                    octets: transmit.data.to_vec(),
                }));
            }
            while let Some(event) = self.client.poll_event() {
                busy = true;
                self.handle_event(now, &event);
            }
            match polled {
                TurnPollRet::WaitUntil(until) if !busy && until > turn_now => {
                    if std::mem::replace(&mut waited, true) {
                        self.due = self.std_time(until);
                        return;
                    }
                    continue;
                }
                TurnPollRet::Closed if !busy => {
                    self.fail();
                    self.due = None;
                    return;
                }
                TurnPollRet::WaitUntil(_)
                | TurnPollRet::Closed
                | TurnPollRet::AllocateTcpSocket { .. }
                | TurnPollRet::TcpClose { .. } => {}
            }
            waited = false;
        }
        self.due = Some(now + UNRESTED);
    }

    fn note_question(&mut self, octets: &[u8]) {
        let Ok(message) = Message::decode(octets) else {
            return;
        };
        self.channels.note_request(&message);
        if self.relayed.is_none() && self.asked.len() < MAX_QUESTIONS {
            self.asked.push(message.transaction());
        }
    }

    fn handle_event(&mut self, now: Instant, event: &TurnEvent) {
        tracing::debug!(server = %self.server, ?event, "relay");
        match event {
            TurnEvent::AllocationCreated(_, relayed) => {
                self.relayed = Some(*relayed);
                self.last_code = None;
                let event = RelayEvent::Allocated { relayed: *relayed };
                self.outputs.push_back(RelayOutput::Event(event));
            }
            TurnEvent::AllocationCreateFailed(_) => self.fail(),
            TurnEvent::PermissionCreated(_, ip) => self.permit(now, *ip),
            TurnEvent::PermissionCreateFailed(_, ip) => self.refuse(*ip),
            TurnEvent::ChannelCreateFailed(_, address) => self.peers.note_no_channel(*address),
            TurnEvent::ChannelCreated(..)
            | TurnEvent::TcpConnected(_)
            | TurnEvent::TcpConnectFailed(_) => {}
        }
    }

    /// Sends what waited for the permission.
    fn permit(&mut self, now: Instant, ip: IpAddr) {
        let (ready, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(peer, _)| peer.ip() == ip);
        self.waiting = waiting;
        let ready: VecDeque<(SocketAddr, Vec<u8>)> = ready;
        for (peer, octets) in ready {
            match self.wrap(now, peer, &octets) {
                Ok(datagram) => self.transmit(datagram),
                Err(_) => self.counters.unsent += 1,
            }
        }
    }

    /// There is no permission. Where the server said so it is not asked again; where its answers
    /// were lost it is, when there is something to send.
    fn refuse(&mut self, ip: IpAddr) {
        self.drop_waiting(|peer| peer.ip() == ip);
        if !self.denies {
            return;
        }
        self.peers.refuse(ip);
        let event = RelayEvent::PeerRefused { peer: ip };
        self.outputs.push_back(RelayOutput::Event(event));
    }

    /// Drops what waits for a permission that will not come.
    fn drop_waiting(&mut self, is_hopeless: impl Fn(SocketAddr) -> bool) {
        let before = self.waiting.len();
        self.waiting.retain(|(peer, _)| !is_hopeless(*peer));
        let dropped = before - self.waiting.len();
        self.counters.unsent += u64::try_from(dropped).unwrap_or(0);
    }

    fn fail(&mut self) {
        if self.failed {
            return;
        }
        self.failed = true;
        self.drop_waiting(|_| true);
        let cause = match (self.relayed.take(), self.last_code) {
            (Some(_), _) => RelayFailure::Expired,
            (None, Some(code)) => RelayFailure::Refused(code),
            // The first challenge is how every allocation begins (RFC 8489 §9.2.3).
            (None, None) if self.challenged.len() > 1 => RelayFailure::Unauthorized,
            (None, None) => RelayFailure::NoAnswer,
        };
        let event = RelayEvent::Failed { cause };
        self.outputs.push_back(RelayOutput::Event(event));
    }

    fn turn_time(&self, now: Instant) -> TurnInstant {
        let elapsed = now.saturating_duration_since(self.started).as_nanos();
        TurnInstant::from_nanos(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    fn std_time(&self, time: TurnInstant) -> Option<Instant> {
        let elapsed = u64::try_from(time.as_nanos()).unwrap_or(0);
        self.started.checked_add(Duration::from_nanos(elapsed))
    }
}
