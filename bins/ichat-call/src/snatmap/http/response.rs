//! Responses (RFC 9112 §4).

use std::time::SystemTime;

use super::date::http_date;

/// The statuses that are given (RFC 9110 §15, RFC 6585 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    UriTooLong,
    HeaderFieldsTooLarge,
    ServiceUnavailable,
    VersionNotSupported,
}

impl Status {
    /// Its number.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest => 400,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::ContentTooLarge => 413,
            Self::UriTooLong => 414,
            Self::HeaderFieldsTooLarge => 431,
            Self::ServiceUnavailable => 503,
            Self::VersionNotSupported => 505,
        }
    }

    /// Its phrase.
    fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::ContentTooLarge => "Content Too Large",
            Self::UriTooLong => "URI Too Long",
            Self::HeaderFieldsTooLarge => "Request Header Fields Too Large",
            Self::ServiceUnavailable => "Service Unavailable",
            Self::VersionNotSupported => "HTTP Version Not Supported",
        }
    }
}

/// Plain text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: Status,
    content_type: &'static str,
    body: String,
}

impl Response {
    /// A page.
    pub(crate) fn page(content_type: &'static str, body: String) -> Self {
        Self {
            status: Status::Ok,
            content_type,
            body,
        }
    }

    /// A status with a line of text that explains it.
    pub(crate) fn explained(status: Status, text: &str) -> Self {
        Self {
            status,
            content_type: TEXT,
            body: format!("{text}\n"),
        }
    }

    /// A status with nothing but its name.
    pub(crate) fn bare(status: Status) -> Self {
        Self::explained(status, status.reason())
    }

    /// Its octets; without the page itself where only the head was asked for.
    pub(super) fn encode(&self, now: SystemTime, only_head: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n",
            self.status.code(),
            self.status.reason(),
            http_date(now),
            self.content_type,
            self.body.len(),
        );
        if self.status == Status::MethodNotAllowed {
            text.push_str("Allow: GET, HEAD\r\n");
        }
        text.push_str("\r\n");
        if !only_head {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_length_with_and_without_its_body() {
        let page = Response::page(TEXT, "snatmap://192.0.2.1\n".into());
        let head = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
        let whole = page.encode(SystemTime::UNIX_EPOCH, false);
        assert_eq!(
            String::from_utf8(whole).unwrap(),
            format!("{head}snatmap://192.0.2.1\n")
        );
        let only = page.encode(SystemTime::UNIX_EPOCH, true);
        assert_eq!(String::from_utf8(only).unwrap(), head);
    }

    #[test]
    fn a_method_that_is_not_allowed_is_told_which_are() {
        let octets = Response::bare(Status::MethodNotAllowed).encode(SystemTime::UNIX_EPOCH, false);
        let text = String::from_utf8(octets).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nMethod Not Allowed\n"), "{text}");
    }
}
