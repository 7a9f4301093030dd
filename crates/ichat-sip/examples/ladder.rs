//! A whole call between two user agents in virtual time, as a ladder:
//! `cargo run -p ichat-sip --example ladder`.

use std::time::{Duration, Instant};

use ichat_sip::{Config, Event, Output, Route, UserAgent, message::Message, sdp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let there = Route {
        local: "192.0.2.1:16402".parse()?,
        remote: "192.0.2.2:16402".parse()?,
    };
    let mut caller = UserAgent::new(config("me@example.org", "mac@example.org", 1));
    let mut callee = UserAgent::new(config("mac@example.org", "me@example.org", 2));
    let mut now = Instant::now();

    let offer = sdp::offer(&local(there));
    caller.invite(now, &[there], "user", offer)?;
    exchange(now, &mut caller, &mut callee, there)?;
    now += Duration::from_secs(10);
    caller.message(now, "text/plain", b"ping".to_vec());
    exchange(now, &mut caller, &mut callee, there)?;
    callee.bye(now);
    exchange(now, &mut caller, &mut callee, there)?;
    println!("ended: {} and {}", caller.is_ended(), callee.is_ended());
    Ok(())
}

fn config(local_name: &str, remote_name: &str, seed: u64) -> Config {
    Config {
        local_name: local_name.to_owned(),
        remote_name: remote_name.to_owned(),
        user: "user".to_owned(),
        user_agent: "example".to_owned(),
        seed,
    }
}

fn local(route: Route) -> sdp::Local {
    sdp::Local {
        login: "example".to_owned(),
        session_name: "example".to_owned(),
        session_id: 1,
        version: 1,
        address: route.local.ip(),
        port: route.local.port(),
        formats: vec![sdp::Format::pcmu()],
        ssrc: 1,
        direction: sdp::Direction::SendRecv,
    }
}

/// Carries datagrams to and fro until both are silent.
fn exchange(
    now: Instant,
    caller: &mut UserAgent,
    callee: &mut UserAgent,
    there: Route,
) -> Result<(), Box<dyn std::error::Error>> {
    let back = Route {
        local: there.remote,
        remote: there.local,
    };
    loop {
        if let Some(output) = caller.poll_output() {
            carry(now, "caller", "-->", output, callee, back)?;
        } else if let Some(output) = callee.poll_output() {
            if let Output::Event(Event::Incoming { body, .. }) = &output {
                let offer = sdp::Description::parse(body)?;
                let (answer, format) = sdp::answer(&offer, &local(back))?;
                println!("    callee takes {format}");
                callee.answer(now, answer)?;
            }
            carry(now, "callee", "<--", output, caller, there)?;
        } else {
            return Ok(());
        }
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Incoming { from, body, .. } => {
            let name = from.display_name.as_deref().unwrap_or("nobody");
            format!("{name} calls with {} octets", body.len())
        }
        Event::Answered { route, body, .. } => {
            format!("{} answers with {} octets", route.remote, body.len())
        }
        Event::Message { body, .. } => format!("message {:?}", String::from_utf8_lossy(body)),
        Event::Progress { .. }
        | Event::Confirmed
        | Event::LateAnswer { .. }
        | Event::Reoffer { .. }
        | Event::ReofferCancelled
        | Event::ReofferRejected { .. }
        | Event::Cancelled
        | Event::RemoteBye
        | Event::Ended
        | Event::Failed { .. } => format!("{event:?}"),
    }
}

fn carry(
    now: Instant,
    who: &str,
    arrow: &str,
    output: Output,
    to: &mut UserAgent,
    route: Route,
) -> Result<(), Box<dyn std::error::Error>> {
    match output {
        Output::Event(event) => println!("    {who}: {}", brief(&event)),
        Output::Transmit { octets, .. } => {
            match Message::parse(&octets)? {
                Message::Request(request) => println!("{arrow} {}", request.method),
                Message::Response(response) => {
                    println!("{arrow} {} {}", response.status, response.reason);
                }
            }
            to.handle_datagram(now, route, &octets)?;
        }
    }
    Ok(())
}
