//! Whether Bonjour can work: a question to everybody on the local network, and who answers.
//!
//! We are not announced by that.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use ichat_endpoint::addresses::LocalAddress;
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::check::{Check, Topic};

/// How long answers may take: those of machines that all have one come within 120 ms (RFC 6762 §6).
const LIMIT: Duration = Duration::from_millis(800);

/// Where multicast DNS is spoken.
const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);

/// What an iChat announces (docs/protocol/xmpp.md, without a server \[P\]).
const LABELS: [&str; 3] = ["_presence", "_tcp", "local"];

/// Asks from each IPv4 address, if `wanted`.
pub(super) async fn look(wanted: bool, locals: Vec<LocalAddress>) -> Check {
    let topic = Topic::Bonjour;
    if !wanted {
        return Check::skipped(topic, "only with --lan");
    }
    let addresses = locals.iter().filter_map(|local| match local.address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let asked: Vec<_> = addresses
        .map(|address| (address, tokio::spawn(ask(address))))
        .collect();
    if asked.is_empty() {
        return Check::warning(topic, "not tried: there is no IPv4 address");
    }
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    let mut answered = BTreeSet::new();
    for (address, answers) in asked {
        match answers.await {
            Ok(Ok(answers)) => {
                sent.push(address.to_string());
                answered.extend(answers);
            }
            Ok(Err(error)) => failed.push(format!("{address}: {error}")),
            Err(error) => failed.push(format!("{address}: {error}")),
        }
    }
    let check = if sent.is_empty() {
        let message = format!("nothing can be sent to the network ({})", failed.join(", "));
        Check::problem(topic, message)
            .advise("is the network up, and does a firewall let multicast out?")
    } else {
        let who = match answered.len() {
            0 => "nobody answers".to_owned(),
            1 => "1 machine answers".to_owned(),
            count => format!("{count} machines answer"),
        };
        let message = format!("questions go out from {}; {who}", sent.join(", "));
        Check::ok(topic, message)
    };
    check
        .with("sent_from", sent)
        .with("failed", failed)
        .with("answered", answered.len())
}

/// Asks from one address; who answered.
async fn ask(address: Ipv4Addr) -> io::Result<BTreeSet<IpAddr>> {
    let socket = match everybodys(address) {
        Ok(socket) => socket,
        // Somebody keeps the port to himself: those who follow the standard answer straight to
        // another one (RFC 6762 §5.1).
        Err(_) => Socket::from(std::net::UdpSocket::bind((address, 0))?),
    };
    socket.set_multicast_if_v4(&address)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    socket.send_to(&question(), EVERYBODY).await?;
    let until = Instant::now() + LIMIT;
    let mut answered = BTreeSet::new();
    let mut buffer = [0; 9000];
    while let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await {
        if let Ok((length, from)) = received
            && is_answer(buffer.get(..length).unwrap_or_default(), from)
            && from.ip() != address
        {
            answered.insert(from.ip());
        }
    }
    Ok(answered)
}

/// A socket at the port of multicast DNS, beside those that others have there.
fn everybodys(address: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(all(
        unix,
        not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
    ))]
    socket.set_reuse_port(true)?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, EVERYBODY.port()));
    socket.bind(&any.into())?;
    socket.join_multicast_v4(EVERYBODY.ip(), &address)?;
    Ok(socket)
}

/// The standard's query (RFC 1035 §4.1) for PTR records of the service.
fn question() -> Vec<u8> {
    let mut octets = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in LABELS {
        octets.push(u8::try_from(label.len()).unwrap_or(0));
        octets.extend(label.as_bytes());
    }
    octets.extend([0, 0, 12, 0, 1]);
    octets
}

/// A response that holds an answer at least.
fn is_answer(octets: &[u8], from: SocketAddr) -> bool {
    match octets.get(..8) {
        Some(&[_, _, flags, _, _, _, high, low]) => {
            flags & 0x80 != 0 && (high, low) != (0, 0) && from.port() == EVERYBODY.port()
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_that_of_the_standard() {
        let expected = [
            "0000 0000 0001 0000 0000 0000", // one question
            "09 5f70726573656e6365",         // _presence
            "04 5f746370 05 6c6f63616c 00",  // _tcp.local
            "000c 0001",                     // PTR, IN
        ];
        let expected = expected.concat().replace(' ', "");
        assert_eq!(hex::encode(question()), expected);
    }

    #[test]
    fn only_answers_of_multicast_dns_count() {
        let from: SocketAddr = "192.168.1.7:5353".parse().unwrap();
        let answer = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        assert!(is_answer(&answer, from));
        assert!(!is_answer(&answer, "192.168.1.7:53".parse().unwrap()));
        assert!(!is_answer(&question(), from));
        assert!(!is_answer(&answer[..7], from));
    }

    #[tokio::test]
    async fn without_lan_nothing_is_sent() {
        let check = look(false, Vec::new()).await;
        assert_eq!(check.topic, Topic::Bonjour);
        assert!(check.details.is_empty());
    }
}
