//! Passwords, and what is made out of them, stand nowhere that we write: however much is asked for.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use scenarios::coturn::{Coturn, PASSWORD, USER};
use scenarios::ichat_call::{self, Finished, Invocation};
use scenarios::prosody::{Account, DOMAIN};
use scenarios::relay::Relay;
use scenarios::xmpp::base64;
use scenarios::{SOON, requires, seconds};

use crate::prosodies;

/// All that can be asked of the log.
const LOUD: [&str; 4] = [
    "",
    "trace",
    "tokio_xmpp=trace,tokio_xmpp::xmlstream=trace,stun_types=trace,stun_proto=trace,trace",
    "turn_client_proto=trace,trace",
];

/// With `-vvv`, or as `RUST_LOG` says; the trace goes to a file.
fn loudly(we: Invocation, log: &str) -> Invocation {
    let we = we.set_file("--trace", "trace.xml");
    match log {
        "" => we.flag("-vvv"),
        log => we.environment(&[("RUST_LOG", PathBuf::from(log))]),
    }
}

/// A secret in all the forms in which a program could write it.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex = secret.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    });
    let list: Vec<String> = secret.iter().map(u8::to_string).collect();
    let mut forms = vec![base64(secret), hex.to_uppercase(), hex, list.join(", ")];
    forms.extend(String::from_utf8(secret.to_vec()).ok());
    forms
}

/// What it said on both streams, and its trace, hold none of these.
fn assert_keeps(we: &Finished, secrets: &[Vec<u8>]) {
    let trace = std::fs::read_to_string(we.path("trace.xml")).expect("it wrote a trace");
    assert!(
        trace.contains("<auth "),
        "the log-in is in the trace: {trace}"
    );
    let all = format!("{}\n{}\n{trace}", we.output, we.errors);
    for secret in secrets {
        for form in forms(secret) {
            let at = all.find(&form);
            let line = at.map(|at| {
                let line = all[..at].lines().count();
                all.lines().nth(line.saturating_sub(1))
            });
            assert_eq!(line, None, "{form}");
        }
    }
}

/// What SCRAM makes of this account's password in the log-ins that went through the relay: the
/// salted password and the client's key, for each hash (RFC 5802 §3).
fn keys(account: &Account, relay: &Relay) -> Vec<Vec<u8>> {
    let script = "
import base64, hashlib, hmac, re, sys
password = sys.argv[1].encode()
found = re.findall('<challenge[^>]*>([^<]*)<', sys.stdin.read())
for challenge in found:
    parts = dict(part.split('=', 1) for part in base64.b64decode(challenge).decode().split(','))
    if 'i' not in parts: continue
    for name in 'sha1', 'sha256':
        salted = hashlib.pbkdf2_hmac(name, password, base64.b64decode(parts['s']), int(parts['i']))
        print(salted.hex())
        print(hmac.new(salted, b'Client Key', name).hexdigest())
";
    let mut child = Command::new("python3")
        .args(["-c", script, &account.password])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut input = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, relay.heard().as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it prints hex");
    let octets = |line: &str| -> Vec<u8> {
        let digits = line.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hex"))
            .collect()
    };
    text.lines().map(octets).collect()
}

#[test]
fn a_log_in_tells_nobody_the_password_nor_what_is_made_of_it() {
    requires!("prosody", "python3");
    let plain_only =
        "disable_sasl_mechanisms = { \"SCRAM-SHA-1\", \"SCRAM-SHA-256\", \"DIGEST-MD5\" }";
    for (mechanism, before) in [("SCRAM-SHA-256", ""), ("PLAIN", plain_only)] {
        let server = prosodies::with(before, "");
        let account = server.account("amy");
        let plain = format!("\0{}\0{}", account.user(), account.password);
        for log in LOUD {
            let relay = Relay::to(account.server);
            let we = ichat_call::answer().account(&account.through(relay.address()));
            let we = loudly(we.flag("--auto"), log).spawn();
            we.wait_for("online", SOON);
            we.process().interrupt();
            let we = we.finish(seconds(10));
            we.assert_status(0).assert_no_error();
            assert!(
                we.errors.contains("logging in"),
                "the log is on: {}",
                we.errors
            );
            let said = relay.said();
            assert!(said.contains(&format!("mechanism='{mechanism}'")), "{said}");
            let mut secrets = vec![account.password.clone().into_bytes()];
            match mechanism {
                "PLAIN" => {
                    assert!(said.contains(&base64(plain.as_bytes())), "{said}");
                    secrets.push(plain.clone().into_bytes());
                }
                _ => {
                    let keys = keys(&account, &relay);
                    assert_eq!(keys.len(), 4, "{}", relay.heard());
                    secrets.extend(keys);
                }
            }
            assert_keeps(&we, &secrets);
        }
    }
}

#[test]
fn the_password_of_a_relay_that_the_server_offers_is_told_to_nobody() {
    requires!("prosody", "turnserver", "python3");
    let coturn = Coturn::own();
    let port = coturn.address().port();
    let server = prosodies::with(
        "",
        &format!(
            r#"modules_enabled = {{ "external_services" }}
external_services = {{ {{ type = "turn", transport = "udp", host = "127.0.0.1", port = {port},
    username = "{USER}", password = "{PASSWORD}" }} }}"#
        ),
    );
    // The key of long-term credentials (RFC 8489 §9.2.2).
    let key = Command::new("python3")
        .args([
            "-c",
            "import hashlib, sys; print(hashlib.md5(sys.argv[1].encode()).hexdigest())",
        ])
        .arg(format!("{USER}:{DOMAIN}:{PASSWORD}"))
        .output()
        .expect("python3 runs");
    let key = String::from_utf8_lossy(&key.stdout).trim().to_owned();
    let key: Vec<u8> = (0..key.len() / 2)
        .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).expect("hex"))
        .collect();
    for log in LOUD {
        let (ours, peer) = server.pair();
        let relay = Relay::to(server.address());
        let told = |we: Invocation| {
            let we = we.set("--dialect", "conference").set("--turn", "server");
            loudly(we, log)
        };
        let before = coturn.allocations();
        let callee = told(ichat_call::answer().account(&peer)).flag("--auto");
        let callee = callee.flag("--once").spawn();
        callee.wait_for("online", SOON);
        let call = ichat_call::call(&peer.jid).account(&ours.through(relay.address()));
        let call = told(call).set("--duration", "1").spawn();
        let ends = [call.finish(seconds(40)), callee.finish(SOON)];
        assert!(relay.heard().contains(PASSWORD), "the server told it");
        assert!(coturn.allocations() > before, "{}", coturn.log());
        let secrets = [PASSWORD.as_bytes().to_vec(), key.clone()];
        for end in &ends {
            end.assert_status(0);
            assert_keeps(end, &secrets);
        }
    }
}
