//! The HTTP requests that come to the page of `ichat-call snatmap`.
//!
//! The program is no library; its reader and its writer stand alone and are taken in as files.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "files of the program, of which the check uses its part"
)]

use std::time::SystemTime;

#[path = "../../../bins/ichat-call/src/snatmap/http/date.rs"]
mod date;
#[path = "../../../bins/ichat-call/src/snatmap/http/request.rs"]
mod request;
#[path = "../../../bins/ichat-call/src/snatmap/http/response.rs"]
mod response;

use request::{Method, Request, head_len, too_long};
use response::{Response, Status};

/// Octets of one read of the program's.
const CHUNK: usize = 1024;

/// HTTP: a head is found however it comes, read, and answered.
pub fn http(octets: &[u8]) {
    let head = head(octets);
    let refused = match Request::parse(octets) {
        Ok(request) => {
            is_sound(&request, octets);
            None
        }
        Err(status) => Some(status),
    };
    if let Some(head) = head {
        // What follows the head is not looked at.
        let alone = Request::parse(head);
        assert_eq!(alone.err(), refused);
    }
    let long = too_long(octets);
    assert!(matches!(
        long,
        Status::HeaderFieldsTooLarge | Status::UriTooLong
    ));
    for status in refused.into_iter().chain([long]) {
        is_whole(&Response::bare(status), status);
    }
}

/// A head ends where it ends, however much has come after it, and not before.
fn head(octets: &[u8]) -> Option<&[u8]> {
    let len = head_len(octets);
    let ends = (CHUNK..octets.len()).step_by(CHUNK);
    for end in ends {
        let expected = len.filter(|len| *len <= end);
        assert_eq!(head_len(&octets[..end]), expected);
    }
    let len = len?;
    let (head, _) = octets.split_at(len);
    assert!(head.ends_with(b"\n"));
    assert_eq!(head_len(head), Some(len));
    assert_eq!(head_len(&head[..len - 1]), None);
    Some(head)
}

/// Whatever is taken for a request has a visible path of its own, no query, and no content.
fn is_sound(request: &Request<'_>, octets: &[u8]) {
    let path = request.path.as_bytes();
    assert!(path.iter().all(u8::is_ascii_graphic));
    assert!(!path.iter().any(|octet| b"?# ".contains(octet)));
    assert!(path.is_empty() || octets.windows(path.len()).any(|window| window == path));
    if request.method != Method::Other {
        let head = octets.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.trim_start_matches(['\r', '\n']).lines().skip(1);
        let chunked = |line: &str| line.starts_with("transfer-encoding:");
        assert!(
            !lines
                .by_ref()
                .take_while(|line| !line.is_empty())
                .any(chunked)
        );
    }
}

/// An answer has one head, and as much after it as that says.
fn is_whole(response: &Response, status: Status) {
    let octets = response.encode(SystemTime::UNIX_EPOCH, false);
    let text = String::from_utf8(octets).expect("an answer is text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", status.code())));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
}
