//! Logging in to a server that does not mean well, or cannot do better.
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

use client_support::scram::Flaw;
use client_support::scripted::{Script, Scripted};
use client_support::{Paper, element, plain_config, timing};
use ichat_xmpp::client::{ConnectError, Connection, ProofFault, StreamError, connect_with};

async fn try_in(script: Script) -> (Scripted, Result<Connection, ConnectError>) {
    let server = Scripted::start(script).await;
    let result = connect_with(plain_config(server.port), timing()).await;
    (server, result)
}

async fn fail(script: Script) -> (Scripted, ConnectError) {
    let (server, result) = try_in(script).await;
    (server, result.expect_err("this must not sign in"))
}

#[tokio::test]
async fn the_best_mechanism_logs_in_and_our_resource_is_bound() {
    let (server, connection) = try_in(Script::default()).await;
    let connection = connection.unwrap();
    assert_eq!(connection.jid().to_string(), "me@im.test/ichat-call-0a1b");
    let login = connection.login().unwrap();
    assert_eq!(login.mechanism, "SCRAM-SHA-256");
    assert_eq!(login.tls, None);
    assert_eq!(server.seen().gs2, "n,,");
    connection.close().await;
}

#[tokio::test]
async fn an_older_server_gets_sha_1_and_the_oldest_plain() {
    for (mechanisms, expected) in [
        (vec!["PLAIN", "SCRAM-SHA-1"], "SCRAM-SHA-1"),
        (vec!["DIGEST-MD5", "PLAIN"], "PLAIN"),
    ] {
        let (_, connection) = try_in(Script {
            mechanisms,
            ..Script::default()
        })
        .await;
        assert_eq!(connection.unwrap().login().unwrap().mechanism, expected);
    }
}

#[tokio::test]
async fn the_servers_proof_may_come_as_a_challenge() {
    let script = Script {
        flaw: Flaw::SignatureAsChallenge,
        ..Script::default()
    };
    let (_, connection) = try_in(script).await;
    connection.unwrap().close().await;
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_is_refused() {
    for (flaw, expected) in [
        (Flaw::WrongSignature, ProofFault::Wrong),
        (Flaw::NoSignature, ProofFault::Missing),
        (Flaw::Early, ProofFault::Early),
        (Flaw::ForeignNonce, ProofFault::Nonce),
        (Flaw::Rounds(1), ProofFault::Rounds(1)),
        (
            Flaw::Rounds(4_000_000_000),
            ProofFault::Rounds(4_000_000_000),
        ),
    ] {
        let (server, error) = fail(Script {
            flaw,
            ..Script::default()
        })
        .await;
        assert_eq!(error.code(), "auth-failed", "{flaw:?}");
        assert!(
            matches!(error, ConnectError::Impostor { fault, .. } if fault == expected),
            "{flaw:?}: {error}"
        );
        assert_eq!(
            server.seen().mechanisms,
            ["SCRAM-SHA-256"],
            "one try, and nothing after it"
        );
        assert_eq!(server.seen().connections, 1);
    }
}

#[tokio::test]
async fn a_wrong_password_is_reported_once_and_nothing_weaker_is_tried() {
    let (server, error) = fail(Script {
        password: "another",
        ..Script::default()
    })
    .await;
    assert_eq!(error.code(), "auth-failed");
    assert_eq!(
        error.to_string(),
        "the server refused to log in me@im.test (not-authorized): \
         the password is wrong, or there is no such account (\"No. Really not.\")"
    );
    assert_eq!(server.seen().mechanisms, ["SCRAM-SHA-256"]);
    assert_eq!(server.seen().connections, 1);
}

#[tokio::test]
async fn a_plus_mechanism_is_not_taken_without_a_channel_to_bind_to() {
    let mechanisms = vec!["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"];
    let (server, error) = fail(Script {
        mechanisms,
        ..Script::default()
    })
    .await;
    assert_eq!(error.code(), "auth-failed");
    assert!(error.to_string().contains("SCRAM-SHA-256-PLUS"), "{error}");
    assert!(server.seen().mechanisms.is_empty());
}

#[tokio::test]
async fn a_server_with_no_mechanism_of_ours_is_refused_by_name() {
    let mechanisms = vec!["DIGEST-MD5", "X-OAUTH2"];
    let (_, error) = fail(Script {
        mechanisms,
        ..Script::default()
    })
    .await;
    assert_eq!(
        error.to_string(),
        "the server offers no way to log in that is safe here (it offers DIGEST-MD5, X-OAUTH2); \
         we have SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN"
    );
}

#[tokio::test]
async fn a_server_that_demands_tls_does_not_get_a_log_in_without() {
    let features = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
    let (server, error) = fail(Script {
        features,
        ..Script::default()
    })
    .await;
    assert!(matches!(error, ConnectError::TlsDemanded));
    assert!(server.seen().mechanisms.is_empty());
}

#[tokio::test]
async fn the_server_may_choose_another_resource_or_none() {
    let script = Script {
        bind_answer: Some(
            "<iq xmlns='jabber:client' type='result' id='ID'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>me@im.test/other</jid></bind></iq>",
        ),
        ..Script::default()
    };
    let (_, connection) = try_in(script).await;
    assert_eq!(connection.unwrap().jid().to_string(), "me@im.test/other");

    for (answer, condition) in [
        (
            "<iq xmlns='jabber:client' type='error' id='ID'><error type='cancel'>\
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            "conflict",
        ),
        (
            "<iq xmlns='jabber:client' type='result' id='ID'/>",
            "its answer holds no JID",
        ),
        (
            "<iq xmlns='jabber:client' type='result' id='ID'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>me@im.test</jid></bind></iq>",
            "its answer holds no JID",
        ),
    ] {
        let (_, error) = fail(Script {
            bind_answer: Some(answer),
            ..Script::default()
        })
        .await;
        assert_eq!(error.code(), "auth-failed");
        assert!(error.to_string().contains(condition), "{error}");
    }
}

#[tokio::test]
async fn stanzas_that_come_before_the_resource_are_kept() {
    let script = Script {
        bind_answer: Some(
            "<message xmlns='jabber:client'><body>early</body></message>\
             <iq xmlns='jabber:client' type='result' id='ID'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>me@im.test/r</jid></bind></iq>",
        ),
        ..Script::default()
    };
    let (_, connection) = try_in(script).await;
    assert_eq!(connection.unwrap().recv().await.unwrap().name(), "message");
}

#[tokio::test]
async fn nothing_secret_is_traced() {
    let paper = Paper::default();
    for mechanisms in [vec!["PLAIN"], vec!["SCRAM-SHA-256"]] {
        let server = Scripted::start(Script {
            mechanisms,
            ..Script::default()
        })
        .await;
        let mut config = plain_config(server.port);
        config.trace = Some(paper.trace());
        let mut connection = connect_with(config, timing()).await.unwrap();
        connection
            .send(&element("<presence xmlns='jabber:client'/>"))
            .await
            .unwrap();
        connection.close().await;
    }
    let text = paper.text();
    let plain =
        client_support::scram::base64(format!("\0me\0{}", client_support::PASSWORD).as_bytes());
    for secret in [client_support::PASSWORD, &plain, "biws", "cj1", "dj1"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    for (line, direction) in [
        ("<stream:stream", "->"),
        ("mechanism='PLAIN'>[44 octets removed]</auth>", "->"),
        ("<challenge", "<-"),
        ("<response", "->"),
        ("<success", "<-"),
        ("<presence", "->"),
        ("</stream:stream>", "->"),
        ("<jid>me@im.test/ichat-call-0a1b</jid>", "<-"),
    ] {
        assert!(
            text.lines()
                .any(|found| found.contains(line) && found.contains(direction)),
            "no {direction} {line} in\n{text}"
        );
    }
}

#[tokio::test]
async fn a_stanza_that_is_no_xml_is_refused_and_the_rest_goes_on() {
    let (server, connection) = try_in(Script::default()).await;
    let mut connection = connection.unwrap();
    let mut bad = element("<message xmlns='jabber:client'><body>x</body></message>");
    bad.append_text("\u{1}");
    assert!(matches!(
        connection.send(&bad).await,
        Err(StreamError::Unsendable(_))
    ));
    connection
        .send(&element("<presence xmlns='jabber:client'/>"))
        .await
        .unwrap();
    connection.close().await;
    let names: Vec<_> = server
        .seen()
        .stanzas
        .iter()
        .map(|stanza| stanza.name().to_owned())
        .collect();
    assert_eq!(names, ["presence"]);
}
