//! SNATMAP, 16 octets each way (docs/protocol/snatmap.md \[P, D\]).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

const LENGTH: usize = 16;
const REQUEST: [u8; 4] = [0, 0, 0, 1];
const RESPONSE: [u8; 4] = [0, 0, 0, 2];
const FILLER: [u8; 2] = [0, 0];

/// The response to a request, if it is one and comes over IPv4.
pub(super) fn answer(request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let IpAddr::V4(address) = source.ip() else {
        return None;
    };
    if request.len() != LENGTH || !request.starts_with(&REQUEST) {
        return None;
    }
    let nonce = request.get(4..8)?;
    let mut response = Vec::with_capacity(LENGTH);
    response.extend(RESPONSE);
    response.extend(nonce);
    response.extend((!address.to_bits()).to_be_bytes());
    response.extend((!source.port()).to_be_bytes());
    response.extend(FILLER);
    Some(response)
}

/// A request.
pub(crate) fn query(nonce: u32, local: SocketAddrV4) -> Vec<u8> {
    let mut request = Vec::with_capacity(LENGTH);
    request.extend(REQUEST);
    request.extend(nonce.to_be_bytes());
    request.extend(local.ip().octets());
    request.extend(local.port().to_be_bytes());
    request.extend(FILLER);
    request
}

/// The mapped address in the response to the request with this nonce.
pub(crate) fn mapped_address(response: &[u8], nonce: u32) -> Option<SocketAddrV4> {
    let rest = response.strip_prefix(&RESPONSE)?;
    let rest = rest.strip_prefix(&nonce.to_be_bytes())?;
    let (address, rest) = rest.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    if rest.len() != FILLER.len() {
        return None;
    }
    let address = Ipv4Addr::from_bits(!u32::from_be_bytes(*address));
    Some(SocketAddrV4::new(address, !u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapped_address_comes_back_inverted() {
        let request = query(0x0102_0304, "10.0.0.2:16402".parse().unwrap());
        assert_eq!(
            hex(&request),
            concat!(
                "00000001", // request
                "01020304", // nonce
                "0a000002", // local address
                "4012",     // local port
                "0000",     // filler
            )
        );
        let response = answer(&request, "203.0.113.7:40000".parse().unwrap()).unwrap();
        assert_eq!(
            hex(&response),
            concat!(
                "00000002", // response
                "01020304", // nonce
                "34ff8ef8", // NOT 203.0.113.7
                "63bf",     // NOT 40000
                "0000",     // filler
            )
        );
        assert_eq!(
            mapped_address(&response, 0x0102_0304),
            Some("203.0.113.7:40000".parse().unwrap())
        );
        assert_eq!(mapped_address(&response, 1), None);
    }

    #[test]
    fn what_is_no_request_is_not_answered() {
        let source: SocketAddr = "203.0.113.7:40000".parse().unwrap();
        let request = query(1, "10.0.0.2:16402".parse().unwrap());
        assert_eq!(answer(&request[..15], source), None);
        assert_eq!(answer(&[&request[..], &[0]].concat(), source), None);
        let response = answer(&request, source).unwrap();
        assert_eq!(answer(&response, source), None);
        assert_eq!(answer(&request, "[2001:db8::1]:1".parse().unwrap()), None);
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}
