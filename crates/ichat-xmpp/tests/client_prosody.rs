//! Signing in to a real Prosody.
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

use client_support::prosody::{Prosody, Setup};
use client_support::{PASSWORD, element, plain_config, timing};
use ichat_xmpp::BareJid;
use ichat_xmpp::client::{
    CertificateFault, ConnectConfig, ConnectError, Connection, StreamError, TlsMode, Trust,
    connect_with,
};

/// `me@HOST`, with TLS and the private authority.
fn tls_config(server: &Prosody, host: &str) -> ConnectConfig {
    let jid = BareJid::new(&format!("me@{host}")).unwrap();
    let mut config = ConnectConfig::new(jid, PASSWORD);
    config.server = Some(("127.0.0.1".into(), Some(server.port)));
    config.trust = Trust::CaFile(server.ca());
    config.resource = Some("ichat-call-0a1b".into());
    config
}

async fn sign_in(config: ConnectConfig) -> Connection {
    connect_with(config, timing())
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn fault(config: ConnectConfig) -> CertificateFault {
    let error = connect_with(config, timing())
        .await
        .expect_err("this must not sign in");
    assert_eq!(error.code(), "tls-failed");
    assert!(!error.to_string().contains('\n'));
    match error {
        ConnectError::Certificate { fault, .. } => fault,
        other => panic!("not about the certificate: {other}"),
    }
}

/// The key of a host's certificate, as openssl sees it.
fn key_of(server: &Prosody, host: &str) -> [u8; 32] {
    match Trust::parse_pin(&server.pin(host)) {
        Ok(Trust::Pin(pin)) => pin,
        other => panic!("{other:?}"),
    }
}

/// Asks the server for something and waits for the answer.
async fn round_trip(connection: &mut Connection) {
    let query = "<iq xmlns='jabber:client' type='get' id='q1' to='im.test'>\
                 <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    connection.send(&element(query)).await.unwrap();
    let answer = connection.recv().await.unwrap();
    assert_eq!(
        (answer.attr("id"), answer.attr("type")),
        (Some("q1"), Some("result"))
    );
}

#[tokio::test]
async fn scram_over_tls_1_3_with_a_private_authority() {
    let Some(server) = Prosody::start(Setup::Strict) else {
        return;
    };
    let mut connection = sign_in(tls_config(&server, "im.test")).await;
    assert_eq!(connection.jid().to_string(), "me@im.test/ichat-call-0a1b");
    let login = connection.login().unwrap();
    let tls = login.tls.as_ref().unwrap();
    assert_eq!(tls.version, "TLSv1.3");
    assert!(
        login.mechanism.starts_with("SCRAM-SHA-256"),
        "{}",
        login.mechanism
    );
    assert_eq!(
        Trust::parse_pin(&server.pin("im.test")),
        Ok(Trust::Pin(tls.pin))
    );
    round_trip(&mut connection).await;
    connection.close().await;
}

#[tokio::test]
async fn certificates_that_are_not_to_be_believed() {
    let Some(server) = Prosody::start(Setup::Strict) else {
        return;
    };

    let mut config = tls_config(&server, "im.test");
    config.trust = Trust::CaFile(server.other_ca());
    let CertificateFault::UnknownIssuer { pin } = fault(config.clone()).await else {
        panic!()
    };
    assert_eq!(
        Trust::parse_pin(&server.pin("im.test")),
        Ok(Trust::Pin(pin))
    );

    config.trust = Trust::System;
    match connect_with(config.clone(), timing()).await.unwrap_err() {
        ConnectError::Certificate {
            fault: CertificateFault::UnknownIssuer { .. },
            ..
        }
        | ConnectError::NoRoots => {}
        other => panic!("{other}"),
    }

    config.trust = Trust::Pin([7; 32]);
    let found = pin;
    assert_eq!(
        fault(config.clone()).await,
        CertificateFault::Pin {
            found,
            expected: [7; 32]
        }
    );

    config.trust = Trust::Pin(pin);
    sign_in(config).await.close().await;

    let CertificateFault::WrongName { names, .. } = fault(tls_config(&server, "wrong.test")).await
    else {
        panic!()
    };
    assert_eq!(names, ["elsewhere.test"]);

    assert_eq!(
        fault(tls_config(&server, "old.test")).await,
        CertificateFault::Expired {
            pin: key_of(&server, "old.test")
        }
    );
}

#[tokio::test]
async fn a_pin_stands_in_for_name_and_date_but_not_for_the_password() {
    let Some(server) = Prosody::start(Setup::Strict) else {
        return;
    };
    for host in ["wrong.test", "old.test"] {
        let mut config = tls_config(&server, host);
        config.trust = Trust::parse_pin(&server.pin(host)).unwrap();
        // TLS is fine; there is no such account.
        let error = connect_with(config, timing()).await.unwrap_err();
        assert_eq!(error.code(), "auth-failed", "{error}");
    }
}

#[tokio::test]
async fn direct_tls_begins_at_once() {
    let Some(server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut config = tls_config(&server, "im.test");
    config.server = Some((server.direct.ip().to_string(), Some(server.direct.port())));
    let mut connection = sign_in(config.clone()).await;
    assert_eq!(
        connection.login().unwrap().tls.as_ref().unwrap().version,
        "TLSv1.3"
    );
    round_trip(&mut connection).await;
    connection.close().await;

    config.trust = Trust::CaFile(server.other_ca());
    assert!(matches!(
        fault(config).await,
        CertificateFault::UnknownIssuer { .. }
    ));
}

#[tokio::test]
async fn without_tls_on_this_machine() {
    let Some(server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut connection = sign_in(plain_config(server.port)).await;
    assert_eq!(connection.login().unwrap().tls, None);
    round_trip(&mut connection).await;
    connection.close().await;

    let mut wrong = plain_config(server.port);
    wrong.password = "wrong".into();
    let error = connect_with(wrong, timing()).await.unwrap_err();
    assert_eq!(error.code(), "auth-failed");
    assert!(error.to_string().contains("password is wrong"), "{error}");

    // It offers TLS, so whoever asks for TLS gets it.
    let mut config = tls_config(&server, "im.test");
    config.tls = TlsMode::Required;
    sign_in(config).await.close().await;
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_and_one_that_demands_it_says_so() {
    let Some(server) = Prosody::start(Setup::NoTls) else {
        return;
    };
    let error = connect_with(tls_config(&server, "im.test"), timing())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::TlsNotOffered { .. }),
        "{error}"
    );
    assert_eq!(error.code(), "tls-failed");
    drop(server);

    let Some(server) = Prosody::start(Setup::Strict) else {
        return;
    };
    let error = connect_with(plain_config(server.port), timing())
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::TlsDemanded), "{error}");
}

#[tokio::test]
async fn a_domain_that_the_server_does_not_serve() {
    let Some(server) = Prosody::start(Setup::Lenient) else {
        return;
    };
    let mut config = plain_config(server.port);
    config.jid = BareJid::new("me@unknown.test").unwrap();
    let error = connect_with(config, timing()).await.unwrap_err();
    assert_eq!(error.code(), "server-unreachable");
    assert!(error.to_string().contains("host-unknown"), "{error}");
}

#[tokio::test]
async fn how_a_stream_ends_is_told() {
    let Some(mut server) = Prosody::start(Setup::Strict) else {
        return;
    };
    let mut first = sign_in(tls_config(&server, "im.test")).await;
    let mut second = sign_in(tls_config(&server, "im.test")).await;
    match first.recv().await.unwrap_err() {
        StreamError::Fault(fault) => assert_eq!(fault.condition, "conflict"),
        other => panic!("{other}"),
    }
    assert!(matches!(first.recv().await, Err(StreamError::Closed)));
    first.close().await;

    round_trip(&mut second).await;
    server.kill();
    let ended = second.recv().await.unwrap_err();
    assert!(matches!(ended, StreamError::Lost(_)), "{ended}");
    second.close().await;
}
