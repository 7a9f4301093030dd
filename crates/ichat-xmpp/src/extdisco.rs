//! Services outside XMPP that a server tells of (XEP-0215): STUN and TURN servers, with the
//! credentials that they want.
//!
//! The question goes to the server itself, in an IQ of type `get`. One that does not know the newer
//! namespace answers with an error: ask it in the older one.
//!
//! ```
//! use ichat_xmpp::extdisco::{ServiceKind, Version, query, services};
//!
//! assert!(query(Version::Two).is("services", "urn:xmpp:extdisco:2"));
//! let answer: ichat_xmpp::Element = "<services xmlns='urn:xmpp:extdisco:2'>\
//!     <service type='turn' host='turn.example.org' transport='udp' username='u' password='p'/>\
//!     </services>".parse()?;
//! let turn = &services(&answer)[0];
//! assert_eq!((&turn.kind, turn.port), (&ServiceKind::Turn, 3478));
//! assert!(!format!("{turn:?}").contains("\"p\""));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::date::DateTime;

/// How many services of an answer are kept.
const SERVICE_LIMIT: usize = 32;

/// How many octets of a host, a user name or a password are taken; who sends more is not listed.
const TEXT_LIMIT: usize = 1024;

/// Where STUN and TURN servers listen (RFC 8489 §18.6, RFC 8656 §19).
const PLAIN_PORT: u16 = 3478;

/// Where they do so with TLS or DTLS (same places).
const TLS_PORT: u16 = 5349;

/// The two forms of the protocol that servers speak. They differ in their names only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `urn:xmpp:extdisco:2`, of 2017 and later.
    #[default]
    Two,
    /// `urn:xmpp:extdisco:1`.
    One,
}

impl Version {
    /// Its namespace.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Two => "urn:xmpp:extdisco:2",
            Self::One => "urn:xmpp:extdisco:1",
        }
    }

    /// The one whose namespace this is.
    #[must_use]
    pub fn of(element: &Element) -> Option<Self> {
        [Self::Two, Self::One]
            .into_iter()
            .find(|version| element.has_ns(version.namespace()))
    }
}

/// What a service is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// A STUN server.
    Stun,
    /// The same, with TLS or DTLS.
    Stuns,
    /// A TURN server. It answers STUN's questions too.
    Turn,
    /// The same, with TLS or DTLS.
    Turns,
    /// Anything else: its name.
    Other(String),
}

impl ServiceKind {
    fn parse(text: &str) -> Self {
        match text {
            "stun" => Self::Stun,
            "stuns" => Self::Stuns,
            "turn" => Self::Turn,
            "turns" => Self::Turns,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
            Self::Other(name) => name,
        }
    }

    fn default_port(&self) -> Option<u16> {
        match self {
            Self::Stun | Self::Turn => Some(PLAIN_PORT),
            Self::Stuns | Self::Turns => Some(TLS_PORT),
            Self::Other(_) => None,
        }
    }
}

/// What a service is spoken to over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP. Where nothing is said, that of `stun` and `turn`.
    Udp,
    /// TCP. Where nothing is said, that of everything else.
    Tcp,
    /// Anything else: its name.
    Other(String),
}

impl Transport {
    fn parse(text: &str) -> Self {
        match text {
            "udp" => Self::Udp,
            "tcp" => Self::Tcp,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other(name) => name,
        }
    }
}

/// A password: printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A service that the server tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalService {
    /// What it is.
    pub kind: ServiceKind,
    /// Its name or address, an IPv6 one without brackets.
    pub host: String,
    /// Its port, 1 to 65535: 3478, or 5349 with TLS, where the server names none.
    pub port: u16,
    /// What it is spoken to over.
    pub transport: Transport,
    /// Who we are there.
    pub username: Option<String>,
    /// And what proves it.
    pub password: Option<Secret>,
    /// Until when these hold; for ever if nothing is said.
    pub expires: Option<SystemTime>,
    /// Whether it lets in only those who have credentials.
    pub restricted: bool,
}

impl ExternalService {
    /// User name and password, if the server gave both and they hold at this time.
    #[must_use]
    pub fn credentials(&self, now: SystemTime) -> Option<(&str, &str)> {
        let holds = self.expires.is_none_or(|expires| now < expires);
        let username = self.username.as_deref().filter(|_| holds)?;
        Some((username, self.password.as_ref()?.expose()))
    }

    /// Whether credentials have to be asked for ([`credentials_query`]) before it can be used.
    #[must_use]
    pub fn lacks_credentials(&self) -> bool {
        self.restricted && (self.username.is_none() || self.password.is_none())
    }

    /// Whether it is the same service: kind, host, port and transport.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let place = |service: &Self| (service.host.to_ascii_lowercase(), service.port);
        self.kind == other.kind && place(self) == place(other) && self.transport == other.transport
    }

    fn read(element: &Element) -> Option<Self> {
        let attribute = |name| element.attr(name).filter(|text| !text.is_empty());
        let kind = ServiceKind::parse(attribute("type")?);
        let port = match attribute("port") {
            Some(text) => text.parse().ok().filter(|port| *port != 0)?,
            None => kind.default_port()?,
        };
        let transport = match (attribute("transport"), &kind) {
            (Some(text), _) => Transport::parse(text),
            (None, ServiceKind::Stun | ServiceKind::Turn) => Transport::Udp,
            (None, ServiceKind::Stuns | ServiceKind::Turns | ServiceKind::Other(_)) => {
                Transport::Tcp
            }
        };
        let texts = ["type", "transport", "host", "username", "password"];
        if texts
            .into_iter()
            .filter_map(attribute)
            .any(|text| text.len() > TEXT_LIMIT)
        {
            return None;
        }
        Some(Self {
            kind,
            host: host(attribute("host")?)?,
            port,
            transport,
            username: attribute("username").map(str::to_owned),
            password: attribute("password").map(|text| Secret(text.to_owned())),
            expires: attribute("expires").and_then(moment),
            restricted: matches!(attribute("restricted"), Some("true" | "1")),
        })
    }
}

/// The question for all services.
#[must_use]
pub fn query(version: Version) -> Element {
    Element::bare("services", version.namespace())
}

/// The question for the credentials of one service (XEP-0215 §3.3). The answer is read by
/// [`services`].
#[must_use]
pub fn credentials_query(version: Version, service: &ExternalService) -> Element {
    let namespace = version.namespace();
    let service = Element::builder("service", namespace)
        .attr(xml_ncname!("type").to_owned(), service.kind.as_str())
        .attr(xml_ncname!("host").to_owned(), service.host.as_str())
        .attr(xml_ncname!("port").to_owned(), service.port.to_string())
        .attr(
            xml_ncname!("transport").to_owned(),
            service.transport.as_str(),
        );
    Element::builder("credentials", namespace)
        .append(service)
        .build()
}

/// What an answer holds, `<services/>` or `<credentials/>`, in its order, 32 at most. What cannot be
/// used is left out: no type, no host, a port that is none, a service that goes.
#[must_use]
pub fn services(answer: &Element) -> Vec<ExternalService> {
    let Some(version) = Version::of(answer) else {
        return Vec::new();
    };
    answer
        .children()
        .filter(|child| child.is("service", version.namespace()))
        .filter(|service| !matches!(service.attr("action"), Some("remove" | "delete")))
        .filter_map(|service| {
            let read = ExternalService::read(service);
            if read.is_none() {
                tracing::debug!("a service of the server's that cannot be used");
            }
            read
        })
        .take(SERVICE_LIMIT)
        .collect()
}

/// A name or an address: nothing that could not be part of one.
fn host(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && !"/@?#[]".contains(c);
    (!bare.is_empty() && bare.chars().all(fits)).then(|| bare.to_owned())
}

/// XEP-0082, to the second; a moment before 1970 is long past. What cannot be read is none: the
/// service will tell.
fn moment(text: &str) -> Option<SystemTime> {
    let date: DateTime = text.trim().parse().ok()?;
    let seconds = u64::try_from(date.0.timestamp()).unwrap_or(0);
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
