//! Elements as text: to see whether one can be sent at all, and for the trace.

use minidom::{Element, Node};
use rxml::Encoder;
use rxml::Namespace;
use rxml::bytes::BytesMut;
use rxml::writer::SimpleNamespaces;
use xmpp_parsers::ns::SASL;
use xso::AsXml;

/// The element's XML, complete in itself.
///
/// # Errors
///
/// A name or a text holds what XML cannot carry.
pub(super) fn to_xml(element: &Element) -> Result<String, xso::error::Error> {
    let mut octets = BytesMut::new();
    encode(element, &mut Encoder::new(), &mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Appends an element's XML in the namespaces of a stream.
///
/// After an error the encoder is of no use any more: ask [`to_xml`] first.
pub(super) fn encode(
    element: &Element,
    encoder: &mut Encoder<SimpleNamespaces>,
    octets: &mut BytesMut,
) -> Result<(), xso::error::Error> {
    for item in element.as_xml_iter()? {
        encoder.encode_into_bytes(item?.as_rxml_item(), octets)?;
    }
    Ok(())
}

/// Sets an attribute that is in no namespace.
pub(super) fn set_attribute(element: &mut Element, name: &str, value: &str) {
    if let Ok(name) = name.try_into() {
        element.set_attr(Namespace::NONE, name, value);
    }
}

/// The element's XML on one line and without secrets.
pub(super) fn to_trace(element: &Element) -> String {
    let xml = if has_secret(element) {
        to_xml(&redacted(element))
    } else {
        to_xml(element)
    };
    match xml {
        Ok(xml) => one_line(&xml),
        Err(error) => format!("<!-- not XML: {} -->", one_line(&error.to_string())),
    }
}

/// Line ends as character references, so that the XML means the same on one line.
pub(super) fn one_line(xml: &str) -> String {
    xml.replace('\r', "&#xd;").replace('\n', "&#xa;")
}

/// Whether all text of the element is secret: a SASL exchange (RFC 6120 §6) or a password wherever
/// it stands (XEP-0077, XEP-0078, XEP-0045).
fn is_secret(element: &Element) -> bool {
    element.ns() == SASL
        && matches!(
            element.name(),
            "auth" | "challenge" | "response" | "success"
        )
        || matches!(element.name(), "password" | "digest")
}

/// Attributes that hold a secret (XEP-0215).
const SECRET_ATTRIBUTE: &str = "password";

fn has_secret(element: &Element) -> bool {
    is_secret(element)
        || element.attr(SECRET_ATTRIBUTE).is_some()
        || element.children().any(has_secret)
}

/// A copy without secrets: they are not copied in the first place, so nothing has to be wiped.
fn redacted(element: &Element) -> Element {
    let mut copy = Element::bare(element.name(), element.ns());
    for ((namespace, name), value) in element.attrs() {
        let value = if namespace.is_none() && name.as_str() == SECRET_ATTRIBUTE {
            removed(value.len())
        } else {
            value.clone()
        };
        copy.attrs_mut()
            .insert(namespace.clone(), name.clone(), value);
    }
    if is_secret(element) {
        let texts = element.nodes().filter_map(Node::as_text);
        copy.append_text_node(removed(texts.map(str::len).sum()));
        return copy;
    }
    for node in element.nodes() {
        match node {
            Node::Element(child) => copy.append_node(Node::Element(redacted(child))),
            Node::Text(text) => copy.append_text_node(text.as_str()),
        }
    }
    copy
}

fn removed(octets: usize) -> String {
    format!("[{octets} octets removed]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    #[test]
    fn a_sasl_exchange_is_traced_without_its_payload() {
        let auth = element(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG1lAGh1bnRlcjI=</auth>",
        );
        assert_eq!(
            to_trace(&auth),
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>[16 octets removed]</auth>"
        );
        let failure = element(
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
        );
        assert!(to_trace(&failure).contains("<not-authorized"));
    }

    #[test]
    fn passwords_inside_stanzas_are_removed() {
        let register = element(
            "<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:register'>\
             <username>me</username><password>hunter2</password></query></iq>",
        );
        let line = to_trace(&register);
        assert!(
            line.contains("me") && line.contains("[7 octets removed]"),
            "{line}"
        );
        assert!(!line.contains("hunter2"));
        let turn = element(
            "<iq xmlns='jabber:client' type='result' id='1'><services xmlns='urn:xmpp:extdisco:2'>\
             <service type='turn' host='h' username='u' password='hunter2'/></services></iq>",
        );
        assert!(!to_trace(&turn).contains("hunter2"));
    }

    #[test]
    fn nothing_but_the_secret_is_removed() {
        let turn = element(
            "<iq xmlns='jabber:client' type='result' xml:lang='en'>a<services xmlns='urn:xmpp:extdisco:2'>\
             <service type='turn' host='h' username='u' password='hunter2'/>b</services>c</iq>",
        );
        assert_eq!(
            element(&to_trace(&turn)),
            element(
                &to_xml(&turn)
                    .unwrap()
                    .replace("hunter2", "[7 octets removed]")
            )
        );
    }

    #[test]
    fn a_traced_stanza_is_one_line_and_means_the_same() {
        let request = element("<a xmlns='x'><b>\n00ff</b></a>");
        let line = to_trace(&request);
        assert_eq!(line, "<a xmlns='x'><b>&#xa;00ff</b></a>");
        assert_eq!(element(&line), request);
    }

    #[test]
    fn what_xml_cannot_carry_is_an_error() {
        let mut bad = Element::bare("a", "x");
        bad.append_text("\u{0}");
        assert!(to_xml(&bad).is_err());
        assert!(to_xml(&Element::bare("not a name", "x")).is_err());
        assert!(to_trace(&bad).starts_with("<!-- not XML"));
    }
}
