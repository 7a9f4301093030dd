//! The page that tells an iChat where its reflector is.

use std::fmt;

/// The UDP port of a SNATMAP server.
pub const DEFAULT_PORT: u16 = 5678;
/// Where an iChat asks for the page, on `configuration.apple.com`, by HTTP on port 80.
///
/// Source: `docs/protocol/snatmap.md`, how iChat finds the server \[P\].
pub const PAGE_PATH: &str = "/configurations/macosx/ichat/1/snatmap.txt";
/// How the URI begins.
const SCHEME: &str = "snatmap://";

/// The body of the page: one line, `snatmap://host` or `snatmap://host:port`, and a line feed.
///
/// Whether Apple's page held anything else is unknown (`docs/protocol/snatmap.md` \[?\]); this is the
/// simplest that holds the URI.
pub fn page(location: &Location) -> String {
    format!("{location}\n")
}

/// Where a SNATMAP server is: what the URI `snatmap://host[:port]` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// A name or an IPv4 address.
    pub host: String,
    /// The UDP port, [`DEFAULT_PORT`] where the URI has none.
    pub port: u16,
}

impl Location {
    /// Finds the first URI in a page, whatever stands around it. The scheme is found in any case; a
    /// port that is no number from 1 to 65535 makes it none.
    pub fn find(page: &str) -> Option<Self> {
        let lower = page.to_ascii_lowercase();
        let start = lower.find(SCHEME)? + SCHEME.len();
        let rest = page.get(start..)?;
        let end = rest
            .find(|character: char| {
                !character.is_ascii_alphanumeric() && !matches!(character, '.' | '-' | '_' | ':')
            })
            .unwrap_or(rest.len());
        let authority = rest.get(..end)?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => {
                // A full stop may end the sentence.
                let port = port.trim_end_matches('.').parse().ok();
                (host, port.filter(|port| *port != 0)?)
            }
            None => (authority, DEFAULT_PORT),
        };
        let host = host.trim_end_matches('.');
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.host)?;
        match self.port {
            DEFAULT_PORT => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}
