//! `snatmap query` against servers good and bad.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use scenarios::ichat_call::{Invocation, run, text};
use scenarios::ports::{LOOPBACK, free_udp, silent_udp};
use scenarios::{SOON, seconds};

use super::{Server, answer, serve};

fn query(server: &str) -> Invocation {
    run(&["snatmap", "query", server]).flag("--json")
}

#[test]
fn our_address_is_told_to_scripts_and_to_people() {
    let server = Server::start(serve());
    let we = query(&server.udp.to_string()).spawn().finish(SOON);
    we.assert_status(0).assert_no_error();
    let mapped = we.last("mapped");
    assert_eq!(mapped["server"], server.udp.to_string());
    assert_eq!(mapped["mapped"], mapped["local"]);
    assert!(text(mapped, "mapped").starts_with("127.0.0.1:"));
    assert_eq!(mapped["port_kept"], true);
    let trip = mapped["round_trip_ms"].as_f64().expect("a number");
    assert!(trip > 0.0 && trip < 5000.0, "{mapped}");
    let we = query(&server.udp.to_string()).for_people();
    let we = we.spawn().finish(SOON);
    we.assert_status(0);
    assert!(we.output.contains("sees us as 127.0.0.1:"), "{}", we.output);
    assert!(we.output.contains("no NAT"), "{}", we.output);
    server.stop();
}

#[test]
fn it_is_asked_from_the_address_and_port_that_were_named() {
    let server = Server::start(serve());
    let port = free_udp();
    let we = query(&server.udp.to_string())
        .set("--bind", "127.0.0.9")
        .set("--port", port.to_string())
        .spawn()
        .finish(SOON);
    we.assert_status(0);
    assert_eq!(we.last("mapped")["mapped"], format!("127.0.0.9:{port}"));
    // A name will do, too.
    let name = format!("localhost:{}", server.udp.port());
    query(&name).spawn().finish(SOON).assert_status(0);
    let taken = UdpSocket::bind((LOOPBACK, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let we = query(&server.udp.to_string())
        .set("--bind", "127.0.0.1")
        .set("--port", &port);
    let we = we.spawn().finish(SOON);
    we.assert_status(1).assert_code("port-busy");
    server.stop();
}

#[test]
fn a_silent_server_is_asked_every_500_ms_for_5_s() {
    let (socket, address) = silent_udp();
    socket
        .set_read_timeout(Some(seconds(2)))
        .expect("a time-out");
    let we = query(&address.to_string()).spawn();
    let mut times = Vec::new();
    let mut requests = Vec::new();
    let mut octets = [0; 64];
    while let Ok((len, source)) = socket.recv_from(&mut octets) {
        times.push(Instant::now());
        assert_eq!(len, 16);
        assert_eq!(octets[..4], [0, 0, 0, 1]);
        assert_eq!(octets[4] & 0x80, 0, "the nonce has 31 bits");
        assert_eq!(octets[8..12], [127, 0, 0, 1]);
        assert_eq!(octets[12..14], source.port().to_be_bytes());
        requests.push(octets[..len].to_vec());
    }
    let we = we.finish(SOON);
    we.assert_status(1).assert_code("server-unreachable");
    assert!(we.output.contains("no answer"), "{}", we.output);
    assert_eq!(requests.len(), 10, "{}", we.transcript);
    assert!(requests.windows(2).all(|pair| pair[0] == pair[1]));
    let took = times[9].duration_since(times[0]);
    // Nine times 500 ms; later only on a busy machine.
    assert!(took >= Duration::from_millis(4400), "{took:?}");
    let total = we.last("error")["t"].as_f64().expect("a time");
    assert!(total >= 5.0, "{total}");
}

#[test]
fn a_lost_request_is_repeated_and_junk_is_passed_over() {
    let (socket, address) = silent_udp();
    socket.set_read_timeout(Some(SOON)).expect("a time-out");
    let we = query(&address.to_string()).spawn();
    let mut octets = [0; 64];
    // The first is lost.
    socket.recv_from(&mut octets).expect("a request");
    let (_, source) = socket.recv_from(&mut octets).expect("it is repeated");
    let nonce = u32::from_be_bytes([octets[4], octets[5], octets[6], octets[7]]);
    let good = answer(nonce, "198.51.100.7:40001".parse().expect("an address"));
    let longer = [&good[..], &[0]].concat();
    let other = answer(nonce ^ 1, "198.51.100.8:1".parse().expect("an address"));
    for junk in [&b""[..], &good[..15], &longer, &octets[..16], &other] {
        socket.send_to(junk, source).expect("loopback takes it");
    }
    socket.send_to(&good, source).expect("loopback takes it");
    let we = we.finish(SOON);
    we.assert_status(0);
    let mapped = we.last("mapped");
    assert_eq!(mapped["mapped"], "198.51.100.7:40001");
    assert_eq!(mapped["port_kept"], false);
}

#[test]
fn a_server_that_talks_nonsense_is_told_apart_from_a_silent_one() {
    let (socket, address) = silent_udp();
    socket
        .set_read_timeout(Some(seconds(2)))
        .expect("a time-out");
    let we = query(&address.to_string()).spawn();
    let mut octets = [0; 64];
    while let Ok((_, source)) = socket.recv_from(&mut octets) {
        socket.send_to(b"HTTP/1.1 400 Bad", source).expect("taken");
    }
    let we = we.finish(SOON);
    we.assert_status(1).assert_code("server-unreachable");
    assert!(we.output.contains("no usable answer"), "{}", we.output);
}

#[test]
fn where_nobody_listens_it_is_told_at_once() {
    let server = format!("127.0.0.1:{}", free_udp());
    let we = query(&server).spawn().finish(seconds(4));
    we.assert_status(1).assert_code("server-unreachable");
    assert!(we.output.contains("nobody listens"), "{}", we.output);
    let we = query(&server).for_people().spawn().finish(seconds(4));
    we.assert_status(1);
    assert_eq!(we.errors.lines().count(), 1, "{}", we.errors);
}

#[test]
fn hosts_without_an_ipv4_address_cannot_be_asked() {
    for host in ["::1", "[::1]:5678"] {
        let we = query(host).spawn().finish(SOON);
        we.assert_status(1).assert_code("server-unreachable");
        assert!(we.output.contains("IPv4"), "{}", we.output);
    }
    let we = query("no-such-host.invalid").spawn().finish(seconds(20));
    we.assert_status(1).assert_code("server-unreachable");
    assert!(we.output.contains("no-such-host.invalid"), "{}", we.output);
}
