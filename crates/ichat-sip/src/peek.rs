//! A look at a datagram before there is a user agent for it.

use crate::message::{Message, Method, NameAddr};

/// What tells whose a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// What it is.
    pub kind: PeekKind,
    /// The call's identity.
    pub call_id: String,
    /// The sender's display name, with iChat its IM id; a response's From is who asked.
    pub from_name: Option<String>,
    /// The other's display name.
    pub to_name: Option<String>,
    /// Whether To has a tag: in a request, whether it means to belong to a dialog.
    pub in_dialog: bool,
    /// The sender's software; iChat's begins with `Viceroy`.
    pub user_agent: Option<String>,
}

/// A method or a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeekKind {
    /// A request.
    Request(Method),
    /// A response.
    Response(u16),
}

/// Looks at a datagram; `None` where it is no SIP message with a Call-ID, From and To.
pub fn peek(octets: &[u8]) -> Option<Peek> {
    let message = Message::parse(octets).ok()?;
    let headers = message.headers();
    let name = |party: &NameAddr| party.display_name.clone();
    let to = headers.to().ok()?;
    Some(Peek {
        call_id: headers.call_id().ok()?.to_owned(),
        from_name: name(&headers.from().ok()?),
        to_name: name(&to),
        in_dialog: to.tag().is_some(),
        user_agent: headers.user_agent().map(str::to_owned),
        kind: match message {
            Message::Request(request) => PeekKind::Request(request.method),
            Message::Response(response) => PeekKind::Response(response.status),
        },
    })
}
