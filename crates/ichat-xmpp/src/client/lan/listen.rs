//! Our TCP port: streams that neighbours open.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::discovery::Shared;
use super::gate::{Gate, StreamSlot};
use crate::client::trace::Trace;
use crate::client::{Connection, link_local};

/// How long a stream may take to send its header.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long we wait when the system has no more room for connections.
const BREATH: Duration = Duration::from_millis(200);

/// How often another port is tried for IPv6 when only IPv4 has the first.
const PORT_TRIES: u32 = 8;

/// Connections that wait in the system until we take them.
const BACKLOG: i32 = 32;

/// A stream whose header has come.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) connection: Connection,
    pub(super) address: SocketAddr,
    pub(super) slot: StreamSlot,
}

/// Listens on each address, or on all, on one port: this one, else any.
pub(super) fn open(bind: &[IpAddr], port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut result = open_on(bind, port);
    for _ in 0..PORT_TRIES {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => result = open_on(bind, 0),
            Ok(_) | Err(_) => break,
        }
    }
    result
}

fn open_on(bind: &[IpAddr], mut port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let all = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    let anywhere = bind.is_empty();
    let mut listeners = Vec::new();
    let mut fault = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for ip in if anywhere { &all } else { bind } {
        match listen(SocketAddr::new(*ip, port)) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            // Machines with only one of the two families exist.
            Err(error) if anywhere && error.kind() != io::ErrorKind::AddrInUse => {
                tracing::debug!(%ip, %error, "no streams are taken there");
                fault = error;
            }
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() {
        return Err(fault);
    }
    Ok((listeners, port))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Windows this would allow another program the same port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes streams for ever. Those beyond the limits are closed at once; those that send no header
/// within 10 s, then.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Gate,
    shared: Arc<Shared>,
    arrivals: mpsc::Sender<Arrived>,
    trace: Option<Trace>,
) {
    // Ends with us, and each of its tasks with it.
    let mut openings = JoinSet::new();
    loop {
        while openings.try_join_next().is_some() {}
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a stream could not be taken");
                sleep(BREATH).await;
                continue;
            }
        };
        let Some(slot) = gate.enter(address.ip()) else {
            tracing::debug!(%address, "a stream too many was closed");
            continue;
        };
        let (name, arrivals, trace) = (shared.name(), arrivals.clone(), trace.clone());
        openings.spawn(async move {
            if let Some(connection) = header(stream, &name, address, trace).await {
                let arrived = Arrived {
                    connection,
                    address,
                    slot,
                };
                // Fails only when nobody listens any more.
                let _ = arrivals.send(arrived).await;
            }
        });
    }
}

async fn header(
    stream: TcpStream,
    name: &str,
    address: SocketAddr,
    trace: Option<Trace>,
) -> Option<Connection> {
    match timeout(HEADER_TIME, link_local::accept(stream, name, trace)).await {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "a stream did not open");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "a stream without header was closed");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_replaced_by_any() {
        let home = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let (first, port) = open(&home, 0).unwrap();
        assert!(port != 0 && first.len() == 1);
        let (_second, other) = open(&home, port).unwrap();
        assert_ne!(other, port);
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_an_error() {
        let elsewhere = ["192.0.2.1".parse().unwrap()];
        let error = open(&elsewhere, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
