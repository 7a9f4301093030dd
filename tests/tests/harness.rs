//! The harness itself: what it starts works, and is gone afterwards.

use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use scenarios::baresip::{Answering, Baresip};
use scenarios::netns::{Family, Network};
use scenarios::process::Process;
use scenarios::prosody::{Prosody, Security};
use scenarios::pulse::Pulse;
use scenarios::standin;
use scenarios::tls::Authority;
use scenarios::xmpp::{Client, has, text_of};
use scenarios::{SOON, requires, requires_network, seconds, tone, ulaw, wav::Wav};

#[test]
fn the_stand_in_depends_on_no_crate_of_ours() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("ichat-standin/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("its Cargo.toml");
    let (_, dependencies) = manifest
        .split_once("dependencies]")
        .expect("it lists dependencies");
    assert!(!dependencies.contains("ichat-"), "{dependencies}");
    assert!(!dependencies.contains("path"), "{dependencies}");
}

#[test]
fn contacts_of_the_shared_server_see_each_other_and_talk() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let mut ours = Client::sign_in_callable(&ours, "test");
    let seen = ours.wait("presence of the Mac", |stanza| {
        has(stanza, "from", &mac.jid)
    });
    assert!(seen.contains("apple:ichat:caps"), "{seen}");
    ours.send(&format!(
        "<message to='{}'><body>hello &amp; welcome</body></message>",
        mac.jid
    ));
    let message = mac.wait("message", |stanza| stanza.starts_with("<message"));
    assert_eq!(
        text_of(&message, "body").as_deref(),
        Some("hello &amp; welcome")
    );
}

#[test]
fn a_server_ends_with_its_owner_and_leaves_nothing() {
    requires!("prosody");
    let server = Prosody::own();
    let address = server.address();
    let folder = server.folder().to_owned();
    assert!(TcpStream::connect(address).is_ok());
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
}

#[test]
fn a_server_with_tls_shows_the_certificate_of_its_authority() {
    requires!("prosody", "openssl");
    let authority = Authority::new();
    for (security, starttls) in [
        (
            Security::StartTls,
            &["-starttls", "xmpp", "-xmpphost", "im.test"][..],
        ),
        (Security::DirectTls, &["-servername", "im.test"][..]),
    ] {
        let server = Prosody::with_tls(security, &authority);
        let verify = |ca: &Path| {
            let output = Command::new("openssl")
                .args([
                    "s_client",
                    "-brief",
                    "-verify_return_error",
                    "-verify_hostname",
                    "im.test",
                ])
                .args(starttls)
                .args(["-connect", &server.address().to_string(), "-CAfile"])
                .arg(ca)
                .stdin(std::process::Stdio::null())
                .output()
                .expect("openssl runs");
            output.status.success()
        };
        assert!(
            verify(&authority.certificate()),
            "{security:?}\n{}",
            server.log()
        );
        assert!(!verify(&Authority::new().certificate()), "{security:?}");
    }
    let pin = authority.pin();
    assert!(
        pin.len() == 64 && pin.chars().all(|digit| digit.is_ascii_hexdigit()),
        "{pin}"
    );
}

#[test]
fn hosts_of_a_network_reach_each_other_and_nobody_else_and_are_gone_with_it() {
    requires!("python3");
    requires_network!();
    let network = Network::new(3, Family::Both);
    let names = || {
        let output = Command::new("ip").args(["netns", "list"]).output();
        String::from_utf8(output.expect("ip runs").stdout).expect("names are text")
    };
    let [_, _, _, name] = network.host(0).prefix();
    let name = name.to_owned();
    assert!(names().contains(&name));
    let (one, two) = (network.host(0), network.host(1));
    let listener = "import socket,sys\ns=socket.create_server(('::',5298),family=socket.AF_INET6,dualstack_ipv6=True)\n\
                    print('up',flush=True)\nwhile True: s.accept()[0].close()";
    let mut command = one.command("python3");
    command.args(["-c", listener]);
    let listening = Process::spawn("listener", command);
    assert!(one.listens(5298, SOON), "{}", listening.transcript());
    let connect = |address: IpAddr| {
        let script = format!("import socket;socket.create_connection(('{address}',5298),2)");
        let mut command = two.command("python3");
        let output = command.args(["-c", &script]).output().expect("ip runs");
        output.status.success()
    };
    assert!(connect(one.ipv4()) && connect(one.ipv6()));
    let outwards = one
        .command("ip")
        .args(["route", "get", "192.0.2.1"])
        .output();
    assert!(!outwards.expect("ip runs").status.success());
    one.unplug();
    assert!(!connect(one.ipv4()));
    drop(network);
    assert!(!names().contains(&name));
}

#[test]
fn two_baresips_hear_each_others_octets() {
    requires!("baresip");
    let (said, replied) = (ulaw::noise(8000, 1), ulaw::noise(8000, 2));
    let callee = Baresip::start(Answering::Auto, &replied);
    let mut caller = Baresip::start(Answering::Manual, &said);
    caller.dial(&callee.uri());
    caller.wait_for("CALL_ESTABLISHED", SOON);
    // The source plays on its own clock, so only time tells that it is through.
    std::thread::sleep(seconds(2));
    caller.hang_up();
    callee.wait_for("CALL_CLOSED", SOON);
    let (heard, heard_back) = (callee.heard(), caller.heard());
    assert!(ulaw::find(&heard, &said[1600..4800]).is_some());
    assert!(ulaw::find(&heard_back, &replied[1600..4800]).is_some());
}

#[test]
fn what_is_played_to_a_sound_server_can_be_recorded_from_it() {
    requires!("pulseaudio", "pactl", "paplay", "parecord");
    let pulse = Pulse::start();
    let (tone_file, heard_file) = (
        pulse.folder().join("tone.wav"),
        pulse.folder().join("heard.raw"),
    );
    Wav::tone(48_000, 600.0, 2.0).write(&tone_file);
    let recorder = pulse.record("mic.monitor", &heard_file);
    pulse.play("mic", &tone_file).wait();
    drop(recorder);
    let heard = pulse.recorded(&heard_file);
    // A sound server on a busy machine drops bits of it; another tone would have next to none.
    assert!(tone::share(&heard, 48_000, 600.0) > 0.5);
    assert!(tone::loud_seconds(&heard, 48_000) > 1.0);
}

#[test]
fn the_stand_in_talks_to_itself() {
    requires!("prosody");
    let (one, other) = Prosody::shared().pair();
    let (said, replied) = (ulaw::noise(4000, 1), ulaw::noise(4000, 2));
    let callee = standin::answer(&one).says(&replied).listens().spawn();
    callee.wait_online();
    let caller = standin::call(&other, &one.jid)
        .says(&said)
        .listens()
        .flag("--no-wait-for-rtp")
        .set("--duration", "1.5")
        .spawn();
    let (caller, callee) = (caller.verdict(seconds(20)), callee.verdict(seconds(10)));
    caller.assert_ended("hangup").assert_heard_all();
    callee.assert_ended("remote-hangup").assert_heard_all();
    assert_eq!(ulaw::compare(&said, &callee.heard(), 0), Ok(()));
    assert_eq!(ulaw::compare(&replied, &caller.heard(), 0), Ok(()));
}
