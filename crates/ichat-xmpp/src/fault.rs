//! What an `<error/>` says: a condition, the old numeric code, a text.

use std::fmt;

use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::ns as standard;

/// At most this many octets of a peer's explanation are kept.
const TEXT_LIMIT: usize = 512;

/// Conditions of RFC 6120 §8.3.3 with the codes of XEP-0086 §3, and the type that goes with them;
/// the first of a code is taken for it.
const CONDITIONS: [(&str, u16, &str); 20] = [
    ("bad-request", 400, "modify"),
    ("not-authorized", 401, "auth"),
    ("payment-required", 402, "auth"),
    ("forbidden", 403, "auth"),
    ("item-not-found", 404, "cancel"),
    ("not-allowed", 405, "cancel"),
    ("not-acceptable", 406, "modify"),
    ("registration-required", 407, "auth"),
    ("conflict", 409, "cancel"),
    ("internal-server-error", 500, "wait"),
    ("feature-not-implemented", 501, "cancel"),
    ("service-unavailable", 503, "cancel"),
    ("remote-server-timeout", 504, "wait"),
    ("redirect", 302, "modify"),
    ("gone", 302, "modify"),
    ("jid-malformed", 400, "modify"),
    ("unexpected-request", 400, "wait"),
    ("recipient-unavailable", 404, "wait"),
    ("remote-server-not-found", 404, "cancel"),
    ("resource-constraint", 500, "wait"),
];

/// Why a stanza came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaFault {
    /// The condition's name (RFC 6120 §8.3.3), from the code where only that was given; else
    /// `undefined-condition`.
    pub condition: String,
    /// The numeric code (XEP-0086); old servers and clients send nothing else.
    pub code: Option<u16>,
    /// The explanation, at most 512 octets.
    pub text: Option<String>,
}

impl StanzaFault {
    /// A fault that we know ourselves.
    pub fn new(condition: &'static str) -> Self {
        let code = CONDITIONS
            .iter()
            .find(|(name, _, _)| *name == condition)
            .map(|(_, code, _)| *code);
        Self {
            condition: condition.to_owned(),
            code,
            text: None,
        }
    }

    /// Whether it says that the stanza's form was not understood, or could: a server that knows
    /// nobody there says `service-unavailable` too (docs/protocol/xmpp.md, whom to ring \[G\]).
    pub(crate) fn refuses_the_form(&self) -> bool {
        matches!(
            self.condition.as_str(),
            "bad-request"
                | "feature-not-implemented"
                | "not-acceptable"
                | "not-allowed"
                | "service-unavailable"
                | "unexpected-request"
                | "undefined-condition"
        )
    }

    /// Whether it says that nobody is at that address.
    pub(crate) fn says_nobody_is_there(&self) -> bool {
        matches!(
            self.condition.as_str(),
            "gone"
                | "item-not-found"
                | "recipient-unavailable"
                | "remote-server-not-found"
                | "remote-server-timeout"
                | "service-unavailable"
        )
    }

    /// Reads the `<error/>` of a stanza; both forms, and none at all.
    pub fn find(stanza: &Element) -> Self {
        let Some(error) = stanza.children().find(|child| child.name() == "error") else {
            return Self::new("undefined-condition");
        };
        let code = error.attr("code").and_then(|code| code.trim().parse().ok());
        let named = error
            .children()
            .find(|child| child.has_ns(standard::XMPP_STANZAS) && child.name() != "text")
            .map(|child| child.name().to_owned());
        let by_code = || {
            let code = code.map(|code: u16| match code {
                408 => 504,
                502 | 510 => 503,
                other => other,
            });
            CONDITIONS
                .iter()
                .find(|(_, known, _)| Some(*known) == code)
                .map_or("undefined-condition", |(name, _, _)| name)
                .to_owned()
        };
        let text = error
            .children()
            .find(|child| child.name() == "text")
            .map_or_else(|| error.text(), Element::text);
        Self {
            condition: named.unwrap_or_else(by_code),
            code,
            text: Some(shorten(text.trim())).filter(|text| !text.is_empty()),
        }
    }

    /// Writes the `<error/>`, with the code that old clients read.
    pub(crate) fn to_element(&self) -> Element {
        let kind = CONDITIONS
            .iter()
            .find(|(name, _, _)| *name == self.condition)
            .map_or("cancel", |(_, _, kind)| kind);
        Element::builder("error", standard::JABBER_CLIENT)
            .attr(xml_ncname!("code").to_owned(), self.code)
            .attr(xml_ncname!("type").to_owned(), kind)
            .append(Element::bare(
                self.condition.as_str(),
                standard::XMPP_STANZAS,
            ))
            .build()
    }
}

/// Cuts at a character's edge.
fn shorten(text: &str) -> String {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl fmt::Display for StanzaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.condition)?;
        if let Some(code) = self.code {
            write!(f, " ({code})")?;
        }
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(inner: &str) -> StanzaFault {
        let text = format!("<iq xmlns='jabber:client' type='error'>{inner}</iq>");
        StanzaFault::find(&text.parse().unwrap())
    }

    #[test]
    fn ichats_error_has_code_and_condition() {
        let stanza = include_str!("../tests/vectors/ichat3-error.xml")
            .replacen("<iq ", "<iq xmlns='jabber:client' ", 1)
            .parse()
            .unwrap();
        let fault = StanzaFault::find(&stanza);
        assert_eq!(
            (fault.condition.as_str(), fault.code),
            ("item-not-found", Some(404))
        );
        assert_eq!(fault.to_string(), "item-not-found (404)");
    }

    #[test]
    fn a_bare_code_is_enough() {
        let fault = fault("<error code='503'>Service Unavailable</error>");
        assert_eq!(
            fault.to_string(),
            "service-unavailable (503): Service Unavailable"
        );
    }

    #[test]
    fn codes_that_share_a_condition_are_known() {
        let condition = |code: u16| fault(&format!("<error code='{code}'/>")).condition;
        assert_eq!(condition(408), "remote-server-timeout");
        assert_eq!(condition(502), "service-unavailable");
        assert_eq!(condition(510), "service-unavailable");
        assert_eq!(condition(999), "undefined-condition");
    }

    #[test]
    fn a_condition_without_code_is_enough() {
        let fault = fault(
            "<error type='cancel'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>gone home</text></error>",
        );
        assert_eq!(fault.to_string(), "recipient-unavailable: gone home");
    }

    #[test]
    fn nothing_at_all_is_an_undefined_condition() {
        assert_eq!(fault("").condition, "undefined-condition");
        assert_eq!(
            fault("<error code='x'/>").to_string(),
            "undefined-condition"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let fault = fault(&format!("<error code='500'>x{}</error>", "ü".repeat(400)));
        assert_eq!(fault.text.unwrap().len(), 511);
    }

    #[test]
    fn what_we_write_we_read() {
        for (condition, code, _) in CONDITIONS {
            let fault = StanzaFault::new(condition);
            assert_eq!(fault.code, Some(code));
            let stanza = Element::builder("iq", "jabber:client")
                .append(fault.to_element())
                .build();
            assert_eq!(StanzaFault::find(&stanza), fault);
        }
    }
}
