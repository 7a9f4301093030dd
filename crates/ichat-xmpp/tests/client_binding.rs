//! Log-ins that are bound to their TLS channel (RFC 5802 §6, RFC 9266).
#![cfg(feature = "client")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod client_support;

use std::sync::Arc;

use client_support::certificates::{Certificates, are_installed};
use client_support::scram::Flaw;
use client_support::scripted::{Script, Scripted};
use client_support::{plain_config, timing};
use ichat_xmpp::client::{ConnectConfig, ConnectError, TlsMode, Trust, connect_with};
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const ALL: [&str; 5] = [
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
];

/// The types of channel binding that a server has (XEP-0440).
const LISTED: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
                      <channel-binding type='tls-server-end-point'/>\
                      <channel-binding type='tls-exporter'/></sasl-channel-binding>";

fn server_tls(
    files: &Certificates,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(files.file("im.test.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.file("im.test.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

fn config(files: &Certificates, port: u16) -> ConnectConfig {
    let mut config = plain_config(port);
    config.tls = TlsMode::Required;
    config.trust = Trust::CaFile(files.file("ca.pem"));
    config
}

async fn mechanism(
    files: &Certificates,
    version: &'static SupportedProtocolVersion,
    features: &'static str,
) -> (&'static str, String) {
    let tls = Some(server_tls(files, version));
    let script = Script {
        mechanisms: ALL.into(),
        features,
        tls,
        ..Script::default()
    };
    let server = Scripted::start(script).await;
    let connection = connect_with(config(files, server.port), timing())
        .await
        .unwrap();
    let mechanism = connection.login().unwrap().mechanism;
    connection.close().await;
    (mechanism, server.seen().gs2)
}

#[tokio::test]
async fn with_tls_1_3_the_log_in_is_bound_to_the_channel() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let bound = ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,".to_owned());
    let tls13 = &rustls::version::TLS13;
    assert_eq!(mechanism(&files, tls13, LISTED).await, bound);
}

#[tokio::test]
async fn where_the_server_cannot_bind_to_it_the_log_in_is_scram_all_the_same() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let unbound = ("SCRAM-SHA-256", "n,,".to_owned());
    let other = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
                 <channel-binding type='tls-server-end-point'/></sasl-channel-binding>";
    assert_eq!(
        mechanism(&files, &rustls::version::TLS13, other).await,
        unbound
    );
    // What binding it means it does not say.
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        assert_eq!(mechanism(&files, version, "").await, unbound);
    }
    assert_eq!(
        mechanism(&files, &rustls::version::TLS12, LISTED).await,
        unbound
    );
}

/// Offers SCRAM without PLUS over this version of TLS.
fn without_plus(
    files: &Certificates,
    version: &'static SupportedProtocolVersion,
    plus_was_removed: bool,
) -> Script {
    Script {
        mechanisms: vec!["SCRAM-SHA-256", "PLAIN"],
        plus_was_removed,
        tls: Some(server_tls(files, version)),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_server_that_offers_no_binding_hears_that_we_could() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    for (version, said) in [
        (&rustls::version::TLS13, "y,,"),
        (&rustls::version::TLS12, "n,,"),
    ] {
        let server = Scripted::start(without_plus(&files, version, false)).await;
        let connection = connect_with(config(&files, server.port), timing()).await;
        connection.unwrap().close().await;
        assert_eq!(server.seen().gs2, said);
    }
}

/// It is not taken for a wrong password.
fn assert_is_about_the_channel(error: &ConnectError) {
    assert_eq!(error.code(), "auth-failed");
    let text = error.to_string();
    assert!(text.contains("somebody may be in between"), "{text}");
    assert!(!text.contains("password"), "{text}");
}

#[tokio::test]
async fn whoever_takes_the_offer_of_binding_away_is_found_out() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let server = Scripted::start(without_plus(&files, &rustls::version::TLS13, true)).await;
    let error = connect_with(config(&files, server.port), timing()).await;
    assert_is_about_the_channel(&error.unwrap_err());
    assert_eq!(server.seen().mechanisms, ["SCRAM-SHA-256"], "one try");
}

#[tokio::test]
async fn a_channel_that_ends_at_somebody_in_between_is_no_channel_to_the_server() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let script = Script {
        mechanisms: ALL.into(),
        flaw: Flaw::AnotherChannel,
        features: LISTED,
        tls: Some(server_tls(&files, &rustls::version::TLS13)),
        ..Script::default()
    };
    let server = Scripted::start(script).await;
    let error = connect_with(config(&files, server.port), timing()).await;
    assert_is_about_the_channel(&error.unwrap_err());
    assert_eq!(server.seen().mechanisms, ["SCRAM-SHA-256-PLUS"], "one try");
}

#[tokio::test]
async fn tls_1_2_is_good_enough_and_said() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let tls = Some(server_tls(&files, &rustls::version::TLS12));
    let server = Scripted::start(Script {
        mechanisms: vec!["PLAIN"],
        tls,
        ..Script::default()
    })
    .await;
    let mut config = config(&files, server.port);
    config.trust = Trust::parse_pin(&files.pin("im.test")).unwrap();
    let connection = connect_with(config, timing()).await.unwrap();
    let login = connection.login().unwrap();
    assert_eq!(login.mechanism, "PLAIN");
    let tls = login.tls.as_ref().unwrap();
    assert_eq!(tls.version, "TLSv1.2");
    assert!(tls.cipher.starts_with("TLS_ECDHE_ECDSA"), "{}", tls.cipher);
    connection.close().await;
}
