//! Who could be called now: the contact list of an account, or the local network.

use std::time::{Duration, Instant, SystemTime};

use ichat_xmpp::client::connect;
use ichat_xmpp::client::lan::{Lan, LanPeer};
use ichat_xmpp::lan::{LanAvailability, VcLetters};
use ichat_xmpp::{
    AcceptPolicy, Contact, Dialect, ExtToken, Mode, Output, ResourceInfo, Session, SessionConfig,
    Show, Software, WallClock,
};
use tokio::time::timeout;

use super::config::{RunError, Signalling};
use super::lan::may_be_rung;
use super::stream::{Arrival, Ended, Stream};

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
    /// In which form it wants to be rung: `legacy`, `conference`; `None` without an iChat.
    pub dialect: Option<&'static str>,
    /// Whether it can be called.
    pub reach: Reach,
    /// Whether it asks to see our presence, and cannot call us before it does.
    pub asks: bool,
    /// What is online there, best first.
    pub devices: Vec<PersonDevice>,
}

/// One device of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonDevice {
    /// Full JID; a bare one only for a gateway.
    pub jid: String,
    /// As [`Person::availability`].
    pub availability: &'static str,
    /// −128 to 127.
    pub priority: i8,
    /// As [`Person::is_ichat`].
    pub is_ichat: bool,
    /// As [`Person::dialect`].
    pub dialect: Option<&'static str>,
    /// Whether it can be called now.
    pub is_callable: bool,
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
            accept: AcceptPolicy::Ask,
            wall_clock: Some(WallClock {
                at: Instant::now(),
                time: SystemTime::now(),
            }),
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
            Ok(Arrival::Stanza(stanza)) => {
                if let Err(error) = session.handle_stanza(Instant::now(), &stanza) {
                    tracing::debug!(%error, "a stanza that cannot be used");
                }
            }
            Ok(Arrival::Ended(Ended::Broken(error)) | Arrival::Lost { error, .. }) => {
                return Err(RunError::StreamLost(error));
            }
            Ok(Arrival::Ended(Ended::GaveUp(gave_up))) => {
                return Err(RunError::SignedOut(gave_up));
            }
            Ok(Arrival::Resumed | Arrival::Reconnected(_)) => {}
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
    let best = contact.best();
    Person {
        jid: contact.jid.to_string(),
        name: contact.name.clone(),
        availability: best.map_or("offline", |resource| word(resource.show)),
        message: best.and_then(|resource| resource.status.clone()),
        is_ichat: contact.resources.iter().any(|resource| resource.is_ichat),
        dialect: best.and_then(dialect_of),
        reach: match contact.not_callable() {
            None => Reach::Callable,
            Some(why) => Reach::Not(why.to_string()),
        },
        asks: contact.asks,
        devices: contact.resources.iter().map(device).collect(),
    }
}

fn device(resource: &ResourceInfo) -> PersonDevice {
    PersonDevice {
        jid: resource.jid.to_string(),
        availability: word(resource.show),
        priority: resource.priority,
        is_ichat: resource.is_ichat,
        dialect: dialect_of(resource),
        is_callable: resource.callable,
    }
}

fn dialect_of(resource: &ResourceInfo) -> Option<&'static str> {
    resource.is_ichat.then(|| resource.dialect.as_str())
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
        // Without capabilities the older form is what a neighbour is rung in.
        dialect: Some(caps.map_or(Dialect::Legacy, |caps| caps.dialect()).as_str()),
        reach: if peer.presence.is_callable() {
            Reach::Callable
        } else if may_be_rung(&peer.presence) {
            Reach::Not("announces nothing about calls; you may try all the same".into())
        } else {
            Reach::Not("announced, but not as free for a call".into())
        },
        asks: false,
        devices: Vec::new(),
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
