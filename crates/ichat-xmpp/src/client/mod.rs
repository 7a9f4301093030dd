//! XML streams over tokio: to a server, and straight to a link-local peer.
//!
//! [`connect()`] signs in to a server: DNS, TCP, TLS, SASL, a resource. [`link_local`] opens streams
//! without a server. Both come to a [`Connection`], which sends and receives stanzas as
//! [`minidom::Element`]s; neither sends presence. [`Persistent`] is a session with a server that
//! comes back when its stream is lost. What to say over them is [`crate`]'s other half, the machine.
//!
//! ```no_run
//! use ichat_xmpp::BareJid;
//! use ichat_xmpp::client::{ConnectConfig, connect};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ConnectConfig::new(BareJid::new("me@example.org")?, "a password");
//! let mut connection = connect(config).await?;
//! println!("online as {}", connection.jid());
//! let presence = minidom::Element::bare("presence", "jabber:client");
//! connection.send(&presence).await?;
//! let stanza = connection.recv().await?;
//! println!("{}", stanza.name());
//! connection.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Up to the end of the log-in the stream is read and written here, over `rxml`; then tokio-xmpp
//! carries it (docs/adr/0004-sign-in-of-our-own-over-tokio-xmpp.md).

mod backoff;
mod bind;
mod carrier;
mod config;
mod connection;
mod deadline;
mod dns;
mod element;
mod error;
mod establish;
mod faults;
mod guard;
pub mod lan;
pub mod link_local;
mod login;
mod lot;
mod persistent;
mod prompt;
mod pulse;
mod sasl;
mod scram;
mod server;
mod sm;
mod step;
mod stream_error;
mod tcp;
mod tls;
mod trace;
mod wire;
mod xml;

pub use config::{CLIENT_PORT, ConnectConfig, DIRECT_TLS_PORT, PinError, Timing, TlsMode, Trust};
pub use connection::{Connection, Login};
pub use error::{ConnectError, Stage};
pub use faults::{CaFault, CertificateFault, LocalFault, ProofFault, TlsFault};
pub use guard::Breach;
pub use persistent::{GaveUp, Happening, Persistent};
pub use secrecy::SecretString;
pub use step::{Origin, ServerHost, Step};
pub use stream_error::{StreamError, StreamFault};
pub use tls::TlsInfo;
pub use trace::Trace;

use bind::Binding;
use deadline::Deadline;
use step::Watch;

/// Signs in, once: a log-in that fails is reported and not tried again.
///
/// # Errors
///
/// See [`ConnectError`]; its code is `server-unreachable`, `tls-failed` or `auth-failed`.
pub async fn connect(config: ConnectConfig) -> Result<Connection, ConnectError> {
    connect_with(config, Timing::default()).await
}

/// As [`connect()`], with other limits of time.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect_with(
    config: ConnectConfig,
    timing: Timing,
) -> Result<Connection, ConnectError> {
    connect_watched(config, timing, &mut |_| {}).await
}

/// As [`connect_with`]; `watch` is told of each step when it is taken.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect_watched(
    config: ConnectConfig,
    timing: Timing,
    watch: &mut (dyn FnMut(Step) + Send),
) -> Result<Connection, ConnectError> {
    let (mut binding, deadline) = log_in(&config, timing, watch).await?;
    let bound = binding.bind(config.resource.as_deref());
    let jid = deadline.run(Stage::Binding, bound).await??;
    let (server, login, waiting) = binding.finish();
    Ok(Connection::new(jid, Box::new(server), timing).with_login(login, waiting))
}

/// Goes as far as one comes without a password, up to [`Step::Offered`], and hangs up.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn reach(
    config: &ConnectConfig,
    timing: Timing,
    watch: &mut (dyn FnMut(Step) + Send),
) -> Result<(), ConnectError> {
    let reached = establish::establish(config, Deadline::after(timing.connect), watch).await;
    reached.map(drop)
}

/// Up to a stream without a resource, and the time that is left for that.
async fn log_in(
    config: &ConnectConfig,
    timing: Timing,
    watch: Watch<'_>,
) -> Result<(Binding, Deadline), ConnectError> {
    if config.jid.node().is_none() {
        return Err(ConnectError::NoUser {
            jid: config.jid.to_string(),
        });
    }
    let deadline = Deadline::after(timing.connect);
    let established = establish::establish(config, deadline, watch).await?;
    let deadline = Deadline::after(timing.sign_in);
    let authenticated = login::authenticate(config, established, deadline).await?;
    watch(Step::LoggedIn {
        mechanism: authenticated.mechanism,
    });
    let binding = bind::open(config, authenticated, timing, deadline).await?;
    Ok((binding, deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    #[tokio::test]
    async fn connections_and_the_way_to_them_can_live_in_a_task_of_their_own() {
        let jid = crate::BareJid::new("im.test").unwrap();
        let error = assert_send(connect(ConnectConfig::new(jid, "x")))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "auth-failed");
        fn task(connection: Connection) {
            drop(assert_send(async move {
                let mut connection = connection;
                connection.recv().await
            }));
        }
        let _: fn(Connection) = task;
    }
}
