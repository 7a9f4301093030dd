//! The account and its server.

use std::net::SocketAddr;
use std::path::Path;

use scenarios::contrib::{self, Certificate};
use scenarios::ichat_call::text;
use scenarios::ports::{LOOPBACK, free_tcp, silent_udp};
use scenarios::prosody::{Account, Prosody, Security};
use scenarios::requires;
use scenarios::scratch::Scratch;

use super::{assert_results, check, doctor, examined, servers};

/// Somebody at a server there, without TLS.
pub(super) fn account_at(server: SocketAddr) -> Account {
    Account {
        jid: "amy@im.test".to_owned(),
        password: "pass-of-amy-xyzzy".to_owned(),
        server,
        security: Security::Plain,
    }
}

#[test]
fn with_a_server_of_today_all_is_well_but_for_old_macs() {
    requires!("prosody", "openssl");
    let server = Prosody::shared_with_tls();
    let (ours, _) = server.pair();
    for security in [Security::StartTls, Security::DirectTls] {
        let we = doctor().account(&ours.by(security));
        let we = examined(we.set("--ca", server.authority().certificate()));
        assert_results(
            &we,
            &[
                ("account", "ok"),
                ("server-address", "ok"),
                ("connection", "ok"),
                ("tls", "ok"),
                ("sign-in", "ok"),
                ("contact-list", "ok"),
                ("stream-management", "ok"),
                ("loop", "ok"),
                ("server-relays", "ok"),
                ("old-mac-tls", "warning"),
                ("old-mac-password", "ok"),
            ],
        );
        let tls = &check(&we, "tls")["details"];
        assert_eq!(tls["version"], "TLSv1.3", "{tls}");
        assert_eq!(tls["pin"], server.authority().pin(), "{tls}");
        let sign_in = &check(&we, "sign-in")["details"];
        assert!(
            text(sign_in, "mechanism").starts_with("SCRAM-"),
            "{sign_in}"
        );
        assert!(text(sign_in, "jid").starts_with(&ours.jid), "{sign_in}");
        assert_eq!(check(&we, "contact-list")["details"]["contacts"], 1);
        let direct = &check(&we, "connection")["details"]["direct_tls"];
        assert_eq!(*direct, security == Security::DirectTls);
        let advice = text(check(&we, "old-mac-tls"), "advice");
        assert!(advice.contains("docs/guides/a-server-for-old-macs.md"));
        we.assert_status(0);
    }
}

#[test]
fn with_the_server_of_the_guide_old_macs_can_sign_in() {
    requires!("prosody", "openssl");
    let scratch = Scratch::new("certificate");
    let certificate = Certificate::make(scratch.path(), None);
    let server = Prosody::configured(Security::StartTls, &|folder, address| {
        let certs = folder.join("certs");
        std::fs::create_dir_all(&certs).expect("scratch");
        for file in [&certificate.key, &certificate.certificate] {
            let name = file.file_name().expect("it has a name");
            std::fs::copy(file, certs.join(name)).expect("scratch");
        }
        contrib::prosody(folder, address, &[])
    });
    let account = server.account("amy");
    for security in [Security::StartTls, Security::DirectTls] {
        let we = doctor().account(&account.by(security));
        let we = examined(we.set("--pin", &certificate.pin));
        assert_results(
            &we,
            &[
                ("tls", "ok"),
                ("sign-in", "ok"),
                ("old-mac-tls", "ok"),
                ("old-mac-password", "ok"),
            ],
        );
        assert_eq!(check(&we, "old-mac-tls")["details"]["suite"], "0x002f");
        assert_eq!(check(&we, "tls")["details"]["trust"], "pin");
    }
}

#[test]
fn a_wrong_password_hides_nothing_else() {
    requires!("prosody", "openssl");
    let server = Prosody::shared_with_tls();
    let account = server.account("amy");
    let we = doctor().account(&account).password("no-such-secret");
    let we = examined(we.set("--ca", server.authority().certificate()));
    assert_results(
        &we,
        &[
            ("connection", "ok"),
            ("tls", "ok"),
            ("sign-in", "problem"),
            ("contact-list", "skipped"),
            ("old-mac-tls", "warning"),
            ("old-mac-password", "ok"),
            ("udp-port", "ok"),
        ],
    );
    let sign_in = check(&we, "sign-in");
    assert!(text(sign_in, "message").contains("the password is wrong"));
    assert!(text(sign_in, "advice").contains("--password-file"));
    assert_eq!(sign_in["details"]["code"], "auth-failed");
}

#[test]
fn without_a_password_the_server_is_looked_at_all_the_same() {
    requires!("prosody", "openssl");
    let server = Prosody::shared_with_tls();
    let we = doctor().account(&server.account("amy")).without_password();
    let we = examined(we.set("--ca", server.authority().certificate()));
    assert_results(
        &we,
        &[
            ("account", "problem"),
            ("connection", "ok"),
            ("tls", "ok"),
            ("sign-in", "skipped"),
            ("old-mac-tls", "warning"),
            ("old-mac-password", "ok"),
        ],
    );
    assert!(
        !server.log().contains("Authenticated as amy@"),
        "nobody signed in"
    );
    let we = doctor().set("--jid", "im.test");
    let we = examined(we.password("pass-of-nobody"));
    assert_results(&we, &[("account", "problem"), ("sign-in", "skipped")]);
}

#[test]
fn a_certificate_that_nobody_trusts_is_told_with_its_pin() {
    requires!("prosody", "openssl");
    let server = Prosody::shared_with_tls();
    let we = examined(doctor().account(&server.account("amy")));
    assert_results(
        &we,
        &[
            ("connection", "ok"),
            ("tls", "problem"),
            ("sign-in", "skipped"),
            ("old-mac-tls", "warning"),
        ],
    );
    let advice = text(check(&we, "tls"), "advice");
    assert!(advice.contains(&server.authority().pin()), "{advice}");
}

#[test]
fn without_tls_a_server_on_this_machine_will_do_with_a_warning() {
    requires!("prosody");
    let account = Prosody::shared().account("amy");
    let we = examined(doctor().account(&account));
    assert_results(
        &we,
        &[
            ("tls", "warning"),
            ("sign-in", "ok"),
            ("loop", "ok"),
            ("old-mac-tls", "skipped"),
        ],
    );
    we.assert_status(0);
    let long = Account {
        jid: "a-long-user-part@im.test".to_owned(),
        ..account
    };
    let we = examined(doctor().account(&long));
    assert_results(&we, &[("account", "warning"), ("sign-in", "problem")]);
}

#[test]
fn a_server_that_is_not_there_leaves_the_network_to_be_looked_at() {
    let account = account_at((LOOPBACK, free_tcp()).into());
    let we = examined(doctor().account(&account));
    assert_results(
        &we,
        &[
            ("server-address", "ok"),
            ("connection", "problem"),
            ("tls", "skipped"),
            ("sign-in", "skipped"),
            ("udp-port", "ok"),
        ],
    );
    let we = doctor()
        .account(&account)
        .set("--server", "no-such-host.invalid");
    let we = examined(we.set("--tls", "required"));
    assert_results(
        &we,
        &[("server-address", "problem"), ("connection", "skipped")],
    );
}

#[test]
fn where_nothing_answers_at_all_it_ends_in_time() {
    let account = account_at(servers::silent_tcp());
    let (_socket, silent) = silent_udp();
    let place = silent.to_string();
    let we = doctor()
        .account(&account)
        .set("--snatmap", &place)
        .set("--stun", &place)
        .set("--turn", format!("turn:me:secret-of-relay@{place}"));
    let we = examined(we);
    assert_results(
        &we,
        &[
            ("connection", "problem"),
            ("snatmap", "problem"),
            ("stun", "problem"),
            ("turn", "problem"),
            ("nat", "skipped"),
        ],
    );
    assert!(
        !we.transcript.contains("secret-of-relay"),
        "{}",
        we.transcript
    );
}

/// Prosody without TLS that tells of these services (XEP-0215).
fn with_services(folder: &Path, address: SocketAddr, services: &str) -> String {
    let (ip, port, folder) = (address.ip(), address.port(), folder.display());
    format!(
        r#"pidfile = "{folder}/prosody.pid"; data_path = "{folder}/data"; run_as_root = true
interfaces = {{ "{ip}" }}; local_interfaces = {{ "{ip}" }}
c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{}}; legacy_ssl_ports = {{}}
s2s_ports = {{}}; s2s_direct_tls_ports = {{}}; component_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "disco", "external_services" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false; allow_unencrypted_plain_auth = true
authentication = "internal_plain"
external_services = {{ {services} }}
log = {{ info = "{folder}/prosody.log" }}
VirtualHost "im.test"
"#
    )
}

#[test]
fn relays_that_the_server_tells_of_are_tried() {
    use scenarios::coturn::{Coturn, PASSWORD, USER};
    requires!("prosody", "turnserver");
    let coturn = Coturn::own();
    let relay = coturn.address();
    let (ip, port) = (relay.ip(), relay.port());
    let services = format!(
        r#"{{ type = "stun", transport = "udp", host = "{ip}", port = {port} }},
           {{ type = "turn", transport = "udp", host = "{ip}", port = {port},
              username = "{USER}", password = "{PASSWORD}" }},
           {{ type = "turns", transport = "tcp", host = "{ip}", port = 5349 }}"#
    );
    let server = Prosody::configured(Security::Plain, &|folder, address| {
        with_services(folder, address, &services)
    });
    let we = examined(doctor().account(&server.account("amy")));
    assert_results(
        &we,
        &[("server-relays", "ok"), ("stun", "ok"), ("turn", "ok")],
    );
    let told = &check(&we, "server-relays")["details"];
    assert_eq!(told["version"], "urn:xmpp:extdisco:2", "{told}");
    assert_eq!(told["services"].as_array().map(Vec::len), Some(3), "{told}");
    let turn = &check(&we, "turn")["details"];
    assert_eq!(turn["returned"], true, "{turn}");
    assert!(!we.transcript.contains(PASSWORD), "{}", we.transcript);

    // A relay that is named without its user gets what the server says for it; one of which the
    // server knows nothing gets nothing.
    let other = format!("turn:127.0.0.1:{}", scenarios::ports::free_udp());
    let we = doctor().account(&server.account("amy"));
    let we = we
        .set("--turn", format!("turn:{relay}"))
        .add("--turn", other);
    let we = examined(we);
    let results: Vec<&str> = we
        .all("check")
        .into_iter()
        .filter(|check| check["name"] == "turn")
        .map(|check| text(check, "result"))
        .collect();
    assert_eq!(results, ["problem", "ok"], "{}", we.transcript);
}
