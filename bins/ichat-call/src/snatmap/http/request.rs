//! The head of a request (RFC 9112 §2 to §6).

use super::Status;

/// Octets that a head may have.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// Octets that a request's target may have.
const MAX_TARGET: usize = 2 * 1024;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Without scheme, host and query.
    pub(crate) path: &'a str,
}

/// How it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Other,
}

/// How many octets the head at the beginning of `octets` has, the empty line at its end included.
pub(super) fn head_len(octets: &[u8]) -> Option<usize> {
    let mut line = 0;
    let mut has_begun = false;
    for (place, octet) in octets.iter().enumerate() {
        if *octet != b'\n' {
            continue;
        }
        let is_empty = matches!(octets.get(line..place), Some([] | [b'\r']));
        // Empty lines before a request are passed over (RFC 9112 §2.2).
        if is_empty && has_begun {
            return Some(place + 1);
        }
        has_begun |= !is_empty;
        line = place + 1;
    }
    None
}

/// What to say to a head that is longer than [`MAX_HEAD`].
pub(super) fn too_long(octets: &[u8]) -> Status {
    let first = octets.trim_ascii_start();
    if first.contains(&b'\n') {
        Status::HeaderFieldsTooLarge
    } else {
        Status::UriTooLong
    }
}

impl<'a> Request<'a> {
    /// Reads a head, with or without the empty line at its end.
    ///
    /// # Errors
    /// The status that says what is wrong with it.
    pub(super) fn parse(head: &'a [u8]) -> Result<Self, Status> {
        let mut lines = head
            .split(|octet| *octet == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .skip_while(|line| line.is_empty());
        let start = lines.next().ok_or(Status::BadRequest)?;
        let start = std::str::from_utf8(start).map_err(|_| Status::BadRequest)?;
        let mut words = start.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Status::BadRequest);
        };
        if !is_token(method.as_bytes()) {
            return Err(Status::BadRequest);
        }
        let needs_host = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ if is_version(version) => return Err(Status::VersionNotSupported),
            _ => return Err(Status::BadRequest),
        };
        if target.len() > MAX_TARGET {
            return Err(Status::UriTooLong);
        }
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        let fields = Fields::parse(lines)?;
        if fields.hosts > 1 || (needs_host && fields.hosts == 0) {
            return Err(Status::BadRequest);
        }
        if fields.has_content && method != Method::Other {
            return Err(Status::ContentTooLarge);
        }
        Ok(Self {
            method,
            path: path(target).ok_or(Status::BadRequest)?,
        })
    }
}

/// What matters in the header fields.
#[derive(Debug, Default)]
struct Fields {
    hosts: usize,
    has_content: bool,
}

impl Fields {
    fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, Status> {
        let mut fields = Self::default();
        let mut length = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            let colon = line.iter().position(|octet| *octet == b':');
            let (name, value) = colon
                .and_then(|colon| line.split_at_checked(colon))
                .ok_or(Status::BadRequest)?;
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            // A folded line, or a space before the colon, is no token (RFC 9112 §5.1, §5.2).
            let is_text = |octet: &u8| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7f);
            if !is_token(name) || !value.iter().all(is_text) {
                return Err(Status::BadRequest);
            }
            if name.eq_ignore_ascii_case(b"host") {
                fields.hosts += 1;
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                fields.has_content = true;
            } else if name.eq_ignore_ascii_case(b"content-length") {
                let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                if !is_number || length.is_some_and(|length| length != value) {
                    return Err(Status::BadRequest);
                }
                length = Some(value);
                fields.has_content |= value.iter().any(|digit| *digit != b'0');
            }
        }
        Ok(fields)
    }
}

/// The path of a target in origin form or absolute form (RFC 9112 §3.2); that of other forms is
/// the target itself.
fn path(target: &str) -> Option<&str> {
    let is_visible = |c: char| c.is_ascii_graphic();
    if target.is_empty() || !target.chars().all(is_visible) {
        return None;
    }
    let scheme = "http://";
    let is_absolute = target
        .get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let path = if is_absolute {
        let rest = target.get(scheme.len()..)?;
        rest.find('/')
            .and_then(|slash| rest.get(slash..))
            .unwrap_or("/")
    } else {
        target
    };
    path.split(['?', '#']).next()
}

/// Whether it has the form `HTTP/1.1`.
fn is_version(text: &str) -> bool {
    matches!(
        text.as_bytes(),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit()
    )
}

/// RFC 9110 §5.6.2.
fn is_token(octets: &[u8]) -> bool {
    let is_part = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    !octets.is_empty() && octets.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Method, &str), Status> {
        Request::parse(text.as_bytes()).map(|request| (request.method, request.path))
    }

    #[test]
    fn requests_of_browsers_proxies_and_telnet_are_read() {
        for (text, path) in [
            ("GET /a HTTP/1.1\r\nHost: b\r\n\r\n", "/a"),
            ("GET /a HTTP/1.0\r\n\r\n", "/a"),
            ("GET /a HTTP/1.0\n\n", "/a"),
            ("\r\n\r\nGET /a?b=/c HTTP/1.1\r\nHost:\r\n\r\n", "/a"),
            (
                "GET http://b.example/a/c HTTP/1.1\r\nhost: b\r\n\r\n",
                "/a/c",
            ),
            ("GET HTTP://b.example HTTP/1.1\r\nHOST: b\r\n\r\n", "/"),
            (
                "GET /a HTTP/1.1\r\nHost: b\r\nX: \t \u{e9}\r\nContent-Length: 00\r\n\r\n",
                "/a",
            ),
        ] {
            assert_eq!(parse(text), Ok((Method::Get, path)), "{text:?}");
        }
        assert_eq!(parse("HEAD / HTTP/1.0\r\n\r\n"), Ok((Method::Head, "/")));
        let options = "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(parse(options), Ok((Method::Other, "*")));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_told() {
        for (text, status) in [
            ("", Status::BadRequest),
            ("\r\n\r\n", Status::BadRequest),
            ("GET /\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1 \r\nHost: b\r\n\r\n", Status::BadRequest),
            ("GET  / HTTP/1.1\r\nHost: b\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/11\r\nHost: a\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
                Status::VersionNotSupported,
            ),
            ("G\u{e9}T / HTTP/1.0\r\n\r\n", Status::BadRequest),
            ("G(T / HTTP/1.0\r\n\r\n", Status::BadRequest),
            ("GET /\u{e9} HTTP/1.0\r\n\r\n", Status::BadRequest),
            ("GET /\u{1} HTTP/1.0\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.0\r\nno colon\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.0\r\nHost : a\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.0\r\nA: b\r\n folded\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/1.0\r\n: b\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.0\r\nA: b\0c\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.0\r\nContent-Length: -1\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET / HTTP/1.0\r\nContent-Length:\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET / HTTP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                Status::ContentTooLarge,
            ),
            (
                "HEAD / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                Status::ContentTooLarge,
            ),
        ] {
            assert_eq!(parse(text), Err(status), "{text:?}");
        }
        let long = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(MAX_TARGET));
        assert_eq!(parse(&long), Err(Status::UriTooLong));
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        assert_eq!(head_len(b""), None);
        assert_eq!(head_len(b"GET / HTTP/1.0\r\n"), None);
        assert_eq!(head_len(b"GET / HTTP/1.0\r\n\r"), None);
        assert_eq!(head_len(b"GET / HTTP/1.0\r\n\r\nmore"), Some(18));
        assert_eq!(head_len(b"A\n\nmore"), Some(3));
        assert_eq!(head_len(b"\r\n\r\n\n"), None);
        assert_eq!(head_len(b"\r\nA\r\n\r\n"), Some(7));
    }

    #[test]
    fn every_beginning_of_a_request_and_every_changed_octet_is_taken_calmly() {
        let head = b"\r\nGET http://a/b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: y\r\n\r\n";
        for end in 0..head.len() {
            let _ = Request::parse(&head[..end]);
            assert_eq!(head_len(&head[..end]), None);
        }
        for place in 0..head.len() {
            for octet in 0..=255 {
                let mut changed = head.to_vec();
                changed[place] = octet;
                let _ = Request::parse(&changed);
                let _ = head_len(&changed);
            }
        }
    }

    #[test]
    fn a_head_that_is_too_long_is_told_by_what_is_long() {
        assert_eq!(too_long(b"\r\nGET /aaaaaaa"), Status::UriTooLong);
        assert_eq!(
            too_long(b"GET / HTTP/1.1\r\nX: aaa"),
            Status::HeaderFieldsTooLarge
        );
    }
}
