//! A stream that is lost and comes back, over TLS, from a server in this process that counts.
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

use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_support::certificates::{Certificates, are_installed};
use client_support::scripted::{Script, Scripted, Seen, Stream};
use client_support::{Paper, element, plain_config, timing};
use futures::{SinkExt, StreamExt};
use ichat_xmpp::client::{Happening, Persistent, TlsMode, Trust};
use minidom::Element;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::timeout;

const COUNTING: &str = "<sm xmlns='urn:xmpp:sm:3'/>";

fn server_tls(files: &Certificates) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(files.file("im.test.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.file("im.test.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

fn message(id: &str) -> Element {
    element(&format!("<message xmlns='jabber:client' id='{id}'/>"))
}

fn name(element: &Element) -> String {
    let number = element.attr("id").or(element.attr("h"));
    format!("{} {}", element.name(), number.unwrap_or_default())
}

async fn happens(session: &mut Persistent) -> Happening {
    timeout(Duration::from_secs(20), session.recv())
        .await
        .expect("something happens")
}

/// On the first stream: lets stanzas be counted, says that it has one of two, and hangs up. On the
/// second: one message of its own. Then it listens.
async fn serve(mut stream: Stream, seen: Arc<Mutex<Seen>>) {
    let first = seen.lock().unwrap().connections == 1;
    if first {
        let enable = stream.next().await.unwrap().unwrap();
        assert_eq!(enable.attr("resume"), Some("true"));
        let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='t1' resume='true'/>";
        stream.send(&element(enabled)).await.unwrap();
    } else {
        stream.send(&message("theirs")).await.unwrap();
    }
    while let Some(Ok(stanza)) = stream.next().await {
        let last = first && stanza.name() == "r";
        seen.lock().unwrap().stanzas.push(stanza);
        if last {
            return;
        }
    }
}

/// Signs in, sends two messages and loses the stream; what happens next, and what the server saw of
/// the second stream.
async fn lose_and_return(
    script: Script,
    tls: Option<&Certificates>,
) -> (Persistent, Scripted, Happening) {
    let server = Scripted::start_with(script, serve).await;
    let mut config = plain_config(server.port);
    if let Some(files) = tls {
        config.tls = TlsMode::Required;
        config.trust = Trust::CaFile(files.file("ca.pem"));
    }
    let mut session = Persistent::connect_with(config, timing()).await.unwrap();
    session.send(message("1")).unwrap();
    session.send(message("2")).unwrap();
    let lost = happens(&mut session).await;
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
    session.send(message("3")).unwrap();
    let returned = happens(&mut session).await;
    (session, server, returned)
}

/// What the server saw, once it has this much.
async fn seen(session: &mut Persistent, server: &Scripted, count: usize) -> Vec<String> {
    for _ in 0..200 {
        let stanzas = server.seen().stanzas;
        if stanzas.len() >= count {
            return stanzas.iter().map(name).collect();
        }
        if let Ok(happening) = timeout(Duration::from_millis(50), session.recv()).await {
            panic!("{happening:?}");
        }
    }
    panic!("{:?}", server.seen());
}

#[tokio::test]
async fn a_session_goes_on_over_another_stream() {
    if !are_installed(&["openssl"]) {
        return;
    }
    let files = Certificates::make();
    let script = Script {
        mechanisms: vec!["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"],
        features: "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
                   <channel-binding type='tls-exporter'/></sasl-channel-binding>",
        bound_features: COUNTING,
        resume_answer: "<resumed xmlns='urn:xmpp:sm:3' previd='t1' h='1'/>",
        tls: Some(server_tls(&files)),
        ..Script::default()
    };
    let (mut session, server, returned) = lose_and_return(script, Some(&files)).await;
    assert!(matches!(returned, Happening::Resumed), "{returned:?}");
    assert_eq!(session.jid().to_string(), "me@im.test/ichat-call-0a1b");
    assert_eq!(session.login().mechanism, "SCRAM-SHA-256-PLUS");
    let stanza = happens(&mut session).await;
    assert!(matches!(&stanza, Happening::Stanza(theirs) if name(theirs) == "message theirs"));
    let heard = seen(&mut session, &server, 6).await;
    assert_eq!(
        heard,
        [
            "message 1",
            "message 2",
            "r ",
            "message 2",
            "message 3",
            "r "
        ]
    );
    let resume = &server.seen().resumes[0];
    assert_eq!(
        (resume.attr("previd"), resume.attr("h")),
        (Some("t1"), Some("0"))
    );
    assert_eq!(server.seen().resources.len(), 1, "no second resource");
}

#[tokio::test]
async fn a_session_that_the_server_has_forgotten_is_followed_by_another_on_the_same_stream() {
    let script = Script {
        bound_features: COUNTING,
        resume_answer: "<failed xmlns='urn:xmpp:sm:3' h='1'>\
                        <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
        ..Script::default()
    };
    let server = Scripted::start_with(
        script,
        async |mut stream: Stream, seen: Arc<Mutex<Seen>>| {
            let enable = stream.next().await.unwrap().unwrap();
            assert_eq!(enable.name(), "enable");
            // Once it counts, once it does not.
            let first = seen.lock().unwrap().connections == 1;
            let answer = if first {
                "<enabled xmlns='urn:xmpp:sm:3' id='t1' resume='true'/>"
            } else {
                "<failed xmlns='urn:xmpp:sm:3'/>"
            };
            stream.send(&element(answer)).await.unwrap();
            while let Some(Ok(stanza)) = stream.next().await {
                let last = first && stanza.name() == "r";
                seen.lock().unwrap().stanzas.push(stanza);
                if last {
                    return;
                }
            }
        },
    )
    .await;
    let mut session = Persistent::connect_with(plain_config(server.port), timing())
        .await
        .unwrap();
    for id in ["1", "2"] {
        session.send(message(id)).unwrap();
    }
    let lost = happens(&mut session).await;
    assert!(matches!(lost, Happening::Lost { .. }), "{lost:?}");
    session
        .send(element("<presence xmlns='jabber:client'/>"))
        .unwrap();
    session.send(message("3")).unwrap();
    let returned = happens(&mut session).await;
    assert!(
        matches!(&returned, Happening::Reconnected { jid } if jid.resource().as_str() == "ichat-call-0a1b"),
        "{returned:?}"
    );
    let heard = seen(&mut session, &server, 5).await;
    assert_eq!(
        heard,
        ["message 1", "message 2", "r ", "message 2", "message 3"]
    );
    assert_eq!(server.seen().connections, 2);
}

#[tokio::test]
async fn whose_resource_is_held_by_their_own_ghost_gets_another() {
    let script = Script {
        keeps_resources: true,
        ..Script::default()
    };
    let server = Scripted::start_with(script, async |mut stream: Stream, _| {
        let _ = stream.next().await;
    })
    .await;
    let mut session = Persistent::connect_with(plain_config(server.port), timing())
        .await
        .unwrap();
    session.send(message("1")).unwrap();
    let lost = happens(&mut session).await;
    assert!(
        matches!(
            lost,
            Happening::Lost {
                resumable: false,
                ..
            }
        ),
        "{lost:?}"
    );
    let returned = happens(&mut session).await;
    assert!(
        matches!(&returned, Happening::Reconnected { jid } if jid.to_string() == "me@im.test/chosen"),
        "{returned:?}"
    );
    assert_eq!(server.seen().resources, ["ichat-call-0a1b", "chosen"]);
}

#[tokio::test]
async fn a_first_sign_in_that_fails_is_not_tried_again() {
    let server = Scripted::start(Script {
        password: "another",
        ..Script::default()
    })
    .await;
    let error = Persistent::connect_with(plain_config(server.port), timing()).await;
    assert_eq!(error.unwrap_err().code(), "auth-failed");
    assert_eq!(server.seen().connections, 1);
}

#[tokio::test]
async fn nothing_secret_is_traced_when_a_session_comes_back() {
    let paper = Paper::default();
    let server = Scripted::start_with(Script::default(), async |mut stream: Stream, _| {
        let _ = stream.next().await;
    })
    .await;
    let mut config = plain_config(server.port);
    config.trace = Some(paper.trace());
    let mut session = Persistent::connect_with(config, timing()).await.unwrap();
    session.send(message("1")).unwrap();
    happens(&mut session).await;
    happens(&mut session).await;
    let text = paper.text();
    assert_eq!(text.matches("<success").count(), 2, "{text}");
    for secret in [client_support::PASSWORD, "biws", "cj1", "dj1"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}
