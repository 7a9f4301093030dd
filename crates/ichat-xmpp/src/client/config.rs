//! What a connection is told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use xmpp_parsers::jid::BareJid;

use super::trace::Trace;

/// The port of a server when nothing else is known (RFC 6120 §3.2.2).
pub const CLIENT_PORT: u16 = 5222;

/// The port on which TLS begins at once (XEP-0368; older than it by decades).
pub const DIRECT_TLS_PORT: u16 = 5223;

/// How to sign in.
#[derive(Debug, Clone)]
pub struct ConnectConfig {
    /// The account. It needs a user part.
    pub jid: BareJid,
    /// Its password. It is never printed.
    pub password: SecretString,
    /// The resource to ask for; without one the server chooses. Never `iChat`: the older session of
    /// a resource is kicked (`docs/protocol/field.md, 7 [I]`).
    pub resource: Option<String>,
    /// Connect here and look up no SRV record. The port is 5222 unless given; on 5223 TLS begins at
    /// once. The certificate still has to be the JID's domain's.
    pub server: Option<(String, Option<u16>)>,
    /// Whether TLS is asked for.
    pub tls: TlsMode,
    /// Allows [`TlsMode::Off`] with a server that is not on this machine. Everybody on the way can
    /// then read the stream, and the password if the server takes only PLAIN.
    pub insecure: bool,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// Where every stanza is written down.
    pub trace: Option<Trace>,
}

impl ConnectConfig {
    /// An account with the defaults: SRV, TLS, the system's authorities.
    #[must_use]
    pub fn new(jid: BareJid, password: impl Into<SecretString>) -> Self {
        Self {
            jid,
            password: password.into(),
            resource: None,
            server: None,
            tls: TlsMode::Required,
            insecure: false,
            trust: Trust::System,
            trace: None,
        }
    }
}

/// Whether TLS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// No TLS, no sign-in.
    #[default]
    Required,
    /// No TLS at all. Only with a server on a loopback address, or with
    /// [`ConnectConfig::insecure`].
    Off,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those of the authorities that this system trusts, for the JID's domain.
    #[default]
    System,
    /// Those of the authorities in this file (PEM, or one in DER) and no others, for the JID's
    /// domain.
    CaFile(PathBuf),
    /// That with this public key, and no other: SHA-256 of its SubjectPublicKeyInfo (as in
    /// RFC 7469 §2.4). Authority, name and dates are not looked at; that the server holds the key is
    /// still proven in the handshake.
    Pin([u8; 32]),
}

impl Trust {
    /// A pin from its text: 64 hex digits in either case; colons, spaces and a leading `sha256:`
    /// are passed over.
    ///
    /// # Errors
    ///
    /// It is anything else.
    pub fn parse_pin(text: &str) -> Result<Self, PinError> {
        let text = text.trim();
        let digits = text
            .get(..7)
            .filter(|prefix| prefix.eq_ignore_ascii_case("sha256:"))
            .and_then(|prefix| text.get(prefix.len()..))
            .unwrap_or(text);
        let mut pin = [0; 32];
        let mut count = 0;
        for (offset, character) in digits.char_indices() {
            if matches!(character, ':' | ' ') {
                continue;
            }
            let digit = character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(PinError::Digit {
                offset,
                found: character,
            })?;
            if let Some(octet) = pin.get_mut(count / 2) {
                *octet = *octet << 4 | digit;
            }
            count += 1;
        }
        if count == 64 {
            Ok(Self::Pin(pin))
        } else {
            Err(PinError::Length { found: count })
        }
    }
}

/// Why a text is no pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A character that is no hex digit.
    #[error(
        "a pin is 64 hex digits (SHA-256 of the public key); found {found:?} at offset {offset}"
    )]
    Digit {
        /// Where, in octets.
        offset: usize,
        /// What.
        found: char,
    },
    /// Too many digits or too few.
    #[error("a pin is 64 hex digits (SHA-256 of the public key); found {found} digits")]
    Length {
        /// How many.
        found: usize,
    },
}

/// Hex, lower case.
pub(super) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// How long things may take. The defaults are for real networks; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the first DNS query to the server's features under TLS. Default 15 s.
    pub connect: Duration,
    /// From there until we have a JID. Default 15 s.
    pub sign_in: Duration,
    /// Silence after which the server is asked for a sign of life (XEP-0199). Default 25 s.
    pub idle: Duration,
    /// Silence behind a stanza of ours after which the server is asked: sooner, because an answer may
    /// be wanted. A server with stream management is asked with the stanza. Default 10 s.
    pub reply: Duration,
    /// How long it may take to answer that. Default 15 s; with [`Timing::idle`] less than a minute.
    pub answer: Duration,
    /// How long a stanza may wait for the peer to read. Default 20 s.
    pub send: Duration,
    /// How long closing waits for the peer's good-bye. Default 2 s.
    pub close: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            sign_in: Duration::from_secs(15),
            idle: Duration::from_secs(25),
            reply: Duration::from_secs(10),
            answer: Duration::from_secs(15),
            send: Duration::from_secs(20),
            close: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_in_the_forms_that_tools_print() {
        let octets: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8 + 3).unwrap());
        let plain = hex(&octets);
        let colons = octets
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect::<Vec<_>>()
            .join(":");
        for text in [
            plain.clone(),
            colons,
            format!("sha256:{plain}"),
            format!(" {plain}\n"),
        ] {
            assert_eq!(Trust::parse_pin(&text), Ok(Trust::Pin(octets)), "{text}");
        }
    }

    #[test]
    fn what_is_no_pin_says_why() {
        let error = |text: &str| Trust::parse_pin(text).unwrap_err();
        assert_eq!(error(""), PinError::Length { found: 0 });
        assert_eq!(error(&"0".repeat(63)), PinError::Length { found: 63 });
        assert_eq!(error(&"0".repeat(66)), PinError::Length { found: 66 });
        assert_eq!(
            error("00:zz"),
            PinError::Digit {
                offset: 3,
                found: 'z'
            }
        );
        assert_eq!(
            error("ääääääää"),
            PinError::Digit {
                offset: 0,
                found: 'ä'
            }
        );
    }

    #[test]
    fn a_password_is_not_printed_with_its_configuration() {
        let config = ConnectConfig::new(BareJid::new("me@im.test").unwrap(), "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_dead_server_is_noticed_within_a_minute() {
        let timing = Timing::default();
        assert!(timing.idle + timing.answer < Duration::from_secs(60));
    }
}
