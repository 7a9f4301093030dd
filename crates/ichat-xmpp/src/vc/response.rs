//! `apple:iq:vc:response`: the answer to a ring.

use std::fmt;

use minidom::Element;

use super::{QueryError, check_version, is_blank, query, text};
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
/// docs/protocol/xmpp.md, legacy stanzas \[G\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// `response`; `None` when it is missing.
    pub code: Option<ResponseCode>,
    /// The hex text of the callee's address list, as it came; empty when missing.
    pub connect_data: String,
    /// `responseData`, of unknown meaning.
    pub response_data: Option<String>,
    /// The hex text of the callee's invitation (`AVChatConferenceData`), as it came.
    pub conference: Option<String>,
}

impl Response {
    /// An acceptance with this address list.
    pub fn accept(connect_data: String) -> Self {
        Self {
            code: Some(ResponseCode::Accept),
            connect_data,
            response_data: None,
            conference: None,
        }
    }

    /// A refusal.
    pub fn refuse(code: ResponseCode) -> Self {
        Self {
            code: Some(code),
            connect_data: String::new(),
            response_data: None,
            conference: None,
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
            connect_data: text(query, "connectData")?.unwrap_or_default(),
            response_data: text(query, "responseData")?,
            conference: text(query, "AVChatConferenceData")?.filter(|text| !is_blank(text)),
        })
    }

    /// Writes the `<query/>`.
    pub fn to_element(&self) -> Element {
        let code = u32::from(self.code.unwrap_or(ResponseCode::Decline)).to_string();
        let mut children = vec![
            ("response", code.as_str()),
            ("connectData", &self.connect_data),
        ];
        if let Some(data) = &self.response_data {
            children.push(("responseData", data));
        }
        query(ns::VC_RESPONSE, &children)
    }

    /// Whether it takes the call: code 0 and addresses that are not blank.
    ///
    /// Addresses without any code are taken for an acceptance too \[I\].
    pub fn is_acceptance(&self) -> bool {
        matches!(self.code, None | Some(ResponseCode::Accept)) && !is_blank(&self.connect_data)
    }

    /// Whether it takes the call in the conference dialect only.
    pub fn is_conference_acceptance(&self) -> bool {
        matches!(self.code, None | Some(ResponseCode::Accept))
            && is_blank(&self.connect_data)
            && self.conference.is_some()
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

    #[test]
    fn an_acceptance_is_written_and_read() {
        let response = Response::accept("00ff".to_owned());
        let element = response.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Response::parse(&element), Ok(response));
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
        assert!(
            read("<response>0</response><AVChatConferenceData>00</AVChatConferenceData>")
                .is_conference_acceptance()
        );
    }
}
