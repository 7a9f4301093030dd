//! Binding toward ordinary STUN servers: where does the world see this socket?

use std::net::SocketAddr;

use super::{AttributeKind, HEADER_LEN, Message, MessageKind, TransactionId};

/// Octets of a Binding request to a server: the header alone.
pub const BINDING_REQUEST_LEN: usize = HEADER_LEN;

/// A Binding request without attributes, which servers of RFC 3489 and RFC 8489 both answer.
pub fn binding_request(transaction: &TransactionId) -> [u8; BINDING_REQUEST_LEN] {
    let mut octets = [0; BINDING_REQUEST_LEN];
    let kind = u16::from(MessageKind::BindingRequest).to_be_bytes();
    let from = kind.into_iter().chain([0, 0]).chain(*transaction.octets());
    for (octet, from) in octets.iter_mut().zip(from) {
        *octet = from;
    }
    octets
}

/// The address that a server saw: XOR-MAPPED-ADDRESS where there is one, since some NATs rewrite
/// every plain address that they recognise; else MAPPED-ADDRESS (RFC 3489 §11.2.1).
pub fn reflexive_address(response: &Message<'_>) -> Option<SocketAddr> {
    response
        .xor_mapped_address()
        .or_else(|| response.mapped_address())
}

/// The number in ERROR-CODE, 300 to 699 (RFC 8489 §14.8).
pub fn error_code(response: &Message<'_>) -> Option<u16> {
    let [_, _, class, number, ..] = response.value(AttributeKind::ErrorCode)? else {
        return None;
    };
    let code = u16::from(class & 0b111) * 100 + u16::from(*number);
    (300..700).contains(&code).then_some(code)
}
