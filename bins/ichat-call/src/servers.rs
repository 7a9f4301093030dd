//! Names and addresses of servers, as options give them.

use std::fmt;

use secrecy::SecretString;

use crate::failure::Failure;

/// STUN's and TURN's port (RFC 8489 §18.6, RFC 8656 §19).
pub(crate) const STUN_PORT: u16 = 3478;

/// Where the password for a relay may be, in the environment.
pub(crate) const TURN_PASSWORD_VARIABLE: &str = "ICHAT_CALL_TURN_PASSWORD";

/// A server by name or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl HostPort {
    /// `HOST` or `HOST:PORT`, as `option` has it.
    pub(crate) fn parse(option: &str, text: &str, port: u16) -> Result<Self, Failure> {
        let (host, given) = host_and_port(text).ok_or_else(|| {
            Failure::usage(format!("{option} {text}: expected HOST or HOST:PORT"))
        })?;
        let port = given.unwrap_or(port);
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A relay: `turn:[USER[:PASSWORD]@]HOST[:PORT][?transport=udp]` (RFC 7065, which has no place for
/// a user).
#[derive(Debug, Clone)]
pub(crate) struct TurnUri {
    pub(crate) server: HostPort,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
}

impl TurnUri {
    /// Reads it; an error repeats nothing of the user's part.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |found: &str| {
            Failure::usage(format!(
                "--turn: expected turn:USER@HOST[:PORT], found {found}"
            ))
        };
        let Some(rest) = text.strip_prefix("turn:") else {
            return Err(if text.starts_with("turns:") {
                bad("turns:, and only UDP without TLS is built")
            } else {
                bad("no turn: at its beginning")
            });
        };
        let (rest, transport) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
        if transport != "transport=udp" {
            return Err(bad("another transport than udp"));
        }
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let server = HostPort::parse("--turn", place, STUN_PORT)?;
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, "")))
        {
            Some(("", _)) => return Err(bad("an empty user name")),
            Some((username, "")) => (Some(username.to_owned()), None),
            Some((username, password)) => {
                (Some(username.to_owned()), Some(password.to_owned().into()))
            }
            None => (None, None),
        };
        Ok(Self {
            server,
            username,
            password,
        })
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
pub(crate) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((text.to_owned(), None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix(':')?)
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn servers_have_an_optional_port() {
        let parts = |text| host_and_port(text);
        assert_eq!(parts("::1"), Some(("::1".into(), None)));
        assert_eq!(parts("[::1]:5223"), Some(("::1".into(), Some(5223))));
        assert_eq!(
            parts("im.example.org"),
            Some(("im.example.org".into(), None))
        );
        for bad in [
            "",
            ":80",
            "im.example.org:70000",
            "im.example.org:0",
            "[::1",
            "[::1]5",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_relay_is_a_turn_uri_with_its_user() {
        for (uri, place, user, password) in [
            (
                "turn:relay.example.org",
                "relay.example.org:3478",
                None,
                None,
            ),
            (
                "turn:me@192.0.2.1:80?transport=udp",
                "192.0.2.1:80",
                Some("me"),
                None,
            ),
            (
                "turn:me:a@b@[2001:db8::1]",
                "[2001:db8::1]:3478",
                Some("me"),
                Some("a@b"),
            ),
        ] {
            let relay = TurnUri::parse(uri).unwrap();
            assert_eq!(relay.server.to_string(), place);
            assert_eq!(relay.username.as_deref(), user);
            let found = relay.password.as_ref().map(ExposeSecret::expose_secret);
            assert_eq!(found, password);
        }
        for bad in [
            "relay.example.org",
            "turns:me:secret@relay.example.org",
            "turn:me:secret@relay.example.org?transport=tcp",
            "turn:",
            "turn:@host",
            "turn:me:secret@host:0",
        ] {
            let failure = TurnUri::parse(bad).unwrap_err();
            assert_eq!(failure.status, 2, "{bad}");
            assert!(!failure.message.contains("secret"), "{failure:?}");
        }
    }
}
