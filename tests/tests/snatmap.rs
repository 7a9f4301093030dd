//! `snatmap serve` and `snatmap query`: who is told what, what a stranger can do to the server, and
//! how both end.

mod http;
mod nat;
mod query;
mod soak;
mod unit;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use scenarios::ichat_call::{self, Finished, IchatCall, Invocation, output_of, run, text};
use scenarios::ports::{LOOPBACK, free_tcp};
use scenarios::{SOON, requires, seconds};

/// How long an answer is waited for that must not come.
const MOMENT: Duration = Duration::from_millis(300);

/// `snatmap serve` at any port of the loopback interface, with pages.
fn serve() -> Invocation {
    run(&["snatmap", "serve"])
        .flag("--json")
        .set("--listen", "127.0.0.1:0")
        .set("--http", "127.0.0.1:0")
}

/// A running one.
struct Server {
    program: IchatCall,
    udp: SocketAddr,
    http: SocketAddr,
}

impl Server {
    fn start(invocation: Invocation) -> Self {
        let program = invocation.spawn();
        let listening = |service: &str| -> SocketAddr {
            let event = program.process().wait_for_where(service, SOON, |event| {
                event["event"] == "listening" && event["service"] == service
            });
            text(&event, "address").parse().expect("an address")
        };
        let (udp, http) = (listening("snatmap"), listening("http"));
        Self { program, udp, http }
    }

    /// The value of a counter; 0 where it is not there.
    fn counter(&self, sample: &str) -> u64 {
        let metrics = http::get(self.http, "/metrics");
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a counter is a number"))
    }

    fn datagrams(&self, outcome: &str) -> u64 {
        self.counter(&format!(
            "ichat_call_snatmap_datagrams_total{{outcome=\"{outcome}\"}}"
        ))
    }

    fn octets(&self, direction: &str) -> u64 {
        self.counter(&format!(
            "ichat_call_snatmap_octets_total{{direction=\"{direction}\"}}"
        ))
    }

    /// Asks it to end, as a service manager does.
    fn terminate(self) -> Finished {
        let status = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh"])
            .arg(self.program.process().id().to_string())
            .status();
        assert!(status.expect("sh runs").success());
        self.program.finish(seconds(5))
    }

    /// The same, and all must have been well.
    fn stop(self) {
        self.terminate().assert_status(0).assert_no_error();
    }
}

/// A socket of a local address that hears the server alone.
fn asker(from: Ipv4Addr, server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).expect("loopback has a free UDP port");
    socket.connect(server).expect("a socket can be connected");
    socket
        .set_read_timeout(Some(SOON))
        .expect("a socket has a time-out");
    socket
}

/// A request with this nonce. Written from docs/protocol/snatmap.md, not with the crates.
fn request(nonce: u32) -> [u8; 16] {
    let mut octets = [0; 16];
    octets[3] = 1;
    octets[4..8].copy_from_slice(&nonce.to_be_bytes());
    octets[8..16].copy_from_slice(&[0xc0, 0xa8, 0x01, 0x84, 0x40, 0x12, 0xaa, 0xaa]);
    octets
}

/// The answer that this address has to get.
fn answer(nonce: u32, source: SocketAddr) -> [u8; 16] {
    let SocketAddr::V4(source) = source else {
        panic!("{source} is no IPv4 address")
    };
    let mut octets = [0; 16];
    octets[3] = 2;
    octets[4..8].copy_from_slice(&nonce.to_be_bytes());
    octets[8..12].copy_from_slice(&source.ip().octets().map(|octet| !octet));
    octets[12..14].copy_from_slice(&(!source.port()).to_be_bytes());
    octets
}

/// Sends a request and checks its answer.
fn ask(socket: &UdpSocket, nonce: u32) {
    socket.send(&request(nonce)).expect("loopback takes it");
    let mut octets = [0; 64];
    let len = socket.recv(&mut octets).expect("an answer comes");
    let own = socket.local_addr().expect("it is bound");
    assert_eq!(octets[..len], answer(nonce, own));
}

/// All datagrams that wait for a socket, until a moment passes without one.
fn waiting(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket
        .set_read_timeout(Some(MOMENT))
        .expect("a socket has a time-out");
    let mut octets = [0; 2048];
    let mut all = Vec::new();
    while let Ok(len) = socket.recv(&mut octets) {
        all.push(octets[..len].to_vec());
    }
    socket
        .set_read_timeout(Some(SOON))
        .expect("a socket has a time-out");
    all
}

#[test]
fn requests_are_answered_with_the_address_that_they_came_from() {
    let server = Server::start(serve());
    for last in 1..=5 {
        let socket = asker(Ipv4Addr::new(127, 0, 0, last), server.udp);
        for nonce in [0, 1, 0x1234_abcd, 0x7fff_ffff, u32::MAX] {
            ask(&socket, nonce);
        }
    }
    assert_eq!(server.datagrams("answered"), 25);
    server.stop();
}

#[test]
fn a_server_on_all_addresses_answers_from_the_one_that_was_asked() {
    let server = Server::start(serve().set("--listen", "0.0.0.0:0"));
    for last in 1..=5 {
        let asked = SocketAddr::from(([127, 0, 0, last], server.udp.port()));
        // Connected: an answer from any other address is not heard.
        ask(&asker(Ipv4Addr::LOCALHOST, asked), 7);
    }
    server.stop();
}

#[test]
fn several_addresses_are_listened_on() {
    let server = serve().add("--listen", "127.0.0.2:0").spawn();
    let at = |host: &str| -> SocketAddr {
        let event = server.process().wait_for_where(host, SOON, |event| {
            event["service"] == "snatmap" && text(event, "address").starts_with(host)
        });
        text(&event, "address").parse().expect("an address")
    };
    for address in [at("127.0.0.1:"), at("127.0.0.2:")] {
        ask(&asker(Ipv4Addr::LOCALHOST, address), 7);
    }
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn nothing_but_a_request_of_16_octets_is_answered_and_nothing_is_amplified() {
    let server = Server::start(serve());
    let socket = asker(Ipv4Addr::LOCALHOST, server.udp);
    let mut sent = 0;
    let mut send = |octets: &[u8]| {
        socket.send(octets).expect("loopback takes it");
        sent += octets.len();
    };
    let filler: Vec<u8> = request(1).iter().copied().cycle().take(1500).collect();
    let wrong: Vec<usize> = (0..=64)
        .filter(|len| *len != 16)
        .chain([100, 576, 1472, 1500])
        .collect();
    for len in &wrong {
        send(&filler[..*len]);
    }
    let kinds = [0, 3, 4, 0x0100_0000, 0x8000_0001, u32::MAX];
    for kind in kinds {
        let mut octets = request(1);
        octets[..4].copy_from_slice(&u32::to_be_bytes(kind));
        send(&octets);
    }
    for nonce in 0..3 {
        send(&answer(nonce, server.udp));
    }
    assert_eq!(waiting(&socket), Vec::<Vec<u8>>::new());
    // It lives, and knows what came.
    for nonce in 0..10 {
        ask(&socket, nonce);
        sent += 16;
    }
    assert_eq!(server.datagrams("wrong_length"), wrong.len() as u64);
    assert_eq!(server.datagrams("wrong_kind"), kinds.len() as u64);
    assert_eq!(server.datagrams("response"), 3);
    assert_eq!(server.datagrams("answered"), 10);
    assert_eq!(server.octets("in"), sent as u64);
    assert_eq!(server.octets("out"), 160);
    server.stop();
}

#[test]
fn a_datagram_of_any_size_is_no_trouble() {
    let server = Server::start(serve());
    let socket = asker(Ipv4Addr::LOCALHOST, server.udp);
    for _ in 0..20 {
        socket.send(&[0; 65_507]).expect("loopback takes it");
    }
    assert_eq!(waiting(&socket), Vec::<Vec<u8>>::new());
    ask(&socket, 1);
    assert_eq!(server.datagrams("wrong_length"), 20);
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn requests_that_the_system_hands_over_together_are_answered_one_by_one() {
    requires!("python3");
    let server = Server::start(serve());
    let output = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/python/snatmap_burst.py"
        ))
        .args([&server.udp.to_string(), "40"])
        .output()
        .expect("python3 runs");
    let answers = String::from_utf8_lossy(&output.stdout).into_owned();
    for (nonce, line) in answers.lines().enumerate() {
        assert!(line.starts_with(&format!("00000002{nonce:08x}")), "{line}");
        assert_eq!(line.len(), 32, "{line}");
    }
    assert_eq!(answers.lines().count(), 40, "{output:?}");
    assert_eq!(server.datagrams("answered"), 40);
    server.stop();
}

#[test]
fn a_source_that_asks_too_often_is_left_waiting_and_the_others_are_not() {
    let server = Server::start(serve().set("--rate", "5"));
    let greedy = Ipv4Addr::new(127, 3, 2, 1);
    let sockets = [asker(greedy, server.udp), asker(greedy, server.udp)];
    let began = Instant::now();
    for nonce in 0..50 {
        let socket = &sockets[nonce as usize % 2];
        socket.send(&request(nonce)).expect("loopback takes it");
    }
    let answered: usize = sockets.iter().map(|socket| waiting(socket).len()).sum();
    // Five at once, and five for each second that has passed.
    let most = 5 + 5 * (began.elapsed().as_secs() as usize + 1);
    assert!((5..=most).contains(&answered), "{answered}");
    for last in 2..=10 {
        ask(&asker(Ipv4Addr::new(127, 3, 2, last), server.udp), 1);
    }
    assert_eq!(server.datagrams("limited"), 50 - answered as u64);
    // And it may ask again when it has waited.
    std::thread::sleep(Duration::from_millis(250));
    ask(&sockets[0], 99);
    server.stop();
}

#[test]
fn without_a_limit_a_source_may_ask_as_often_as_it_likes() {
    let server = Server::start(serve().set("--rate", "0"));
    let socket = asker(Ipv4Addr::LOCALHOST, server.udp);
    for nonce in 0..2000 {
        ask(&socket, nonce);
    }
    assert_eq!(server.datagrams("answered"), 2000);
    server.stop();
}

#[test]
fn a_signal_ends_the_server_with_0_and_it_tells_its_counters() {
    for signal in ["INT", "TERM", "HUP"] {
        let server = Server::start(serve().flag("-v"));
        ask(&asker(Ipv4Addr::LOCALHOST, server.udp), 1);
        let status = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$2\"", "sh", signal])
            .arg(server.program.process().id().to_string())
            .status();
        assert!(status.expect("sh runs").success());
        let finished = server.program.finish(seconds(5));
        finished.assert_status(0).assert_no_error();
        assert!(
            finished.errors.contains("answered=1"),
            "no counters\n{}",
            finished.transcript
        );
    }
}

#[cfg(unix)]
#[test]
fn a_standard_output_that_nobody_reads_does_not_keep_it_from_ending() {
    let http = SocketAddr::from((LOOPBACK, free_tcp()));
    let mut server = serve().set("--http", http.to_string()).unread().spawn();
    let deadline = Instant::now() + SOON;
    while std::net::TcpStream::connect(http).is_err() {
        assert!(Instant::now() < deadline, "it does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(http::get(http, "/healthz"), "ok\n");
    server.process().interrupt();
    assert_eq!(server.exit(seconds(5)), 0);
}

#[test]
fn people_are_told_where_it_listens() {
    let server = serve().for_people().spawn();
    server.wait_for_text("Answering SNATMAP requests at UDP 127.0.0.1:", SOON);
    let line = server.wait_for_text("/configurations/macosx/ichat/1/snatmap.txt", SOON);
    assert!(line.contains("it says snatmap://127.0.0.1:"), "{line}");
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn a_port_that_another_program_has_is_told() {
    let server = Server::start(serve());
    let port = server.udp.port().to_string();
    for address in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}")] {
        let second = serve().set("--listen", &address).spawn().finish(SOON);
        second.assert_status(1).assert_code("port-busy");
        second.assert_no("listening");
        assert!(second.output.contains(&port), "{}", second.transcript);
    }
    let second = serve().set("--http", server.http.to_string());
    let second = second.spawn().finish(SOON);
    second.assert_status(1).assert_code("port-busy");
    second.assert_no("listening");
    let taken = UdpSocket::bind((LOOPBACK, 0)).expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let third = serve().set("--listen", &address).for_people();
    let third = third.spawn().finish(SOON);
    third.assert_status(1);
    assert!(third.errors.contains("is in use"), "{}", third.transcript);
    ask(&asker(Ipv4Addr::LOCALHOST, server.udp), 1);
    server.stop();
}

#[test]
fn its_ports_are_free_again_at_once() {
    let first = Server::start(serve());
    let (udp, http) = (first.udp, first.http);
    // Leaves a connection behind that the system remembers for a minute.
    assert_eq!(http::get(http, "/healthz"), "ok\n");
    first.stop();
    let again = serve()
        .set("--listen", udp.to_string())
        .set("--http", http.to_string());
    let second = Server::start(again);
    assert_eq!((second.udp, second.http), (udp, http));
    second.stop();
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    for (option, value) in [("--listen", "192.0.2.1:5678"), ("--http", "192.0.2.1:8080")] {
        let we = serve().set(option, value).spawn().finish(SOON);
        we.assert_status(1).assert_code("no-address");
        assert!(we.output.contains("192.0.2.1"), "{}", we.transcript);
    }
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    let port = format!("127.0.0.1:{}", free_tcp());
    for words in [
        &["--listen", "5678"][..],
        &["--listen", "[::1]:5678"],
        &["--listen", "localhost:5678"],
        &["--http", "80"],
        &["--advertise", ""],
        &["--advertise", "a b"],
        &["--advertise", "[::1]"],
        &["--advertise", "host:0"],
        &["--rate", "-1"],
        &["--rate", "many"],
        &["--no-such-option"],
        &["extra"],
    ] {
        let all = [&["snatmap", "serve", "--http", &port][..], words].concat();
        output_of(&all).assert_status(2);
    }
    for words in [
        &[][..],
        &["127.0.0.1:0"],
        &["127.0.0.1:70000"],
        &[""],
        &["127.0.0.1", "--bind", "here"],
        &["127.0.0.1", "--port", "65536"],
        &["127.0.0.1", "127.0.0.2"],
    ] {
        output_of(&[&["snatmap", "query"][..], words].concat()).assert_status(2);
    }
    let help = ichat_call::output_of(&["snatmap", "serve", "--help"]);
    help.assert_status(0);
    for option in ["--listen", "--http", "--advertise", "--rate", "--json"] {
        assert!(help.output.contains(option), "{}", help.output);
    }
}
