//! `apple:iq:vc:request`: the ring.

use std::net::{IpAddr, SocketAddr};

use minidom::Element;

use super::{QueryError, check_version, is_blank, query, text};
use crate::ns;

/// The invitation to a call, legacy or conference.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\] and conference stanzas \[C, I\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The hex text of the caller's address list (`VCNewCallerIPPortData`), as it came; empty when
    /// missing.
    pub connect_data: String,
    /// `isAudioOnly`; anything but `1` is a call with video, of which the sound can be had.
    pub audio_only: bool,
    /// `extIPAddr` and `extSIPPort`: the caller's mapped address. The dummies `127.0.0.1` and port
    /// 0 are `None` \[G\].
    pub external: Option<SocketAddr>,
    /// The hex text of an invitation (`AVChatConferenceData`), as it came.
    pub conference: Option<String>,
}

impl Request {
    /// Reads the `<query/>`.
    ///
    /// # Errors
    /// [`QueryError`] when a text is too long.
    pub fn parse(query: &Element) -> Result<Self, QueryError> {
        check_version(query)?;
        let audio_only = text(query, "isAudioOnly")?.is_some_and(|text| is_true(text.trim()));
        let port = text(query, "extSIPPort")?.and_then(|text| text.trim().parse::<u16>().ok());
        let address = text(query, "extIPAddr")?.and_then(|text| text.trim().parse::<IpAddr>().ok());
        Ok(Self {
            connect_data: text(query, "VCNewCallerIPPortData")?.unwrap_or_default(),
            audio_only,
            external: address.zip(port).map(SocketAddr::from).filter(is_real),
            conference: text(query, "AVChatConferenceData")?.filter(|text| !is_blank(text)),
        })
    }

    /// Writes the legacy form, its children in the order that real iChats took.
    pub fn to_element(&self) -> Element {
        let port = self
            .external
            .map_or(0, |external| external.port())
            .to_string();
        let address = self.external.map_or_else(
            || "127.0.0.1".to_owned(),
            |external| external.ip().to_string(),
        );
        query(
            ns::VC_REQUEST,
            &[
                ("VCNewCallerIPPortData", &self.connect_data),
                ("isAudioOnly", if self.audio_only { "1" } else { "0" }),
                ("extSIPPort", &port),
                ("extIPAddr", &address),
            ],
        )
    }

    /// Whether nothing but an invitation of the conference dialect is in it.
    pub fn is_conference(&self) -> bool {
        self.conference.is_some() && is_blank(&self.connect_data)
    }
}

/// The spellings of a boolean that Apple's own property lists use, beside the digit.
fn is_true(text: &str) -> bool {
    text == "1" || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")
}

/// No dummy: a port, and an address that leads somewhere else.
fn is_real(external: &SocketAddr) -> bool {
    external.port() != 0 && !external.ip().is_loopback() && !external.ip().is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(external: Option<&str>) -> Request {
        Request {
            connect_data: "00ff".to_owned(),
            audio_only: true,
            external: external.map(|text| text.parse().unwrap()),
            conference: None,
        }
    }

    #[test]
    fn without_a_mapped_address_it_carries_the_dummies() {
        let element = request(None).to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Request::parse(&element), Ok(request(None)));
    }

    #[test]
    fn with_a_mapped_address_it_carries_that() {
        let request = request(Some("203.0.113.7:50123"));
        let element = request.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Request::parse(&element), Ok(request));
    }

    #[test]
    fn the_gateways_request_is_read_and_written_alike() {
        let stanza: Element = include_str!("../../tests/vectors/gateway-2009-request.xml")
            .replacen("<iq ", "<iq xmlns='jabber:client' ", 1)
            .parse()
            .unwrap();
        let query = stanza.children().next().unwrap();
        let request = Request::parse(query).unwrap();
        assert_eq!(
            (
                request.audio_only,
                request.external,
                request.is_conference()
            ),
            (true, None, false)
        );
        assert_eq!(request.connect_data.len(), 80);
        assert_eq!(request.to_element(), *query);
    }

    #[test]
    fn an_invitation_alone_is_the_conference_dialect() {
        let text = "<query xmlns='apple:iq:vc:request'><isAudioOnly>0</isAudioOnly>\
            <AVChatConferenceData>62706c6973743030</AVChatConferenceData></query>";
        let request = Request::parse(&text.parse().unwrap()).unwrap();
        assert!(request.is_conference() && !request.audio_only);
        assert_eq!(request.conference.as_deref(), Some("62706c6973743030"));
    }

    #[test]
    fn an_empty_query_is_a_request_without_addresses() {
        let request = Request::parse(&Element::bare("query", ns::VC_REQUEST)).unwrap();
        assert_eq!(
            (
                request.connect_data.as_str(),
                request.external,
                request.conference
            ),
            ("", None, None)
        );
    }

    #[test]
    fn a_mapped_address_that_makes_no_sense_is_none() {
        for (address, port) in [
            ("203.0.113.7", "70000"),
            ("mac.local", "5060"),
            ("0.0.0.0", "5060"),
            ("", ""),
        ] {
            let text = format!(
                "<query xmlns='apple:iq:vc:request'><extSIPPort>{port}</extSIPPort><extIPAddr>{address}</extIPAddr></query>"
            );
            assert_eq!(
                Request::parse(&text.parse().unwrap()).unwrap().external,
                None
            );
        }
    }
}
