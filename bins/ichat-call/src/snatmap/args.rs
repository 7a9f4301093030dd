//! The options of `snatmap serve` and `snatmap query`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use clap::Args;

/// Requests a second that one source may send, unless `--rate` says otherwise. An iChat sends two a
/// second, for 5 s (docs/protocol/snatmap.md, messages \[P, D\]): there is room for a whole house
/// behind one address.
const DEFAULT_RATE: u32 = 50;

/// Octets that a name may have (RFC 1035 §2.3.4).
const MAX_HOST: usize = 253;

/// Options of `snatmap serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to answer, an IPv4 address and a UDP port; may be given again
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:5678", value_parser = parse_listen)]
    pub(crate) listen: Vec<SocketAddrV4>,
    /// Where to serve the page that sends old Macs here (they need port 80), a health check at
    /// /healthz and counters at /metrics; may be given again
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_http)]
    pub(crate) http: Vec<SocketAddr>,
    /// The name or IPv4 address that the page gives [default: the address that the Mac reached]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = parse_advertise)]
    pub(crate) advertise: Option<Advertised>,
    /// Requests per second and source, 0 = no limit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RATE)]
    pub(crate) rate: u32,
    /// Events as JSON, one object a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `snatmap query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// HOST or HOST:PORT; without a port, 5678
    #[arg(value_name = "HOST[:PORT]")]
    pub(crate) server: String,
    /// Local address to ask from [default: what the system chooses]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<Ipv4Addr>,
    /// UDP port to ask from; 0 = any
    // Not 16402: the mapping that the question leaves in the NAT could stand in a Mac's way.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Events as JSON, one object a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the page shall say: a host, and a port if it is another than the one that we listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

fn parse_listen(text: &str) -> Result<SocketAddrV4, String> {
    match text.parse() {
        Ok(SocketAddr::V4(address)) => Ok(address),
        Ok(SocketAddr::V6(_)) => Err("SNATMAP knows IPv4 only: expected ADDR:PORT".into()),
        Err(_) => Err("expected an IPv4 address and a port, as in 0.0.0.0:5678".into()),
    }
}

fn parse_http(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port, as in 0.0.0.0:80 or [::]:80".into())
}

fn parse_advertise(text: &str) -> Result<Advertised, String> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let port = match port {
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| format!("expected a port from 1 to 65535, found {port:?}"))?,
        ),
        None => None,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_host = !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_plain);
    if !is_host {
        return Err("expected a name or an IPv4 address, and a port if it is not the one that is listened on".into());
    }
    Ok(Advertised {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ipv4_can_be_listened_on() {
        assert_eq!(
            parse_listen("127.0.0.1:5678"),
            Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5678))
        );
        assert!(parse_listen("[::]:5678").unwrap_err().contains("IPv4 only"));
        for bad in ["", "5678", "0.0.0.0", "host:5678", "0.0.0.0:70000"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_or_an_address_is_advertised_with_or_without_a_port() {
        let advertised = |host: &str, port| {
            Ok(Advertised {
                host: host.into(),
                port,
            })
        };
        assert_eq!(
            parse_advertise("nat.example.org"),
            advertised("nat.example.org", None)
        );
        assert_eq!(
            parse_advertise("203.0.113.9:15678"),
            advertised("203.0.113.9", Some(15678))
        );
        let long = "a".repeat(MAX_HOST + 1);
        for bad in [
            "",
            ":5678",
            "host:",
            "host:0",
            "host:70000",
            "::1",
            "[::1]:5678",
            "a b",
            "a/b",
            "snatmap://host",
            "host\nX: y",
            &long,
        ] {
            assert!(parse_advertise(bad).is_err(), "{bad}");
        }
    }
}
