//! Chat text that arrives: shown, never lost (docs/protocol/xmpp.md, ringing \[G\]).

use minidom::Element;
use xmpp_parsers::ns as standard;

/// The text of a message, `None` when it has none (a typing notice) or is the error of one that we
/// never sent.
///
/// The first body counts, the one in XHTML where there is no other; a subject stands before it on a
/// line of its own.
pub(crate) fn text(message: &Element) -> Option<String> {
    if message.attr("type") == Some("error") {
        return None;
    }
    let child = |name: &str| {
        message
            .children()
            .filter(|child| child.name() == name && !child.has_ns(standard::XHTML))
            .map(Element::text)
            .find(|text| !text.trim().is_empty())
    };
    let body = child("body").or_else(|| {
        let html = message
            .children()
            .find(|child| child.has_ns(standard::XHTML_IM))?;
        let mut text = String::new();
        gather(html, &mut text, 0);
        Some(text).filter(|text| !text.trim().is_empty())
    });
    match (child("subject"), body) {
        (Some(subject), Some(body)) => Some(format!("{subject}\n{body}")),
        (subject, body) => body.or(subject),
    }
}

/// All the text within, to a depth that formatted chat does not reach.
fn gather(element: &Element, text: &mut String, depth: usize) {
    const DEPTH_LIMIT: usize = 32;
    if depth > DEPTH_LIMIT {
        return;
    }
    for node in element.nodes() {
        if let Some(piece) = node.as_text() {
            text.push_str(piece);
        } else if let Some(child) = node.as_element() {
            gather(child, text, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str, inner: &str) -> Option<String> {
        text(
            &format!("<message xmlns='jabber:client' {attributes}>{inner}</message>")
                .parse()
                .unwrap(),
        )
    }

    #[test]
    fn a_body_is_shown_whatever_the_type() {
        for attributes in [
            "",
            "type='chat'",
            "type='headline'",
            "type='normal'",
            "type='odd'",
        ] {
            assert_eq!(
                read(attributes, "<body>hello</body>").as_deref(),
                Some("hello")
            );
        }
    }

    #[test]
    fn a_subject_is_not_lost() {
        assert_eq!(
            read("", "<subject>s</subject><body>b</body>").as_deref(),
            Some("s\nb")
        );
        assert_eq!(read("", "<subject>s</subject>").as_deref(), Some("s"));
    }

    #[test]
    fn formatted_text_alone_is_shown_plain() {
        let html = "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\
            <p>a <b>bold</b> word</p></body></html>";
        assert_eq!(read("", html).as_deref(), Some("a bold word"));
        assert_eq!(
            read("", &format!("{html}<body>plain</body>")).as_deref(),
            Some("plain")
        );
    }

    #[test]
    fn typing_notices_and_errors_are_no_text() {
        assert_eq!(
            read(
                "",
                "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
            ),
            None
        );
        assert_eq!(read("", "<body> </body>"), None);
        assert_eq!(read("type='error'", "<body>echo</body>"), None);
    }
}
