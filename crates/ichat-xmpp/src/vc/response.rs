//! `apple:iq:vc:response`: the answer to a ring.

use std::fmt;

use minidom::Element;

use super::{Offer, QueryError, check_version, conference, query, text};
use crate::ns;

/// The number in `response`; open.
///
/// docs/protocol/xmpp.md, legacy stanzas: 0 and 1 \[G\], the others \[D\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseCode {
    /// 0
    Accept,
    /// 1
    Decline,
    /// 2: in another call.
    Busy,
    /// 3
    Failure,
    /// 4
    BadNetwork,
    /// 7: it rang until the callee's time was over.
    NoAnswer,
    /// 11: the callee takes no calls from this caller.
    Filtered,
    /// Any other number.
    Other(u32),
}

impl From<u32> for ResponseCode {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::Accept,
            1 => Self::Decline,
            2 => Self::Busy,
            3 => Self::Failure,
            4 => Self::BadNetwork,
            7 => Self::NoAnswer,
            11 => Self::Filtered,
            other => Self::Other(other),
        }
    }
}

impl From<ResponseCode> for u32 {
    fn from(code: ResponseCode) -> Self {
        match code {
            ResponseCode::Accept => 0,
            ResponseCode::Decline => 1,
            ResponseCode::Busy => 2,
            ResponseCode::Failure => 3,
            ResponseCode::BadNetwork => 4,
            ResponseCode::NoAnswer => 7,
            ResponseCode::Filtered => 11,
            ResponseCode::Other(number) => number,
        }
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Busy => "busy",
            Self::Failure => "failure",
            Self::BadNetwork => "bad network",
            Self::NoAnswer => "no answer",
            Self::Filtered => "filtered",
            Self::Other(number) => return write!(f, "response {number}"),
        };
        f.write_str(name)
    }
}

/// The callee's answer: a new `set` of its own, never a `result`.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\] and conference stanzas \[I\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// `response`; `None` when it is missing.
    pub code: Option<ResponseCode>,
    /// The callee's addresses: a list in `connectData`, or an invitation there or in
    /// `AVChatConferenceData`.
    pub addresses: Offer,
    /// `responseData`, of unknown meaning.
    pub response_data: Option<String>,
}

impl Response {
    /// An acceptance with these addresses.
    pub fn accept(addresses: Offer) -> Self {
        Self {
            code: Some(ResponseCode::Accept),
            addresses,
            response_data: None,
        }
    }

    /// A refusal, the same in both dialects \[G; I for conference\].
    pub fn refuse(code: ResponseCode) -> Self {
        Self {
            code: Some(code),
            addresses: Offer::default(),
            response_data: None,
        }
    }

    /// Reads the `<query/>`. Text in `response` that is no number counts as a decline.
    ///
    /// # Errors
    /// [`QueryError`] when a text is too long.
    pub fn parse(query: &Element) -> Result<Self, QueryError> {
        check_version(query)?;
        let code = text(query, "response")?.map(|text| {
            text.trim()
                .parse::<u32>()
                .map_or(ResponseCode::Decline, ResponseCode::from)
        });
        Ok(Self {
            code,
            addresses: Offer::read(query, "connectData")?,
            response_data: text(query, "responseData")?,
        })
    }

    /// Writes the `<query/>`.
    pub fn to_element(&self) -> Element {
        let code = u32::from(self.code.unwrap_or(ResponseCode::Decline)).to_string();
        let Offer {
            legacy,
            conference: invitation,
        } = &self.addresses;
        let mut children = match (legacy, invitation) {
            (None, Some(invitation)) => conference::acceptance(code, invitation),
            (_, _) => {
                let mut children = vec![
                    ("response", code),
                    ("connectData", legacy.clone().unwrap_or_default()),
                ];
                children.extend(
                    invitation
                        .iter()
                        .map(|text| (conference::CHILD, text.clone())),
                );
                children
            }
        };
        if let Some(data) = &self.response_data {
            children.push(("responseData", data.clone()));
        }
        query(ns::VC_RESPONSE, &children)
    }

    /// Whether it takes the call: code 0 and addresses.
    ///
    /// Addresses without any code are taken for an acceptance too \[I\].
    pub fn is_acceptance(&self) -> bool {
        matches!(self.code, None | Some(ResponseCode::Accept)) && !self.addresses.is_blank()
    }

    /// The code of a refusal; an acceptance without addresses is a decline \[G\].
    pub fn refusal(&self) -> ResponseCode {
        match self.code {
            None | Some(ResponseCode::Accept) => ResponseCode::Decline,
            Some(code) => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn an_acceptance_is_written_and_read_in_either_form() {
        for (dialect, text) in [
            (Dialect::Legacy, "00ff"),
            (Dialect::Conference, "62706c6973743030"),
        ] {
            let response = Response::accept(Offer::of(dialect, text.to_owned()));
            let element = response.to_element();
            insta::assert_snapshot!(dialect.as_str(), String::from(&element));
            assert_eq!(Response::parse(&element), Ok(response));
        }
    }

    #[test]
    fn a_refusal_has_empty_addresses() {
        let response = Response::refuse(ResponseCode::Busy);
        let element = response.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Response::parse(&element), Ok(response));
    }

    #[test]
    fn the_gateways_response_is_read_and_written_alike() {
        let stanza: Element = include_str!("../../tests/vectors/gateway-2009-response.xml")
            .replacen("<iq ", "<iq xmlns='jabber:client' ", 1)
            .parse()
            .unwrap();
        let query = stanza.children().next().unwrap();
        let response = Response::parse(query).unwrap();
        assert!(response.is_acceptance());
        assert_eq!(response.to_element(), *query);
    }

    #[test]
    fn every_number_survives() {
        for number in (0..32).chain([u32::MAX]) {
            assert_eq!(u32::from(ResponseCode::from(number)), number);
        }
    }

    #[test]
    fn addresses_decide_whether_a_zero_accepts() {
        let read = |inner: &str| {
            let text = format!("<query xmlns='apple:iq:vc:response'>{inner}</query>");
            Response::parse(&text.parse().unwrap()).unwrap()
        };
        for decline in [
            "",
            "<response>0</response>",
            "<response>0</response><connectData/>",
            "<response>0</response><connectData>\n </connectData>",
            "<response>1</response><connectData>00</connectData>",
            "<response>yes</response><connectData>00</connectData>",
            "<response>-1</response><connectData>00</connectData>",
        ] {
            assert!(!read(decline).is_acceptance(), "{decline}");
            assert_eq!(read(decline).refusal(), ResponseCode::Decline, "{decline}");
        }
        assert!(read("<response>0</response><connectData>\n00</connectData>").is_acceptance());
        assert!(read("<connectData>00</connectData>").is_acceptance());
        for conference in [
            "<response>0</response><AVChatConferenceData>62706c69</AVChatConferenceData>",
            "<response>0</response><connectData>62706c6973743030</connectData>",
            "<response>0</response><connectData> </connectData><AVChatConferenceData>00</AVChatConferenceData>",
        ] {
            let response = read(conference);
            assert!(response.is_acceptance(), "{conference}");
            assert!(response.addresses.text(Dialect::Conference).is_some());
            assert!(response.addresses.text(Dialect::Legacy).is_none());
        }
    }
}
