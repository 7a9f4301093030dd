//! A server that runs for months: many requests of many sources, and its memory stays what it was.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use scenarios::SOON;

use super::{Server, answer, http, request, serve};

/// Requests that a source sends before its answers are read. Fewer than the default rate.
const BURST: u32 = 25;

/// Memory that may come and go without anybody's keeping it, in KiB.
const SLACK_KIB: u64 = 256;

/// A source of the loopback network for each number.
fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0000 + number % 0x00f0_0000)
}

/// So many requests, from as many sources as it takes; each answer is checked.
fn requests(server: SocketAddr, sources: std::ops::Range<u32>) {
    for number in sources {
        let socket = UdpSocket::bind((source(number), 0)).expect("loopback has a free UDP port");
        socket.connect(server).expect("a socket can be connected");
        socket.set_read_timeout(Some(SOON)).expect("a time-out");
        let own = socket.local_addr().expect("it is bound");
        for nonce in 0..BURST {
            let octets = request(nonce);
            socket.send(&octets).expect("loopback takes it");
        }
        let mut octets = [0; 64];
        for nonce in 0..BURST {
            let len = socket.recv(&mut octets).expect("an answer comes");
            assert_eq!(octets[..len], answer(nonce, own));
        }
    }
}

/// Warms a server up, sends it `count` requests, and compares its memory.
fn stays_flat(count: u32) {
    let server = Server::start(serve().set("--listen", "0.0.0.0:0"));
    let address = SocketAddr::from(([127, 0, 0, 1], server.udp.port()));
    let page = || http::get(server.http, "/metrics");
    // Until every page of its rate table has been touched.
    let warm = 2000;
    requests(address, 0..warm);
    page();
    let before = http::memory_kib(&server);
    let sources = warm..warm + count / BURST;
    let total = u64::from(sources.end) * u64::from(BURST);
    let mut step = sources.start;
    while step < sources.end {
        let next = (step + 1000).min(sources.end);
        requests(address, step..next);
        page();
        step = next;
    }
    let after = http::memory_kib(&server);
    assert!(
        after <= before + SLACK_KIB,
        "{before} KiB before, {after} KiB after {count} requests"
    );
    assert_eq!(server.datagrams("answered"), total);
    assert_eq!(server.datagrams("limited"), 0);
    assert_eq!(server.octets("in"), 16 * total);
    assert_eq!(server.octets("out"), 16 * total);
    assert_eq!(server.counter("ichat_call_snatmap_send_failures_total"), 0);
    println!("{count} requests: {before} KiB before, {after} KiB after");
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn fifty_thousand_requests_leave_memory_as_it_was() {
    stays_flat(50_000);
}

/// 24 hours of 23 requests a second.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes half a minute: cargo test -p scenarios two_million -- --ignored --nocapture"]
fn two_million_requests_leave_memory_as_it_was() {
    stays_flat(2_000_000);
}
