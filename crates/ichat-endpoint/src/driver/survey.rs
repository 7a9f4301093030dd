//! Who could be called now: the contact list of an account, or the local network.

use std::time::{Duration, Instant};

use ichat_xmpp::client::connect;
use ichat_xmpp::client::lan::{Lan, LanPeer};
use ichat_xmpp::lan::{LanAvailability, VcLetters};
use ichat_xmpp::{
    Contact, Dialect, ExtToken, Mode, Output, Session, SessionConfig, Show, Software,
};
use tokio::time::timeout;

use super::config::{RunError, Signalling};
use super::lan::may_be_rung;
use super::stream::Stream;

/// Whether somebody can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Now.
    Callable,
    /// No, and why not.
    Not(String),
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Account, or announced name.
    pub jid: String,
    /// Name on our list, or the announced one.
    pub name: Option<String>,
    /// `available`, `away`, `do not disturb`, `offline`.
    pub availability: &'static str,
    /// The line under the name.
    pub message: Option<String>,
    /// Whether an iChat is there, by its capabilities.
    pub is_ichat: bool,
    /// In which form it wants to be rung: `legacy`, `conference`.
    pub dialect: &'static str,
    /// Whether it can be called.
    pub reach: Reach,
}

/// Looks around for so long, without showing as callable, and without taking the messages that
/// wait at the server.
///
/// # Errors
/// [`RunError`] when there is no sign-in, or no network.
pub async fn survey(
    signalling: Signalling,
    software: (String, String),
    patience: Duration,
) -> Result<Vec<Person>, RunError> {
    let mut people = Vec::new();
    if let Some(config) = signalling.server {
        let connection = connect(*config).await?;
        let jid = connection.jid().clone();
        let software = Software {
            name: software.0,
            version: software.1,
            os: None,
        };
        let mut config = SessionConfig {
            mode: Mode::Server,
            priority: -1,
            ..SessionConfig::new(jid.clone(), software, 0)
        };
        config.tokens.retain(|token| *token != ExtToken::AvAvail);
        let session = Session::new(Instant::now(), config);
        let contacts = gather(session, Stream::start(connection, jid), patience).await?;
        people.extend(contacts.iter().map(of_contact));
    }
    if let Some(mut config) = signalling.lan {
        config.presence.vc = Some(VcLetters::audio(true));
        if let Some(caps) = &mut config.presence.caps {
            caps.tokens.retain(|token| *token != ExtToken::AvAvail);
        }
        let mut lan = Lan::start(config).await?;
        let until = tokio::time::Instant::now() + patience;
        while timeout(until - tokio::time::Instant::now(), lan.next())
            .await
            .is_ok()
        {}
        people.extend(lan.peers().iter().map(of_neighbour));
        lan.stop().await;
    }
    Ok(people)
}

/// Runs a session until the time is over; then its contacts.
async fn gather(
    mut session: Session,
    mut stream: Stream,
    patience: Duration,
) -> Result<Vec<Contact>, RunError> {
    let until = Instant::now() + patience;
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Stanza(stanza) => stream.send(stanza),
                Output::Event(event) => tracing::debug!(?event, "while looking around"),
            }
        }
        let due = session.poll_timeout().map_or(until, |due| due.min(until));
        match timeout(due.saturating_duration_since(Instant::now()), stream.recv()).await {
            Ok(Ok(stanza)) => {
                if let Err(error) = session.handle_stanza(Instant::now(), &stanza) {
                    tracing::debug!(%error, "a stanza that cannot be used");
                }
            }
            Ok(Err(error)) => return Err(RunError::StreamLost(error)),
            Err(_) if Instant::now() >= until => break,
            Err(_) => session.handle_timeout(Instant::now()),
        }
    }
    let contacts = session.contacts();
    session.go_offline(Instant::now());
    while let Some(output) = session.poll_output() {
        if let Output::Stanza(stanza) = output {
            stream.send(stanza);
        }
    }
    stream.close().await;
    Ok(contacts)
}

fn of_contact(contact: &Contact) -> Person {
    let best = contact.resources.iter().find(|resource| resource.callable);
    let best = best.or_else(|| contact.resources.first());
    Person {
        jid: contact.jid.to_string(),
        name: contact.name.clone(),
        availability: best.map_or("offline", |resource| word(resource.show)),
        message: best.and_then(|resource| resource.status.clone()),
        is_ichat: contact.resources.iter().any(|resource| resource.is_ichat),
        dialect: best
            .map_or(Dialect::Legacy, |resource| resource.dialect)
            .as_str(),
        reach: match contact.not_callable() {
            None => Reach::Callable,
            Some(why) => Reach::Not(why.to_string()),
        },
    }
}

fn of_neighbour(peer: &LanPeer) -> Person {
    let caps = peer.presence.caps.as_ref();
    Person {
        jid: peer.name.clone(),
        name: peer.presence.display_name(),
        availability: match peer.presence.availability {
            LanAvailability::Available | LanAvailability::Other(_) => "available",
            LanAvailability::Away => "away",
            LanAvailability::DoNotDisturb => "do not disturb",
        },
        message: peer.presence.message.clone(),
        is_ichat: caps.is_some_and(|caps| caps.is_ichat()),
        dialect: caps.map_or(Dialect::Legacy, |caps| caps.dialect()).as_str(),
        reach: if peer.presence.is_callable() {
            Reach::Callable
        } else if may_be_rung(&peer.presence) {
            Reach::Not("announces nothing about calls; you may try all the same".into())
        } else {
            Reach::Not("announced, but not as free for a call".into())
        },
    }
}

fn word(show: Show) -> &'static str {
    match show {
        Show::Chat | Show::Available => "available",
        Show::Away => "away",
        Show::ExtendedAway => "away for long",
        Show::DoNotDisturb => "do not disturb",
    }
}
