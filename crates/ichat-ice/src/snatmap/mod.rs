//! SNATMAP, Apple's address reflector: 16 octets each way over UDP, port 5678.
//!
//! | offset | size | request | response |
//! |---:|---:|---|---|
//! | 0 | 4 | 1 | 2 |
//! | 4 | 4 | nonce, 31 random bits | the same |
//! | 8 | 4 | local IPv4 address | external IPv4 address, every bit inverted |
//! | 12 | 2 | local port | external port, every bit inverted |
//! | 14 | 2 | filler, `aaaa` | zero |
//!
//! All integers are big-endian. Here are the octets, the server ([`respond`], [`Server`],
//! [`RateTable`]) and the page that sends old Macs to it ([`page`]). The client is
//! [`Reflector`](crate::Reflector), which asks STUN servers too.
//!
//! Source: `docs/protocol/snatmap.md` \[P, D\].

mod codec;
mod page;
mod rate;
mod server;

pub use codec::{DecodeError, MESSAGE_LEN, Message, Request, Response};
pub use page::{DEFAULT_PORT, Location, PAGE_PATH, page};
pub use rate::RateTable;
pub use server::{Counters, Server, ServerConfig, respond};
