//! Which servers the options name.

use ichat_endpoint::Credentials;
use ichat_ice::snatmap::DEFAULT_PORT;

use crate::cli::DoctorArgs;
use crate::failure::Failure;
use crate::reflectors::{OFFERED, password_of_relay};
use crate::servers::{HostPort, STUN_PORT, TurnUri};

/// Servers to ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    pub(super) snatmap: Vec<HostPort>,
    pub(super) stun: Vec<HostPort>,
    pub(super) turn: Vec<RelayQuestion>,
    /// Relays for which the account's server says who we are.
    pub(super) turn_of_server: Vec<HostPort>,
}

/// A relay, and who we are there, or why that is not known.
#[derive(Debug, Clone)]
pub(super) struct RelayQuestion {
    pub(super) server: HostPort,
    pub(super) credentials: Result<Credentials, String>,
}

impl Questions {
    /// Reads them. What the account's server offers is asked in any case.
    pub(super) fn parse(args: &DoctorArgs) -> Result<Self, Failure> {
        let read = |option, texts: &[String], port| -> Result<Vec<HostPort>, Failure> {
            let texts = texts.iter();
            texts
                .map(|text| HostPort::parse(option, text, port))
                .collect()
        };
        let mut questions = Self {
            snatmap: read("--snatmap", &args.snatmap, DEFAULT_PORT)?,
            stun: read("--stun", &args.stun, STUN_PORT)?,
            ..Self::default()
        };
        for text in args.turn.iter().filter(|text| *text != OFFERED) {
            let uri = TurnUri::parse(text)?;
            let Some(username) = uri.username else {
                questions.turn_of_server.push(uri.server);
                continue;
            };
            let password = match uri.password {
                Some(password) => Ok(password),
                None => password_of_relay(args.turn_password_file.as_deref()),
            };
            questions.turn.push(RelayQuestion {
                server: uri.server,
                credentials: password
                    .map(|password| Credentials { username, password })
                    .map_err(|failure| failure.message),
            });
        }
        Ok(questions)
    }
}
