//! Why a connection ended, or why a stanza was not sent.

use std::io;
use std::time::Duration;

use minidom::Element;
use xmpp_parsers::ns::XMPP_STREAMS;

use super::guard::Breach;

/// A stream error of the peer's (RFC 6120 §4.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFault {
    /// The condition, such as `conflict` or `host-unknown`.
    pub condition: String,
    /// What the peer says about it, on one line.
    pub text: Option<String>,
}

impl StreamFault {
    pub(super) fn read(error: &Element) -> Self {
        let named = |name: &str| error.children().find(|child| child.is(name, XMPP_STREAMS));
        let condition = error
            .children()
            .find(|child| child.ns() == XMPP_STREAMS && child.name() != "text");
        Self {
            condition: condition
                .and_then(|condition| remark(condition.name()))
                .unwrap_or_else(|| "undefined-condition".to_owned()),
            text: named("text").and_then(|text| remark(&text.text())),
        }
    }

    /// What this means for the next try.
    pub(super) fn outlook(&self) -> Outlook {
        match self.condition.as_str() {
            "conflict" | "host-gone" | "host-unknown" | "not-authorized" | "policy-violation" => {
                Outlook::Over
            }
            // It did not like something that we sent.
            "bad-format"
            | "bad-namespace-prefix"
            | "invalid-from"
            | "invalid-id"
            | "invalid-namespace"
            | "invalid-xml"
            | "not-well-formed"
            | "restricted-xml"
            | "undefined-condition"
            | "unsupported-encoding"
            | "unsupported-feature"
            | "unsupported-stanza-type"
            | "unsupported-version" => Outlook::Anew,
            _ => Outlook::Resume,
        }
    }

    pub(super) fn advice(&self) -> &'static str {
        match self.condition.as_str() {
            "host-unknown" | "host-gone" => "; it does not serve the JID's domain: check the JID",
            "see-other-host" => "; it sends us to another host: name that with --server",
            "conflict" => "; somebody signed in with the same resource",
            "policy-violation" | "resource-constraint" => "; wait a while and try again",
            "system-shutdown" => "; it is being shut down: try again later",
            _ => "",
        }
    }
}

impl std::fmt::Display for StreamFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.condition, quoted(self.text.as_ref()))
    }
}

/// What may come after the end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The session may go on over another stream.
    Resume,
    /// Another session may do better. This one might meet with the same again.
    Anew,
    /// Nothing: whoever tried again would be refused again, or throw somebody out in turn.
    Over,
}

/// Why a connection ended, or why a stanza was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The peer ended the stream in good order.
    #[error("the stream has ended")]
    Closed,
    /// The transport broke.
    #[error("the connection is lost{}", .0.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Lost(Option<io::Error>),
    /// The address of this machine that it began at is gone.
    #[error("the connection is lost: this machine has another address now")]
    Moved,
    /// The peer gave no sign of life.
    #[error("the connection is dead: no sign of life for {:.0} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The peer does not read what we send.
    #[error("the peer has read nothing for {} s", .0.as_secs_f32())]
    Stuck(Duration),
    /// The peer ended the stream with an error.
    #[error("the stream was ended by the other side: {0}{advice}", advice = .0.advice())]
    Fault(StreamFault),
    /// The peer sent more at once than is read.
    #[error("the stream was given up: it held {0}")]
    Excess(Breach),
    /// What the peer sent is no XML, or none that XMPP allows.
    #[error("the stream was given up: {0}")]
    Xml(io::Error),
    /// The peer acknowledged stanzas that it was not sent (XEP-0198 §4).
    #[error("the stream was given up: the other side acknowledged what it was not sent")]
    Miscounted,
    /// More waits to be sent than is kept.
    #[error("this stanza cannot be sent: {0} others wait already")]
    Full(usize),
    /// The stanza holds what XML cannot carry. The connection goes on.
    #[error("this stanza cannot be sent: {0}")]
    Unsendable(xso::error::Error),
}

impl StreamError {
    /// What may come next.
    pub(super) fn outlook(&self) -> Outlook {
        match self {
            Self::Closed | Self::Lost(_) | Self::Moved | Self::Silent(_) | Self::Stuck(_) => {
                Outlook::Resume
            }
            Self::Excess(_) | Self::Xml(_) | Self::Miscounted => Outlook::Anew,
            Self::Full(_) | Self::Unsendable(_) => Outlook::Anew,
            Self::Fault(fault) => fault.outlook(),
        }
    }

    /// From what a transport or a parser said.
    pub(super) fn from_io(error: io::Error) -> Self {
        if let Some(inner) = error.get_ref() {
            if let Some(breach) = inner.downcast_ref::<Breach>() {
                return Self::Excess(*breach);
            }
            if let Some(rxml::Error::InvalidEof(_)) = inner.downcast_ref::<rxml::Error>() {
                return Self::Lost(None);
            }
        }
        if error.kind() == io::ErrorKind::InvalidData {
            Self::Xml(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Lost(None)
        } else {
            Self::Lost(Some(error))
        }
    }
}

/// A peer's words, made fit for one line: no control characters, at most 200 characters.
pub(super) fn remark(text: &str) -> Option<String> {
    let clean: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = clean
        .chars()
        .filter(|character| !character.is_control())
        .take(200)
        .collect();
    (!clean.is_empty()).then_some(clean)
}

pub(super) fn quoted(text: Option<&String>) -> String {
    text.map(|text| format!(" (\"{text}\")"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ConnectError;

    #[test]
    fn a_stream_error_is_read_with_its_text() {
        let error: Element = "<error xmlns='http://etherx.jabber.org/streams'>\
             <host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Not\n here\u{1b}[1m</text></error>"
            .replace('\u{1b}', "")
            .parse()
            .unwrap();
        let fault = StreamFault::read(&error);
        assert_eq!(fault.condition, "host-unknown");
        assert_eq!(
            ConnectError::Refused(fault).to_string(),
            "the server refused the stream: host-unknown (\"Not here[1m\"); it does not serve the JID's domain: check the JID"
        );
    }

    #[test]
    fn a_peers_words_fit_on_one_line() {
        assert_eq!(remark(" a\n\tb \u{7}c "), Some("a b c".into()));
        assert_eq!(remark(" \n "), None);
        assert_eq!(remark(&"x".repeat(1000)).unwrap().len(), 200);
    }
}
