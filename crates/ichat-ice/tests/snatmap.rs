//! SNATMAP: octets, server, rates, page.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_ice::snatmap::{
    Counters, DecodeError, Location, Message, PAGE_PATH, RateTable, Request, Response, Server,
    ServerConfig, page, respond,
};
use proptest::prelude::*;

fn vector(name: &str) -> Vec<u8> {
    let text = include_str!("vectors/connectivity.json");
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let hex = json["snatmap"][name].as_str().unwrap().to_owned();
    (0..hex.len() / 2)
        .map(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap())
        .collect()
}

fn source() -> SocketAddr {
    "203.0.113.9:40001".parse().unwrap()
}

#[test]
fn both_messages_are_exact_to_the_octet() {
    let request = Request {
        nonce: 0x1234_abcd,
        local: "192.168.1.132:16402".parse().unwrap(),
    };
    assert_eq!(request.encode()[..], vector("request"));
    assert_eq!(
        Message::decode(&vector("request")).unwrap(),
        Message::Request(request)
    );
    let response = Response {
        nonce: 0x1234_abcd,
        external: "203.0.113.9:40001".parse().unwrap(),
    };
    assert_eq!(response.encode()[..], vector("response"));
    assert_eq!(
        Message::decode(&vector("response")).unwrap(),
        Message::Response(response)
    );
}

#[test]
fn the_server_answers_the_vector_and_nothing_else() {
    let request = vector("request");
    assert_eq!(respond(source(), &request).unwrap()[..], vector("response"));
    let inside_ipv6 = "[::ffff:203.0.113.9]:40001".parse().unwrap();
    assert_eq!(
        respond(inside_ipv6, &request).unwrap()[..],
        vector("response")
    );
    // Every other length.
    let mut long = request.clone();
    long.resize(64, 0);
    for length in (0..64).filter(|length| *length != 16) {
        assert_eq!(respond(source(), &long[..length]), None, "{length} octets");
    }
    // Every other first word; a response above all, so that two servers never talk.
    assert_eq!(respond(source(), &vector("response")), None);
    for bit in 0..32 {
        let mut other = request.clone();
        other[bit / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(respond(source(), &other), None, "bit {bit}");
    }
    // Sources that no answer can go to.
    for text in [
        "[2001:db8::1]:40001",
        "203.0.113.9:0",
        "0.0.0.0:1",
        "224.0.0.1:1",
        "255.255.255.255:1",
    ] {
        assert_eq!(respond(text.parse().unwrap(), &request), None, "{text}");
    }
}

#[test]
fn whatever_is_dropped_is_counted() {
    let now = Instant::now();
    let config = ServerConfig {
        seed: 1,
        rate: 2,
        sources: 1024,
    };
    let mut server = Server::new(now, &config);
    let request = vector("request");
    let mut zero = request.clone();
    zero[3] = 0;
    for (from, octets) in [
        (source(), &request),
        (source(), &request),
        (source(), &request),
        (source(), &vector("response")),
        (source(), &zero),
        (source(), &request[..15].to_vec()),
        ("[2001:db8::1]:1".parse().unwrap(), &request),
    ] {
        server.respond(now, from, octets);
    }
    assert_eq!(
        server.counters(),
        Counters {
            answered: 2,
            limited: 1,
            wrong_length: 1,
            wrong_kind: 1,
            responses: 1,
            unanswerable: 1,
            octets_in: 6 * 16 + 15,
            octets_out: 32,
        }
    );
}

#[test]
fn a_source_gets_its_rate_at_once_and_a_second_for_ever() {
    let start = Instant::now();
    let mut table = RateTable::new(start, 7, 5, 1000);
    let ip = Ipv4Addr::new(203, 0, 113, 9);
    assert_eq!((0..20).filter(|_| table.allow(start, ip)).count(), 5);
    // Ten thousand requests in the ten seconds that follow.
    let allowed = (1..=10_000)
        .filter(|number| table.allow(start + Duration::from_millis(*number), ip))
        .count();
    assert_eq!(allowed, 50);
    // Whoever rested has all of it again, and not more.
    let later = start + Duration::from_secs(3600);
    assert_eq!((0..20).filter(|_| table.allow(later, ip)).count(), 5);
    assert!(
        table.allow(later, Ipv4Addr::new(203, 0, 113, 10)),
        "another source"
    );
}

#[test]
fn without_a_limit_all_is_allowed() {
    let now = Instant::now();
    let mut table = RateTable::new(now, 7, 0, 1 << 20);
    assert!(table.capacity() <= 8, "no memory for nothing");
    assert!((0..100_000_u32).all(|number| table.allow(now, Ipv4Addr::from(number / 10))));
}

#[test]
fn no_source_gets_more_than_its_rate_however_many_there_are() {
    let start = Instant::now();
    let mut table = RateTable::new(start, 99, 3, 64);
    assert_eq!(table.capacity(), 64);
    let mut allowed: HashMap<u32, u32> = HashMap::new();
    // Ten thousand sources shuffled in a table of 64, all within a millisecond.
    for round in 0..8_u32 {
        for number in 0..10_000_u32 {
            let source = number.wrapping_mul(2_654_435_761).rotate_left(round);
            if table.allow(
                start + Duration::from_micros(round.into()),
                Ipv4Addr::from(source),
            ) {
                *allowed.entry(source).or_default() += 1;
            }
        }
    }
    assert!(allowed.values().all(|count| *count <= 3));
}

#[test]
fn a_flood_of_other_sources_leaves_nearly_all_sets_alone() {
    let start = Instant::now();
    let mut table = RateTable::new(start, 5, 10, 65_536);
    // Ten thousand sources that each send five times as much as they may.
    for number in 0..10_000_u32 {
        for _ in 0..50 {
            table.allow(start, Ipv4Addr::from(0x0a00_0000 + number));
        }
    }
    let refused = (0..10_000_u32)
        .filter(|number| !table.allow(start, Ipv4Addr::from(0xcb00_7100 + number)))
        .count();
    assert!(
        refused < 10,
        "{refused} of 10,000 honest sources are refused"
    );
}

#[test]
fn nothing_is_allocated_after_the_start() {
    let start = Instant::now();
    let config = ServerConfig {
        seed: 3,
        rate: 10,
        sources: 4096,
    };
    let mut server = Server::new(start, &config);
    let request = vector("request");
    // A day's worth of requests, compressed: 100,000 sources.
    let used = allocation_counter::measure(|| {
        for number in 0..400_000_u32 {
            let ip = Ipv4Addr::from(0x0b00_0000 + number % 100_000);
            let now = start + Duration::from_millis(number.into());
            server.respond(now, SocketAddr::new(ip.into(), 16402), &request);
        }
    });
    assert_eq!(used.count_total, 0);
    assert!(server.counters().answered > 390_000);
    assert!(server.counters().octets_out <= server.counters().octets_in);
}

#[test]
fn the_page_holds_the_line_and_is_found_again() {
    for (host, port, line) in [
        (
            "snatmap.example.org",
            5678,
            "snatmap://snatmap.example.org\n",
        ),
        ("192.0.2.1", 15678, "snatmap://192.0.2.1:15678\n"),
    ] {
        let location = Location {
            host: host.to_owned(),
            port,
        };
        assert_eq!(page(&location), line);
        assert_eq!(Location::find(line), Some(location));
    }
    assert_eq!(PAGE_PATH, "/configurations/macosx/ichat/1/snatmap.txt");
    let found = Location::find("<string>SNATMAP://Example.org:5678/</string>").unwrap();
    assert_eq!((found.host.as_str(), found.port), ("Example.org", 5678));
    for (text, port) in [("snatmap://a.:5678.", 5678), ("(snatmap://a.:90...)", 90)] {
        let found = Location::find(text).unwrap();
        assert_eq!((found.host.as_str(), found.port), ("a", port), "{text}");
        assert_eq!(Location::find(&page(&found)), Some(found));
    }
    for none in [
        "",
        "snatmap://",
        "snatmap://.:5678",
        "snatmap://:5678",
        "snatmap://a:0",
        "snatmap://a:70000",
        "http://a",
    ] {
        assert_eq!(Location::find(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn messages_survive_a_round_trip(nonce in any::<u32>(), ip in any::<u32>(), port in any::<u16>()) {
        let address = std::net::SocketAddrV4::new(ip.into(), port);
        let request = Request { nonce, local: address };
        prop_assert_eq!(Message::decode(&request.encode()), Ok(Message::Request(request)));
        let response = Response { nonce, external: address };
        prop_assert_eq!(Message::decode(&response.encode()), Ok(Message::Response(response)));
    }

    #[test]
    fn no_datagram_is_answered_with_more_octets(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let answered = respond(source(), &octets).map_or(0, |answer| answer.len());
        prop_assert!(answered <= octets.len());
        if octets.len() != 16 {
            let wrong_length = matches!(Message::decode(&octets), Err(DecodeError::Length { .. }));
            prop_assert!(wrong_length);
        }
    }
}
