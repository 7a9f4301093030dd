//! Reading the head of a stanza, and writing IQs.
//!
//! Stanzas are read by hand: the types of the library refuse an unknown `<show/>`, an empty
//! `<priority/>` or an error with nothing but a code, all of which old clients and servers send.

use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::{self, Jid};
use xmpp_parsers::ns as standard;

use crate::fault::StanzaFault;
use crate::vc::QueryError;

/// Why a stanza was refused; it is counted, and nothing ends by it.
#[derive(Debug, thiserror::Error)]
pub enum StanzaError {
    /// No message, presence, IQ or stream error.
    #[error("expected a message, presence or iq, found <{name} xmlns='{namespace}'>")]
    NotAStanza {
        /// The element's name.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// The sender's address cannot be read.
    #[error("expected a JID in the attribute from, found {found:?}: {source}")]
    BadSender {
        /// What stood there.
        found: String,
        /// What is wrong with it.
        source: jid::Error,
    },
    /// An attribute `type` that the standard has not.
    #[error("expected a known type of <{stanza}>, found {found:?}")]
    UnknownType {
        /// Which stanza.
        stanza: &'static str,
        /// What stood there.
        found: String,
    },
    /// A request without a payload.
    #[error("expected a payload in an iq of type get or set, found none")]
    NoPayload,
    /// A request without an id cannot be answered.
    #[error("expected an id on an iq of type get, found none")]
    NoId,
    /// A call's stanza that cannot be used.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The type of an IQ, with what hangs on it.
#[derive(Debug)]
pub(crate) enum IqKind<'a> {
    /// `get` or `set`, told apart nowhere: old clients mix them up. `is_get` decides only whether
    /// an answer is due.
    Request { payload: &'a Element, is_get: bool },
    /// `result`
    Result { payload: Option<&'a Element> },
    /// `error`; whatever else it holds is the echo of a request, not a request.
    Error(StanzaFault),
}

/// An IQ as it came.
#[derive(Debug)]
pub(crate) struct IncomingIq<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) kind: IqKind<'a>,
}

impl<'a> IncomingIq<'a> {
    /// Looks at `type` before the payload.
    pub(crate) fn parse(stanza: &'a Element) -> Result<Self, StanzaError> {
        let id = stanza.attr("id").filter(|id| !id.is_empty());
        let payload = || stanza.children().find(|child| child.name() != "error");
        let request = |is_get| match payload() {
            Some(payload) => Ok(IqKind::Request { payload, is_get }),
            None => Err(StanzaError::NoPayload),
        };
        let kind = match stanza.attr("type").unwrap_or_default() {
            "get" => request(true)?,
            "set" => request(false)?,
            "result" => IqKind::Result { payload: payload() },
            "error" => IqKind::Error(StanzaFault::find(stanza)),
            found => {
                return Err(StanzaError::UnknownType {
                    stanza: "iq",
                    found: found.to_owned(),
                });
            }
        };
        Ok(Self { id, kind })
    }
}

/// The attribute `from`.
pub(crate) fn sender(stanza: &Element) -> Result<Option<Jid>, StanzaError> {
    match stanza.attr("from").filter(|from| !from.is_empty()) {
        None => Ok(None),
        Some(found) => match Jid::new(found) {
            Ok(jid) => Ok(Some(jid)),
            Err(source) => Err(StanzaError::BadSender {
                found: found.to_owned(),
                source,
            }),
        },
    }
}

/// Whether the element is a stanza, in the namespace of a client's, a server's or a component's
/// stream.
pub(crate) fn is_stanza(element: &Element) -> bool {
    ["jabber:client", "jabber:server", standard::COMPONENT_ACCEPT]
        .iter()
        .any(|namespace| element.has_ns(*namespace))
}

/// The text of the first child of that name.
pub(crate) fn child_text(stanza: &Element, name: &str) -> Option<String> {
    stanza
        .children()
        .find(|child| child.name() == name)
        .map(Element::text)
}

/// `<iq type='get'/>`
pub(crate) fn get(id: String, to: Option<Jid>, payload: Element) -> Element {
    Iq::Get {
        from: None,
        to,
        id,
        payload,
    }
    .into()
}

/// `<iq type='set'/>`
pub(crate) fn set(id: String, to: Option<Jid>, payload: Element) -> Element {
    Iq::Set {
        from: None,
        to,
        id,
        payload,
    }
    .into()
}

/// `<iq type='result'/>`
pub(crate) fn result(id: String, to: Option<Jid>, payload: Option<Element>) -> Element {
    Iq::Result {
        from: None,
        to,
        id,
        payload,
    }
    .into()
}

/// `<iq type='error'/>`, with the old numeric code beside the condition.
pub(crate) fn error(id: &str, to: Option<Jid>, fault: &StanzaFault) -> Element {
    Element::builder("iq", standard::JABBER_CLIENT)
        .attr(xml_ncname!("to").to_owned(), to)
        .attr(xml_ncname!("id").to_owned(), id)
        .attr(xml_ncname!("type").to_owned(), "error")
        .append(fault.to_element())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        text.parse().unwrap()
    }

    #[test]
    fn an_echoed_request_is_an_error_and_no_request() {
        let stanza = parse(
            "<iq xmlns='jabber:client' type='error' id='1'><query xmlns='apple:iq:vc:request'/>\
             <error code='503' type='cancel'/></iq>",
        );
        let iq = IncomingIq::parse(&stanza).unwrap();
        assert_eq!(iq.id, Some("1"));
        assert!(
            matches!(iq.kind, IqKind::Error(fault) if fault.condition == "service-unavailable")
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let error =
            IncomingIq::parse(&parse("<iq xmlns='jabber:client' type='Get'/>")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a known type of <iq>, found \"Get\""
        );
        let error =
            IncomingIq::parse(&parse("<iq xmlns='jabber:client' type='get'/>")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a payload in an iq of type get or set, found none"
        );
        let error = sender(&parse("<iq xmlns='jabber:client' from='a@b@c'/>")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("expected a JID in the attribute from, found \"a@b@c\": "),
            "{error}"
        );
    }

    #[test]
    fn an_empty_sender_is_none() {
        assert!(
            sender(&parse("<iq xmlns='jabber:client' from=''/>"))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn an_error_carries_the_code_for_old_clients() {
        let fault = StanzaFault::new("service-unavailable");
        let stanza = error("7", Some(Jid::new("a@b/c").unwrap()), &fault);
        insta::assert_snapshot!(String::from(&stanza));
    }
}
