//! Binding requests of STUN (RFC 8489), also of its first form without cookie (RFC 3489).

use std::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const MAPPED_ADDRESS: [u8; 2] = [0x00, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// The success response to a Binding request: XOR-MAPPED-ADDRESS where the request has the cookie,
/// MAPPED-ADDRESS where it has not. Attributes of the request are not looked at.
pub(super) fn answer(request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = request.split_first_chunk::<HEADER>()?;
    let (kind, header) = header.split_first_chunk::<2>()?;
    let (length, transaction) = header.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if *kind != BINDING_REQUEST || length != attributes.len() || length % 4 != 0 {
        return None;
    }
    let attribute = if transaction.starts_with(&COOKIE) {
        attribute(XOR_MAPPED_ADDRESS, source, transaction)
    } else {
        attribute(MAPPED_ADDRESS, source, &[0; 16])
    };
    let mut response = Vec::with_capacity(HEADER + attribute.len());
    response.extend(BINDING_SUCCESS);
    response.extend(u16::try_from(attribute.len()).ok()?.to_be_bytes());
    response.extend(transaction);
    response.extend(attribute);
    Some(response)
}

/// An address attribute; port and address are combined with the beginning of `mask`.
fn attribute(kind: [u8; 2], address: SocketAddr, mask: &[u8]) -> Vec<u8> {
    let combine = |octets: &[u8]| -> Vec<u8> {
        octets
            .iter()
            .zip(mask)
            .map(|(octet, mask)| octet ^ mask)
            .collect()
    };
    let (family, octets) = match address.ip() {
        IpAddr::V4(address) => (IPV4, combine(&address.octets())),
        IpAddr::V6(address) => (IPV6, combine(&address.octets())),
    };
    let length = if family == IPV4 { 8_u16 } else { 20 };
    let mut attribute = Vec::with_capacity(24);
    attribute.extend(kind);
    attribute.extend(length.to_be_bytes());
    attribute.extend([0, family]);
    attribute.extend(combine(&address.port().to_be_bytes()));
    attribute.extend(octets);
    attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSACTION: [u8; 12] = *b"0123456789ab";

    fn request(head: &[u8]) -> Vec<u8> {
        [&[0, 1, 0, 0], head, &TRANSACTION[..]].concat()
    }

    #[test]
    fn with_cookie_the_address_is_combined_with_it() {
        let response = answer(&request(&COOKIE), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(response[..4], [1, 1, 0, 12]); // success, length
        assert_eq!(response[8..20], TRANSACTION);
        assert_eq!(
            response[20..],
            [
                0x00, 0x20, 0x00, 0x08, // XOR-MAPPED-ADDRESS, 8 octets
                0x00, 0x01, 0xa1, 0x47, // IPv4, port (RFC 5769 §2.2)
                0xe1, 0x12, 0xa6, 0x43, // address (RFC 5769 §2.2)
            ]
        );
    }

    #[test]
    fn ipv6_is_combined_with_cookie_and_transaction() {
        // RFC 5769 §2.3
        let transaction = [
            0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
            0xdf, 0xae,
        ];
        let request = [&[0, 1, 0, 0], &transaction[..]].concat();
        let source = "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
            .parse()
            .unwrap();
        let response = answer(&request, source).unwrap();
        assert_eq!(
            response[20..],
            [
                0x00, 0x20, 0x00, 0x14, // XOR-MAPPED-ADDRESS, 20 octets
                0x00, 0x02, 0xa1, 0x47, // IPv6, port
                0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, // address
                0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
            ]
        );
    }

    #[test]
    fn without_cookie_the_address_is_plain_and_all_sixteen_octets_come_back() {
        let response = answer(&request(b"abcd"), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(response[4..8], *b"abcd");
        assert_eq!(response[8..20], TRANSACTION);
        assert_eq!(response[20..], [0, 1, 0, 8, 0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }

    #[test]
    fn what_is_no_request_is_not_answered() {
        let source: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let good = request(&COOKIE);
        assert_eq!(answer(&good[..19], source), None);
        assert_eq!(answer(&[&good[..], &[0; 4]].concat(), source), None);
        let response = answer(&good, source).unwrap();
        assert_eq!(answer(&response, source), None);
    }
}
