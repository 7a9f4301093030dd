//! Messages to octets: RFC 3261 §7.

use std::io::Write;

use super::{HeaderName, Headers, Request, Response};

impl Request {
    /// Its octets. Content-Length is always there and always right: in its place where the headers
    /// have one, else last.
    pub fn encode(&self) -> Vec<u8> {
        encode(
            format_args!("{} {} SIP/2.0", self.method, self.uri),
            &self.headers,
            &self.body,
        )
    }
}

impl Response {
    /// Its octets; see [`Request::encode`].
    pub fn encode(&self) -> Vec<u8> {
        encode(
            format_args!("SIP/2.0 {} {}", self.status, self.reason),
            &self.headers,
            &self.body,
        )
    }
}

fn encode(start: std::fmt::Arguments<'_>, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + body.len());
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a vector cannot fail.
        let _ = out.write_fmt(format_args!("{line}\r\n"));
    };
    line(start);
    let mut length_written = false;
    for header in headers.iter() {
        if header.name != HeaderName::ContentLength {
            line(format_args!("{}: {}", header.name, header.value));
        } else if !length_written {
            length_written = true;
            line(format_args!("{}: {}", header.name, body.len()));
        }
    }
    if !length_written {
        line(format_args!(
            "{}: {}",
            HeaderName::ContentLength,
            body.len()
        ));
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}
