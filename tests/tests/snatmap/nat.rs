//! Through a real NAT: a Mac's network, a router, and the server outside.

use scenarios::ichat_call::{IchatCall, run, text};
use scenarios::netns::{Family, Host, Network};
use scenarios::{SOON, requires, requires_network, seconds};
use serde_json::Value;

/// Where the server is, and where the router is seen from there.
const SERVER: &str = "10.77.0.3";
const ROUTER: &str = "10.77.0.2";

/// Host 0 is at 192.168.9.2 behind host 1, a router with this rule for what it sends out; host 2 is
/// outside.
fn natted(rule: &str) -> Network {
    let network = Network::new(3, Family::Both);
    sh(
        network.host(1),
        &format!(
            "sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
             ip addr add 192.168.9.1/24 dev eth0
             nft add table ip nat
             nft 'add chain ip nat out {{ type nat hook postrouting priority 100; }}'
             nft 'add rule ip nat out ip saddr 192.168.9.0/24 {rule}'"
        ),
    );
    sh(
        network.host(0),
        "ip -4 addr flush dev eth0
         ip addr add 192.168.9.2/24 dev eth0
         ip route add default via 192.168.9.1",
    );
    network
}

/// Runs a script on a host and gives what it says.
fn sh(host: &Host, script: &str) -> String {
    let output = host.command("sh").args(["-ec", script]).output();
    let output = output.expect("sh runs");
    assert!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// A server on a host of a network, at the ports that a Mac expects.
fn serve_on(host: &Host, words: &[&str]) -> IchatCall {
    let server = run(&[&["snatmap", "serve", "--http", "0.0.0.0:80"][..], words].concat());
    let server = server.flag("--json").on(host).spawn();
    server
        .process()
        .wait_for_where("http", SOON, |event| event["service"] == "http");
    server
}

fn query_from(host: &Host, port: &str) -> Value {
    let we = run(&["snatmap", "query", SERVER]).flag("--json");
    let we = we.set("--port", port).on(host).spawn().finish(SOON);
    we.assert_status(0);
    we.last("mapped").clone()
}

#[test]
fn a_nat_that_keeps_the_port_is_told_so() {
    requires_network!();
    requires!("nft");
    let network = natted("masquerade");
    let server = serve_on(network.host(2), &[]);
    let mapped = query_from(network.host(0), "16402");
    assert_eq!(mapped["local"], "192.168.9.2:16402");
    assert_eq!(mapped["mapped"], format!("{ROUTER}:16402"));
    assert_eq!(mapped["port_kept"], true);
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn a_nat_that_takes_another_port_is_told_so() {
    requires_network!();
    requires!("nft");
    let network = natted("meta l4proto udp masquerade to :30000-30010");
    let server = serve_on(network.host(2), &[]);
    let mapped = query_from(network.host(0), "16402");
    let seen = text(&mapped, "mapped");
    let port: u16 = seen
        .strip_prefix(ROUTER)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("{seen}"));
    assert!((30000..=30010).contains(&port), "{seen}");
    assert_eq!(mapped["port_kept"], false);
    let we = run(&["snatmap", "query", SERVER]).on(network.host(0));
    let we = we.spawn().finish(SOON);
    assert!(
        we.output.contains("did not keep the source port"),
        "{}",
        we.output
    );
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn through_a_nat_a_server_with_two_addresses_answers_from_the_one_that_was_asked() {
    requires_network!();
    requires!("nft");
    let network = natted("masquerade");
    sh(network.host(2), "ip addr add 10.77.0.99/24 dev eth0");
    let server = serve_on(network.host(2), &[]);
    for address in [SERVER, "10.77.0.99"] {
        let we = run(&["snatmap", "query", address]).flag("--json");
        let we = we.on(network.host(0)).spawn().finish(SOON);
        we.assert_status(0);
        let mapped = text(we.last("mapped"), "mapped").to_owned();
        assert!(mapped.starts_with(ROUTER), "{mapped}");
    }
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn a_mac_behind_a_nat_finds_the_server_by_its_page() {
    requires_network!();
    requires!("nft", "curl");
    let network = natted("masquerade");
    let page = |server: &str| {
        // As with a line in /etc/hosts.
        let script = format!(
            "curl -sS --max-time 10 --resolve configuration.apple.com:80:{server} \
             http://configuration.apple.com/configurations/macosx/ichat/1/snatmap.txt"
        );
        sh(network.host(0), &script)
    };
    let server = serve_on(network.host(2), &[]);
    assert_eq!(page(SERVER), format!("snatmap://{SERVER}\n"));
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
    let server = serve_on(network.host(2), &["--advertise", "nat.example.org"]);
    assert_eq!(page(SERVER), "snatmap://nat.example.org\n");
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}

#[test]
fn the_vectors_request_gets_the_vectors_response() {
    requires_network!();
    requires!("python3");
    let vectors = include_str!("../../../crates/ichat-ice/tests/vectors/connectivity.json");
    let vectors: Value = serde_json::from_str(vectors).expect("JSON");
    let vector = &vectors["snatmap"];
    let source = &vector["source_seen"];
    let ip = source[0].as_str().expect("an address");
    let port = source[1].as_u64().expect("a port");
    let network = Network::pair();
    sh(network.host(0), &format!("ip addr add {ip}/32 dev eth0"));
    sh(network.host(1), &format!("ip route add {ip}/32 dev eth0"));
    let server = serve_on(network.host(1), &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/snatmap_ask.py");
    let output = network
        .host(0)
        .command("python3")
        .args([script, "10.77.0.2:5678", &format!("{ip}:{port}")])
        .args([text(vector, "request"), "00", text(vector, "response")])
        .output()
        .expect("python3 runs");
    let answers = format!("{}\n-\n-\n", text(vector, "response"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), answers);
    server.process().interrupt();
    server.finish(seconds(5)).assert_status(0);
}
