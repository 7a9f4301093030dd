//! Callers and callees without a resource: those of a gateway, which is a component of the server.

use scenarios::ichat_call::{self, text};
use scenarios::ports::{self, LOOPBACK};
use scenarios::prosody::Prosody;
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, attribute, has, text_of};
use scenarios::{SOON, requires, seconds};
use serde_json::json;

use crate::prosodies;
use crate::stanzas::{cancel, is_vc, request, response};

/// The gateway's own domain.
const GATEWAY: &str = "gw.im.test";

/// What it signs in with.
const SECRET: &str = "sekrit";

/// A Prosody with a gateway.
fn server() -> (Prosody, Client) {
    let gate = std::net::SocketAddr::new(LOOPBACK, ports::free_tcp());
    let ports = format!(
        r#"component_interfaces = {{ "127.0.0.1" }}; component_ports = {{ {} }}"#,
        gate.port()
    );
    let component = format!("Component \"{GATEWAY}\"\ncomponent_secret = \"{SECRET}\"");
    let server = prosodies::with(&ports, &component);
    let gateway = Client::gateway(gate, GATEWAY, SECRET);
    (server, gateway)
}

/// The port of the first record of an address list.
fn first_port(list: &str) -> u16 {
    let list: String = list.split_whitespace().collect();
    let port = list.get(72..76).expect("a whole record");
    u16::from_str_radix(port, 16).expect("hex")
}

#[test]
fn a_caller_without_a_resource_is_answered_and_its_call_comes_up() {
    requires!("prosody", "sha1sum");
    let (server, mut gateway) = server();
    let ours = server.account("amy");
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .flag("--once")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let from = format!("mac@{GATEWAY}");
    let port = ports::free_udp();
    let address = std::net::SocketAddr::new(LOOPBACK, port);
    let stanza = request(&jid, "r1", address);
    gateway.send(&stanza.replace("<iq ", &format!("<iq from='{from}' ")));
    let incoming = we.wait_for("incoming", SOON);
    assert_eq!(incoming["from"], from.as_str());
    let response = gateway.wait("a response", |stanza| is_vc(stanza, "response"));
    assert!(has(&response, "to", &from), "{response}");
    assert_eq!(text_of(&response, "response").as_deref(), Some("0"));
    let list = text_of(&response, "connectData").expect("addresses");
    let uri = format!("sip:user@127.0.0.1:{}", first_port(&list));
    let peer = standin::sip_call(&uri)
        .set("--port", port.to_string())
        .set("--jid", &from)
        .set("--duration", "1")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn a_caller_without_a_resource_can_give_up() {
    requires!("prosody", "sha1sum");
    let (server, mut gateway) = server();
    let ours = server.account("amy");
    let we = ichat_call::answer()
        .account(&ours)
        .set("--allow", "nobody@im.test")
        .flag("--auto")
        .flag("--once")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let from = format!("<iq from='mac@{GATEWAY}' ");
    let (_socket, address) = ports::silent_udp();
    gateway.send(&request(&jid, "r1", address).replace("<iq ", &from));
    we.wait_for("incoming", SOON);
    gateway.send(&cancel(&jid, "c1").replace("<iq ", &from));
    we.finish(SOON).assert_reason("cancelled");
}

#[test]
fn somebody_without_a_resource_is_rung_accepts_and_is_talked_to() {
    requires!("prosody", "sha1sum");
    let (server, mut gateway) = server();
    let ours = server.account("amy");
    let mac = format!("mac@{GATEWAY}");
    server.set_roster(&ours, &[(&mac, "both")]);
    let peer = standin::sip_answer().set("--jid", &mac).spawn();
    let address = peer.address();
    let we = ichat_call::call(&mac)
        .account(&ours)
        .set("--duration", "1")
        .spawn();
    let shown = gateway.wait("our presence", |stanza| {
        stanza.starts_with("<presence") && stanza.contains("avavail")
    });
    let us = attribute(&shown, "from").expect("it is ours");
    gateway.send(&format!(
        "<presence from='{mac}' to='{us}'><c xmlns='http://jabber.org/protocol/caps' \
         node='apple:ichat:caps' ver='448' ext='avavail avcap audio'/></presence>"
    ));
    let asked = gateway.wait("a request", |stanza| is_vc(stanza, "request"));
    assert!(has(&asked, "to", &mac), "{asked}");
    let answer = response(&us, "a1", 0, &[address]);
    gateway.send(&answer.replace("<iq ", &format!("<iq from='{mac}' ")));
    let we = we.finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("ringing")["to"], json!([mac]));
    assert_eq!(we.last("accepted")["by"], mac.as_str());
    let peer = peer.verdict(VERDICT);
    peer.assert_heard_all().assert_ended("remote-hangup");
}
