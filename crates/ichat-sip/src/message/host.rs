//! Hosts and ports as URIs and Via write them: RFC 3261 §19.1.1, RFC 5118 for IPv6.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// An address or a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A numeric address; IPv6 is printed in brackets.
    Ip(IpAddr),
    /// Whatever else stood there, unchanged.
    Name(String),
}

impl Host {
    /// Reads a host: `192.0.2.1`, `[2001:db8::1]`, `2001:db8::1`, `example.org`.
    pub fn parse(text: &str) -> Self {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        bare.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Ip)
    }

    /// The numeric address, where it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Splits `host[:port]`. A port that is no number is refused; an IPv6 address may lack its
/// brackets (old user agents, RFC 5118 §4.5) and then has no port.
pub(crate) fn split_host_port(text: &str) -> Option<(Host, Option<u16>)> {
    let text = text.trim();
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((Host::parse(text), None));
    }
    let after_brackets = text.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match text.get(after_brackets..)?.split_once(':') {
        Some((_, port)) => (text.get(..text.len() - port.len() - 1)?, Some(port)),
        None => (text, None),
    };
    let host = host.trim();
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "<>\",;".contains(c)) {
        return None;
    }
    let port = match port.map(str::trim) {
        None | Some("") => None,
        Some(digits) => Some(digits.parse().ok()?),
    };
    Some((Host::parse(host), port))
}

/// `address:port`, a host's place in a URI or a Via.
pub(crate) fn host_and_port(address: SocketAddr) -> (Host, Option<u16>) {
    (Host::Ip(address.ip()), Some(address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        split_host_port(text).map(|(host, port)| (host.to_string(), port))
    }

    #[test]
    fn hosts_of_every_kind_are_read() {
        assert_eq!(
            read("192.0.2.1:5060"),
            Some(("192.0.2.1".into(), Some(5060)))
        );
        assert_eq!(
            read("[2001:db8::1]:16402"),
            Some(("[2001:db8::1]".into(), Some(16402)))
        );
        assert_eq!(read("[2001:db8::1]"), Some(("[2001:db8::1]".into(), None)));
        assert_eq!(read("2001:db8::1"), Some(("[2001:db8::1]".into(), None)));
        assert_eq!(
            read("mac.local : 5060"),
            Some(("mac.local".into(), Some(5060)))
        );
        assert_eq!(read("h:"), Some(("h".into(), None)));
        assert_eq!(
            read("[fe80::1%en0]:1"),
            Some(("[fe80::1%en0]".into(), Some(1)))
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", ":5060", "h:x", "h:70000", "a b", "<h>"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
