//! What can go wrong on the way to TLS, before any password.
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

use client_support::{plain_config, timing};
use ichat_xmpp::client::{ConnectConfig, ConnectError, Timing, TlsMode, Trust, connect_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='im.test' version='1.0'>";
const OFFER: &str = "<stream:features>\
                     <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
                     <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                     <mechanism>PLAIN</mechanism></mechanisms></stream:features>";

fn tls_config(port: u16) -> ConnectConfig {
    let mut config = plain_config(port);
    config.tls = TlsMode::Required;
    config.trust = Trust::Pin([0; 32]);
    config
}

/// A server that answers each thing said with the next of these; what it was told at last.
async fn against(answers: &[&str]) -> (ConnectError, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers: Vec<_> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    let server = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for answer in answers {
            hear(&mut peer, &mut heard).await;
            peer.write_all(answer.as_bytes()).await.unwrap();
        }
        // Until the client goes.
        while hear(&mut peer, &mut heard).await {}
        String::from_utf8_lossy(&heard).into_owned()
    });
    let error = connect_with(tls_config(port), timing()).await.unwrap_err();
    (error, server.await.unwrap())
}

async fn hear(peer: &mut TcpStream, heard: &mut Vec<u8>) -> bool {
    let mut words = [0; 4096];
    let Ok(octets) = peer.read(&mut words).await else {
        return false;
    };
    heard.extend_from_slice(&words[..octets]);
    octets > 0
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_password_nor_name() {
    let plain = OFFER.replace("starttls", "other");
    let (error, heard) = against(&[&format!("{HEADER}{plain}")]).await;
    assert!(
        matches!(error, ConnectError::TlsNotOffered { .. }),
        "{error}"
    );
    assert_eq!(error.code(), "tls-failed");
    assert!(!heard.contains("auth") && !heard.contains("me@"), "{heard}");
}

#[tokio::test]
async fn words_behind_the_consent_to_tls_are_an_attack() {
    let injected = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:features/>";
    let (error, _) = against(&[&format!("{HEADER}{OFFER}"), injected]).await;
    assert!(matches!(error, ConnectError::TlsInjected), "{error}");
    assert_eq!(error.code(), "tls-failed");
}

#[tokio::test]
async fn a_server_that_takes_its_offer_back_is_believed() {
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    let (error, _) = against(&[&format!("{HEADER}{OFFER}"), failure]).await;
    assert!(matches!(error, ConnectError::TlsRefused), "{error}");
    let strange = "<message xmlns='jabber:client'/>";
    let (error, _) = against(&[&format!("{HEADER}{OFFER}"), strange]).await;
    assert!(matches!(error, ConnectError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn whoever_speaks_no_tls_after_all_is_named() {
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let (error, _) = against(&[&format!("{HEADER}{OFFER}"), proceed, "no TLS here, sorry"]).await;
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
    assert_eq!(error.code(), "tls-failed");
}

#[tokio::test]
async fn other_servers_are_told_from_xmpp() {
    let (error, _) = against(&["SSH-2.0-OpenSSH_9.2p1\r\n"]).await;
    assert!(matches!(error, ConnectError::NotXmpp { .. }), "{error}");
    assert_eq!(error.code(), "server-unreachable");
    let refusal = format!(
        "{HEADER}<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>\
         other.test</see-other-host></stream:error></stream:stream>"
    );
    let (error, _) = against(&[&refusal]).await;
    assert!(
        error.to_string().contains("name that with --server"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let short = Timing {
        connect: Duration::from_millis(200),
        ..Timing::default()
    };
    let error = connect_with(tls_config(port), short).await.unwrap_err();
    assert_eq!(error.code(), "server-unreachable");
    assert_eq!(
        error.to_string(),
        "the server did not answer within 0.2 s while opening the stream; \
         check its address and port, and the network"
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_from_one_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (error, ()) = tokio::join!(connect_with(tls_config(port), timing()), async {
        drop(listener.accept().await.unwrap());
        drop(listener);
    });
    let error = error.unwrap_err();
    assert!(matches!(error, ConnectError::Lost { .. }), "{error}");
    assert_eq!(error.code(), "server-unreachable");

    let error = connect_with(tls_config(port), timing()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tcp { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot connect to 127.0.0.1:{port}")),
        "{error}"
    );
}

#[tokio::test]
async fn without_tls_a_server_elsewhere_is_not_even_connected_to() {
    let mut config = plain_config(5222);
    // TEST-NET-1: nobody.
    config.server = Some(("192.0.2.1".into(), None));
    let error = connect_with(config, timing()).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::TlsOffRefused { .. }),
        "{error}"
    );
    assert_eq!(error.code(), "tls-failed");
}

#[tokio::test]
async fn a_jid_without_a_user_part_is_refused_at_once() {
    let mut config = plain_config(1);
    config.jid = ichat_xmpp::BareJid::new("im.test").unwrap();
    let error = connect_with(config, timing()).await.unwrap_err();
    assert_eq!(error.code(), "auth-failed");
    assert_eq!(
        error.to_string(),
        "the JID im.test has no user part; write it as user@im.test"
    );
}
