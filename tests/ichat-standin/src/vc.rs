//! The `vc:*` stanzas of both dialects, raw, and a strict look at the peer's
//! (`docs/protocol/xmpp.md`, legacy stanzas `[G]`, conference stanzas `[C, I]`).

use crate::checks::Findings;
use crate::invitation;
use crate::ipport;
use crate::options::PeerKind;
use crate::xml::{Element, escape};
use std::net::SocketAddr;

/// The child that holds an invitation `[C]`.
const INVITATION: &str = "AVChatConferenceData";
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

/// Where a side says it can be reached, in either form or in both; hex texts as they are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// A list of addresses.
    pub(crate) legacy: Option<String>,
    /// `AVChatConferenceData`.
    pub(crate) invitation: Option<String>,
}

impl Offer {
    /// A list of addresses alone.
    pub(crate) fn legacy(list: &str) -> Self {
        Self {
            legacy: Some(list.to_owned()),
            invitation: None,
        }
    }

    /// An invitation alone.
    pub(crate) fn conference(invitation: String) -> Self {
        Self {
            legacy: None,
            invitation: Some(invitation),
        }
    }

    /// What a stanza holds; an invitation is one wherever it stands, and blank is nothing.
    pub(crate) fn of(query: &Element) -> Self {
        let text = |name: &str| field(query, name).filter(|text| !text.trim().is_empty());
        let list = text("VCNewCallerIPPortData").or_else(|| text("connectData"));
        let (hidden, legacy) = match list {
            Some(list) if invitation::is_invitation(&list) => (Some(list), None),
            other => (None, other),
        };
        Self {
            legacy,
            invitation: text(INVITATION).or(hidden),
        }
    }

    /// It holds nothing.
    pub(crate) fn is_blank(&self) -> bool {
        self.legacy.is_none() && self.invitation.is_none()
    }
}

/// The child that holds an invitation, as text.
fn invitation_child(invitation: &str) -> String {
    format!("<{INVITATION}>{invitation}</{INVITATION}>")
}

/// `vc:request`. `external` is what the reflector saw of us.
pub(crate) fn request(offer: &Offer, video: bool, external: Option<SocketAddr>) -> String {
    let audio_only = format!("<isAudioOnly>{}</isAudioOnly>", u8::from(!video));
    let invitation = offer.invitation.as_deref().map(invitation_child);
    let children = match &offer.legacy {
        None => format!("{audio_only}{}", invitation.unwrap_or_default()),
        Some(list) => {
            let dummy = SocketAddr::from(([127, 0, 0, 1], 0));
            let external = external.unwrap_or(dummy);
            let (ip, port) = (external.ip(), external.port());
            format!(
                "<VCNewCallerIPPortData>{list}</VCNewCallerIPPortData>{audio_only}\
                 <extSIPPort>{port}</extSIPPort><extIPAddr>{ip}</extIPAddr>{}",
                invitation.unwrap_or_default()
            )
        }
    };
    format!(
        "<query xmlns='apple:iq:vc:request'>{children}\
         <VCProtocolVersion>1</VCProtocolVersion></query>"
    )
}

/// `vc:response`. An invitation stands in its own child, or in the list's if that is `hidden`.
pub(crate) fn response(code: u16, offer: &Offer, hidden: bool) -> String {
    let place = match &offer.invitation {
        Some(invitation) if !hidden => invitation_child(invitation),
        invitation => {
            let text = invitation.as_ref().or(offer.legacy.as_ref());
            let text = text.map(String::as_str).unwrap_or_default();
            format!("<connectData>{text}</connectData>")
        }
    };
    format!(
        "<query xmlns='apple:iq:vc:response'><response>{code}</response>\
         {place}<VCProtocolVersion>1</VCProtocolVersion></query>"
    )
}

/// `vc:cancel`.
pub(crate) fn cancel() -> String {
    "<query xmlns='apple:iq:vc:cancel'><VCProtocolVersion>1</VCProtocolVersion></query>".into()
}

/// `vc:counterProposal`.
pub(crate) fn counter_proposal(offer: &Offer) -> String {
    let place = match &offer.invitation {
        Some(invitation) => invitation_child(invitation),
        None => {
            let list = offer.legacy.as_deref().unwrap_or_default();
            format!("<connectData>{list}</connectData>")
        }
    };
    format!(
        "<query xmlns='apple:iq:vc:counterProposal'>{place}\
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

/// The children that a stanza may have, the likeliest form first.
fn forms(kind: Kind, offer: &Offer, peer: PeerKind) -> &'static [&'static [&'static str]] {
    let conference = offer.invitation.is_some();
    match kind {
        Kind::Request if conference && offer.legacy.is_some() => &[&[
            "VCNewCallerIPPortData",
            "isAudioOnly",
            "extSIPPort",
            "extIPAddr",
            INVITATION,
            "VCProtocolVersion",
        ]],
        Kind::Request if conference => &[&["isAudioOnly", INVITATION, "VCProtocolVersion"]],
        Kind::Request => &[&[
            "VCNewCallerIPPortData",
            "isAudioOnly",
            "extSIPPort",
            "extIPAddr",
            "VCProtocolVersion",
        ]],
        Kind::Response if conference && peer == PeerKind::IChat => &[
            &["response", INVITATION, "VCProtocolVersion"],
            &["response", "connectData", "VCProtocolVersion"],
        ],
        Kind::Response if conference => &[&["response", INVITATION, "VCProtocolVersion"]],
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
        Kind::CounterProposal if conference => &[&[INVITATION, "VCProtocolVersion"]],
        Kind::CounterProposal => &[&["connectData", "VCProtocolVersion"]],
    }
}

/// What is wrong with the peer's stanza; what an invitation says is looked at elsewhere. Without
/// a server a sender has no resource.
pub(crate) fn check(
    kind: Kind,
    iq: &Element,
    query: &Element,
    has_server: bool,
    peer: PeerKind,
) -> Vec<String> {
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
    let offer = Offer::of(query);
    let names: Vec<&str> = query.children().map(|child| child.name.as_str()).collect();
    let forms = forms(kind, &offer, peer);
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
        Kind::Request => check_request(query, &offer, peer, &mut found),
        Kind::Response => check_response(query, &offer, &mut found),
        Kind::CounterProposal => check_list(query, &offer, &mut found),
        Kind::Cancel => {}
    }
    found.0
}

/// A list of addresses, unless there is an invitation and nothing else.
fn check_list(query: &Element, offer: &Offer, found: &mut Findings) {
    if offer.legacy.is_some() || offer.invitation.is_none() {
        let list = field(query, "VCNewCallerIPPortData").or_else(|| field(query, "connectData"));
        found.0.extend(ipport::check(&list.unwrap_or_default()));
    }
}

fn check_request(query: &Element, offer: &Offer, peer: PeerKind, found: &mut Findings) {
    check_list(query, offer, found);
    let audio = field(query, "isAudioOnly");
    let video = audio.as_deref() == Some("0") && peer == PeerKind::IChat;
    found.expect(audio.as_deref() == Some("1") || video, || {
        format!("isAudioOnly {audio:?} instead of 1: calls are audio only")
    });
    if offer.legacy.is_none() && offer.invitation.is_some() {
        return;
    }
    let port = field(query, "extSIPPort").unwrap_or_default();
    found.expect(port.parse::<u16>().is_ok(), || {
        format!("extSIPPort {port:?}")
    });
    let address = field(query, "extIPAddr").unwrap_or_default();
    found.expect(address.parse::<std::net::Ipv4Addr>().is_ok(), || {
        format!("extIPAddr {address:?} is no IPv4 address")
    });
}

fn check_response(query: &Element, offer: &Offer, found: &mut Findings) {
    let code = field(query, "response").unwrap_or_default();
    match code.parse::<u16>() {
        Ok(0) => check_list(query, offer, found),
        Ok(1 | 2 | 3 | 4 | 7 | 11) => {
            let empty = field(query, "connectData").is_none_or(|text| text.is_empty());
            found.expect(empty && offer.is_blank(), || {
                format!("response {code} with a connectData that is not empty")
            });
        }
        Ok(_) | Err(_) => found.add(format!("response {code:?} has no meaning")),
    }
}

#[cfg(test)]
#[path = "vc_tests.rs"]
mod tests;
