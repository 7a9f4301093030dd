//! STUN messages; the connectivity checks that are made of them are in `agent.rs`.

use std::net::SocketAddr;

use ichat_ice::stun::{
    self, Attribute, AttributeKind, CheckRequest, CheckUsername, HEADER_LEN, Message, MessageKind,
};

use crate::agent;

/// STUN: one message, and an agent under a script of checks, answers, lies and time.
pub fn stun(octets: &[u8]) {
    message(octets);
    agent::run(octets);
}

/// What can be read is written again, the same but for its padding.
fn message(octets: &[u8]) {
    let Ok(message) = Message::decode(octets) else {
        return;
    };
    let mut written = Vec::new();
    for attribute in message.attributes() {
        let end = attribute.offset + 4 + attribute.value.len();
        assert_eq!(octets[attribute.offset + 4..end], *attribute.value);
        written.extend(u16::from(attribute.kind).to_be_bytes());
        written.extend((attribute.value.len() as u16).to_be_bytes());
        written.extend(attribute.value);
        written.resize(written.len().next_multiple_of(4), 0);
    }
    // Only the padding of the last attribute may be missing.
    assert!((octets.len() - HEADER_LEN..octets.len() - HEADER_LEN + 4).contains(&written.len()));
    let mut again = u16::from(message.kind()).to_be_bytes().to_vec();
    again.extend((written.len() as u16).to_be_bytes());
    again.extend(message.transaction().octets());
    again.extend(&written);
    if written.len() <= usize::from(u16::MAX) {
        let again = Message::decode(&again).expect("what was written can be read");
        assert_eq!(again.kind(), message.kind());
        assert_eq!(again.transaction(), message.transaction());
        let pairs = |message: &Message<'_>| {
            let all = message.attributes();
            all.map(|Attribute { kind, value, .. }| (kind, value.to_vec()))
                .collect::<Vec<_>>()
        };
        assert_eq!(pairs(&again), pairs(&message));
    }
    let _ = stun::reflexive_address(&message);
    if let Some(code) = stun::error_code(&message) {
        assert!((300..700).contains(&code));
    }
    check(&message);
}

/// A check is written as it was understood, and its answer says what the protocol wants
/// (docs/protocol/connectivity.md, Binding success).
fn check(message: &Message<'_>) {
    let username = message.value(AttributeKind::Username);
    let source: SocketAddr = "[::ffff:203.0.113.9]:40001".parse().expect("an address");
    let answer = stun::answer(message, source, 3);
    let Some(username) = username.and_then(CheckUsername::decode) else {
        assert!(answer.is_none());
        return;
    };
    assert_eq!(CheckUsername::decode(&username.encode()), Some(username));
    let request = CheckRequest {
        transaction: message.transaction(),
        username,
        slot: message.slot().unwrap_or(3),
    };
    let written = request.encode();
    let read = Message::decode(&written).expect("a check of ours can be read");
    assert_eq!(read.kind(), MessageKind::BindingRequest);
    assert_eq!(read.transaction(), request.transaction);
    assert_eq!(read.slot(), Some(request.slot));

    let answer = answer.expect("an answer to 20 octets of username");
    let answer = Message::decode(&answer).expect("an answer of ours can be read");
    assert_eq!(answer.kind(), MessageKind::BindingSuccess);
    assert_eq!(answer.transaction(), message.transaction());
    let seen = SocketAddr::new(source.ip().to_canonical(), source.port());
    assert_eq!(answer.mapped_address(), Some(seen));
    assert_eq!(answer.slot(), Some(request.slot));
    let swapped = answer.value(AttributeKind::Username);
    let swapped = swapped.and_then(CheckUsername::decode);
    let expected = CheckUsername {
        receiver: username.sender,
        sender: username.receiver,
    };
    assert_eq!(swapped, Some(expected));
}
