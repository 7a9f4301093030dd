//! The legacy `vc:*` stanzas, raw, and a strict look at the peer's
//! (`docs/protocol/xmpp.md`, legacy stanzas `[G]`).

use crate::checks::Findings;
use crate::ipport;
use crate::xml::{Element, escape};

const PREFIX: &str = "apple:iq:vc:";

/// What a stanza says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
    Cancel,
    CounterProposal,
}

impl Kind {
    /// From the namespace of the query.
    pub(crate) fn of(query: &Element) -> Option<Self> {
        match query.ns.strip_prefix(PREFIX)? {
            "request" => Some(Self::Request),
            "response" => Some(Self::Response),
            "cancel" => Some(Self::Cancel),
            "counterProposal" => Some(Self::CounterProposal),
            _ => None,
        }
    }
}

/// A `vc:*` namespace, known or not.
pub(crate) fn is_vc(query: &Element) -> bool {
    query.ns.starts_with(PREFIX)
}

/// `vc:request`.
pub(crate) fn request(list: &str, video: bool) -> String {
    format!(
        "<query xmlns='apple:iq:vc:request'><VCNewCallerIPPortData>{list}</VCNewCallerIPPortData>\
         <isAudioOnly>{}</isAudioOnly><extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr>\
         <VCProtocolVersion>1</VCProtocolVersion></query>",
        u8::from(!video),
    )
}

/// `vc:response`.
pub(crate) fn response(code: u16, list: &str) -> String {
    format!(
        "<query xmlns='apple:iq:vc:response'><response>{code}</response>\
         <connectData>{list}</connectData><VCProtocolVersion>1</VCProtocolVersion></query>"
    )
}

/// `vc:cancel`.
pub(crate) fn cancel() -> String {
    "<query xmlns='apple:iq:vc:cancel'><VCProtocolVersion>1</VCProtocolVersion></query>".into()
}

/// `vc:counterProposal`.
pub(crate) fn counter_proposal(list: &str) -> String {
    format!(
        "<query xmlns='apple:iq:vc:counterProposal'><connectData>{list}</connectData>\
         <VCProtocolVersion>1</VCProtocolVersion></query>"
    )
}

/// An error that answers `stanza`; `addresses` are its `to` and, without a server, `from`.
pub(crate) fn error(stanza: &Element, condition: &str, echo: bool, addresses: &str) -> String {
    let echoed: String = match echo {
        true => stanza.children().map(Element::print).collect(),
        false => String::new(),
    };
    format!(
        "<iq type='error' id='{}'{addresses}>{echoed}<error code='503' type='cancel'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        escape(stanza.attribute("id")),
    )
}

/// The text of a child, `None` if there is no such child.
pub(crate) fn field(query: &Element, name: &str) -> Option<String> {
    query.child(name).map(Element::text)
}

/// The text of the address list, of whichever stanza.
pub(crate) fn list(query: &Element) -> String {
    let list = field(query, "VCNewCallerIPPortData").or_else(|| field(query, "connectData"));
    list.unwrap_or_default()
}

/// What is wrong with the peer's stanza. Without a server a sender has no resource.
pub(crate) fn check(kind: Kind, iq: &Element, query: &Element, has_server: bool) -> Vec<String> {
    let mut found = Findings::default();
    found.expect(iq.attribute("type") == "set", || {
        format!("type {:?} instead of set", iq.attribute("type"))
    });
    found.expect(!iq.attribute("id").is_empty(), || "no id".into());
    let resource = iq.attribute("from").contains('/');
    found.expect(resource || !has_server, || {
        format!("from {:?} is no full JID", iq.attribute("from"))
    });
    found.expect(iq.children().count() == 1 && query.name == "query", || {
        "not exactly one <query/>".into()
    });
    let names: Vec<&str> = query.children().map(|child| child.name.as_str()).collect();
    let forms: &[&[&str]] = match kind {
        Kind::Request => &[&[
            "VCNewCallerIPPortData",
            "isAudioOnly",
            "extSIPPort",
            "extIPAddr",
            "VCProtocolVersion",
        ]],
        Kind::Response => &[
            &["response", "connectData", "VCProtocolVersion"],
            &[
                "response",
                "connectData",
                "responseData",
                "VCProtocolVersion",
            ],
        ],
        Kind::Cancel => &[&["VCProtocolVersion"]],
        Kind::CounterProposal => &[&["connectData", "VCProtocolVersion"]],
    };
    found.expect(forms.contains(&names.as_slice()), || {
        format!(
            "children {names:?} instead of {:?}",
            forms.first().copied().unwrap_or_default()
        )
    });
    for child in query.children() {
        found.expect(child.ns == query.ns, || {
            format!("{} is in the namespace {:?}", child.name, child.ns)
        });
    }
    let version = field(query, "VCProtocolVersion");
    found.expect(version.as_deref() == Some("1"), || {
        format!("VCProtocolVersion {version:?} instead of 1")
    });
    match kind {
        Kind::Request => check_request(query, &mut found),
        Kind::Response => check_response(query, &mut found),
        Kind::CounterProposal => found.0.extend(ipport::check(&list(query))),
        Kind::Cancel => {}
    }
    found.0
}

fn check_request(query: &Element, found: &mut Findings) {
    found.0.extend(ipport::check(&list(query)));
    let audio = field(query, "isAudioOnly");
    found.expect(audio.as_deref() == Some("1"), || {
        format!("isAudioOnly {audio:?} instead of 1: calls are audio only")
    });
    let port = field(query, "extSIPPort").unwrap_or_default();
    found.expect(port.parse::<u16>().is_ok(), || {
        format!("extSIPPort {port:?}")
    });
    let address = field(query, "extIPAddr").unwrap_or_default();
    found.expect(address.parse::<std::net::Ipv4Addr>().is_ok(), || {
        format!("extIPAddr {address:?} is no IPv4 address")
    });
}

fn check_response(query: &Element, found: &mut Findings) {
    let code = field(query, "response").unwrap_or_default();
    match code.parse::<u16>() {
        Ok(0) => found.0.extend(ipport::check(&list(query))),
        Ok(1 | 2 | 3 | 4 | 7 | 11) => {
            found.expect(list(query).is_empty(), || {
                format!("response {code} with a connectData that is not empty")
            });
        }
        Ok(_) | Err(_) => found.add(format!("response {code:?} has no meaning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Item, StreamReader};

    const LIST: &str =
        "00000000657468300000000000000000000000007f0000010000000000000000000000003ae80000";

    fn look(text: &str) -> Vec<String> {
        let mut reader = StreamReader::default();
        reader.push(b"<s xmlns='jabber:client'>");
        reader.push(text.as_bytes());
        reader.next().unwrap();
        let Ok(Some(Item::Stanza(iq))) = reader.next() else {
            panic!("{text}")
        };
        let query = iq.children().next().unwrap();
        check(Kind::of(query).unwrap(), &iq, query, true)
    }

    fn wrapped(query: &str) -> String {
        format!("<iq type='set' id='iChat_1' from='a@b/c' to='d@e/f'>{query}</iq>")
    }

    #[test]
    fn the_gateway_s_request_differs_only_by_its_bare_sender() {
        let found = look(include_str!("../tests/vectors/gateway-2009-request.xml"));
        assert_eq!(found, ["from \"alice@sipgw.im.test\" is no full JID"]);
        let found = look(include_str!("../tests/vectors/gateway-2009-response.xml"));
        assert_eq!(found, ["from \"bob@sipgw.im.test\" is no full JID"]);
    }

    #[test]
    fn our_stanzas_are_found_right() {
        for query in [
            request(LIST, false),
            response(0, LIST),
            response(2, ""),
            cancel(),
            counter_proposal(&format!("\n{LIST}")),
        ] {
            assert_eq!(look(&wrapped(&query)), [""; 0], "{query}");
        }
    }

    #[test]
    fn each_deviation_is_found() {
        let good = request(LIST, false);
        for (query, word) in [
            (good.replace("<extSIPPort>0</extSIPPort>", ""), "children"),
            (
                good.replace(">1</VCProtocolVersion>", ">2</VCProtocolVersion>"),
                "VCProtocolVersion",
            ),
            (request(LIST, true), "isAudioOnly"),
            (request("", false), "empty"),
            (good.replace("<extSIPPort>0", "<extSIPPort>x"), "extSIPPort"),
            (good.replace("127.0.0.1", "::1"), "extIPAddr"),
            (
                good.replace("<extSIPPort>", "<extSIPPort xmlns='x'>"),
                "namespace",
            ),
            (response(1, LIST), "not empty"),
            (response(0, ""), "empty"),
            (response(9, ""), "no meaning"),
            (response(0, "\n \n"), "white space"),
            (cancel().replace("<VCP", "<extra/><VCP"), "children"),
        ] {
            let found = look(&wrapped(&query)).join("\n");
            assert!(found.contains(word), "{word}: {found}");
        }
        let swapped = good
            .replace("<extSIPPort>0</extSIPPort>", "")
            .replace("</extIPAddr>", "</extIPAddr><extSIPPort>0</extSIPPort>");
        assert!(look(&wrapped(&swapped)).join("\n").contains("children"));
        let result = wrapped(&good)
            .replace("'set'", "'result'")
            .replace("iChat_1", "");
        assert_eq!(look(&result).len(), 2);
    }
}
