//! As much of an HTTP/1.1 server (RFC 9112) as three small pages need.
//!
//! It is written here, and no library, because so little is needed: GET and HEAD of pages that are
//! made on the spot, one request a connection, no content, no chunks, no TLS. All of it is text of
//! 8 KiB at most, read with a deadline: what a full server is made for (pipelining, keep-alive,
//! streams, upgrades) would be there to be attacked only. [`request`] reads, [`response`] writes,
//! [`listener`] owns connections.
//!
//! Each limit has its status: 431 and 414 for a head or a target that is too long, 408 for one that
//! does not come, 413 for content, 405 for any other method. A connection too many closes the one
//! that has been idle longest: whoever opens connections and says nothing, shuts nobody out.

mod date;
mod listener;
mod request;
mod response;

pub(super) use listener::{Site, serve};
pub(super) use request::{Method, Request};
pub(super) use response::{Response, Status, TEXT};
