//! A TURN server that is not ours, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::attribute::XorMappedAddress;
use stun_types::message::{BINDING, Message, MessageClass, MessageWriteVec};
use stun_types::prelude::*;
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::stun::types::TransportType;
use turn_client_proto::types::AddressFamily;
use turn_server_proto::api::{
    DelayedMessageOrChannelSend, SocketAllocateError, Transmit, TurnServerApi, TurnServerPollRet,
};
use turn_server_proto::server::TurnServer;

/// From, to, octets.
pub type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

pub struct TurnBox {
    server: TurnServer,
    started: Instant,
    address: SocketAddr,
    next_port: u16,
    pub relayed: Vec<SocketAddr>,
    /// Whether it answers Binding requests.
    pub answers_binding: bool,
    /// Whether it has IPv6 addresses to lend.
    pub lends_ipv6: bool,
}

impl TurnBox {
    /// At `address`, for the user `mac` with the password `secret`.
    pub fn new(started: Instant, address: SocketAddr) -> Self {
        let mut server = TurnServer::new(TransportType::Udp, address, "example.org".to_owned());
        server.add_user("mac".to_owned(), "secret".to_owned());
        Self {
            server,
            started,
            address,
            next_port: 50_000,
            relayed: Vec::new(),
            answers_binding: true,
            lends_ipv6: true,
        }
    }

    pub fn expire_nonces_after(&mut self, duration: Duration) {
        self.server.set_nonce_expiry_duration(duration);
    }

    /// Whether datagrams to that address are the server's.
    pub fn owns(&self, address: SocketAddr) -> bool {
        address == self.address || self.relayed.contains(&address)
    }

    /// Takes a datagram; what the server sends because of it.
    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        octets: &[u8],
    ) -> Vec<Datagram> {
        if let Some(answer) = binding(from, octets).filter(|_| to == self.address) {
            let answers = self.answers_binding.then_some((to, from, answer));
            return Vec::from_iter(answers);
        }
        let at = self.time(now);
        let transmit = Transmit::new(octets.to_vec(), TransportType::Udp, from, to);
        let mut out = Vec::new();
        if let Some(build) = self.server.recv(transmit, at) {
            let built = build.build();
            out.push((built.from, built.to, built.data));
        }
        self.poll(now, &mut out);
        out
    }

    fn poll(&mut self, now: Instant, out: &mut Vec<Datagram>) {
        let at = self.time(now);
        for _ in 0..16 {
            match self.server.poll(at) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    // It lends addresses of its own family alone, and one of IPv4 unless another is
                    // asked for (RFC 8656 §7.2).
                    let is_ipv6 = family == AddressFamily::IPV6;
                    let has_family = self.address.is_ipv6() == is_ipv6;
                    let lent = if has_family && (!is_ipv6 || self.lends_ipv6) {
                        let relayed = SocketAddr::new(self.address.ip(), self.next_port);
                        self.next_port += 1;
                        self.relayed.push(relayed);
                        Ok(relayed)
                    } else {
                        Err(SocketAllocateError::AddressFamilyNotSupported)
                    };
                    self.server.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        lent,
                        at,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.relayed.retain(|relayed| *relayed != listen_addr);
                }
                TurnServerPollRet::WaitUntil(_)
                | TurnServerPollRet::TcpConnect { .. }
                | TurnServerPollRet::TcpClose { .. } => break,
            }
        }
        while let Some(transmit) = self.server.poll_transmit(at) {
            out.push((transmit.from, transmit.to, transmit.data));
        }
    }

    fn time(&self, now: Instant) -> TurnInstant {
        let elapsed = (now - self.started).as_nanos();
        TurnInstant::from_nanos(i64::try_from(elapsed).unwrap())
    }
}

/// The answer to a Binding request. The server of turn-server-proto 0.7.3 sends its own to itself.
pub fn binding(source: SocketAddr, octets: &[u8]) -> Option<Vec<u8>> {
    let request = Message::from_bytes(octets).ok()?;
    let is_binding = request.has_method(BINDING) && request.has_class(MessageClass::Request);
    let mut answer =
        is_binding.then(|| Message::builder_success(&request, MessageWriteVec::new()))?;
    let mapped = XorMappedAddress::new(source, request.transaction_id());
    answer.add_attribute(&mapped).ok()?;
    answer.add_fingerprint().ok()?;
    Some(answer.finish())
}

// Named in the signature of what `recv` returns.
const _: Option<DelayedMessageOrChannelSend<Vec<u8>>> = None;
