//! Methods: RFC 3261 §7.1, RFC 3428 (MESSAGE), RFC 6086 (INFO).

use std::fmt;

use super::text::is_token;

/// What a request asks for. Open: a method that is not named here is kept as it came.
///
/// Methods are case-sensitive (RFC 3261 §7.1), so `invite` is an [`Method::Other`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Begins or changes a call.
    Invite,
    /// Confirms the final answer to an INVITE; has no answer of its own.
    Ack,
    /// Ends a call.
    Bye,
    /// Takes back an INVITE that has no final answer.
    Cancel,
    /// Asks what the other side can do.
    Options,
    /// A text; iChat's "ping" (docs/protocol/sip.md, in the dialog \[G\]).
    Message,
    /// Mid-call information.
    Info,
    /// Any other token.
    Other(String),
}

impl Method {
    /// Reads a method; `None` where `text` is no token (RFC 3261 §25.1).
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "OPTIONS" => Self::Options,
            "MESSAGE" => Self::Message,
            "INFO" => Self::Info,
            other if is_token(other) => Self::Other(other.to_owned()),
            _ => return None,
        })
    }

    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Message => "MESSAGE",
            Self::Info => "INFO",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_read_and_print_alike() {
        for text in [
            "INVITE",
            "ACK",
            "BYE",
            "CANCEL",
            "OPTIONS",
            "MESSAGE",
            "INFO",
            "x!%*_+`'~",
        ] {
            assert_eq!(Method::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Method::parse("invite"),
            Some(Method::Other("invite".into()))
        );
        assert_eq!(Method::parse("IN VITE"), None);
        assert_eq!(Method::parse(""), None);
    }
}
