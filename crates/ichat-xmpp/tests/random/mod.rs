//! Stanzas at random: any element at all, one that nearly makes sense, one of a call.

use ichat_xmpp::*;
use minidom::rxml::{Namespace, NcName};
use proptest::prelude::*;

const NAMESPACES: [&str; 16] = [
    "jabber:client",
    "apple:iq:vc:request",
    "apple:iq:vc:response",
    "apple:iq:vc:cancel",
    "apple:iq:vc:counterProposal",
    "apple:iq:vc:new",
    "jabber:iq:roster",
    "jabber:iq:version",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/caps",
    "http://etherx.jabber.org/streams",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "urn:ietf:params:xml:ns:xmpp-streams",
    "http://jabber.org/protocol/xhtml-im",
    "urn:xmpp:ping",
];
const NAMES: [&str; 22] = [
    "iq",
    "presence",
    "message",
    "query",
    "error",
    "c",
    "item",
    "show",
    "priority",
    "status",
    "body",
    "subject",
    "response",
    "connectData",
    "VCNewCallerIPPortData",
    "isAudioOnly",
    "extSIPPort",
    "extIPAddr",
    "VCProtocolVersion",
    "AVChatConferenceData",
    "ping",
    "conflict",
];
const ATTRIBUTES: [&str; 12] = [
    "type",
    "from",
    "to",
    "id",
    "node",
    "ver",
    "ext",
    "jid",
    "subscription",
    "ask",
    "code",
    "name",
];
const VALUES: [&str; 34] = [
    "",
    "get",
    "set",
    "result",
    "error",
    "unavailable",
    "subscribe",
    "subscribed",
    "unsubscribe",
    "unsubscribed",
    "probe",
    "both",
    "to",
    "none",
    "remove",
    "mac@im.test",
    "mac@im.test/iChat",
    "mac@im.test/b",
    "zoe@im.test/x",
    "me@im.test",
    "me@im.test/pc",
    "me@im.test/Mac",
    "im.test",
    "@",
    "apple:ichat:caps",
    "apple:ichat:caps#audio",
    "avavail avcap audio",
    "ice avavail",
    "vc63cbe1e459320dd7-1",
    "vc63cbe1e459320dd7-2",
    "vc63cbe1e459320dd7-3",
    "0",
    "1",
    "503",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "[a-zA-Z]{1,8}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned), 1 => ".{0,12}", 1 => "-?[0-9]{1,12}"]
}

fn put(element: &mut Element, attributes: Vec<(&'static str, String)>) {
    for (name, value) in attributes {
        element.set_attr(Namespace::NONE, NcName::try_from(name).unwrap(), value);
    }
}

/// Any element at all, out of the words that mean something.
pub(crate) fn any_element() -> impl Strategy<Value = Element> {
    let attributes = prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), value()), 0..5);
    let leaf = (
        name(),
        prop::sample::select(&NAMESPACES[..]),
        attributes,
        value(),
    )
        .prop_map(|(name, namespace, attributes, text)| {
            let mut element = Element::bare(name, namespace);
            put(&mut element, attributes);
            element.append_text(text);
            element
        });
    leaf.prop_recursive(3, 12, 4, |inner| {
        let attributes =
            prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), value()), 0..5);
        let children = prop::collection::vec(inner, 0..4);
        (
            name(),
            prop::sample::select(&NAMESPACES[..]),
            attributes,
            children,
        )
            .prop_map(|(name, namespace, attributes, children)| {
                let mut element = Element::bare(name, namespace);
                put(&mut element, attributes);
                for child in children {
                    element.append_child(child);
                }
                element
            })
    })
}

/// A stanza that nearly makes sense.
pub(crate) fn likely_stanza() -> impl Strategy<Value = Element> {
    let from = prop::sample::select(vec![
        "mac@im.test/iChat",
        "mac@im.test/b",
        "mac@im.test",
        "zoe@im.test/x",
        "im.test",
    ]);
    let text = prop::sample::select(vec!["0", "1", "2", "", "\n00ff", "471"]);
    let kinds = prop::sample::select(vec!["set", "set", "set", "result", "error", "get"]);
    let child = (name(), text).prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
    let ids = prop::sample::select(VALUES[28..].to_vec());
    let iq = (from.clone(), kinds, ids, prop::sample::select(&NAMESPACES[..11]), prop::collection::vec(child, 0..5)).prop_map(
        |(from, kind, id, namespace, children)| {
            let children = children.concat();
            format!(
                "<iq xmlns='jabber:client' from='{from}' type='{kind}' id='{id}'><query xmlns='{namespace}'>{children}</query></iq>"
            )
        },
    );
    let types = prop::sample::select(vec![
        "",
        "",
        "",
        "type='unavailable'",
        "type='subscribe'",
        "type='unsubscribed'",
    ]);
    let presence = (from, types, prop::sample::select(vec!["avavail", "avcap", ""])).prop_map(|(from, kind, ext)| {
        format!(
            "<presence xmlns='jabber:client' from='{from}' {kind}>\
             <c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ext='{ext}'/></presence>"
        )
    });
    let roster =
        prop::sample::select(vec!["to", "both", "none", "remove"]).prop_map(|subscription| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='p'><query xmlns='jabber:iq:roster'>\
             <item jid='mac@im.test' subscription='{subscription}'/></query></iq>"
            )
        });
    prop_oneof![4 => iq, 3 => presence, 1 => roster].prop_map(|text| text.parse().unwrap())
}

/// A stanza of a call, as an iChat writes it.
pub(crate) fn call_stanza() -> impl Strategy<Value = Element> {
    let from = prop::sample::select(vec![
        "mac@im.test/iChat",
        "mac@im.test/b",
        "mac@im.test",
        "zoe@im.test/x",
    ]);
    let form = |text: &'static str| (!text.is_empty()).then(|| text.to_owned());
    let legacy = prop::sample::select(vec!["", "", "\n", "\n00ff", "\n00ff"]);
    let conference = prop::sample::select(vec!["", "", " ", "62706c6973743030"]);
    let addresses = (legacy, conference).prop_map(move |(legacy, conference)| Offer {
        legacy: form(legacy),
        conference: form(conference),
    });
    let request = (addresses.clone(), any::<bool>()).prop_map(|(addresses, audio_only)| {
        let request = vc::Request {
            addresses,
            audio_only,
            external: None,
        };
        request.to_element()
    });
    let response = (
        addresses.clone(),
        prop::sample::select(vec![0, 0, 0, 1, 2, 3, 7, 11]),
    )
        .prop_map(|(addresses, code)| {
            let code = Some(ResponseCode::from(code));
            vc::Response {
                code,
                addresses,
                response_data: None,
            }
            .to_element()
        });
    let counter = addresses.prop_map(|addresses| vc::CounterProposal { addresses }.to_element());
    let cancel = Just(vc::Cancel.to_element());
    let query = prop_oneof![2 => request, 6 => response, 1 => counter, 1 => cancel];
    let ids = prop::sample::select(vec!["x", "x", "y", "z"]);
    (from, query, ids).prop_map(|(from, query, id)| {
        let mut iq = Element::bare("iq", "jabber:client");
        put(
            &mut iq,
            vec![
                ("from", from.to_owned()),
                ("type", "set".to_owned()),
                ("id", id.to_owned()),
            ],
        );
        iq.append_child(query);
        iq
    })
}
