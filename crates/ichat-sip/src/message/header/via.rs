//! Via: RFC 3261 §20.42, RFC 3581 (`rport`).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::{HeaderError, HeaderName, Headers};
use crate::message::{
    host::{Host, host_and_port, split_host_port},
    parameters::Parameters,
    text::is_token,
};

/// The way an answer goes back. Apple's are `SIP/2.0/UDP address:port;branch=z9hG4bK…`
/// (docs/protocol/sip.md, INVITE of a real Mac \[C\]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, as it came.
    pub transport: String,
    /// The sender's own idea of its host.
    pub host: Host,
    /// Its port, where one is written.
    pub port: Option<u16>,
    /// `branch`, `rport`, `received` and others.
    pub parameters: Parameters,
}

impl Via {
    /// `SIP/2.0/UDP address:port;rport;branch=…`.
    pub fn udp(local: SocketAddr, branch: &str) -> Self {
        let (host, port) = host_and_port(local);
        let mut parameters = Parameters::new();
        parameters.set("branch", Some(branch));
        parameters.set("rport", None);
        Self {
            transport: "UDP".to_owned(),
            host,
            port,
            parameters,
        }
    }

    /// Reads one value; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (protocol, rest) = text.trim().split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return None;
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_once(char::is_whitespace)?;
        if !is_token(transport) {
            return None;
        }
        let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = split_host_port(host)?;
        let parameters = Parameters::parse(parameters);
        Some(Self {
            transport: transport.to_owned(),
            host,
            port,
            parameters,
        })
    }

    /// The transaction's identity; begins with `z9hG4bK` since RFC 3261 (§8.1.1.7).
    pub fn branch(&self) -> Option<&str> {
        self.parameters
            .value("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// The address that the request was seen from: `received` and `rport`, else what the sender
    /// said itself. In an answer to us this is our address as the peer sees it.
    pub fn seen_from(&self) -> Option<SocketAddr> {
        let received = self
            .parameters
            .value("received")
            .and_then(|text| Host::parse(text).ip());
        let rport = self
            .parameters
            .value("rport")
            .and_then(|text| text.parse().ok());
        let ip: IpAddr = received.or_else(|| self.host.ip())?;
        Some(SocketAddr::new(ip, rport.or(self.port).unwrap_or(5060)))
    }

    /// Notes where the request really came from: `received` where that differs from the host,
    /// the port where `rport` asks for it (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn mark_source(&mut self, source: SocketAddr) {
        let asked = self.parameters.contains("rport");
        if asked {
            self.parameters
                .set("rport", Some(&source.port().to_string()));
        }
        if asked || self.host.ip() != Some(source.ip()) {
            self.parameters
                .set("received", Some(&source.ip().to_string()));
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.parameters)
    }
}

impl Headers {
    /// The topmost Via.
    ///
    /// # Errors
    /// Where it is missing or unreadable.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let text = self
            .values(&HeaderName::Via)
            .next()
            .ok_or(HeaderError::Missing {
                name: HeaderName::Via,
            })?;
        Via::parse(text)
            .ok_or_else(|| HeaderError::malformed(HeaderName::Via, "`SIP/2.0/transport host:port`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viceroys_via_is_read_to_every_value() {
        let text = "SIP/2.0/UDP 192.168.20.198:16402;branch=z9hG4bK15325fd03549ca85";
        let via = Via::parse(text).unwrap();
        assert_eq!(via.transport, "UDP");
        assert_eq!(via.host.to_string(), "192.168.20.198");
        assert_eq!(via.port, Some(16402));
        assert_eq!(via.branch(), Some("z9hG4bK15325fd03549ca85"));
        assert_eq!(via.to_string(), text);
    }

    #[test]
    fn odd_spaces_and_ipv6_are_read() {
        let via = Via::parse("SIP  / 2.0/ UDP   [2001:db8::9:1]:5060 ; branch = z9hG4bKx;rport");
        assert_eq!(
            via.unwrap().to_string(),
            "SIP/2.0/UDP [2001:db8::9:1]:5060;branch=z9hG4bKx;rport"
        );
        assert_eq!(Via::parse("SIP/3.0/UDP h"), None);
        assert_eq!(Via::parse("SIP/2.0/UDP"), None);
    }

    #[test]
    fn the_source_is_marked_as_rfc_3581_says() {
        let source = "203.0.113.7:4711".parse().unwrap();
        let mut asked = Via::udp("10.0.0.1:16402".parse().unwrap(), "z9hG4bK1");
        asked.mark_source(source);
        assert_eq!(
            asked.to_string(),
            "SIP/2.0/UDP 10.0.0.1:16402;branch=z9hG4bK1;rport=4711;received=203.0.113.7"
        );
        assert_eq!(asked.seen_from(), Some(source));

        let mut plain = Via::parse("SIP/2.0/UDP 203.0.113.7:16402;branch=z9hG4bK1").unwrap();
        plain.mark_source(source);
        assert_eq!(
            plain.to_string(),
            "SIP/2.0/UDP 203.0.113.7:16402;branch=z9hG4bK1"
        );
    }
}
