//! Messages: RFC 3261 §7. Read liberally, written in the simplest form.

mod header;
mod host;
mod method;
mod parameters;
mod parse;
mod print;
mod status;
pub(crate) mod text;
mod uri;

pub use self::{
    header::{ALLOWED_METHODS, CSeq, Header, HeaderError, HeaderName, Headers, NameAddr, Via},
    host::Host,
    method::Method,
    parameters::Parameters,
    parse::{MAX_HEADERS, MAX_MESSAGE_OCTETS, ParseError},
    status::reason_phrase,
    uri::{SipUri, Uri},
};

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Asks for something.
    Request(Request),
    /// Answers.
    Response(Response),
}

/// A request (RFC 3261 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub method: Method,
    /// Whom it asks; means nothing with iChat.
    pub uri: Uri,
    /// Its headers, in order.
    pub headers: Headers,
    /// Its body, empty where there is none.
    pub body: Vec<u8>,
}

/// A response (RFC 3261 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// The phrase after it; may be empty.
    pub reason: String,
    /// Its headers, in order.
    pub headers: Headers,
    /// Its body, empty where there is none.
    pub body: Vec<u8>,
}

impl Message {
    /// The headers of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body of either kind.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The octets of either kind.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.encode(),
            Self::Response(response) => response.encode(),
        }
    }
}

impl Response {
    /// An answer to `request` with the customary phrase: every Via, From, To, Call-ID and CSeq are
    /// the request's, word for word and in this order (RFC 3261 §8.2.6.2). A To without a tag gets
    /// `tag`, unless that is empty (100 needs none).
    pub fn to(request: &Request, status: u16, tag: &str) -> Self {
        let mut headers = Headers::new();
        for name in [HeaderName::Via, HeaderName::From] {
            headers.copy(&name, &request.headers);
        }
        match request.headers.to() {
            Ok(to) if to.tag().is_none() && !tag.is_empty() => {
                headers.push(HeaderName::To, with_tag(&request.headers, &to, tag));
            }
            Ok(_) | Err(_) => headers.copy(&HeaderName::To, &request.headers),
        }
        for name in [HeaderName::CallId, HeaderName::CSeq] {
            headers.copy(&name, &request.headers);
        }
        Self {
            status,
            reason: reason_phrase(status).to_owned(),
            headers,
            body: Vec::new(),
        }
    }
}

/// The To of a request with a tag: its own text where that is in brackets and has no tag at all,
/// else written anew.
fn with_tag(headers: &Headers, to: &NameAddr, tag: &str) -> String {
    let text = headers.text(&HeaderName::To).unwrap_or_default();
    if text.contains('>') && !to.parameters.contains("tag") {
        format!("{text};tag={tag}")
    } else {
        to.clone().with_tag(tag).to_string()
    }
}
