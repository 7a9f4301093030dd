//! What runs at one end of a network: a neighbour that does as it is told, or a hostile one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use ichat_xmpp::client::Connection;
use ichat_xmpp::client::lan::{Lan, LanConfig, LanEvent, LanPeer, StreamSlot};
use ichat_xmpp::lan::{LanAvailability, LanPresence, VcLetters};
use minidom::Element;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Commands that come in lines.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn presence() -> LanPresence {
    LanPresence {
        first: Some("Ada".to_owned()),
        last: Some("Byron".to_owned()),
        message: Some("über all".to_owned()),
        vc: Some(VcLetters::audio(false)),
        ..LanPresence::default()
    }
}

/// A neighbour under this name.
pub fn neighbour(user: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut config = LanConfig::new(user, "powerbook");
        config.presence = presence();
        let mut lan = Lan::start(config).await.unwrap();
        println!("name {} port {}", lan.name(), lan.port());
        let mut commands = commands();
        loop {
            tokio::select! {
                event = lan.next() => happened(event),
                Some(line) = commands.recv() => {
                    let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
                    match command {
                        "status" => {
                            let mut presence = presence();
                            presence.availability = LanAvailability::parse(argument);
                            lan.announce(presence);
                        }
                        "connect" => connect(&lan, argument).await,
                        "peers" => println!("peers {}", lan.peers().len()),
                        "has" => {
                            let there = lan.peers().iter().any(|peer| peer.matches(argument));
                            println!("has {argument} {there}");
                        }
                        "who" => println!("who {}", lan.name()),
                        "stop" => break,
                        other => panic!("{other}"),
                    }
                }
            }
        }
        lan.stop().await;
        println!("stopped");
    });
}

fn happened(event: LanEvent) {
    let told = |what: &str, peer: LanPeer| {
        let LanPeer {
            name,
            addresses,
            presence,
        } = peer;
        let message = presence.message.clone().unwrap_or_default();
        let state = presence.availability.clone();
        let callable = presence.is_callable();
        let others = presence.other.len();
        println!(
            "{what} {name} {addresses:?} {state} {message:.20} callable={callable} other={others}"
        );
    };
    match event {
        LanEvent::Appeared(peer) => told("appeared", peer),
        LanEvent::Changed(peer) => told("changed", peer),
        LanEvent::Vanished { name } => println!("vanished {name}"),
        LanEvent::Problem { message } => println!("problem {message}"),
        LanEvent::Stream {
            connection,
            peer,
            address,
            slot,
        } => {
            println!("stream {peer} from {address}");
            tokio::task::spawn_local(listen(connection, peer, slot));
        }
    }
}

/// Answers each message with itself.
async fn listen(mut connection: Box<Connection>, peer: String, slot: StreamSlot) {
    let error = loop {
        match connection.recv().await {
            Ok(stanza) => {
                println!(
                    "heard {peer}: {}",
                    stanza.children().map(Element::text).collect::<String>()
                );
                if let Err(error) = connection.send(&stanza).await {
                    break error;
                }
            }
            Err(error) => break error,
        }
    };
    println!("ended {peer}: {error}");
    drop((connection, slot));
}

async fn connect(lan: &Lan, wanted: &str) {
    let peers = lan.peers();
    let Some(peer) = peers.iter().find(|peer| peer.matches(wanted)) else {
        println!("unknown {wanted}");
        return;
    };
    match lan.connect(peer).await {
        Ok(mut connection) => {
            let text =
                format!("<message xmlns='jabber:client'><body>hello {wanted}</body></message>");
            connection.send(&text.parse().unwrap()).await.unwrap();
            let answer = connection.recv().await.unwrap();
            let text: String = answer.children().map(Element::text).collect();
            println!("answered {text}");
            connection.close().await;
        }
        Err(error) => println!("unreachable {wanted}: {error}"),
    }
}

/// Announces so many services with long records, once.
pub fn flood(count: u32) {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5353)).into())
        .unwrap();
    socket
        .set_multicast_if_v4(&Ipv4Addr::new(10, 77, 0, 3))
        .unwrap();
    let socket = UdpSocket::from(socket);
    for number in 0..count {
        let packet = announcement(number);
        socket.send_to(&packet, "224.0.0.251:5353").unwrap();
        // The receiver's socket must not overflow: that would be too easy.
        thread::sleep(Duration::from_millis(1));
    }
    println!("flooded");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}

/// An mDNS response with the four records of a service; every hundredth has a TXT record of 7 kB.
fn announcement(number: u32) -> Vec<u8> {
    fn name(out: &mut Vec<u8>, labels: &[&str]) {
        for label in labels {
            out.push(u8::try_from(label.len()).unwrap());
            out.extend_from_slice(label.as_bytes());
        }
        out.push(0);
    }
    fn record(out: &mut Vec<u8>, labels: &[&str], kind: u16, class: u16, data: &[u8]) {
        name(out, labels);
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&class.to_be_bytes());
        out.extend_from_slice(&4500_u32.to_be_bytes());
        out.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend_from_slice(data);
    }
    let user = format!("fake{number}@nowhere");
    let service = ["_presence", "_tcp", "local"];
    let instance = [&[user.as_str()][..], &service].concat();
    let host = ["nowhere", "local"];
    let mut out = vec![0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    let mut data = Vec::new();
    name(&mut data, &instance);
    record(&mut out, &service, 12, 1, &data);
    data = vec![0, 0, 0, 0, 0x14, 0xb2];
    name(&mut data, &host);
    record(&mut out, &instance, 33, 0x8001, &data);
    let strings = if number.is_multiple_of(100) { 29 } else { 3 };
    data.clear();
    for string in 0..strings {
        let text = format!("k{string}={}", "x".repeat(245));
        data.push(u8::try_from(text.len()).unwrap());
        data.extend_from_slice(text.as_bytes());
    }
    record(&mut out, &instance, 16, 0x8001, &data);
    record(&mut out, &host, 1, 0x8001, &[10, 77, 0, 3]);
    out
}

/// Opens streams to 10.77.0.1 on this port in every wrong way.
pub fn intrude(port: u16) {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        let from: SocketAddr = "10.77.0.3:0".parse().unwrap();
        let to = SocketAddr::from(([10, 77, 0, 1], port));
        socket.bind(&from.into()).unwrap();
        socket.connect(&to.into()).unwrap();
        TcpStream::from(socket)
    };
    // How long until it is closed, whatever it is sent.
    let closed = |mut stream: TcpStream, begin: &str, again: &str| {
        let begun = Instant::now();
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let _ = stream.write_all(begin.as_bytes());
        while begun.elapsed() < Duration::from_secs(30) {
            if again.is_empty() {
                thread::sleep(Duration::from_millis(20));
            } else if stream.write_all(again.as_bytes()).is_err() {
                break;
            }
            match stream.read(&mut [0; 4096]) {
                Ok(0) => break,
                Err(error) if matches!(error.raw_os_error(), Some(104 | 32)) => break,
                Ok(_) | Err(_) => {}
            }
        }
        begun.elapsed().as_secs()
    };
    let header = "<stream:stream xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";

    // Two may be silent, thirty more are closed at once.
    let silent = [open(), open()];
    thread::sleep(Duration::from_millis(300));
    let more: Vec<u64> = (0..30).map(|_| closed(open(), "", "")).collect();
    assert!(more.iter().all(|seconds| *seconds < 3), "{more:?}");
    println!("refused {}", more.len());
    let [one, other] = silent;
    let both = thread::scope(|scope| {
        let one = scope.spawn(|| closed(one, "", ""));
        let other = scope.spawn(|| closed(other, "<?xml version='1.0'?>", " "));
        [one.join().unwrap(), other.join().unwrap()]
    });
    println!("silent {both:?}");
    assert!(
        both.iter().all(|seconds| (5..15).contains(seconds)),
        "{both:?}"
    );

    let endless_tag = closed(open(), "<stream:stream a='", &"x".repeat(4096));
    let endless_depth = closed(open(), header, &"<a>".repeat(64));
    let endless_text = closed(open(), header, &format!("<message>{}", "x".repeat(65_536)));
    println!("endless {endless_tag} {endless_depth} {endless_text}");
    assert!(endless_tag < 15 && endless_depth < 15 && endless_text < 30);
    println!("intruded");
}
