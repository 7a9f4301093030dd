//! A server for old Macs, set up as `docs/guides/a-server-for-old-macs.md` says from the files in
//! `contrib/`: clients of 2005 and we ourselves meet there, each with the TLS of its time.

use std::ffi::OsStr;
use std::path::Path;

use scenarios::contrib::{self, Certificate, OLD_TLS};
use scenarios::ejabberd::Ejabberd;
use scenarios::ichat_call::{self, Invocation, text};
use scenarios::old_tls::OldTls;
use scenarios::prosody::{Account, Prosody, Security};
use scenarios::scratch::Scratch;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::Client;
use scenarios::{SOON, requires, seconds};
use serde_json::{Value, json};

use crate::support::{assert_both_heard, words};

/// The guide's change for Mac OS X 10.4.
const TIGER: (&str, &str) = ("-sha256", "-sha1");

fn prosody(change: Option<(&str, &str)>, without: &[&str]) -> (Prosody, Certificate, Scratch) {
    let scratch = Scratch::new("certificate");
    let certificate = Certificate::make(scratch.path(), change);
    let server = Prosody::configured(Security::StartTls, &|folder, address| {
        let certs = folder.join("certs");
        std::fs::create_dir_all(&certs).expect("scratch");
        for file in [&certificate.key, &certificate.certificate] {
            let name = file.file_name().expect("it has a name");
            std::fs::copy(file, certs.join(name)).expect("scratch");
        }
        contrib::prosody(folder, address, without)
    });
    (server, certificate, scratch)
}

/// Two accounts are there: ours, and a Mac's.
fn ejabberd(without: &[&str]) -> (Ejabberd, [Account; 2], Certificate, Scratch) {
    let scratch = Scratch::new("certificate");
    let certificate = Certificate::make(scratch.path(), None);
    let people = [
        ("amy@im.test", "pass-of-amy"),
        ("mac@im.test", "pass-of-mac"),
    ];
    let server = Ejabberd::configured(
        &|folder, ip| {
            let read = |path: &Path| std::fs::read_to_string(path).expect("it was made");
            let both = read(&certificate.certificate) + &read(&certificate.key);
            std::fs::write(folder.join("im.test.pem"), both).expect("scratch");
            contrib::ejabberd(folder, ip, without)
        },
        &people,
    );
    let accounts = people.map(|(jid, password)| Account {
        jid: jid.to_owned(),
        password: password.to_owned(),
        server: server.address(Security::StartTls),
        security: Security::StartTls,
    });
    (server, accounts, certificate, scratch)
}

/// The Mac logs in with TLS 1.0 and PLAIN, in both ways.
fn a_mac_of_2005_logs_in(mac: &Account, certificate: &Certificate) {
    for security in [Security::StartTls, Security::DirectTls] {
        let tunnel = OldTls::for_account(&mac.by(security), &certificate.certificate);
        let mut client = Client::sign_in(&mac.through(tunnel.address()), "iChat");
        tunnel.wait_for("Ciphersuite: AES128-SHA", SOON);
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
        client.wait("the roster", |stanza| stanza.contains("jabber:iq:roster"));
    }
}

/// We sign in, and trust the certificate (`--ca`) or its key (`--pin`).
fn we_sign_in(ours: &Account, trust: &str, value: &OsStr) {
    for security in [Security::StartTls, Security::DirectTls] {
        let we = ichat_call::answer().account(&ours.by(security));
        let we = we.flag("--auto").set(trust, value).spawn();
        we.wait_for("online", SOON);
        we.process().interrupt();
        we.finish(seconds(5)).assert_status(0).assert_no_error();
    }
}

/// A whole call each way, ours with modern TLS, the Mac's with that of 2005.
fn they_talk(ours: &Account, mac: &Account, certificate: &Certificate) {
    let tunnel = OldTls::for_account(mac, &certificate.certificate);
    let mac = mac.through(tunnel.address());
    let ours_is = |we: Invocation| {
        we.account(ours)
            .set("--ca", &certificate.certificate)
            .says(&words(2))
            .captured()
    };
    let peer = standin::answer(&mac).says(&words(1)).listens().spawn();
    peer.wait_online();
    let call = ours_is(ichat_call::call(&mac.jid)).set("--duration", "1");
    let we = call.spawn().finish(seconds(30));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_both_heard(&we, &peer.verdict(VERDICT));

    let us = ours_is(ichat_call::answer()).flag("--auto").flag("--once");
    let us = us.spawn();
    us.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .says(&words(1))
        .listens()
        .set("--duration", "1")
        .spawn();
    let us = us.finish(seconds(30));
    us.assert_reason("remote-hangup").assert_nothing_lost();
    assert_both_heard(&us, &peer.verdict(VERDICT));
    tunnel.wait_for("Ciphersuite: AES128-SHA", SOON);
}

#[test]
fn with_prosody_of_the_guide_a_mac_of_2005_logs_in_beside_us_and_both_talk() {
    requires!("prosody", "openssl");
    let (server, certificate, _folder) = prosody(None, &[]);
    let (ours, mac) = server.pair();
    a_mac_of_2005_logs_in(&mac, &certificate);
    let log = server.log();
    assert!(!log.contains("TLSv1.3"), "{log}");
    let old = log
        .matches("Stream encrypted (TLSv1 with AES128-SHA)")
        .count();
    assert_eq!(old, 2, "{log}");
    we_sign_in(&ours, "--ca", certificate.certificate.as_os_str());
    we_sign_in(&ours, "--pin", OsStr::new(&certificate.pin));
    let log = server.log();
    let new = log.matches("Stream encrypted (TLSv1.3 with").count();
    assert_eq!(new, 4, "{log}");
    they_talk(&ours, &mac, &certificate);
}

#[test]
fn with_ejabberd_of_the_guide_a_mac_of_2005_logs_in_beside_us_and_both_talk() {
    requires!("ejabberdctl", "openssl");
    let (_server, [ours, mac], certificate, _folder) = ejabberd(&[]);
    a_mac_of_2005_logs_in(&mac, &certificate);
    we_sign_in(&ours, "--ca", certificate.certificate.as_os_str());
    we_sign_in(&ours, "--pin", OsStr::new(&certificate.pin));
    they_talk(&ours, &mac, &certificate);
}

/// Logs in with Python's TLS and a mechanism of SASL.
fn logs_in_by(
    mechanism: &str,
    account: &Account,
    certificate: &Certificate,
) -> Result<Value, String> {
    let (server, authority) = (
        account.server.ip().to_string(),
        certificate.certificate.to_string_lossy(),
    );
    let words = [
        "--mechanism",
        mechanism,
        "--ca",
        &authority,
        &server,
        &account.jid,
    ];
    contrib::old_mac(&words, &account.password)
}

#[test]
fn the_mechanisms_of_2005_are_those_that_the_guide_says() {
    requires!("prosody", "ejabberdctl", "openssl", "python3");
    let (server, certificate, _folder) = prosody(None, &[]);
    let mac = server.account("mac");
    let plain = logs_in_by("PLAIN", &mac, &certificate).expect("Prosody lets it in");
    assert_eq!(
        (&plain["tls"], &plain["cipher"]),
        (&json!("TLSv1"), &json!("AES128-SHA"))
    );
    let refused = logs_in_by("DIGEST-MD5", &mac, &certificate).expect_err("Prosody has none");
    assert!(refused.contains("no DIGEST-MD5"), "{refused}");

    let (_server, [_, mac], certificate, _folder) = ejabberd(&[]);
    for mechanism in ["PLAIN", "DIGEST-MD5"] {
        let found = logs_in_by(mechanism, &mac, &certificate).expect("ejabberd lets it in");
        assert_eq!(found["tls"], "TLSv1", "{found}");
        let wrong = Account {
            password: "no-such-secret".to_owned(),
            ..mac.clone()
        };
        let refused = logs_in_by(mechanism, &wrong, &certificate).expect_err("a wrong password");
        assert!(refused.contains("not-authorized"), "{refused}");
    }
}

/// The two lines of the file are what lets the Mac in; without them we alone are let in.
fn is_refused_tls_1_0(mac: &Account, certificate: &Certificate) {
    let refused = logs_in_by("PLAIN", mac, certificate).expect_err("TLS 1.0 is refused");
    assert!(!refused.contains("not-authorized"), "{refused}");
    assert!(refused.to_lowercase().contains("ssl"), "{refused}");
    we_sign_in(mac, "--ca", certificate.certificate.as_os_str());
}

#[test]
fn without_the_lines_of_the_guide_neither_server_speaks_tls_1_0() {
    requires!("prosody", "ejabberdctl", "openssl", "python3");
    let (server, certificate, _folder) = prosody(None, &OLD_TLS[..2]);
    is_refused_tls_1_0(&server.account("mac"), &certificate);
    let (_server, [_, mac], certificate, _folder) = ejabberd(&OLD_TLS[2..]);
    is_refused_tls_1_0(&mac, &certificate);
}

#[test]
fn with_the_certificate_for_mac_os_x_10_4_we_trust_the_key() {
    requires!("prosody", "openssl");
    let (server, certificate, _folder) = prosody(Some(TIGER), &[]);
    let (ours, mac) = server.pair();
    a_mac_of_2005_logs_in(&mac, &certificate);
    we_sign_in(&ours, "--pin", OsStr::new(&certificate.pin));
    // SHA-1 proves nothing any more.
    let we = ichat_call::answer().account(&ours).flag("--auto");
    let we = we.set("--ca", &certificate.certificate).spawn();
    let we = we.finish(SOON);
    we.assert_no_sign_in("tls-failed");
    // As the guide has it: that line names what `--pin` takes.
    let message = text(we.last("error"), "message");
    assert_eq!(
        message,
        format!(
            "the certificate of im.test is not accepted: it is signed with SHA-1, which proves \
             nothing any more; trust its key instead (--pin {})",
            certificate.pin
        )
    );
}
