//! Our own port, and what is between it and the world.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use scenarios::SOON;
use scenarios::coturn::{Coturn, PASSWORD, USER};
use scenarios::ichat_call::{Finished, text};
use scenarios::ports::free_udp;
use scenarios::requires;
use serde_json::json;

use super::servers::{outside, own_address, reflector, reflector_at, web_server};
use super::{assert_results, check, doctor, examined};

#[test]
fn a_port_that_is_taken_is_told_and_the_next_one_taken() {
    // An address of our own: the ports of others do not matter there.
    let ip = own_address();
    let taken = |port: u16| UdpSocket::bind((ip, port)).expect("nobody else has this address");
    let ours = || doctor().set("--bind", ip.to_string()).unset("--port");
    assert_eq!(
        check(&examined(ours()), "udp-port")["details"]["port"],
        16402
    );
    let _other = [taken(16402), taken(16400)];
    let we = examined(ours());
    let port = check(&we, "udp-port");
    assert_eq!(port["result"], "warning", "{port}");
    assert_eq!(
        port["details"],
        json!({ "port": 16401, "busy": [16402, 16400] })
    );
    let we = examined(ours().set("--port", "16402"));
    assert_results(&we, &[("udp-port", "problem"), ("stun", "skipped")]);
    assert!(text(check(&we, "udp-port"), "message").contains("16402"));
    let _rest: Vec<UdpSocket> = (16393..=16399).chain([16401]).map(taken).collect();
    let we = examined(ours());
    assert_results(&we, &[("udp-port", "warning")]);
    let busy = check(&we, "udp-port")["details"]["busy"].as_array();
    assert_eq!(busy.map(Vec::len), Some(10), "{}", we.transcript);
}

#[test]
fn an_address_that_is_not_ours_is_told() {
    let we = examined(
        doctor()
            .set("--bind", "192.0.2.77")
            .set("--stun", "127.0.0.1"),
    );
    assert_results(
        &we,
        &[
            ("udp-port", "problem"),
            ("stun", "problem"),
            ("nat", "skipped"),
        ],
    );
}

/// What two reflectors that see this of us make of the NAT.
fn nat_of(snatmap: std::net::SocketAddr, stun: std::net::SocketAddr) -> Finished {
    let we = doctor().set("--snatmap", snatmap.to_string());
    let we = examined(we.set("--stun", stun.to_string()));
    assert_results(&we, &[("snatmap", "ok"), ("stun", "ok")]);
    we
}

#[test]
fn what_two_servers_see_tells_the_kind_of_nat() {
    let keeps = || reflector(|from| outside(from.port()));
    let nat = |we: &Finished| {
        let nat = check(we, "nat");
        (
            text(nat, "result").to_owned(),
            text(&nat["details"], "mapping").to_owned(),
            nat["details"]["port_kept"].as_bool(),
        )
    };
    let is =
        |result: &str, mapping: &str, kept| (result.to_owned(), mapping.to_owned(), Some(kept));
    let we = nat_of(keeps(), keeps());
    assert_eq!(nat(&we), is("ok", "independent", true), "{}", we.transcript);
    let seen = &check(&we, "snatmap")["details"]["answers"][0];
    assert!(text(seen, "mapped").starts_with("203.0.113.9:"), "{seen}");

    let shifts = || reflector(|_| outside(4711));
    let we = nat_of(shifts(), shifts());
    assert_eq!(
        nat(&we),
        is("ok", "independent", false),
        "{}",
        we.transcript
    );

    let we = nat_of(shifts(), reflector(|_| outside(4712)));
    assert_eq!(
        nat(&we),
        is("problem", "dependent", false),
        "{}",
        we.transcript
    );
    assert!(text(check(&we, "nat"), "advice").contains("--turn"));

    let honest = || reflector(|from| from);
    let we = nat_of(honest(), honest());
    assert_eq!(nat(&we), is("warning", "none", true), "{}", we.transcript);

    let we = examined(doctor().set("--stun", keeps().to_string()));
    assert_eq!(
        nat(&we),
        is("warning", "translated", true),
        "{}",
        we.transcript
    );

    let shared =
        || reflector(|from| std::net::SocketAddrV4::new([100, 64, 0, 9].into(), from.port()));
    let we = nat_of(shared(), shared());
    assert_eq!(check(&we, "nat")["details"]["carrier_grade"], true);
    assert!(text(check(&we, "nat"), "advice").contains("100.64.0.0/10"));
}

#[test]
fn the_page_for_old_macs_is_looked_for_beside_the_snatmap_server() {
    let ip = own_address();
    let snatmap = reflector_at((ip, 5678).into(), |from| outside(from.port()));
    let we = || doctor().set("--snatmap", snatmap.ip().to_string());
    assert_results(
        &examined(we()),
        &[("snatmap", "ok"), ("snatmap-page", "warning")],
    );
    let page = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nsnatmap://{ip}\n");
    let Some(()) = web_server(ip, page) else {
        return;
    };
    let we = examined(we());
    assert_results(&we, &[("snatmap", "ok"), ("snatmap-page", "ok")]);
    let found = &check(&we, "snatmap-page")["details"]["location"];
    assert_eq!(*found, format!("snatmap://{ip}"));
}

#[test]
fn a_relay_lends_an_address_and_gets_it_back() {
    requires!("turnserver");
    let coturn = Coturn::own();
    let place = coturn.address();
    let we = doctor().set("--turn", format!("turn:{USER}:{PASSWORD}@{place}"));
    let we = examined(we);
    assert_results(&we, &[("turn", "ok"), ("nat", "warning")]);
    let turn = &check(&we, "turn")["details"];
    assert_eq!(
        (&turn["permitted"], &turn["returned"]),
        (&json!(true), &json!(true))
    );
    assert!(text(turn, "relayed").starts_with("127.0.0.1:"), "{turn}");
    assert!(!we.transcript.contains(PASSWORD), "{}", we.transcript);
    assert_eq!(coturn.allocations(), 1, "{}", coturn.log());
    let deadline = Instant::now() + SOON;
    while !coturn
        .log()
        .contains("refreshed, realm=<im.test>, username=<relayed>, lifetime=0")
    {
        assert!(
            Instant::now() < deadline,
            "it was not given back\n{}",
            coturn.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }

    // The password may come from elsewhere.
    let we = doctor().set("--turn", format!("turn:{USER}@{place}"));
    let file = we.file("relay", format!("{PASSWORD}\n"));
    let we = examined(we.set("--turn-password-file", file));
    assert_results(&we, &[("turn", "ok")]);

    let wrong = format!("turn:{USER}:not-the-password@{place}");
    let we = examined(doctor().set("--turn", wrong));
    assert_results(&we, &[("turn", "problem")]);
    assert!(text(check(&we, "turn"), "message").contains("refuses user name or password"));
    assert!(
        !we.transcript.contains("not-the-password"),
        "{}",
        we.transcript
    );
    let we = examined(doctor().set("--turn", format!("turn:{USER}@{place}")));
    assert_results(&we, &[("turn", "problem")]);
    let nobody = format!("turn:{USER}:x@127.0.0.1:{}", free_udp());
    let we = examined(doctor().set("--turn", nobody));
    assert_results(&we, &[("turn", "problem")]);
}
