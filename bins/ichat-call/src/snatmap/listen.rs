//! The sockets that a server listens on.

use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;

/// Octets of requests that may wait: some thousand of them. The system may allow less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// TCP connections that may wait to be taken.
const BACKLOG: i32 = 256;

/// An address that is answered at, with a socket for each thread.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) address: SocketAddrV4,
    pub(super) sockets: Vec<UdpSocket>,
}

/// Opens as many sockets on each address as there shall be threads. More than one only on Linux,
/// which spreads the sources among them (`SO_REUSEPORT`).
///
/// # Errors
/// [`refused`].
pub(super) fn udp(addresses: &[SocketAddrV4], threads: usize) -> Result<Vec<Answering>, Failure> {
    let mut all = Vec::with_capacity(addresses.len());
    for wanted in addresses {
        let opened = udp_at(*wanted, threads);
        let answering = opened
            .map_err(|error| refused(&error, Transport::Udp, (*wanted).into(), "--listen"))?;
        all.push(answering);
    }
    Ok(all)
}

fn udp_at(wanted: SocketAddrV4, threads: usize) -> io::Result<Answering> {
    // Alone at first: sockets that share a port would share it with another server of ours, too.
    let first = udp_socket(wanted, false)?;
    let address = match first.local_addr()? {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => wanted,
    };
    let sockets = if threads > 1 {
        drop(first);
        (0..threads)
            .map(|_| udp_socket(address, true))
            .collect::<io::Result<_>>()?
    } else {
        vec![first]
    };
    Ok(Answering { address, sockets })
}

fn udp_socket(address: SocketAddrV4, is_shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    if is_shared {
        share_port(&socket)?;
    }
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "the receive buffer keeps its size");
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn share_port(_: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a listener on each address.
///
/// # Errors
/// [`refused`].
pub(super) fn tcp(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut all = Vec::with_capacity(addresses.len());
    for wanted in addresses {
        let opened = tcp_at(*wanted);
        all.push(opened.map_err(|error| refused(&error, Transport::Tcp, *wanted, "--http"))?);
    }
    Ok(all)
}

fn tcp_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections that ended a moment ago are no reason to refuse; on Windows it means more.
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Why a socket cannot be had at `address`, and what to do; `option` names another.
pub(super) fn refused(
    error: &io::Error,
    transport: Transport,
    address: SocketAddr,
    option: &str,
) -> Failure {
    let (ip, port) = (address.ip(), address.port());
    if error.kind() == io::ErrorKind::AddrInUse {
        let what = format!(
            "{transport} port {port} on {ip} is in use: end the program that has it, or name another with {option}"
        );
        return Failure::new("port-busy", what);
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        let what = format!(
            "{transport} port {port} on {ip} is not allowed: ports below 1024 take root, the capability CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep on this program), or a service manager that gives it"
        );
        return Failure::new("permission-denied", what);
    }
    if error.kind() == io::ErrorKind::AddrNotAvailable {
        return Failure::new("no-address", format!("this machine has no address {ip}"));
    }
    Failure::new(
        "system",
        format!("cannot open {transport} port {port} on {ip}: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

    #[test]
    fn all_sockets_of_an_address_have_one_port() {
        let threads = if cfg!(target_os = "linux") { 3 } else { 1 };
        let all = udp(&[ANY, ANY], threads).unwrap();
        assert_eq!(all.len(), 2);
        for one in &all {
            assert_eq!(one.sockets.len(), threads);
            assert_ne!(one.address.port(), 0);
            for socket in &one.sockets {
                assert_eq!(socket.local_addr().unwrap(), one.address.into());
            }
        }
    }

    #[test]
    fn a_port_is_never_shared_with_another_program() {
        for (first, second) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            if !cfg!(target_os = "linux") && first + second > 2 {
                continue;
            }
            let taken = udp(&[ANY], first).unwrap();
            let failure = udp(&[taken[0].address], second).unwrap_err();
            assert_eq!(failure.code, "port-busy", "{first} {second}");
            let port = taken[0].address.port().to_string();
            assert!(failure.message.contains(&port), "{}", failure.message);
        }
        let taken = tcp(&[ANY.into()]).unwrap();
        let failure = tcp(&[taken[0].local_addr().unwrap()]).unwrap_err();
        assert_eq!(failure.code, "port-busy");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let refusal = |kind: io::ErrorKind| {
            refused(
                &kind.into(),
                Transport::Tcp,
                "0.0.0.0:80".parse().unwrap(),
                "--http",
            )
        };
        let denied = refusal(io::ErrorKind::PermissionDenied);
        assert_eq!((denied.code, denied.status), ("permission-denied", 1));
        assert!(denied.message.contains("CAP_NET_BIND_SERVICE"));
        assert_eq!(refusal(io::ErrorKind::AddrNotAvailable).code, "no-address");
        assert_eq!(refusal(io::ErrorKind::OutOfMemory).code, "system");
    }
}
