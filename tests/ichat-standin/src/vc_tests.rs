//! The stanzas of both dialects, and each deviation that the stand-in must find.

use super::*;
use crate::xml::{Item, StreamReader};

const LIST: &str =
    "00000000657468300000000000000000000000007f0000010000000000000000000000003ae80000";

fn stanza(text: &str) -> Element {
    let mut reader = StreamReader::default();
    reader.push(b"<s xmlns='jabber:client'>");
    reader.push(text.as_bytes());
    reader.next().unwrap();
    match reader.next() {
        Ok(Some(Item::Stanza(iq))) => iq,
        other => panic!("{text}: {other:?}"),
    }
}

fn look(text: &str) -> Vec<String> {
    let iq = stanza(text);
    let query = iq.children().next().unwrap();
    check(
        Kind::of(query).unwrap(),
        &iq,
        query,
        true,
        PeerKind::Endpoint,
    )
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
        request(&Offer::legacy(LIST), false, None),
        response(0, &Offer::legacy(LIST), false),
        response(2, &Offer::legacy(""), false),
        cancel(),
        counter_proposal(&Offer::legacy(&format!("\n{LIST}"))),
    ] {
        assert_eq!(look(&wrapped(&query)), [""; 0], "{query}");
    }
}

#[test]
fn each_deviation_is_found() {
    let good = request(&Offer::legacy(LIST), false, None);
    for (query, word) in [
        (good.replace("<extSIPPort>0</extSIPPort>", ""), "children"),
        (
            good.replace(">1</VCProtocolVersion>", ">2</VCProtocolVersion>"),
            "VCProtocolVersion",
        ),
        (request(&Offer::legacy(LIST), true, None), "isAudioOnly"),
        (request(&Offer::legacy(""), false, None), "empty"),
        (good.replace("<extSIPPort>0", "<extSIPPort>x"), "extSIPPort"),
        (good.replace("127.0.0.1", "::1"), "extIPAddr"),
        (
            good.replace("<extSIPPort>", "<extSIPPort xmlns='x'>"),
            "namespace",
        ),
        (response(1, &Offer::legacy(LIST), false), "not empty"),
        (response(0, &Offer::legacy(""), false), "empty"),
        (response(9, &Offer::legacy(""), false), "no meaning"),
        (response(0, &Offer::legacy("\n \n"), false), "white space"),
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

const INVITED: &str = "62706c6973743030d5";

fn invited() -> Offer {
    Offer::conference(INVITED.into())
}

#[test]
fn the_conference_forms_are_found_right() {
    for query in [
        request(&invited(), false, None),
        response(0, &invited(), false),
        counter_proposal(&invited()),
    ] {
        assert_eq!(look(&wrapped(&query)), [""; 0], "{query}");
        assert!(query.contains("<AVChatConferenceData>"));
    }
    let both = Offer {
        legacy: Some(LIST.into()),
        ..invited()
    };
    let external = Some(SocketAddr::from(([203, 0, 113, 9], 40001)));
    let both = request(&both, false, external);
    assert_eq!(look(&wrapped(&both)), [""; 0]);
    assert!(both.contains("<extSIPPort>40001</extSIPPort><extIPAddr>203.0.113.9</extIPAddr>"));
}

#[test]
fn an_invitation_is_read_wherever_it_stands_but_ours_has_its_own_child() {
    let hidden = response(0, &invited(), true);
    let found = look(&wrapped(&hidden)).join("\n");
    assert!(found.contains("children"), "{found}");
    let iq = stanza(&wrapped(&hidden));
    let query = iq.children().next().unwrap();
    assert_eq!(Offer::of(query), invited());
    let found = check(Kind::Response, &iq, query, true, PeerKind::IChat);
    assert_eq!(found, [""; 0]);
}

#[test]
fn each_deviation_of_a_conference_form_is_found() {
    let good = request(&invited(), false, None);
    let swapped = good
        .replace("<isAudioOnly>1</isAudioOnly>", "")
        .replace("<VCP", "<isAudioOnly>1</isAudioOnly><VCP");
    for (query, word) in [
        (swapped, "children"),
        (request(&invited(), true, None), "isAudioOnly"),
        (
            good.replace("<isAudioOnly>1</isAudioOnly>", ""),
            "isAudioOnly",
        ),
        (
            good.replace("<AVChatConferenceData>", "<AVChatConferenceData xmlns='x'>"),
            "namespace",
        ),
        (response(2, &invited(), false), "not empty"),
        (response(1, &invited(), true), "not empty"),
    ] {
        let found = look(&wrapped(&query)).join("\n");
        assert!(found.contains(word), "{word}: {found}");
    }
}
