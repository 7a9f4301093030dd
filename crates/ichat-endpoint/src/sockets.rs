//! The one UDP port of a call: a socket for each local address, all on the same port number.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::task::Poll;

use ichat_sip::Route;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use crate::addresses::LocalAddress;

/// iChat's port and those it falls back to, from the last down to the first
/// (docs/protocol/sip.md, ports [P, C]).
pub const ICHAT_PORTS: RangeInclusive<u16> = 16393..=16402;

/// So many errors in a row a socket may report before the others get their turn.
const MAX_ERRORS: u32 = 16;

/// How often a free port is looked for when one number must be free on several addresses.
const ATTEMPTS_FOR_ANY: u32 = 16;

/// Which port the sockets get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortChoice {
    /// 16402, then lower to 16393, then any.
    #[default]
    Preferred,
    /// Whatever is free.
    Any,
    /// This one or none.
    Exactly(u16),
}

/// Why no port could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// This machine has no address that a peer could reach.
    #[error(
        "no usable network address on this machine: connect it to a network, or name one with --bind"
    )]
    NoAddress,
    /// Somebody else has the port.
    #[error(
        "UDP port {port} on {address} is in use: end the program that has it, or leave --port away"
    )]
    PortBusy {
        /// The address that was tried.
        address: IpAddr,
        /// The port that was asked for.
        port: u16,
    },
    /// The system refused for another reason.
    #[error("cannot open a UDP port on {address}: {source}")]
    Io {
        /// The address that was tried.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The sockets, one for each local address.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<(SocketAddr, UdpSocket)>,
    /// The socket that is asked first, so that a busy one cannot starve the others.
    next: usize,
}

impl Sockets {
    /// Binds what can be bound: with `automatic` an address that is gone again, or not ready yet
    /// (a new IPv6 address), is left out. Tells which are left.
    ///
    /// # Errors
    /// [`BindError`], with the address that failed.
    pub fn bind_usable(
        mut locals: Vec<LocalAddress>,
        choice: PortChoice,
        automatic: bool,
    ) -> Result<(Vec<LocalAddress>, Self), BindError> {
        loop {
            match Self::bind(&locals, choice) {
                Ok(sockets) => return Ok((locals, sockets)),
                Err(BindError::Io { address, source })
                    if automatic && source.kind() == io::ErrorKind::AddrNotAvailable =>
                {
                    tracing::info!(%source, "an address of this machine cannot be used");
                    locals.retain(|local| local.address != address);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Follows the addresses of a machine that has changed its network: sockets of addresses that
    /// are gone are closed, new addresses get the same port if it is free there. Tells which of
    /// `locals` are bound.
    pub fn follow(&mut self, locals: Vec<LocalAddress>) -> Vec<LocalAddress> {
        let port = self.port();
        self.sockets
            .retain(|(bound, _)| locals.iter().any(|local| local.address == bound.ip()));
        let mut bound = Vec::with_capacity(locals.len());
        for local in locals {
            if self.addresses().any(|known| known.ip() == local.address) {
                bound.push(local);
                continue;
            }
            let address = SocketAddr::new(local.address, port);
            match bind_one(address) {
                Ok(socket) => {
                    self.sockets.push((address, socket));
                    bound.push(local);
                }
                Err(error) => tracing::info!(%error, "a new address cannot be used"),
            }
        }
        bound
    }

    /// Binds every address of `locals` to one port number.
    ///
    /// # Errors
    /// [`BindError`], with the address that failed.
    pub fn bind(locals: &[LocalAddress], choice: PortChoice) -> Result<Self, BindError> {
        let Some(first) = locals.first() else {
            return Err(BindError::NoAddress);
        };
        let attempts: Vec<u16> = match choice {
            PortChoice::Exactly(port) => return Self::bind_all(locals, port),
            PortChoice::Any => Vec::new(),
            PortChoice::Preferred => ICHAT_PORTS.rev().collect(),
        };
        for port in attempts {
            match Self::bind_all(locals, port) {
                Ok(sockets) => return Ok(sockets),
                Err(BindError::PortBusy { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut last = BindError::PortBusy {
            address: first.address,
            port: 0,
        };
        for _ in 0..ATTEMPTS_FOR_ANY {
            match Self::bind_all(locals, 0) {
                Ok(sockets) => return Ok(sockets),
                Err(error @ BindError::PortBusy { .. }) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Binds all to `port`; with 0, the first takes any and the others follow.
    fn bind_all(locals: &[LocalAddress], port: u16) -> Result<Self, BindError> {
        let mut sockets: Vec<(SocketAddr, UdpSocket)> = Vec::with_capacity(locals.len());
        for local in locals {
            let port = sockets.first().map_or(port, |(first, _)| first.port());
            let address = local.address;
            let socket = bind_one(SocketAddr::new(address, port)).map_err(|source| {
                if source.kind() == io::ErrorKind::AddrInUse {
                    BindError::PortBusy { address, port }
                } else {
                    BindError::Io { address, source }
                }
            })?;
            let bound = socket
                .local_addr()
                .map_err(|source| BindError::Io { address, source })?;
            sockets.push((bound, socket));
        }
        Ok(Self { sockets, next: 0 })
    }

    /// The bound addresses, in the order that they were given.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().map(|(address, _)| *address)
    }

    /// The port number that all share.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.sockets
            .first()
            .map_or(0, |(address, _)| address.port())
    }

    /// The route to `remote`: the socket whose address the system's routing would choose, else
    /// the first of the same family; `None` when no socket has the remote's family.
    #[must_use]
    pub fn route_to(&self, remote: SocketAddr) -> Option<Route> {
        let chosen = routed_source(remote);
        let local = self
            .addresses()
            .find(|local| Some(local.ip()) == chosen)
            .or_else(|| {
                self.addresses()
                    .find(|local| local.is_ipv4() == remote.is_ipv4())
            })?;
        Some(Route { local, remote })
    }

    /// Waits for the next datagram and puts its octets into `buffer`. Cancel-safe.
    ///
    /// Errors that a socket reports for an earlier datagram (port unreachable) are passed over:
    /// a refused datagram never ends a call.
    pub async fn recv(&mut self, buffer: &mut [u8]) -> (Route, usize) {
        let count = self.sockets.len();
        let start = self.next;
        let (index, route, len) = poll_fn(|context| {
            'sockets: for step in 0..count {
                let index = (start + step) % count.max(1);
                let Some((local, socket)) = self.sockets.get(index) else {
                    continue;
                };
                for _ in 0..MAX_ERRORS {
                    let mut octets = ReadBuf::new(buffer);
                    match socket.poll_recv_from(context, &mut octets) {
                        Poll::Ready(Ok(remote)) => {
                            let route = Route {
                                local: *local,
                                remote: canonical(remote),
                            };
                            return Poll::Ready((index, route, octets.filled().len()));
                        }
                        Poll::Ready(Err(error)) => {
                            tracing::trace!(%error, "a socket reported an error; passed over");
                        }
                        Poll::Pending => continue 'sockets,
                    }
                }
                // It reports nothing but errors: the others get their turn.
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        self.next = index + 1;
        (route, len)
    }

    /// Sends one datagram from the socket of `route.local`; a full or failing socket loses it,
    /// as a network may. False when the address itself seems to be gone.
    pub fn send(&self, route: Route, octets: &[u8]) -> bool {
        let Some((_, socket)) = self.sockets.iter().find(|(local, _)| *local == route.local) else {
            tracing::debug!(local = %route.local, "no socket has this address any more");
            return false;
        };
        // Straight to the system: tokio's own `try_send_to` refuses the first datagrams of a socket
        // until its reactor has looked at it once.
        let sent = socket2::SockRef::from(socket).send_to(octets, &route.remote.into());
        match sent {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(%error, "a datagram could not be sent");
                !is_of_our_address(&error)
            }
        }
    }
}

/// Whether an error in sending may mean that our own address, or the way out, is gone. Linux calls a
/// source address that no interface has an invalid argument.
fn is_of_our_address(error: &io::Error) -> bool {
    [
        io::ErrorKind::AddrNotAvailable,
        io::ErrorKind::InvalidInput,
        io::ErrorKind::NetworkUnreachable,
        io::ErrorKind::NetworkDown,
    ]
    .contains(&error.kind())
}

/// IPv4 addresses that came in IPv6's clothes, undressed.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn bind_one(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv4() {
        socket2::Domain::IPV4
    } else {
        socket2::Domain::IPV6
    };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// The source address that the system would choose toward `remote`; nothing is sent.
pub(crate) fn routed_source(remote: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let probe = std::net::UdpSocket::bind(any).ok()?;
    probe.connect(remote).ok()?;
    probe.local_addr().ok().map(|local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(address: &str) -> LocalAddress {
        LocalAddress {
            interface: "lo".into(),
            address: address.parse().unwrap(),
            prefix: 8,
            point_to_point: false,
        }
    }

    #[tokio::test]
    async fn a_datagram_arrives_with_the_address_that_it_hit() {
        let mut ours = Sockets::bind(
            &[loopback("127.0.0.1"), loopback("127.0.0.2")],
            PortChoice::Any,
        )
        .unwrap();
        let peer = Sockets::bind(&[loopback("127.0.0.1")], PortChoice::Any).unwrap();
        let from = peer.addresses().next().unwrap();
        let second = ours.addresses().nth(1).unwrap();
        assert_eq!(second.port(), ours.port(), "all addresses share the port");
        peer.send(
            Route {
                local: from,
                remote: second,
            },
            b"hello",
        );
        let mut buffer = [0; 64];
        let (route, len) = ours.recv(&mut buffer).await;
        assert_eq!(
            route,
            Route {
                local: second,
                remote: from
            }
        );
        assert_eq!(&buffer[..len], b"hello");
    }

    #[tokio::test]
    async fn a_named_port_that_is_taken_is_an_error_that_names_it() {
        let first = Sockets::bind(&[loopback("127.0.0.1")], PortChoice::Any).unwrap();
        let taken = PortChoice::Exactly(first.port());
        let error = Sockets::bind(&[loopback("127.0.0.1")], taken).unwrap_err();
        assert!(matches!(error, BindError::PortBusy { port, .. } if port == first.port()));
        assert!(error.to_string().contains("in use"));
    }

    #[tokio::test]
    async fn without_an_address_there_is_no_port() {
        assert!(matches!(
            Sockets::bind(&[], PortChoice::Any),
            Err(BindError::NoAddress)
        ));
    }
}
