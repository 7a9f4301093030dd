//! Losing a real Prosody and coming back to it.
#![cfg(feature = "client")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod client_support;

use std::time::Duration;

use client_support::prosody::{Prosody, Setup};
use client_support::{element, plain_config, timing};
use ichat_xmpp::BareJid;
use ichat_xmpp::client::{ConnectConfig, Happening, Persistent, connect_with};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// What stands between us and the server, and can be cut through.
struct Cable {
    port: u16,
    cut: watch::Sender<u32>,
}

impl Cable {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut ours, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut theirs) = TcpStream::connect(("127.0.0.1", server)).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { port, cut }
    }

    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

fn account(user: &str, port: u16) -> ConnectConfig {
    let mut config = plain_config(port);
    config.jid = BareJid::new(&format!("{user}@im.test")).unwrap();
    config
}

async fn happens(session: &mut Persistent) -> Happening {
    timeout(Duration::from_secs(60), session.recv())
        .await
        .expect("something happens")
}

fn text(happening: &Happening) -> String {
    let Happening::Stanza(stanza) = happening else {
        panic!("{happening:?}")
    };
    let body = stanza.get_child("body", "jabber:client");
    body.unwrap().text()
}

/// Sends and receives until a message with this text has come; tells all texts on the way.
async fn texts_until(session: &mut Persistent, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let happening = happens(session).await;
        if matches!(&happening, Happening::Stanza(stanza) if stanza.name() != "message") {
            continue;
        }
        texts.push(text(&happening));
        if texts.last().is_some_and(|text| text == last) {
            return texts;
        }
    }
}

fn chat(to: &str, text: &str) -> minidom::Element {
    element(&format!(
        "<message xmlns='jabber:client' type='chat' to='{to}'><body>{text}</body></message>"
    ))
}

/// Lets a session show itself, so that messages to the bare JID reach it.
async fn show(session: &mut Persistent) {
    let presence = "<presence xmlns='jabber:client'/>";
    session.send(element(presence)).unwrap();
    let own = happens(session).await;
    assert!(
        matches!(&own, Happening::Stanza(stanza) if stanza.name() == "presence"),
        "{own:?}"
    );
}

#[tokio::test]
async fn a_cut_connection_is_resumed_and_nothing_is_lost_or_doubled() {
    let Some(server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let cable = Cable::to(server.port).await;
    let mut we = Persistent::connect_with(account("me", cable.port), timing())
        .await
        .unwrap();
    let mut mac = Persistent::connect_with(account("mac", server.port), timing())
        .await
        .unwrap();
    show(&mut we).await;
    show(&mut mac).await;

    for round in 0..3 {
        let number = |n: u32| format!("{round}-{n}");
        we.send(chat("mac@im.test", &number(1))).unwrap();
        // It may or may not get through before the cut.
        let _ = timeout(Duration::from_millis(round * 2), we.recv()).await;
        cable.cut();
        we.send(chat("mac@im.test", &number(2))).unwrap();
        mac.send(chat("me@im.test", &number(3))).unwrap();
        let mut theirs = Vec::new();
        while let Ok(happening) = timeout(Duration::from_millis(100), mac.recv()).await {
            theirs.push(text(&happening));
        }
        let lost = happens(&mut we).await;
        assert!(
            matches!(
                lost,
                Happening::Lost {
                    resumable: true,
                    ..
                }
            ),
            "{lost:?}"
        );
        we.send(chat("mac@im.test", &number(4))).unwrap();
        let returned = happens(&mut we).await;
        assert!(matches!(returned, Happening::Resumed), "{returned:?}");
        let expected = [number(1), number(2), number(4)];
        let (third, fourth) = (number(3), number(4));
        let (ours, rest) =
            tokio::join!(texts_until(&mut we, &third), texts_until(&mut mac, &fourth));
        assert_eq!(ours, [number(3)]);
        theirs.extend(rest);
        assert_eq!(theirs, expected);
    }
    we.close().await;
    mac.close().await;
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_has_us_back() {
    let Some(mut server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut we = Persistent::connect_with(account("me", server.port), timing())
        .await
        .unwrap();
    show(&mut we).await;
    let jid = we.jid().clone();
    server.kill();
    let lost = happens(&mut we).await;
    assert!(matches!(lost, Happening::Lost { .. }), "{lost:?}");
    we.send(chat("me@im.test", "while it was away")).unwrap();
    assert!(timeout(Duration::from_secs(1), we.recv()).await.is_err());
    server.restart();
    let returned = happens(&mut we).await;
    assert!(
        matches!(&returned, Happening::Reconnected { jid: now } if *now == jid),
        "{returned:?}"
    );
    we.send(element("<presence xmlns='jabber:client'/>"))
        .unwrap();
    assert_eq!(texts_until(&mut we, "while it was away").await.len(), 1);
    we.close().await;
}

#[tokio::test]
async fn a_password_that_was_changed_while_the_server_was_away_ends_it() {
    let Some(mut server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut we = Persistent::connect_with(account("me", server.port), timing())
        .await
        .unwrap();
    server.kill();
    server.change_password("another");
    let lost = happens(&mut we).await;
    assert!(matches!(lost, Happening::Lost { .. }), "{lost:?}");
    server.restart();
    let Happening::GaveUp(gave_up) = happens(&mut we).await else {
        panic!()
    };
    assert_eq!(gave_up.code(), "auth-failed");
    assert!(
        gave_up.to_string().contains("password is wrong"),
        "{gave_up}"
    );
}

#[tokio::test]
async fn who_signs_in_in_our_place_gets_it() {
    let Some(server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut we = Persistent::connect_with(account("me", server.port), timing())
        .await
        .unwrap();
    let mut other = connect_with(account("me", server.port), timing())
        .await
        .unwrap();
    let Happening::GaveUp(gave_up) = happens(&mut we).await else {
        panic!()
    };
    assert!(gave_up.is_conflict(), "{gave_up}");
    let undisturbed = timeout(Duration::from_secs(3), other.recv()).await;
    assert!(undisturbed.is_err(), "{undisturbed:?}");
    other.close().await;
}
