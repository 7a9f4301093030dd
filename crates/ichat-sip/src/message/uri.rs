//! URIs: RFC 3261 §19.1. Apple's are `sip:user@address:port` (docs/protocol/sip.md, INVITE of a
//! real Mac \[C\]); any other kind is kept as it came.

use std::{fmt, net::SocketAddr};

use super::{
    host::{Host, host_and_port, split_host_port},
    parameters::Parameters,
};

/// A URI. Open: what is no readable `sip:` or `sips:` URI is kept word for word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` and `sips:`.
    Sip(SipUri),
    /// Any other text, `tel:+358` for one.
    Other(String),
}

/// A `sip:` or `sips:` URI (RFC 3261 §19.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// `sips:`.
    pub secure: bool,
    /// The user part with its escapes, without `@`; a password belongs to it.
    pub user: Option<String>,
    /// An address or a name.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// `;transport=udp` and the like.
    pub parameters: Parameters,
    /// What follows `?`, unread.
    pub headers: Option<String>,
}

impl Uri {
    /// `sip:user@address:port`. Characters that a user part may not hold are escaped; an empty
    /// user is left out.
    pub fn of(user: &str, address: SocketAddr) -> Self {
        let (host, port) = host_and_port(address);
        Self::Sip(SipUri {
            secure: false,
            user: (!user.is_empty()).then(|| escape_user(user)),
            host,
            port,
            parameters: Parameters::new(),
            headers: None,
        })
    }

    /// Reads a URI. Never fails.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        SipUri::parse(text).map_or_else(|| Self::Other(text.to_owned()), Self::Sip)
    }

    /// The `sip:` URI, where it is one.
    pub fn sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Other(_) => None,
        }
    }

    /// Address and port, where the host is numeric; the port is 5060 where none is written.
    pub fn address(&self) -> Option<SocketAddr> {
        let uri = self.sip()?;
        Some(SocketAddr::new(uri.host.ip()?, uri.port.unwrap_or(5060)))
    }
}

impl SipUri {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let secure = match scheme {
            s if s.eq_ignore_ascii_case("sip") => false,
            s if s.eq_ignore_ascii_case("sips") => true,
            _ => return None,
        };
        // A user part may hold `;` and `?`, so the `@` is looked for first.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = split_host_port(host)?;
        let parameters = Parameters::parse(parameters);
        Some(Self {
            secure,
            user,
            host,
            port,
            parameters,
            headers,
        })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.parameters)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}

/// Escapes what RFC 3261 §25.1 (`user`) does not allow bare; an escape that is there stays.
fn escape_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for octet in user.bytes() {
        let c = char::from(octet);
        if c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/:%".contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apples_uri_is_read_to_every_value() {
        let uri = Uri::parse("sip:user@192.168.20.100:16402");
        assert_eq!(uri.address(), Some("192.168.20.100:16402".parse().unwrap()));
        assert_eq!(uri.sip().unwrap().user.as_deref(), Some("user"));
        assert_eq!(
            uri,
            Uri::of("user", "192.168.20.100:16402".parse().unwrap())
        );
    }

    #[test]
    fn uris_read_and_print_alike() {
        for text in [
            "sip:user@192.168.20.100:16402",
            "sip:[2001:db8::1]:5060",
            "sips:a;b=c:pw@example.org;transport=tcp;lr?Subject=x",
            "tel:+358-555-1234567;postd=pp22",
            "sip:h:99999",
            "",
        ] {
            assert_eq!(Uri::parse(text).to_string(), text);
        }
    }

    #[test]
    fn a_user_cannot_break_out_of_its_uri() {
        let uri = Uri::of("a b@c>\r\n", "[::1]:1".parse().unwrap());
        assert_eq!(uri.to_string(), "sip:a%20b%40c%3E%0D%0A@[::1]:1");
    }
}
