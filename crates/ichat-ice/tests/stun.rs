//! STUN octets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what fails in a test may panic"
)]

use std::net::SocketAddr;

use ichat_ice::stun::{
    self, AttributeKind, CheckRequest, CheckUsername, DecodeError, Message, MessageKind,
    TransactionId,
};
use ichat_invitation::CandidateId;
use proptest::prelude::*;
use stun_types::attribute::{Fingerprint, RawAttribute, Software, XorMappedAddress};
use stun_types::message::MessageWriteVec;
use stun_types::prelude::*;

fn vectors() -> serde_json::Value {
    let text = include_str!("vectors/connectivity.json");
    serde_json::from_str::<serde_json::Value>(text).unwrap()["stun"].clone()
}

fn octets(value: &serde_json::Value) -> Vec<u8> {
    let hex = value.as_str().unwrap();
    (0..hex.len() / 2)
        .map(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap())
        .collect()
}

fn id(value: &serde_json::Value) -> CandidateId {
    CandidateId(octets(value).try_into().unwrap())
}

fn address(value: &serde_json::Value) -> SocketAddr {
    let port = u16::try_from(value[1].as_u64().unwrap()).unwrap();
    SocketAddr::new(value[0].as_str().unwrap().parse().unwrap(), port)
}

fn transaction(message: &[u8]) -> TransactionId {
    Message::decode(message).unwrap().transaction()
}

#[test]
fn checks_are_exact_to_the_octet_with_and_without_the_cookie() {
    let vectors = vectors();
    for (name, cookie) in [("request", true), ("request_without_cookie", false)] {
        let expected = octets(&vectors[name]);
        let transaction = transaction(&expected);
        assert_eq!(transaction.has_cookie(), cookie);
        let request = CheckRequest {
            transaction,
            username: CheckUsername {
                receiver: id(&vectors["receiver_id"]),
                sender: id(&vectors["sender_id"]),
            },
            slot: 0,
        };
        assert_eq!(request.encode()[..], expected);
        assert_eq!(expected.len(), 52);
    }
}

#[test]
fn a_check_is_read_to_every_value() {
    let vectors = vectors();
    let request = octets(&vectors["request_without_cookie"]);
    let message = Message::decode(&request).unwrap();
    assert_eq!(message.kind(), MessageKind::BindingRequest);
    let username = message.value(AttributeKind::Username).unwrap();
    let username = CheckUsername::decode(username).unwrap();
    assert_eq!(username.receiver, id(&vectors["receiver_id"]));
    assert_eq!(username.sender, id(&vectors["sender_id"]));
    assert_eq!(message.slot(), Some(0));
    let offsets: Vec<usize> = message
        .attributes()
        .map(|attribute| attribute.offset)
        .collect();
    assert_eq!(offsets, [20, 44]);
}

#[test]
fn answers_are_exact_to_the_octet() {
    let vectors = vectors();
    let request = octets(&vectors["request"]);
    let message = Message::decode(&request).unwrap();
    for name in ["response", "response_ipv6"] {
        let source = address(&vectors[format!("{name}_mapped_address")]);
        let expected = octets(&vectors[name]);
        let answer = stun::answer(&message, source, 9).unwrap();
        assert_eq!(answer[..], expected, "{name}");
        let read = Message::decode(&expected).unwrap();
        assert_eq!(read.mapped_address(), Some(source));
        assert_eq!(read.kind(), MessageKind::BindingSuccess);
    }
    // An IPv4 source that an IPv6 socket saw is written as IPv4.
    let source = "[::ffff:192.168.1.132]:16402".parse().unwrap();
    let answer = stun::answer(&message, source, 0).unwrap();
    assert_eq!(answer[..], octets(&vectors["response"]));
}

#[test]
fn an_answer_repeats_octets_4_to_19_without_the_cookie_too() {
    let request = octets(&vectors()["request_without_cookie"]);
    let message = Message::decode(&request).unwrap();
    let answer = stun::answer(&message, "192.0.2.1:1".parse().unwrap(), 0).unwrap();
    assert_eq!(answer[4..20], request[4..20]);
    assert_eq!(answer.len(), 64);
}

/// The vector's check with more attributes behind.
fn extended(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut request = octets(&vectors()["request"]);
    for (kind, value) in attributes {
        request.extend(kind.to_be_bytes());
        request.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        request.extend(*value);
        request.resize(request.len().next_multiple_of(4), 0);
    }
    let length = u16::try_from(request.len() - 20).unwrap();
    request[2..4].copy_from_slice(&length.to_be_bytes());
    request
}

fn kinds(message: &Message<'_>) -> Vec<u16> {
    message
        .attributes()
        .map(|attribute| attribute.kind.into())
        .collect()
}

#[test]
fn version_and_time_are_given_back_only_where_they_came() {
    let source = "192.0.2.1:1".parse().unwrap();
    let (version, time): (&[u8], &[u8]) = (&[0, 0, 0, 3], &[1, 2, 3, 4]);
    for (sent, answered) in [
        (vec![(0x8003, version)], vec![6, 1, 0x8001, 0x8003]),
        (
            vec![(0x8004, time), (0x8003, version)],
            vec![6, 1, 0x8001, 0x8003, 0x8004, 0x8005],
        ),
        (vec![(0x8004, time)], vec![6, 1, 0x8001]),
        // Newer peers add these: not known, and no reason to refuse.
        (
            vec![
                (0x8029, time),
                (0x802a, time),
                (0x0025, &[]),
                (0x8008, &[1]),
            ],
            vec![6, 1, 0x8001],
        ),
    ] {
        let request = extended(&sent);
        let answer = stun::answer(&Message::decode(&request).unwrap(), source, 0).unwrap();
        let answer = Message::decode(&answer).unwrap();
        assert_eq!(kinds(&answer), answered);
        if answered.contains(&0x8005) {
            assert_eq!(answer.value(AttributeKind::Version), Some(version));
            assert_eq!(answer.value(AttributeKind::Time), Some(time));
            assert_eq!(answer.value(AttributeKind::Delay), Some(&[0; 4][..]));
        }
    }
    // The longest that is given back fits with an IPv6 address; a longer one is left out.
    let long = [7; 32];
    let request = extended(&[(0x8003, &long), (0x8004, &long)]);
    let source = "[2001:db8::1]:1".parse().unwrap();
    let answer = stun::answer(&Message::decode(&request).unwrap(), source, 0).unwrap();
    assert_eq!(kinds(&Message::decode(&answer).unwrap()).len(), 6);
    let request = extended(&[(0x8003, &[7; 33])]);
    let answer = stun::answer(&Message::decode(&request).unwrap(), source, 0).unwrap();
    assert_eq!(kinds(&Message::decode(&answer).unwrap()).len(), 3);
}

#[test]
fn a_request_without_a_username_of_20_octets_is_no_check() {
    let transaction = TransactionId::with_cookie([1; 12]);
    let source = "192.0.2.1:1".parse().unwrap();
    let plain = stun::binding_request(&transaction);
    assert!(stun::answer(&Message::decode(&plain).unwrap(), source, 0).is_none());
    let mut text = plain.to_vec();
    text.extend([0, 6, 0, 4]);
    text.extend(b"ab:c");
    text[3] = 8;
    assert!(stun::answer(&Message::decode(&text).unwrap(), source, 0).is_none());
}

#[test]
fn every_truncation_is_an_error() {
    let vectors = vectors();
    for name in [
        "request",
        "request_without_cookie",
        "response",
        "response_ipv6",
    ] {
        let whole = octets(&vectors[name]);
        assert!(Message::decode(&whole).is_ok());
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(Message::decode(cut).is_err(), "{name} cut to {length}");
            // The same with a length field that fits, so that the cut goes through an attribute.
            let Some(attributes) = length.checked_sub(20) else {
                continue;
            };
            let mut mended = cut.to_vec();
            mended[2..4].copy_from_slice(&u16::try_from(attributes).unwrap().to_be_bytes());
            let ends_between =
                [20, 44, 56].contains(&length) || (name == "response_ipv6" && length == 68);
            let between = ends_between && kinds_end(&whole, length);
            match Message::decode(&mended) {
                Ok(_) => assert!(between, "{name} cut to {length}"),
                Err(DecodeError::Attribute {
                    offset,
                    expected,
                    found,
                }) => {
                    assert!(!between && offset <= length && found < expected);
                }
                Err(other) => panic!("{name} cut to {length}: {other}"),
            }
        }
    }
}

/// Whether an attribute of a whole message ends at `offset`.
fn kinds_end(whole: &[u8], offset: usize) -> bool {
    let message = Message::decode(whole).unwrap();
    let starts: Vec<usize> = message
        .attributes()
        .map(|attribute| attribute.offset)
        .collect();
    offset == 20 || starts.contains(&offset)
}

#[test]
fn headers_that_are_none_are_told_apart() {
    assert_eq!(
        Message::decode(&[0; 19]).unwrap_err(),
        DecodeError::Short {
            expected: 20,
            found: 19
        }
    );
    let mut octets = [0; 20];
    octets[0] = 0x80;
    assert_eq!(
        Message::decode(&octets).unwrap_err(),
        DecodeError::NotStun { found: 0x80 }
    );
    octets[0] = 0;
    octets[3] = 4;
    assert_eq!(
        Message::decode(&octets).unwrap_err(),
        DecodeError::Length {
            expected: 4,
            found: 0
        }
    );
}

#[test]
fn padding_that_is_missing_at_the_end_is_not_missed() {
    let mut message = stun::binding_request(&TransactionId::with_cookie([1; 12])).to_vec();
    message.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c']);
    message[3] = 7;
    let message = Message::decode(&message).unwrap();
    assert_eq!(
        message.value(AttributeKind::Unknown(0x8022)),
        Some(&b"abc"[..])
    );
}

#[test]
fn an_independent_reader_reads_our_request_and_we_read_its_answers() {
    let transaction = TransactionId::with_cookie(*b"abcdefghijkl");
    let request = stun::binding_request(&transaction);
    let theirs = stun_types::message::Message::from_bytes(&request).unwrap();
    assert!(theirs.has_method(stun_types::message::BINDING) && !theirs.is_response());
    for text in ["203.0.113.9:40001", "[2001:db8::9]:40001"] {
        let mapped: SocketAddr = text.parse().unwrap();
        let mut answer =
            stun_types::message::Message::builder_success(&theirs, MessageWriteVec::new());
        let software = Software::new("a name of 11").unwrap();
        answer.add_attribute(&software).unwrap();
        let plain: SocketAddr = "198.51.100.1:1".parse().unwrap();
        let value = [0, 1, 0, 1, 198, 51, 100, 1];
        answer
            .add_attribute(&RawAttribute::new(1.into(), &value))
            .unwrap();
        let xor = XorMappedAddress::new(mapped, theirs.transaction_id());
        answer.add_attribute(&xor).unwrap();
        answer.add_fingerprint().unwrap();
        let answer = answer.finish();
        let message = Message::decode(&answer).unwrap();
        assert_eq!(message.transaction(), transaction);
        assert_eq!(stun::reflexive_address(&message), Some(mapped));
        assert_eq!(message.mapped_address(), Some(plain));
        assert!(
            message
                .value(AttributeKind::Unknown(u16::from(Fingerprint::TYPE)))
                .is_some()
        );
    }
}

#[test]
fn a_server_of_rfc_3489_is_understood() {
    let transaction = TransactionId::with_cookie([9; 12]);
    let mut answer = stun::binding_request(&transaction).to_vec();
    answer[..4].copy_from_slice(&[1, 1, 0, 36]);
    answer.extend([0, 1, 0, 8, 0, 1, 0x9c, 0x41, 203, 0, 113, 9]); // MAPPED-ADDRESS
    answer.extend([0, 4, 0, 8, 0, 1, 0x0d, 0x96, 192, 0, 2, 1]); // SOURCE-ADDRESS
    answer.extend([0, 5, 0, 8, 0, 1, 0x0d, 0x97, 192, 0, 2, 2]); // CHANGED-ADDRESS
    let message = Message::decode(&answer).unwrap();
    assert_eq!(
        stun::reflexive_address(&message),
        Some("203.0.113.9:40001".parse().unwrap())
    );
}

#[test]
fn nothing_is_allocated_to_read_and_answer_a_check() {
    let request = octets(&vectors()["request"]);
    let source = "192.168.1.132:16402".parse().unwrap();
    let used = allocation_counter::measure(|| {
        let message = Message::decode(&request).unwrap();
        assert!(stun::answer(&message, source, 0).is_some());
    });
    assert_eq!(used.count_total, 0);
}

proptest! {
    #[test]
    fn random_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&octets) {
            let _ = stun::answer(&message, "192.0.2.1:1".parse().unwrap(), 0);
            let _ = (stun::reflexive_address(&message), stun::error_code(&message));
        }
    }

    #[test]
    fn random_attributes_never_panic(
        kind in prop_oneof![Just(0x0001_u16), Just(0x0101), Just(0x0111), any::<u16>()],
        attributes in prop::collection::vec(
            (
                prop_oneof![
                    Just(1_u16), Just(6), Just(9), Just(0x20), Just(0x8001), Just(0x8003),
                    Just(0x8004), any::<u16>()
                ],
                prop::collection::vec(any::<u8>(), 0..40),
            ),
            0..6,
        ),
    ) {
        let attributes: Vec<(u16, &[u8])> = attributes
            .iter()
            .map(|(kind, value)| (*kind, value.as_slice()))
            .collect();
        let mut octets = extended(&attributes);
        octets[..2].copy_from_slice(&(kind & 0x3fff).to_be_bytes());
        let message = Message::decode(&octets).unwrap();
        prop_assert_eq!(message.attributes().count(), attributes.len() + 2);
        let source = "[2001:db8::1]:1".parse().unwrap();
        if let Some(answer) = stun::answer(&message, source, 0) {
            prop_assert!(Message::decode(&answer).is_ok());
        }
        let _ = (stun::reflexive_address(&message), stun::error_code(&message));
    }
}
