//! The sockets that a call would have, for the length of the examination.

use std::net::SocketAddr;

use ichat_endpoint::seed::Seed;
use ichat_endpoint::sockets::Sockets;
use ichat_ice::Transmit;
use ichat_sip::Route;
use tokio::time::{Instant, timeout_at};

/// The largest datagram that is of interest.
const DATAGRAM: usize = 2048;

/// Sockets on the one port.
#[derive(Debug)]
pub(super) struct Network {
    sockets: Sockets,
    seed: Seed,
}

impl Network {
    pub(super) fn new(sockets: Sockets) -> Self {
        Self {
            sockets,
            seed: Seed::from_system(),
        }
    }

    /// The socket from which the system reaches `remote`.
    pub(super) fn toward(&self, remote: SocketAddr) -> Option<SocketAddr> {
        self.sockets.route_to(remote).map(|route| route.local)
    }

    pub(super) fn seed(&mut self) -> u64 {
        self.seed.next_u64()
    }

    pub(super) fn send(&self, transmit: &Transmit) {
        let route = Route {
            local: transmit.local,
            remote: transmit.remote,
        };
        self.sockets.send(route, &transmit.octets);
    }

    /// The next datagram, if one comes by then.
    pub(super) async fn receive(&mut self, until: Instant) -> Option<Transmit> {
        let mut buffer = [0; DATAGRAM];
        let (route, length) = timeout_at(until, self.sockets.recv(&mut buffer))
            .await
            .ok()?;
        Some(Transmit {
            local: route.local,
            remote: route.remote,
            octets: buffer.get(..length)?.to_vec(),
        })
    }
}
