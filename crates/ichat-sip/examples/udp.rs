//! A call over a real socket, without media, for a look at another SIP program:
//! `cargo run -p ichat-sip --example udp call user@127.0.0.1:5060`, or `… answer 127.0.0.1:5062`.
//! The call is hung up after 2 s.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use ichat_sip::{
    Config, Event, Output, Route, SipError, UserAgent, message::Message, sdp, stray_reply,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, address] = arguments.as_slice() else {
        return Err("expected `call [USER@]ADDRESS:PORT` or `answer ADDRESS:PORT`".into());
    };
    let (user, address) = address.split_once('@').unwrap_or(("user", address));
    let address: SocketAddr = address.parse()?;
    let calls = verb == "call";
    let socket = UdpSocket::bind(if calls {
        SocketAddr::new(address.ip(), 0)
    } else {
        address
    })?;
    let local = socket.local_addr()?;
    let mut agent = UserAgent::new(Config {
        local_name: "me@example.org".to_owned(),
        remote_name: "mac@example.org".to_owned(),
        user: "user".to_owned(),
        user_agent: "example".to_owned(),
        // A real program takes a random one.
        seed: u64::from(std::process::id()),
    });
    if calls {
        let route = Route {
            local,
            remote: address,
        };
        agent.invite(Instant::now(), &[route], user, sdp::offer(&audio(local)))?;
    }
    talk(&socket, local, &mut agent)
}

fn talk(socket: &UdpSocket, local: SocketAddr, agent: &mut UserAgent) -> Result<()> {
    let mut hang_up = None;
    let mut octets = vec![0; 65_536];
    while !agent.is_ended() {
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit { route, octets } => {
                    show("-->", &octets);
                    socket.send_to(&octets, route.remote)?;
                }
                Output::Event(event) => {
                    println!("    {event:?}");
                    if let Event::Incoming { body, .. } | Event::Reoffer { body } = &event {
                        let offer = sdp::Description::parse(body)?;
                        let (answer, _) = sdp::answer(&offer, &audio(local))?;
                        agent.answer(Instant::now(), answer)?;
                    }
                    if matches!(event, Event::Answered { .. } | Event::Confirmed) {
                        hang_up = Some(Instant::now() + Duration::from_secs(2));
                    }
                }
            }
        }
        let now = Instant::now();
        let next = agent.poll_timeout().into_iter().chain(hang_up).min();
        let wait = next.map_or(Duration::from_secs(1), |next| {
            next.saturating_duration_since(now)
        });
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut octets) {
            Ok((length, remote)) => {
                let datagram = octets.get(..length).unwrap_or_default();
                show("<--", datagram);
                let route = Route { local, remote };
                match agent.handle_datagram(Instant::now(), route, datagram) {
                    Ok(()) => {}
                    Err(SipError::OtherCall) => {
                        if let Some(reply) = stray_reply(datagram, "example") {
                            socket.send_to(&reply, remote)?;
                        }
                    }
                    Err(error) => println!("    refused: {error}"),
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        if hang_up.is_some_and(|at| now >= at) {
            hang_up = None;
            agent.bye(now);
        }
        if agent.poll_timeout().is_some_and(|at| now >= at) {
            agent.handle_timeout(now);
        }
    }
    while let Some(output) = agent.poll_output() {
        match output {
            Output::Transmit { route, octets } => {
                show("-->", &octets);
                socket.send_to(&octets, route.remote)?;
            }
            Output::Event(event) => println!("    {event:?}"),
        }
    }
    Ok(())
}

fn show(arrow: &str, octets: &[u8]) {
    match Message::parse(octets) {
        Ok(Message::Request(request)) => println!("{arrow} {}", request.method),
        Ok(Message::Response(response)) => {
            println!("{arrow} {} {}", response.status, response.reason);
        }
        Err(error) => println!("{arrow} {error}"),
    }
}

fn audio(local: SocketAddr) -> sdp::Local {
    sdp::Local {
        login: "example".to_owned(),
        session_name: "example".to_owned(),
        session_id: 1,
        version: 1,
        address: local.ip(),
        port: local.port(),
        formats: vec![sdp::Format::pcmu()],
        ssrc: 1,
        direction: sdp::Direction::SendRecv,
    }
}
