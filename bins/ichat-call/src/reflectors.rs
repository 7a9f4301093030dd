//! Servers that tell how others see us, or lend us an address, as options name them.

use std::path::Path;

use ichat_endpoint::{Credentials, Reflectors, RelayServer, ServerName};
use ichat_ice::snatmap::DEFAULT_PORT;
use secrecy::SecretString;

use crate::cli::TalkArgs;
use crate::failure::Failure;
use crate::servers::{HostPort, STUN_PORT, TURN_PASSWORD_VARIABLE, TurnUri};
use crate::settings::password_from;

/// Where our name at the relay may be, in the environment.
const TURN_USERNAME_VARIABLE: &str = "ICHAT_CALL_TURN_USERNAME";

/// What stands for the relays that our XMPP server offers.
pub(crate) const OFFERED: &str = "server";

/// What `--snatmap`, `--stun` and `--turn` name.
pub(crate) fn reflectors(talk: &TalkArgs) -> Result<Reflectors, Failure> {
    let named = |option, name: &Option<String>, port| -> Result<Vec<ServerName>, Failure> {
        let server = name
            .as_deref()
            .map(|text| HostPort::parse(option, text, port).map(server_name))
            .transpose()?;
        Ok(server.into_iter().collect())
    };
    let mut reflectors = Reflectors {
        snatmap: named("--snatmap", &talk.snatmap, DEFAULT_PORT)?,
        stun: named("--stun", &talk.stun, STUN_PORT)?,
        ..Reflectors::default()
    };
    match talk.turn.as_deref() {
        None => {}
        Some(OFFERED) => reflectors.offered = true,
        Some(uri) => reflectors
            .relays
            .push(relay(uri, talk.turn_password_file.as_deref())?),
    }
    Ok(reflectors)
}

fn server_name(place: HostPort) -> ServerName {
    let HostPort { host, port } = place;
    ServerName { host, port }
}

/// The relay of a URI. Without a user, credentials are what our XMPP server says for it.
fn relay(uri: &str, file: Option<&Path>) -> Result<RelayServer, Failure> {
    let TurnUri {
        server,
        username,
        password,
    } = TurnUri::parse(uri)?;
    let username = username.or_else(|| std::env::var(TURN_USERNAME_VARIABLE).ok());
    let credentials = match (username, password) {
        (Some(username), Some(password)) => Some(Credentials { username, password }),
        (Some(username), None) => Some(Credentials {
            username,
            password: password_of_relay(file)?,
        }),
        (None, _) => None,
    };
    Ok(RelayServer {
        server: server_name(server),
        credentials,
    })
}

/// The password at a relay whose URI has none.
pub(crate) fn password_of_relay(file: Option<&Path>) -> Result<SecretString, Failure> {
    if let Some(file) = file {
        return password_from(file);
    }
    match std::env::var(TURN_PASSWORD_VARIABLE) {
        Ok(password) => Ok(password.into()),
        Err(_) => Err(Failure::usage(format!(
            "no password for the relay: give --turn-password-file FILE, or set {TURN_PASSWORD_VARIABLE}"
        ))),
    }
}
