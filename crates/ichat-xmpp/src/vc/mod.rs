//! The four stanzas that ring, answer, give up and add addresses: `<iq type='set'>` with one
//! `<query/>` each.
//!
//! docs/protocol/xmpp.md, legacy stanzas \[G\] and conference stanzas \[C, I\]. They are read by name: order, namespaces of the
//! children and white space change on the way (docs/protocol/field.md, stanzas are rewritten).

mod cancel;
mod conference;
mod counter_proposal;
mod offer;
mod request;
mod response;

pub use cancel::Cancel;
pub use counter_proposal::CounterProposal;
pub use offer::Offer;
pub use request::Request;
pub use response::{Response, ResponseCode};

use minidom::Element;

use crate::ns;

/// The longest text that is accepted in a child, in octets (docs/protocol/field.md, size).
pub const TEXT_LIMIT: usize = 64 * 1024;

/// What every stanza says in `VCProtocolVersion` \[G\].
const PROTOCOL_VERSION: &str = "1";

/// Any of the four, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// `apple:iq:vc:request`
    Request(Request),
    /// `apple:iq:vc:response`
    Response(Response),
    /// `apple:iq:vc:cancel`
    Cancel(Cancel),
    /// `apple:iq:vc:counterProposal`
    CounterProposal(CounterProposal),
}

impl Query {
    /// Reads the payload of an IQ; `None` when it is none of the four.
    ///
    /// An invitation is taken in any namespace of the family, for a response where there is a
    /// `response` beside it, else for a request (docs/protocol/xmpp.md, conference stanzas \[I\]).
    ///
    /// # Errors
    /// [`QueryError`] when a text is longer than [`TEXT_LIMIT`].
    pub fn parse(payload: &Element) -> Result<Option<Self>, QueryError> {
        Ok(Some(match payload.ns().as_str() {
            ns::VC_REQUEST => Self::Request(Request::parse(payload)?),
            ns::VC_RESPONSE => Self::Response(Response::parse(payload)?),
            ns::VC_CANCEL => Self::Cancel(Cancel::parse(payload)?),
            ns::VC_COUNTER_PROPOSAL => Self::CounterProposal(CounterProposal::parse(payload)?),
            other if other.starts_with(ns::VC_PREFIX) => {
                if Offer::read(payload, conference::CHILD)?.is_blank() {
                    return Ok(None);
                }
                tracing::debug!(namespace = other, "an invitation in an unknown namespace");
                if payload.children().any(|child| child.name() == "response") {
                    Self::Response(Response::parse(payload)?)
                } else {
                    Self::Request(Request::parse(payload)?)
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Writes the `<query/>`.
    pub fn to_element(&self) -> Element {
        match self {
            Self::Request(request) => request.to_element(),
            Self::Response(response) => response.to_element(),
            Self::Cancel(cancel) => cancel.to_element(),
            Self::CounterProposal(proposal) => proposal.to_element(),
        }
    }
}

/// Why a query cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A text is beyond any address list or invitation.
    #[error("the text of <{child}> has {found} octets, at most {TEXT_LIMIT} are accepted")]
    TooLong {
        /// Which child.
        child: &'static str,
        /// Its length in octets.
        found: usize,
    },
}

/// The text of the first child of that name, whatever its namespace.
fn text(query: &Element, child: &'static str) -> Result<Option<String>, QueryError> {
    let Some(element) = query.children().find(|element| element.name() == child) else {
        return Ok(None);
    };
    let found = element.texts().map(str::len).sum();
    if found > TEXT_LIMIT {
        return Err(QueryError::TooLong { child, found });
    }
    Ok(Some(element.text()))
}

/// Looks at the version and says so when it is another one; nothing hangs on it.
fn check_version(query: &Element) -> Result<(), QueryError> {
    let version = text(query, "VCProtocolVersion")?;
    if version.as_deref().map(str::trim) != Some(PROTOCOL_VERSION) {
        tracing::debug!(
            namespace = query.ns(),
            ?version,
            "another VCProtocolVersion than 1"
        );
    }
    Ok(())
}

/// A `<query/>` with these children, in this order, and the version at the end.
fn query(namespace: &'static str, children: &[(&'static str, String)]) -> Element {
    let version = [("VCProtocolVersion", PROTOCOL_VERSION.to_owned())];
    let all = children.iter().chain(&version).map(|(name, text)| {
        let mut child = Element::bare(*name, namespace);
        if !text.is_empty() {
            child.append_text(text.as_str());
        }
        child
    });
    Element::builder("query", namespace).append_all(all).build()
}

/// White space only, or nothing.
fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn another_namespace_is_none_of_the_four() {
        for namespace in ["apple:iq:vc:somethingNew", "apple:iq:rd:request", "urn:x"] {
            let element = Element::bare("query", namespace);
            assert_eq!(Query::parse(&element), Ok(None), "{namespace}");
        }
    }

    #[test]
    fn an_invitation_is_found_in_any_namespace_of_the_family() {
        let read = |namespace: &str, inner: &str| {
            let text = format!(
                "<query xmlns='{namespace}'>{inner}<AVChatConferenceData>62706c69</AVChatConferenceData></query>"
            );
            Query::parse(&text.parse().unwrap()).unwrap()
        };
        let invitation = Offer::of(Dialect::Conference, "62706c69".to_owned());
        for namespace in ["apple:iq:vc:request", "apple:iq:vc:conference"] {
            let Some(Query::Request(request)) = read(namespace, "<isAudioOnly>0</isAudioOnly>")
            else {
                panic!("not read as a request");
            };
            assert_eq!(request.addresses, invitation);
        }
        for namespace in ["apple:iq:vc:response", "apple:iq:vc:conference"] {
            let Some(Query::Response(response)) = read(namespace, "<response>0</response>") else {
                panic!("not read as a response");
            };
            assert_eq!(response.addresses, invitation);
        }
        let proposal = read("apple:iq:vc:counterProposal", "");
        assert!(
            matches!(proposal, Some(Query::CounterProposal(found)) if found.addresses == invitation)
        );
        assert!(matches!(
            read("apple:iq:vc:cancel", ""),
            Some(Query::Cancel(_))
        ));
        assert_eq!(read("urn:other", ""), None);
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused_with_both_lengths() {
        let long = "0".repeat(TEXT_LIMIT + 1);
        let element = query(ns::VC_COUNTER_PROPOSAL, &[("connectData", long)]);
        assert_eq!(
            Query::parse(&element).unwrap_err().to_string(),
            "the text of <connectData> has 65537 octets, at most 65536 are accepted"
        );
    }

    #[test]
    fn children_are_found_whatever_their_namespace_and_order() {
        let element: Element = "<query xmlns='apple:iq:vc:response'><VCProtocolVersion>1</VCProtocolVersion>\
            <connectData xmlns='jabber:client'>\n00ff</connectData><response xmlns='urn:x'> 0 </response></query>"
            .parse()
            .unwrap();
        let Ok(Some(Query::Response(response))) = Query::parse(&element) else {
            panic!("not read as a response");
        };
        assert!(response.is_acceptance());
        assert_eq!(response.addresses.text(Dialect::Legacy), Some("\n00ff"));
    }
}
