//! `apple:iq:vc:request`: the ring.

use std::net::{IpAddr, SocketAddr};

use minidom::Element;

use super::{Offer, QueryError, check_version, conference, query, text};
use crate::ns;

/// The invitation to a call, legacy or conference.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\] and conference stanzas \[C, I\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The caller's addresses, in either form or in both.
    pub addresses: Offer,
    /// `isAudioOnly`; anything but `1` is a call with video, of which the sound can be had.
    pub audio_only: bool,
    /// `extIPAddr` and `extSIPPort`: the caller's mapped address. The dummies `127.0.0.1` and port
    /// 0 are `None` \[G\].
    pub external: Option<SocketAddr>,
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
            addresses: Offer::read(query, "VCNewCallerIPPortData")?,
            audio_only,
            external: address.zip(port).map(SocketAddr::from).filter(is_real),
        })
    }

    /// Writes the form of the addresses: the legacy one with its children in the order that real
    /// iChats took, or the conference one, which has no mapped address. Where there are both, the
    /// invitation follows the legacy children; no iChat is known to have sent that.
    pub fn to_element(&self) -> Element {
        let audio_only = if self.audio_only { "1" } else { "0" };
        let Offer {
            legacy,
            conference: invitation,
        } = &self.addresses;
        let mut children = match (legacy, invitation) {
            (None, Some(invitation)) => {
                return query(ns::VC_REQUEST, &conference::request(audio_only, invitation));
            }
            (_, _) => self.legacy_children(audio_only),
        };
        if let Some(invitation) = invitation {
            children.push((conference::CHILD, invitation.clone()));
        }
        query(ns::VC_REQUEST, &children)
    }

    fn legacy_children(&self, audio_only: &'static str) -> Vec<(&'static str, String)> {
        let external = self.external.filter(is_real);
        let port = external.map_or(0, |external| external.port());
        let address = external.map_or_else(
            || "127.0.0.1".to_owned(),
            |external| external.ip().to_string(),
        );
        vec![
            (
                "VCNewCallerIPPortData",
                self.addresses.legacy.clone().unwrap_or_default(),
            ),
            ("isAudioOnly", audio_only.to_owned()),
            ("extSIPPort", port.to_string()),
            ("extIPAddr", address),
        ]
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
    use crate::dialect::Dialect;

    fn request(external: Option<&str>) -> Request {
        Request {
            addresses: Offer::of(Dialect::Legacy, "00ff".to_owned()),
            audio_only: true,
            external: external.map(|text| text.parse().unwrap()),
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
    fn with_an_invitation_that_stands_second_after_whether_it_is_audio_only() {
        for audio_only in [true, false] {
            let request = Request {
                addresses: Offer::of(Dialect::Conference, "62706c6973743030".to_owned()),
                audio_only,
                external: None,
            };
            let element = request.to_element();
            insta::assert_snapshot!(String::from(&element));
            assert_eq!(Request::parse(&element), Ok(request));
        }
    }

    #[test]
    fn both_forms_survive() {
        let mut request = request(Some("203.0.113.7:50123"));
        request
            .addresses
            .set(Dialect::Conference, "62706c6973743030".to_owned());
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
        assert_eq!((request.audio_only, request.external), (true, None));
        let list = request.addresses.text(Dialect::Legacy);
        assert_eq!(list.map(str::len), Some(80));
        assert_eq!(request.to_element(), *query);
    }

    #[test]
    fn an_empty_query_is_a_request_without_addresses() {
        let request = Request::parse(&Element::bare("query", ns::VC_REQUEST)).unwrap();
        assert_eq!(
            (request.addresses, request.external),
            (Offer::default(), None)
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
