//! `snatmap query`: where a server sees us.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use ichat_endpoint::seed::Seed;
use ichat_ice::gather::{Mapping, NatReport, Sighting, assess};
use ichat_ice::snatmap::{DEFAULT_PORT, MESSAGE_LEN};
use ichat_ice::{Reflector, ReflectorEvent, ReflectorOutput, ReflectorProtocol, ReflectorTimings};
use serde_json::json;
use tokio::net::UdpSocket;

use super::args::QueryArgs;
use super::listen::{Transport, refused};
use crate::failure::Failure;
use crate::output::{Form, Printer, json_milliseconds, json_object};
use crate::settings::host_and_port;

/// How long a name may take to become an address.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);

/// `ichat-call snatmap query`.
pub(crate) async fn query(args: &QueryArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let (host, port) = host_and_port(&args.server)?;
    let server = resolve(&host, port.unwrap_or(DEFAULT_PORT)).await?;
    let socket = open(args, server).await?;
    let local = socket.local_addr().map_err(Failure::system)?;
    let (mapped, round_trip) = ask(&socket, local, server.into()).await?;
    let sighting = Sighting {
        server: server.into(),
        mapped,
    };
    let report = assess(local, &[sighting]);
    match printer.form() {
        Form::Json => {
            let fields = json_object([
                ("server", json!(server.to_string())),
                ("local", json!(local.to_string())),
                ("mapped", json!(mapped.to_string())),
                ("port_kept", json!(report.keeps_port)),
                ("round_trip_ms", json_milliseconds(round_trip)),
            ]);
            printer.event("mapped", fields);
        }
        Form::Human => {
            let milliseconds = round_trip.as_secs_f64() * 1000.0;
            printer.line(&format!(
                "{server} sees us as {mapped} ({milliseconds:.1} ms)"
            ));
            printer.line(&explain(local, &report));
        }
    }
    Ok(0)
}

/// What the answer means for an iChat in our place.
fn explain(local: SocketAddr, report: &NatReport) -> String {
    let port = local.port();
    let mut text = match (report.mapping, report.keeps_port) {
        (Mapping::None, _) => format!("That is our own address, {local}: there is no NAT between."),
        (_, Some(true)) => {
            format!("There is a NAT, and it kept the source port {port}: good for iChat.")
        }
        (_, _) => format!(
            "There is a NAT, and it did not keep the source port {port}: an iChat behind it is hard to reach."
        ),
    };
    if report.carrier_grade {
        text.push_str(
            " The network provider shares one address among many customers (100.64.0.0/10).",
        );
    }
    text
}

/// The first IPv4 address of a host.
async fn resolve(host: &str, port: u16) -> Result<SocketAddrV4, Failure> {
    let unreachable = |what: String| Failure::new("server-unreachable", what);
    let lookup = tokio::net::lookup_host((host, port));
    let found: Vec<SocketAddr> = match tokio::time::timeout(LOOKUP_PATIENCE, lookup).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            return Err(unreachable(format!("{host} cannot be looked up: {error}")));
        }
        Err(_) => {
            return Err(unreachable(format!(
                "{host} cannot be looked up: no answer within {} s",
                LOOKUP_PATIENCE.as_secs()
            )));
        }
    };
    let first = found
        .iter()
        .find_map(|address| match address.ip().to_canonical() {
            IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, port)),
            IpAddr::V6(_) => None,
        });
    first.ok_or_else(|| {
        unreachable(format!(
            "{host} has no IPv4 address, and SNATMAP knows IPv4 only"
        ))
    })
}

/// A socket that hears the server alone, and is told when nobody listens there.
async fn open(args: &QueryArgs, server: SocketAddrV4) -> Result<UdpSocket, Failure> {
    let from = SocketAddr::from((args.bind.unwrap_or(Ipv4Addr::UNSPECIFIED), args.port));
    let socket = UdpSocket::bind(from)
        .await
        .map_err(|error| refused(&error, Transport::Udp, from, "--port"))?;
    socket.connect(server).await.map_err(|error| {
        Failure::new(
            "server-unreachable",
            format!("there is no way to {server}: {error}"),
        )
    })?;
    Ok(socket)
}

/// Asks until there is an answer, or none within 5 s.
async fn ask(
    socket: &UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
) -> Result<(SocketAddr, Duration), Failure> {
    let timings = ReflectorTimings {
        refresh: None,
        ..ReflectorTimings::default()
    };
    let mut reflector = Reflector::new(
        Instant::now(),
        Seed::from_system().next_u64(),
        ReflectorProtocol::Snatmap,
        local,
        server,
        timings,
    );
    let unreachable = |what: String| Failure::new("server-unreachable", what);
    // One more than an answer has, so that a longer datagram is seen to be longer.
    let mut octets = [0; MESSAGE_LEN + 1];
    let mut strange = None;
    loop {
        while let Some(output) = reflector.poll_output() {
            match output {
                ReflectorOutput::Transmit(transmit) => {
                    if let Err(error) = socket.send(&transmit.octets).await {
                        check(&error, server)?;
                    }
                }
                ReflectorOutput::Event(ReflectorEvent::Mapped {
                    address,
                    round_trip,
                }) => return Ok((address, round_trip)),
                ReflectorOutput::Event(ReflectorEvent::NoAnswer) => {
                    let what = match strange {
                        None => "no answer".to_owned(),
                        Some(error) => format!("no usable answer ({error})"),
                    };
                    return Err(unreachable(format!(
                        "{what} from {server} within {} s: is a SNATMAP server there, and does its firewall let UDP in?",
                        timings.give_up.as_secs()
                    )));
                }
            }
        }
        let Some(deadline) = reflector.poll_timeout() else {
            return Err(unreachable(format!("{server} was not asked")));
        };
        tokio::select! {
            received = socket.recv(&mut octets) => match received {
                Ok(len) => {
                    let datagram = octets.get(..len).unwrap_or_default();
                    let taken = reflector.handle_datagram(Instant::now(), local, server, datagram);
                    strange = taken.err().or(strange);
                }
                Err(error) => check(&error, server)?,
            },
            () = tokio::time::sleep_until(deadline.into()) => {
                reflector.handle_timeout(Instant::now());
            }
        }
    }
}

/// Ends the question where the server's host says that nobody listens; other trouble may pass.
fn check(error: &io::Error, server: SocketAddr) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return Err(Failure::new(
            "server-unreachable",
            format!(
                "nobody listens at UDP port {} of {}",
                server.port(),
                server.ip()
            ),
        ));
    }
    tracing::debug!(%error, "a datagram was lost");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(local: &str, mapped: &str) -> String {
        let local = local.parse().unwrap();
        let sighting = Sighting {
            server: "192.0.2.1:5678".parse().unwrap(),
            mapped: mapped.parse().unwrap(),
        };
        explain(local, &assess(local, &[sighting]))
    }

    #[test]
    fn an_answer_is_explained() {
        let same = explained("198.51.100.7:16402", "198.51.100.7:16402");
        assert!(same.contains("no NAT"), "{same}");
        let kept = explained("192.168.1.2:16402", "198.51.100.7:16402");
        assert!(kept.contains("kept the source port 16402"), "{kept}");
        let moved = explained("192.168.1.2:16402", "198.51.100.7:40001");
        assert!(
            moved.contains("did not keep the source port 16402"),
            "{moved}"
        );
        let shared = explained("100.64.3.4:16402", "198.51.100.7:40001");
        assert!(shared.contains("shares one address"), "{shared}");
    }
}
