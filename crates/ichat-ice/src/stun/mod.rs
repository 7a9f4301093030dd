//! STUN octets: Apple's dialect of connectivity checks, and Binding toward ordinary servers.
//!
//! Every message has a header of 20 octets, then attributes.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 2 | type: 0x0001 request, 0x0101 success, 0x0111 error |
//! | 2 | 2 | octets of all attributes |
//! | 4 | 16 | RFC 8489: the cookie 0x2112A442, then 12 octets; RFC 3489: 16 octets, no cookie |
//!
//! An attribute is type (2), length (2), value, padding to the next multiple of 4.
//!
//! Source: `docs/protocol/connectivity.md`; RFC 8489 §5, §14; RFC 3489 §11.1.

mod attribute;
mod binding;
mod check;
mod message;
mod packet;

pub use attribute::{Attribute, AttributeKind, Attributes};
pub use binding::{BINDING_REQUEST_LEN, binding_request, error_code, reflexive_address};
pub use check::{CHECK_REQUEST_LEN, CheckRequest, CheckUsername, answer};
pub use message::{DecodeError, HEADER_LEN, MAGIC_COOKIE, Message, MessageKind, TransactionId};
pub use packet::Packet;
