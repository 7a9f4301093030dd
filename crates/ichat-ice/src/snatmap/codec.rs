//! The two messages.

use std::net::{Ipv4Addr, SocketAddrV4};

use thiserror::Error;

/// Octets of a message, either way.
pub const MESSAGE_LEN: usize = 16;
/// First word of a request.
const REQUEST: u32 = 1;
/// First word of a response.
const RESPONSE: u32 = 2;
/// The last two octets of a request, as later software writes them.
///
/// Source: `docs/protocol/snatmap.md`, messages \[D\].
const FILLER: [u8; 2] = [0xaa, 0xaa];

/// What a client asks: how do you see me?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Tells the response; 31 random bits.
    pub nonce: u32,
    /// The client's own address, for whoever cares.
    pub local: SocketAddrV4,
}

impl Request {
    /// Writes it.
    pub fn encode(&self) -> [u8; MESSAGE_LEN] {
        encode(REQUEST, self.nonce, self.local, FILLER)
    }
}

/// What the server answers: the source that it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Response {
    /// The request's.
    pub nonce: u32,
    /// The source of the request.
    pub external: SocketAddrV4,
}

impl Response {
    /// Writes it, the address inverted, so that NATs which rewrite addresses inside of packets leave
    /// it alone.
    pub fn encode(&self) -> [u8; MESSAGE_LEN] {
        encode(RESPONSE, self.nonce, inverted(self.external), [0, 0])
    }
}

/// Either message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a server.
    Request(Request),
    /// From a server.
    Response(Response),
}

impl Message {
    /// Reads a message. The last two octets are not looked at.
    ///
    /// # Errors
    /// Where there are not exactly 16 octets, or the first word is neither 1 nor 2.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let Ok(message): Result<&[u8; MESSAGE_LEN], _> = octets.try_into() else {
            return Err(DecodeError::Length {
                expected: MESSAGE_LEN,
                found: octets.len(),
            });
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, _, _] = *message;
        let nonce = u32::from_be_bytes([e, f, g, h]);
        let address = SocketAddrV4::new(Ipv4Addr::new(i, j, k, l), u16::from_be_bytes([m, n]));
        match u32::from_be_bytes([a, b, c, d]) {
            REQUEST => Ok(Self::Request(Request {
                nonce,
                local: address,
            })),
            RESPONSE => Ok(Self::Response(Response {
                nonce,
                external: inverted(address),
            })),
            found => Err(DecodeError::Kind { found }),
        }
    }
}

fn encode(kind: u32, nonce: u32, address: SocketAddrV4, end: [u8; 2]) -> [u8; MESSAGE_LEN] {
    let [a, b, c, d] = kind.to_be_bytes();
    let [e, f, g, h] = nonce.to_be_bytes();
    let [i, j, k, l] = address.ip().octets();
    let [m, n] = address.port().to_be_bytes();
    let [o, p] = end;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

fn inverted(address: SocketAddrV4) -> SocketAddrV4 {
    SocketAddrV4::new(!*address.ip(), !address.port())
}

/// Why octets are no SNATMAP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Too few octets, or too many.
    #[error("no SNATMAP message: expected {expected} octets, found {found}")]
    Length {
        /// Octets of a message.
        expected: usize,
        /// Octets that are there.
        found: usize,
    },
    /// Neither request nor response.
    #[error("no SNATMAP message at offset 0: expected 1 or 2, found {found}")]
    Kind {
        /// The first word.
        found: u32,
    },
}
