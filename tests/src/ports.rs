//! Ports of the loopback interface.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// 127.0.0.1.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A TCP port that was free a moment ago.
pub fn free_tcp() -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).expect("loopback has a free TCP port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// A UDP port that was free a moment ago: whoever sends there is told that nobody listens.
pub fn free_udp() -> u16 {
    silent_udp().1.port()
}

/// A UDP socket that takes everything and answers nothing, and its address.
pub fn silent_udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback has a free UDP port");
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

/// Two UDP ports that were free a moment ago, the second one above the first, for programs that
/// take the port beside the one that they are given.
pub fn free_udp_and_tcp_pair() -> u16 {
    for _ in 0..200 {
        let port = free_tcp();
        let Some(next) = port.checked_add(1) else {
            continue;
        };
        let all_free = UdpSocket::bind((LOOPBACK, port)).is_ok()
            && TcpListener::bind((LOOPBACK, port)).is_ok()
            && TcpListener::bind((LOOPBACK, next)).is_ok();
        if all_free {
            return port;
        }
    }
    panic!("loopback has no two free ports side by side");
}
