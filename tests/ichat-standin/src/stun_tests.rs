//! Checks against the vectors, and each deviation that the stand-in must find.

use super::*;
use crate::ipport::octets_of;

fn vectors() -> serde_json::Value {
    let text = include_str!("../tests/vectors/vectors.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    all["stun"].clone()
}

fn octets(name: &str) -> Vec<u8> {
    octets_of(vectors()[name].as_str().unwrap()).unwrap()
}

fn id(name: &str) -> Id {
    octets(name).try_into().unwrap()
}

fn parsed(octets: &[u8]) -> Message {
    Message::parse(octets).unwrap()
}

fn check_of(name: &str) -> Check {
    Check {
        tag: octets(name)[4..20].try_into().unwrap(),
        receiver: id("receiver_id"),
        sender: id("sender_id"),
        slot: 0,
    }
}

fn v4() -> SocketAddr {
    SocketAddr::from(([192, 168, 1, 132], 16402))
}

fn v6() -> SocketAddr {
    "[2001:db8::20]:16402".parse().unwrap()
}

#[test]
fn requests_and_responses_are_those_of_the_vectors_octet_for_octet() {
    for name in ["request", "request_without_cookie"] {
        let check = check_of(name);
        assert_eq!(check.print(false), octets(name));
        assert_eq!(parsed(&octets(name)).check(), Some(check));
    }
    let request = parsed(&octets("request"));
    assert_eq!(request.answer(v4()), octets("response"));
    assert_eq!(request.answer(v6()), octets("response_ipv6"));
    assert_eq!(parsed(&octets("response")).mapped(), Some(v4()));
    assert_eq!(parsed(&octets("response_ipv6")).mapped(), Some(v6()));
    assert_eq!(
        (octets("request").len(), octets("response").len()),
        (52, 64)
    );
}

#[test]
fn the_vectors_are_found_right() {
    let (request, response) = (octets("request"), octets("response"));
    assert_eq!(check_request(&request, &parsed(&request), true), [""; 0]);
    assert_eq!(
        check_response(&response, &parsed(&response), &request, &[v4()]),
        [""; 0]
    );
    let old = octets("request_without_cookie");
    assert_eq!(check_request(&old, &parsed(&old), false), [""; 0]);
    assert_eq!(check_request(&old, &parsed(&old), true).len(), 1);
    let answer = parsed(&old).answer(v4());
    assert_eq!(answer[4..20], old[4..20]);
    assert_eq!(
        check_response(&answer, &parsed(&answer), &old, &[]),
        [""; 0]
    );
}

#[test]
fn what_newer_peers_add_is_echoed_and_the_rest_is_not() {
    let request = check_of("request").print(true);
    let answer = parsed(&request).answer(v4());
    let message = parsed(&answer);
    assert_eq!(message.value(TIME), parsed(&request).value(TIME));
    assert_eq!(message.attributes.len(), 6);
    assert_eq!(
        check_response(&answer, &message, &request, &[v4()]),
        [""; 0]
    );
    // An answer that echoes nothing, and one to a request that had nothing to echo.
    let plain = octets("response");
    let found = check_response(&plain, &parsed(&plain), &request, &[v4()]);
    assert!(found.join("\n").contains("attributes"), "{found:?}");
    let found = check_response(&answer, &message, &octets("request"), &[v4()]);
    assert!(found.join("\n").contains("attributes"), "{found:?}");
}

#[test]
fn each_deviation_of_a_request_is_found() {
    type Spoil = fn(&mut Message);
    let cases: [(Spoil, &str); 6] = [
        (|m| m.attributes.swap(0, 1), "instead of 0006 and 8001"),
        (|m| m.attributes.push((0x8029, vec![0; 8])), "64 octets"),
        (|m| m.attributes[0].1[9] = 2, "no 0001"),
        (|m| m.attributes[0].1.truncate(16), "Some(16) octets"),
        (|m| m.attributes[1].1[3] = 1, "slot Some(\"00000001\")"),
        (|m| m.tag[0] = 0, "cookie"),
    ];
    for (spoil, word) in cases {
        let mut message = parsed(&octets("request"));
        spoil(&mut message);
        let found = check_request(&message.print(), &message, true).join("\n");
        assert!(found.contains(word), "{word}: {found}");
    }
    let mut padded = check_of("request").print(true);
    let last = padded.len() - 1;
    padded[last] = 1;
    let found = check_request(&padded, &parsed(&padded), true).join("\n");
    assert!(found.contains("padding"), "{found}");
}

#[test]
fn each_deviation_of_a_response_is_found() {
    type Spoil = fn(&mut Message);
    let cases: [(Spoil, &str); 6] = [
        (|m| m.attributes[0].1.rotate_left(10), "attribute 0006"),
        (|m| m.attributes[1].1[7] ^= 1, "MAPPED-ADDRESS"),
        // XOR-MAPPED-ADDRESS instead of the plain one.
        (|m| m.attributes[1].0 = 0x0020, "MAPPED-ADDRESS None"),
        (|m| m.attributes.swap(0, 1), "attributes"),
        (|m| m.attributes[2].1[0] = 1, "attribute 8001"),
        (|m| m.tag[15] ^= 1, "octets 4 to 19"),
    ];
    for (spoil, word) in cases {
        let mut message = parsed(&octets("response"));
        spoil(&mut message);
        let request = octets("request");
        let found = check_response(&message.print(), &message, &request, &[v4()]).join("\n");
        assert!(found.contains(word), "{word}: {found}");
    }
}

#[test]
fn broken_messages_are_refused() {
    let good = octets("response");
    for length in 0..good.len() {
        assert!(Message::parse(&good[..length]).is_err(), "{length}");
    }
    let mut long = good.clone();
    long[23] = 0xff;
    assert!(Message::parse(&long).unwrap_err().contains("cut off"));
    let mut loose = good;
    loose.extend([1, 2]);
    loose[3] += 2;
    assert!(Message::parse(&loose).unwrap_err().contains("behind"));
}

#[test]
fn a_tag_without_a_cookie_looks_like_none() {
    assert_eq!(new_tag((0, 0), true)[..4], COOKIE);
    let word = u64::from(u32::from_be_bytes(COOKIE)) << 32;
    assert_ne!(new_tag((word, 0), false)[..4], COOKIE);
    assert_ne!(new_tag((1, 1), true), new_tag((1, 2), true));
}
